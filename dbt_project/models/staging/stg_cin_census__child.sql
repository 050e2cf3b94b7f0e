-- One row per census and child.
select
    reference_date,
    la_child_id,
    upn,
    birth_date,
    sex,
    ethnicity,
    {{ lineage(['reference_date', 'la_child_id']) }}
from {{ source('landing', 'cin_census__child') }}
qualify {{ is_latest_record(['reference_date', 'la_child_id']) }}
