-- One row per piece of advice sought from a clinician, by health's own log. Due 6 weeks from being asked (SEND
-- Regulations 2014, reg. 8(1)).
with advice as (
    select
        record.advice_ref,
        anchor.child_id,
        record.service,
        record.clinician,
        record.requested_date,
        record.recorded_due_date,
        {{ by_as_at('record.returned_date') }} as returned_date,
        record.record_id,
        record.source_file,
        record.source_row,
        run.as_at
    from {{ ref('stg_health_advice__advice') }} as record
    cross join {{ source('landing', 'run') }} as run
    inner join {{ ref('identity__anchor') }} as anchor
        on record.person_anchor = anchor.anchor and record.person_kind = anchor.anchor_kind
    where record.requested_date <= run.as_at
)

select
    advice_ref,
    child_id,
    service,
    clinician,
    requested_date,
    recorded_due_date,
    returned_date,
    {{ statutory_clock('advice', 'requested_date', 'returned_date', weeks=6) }},
    record_id,
    source_file,
    source_row
from advice
