-- One row per caseworker.
select
    id as caseworker_id,
    name as caseworker_name,
    team,
    fte,
    started as started_date,
    "left" as left_date,
    {{ lineage(['id']) }}
from {{ source('landing', 'ehc_case__caseworker') }}
qualify {{ is_latest_record(['id']) }}
