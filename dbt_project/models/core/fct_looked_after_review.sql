-- One row per review of a child looked after.
select
    anchor.child_id,
    record.social_care_id,
    record.review_date,
    record.review_code,
    record.record_id,
    record.source_file,
    record.source_row
from {{ ref('stg_ssda903__review') }} as record
cross join {{ source('landing', 'run') }} as run
-- left: a record whose person was not delivered is still one
left join {{ ref('identity__anchor') }} as anchor
    on record.social_care_id = anchor.anchor and anchor.anchor_kind = 'cin'
where record.review_date <= run.as_at
