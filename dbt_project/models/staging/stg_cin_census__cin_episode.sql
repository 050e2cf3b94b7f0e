-- One row per census and child in need episode.
select
    reference_date,
    la_child_id,
    referral_date,
    referral_source,
    primary_need,
    closure_date,
    closure_reason,
    initial_conference_date,
    is_no_further_action,
    {{ lineage(['reference_date', 'la_child_id', 'referral_date']) }}
from {{ source('landing', 'cin_census__cin_episode') }}
qualify {{ is_latest_record(['reference_date', 'la_child_id', 'referral_date']) }}
