-- One row per piece of advice sought.
select
    advice_id,
    assessment_id,
    agency,
    service,
    professional,
    requested_date,
    due_date as recorded_due_date,
    returned_date,
    quality_rating,
    chased_date,
    escalated_to,
    {{ lineage(['advice_id']) }}
from {{ source('landing', 'ehc_case__advice') }}
qualify {{ is_latest_record(['advice_id']) }}
