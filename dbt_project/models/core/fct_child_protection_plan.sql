-- One row per child protection plan. The yearly census tells more of a plan, the weekly safeguarding dataset sooner
-- that it ended; either may be all there is. A plan that only an older census holds, without an end, is not open.
with latest as (
    select max(reference_date) as reference_date
    from {{ ref('stg_cin_census__child') }}
),

returned as (
    select
        la_child_id as social_care_id,
        start_date,
        referral_date,
        end_date,
        initial_category,
        latest_category,
        previous_plans,
        reference_date as census_reference_date,
        record_id,
        source_file,
        source_row
    from {{ ref('stg_cin_census__child_protection_plan') }}
    qualify row_number() over (partition by la_child_id, start_date order by reference_date desc) = 1
),

-- of two plans of one day the open one: the child is protected
current_ones as (
    select
        plan.social_care_id,
        plan.start_date,
        episode.referral_date,
        plan.end_date,
        plan.initial_category,
        plan.latest_category,
        plan.record_id,
        plan.source_file,
        plan.source_row
    from {{ ref('stg_ssd__cp_plans') }} as plan
    -- left: a plan's referral may not be named, or not be delivered
    left join {{ ref('stg_ssd__cin_episodes') }} as episode
        on plan.referral_id = episode.referral_id and plan.social_care_id = episode.social_care_id
    qualify row_number() over (
        partition by plan.social_care_id, plan.start_date
        order by plan.end_date desc nulls first, plan.child_protection_plan_id desc
    ) = 1
),

plans as (
    select
        coalesce(returned.social_care_id, current_ones.social_care_id) as social_care_id,
        coalesce(returned.start_date, current_ones.start_date) as start_date,
        coalesce(returned.referral_date, current_ones.referral_date) as referral_date,
        coalesce(current_ones.end_date, returned.end_date) as end_date,
        coalesce(returned.initial_category, current_ones.initial_category) as initial_category,
        coalesce(current_ones.latest_category, returned.latest_category) as latest_category,
        returned.previous_plans::integer as previous_plans,
        returned.census_reference_date,
        current_ones.record_id is not null as is_in_dataset,
        case when returned.record_id is not null then 'cin_census' else 'ssd' end as source_extract,
        coalesce(returned.record_id, current_ones.record_id) as record_id,
        coalesce(returned.source_file, current_ones.source_file) as source_file,
        coalesce(returned.source_row, current_ones.source_row) as source_row
    from returned
    full join current_ones
        on returned.social_care_id = current_ones.social_care_id and returned.start_date = current_ones.start_date
)

select
    anchor.child_id,
    plans.social_care_id,
    plans.start_date,
    plans.referral_date,
    {{ by_as_at('plans.end_date') }} as end_date,
    plans.initial_category,
    plans.latest_category,
    plans.previous_plans,
    plans.census_reference_date,
    coalesce(plans.end_date > run.as_at, true)
    and (
        plans.is_in_dataset
        or plans.end_date is not null
        or coalesce(plans.census_reference_date = latest.reference_date, false)
        or plans.census_reference_date >= run.as_at
    ) as is_open,
    plans.source_extract,
    plans.record_id,
    plans.source_file,
    plans.source_row
from plans
cross join latest
cross join {{ source('landing', 'run') }} as run
-- left: a plan whose person was not delivered is still one
left join {{ ref('identity__anchor') }} as anchor
    on plans.social_care_id = anchor.anchor and anchor.anchor_kind = 'cin'
where plans.start_date <= run.as_at
