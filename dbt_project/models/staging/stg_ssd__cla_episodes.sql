-- One row per episode of being looked after.
select
    clae_cla_episode_id as episode_id,
    clae_person_id as social_care_id,
    clae_cla_episode_start_date as start_date,
    clae_cla_episode_start_reason as start_reason,
    clae_cla_episode_ceased_date as end_date,
    clae_cla_episode_ceased_reason as end_reason,
    {{ lineage(['clae_cla_episode_id']) }}
from {{ source('landing', 'ssd__ssd_cla_episodes') }}
qualify {{ is_latest_record(['clae_cla_episode_id']) }}
