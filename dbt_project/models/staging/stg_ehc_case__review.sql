-- One row per review of a plan.
select
    review_id,
    plan_id,
    due_date as recorded_due_date,
    meeting_date,
    decision,
    decision_date,
    draft_amended_date,
    final_amended_date,
    kind as review_kind,
    attended_by,
    pfa_adviser as has_pfa_adviser,
    parent_views as has_parent_views,
    child_views as has_child_views,
    {{ lineage(['review_id']) }}
from {{ source('landing', 'ehc_case__review') }}
qualify {{ is_latest_record(['review_id']) }}
