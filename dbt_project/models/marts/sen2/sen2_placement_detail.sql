-- One row per placement of a plan open at the reference date, attended then or at any time since the period began.
with survey as (
    select
        period_start,
        reference_date as as_at
    from {{ source('landing', 'sen2_survey') }}
)

select
    plan.requests_id,
    (row_number() over (
        partition by plan.requests_id
        order by
            {{ by_as_at('setting.leaving_date') }} is null desc,
            setting.setting_rank asc nulls last,
            setting.entry_date desc nulls last,
            setting.placement_id asc
    ))::integer as placement_detail_number,
    plan.child_id as person_id,
    {{ sen2_setting() }},
    setting.entry_date,
    {{ by_as_at('setting.leaving_date') }} as leaving_date,
    setting.residential as res,
    setting.work_based_learning as wbp,
    setting.record_id,
    setting.source_file,
    setting.source_row
from {{ ref('fct_placement') }} as setting
cross join survey
inner join {{ ref('int_sen2_plans') }} as plan on setting.plan_id = plan.plan_id
where
    plan.is_open
    and {{ begun_by_as_at('setting.entry_date') }}
    and coalesce(setting.leaving_date >= survey.period_start, true)
