-- One row per child protection plan, as the latest census that holds it has it. A plan that dropped out of a later
-- census without an end is not counted as open.
with latest as (
    select max(reference_date) as reference_date
    from {{ ref('stg_cin_census__child') }}
),

plans as (
    select
        anchor.child_id,
        plan.la_child_id as social_care_id,
        plan.start_date,
        plan.referral_date,
        {{ by_as_at('plan.end_date') }} as end_date,
        plan.initial_category,
        plan.latest_category,
        plan.previous_plans::integer as previous_plans,
        plan.reference_date as census_reference_date,
        plan.end_date > as_at as is_ended_later,
        plan.record_id,
        plan.source_file,
        plan.source_row,
        run.as_at
    from {{ ref('stg_cin_census__child_protection_plan') }} as plan
    cross join {{ source('landing', 'run') }} as run
    inner join {{ ref('identity__anchor') }} as anchor
        on plan.la_child_id = anchor.anchor and anchor.anchor_kind = 'cin'
    where plan.start_date <= run.as_at
    qualify row_number() over (
        partition by plan.la_child_id, plan.start_date order by plan.reference_date desc
    ) = 1
)

select
    plans.child_id,
    plans.social_care_id,
    plans.start_date,
    plans.referral_date,
    plans.end_date,
    plans.initial_category,
    plans.latest_category,
    plans.previous_plans,
    plans.census_reference_date,
    plans.end_date is null
    and (
        coalesce(plans.is_ended_later, false)
        or plans.census_reference_date = latest.reference_date
        or plans.census_reference_date >= plans.as_at
    ) as is_open,
    plans.record_id,
    plans.source_file,
    plans.source_row
from plans
cross join latest
