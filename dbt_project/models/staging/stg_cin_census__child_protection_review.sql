-- One row per census and review of a child protection plan.
select
    reference_date,
    la_child_id,
    plan_start_date,
    review_date,
    {{ lineage(['reference_date', 'la_child_id', 'plan_start_date', 'review_date']) }}
from {{ source('landing', 'cin_census__child_protection_review') }}
qualify {{ is_latest_record(['reference_date', 'la_child_id', 'plan_start_date', 'review_date']) }}
