-- One row per child who waits for specialist provision, the longest waiting first. The wait that the case system
-- records ends when the child enters a specialist place; a plan that names one waits while its child attends none.
with specialist_places as (
    select
        child_id,
        plan_id,
        max(entry_date) as entry_date
    from {{ ref('fct_placement') }}
    where is_current and is_specialist
    group by child_id, plan_id
),

children_placed as (
    select
        child_id,
        max(entry_date) as entry_date
    from specialist_places
    group by child_id
),

agreed as (
    select
        awaiting.child_id,
        awaiting.case_id,
        awaiting.waiting_since_date,
        awaiting.provision_kind,
        awaiting.interim_arrangement,
        awaiting.record_id,
        awaiting.source_file,
        awaiting.source_row
    from {{ ref('fct_awaiting_provision') }} as awaiting
    anti join children_placed
        on awaiting.child_id = children_placed.child_id and awaiting.waiting_since_date <= children_placed.entry_date
    qualify row_number() over (
        partition by coalesce(awaiting.child_id, awaiting.case_id)
        order by awaiting.waiting_since_date asc, awaiting.case_id asc
    ) = 1
),

named as (
    select
        plan.child_id,
        plan.case_id,
        plan.plan_id,
        coalesce(setting.entry_date, plan.plan_start_date) as waiting_since_date,
        coalesce(setting.establishment_urn, setting.urn) as named_establishment_urn,
        establishment.establishment_name as named_establishment_name,
        establishment.establishment_type,
        setting.is_sen_unit,
        setting.is_resourced_provision,
        specialist_places.plan_id is null as is_without_place,
        setting.record_id,
        setting.source_file,
        setting.source_row
    from {{ ref('int_children_with_plans') }} as plan
    inner join {{ ref('fct_named_setting') }} as setting on plan.plan_id = setting.plan_id and setting.is_current
    left join {{ ref('dim_establishment') }} as establishment on setting.establishment_urn = establishment.urn
    -- left: who has no such place is who waits
    left join specialist_places on plan.plan_id = specialist_places.plan_id
    where setting.is_specialist
    qualify row_number() over (
        partition by plan.plan_id
        order by setting.setting_rank asc nulls last, setting.entry_date desc nulls last, setting.named_setting_id asc
    ) = 1
),

waiting as (
    select
        coalesce(agreed.child_id, named.child_id) as child_id,
        coalesce(agreed.case_id, named.case_id) as case_id,
        case when agreed.record_id is not null then 'agreed' else 'named' end as waiting_basis,
        coalesce(agreed.waiting_since_date, named.waiting_since_date) as waiting_since_date,
        coalesce(
            agreed.provision_kind,
            case
                when named.is_sen_unit then 'SEN unit'
                when named.is_resourced_provision then 'Resourced provision'
                else named.establishment_type
            end
        ) as provision_awaited,
        named.plan_id as named_plan_id,
        named.named_establishment_urn,
        named.named_establishment_name,
        agreed.interim_arrangement,
        case
            when agreed.record_id is not null then 'awaiting_provision' else 'plan_setting'
        end as record_extract_table,
        coalesce(agreed.record_id, named.record_id) as record_id,
        coalesce(agreed.source_file, named.source_file) as source_file,
        coalesce(agreed.source_row, named.source_row) as source_row
    from agreed
    full join named on agreed.child_id = named.child_id
    where agreed.record_id is not null or named.is_without_place
)

select
    waiting.child_id,
    waiting.case_id,
    child.upn,
    child.surname,
    child.forename,
    child.birth_date,
    child.age,
    coalesce(child.caseworker_name, child.caseworker_id) as caseworker_name,
    child.team,
    coalesce(waiting.named_plan_id, plan.plan_id) as plan_id,
    plan.primary_need,
    waiting.waiting_basis,
    waiting.waiting_since_date,
    ((run.as_at - waiting.waiting_since_date) // 7)::integer as weeks_waiting,
    waiting.provision_awaited,
    waiting.named_establishment_urn,
    waiting.named_establishment_name,
    coalesce(
        waiting.interim_arrangement,
        case when plan.placement_basis = 'attended' then plan.establishment_name end
    ) as interim_arrangement,
    waiting.record_extract_table,
    waiting.record_id,
    waiting.source_file,
    waiting.source_row
from waiting
cross join {{ source('landing', 'run') }} as run
-- left, both: the child may have no plan yet, or its case may have been quarantined
left join {{ ref('int_children_with_plans') }} as plan on waiting.child_id = plan.child_id
left join {{ ref('dim_child') }} as child on waiting.child_id = child.child_id
order by waiting.waiting_since_date asc, waiting.case_id asc, plan_id asc
