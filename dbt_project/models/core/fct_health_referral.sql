-- One row per referral to a therapy or assessment service.
with referrals as (
    select
        referral.referral_id,
        anchor.child_id,
        referral.service,
        referral.priority,
        referral.referral_source,
        referral.provider_code,
        referral.received_date,
        {{ by_as_at('referral.first_contact_date') }} as first_contact_date,
        {{ by_as_at('referral.clock_stop_date') }} as clock_stop_date,
        {{ by_as_at('referral.discharge_date') }} as discharge_date,
        {{ known_by_as_at('referral.discharge_reason', 'referral.discharge_date') }} as discharge_reason,
        referral.record_id,
        referral.source_file,
        referral.source_row,
        run.as_at
    from {{ ref('stg_therapy_waits__referral') }} as referral
    cross join {{ source('landing', 'run') }} as run
    inner join {{ ref('identity__anchor') }} as anchor
        on referral.person_kind = anchor.anchor_kind and referral.person_anchor = anchor.anchor
    where referral.received_date <= run.as_at
)

select
    referral_id,
    child_id,
    service,
    priority,
    referral_source,
    provider_code,
    received_date,
    first_contact_date,
    clock_stop_date,
    discharge_date,
    discharge_reason,
    discharge_date is null as is_open,
    coalesce(clock_stop_date, first_contact_date, discharge_date) is null as is_waiting,
    (coalesce(clock_stop_date, first_contact_date, discharge_date, as_at) - received_date)::integer as days_waited,
    record_id,
    source_file,
    source_row
from referrals
