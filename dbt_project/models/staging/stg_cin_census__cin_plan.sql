-- One row per census and child in need plan.
select
    reference_date,
    la_child_id,
    referral_date,
    start_date,
    end_date,
    {{ lineage(['reference_date', 'la_child_id', 'referral_date', 'start_date']) }}
from {{ source('landing', 'cin_census__cin_plan') }}
qualify {{ is_latest_record(['reference_date', 'la_child_id', 'referral_date', 'start_date']) }}
