-- One row per episode of being looked after.
select
    child as social_care_id,
    start_date,
    start_reason,
    legal_status,
    primary_need,
    placement_type,
    placement_provider,
    end_date,
    end_reason,
    placement_change_reason,
    home_postcode,
    placement_postcode,
    urn,
    {{ lineage(['child', 'start_date', 'start_reason']) }}
from {{ source('landing', 'ssda903__episode') }}
qualify {{ is_latest_record(['child', 'start_date', 'start_reason']) }}
