-- One row per mediation or appeal.
select
    id as mediation_appeal_id,
    case_id,
    kind as mediation_appeal_kind,
    stage,
    lodged_date,
    held_date,
    closed_date,
    outcome,
    {{ lineage(['id']) }}
from {{ source('landing', 'ehc_case__mediation_appeal') }}
qualify {{ is_latest_record(['id']) }}
