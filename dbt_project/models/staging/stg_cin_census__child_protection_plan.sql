-- One row per census and child protection plan.
select
    reference_date,
    la_child_id,
    referral_date,
    start_date,
    end_date,
    initial_category,
    latest_category,
    previous_plans,
    {{ lineage(['reference_date', 'la_child_id', 'start_date']) }}
from {{ source('landing', 'cin_census__child_protection_plan') }}
qualify {{ is_latest_record(['reference_date', 'la_child_id', 'start_date']) }}
