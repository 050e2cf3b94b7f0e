-- One row per plan that the LA maintains on the reference date, with where its child is, its first need and its latest
-- review, as the SEN2 return has them.
with held as (
    select
        plan.plan_id,
        plan.plan_start_date,
        plan.has_personal_budget,
        plan.has_organised_arrangements,
        child.birth_date,
        child.sex,
        child.ethnicity,
        survey.period_end,
        survey.reference_date
    from core.fct_plan as plan
    inner join core.dim_child as child on plan.child_id = child.child_id
    cross join survey
    where
        plan.plan_start_date <= survey.reference_date
        and coalesce(plan.transfer_in_date <= survey.reference_date, true)
        and coalesce(plan.cease_date > survey.reference_date, true)
),

attended as (
    select
        setting.plan_id,
        setting.place,
        setting.residential,
        setting.work_based_learning
    from setting
    cross join survey
    where
        setting.basis = 'attended'
        and coalesce(setting.entry_date <= survey.reference_date, true)
        and coalesce(setting.leaving_date > survey.reference_date, true)
    qualify row_number() over (
        partition by setting.plan_id
        order by setting.setting_rank asc nulls last, setting.entry_date desc nulls last, setting.setting_id asc
    ) = 1
),

reviews as (
    select
        review.plan_id,
        review.meeting_date,
        case when review.decision_date <= survey.reference_date then review.decision_date end as decision_date,
        case when coalesce(review.decision_date <= survey.reference_date, true) then review.decision end as decision
    from core.fct_review as review
    cross join survey
    where coalesce(review.meeting_date, review.decision_date) <= survey.reference_date
    qualify row_number() over (
        partition by review.plan_id
        order by coalesce(review.meeting_date, review.decision_date) desc, review.review_id desc
    ) = 1
)

select
    held.plan_id,
    held.sex,
    coalesce(ethnic_group.ethnic_group, 'Unclassified') as ethnic_group,
    datesub('year', held.birth_date, held.reference_date) as age,
    datesub('year', held.birth_date, held.plan_start_date) as age_at_start,
    datesub('year', held.plan_start_date, held.reference_date) as years_held,
    held.plan_start_date > held.period_end as is_begun_since_the_year,
    coalesce(attended.place, 'placement_unknown') as place,
    place_name.label as place_label,
    place_name.total_label as place_total_label,
    first_need.need,
    held.has_personal_budget,
    held.has_organised_arrangements,
    attended.residential,
    attended.work_based_learning,
    years_held >= 1 as is_review_expected,
    is_review_expected and reviews.meeting_date is not null as is_reviewed,
    case when is_reviewed then reviews.meeting_date end as meeting_date,
    case when is_reviewed then reviews.decision_date end as decision_date,
    case when is_reviewed then reviews.decision end as decision,
    year(held.period_end) as year,
    held.reference_date
from held
-- left: nothing of these is on record for every plan
left join attended on held.plan_id = attended.plan_id
left join first_need on held.plan_id = first_need.plan_id
left join reviews on held.plan_id = reviews.plan_id
left join ethnic_group on held.ethnicity = ethnic_group.ethnicity
left join place_name on coalesce(attended.place, 'placement_unknown') = place_name.place
