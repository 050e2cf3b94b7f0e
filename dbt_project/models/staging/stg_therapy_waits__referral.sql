-- One row per referral. A patient is known by NHS number and date of birth, or where there is no NHS number by the
-- provider's own number. A missing date of birth is taken from the patient's other referrals where those agree on one.
-- A number written on the wrong twin has the right date of birth: a forename unlike that of the patient's first
-- referral is taken for another patient, whom the linkage may find to be the same.
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
),

dated as (
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
        split_part({{ standard_forename('forename') }}, ' ', 1) as first_name,
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
        patient,
        record_id,
        source_file,
        source_row
    from referrals
    window patient_window as (partition by person_kind, patient)
),

named as (
    select
        referral_id,
        nhs_number,
        local_patient_id,
        provider_code,
        surname,
        forename,
        birth_date,
        first_name,
        first_value(first_name ignore nulls) over (
            partition by person_kind, patient, birth_date order by received_date, referral_id
            rows between unbounded preceding and unbounded following
        ) as first_known_name,
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
        patient,
        record_id,
        source_file,
        source_row
    from dated
)

select
    referral_id,
    nhs_number,
    local_patient_id,
    provider_code,
    surname,
    forename,
    birth_date,
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
    concat_ws(
        '/',
        patient,
        birth_date,
        case
            when
                jaro_winkler_similarity(first_name, first_known_name) < 0.85
                and not starts_with(first_name, first_known_name)
                and not starts_with(first_known_name, first_name)
                then first_name
        end
    ) as person_anchor,
    record_id,
    source_file,
    source_row
from named
