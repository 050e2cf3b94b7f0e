-- One row per referral. A patient is known by NHS number and date of birth, or where there is no NHS number by the
-- provider's own number. A missing date of birth is taken from the patient's other referrals where those agree on one.
{{ config(materialized='table') }}

with referrals as (
    select
        referral_id,
        nhs_number,
        local_patient_id,
        organisation as provider_code,
        surname,
        forename,
        birth_date as recorded_birth_date,
        sex,
        postcode,
        service,
        priority,
        referral_source,
        referral_received_date as received_date,
        first_contact_date,
        clock_stop_date,
        discharge_date,
        discharge_reason,
        case when nhs_number is null then 'patient' else 'nhs' end as person_kind,
        coalesce(nhs_number, concat_ws('/', organisation, local_patient_id)) as patient,
        {{ lineage(['referral_id']) }}
    from {{ source('landing', 'therapy_waits__referral') }}
    qualify {{ is_latest_record(['referral_id']) }}
)

select
    referral_id,
    nhs_number,
    local_patient_id,
    provider_code,
    surname,
    forename,
    coalesce(
        recorded_birth_date,
        case
            when min(recorded_birth_date) over patient_window = max(recorded_birth_date) over patient_window
                then min(recorded_birth_date) over patient_window
        end
    ) as birth_date,
    sex,
    postcode,
    service,
    priority,
    referral_source,
    received_date,
    first_contact_date,
    clock_stop_date,
    discharge_date,
    discharge_reason,
    person_kind,
    concat_ws('/', patient, birth_date) as person_anchor,
    record_id,
    source_file,
    source_row
from referrals
window patient_window as (partition by person_kind, patient)
