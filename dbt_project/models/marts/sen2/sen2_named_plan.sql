-- One row per plan in the return: started or ceased in the period or open at the reference date, however old.
select
    in_scope.requests_id,
    in_scope.child_id as person_id,
    plan.plan_start_date as start_date,
    plan.residential as plan_res,
    plan.work_based_learning as plan_wbp,
    coalesce(plan.has_personal_budget, false) as pb,
    plan.has_organised_arrangements as oa,
    plan.direct_payments as dp,
    in_scope.cease_date,
    try_cast(in_scope.cease_reason as integer) as cease_reason,
    in_scope.record_id,
    in_scope.source_file,
    in_scope.source_row
from {{ ref('int_sen2_plans') }} as in_scope
inner join {{ ref('fct_plan') }} as plan on in_scope.plan_id = plan.plan_id
