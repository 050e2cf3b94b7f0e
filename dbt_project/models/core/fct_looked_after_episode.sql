-- One row per child and day an episode of being looked after began. The yearly return tells more of an episode, the
-- weekly safeguarding dataset sooner that it ended; either may be all there is. Of two begun on one day, as where the
-- placement changed on the first, it is the open one: the child is looked after.
with returned as (
    select
        social_care_id,
        start_date,
        start_reason,
        end_date,
        end_reason,
        legal_status,
        placement_type,
        placement_provider,
        record_id,
        source_file,
        source_row
    from {{ ref('stg_ssda903__episode') }}
    qualify row_number() over (
        partition by social_care_id, start_date order by end_date desc nulls first, start_reason desc
    ) = 1
),

current_ones as (
    select
        social_care_id,
        start_date,
        start_reason,
        end_date,
        end_reason,
        record_id,
        source_file,
        source_row
    from {{ ref('stg_ssd__cla_episodes') }}
    qualify row_number() over (
        partition by social_care_id, start_date order by end_date desc nulls first, episode_id desc
    ) = 1
),

episodes as (
    select
        coalesce(returned.social_care_id, current_ones.social_care_id) as social_care_id,
        coalesce(returned.start_date, current_ones.start_date) as start_date,
        coalesce(returned.start_reason, current_ones.start_reason) as start_reason,
        coalesce(current_ones.end_date, returned.end_date) as end_date,
        coalesce(current_ones.end_reason, returned.end_reason) as end_reason,
        returned.legal_status,
        returned.placement_type,
        returned.placement_provider,
        case when returned.record_id is not null then 'ssda903' else 'ssd' end as source_extract,
        coalesce(returned.record_id, current_ones.record_id) as record_id,
        coalesce(returned.source_file, current_ones.source_file) as source_file,
        coalesce(returned.source_row, current_ones.source_row) as source_row
    from returned
    full join current_ones
        on returned.social_care_id = current_ones.social_care_id and returned.start_date = current_ones.start_date
)

select
    episodes.social_care_id,
    anchor.child_id,
    episodes.start_date,
    episodes.start_reason,
    {{ by_as_at('episodes.end_date') }} as end_date,
    {{ known_by_as_at('episodes.end_reason', 'episodes.end_date') }} as end_reason,
    episodes.legal_status,
    episodes.placement_type,
    episodes.placement_provider,
    coalesce(episodes.end_date > run.as_at, true) as is_open,
    episodes.source_extract,
    episodes.record_id,
    episodes.source_file,
    episodes.source_row
from episodes
cross join {{ source('landing', 'run') }} as run
-- left: an episode whose person was not delivered is still one
left join {{ ref('identity__anchor') }} as anchor
    on episodes.social_care_id = anchor.anchor and anchor.anchor_kind = 'cin'
where episodes.start_date <= run.as_at
