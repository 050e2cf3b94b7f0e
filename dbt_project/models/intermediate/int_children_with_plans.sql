-- One row per child with an active EHC plan: the later plan where a child holds two, and where that plan places it.
{{ config(materialized='table') }}

with plans as (
    select
        plan_id,
        child_id,
        plan_start_date,
        residential,
        work_based_learning,
        record_id,
        source_file,
        source_row,
        count(*) over child_window as active_plans
    from {{ ref('fct_plan') }}
    where is_active
    -- a plan whose records lead to no child stands by itself
    window child_window as (partition by coalesce(child_id, plan_id))
    qualify row_number() over (child_window order by plan_start_date desc, plan_id desc) = 1
),

settings as (
    select
        code,
        min(meaning) as meaning
    from {{ ref('code_sets') }}
    where code_set = 'sen_setting'
    group by code
)

select
    plans.child_id,
    of_child.case_id,
    plans.plan_id,
    plans.plan_start_date,
    plans.active_plans::integer as active_plans,
    plans.work_based_learning,
    need.sen_type as primary_need,
    coalesce(place.placement_basis, 'none recorded') as placement_basis,
    place.placement_start_date,
    place.establishment_urn,
    coalesce(place.establishment_name, place.sen_setting_other, settings.meaning) as establishment_name,
    case
        when place.establishment_type is not null then place.establishment_type
        when place.sen_setting is not null then 'Other setting'
    end as establishment_type,
    place.establishment_la_code,
    place.sen_setting,
    place.is_in_area,
    coalesce(place.residential, plans.residential) is not null as is_residential,
    plans.record_id,
    plans.source_file,
    plans.source_row
from plans
inner join {{ ref('int_plans_joined_to_children') }} as of_child on plans.plan_id = of_child.plan_id
-- left, all of them: what is not recorded is shown as missing
left join {{ ref('int_plan_places') }} as place on plans.plan_id = place.plan_id
left join {{ ref('fct_need') }} as need on plans.plan_id = need.plan_id and need.need_rank = 1
left join settings on place.sen_setting = settings.code
