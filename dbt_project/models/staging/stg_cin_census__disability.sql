-- One row per census, child and disability.
select
    reference_date,
    la_child_id,
    disability,
    {{ lineage(['reference_date', 'la_child_id', 'disability']) }}
from {{ source('landing', 'cin_census__disability') }}
qualify {{ is_latest_record(['reference_date', 'la_child_id', 'disability']) }}
