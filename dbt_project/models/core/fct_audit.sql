-- One row per audit of a plan against the quality framework.
select
    record.audit_id,
    plan.child_id,
    record.plan_id,
    record.audit_date,
    record.audit_kind,
    record.auditor,
    record.framework_version,
    record.grade,
    record.sections_met::integer as sections_met,
    record.record_id,
    record.source_file,
    record.source_row
from {{ ref('stg_ehc_case__audit') }} as record
cross join {{ source('landing', 'run') }} as run
-- left: the audit of a plan that was quarantined is still an audit
left join {{ ref('int_plans_joined_to_children') }} as plan on record.plan_id = plan.plan_id
where record.audit_date <= run.as_at
