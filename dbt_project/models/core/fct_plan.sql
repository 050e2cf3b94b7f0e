-- One row per EHC plan that has started.
select
    plan.plan_id,
    of_child.child_id,
    plan.request_id,
    plan.assessment_id,
    plan.plan_start_date,
    {{ by_as_at('plan.issued_date') }} as issued_date,
    plan.residential,
    plan.work_based_learning,
    plan.has_personal_budget,
    plan.has_organised_arrangements,
    plan.direct_payments,
    {{ by_as_at('plan.cease_date') }} as cease_date,
    {{ known_by_as_at('plan.cease_reason', 'plan.cease_date') }} as cease_reason,
    plan.transferred_from_la,
    {{ by_as_at('plan.transfer_in_date') }} as transfer_in_date,
    plan.version::integer as version,
    coalesce(plan.cease_date > as_at, true) as is_active,
    plan.record_id,
    plan.source_file,
    plan.source_row
from {{ ref('stg_ehc_case__plan') }} as plan
cross join {{ source('landing', 'run') }} as run
inner join {{ ref('int_plans_joined_to_children') }} as of_child on plan.plan_id = of_child.plan_id
where plan.plan_start_date <= run.as_at
