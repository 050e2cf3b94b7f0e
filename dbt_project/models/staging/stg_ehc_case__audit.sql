-- One row per audit of a plan.
select
    audit_id,
    plan_id,
    date as audit_date,
    auditor,
    kind as audit_kind,
    framework_version,
    grade,
    sections_met,
    {{ lineage(['audit_id']) }}
from {{ source('landing', 'ehc_case__audit') }}
qualify {{ is_latest_record(['audit_id']) }}
