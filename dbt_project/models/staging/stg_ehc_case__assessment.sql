-- One row per needs assessment.
{{ config(materialized='table') }}

select
    assessment_id,
    request_id,
    agreed_date,
    outcome_date,
    outcome,
    week20_exception as has_exception,
    exception_reason,
    mediation as has_mediation,
    tribunal as has_appeal,
    other_mediation as has_content_mediation,
    other_tribunal as has_content_appeal,
    draft_plan_date,
    {{ lineage(['assessment_id']) }}
from {{ source('landing', 'ehc_case__assessment') }}
qualify {{ is_latest_record(['assessment_id']) }}
