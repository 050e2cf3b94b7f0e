-- One row per plan that started in the year, with the setting it names first and the time from its request to it.
with begun as (
    select
        plan.plan_id,
        plan.child_id,
        plan.plan_start_date,
        assessment.outcome,
        assessment.outcome_date,
        assessment.has_exception,
        request.received_date,
        survey.period_start
    from core.fct_plan as plan
    cross join survey
    -- left: the assessment of a plan, or the request, is not always on record
    left join core.fct_assessment as assessment on plan.assessment_id = assessment.assessment_id
    left join core.fct_request as request on coalesce(assessment.request_id, plan.request_id) = request.request_id
    where plan.plan_start_date between survey.period_start and least(survey.period_end, survey.reference_date)
),

named as (
    select
        setting.plan_id,
        setting.place
    from setting
    inner join begun on setting.plan_id = begun.plan_id
    where setting.basis = 'named'
    -- what the plan named from the first; where only a later setting is on record, that one
    qualify row_number() over (
        partition by setting.plan_id
        order by
            coalesce(setting.entry_date <= begun.plan_start_date, true) desc,
            setting.setting_rank asc nulls last,
            setting.entry_date asc nulls first,
            setting.setting_id asc
    ) = 1
)

select
    begun.plan_id,
    child.sex,
    coalesce(ethnic_group.ethnic_group, 'Unclassified') as ethnic_group,
    datesub('year', child.birth_date, begun.plan_start_date) as age_at_start,
    datesub('year', child.birth_date, begun.received_date) as age_at_request,
    coalesce(named.place, 'placement_unknown') as place,
    place_name.label as place_label,
    place_name.total_label as place_total_label,
    first_need.need,
    coalesce(begun.has_exception, false) as has_exception,
    datediff('day', begun.received_date, begun.plan_start_date) as days,
    -- an assessment decided before the year is historical in the return, which then tells nothing of its time
    coalesce(begun.outcome = 'Y', false)
    and begun.received_date is not null
    and coalesce(begun.outcome_date >= begun.period_start, true) as is_timed
from begun
-- left: a plan whose child was quarantined has still started; nothing of these is on record for every plan
left join core.dim_child as child on begun.child_id = child.child_id
left join named on begun.plan_id = named.plan_id
left join first_need on begun.plan_id = first_need.plan_id
left join ethnic_group on child.ethnicity = ethnic_group.ethnicity
left join place_name on coalesce(named.place, 'placement_unknown') = place_name.place
