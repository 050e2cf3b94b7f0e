-- One row per child looked after in the year.
select
    child as social_care_id,
    sex,
    birth_date,
    ethnicity,
    case when upn not like 'UN_' then upn end as upn,
    mother as is_mother,
    mothers_child_birth_date,
    {{ lineage(['child']) }}
from {{ source('landing', 'ssda903__header') }}
qualify {{ is_latest_record(['child']) }}
