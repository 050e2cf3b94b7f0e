-- One row per review of a child protection plan, as the latest census that holds it has it.
select
    anchor.child_id,
    record.la_child_id as social_care_id,
    record.plan_start_date,
    record.review_date,
    record.reference_date as census_reference_date,
    record.record_id,
    record.source_file,
    record.source_row
from {{ ref('stg_cin_census__child_protection_review') }} as record
cross join {{ source('landing', 'run') }} as run
-- left: a record whose person was not delivered is still one
left join {{ ref('identity__anchor') }} as anchor
    on record.la_child_id = anchor.anchor and anchor.anchor_kind = 'cin'
where record.review_date <= run.as_at
qualify row_number() over (
    partition by record.la_child_id, record.plan_start_date, record.review_date order by record.reference_date desc
) = 1
