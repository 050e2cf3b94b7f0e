-- One row per need of a plan.
select
    plan_id,
    rank as need_rank,
    sen_type,
    {{ lineage(['plan_id', 'rank']) }}
from {{ source('landing', 'ehc_case__need') }}
qualify {{ is_latest_record(['plan_id', 'rank']) }}
