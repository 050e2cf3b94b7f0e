-- One row per action of the improvement plan.
select
    action_id,
    area,
    action,
    officer,
    due_date,
    indicators,
    {{ lineage(['action_id']) }}
from {{ source('landing', 'improvement_plan__action') }}
qualify {{ is_latest_record(['action_id']) }}
