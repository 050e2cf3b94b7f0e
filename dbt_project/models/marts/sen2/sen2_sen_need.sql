-- One row per need of a plan open at the reference date: primary and secondary. A type that SEN2 has not, such as NSA
-- of the school census, stays, so that a rule finds it and nobody wonders where the need went.
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
where plan.is_open and need.need_rank in (1, 2) and need.sen_type is not null
