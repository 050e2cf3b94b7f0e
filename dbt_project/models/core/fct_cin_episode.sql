-- One row per child in need episode, as the latest census that holds it has it. An episode that dropped out of a later
-- census without a closing date is not counted as open: a census holds every child in need at any time in its year.
with latest as (
    select max(reference_date) as reference_date
    from {{ ref('stg_cin_census__child') }}
),

episodes as (
    select
        anchor.child_id,
        episode.la_child_id as social_care_id,
        episode.referral_date,
        episode.referral_source,
        episode.primary_need,
        {{ by_as_at('episode.closure_date') }} as closure_date,
        {{ known_by_as_at('episode.closure_reason', 'episode.closure_date') }} as closure_reason,
        {{ by_as_at('episode.initial_conference_date') }} as initial_conference_date,
        episode.is_no_further_action,
        episode.reference_date as census_reference_date,
        episode.closure_date > as_at as is_closed_later,
        episode.record_id,
        episode.source_file,
        episode.source_row,
        run.as_at
    from {{ ref('stg_cin_census__cin_episode') }} as episode
    cross join {{ source('landing', 'run') }} as run
    inner join {{ ref('identity__anchor') }} as anchor
        on episode.la_child_id = anchor.anchor and anchor.anchor_kind = 'cin'
    where episode.referral_date <= run.as_at
    qualify row_number() over (
        partition by episode.la_child_id, episode.referral_date order by episode.reference_date desc
    ) = 1
)

select
    episodes.child_id,
    episodes.social_care_id,
    episodes.referral_date,
    episodes.referral_source,
    episodes.primary_need,
    episodes.closure_date,
    episodes.closure_reason,
    episodes.initial_conference_date,
    episodes.is_no_further_action,
    episodes.census_reference_date,
    episodes.closure_date is null
    and (
        coalesce(episodes.is_closed_later, false)
        or episodes.census_reference_date = latest.reference_date
        or episodes.census_reference_date >= episodes.as_at
    ) as is_open,
    episodes.record_id,
    episodes.source_file,
    episodes.source_row
from episodes
cross join latest
