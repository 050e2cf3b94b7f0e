-- One row per child in need episode. The yearly census tells more of an episode, the weekly safeguarding dataset sooner
-- that it is closed; either may be all there is. An episode that only an older census holds, without a closing date, is
-- not counted as open: a census holds every child in need at any time in its year.
with latest as (
    select max(reference_date) as reference_date
    from {{ ref('stg_cin_census__child') }}
),

returned as (
    select
        la_child_id as social_care_id,
        referral_date,
        referral_source,
        primary_need,
        closure_date,
        closure_reason,
        initial_conference_date,
        is_no_further_action,
        reference_date as census_reference_date,
        record_id,
        source_file,
        source_row
    from {{ ref('stg_cin_census__cin_episode') }}
    qualify row_number() over (partition by la_child_id, referral_date order by reference_date desc) = 1
),

-- of two referrals of one day the open one: the child is known
current_ones as (
    select
        social_care_id,
        referral_date,
        primary_need,
        closure_date,
        record_id,
        source_file,
        source_row
    from {{ ref('stg_ssd__cin_episodes') }}
    qualify row_number() over (
        partition by social_care_id, referral_date order by closure_date desc nulls first, referral_id desc
    ) = 1
),

episodes as (
    select
        coalesce(returned.social_care_id, current_ones.social_care_id) as social_care_id,
        coalesce(returned.referral_date, current_ones.referral_date) as referral_date,
        returned.referral_source,
        coalesce(returned.primary_need, current_ones.primary_need) as primary_need,
        coalesce(current_ones.closure_date, returned.closure_date) as closure_date,
        returned.closure_reason,
        returned.initial_conference_date,
        returned.is_no_further_action,
        returned.census_reference_date,
        current_ones.record_id is not null as is_in_dataset,
        case when returned.record_id is not null then 'cin_census' else 'ssd' end as source_extract,
        coalesce(returned.record_id, current_ones.record_id) as record_id,
        coalesce(returned.source_file, current_ones.source_file) as source_file,
        coalesce(returned.source_row, current_ones.source_row) as source_row
    from returned
    full join current_ones
        on returned.social_care_id = current_ones.social_care_id and returned.referral_date = current_ones.referral_date
)

select
    anchor.child_id,
    episodes.social_care_id,
    episodes.referral_date,
    episodes.referral_source,
    episodes.primary_need,
    {{ by_as_at('episodes.closure_date') }} as closure_date,
    {{ known_by_as_at('episodes.closure_reason', 'episodes.closure_date') }} as closure_reason,
    {{ by_as_at('episodes.initial_conference_date') }} as initial_conference_date,
    episodes.is_no_further_action,
    episodes.census_reference_date,
    coalesce(episodes.closure_date > run.as_at, true)
    and (
        episodes.is_in_dataset
        or episodes.closure_date is not null
        or coalesce(episodes.census_reference_date = latest.reference_date, false)
        or episodes.census_reference_date >= run.as_at
    ) as is_open,
    episodes.source_extract,
    episodes.record_id,
    episodes.source_file,
    episodes.source_row
from episodes
cross join latest
cross join {{ source('landing', 'run') }} as run
-- left: an episode whose person was not delivered is still one
left join {{ ref('identity__anchor') }} as anchor
    on episodes.social_care_id = anchor.anchor and anchor.anchor_kind = 'cin'
where episodes.referral_date <= run.as_at
