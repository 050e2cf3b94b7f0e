-- One row per child in need plan, as the latest census that holds it has it. A plan that dropped out of a later census
-- without an end is not counted as open.
with latest as (
    select max(reference_date) as reference_date
    from {{ ref('stg_cin_census__child') }}
)

select
    anchor.child_id,
    record.la_child_id as social_care_id,
    record.referral_date,
    record.start_date,
    {{ by_as_at('record.end_date') }} as end_date,
    coalesce(record.end_date > run.as_at, true)
    and (
        record.end_date is not null
        or coalesce(record.reference_date = latest.reference_date, false)
        or record.reference_date >= run.as_at
    ) as is_open,
    record.reference_date as census_reference_date,
    record.record_id,
    record.source_file,
    record.source_row
from {{ ref('stg_cin_census__cin_plan') }} as record
cross join latest
cross join {{ source('landing', 'run') }} as run
-- left: a record whose person was not delivered is still one
left join {{ ref('identity__anchor') }} as anchor
    on record.la_child_id = anchor.anchor and anchor.anchor_kind = 'cin'
where record.start_date <= run.as_at
qualify row_number() over (
    partition by record.la_child_id, record.referral_date, record.start_date order by record.reference_date desc
) = 1
