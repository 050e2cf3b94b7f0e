-- One row per setting that a plan in the return names on the reference date, or named when it ceased; the first two by
-- rank, as the return has room for no more. Where only a later setting is on record, it stands in, for a plan always
-- names one.
with survey as (
    select reference_date as as_at from {{ source('landing', 'sen2_survey') }}
)

select
    plan.requests_id,
    (row_number() over (
        partition by plan.requests_id
        order by
            {{ begun_by_as_at('setting.entry_date') }} desc,
            setting.setting_rank asc nulls last,
            setting.entry_date desc nulls last,
            setting.named_setting_id asc
    ))::integer as plan_detail_number,
    plan.child_id as person_id,
    {{ sen2_setting() }},
    setting.record_id,
    setting.source_file,
    setting.source_row
from {{ ref('fct_named_setting') }} as setting
cross join survey
inner join {{ ref('int_sen2_plans') }} as plan on setting.plan_id = plan.plan_id
where {{ by_as_at('setting.leaving_date') }} is null or setting.leaving_date >= plan.cease_date
qualify
    plan_detail_number <= 2
    and (
        {{ begun_by_as_at('setting.entry_date') }}
        or not bool_or({{ begun_by_as_at('setting.entry_date') }}) over (partition by plan.requests_id)
    )
