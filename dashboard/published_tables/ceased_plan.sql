-- One row per plan that ceased in the year, with where its child was last.
with ceased as (
    select
        plan.plan_id,
        plan.plan_start_date,
        plan.cease_date,
        plan.cease_reason,
        child.birth_date,
        child.sex,
        child.ethnicity
    from core.fct_plan as plan
    inner join core.dim_child as child on plan.child_id = child.child_id
    cross join survey
    where plan.cease_date between survey.period_start and least(survey.period_end, survey.reference_date)
),

attended as (
    select
        setting.plan_id,
        setting.place
    from setting
    inner join ceased on setting.plan_id = ceased.plan_id
    where setting.basis = 'attended' and coalesce(setting.entry_date <= ceased.cease_date, true)
    qualify row_number() over (
        partition by setting.plan_id
        order by
            coalesce(least(setting.leaving_date, ceased.cease_date), ceased.cease_date) desc,
            setting.setting_rank asc nulls last,
            setting.entry_date desc nulls last,
            setting.setting_id asc
    ) = 1
)

select
    ceased.plan_id,
    ceased.sex,
    coalesce(ethnic_group.ethnic_group, 'Unclassified') as ethnic_group,
    datesub('year', ceased.birth_date, ceased.cease_date) as age_at_end,
    datesub('year', ceased.plan_start_date, ceased.cease_date) as years_held,
    ceased.cease_reason,
    place_name.label as place_label,
    place_name.total_label as place_total_label
from ceased
-- left: the placement of a plan that has ceased is not always on record
left join attended on ceased.plan_id = attended.plan_id
left join ethnic_group on ceased.ethnicity = ethnic_group.ethnicity
left join place_name on coalesce(attended.place, 'placement_unknown') = place_name.place
