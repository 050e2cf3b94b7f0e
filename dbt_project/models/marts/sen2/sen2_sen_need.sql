-- One row per need of a plan open at the reference date: primary and secondary, of the types SEN2 has.
with sen_types as (
    select distinct code
    from {{ ref('code_sets') }}
    where code_set = 'sen_type'
)

select
    plan.requests_id,
    (row_number() over (partition by plan.requests_id order by need.need_rank))::integer as sen_need_number,
    plan.child_id as person_id,
    need.sen_type,
    need.need_rank as sen_type_rank,
    need.record_id,
    need.source_file,
    need.source_row
from {{ ref('fct_need') }} as need
inner join {{ ref('int_sen2_plans') }} as plan on need.plan_id = plan.plan_id
inner join sen_types on need.sen_type = sen_types.code
where plan.is_open and need.need_rank in (1, 2)
