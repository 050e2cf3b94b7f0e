-- One row per need recorded in a plan that has started.
select
    need.plan_id,
    need.need_rank::integer as need_rank,
    plan.child_id,
    need.sen_type,
    need.record_id,
    need.source_file,
    need.source_row
from {{ ref('stg_ehc_case__need') }} as need
cross join {{ source('landing', 'run') }}
-- left: the need of a plan that was quarantined is still a need
left join {{ ref('int_plans_joined_to_children') }} as plan on need.plan_id = plan.plan_id
where {{ begun_by_as_at('plan.plan_start_date') }}
