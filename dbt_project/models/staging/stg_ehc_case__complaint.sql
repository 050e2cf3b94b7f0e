-- One row per complaint.
select
    id as complaint_id,
    case_id,
    received as received_date,
    stage,
    upheld as is_upheld,
    closed as closed_date,
    {{ lineage(['id']) }}
from {{ source('landing', 'ehc_case__complaint') }}
qualify {{ is_latest_record(['id']) }}
