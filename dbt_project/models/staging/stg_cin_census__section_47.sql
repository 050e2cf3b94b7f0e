-- One row per census and section 47 enquiry.
select
    reference_date,
    la_child_id,
    referral_date,
    start_date,
    conference_target_date,
    initial_conference_date,
    is_conference_not_required,
    {{ lineage(['reference_date', 'la_child_id', 'referral_date', 'start_date']) }}
from {{ source('landing', 'cin_census__section_47') }}
qualify {{ is_latest_record(['reference_date', 'la_child_id', 'referral_date', 'start_date']) }}
