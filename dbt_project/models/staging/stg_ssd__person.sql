-- One row per person known to social care.
select
    pers_person_id as social_care_id,
    pers_forename as forename,
    pers_surname as surname,
    pers_sex as sex,
    pers_ethnicity as ethnicity,
    pers_dob as birth_date,
    pers_common_child_id as nhs_number,
    pers_upn_unknown as upn_unknown,
    pers_send_flag as send_flag,
    {{ lineage(['pers_person_id']) }}
from {{ source('landing', 'ssd__ssd_person') }}
qualify {{ is_latest_record(['pers_person_id']) }}
