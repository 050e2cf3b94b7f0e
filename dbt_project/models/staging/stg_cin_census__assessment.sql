-- One row per census and social care assessment.
select
    reference_date,
    la_child_id,
    referral_date,
    start_date,
    internal_review_date,
    authorisation_date,
    {{ lineage(['reference_date', 'la_child_id', 'referral_date', 'start_date']) }}
from {{ source('landing', 'cin_census__assessment') }}
qualify {{ is_latest_record(['reference_date', 'la_child_id', 'referral_date', 'start_date']) }}
