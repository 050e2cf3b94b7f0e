-- One row per complaint received.
select
    record.complaint_id,
    anchor.child_id,
    record.case_id,
    record.received_date,
    record.stage,
    {{ by_as_at('record.closed_date') }} as closed_date,
    {{ known_by_as_at('record.is_upheld', 'record.closed_date') }} as is_upheld,
    coalesce(record.closed_date > run.as_at, true) as is_open,
    record.record_id,
    record.source_file,
    record.source_row
from {{ ref('stg_ehc_case__complaint') }} as record
cross join {{ source('landing', 'run') }} as run
-- left: a complaint may be about no one child
left join {{ ref('identity__anchor') }} as anchor
    on record.case_id = anchor.anchor and anchor.anchor_kind = 'case'
where {{ begun_by_as_at('record.received_date') }}
