-- One row per social care worker's spell of involvement with a person.
select
    record.involvement_id,
    anchor.child_id,
    record.social_care_id,
    record.worker_id,
    record.worker_role,
    record.start_date,
    {{ by_as_at('record.end_date') }} as end_date,
    coalesce(record.end_date > run.as_at, true) as is_open,
    record.record_id,
    record.source_file,
    record.source_row
from {{ ref('stg_ssd__involvements') }} as record
cross join {{ source('landing', 'run') }} as run
-- left: a record whose person was not delivered is still one
left join {{ ref('identity__anchor') }} as anchor
    on record.social_care_id = anchor.anchor and anchor.anchor_kind = 'cin'
where {{ begun_by_as_at('record.start_date') }}
