-- One row per action and day of rating.
select
    action_id,
    rated_date,
    rating,
    comment as rating_comment,
    {{ lineage(['action_id', 'rated_date']) }}
from {{ source('landing', 'improvement_plan__rating') }}
qualify {{ is_latest_record(['action_id', 'rated_date']) }}
