-- One row per child protection plan.
select
    cppl_cp_plan_id as child_protection_plan_id,
    cppl_person_id as social_care_id,
    cppl_referral_id as referral_id,
    cppl_cp_plan_start_date as start_date,
    cppl_cp_plan_end_date as end_date,
    cppl_cp_plan_initial_category as initial_category,
    cppl_cp_plan_latest_category as latest_category,
    {{ lineage(['cppl_cp_plan_id']) }}
from {{ source('landing', 'ssd__ssd_cp_plans') }}
qualify {{ is_latest_record(['cppl_cp_plan_id']) }}
