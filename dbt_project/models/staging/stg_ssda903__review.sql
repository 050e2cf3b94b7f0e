-- One row per review of a child looked after.
select
    child as social_care_id,
    birth_date,
    review_date,
    review_code,
    {{ lineage(['child', 'review_date']) }}
from {{ source('landing', 'ssda903__review') }}
qualify {{ is_latest_record(['child', 'review_date']) }}
