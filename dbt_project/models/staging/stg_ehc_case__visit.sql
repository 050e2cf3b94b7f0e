-- One row per monitoring visit.
select
    visit_id,
    case_id,
    urn,
    date as visit_date,
    kind as visit_kind,
    outcome,
    visitor,
    next_due as recorded_next_due_date,
    {{ lineage(['visit_id']) }}
from {{ source('landing', 'ehc_case__visit') }}
qualify {{ is_latest_record(['visit_id']) }}
