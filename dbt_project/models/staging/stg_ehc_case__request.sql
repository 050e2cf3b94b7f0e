-- One row per request for an EHC needs assessment.
{{ config(materialized='table') }}

select
    request_id,
    case_id,
    received_date,
    source as request_source,
    rya as is_in_youth_accommodation,
    exported_la,
    outcome_date,
    outcome,
    mediation as has_mediation,
    tribunal as has_appeal,
    {{ lineage(['request_id']) }}
from {{ source('landing', 'ehc_case__request') }}
qualify {{ is_latest_record(['request_id']) }}
