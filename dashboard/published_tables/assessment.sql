-- One row per needs assessment that ended in the year. One withdrawn without a date belongs to its request's year.
with assessments as (
    select
        assessment.*,
        survey.period_start,
        least(survey.period_end, survey.reference_date) as last_day,
        case
            when assessment.outcome = 'Y' then coalesce(assessment.outcome_date, assessment.plan_issued_date)
            when assessment.outcome = 'W' then coalesce(assessment.outcome_date, assessment.received_date)
            else assessment.outcome_date
        end as end_date
    from core.fct_assessment as assessment
    cross join survey
    -- a plan issued after another LA assessed (S), and what was decided before the collection (H), are not this LA's
    where assessment.child_id is not null and coalesce(assessment.outcome, 'A') not in ('H', 'S')
)

select
    assessments.assessment_id,
    child.sex,
    coalesce(ethnic_group.ethnic_group, 'Unclassified') as ethnic_group,
    datesub('year', child.birth_date, assessments.received_date) as age_at_request,
    coalesce(assessments.outcome, 'A') as answer,
    datediff('day', assessments.received_date, assessments.end_date) as days,
    coalesce(assessments.has_mediation, false) as has_mediation,
    coalesce(assessments.has_appeal, false) as has_appeal,
    coalesce(assessments.has_content_mediation, false) as has_content_mediation,
    coalesce(assessments.has_content_appeal, false) as has_content_appeal
from assessments
inner join core.dim_child as child on assessments.child_id = child.child_id
left join ethnic_group on child.ethnicity = ethnic_group.ethnicity
where assessments.end_date between assessments.period_start and assessments.last_day
