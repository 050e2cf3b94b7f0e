-- One row per piece of advice sought from a clinician.
select
    advice_ref,
    requested_date,
    due_date as recorded_due_date,
    returned_date,
    service,
    clinician,
    child_name,
    {{ surname_in('child_name') }} as surname,
    {{ forename_in('child_name') }} as forename,
    birth_date,
    nhs_number,
    case when nhs_number is null then 'health_advice' else 'nhs' end as person_kind,
    coalesce(nhs_number || '/' || birth_date, advice_ref) as person_anchor,
    {{ lineage(['advice_ref']) }}
from {{ source('landing', 'health_advice__advice') }}
qualify {{ is_latest_record(['advice_ref']) }}
