-- One row per placement attended.
select
    id as placement_id,
    plan_id,
    urn,
    ukprn,
    sen_setting,
    sen_setting_other,
    rank as setting_rank,
    sen_unit as is_sen_unit,
    resourced_provision as is_resourced_provision,
    entry_date,
    leaving_date,
    res as residential,
    wbp as work_based_learning,
    cost_per_year,
    funder,
    attendance_pattern,
    {{ lineage(['id']) }}
from {{ source('landing', 'ehc_case__placement') }}
qualify {{ is_latest_record(['id']) }}
