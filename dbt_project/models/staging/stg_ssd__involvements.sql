-- One row per worker and spell of involvement.
select
    invo_involvements_id as involvement_id,
    invo_person_id as social_care_id,
    invo_professional_id as worker_id,
    invo_professional_role_id as worker_role,
    invo_involvement_start_date as start_date,
    invo_involvement_end_date as end_date,
    {{ lineage(['invo_involvements_id']) }}
from {{ source('landing', 'ssd__ssd_involvements') }}
qualify {{ is_latest_record(['invo_involvements_id']) }}
