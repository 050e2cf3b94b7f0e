-- One row per course a worker completed.
select
    worker as caseworker_id,
    course,
    completed as completed_date,
    expires as expiry_date,
    {{ lineage(['worker', 'course', 'completed']) }}
from {{ source('landing', 'ehc_case__training') }}
qualify {{ is_latest_record(['worker', 'course', 'completed']) }}
