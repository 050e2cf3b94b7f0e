-- One row per EHC plan.
{{ config(materialized='table') }}

select
    plan_id,
    assessment_id,
    request_id,
    start_date as plan_start_date,
    issued_date,
    plan_res as residential,
    plan_wbp as work_based_learning,
    pb as has_personal_budget,
    oa as has_organised_arrangements,
    dp as direct_payments,
    cease_date,
    cease_reason,
    transfer_in_la as transferred_from_la,
    transfer_in_date,
    version,
    {{ lineage(['plan_id']) }}
from {{ source('landing', 'ehc_case__plan') }}
qualify {{ is_latest_record(['plan_id']) }}
