-- One row per spell of going missing or away without authorisation.
select
    child as social_care_id,
    birth_date,
    kind as missing_kind,
    missing_from as missing_from_date,
    missing_to as missing_to_date,
    {{ lineage(['child', 'missing_from']) }}
from {{ source('landing', 'ssda903__missing') }}
qualify {{ is_latest_record(['child', 'missing_from']) }}
