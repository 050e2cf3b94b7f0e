-- One row per request in the return that was assessed; a plan without an assessment on record has one made for it.
select
    in_scope.requests_id,
    in_scope.child_id as person_id,
    in_scope.assessment_outcome,
    in_scope.assessment_outcome_date,
    -- empty is no where an assessment is on record, not known where none is
    case when in_scope.assessment_id is not null then coalesce(assessment.has_mediation, false) end
        as assessment_mediation,
    case when in_scope.assessment_id is not null then coalesce(assessment.has_appeal, false) end as assessment_tribunal,
    case when in_scope.assessment_id is not null then coalesce(assessment.has_content_mediation, false) end
        as other_mediation,
    case when in_scope.assessment_id is not null then coalesce(assessment.has_content_appeal, false) end
        as other_tribunal,
    assessment.has_exception as week20,
    coalesce(assessment.record_id, plan.record_id) as record_id,
    coalesce(assessment.source_file, plan.source_file) as source_file,
    coalesce(assessment.source_row, plan.source_row) as source_row
from {{ ref('int_sen2_requests') }} as in_scope
left join {{ ref('fct_assessment') }} as assessment on in_scope.assessment_id = assessment.assessment_id
left join {{ ref('int_sen2_plans') }} as plan on in_scope.plan_id = plan.plan_id
where in_scope.assessment_id is not null or in_scope.plan_id is not null
