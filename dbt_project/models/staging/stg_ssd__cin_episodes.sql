-- One row per episode of need.
select
    cine_referral_id as referral_id,
    cine_person_id as social_care_id,
    cine_referral_date as referral_date,
    cine_cin_primary_need_code as primary_need,
    cine_close_date as closure_date,
    {{ lineage(['cine_referral_id']) }}
from {{ source('landing', 'ssd__ssd_cin_episodes') }}
qualify {{ is_latest_record(['cine_referral_id']) }}
