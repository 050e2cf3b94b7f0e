-- One row per child with an active plan who is placed residential, out of the area or educated at home, the most
-- overdue visit first. A welfare visit is to one child; a quality assurance visit that names no child is to the
-- establishment and counts for every child there.
with home_register as (
    select
        child_id,
        min(start_date) as start_date,
        max(last_visit_date) as last_visit_date
    from {{ ref('fct_ehe_cme') }}
    where is_open and register_status = 'EHE'
    group by child_id
),

placed as (
    select
        plan.child_id,
        plan.case_id,
        plan.plan_id,
        plan.placement_basis,
        plan.placement_start_date,
        plan.establishment_urn,
        plan.establishment_name,
        plan.establishment_la_code,
        plan.is_residential,
        coalesce(not plan.is_in_area, false) as is_out_of_area,
        coalesce(plan.sen_setting = 'EHE', false) or home_register.child_id is not null as is_home_educated,
        coalesce(plan.placement_start_date, home_register.start_date, plan.plan_start_date) as monitored_since_date,
        home_register.last_visit_date as register_visit_date,
        plan.record_id,
        plan.source_file,
        plan.source_row
    from {{ ref('int_children_with_plans') }} as plan
    -- left: few are on the register
    left join home_register on plan.child_id = home_register.child_id
    where is_residential or is_out_of_area or is_home_educated
),

visits as (
    select
        placed.plan_id,
        visit.visit_kind,
        visit.visit_date,
        visit.next_visit_due_date
    from placed
    inner join {{ ref('fct_visit') }} as visit on placed.child_id = visit.child_id
    union all
    select
        placed.plan_id,
        visit.visit_kind,
        visit.visit_date,
        visit.next_visit_due_date
    from placed
    inner join {{ ref('fct_visit') }} as visit on placed.establishment_urn = visit.urn
    where visit.case_id is null and visit.visit_kind = 'qa'
    union all
    select
        plan_id,
        'home education' as visit_kind,
        register_visit_date as visit_date,
        {{ visit_due('register_visit_date') }} as next_visit_due_date
    from placed
    where register_visit_date is not null
),

-- of two on one day, the one that asks for the next sooner
last_visits as (
    select
        plan_id,
        max(visit_date) filter (where visit_kind = 'welfare') as last_welfare_visit_date,
        max(visit_date) filter (where visit_kind = 'qa') as last_qa_visit_date,
        max(visit_date) as last_visit_date,
        max_by(next_visit_due_date, (visit_date, date '9999-12-31' - next_visit_due_date)) as due_by_visit_date
    from visits
    group by plan_id
)

select
    placed.child_id,
    placed.case_id,
    child.upn,
    child.surname,
    child.forename,
    child.birth_date,
    child.age,
    coalesce(child.caseworker_name, child.caseworker_id) as caseworker_name,
    child.team,
    placed.plan_id,
    placed.placement_basis,
    placed.placement_start_date,
    placed.establishment_urn,
    placed.establishment_name,
    placed.establishment_la_code,
    placed.is_residential,
    placed.is_out_of_area,
    placed.is_home_educated,
    last_visits.last_welfare_visit_date,
    last_visits.last_qa_visit_date,
    last_visits.last_visit_date,
    coalesce(
        last_visits.due_by_visit_date, {{ visit_due('placed.monitored_since_date') }}
    ) as next_visit_due_date,
    greatest(run.as_at - next_visit_due_date, 0)::integer as visit_days_overdue,
    visit_days_overdue > 0 as is_visit_overdue,
    {{ source_missing('ehe_cme') }} as source_missing,
    placed.record_id,
    placed.source_file,
    placed.source_row
from placed
cross join {{ source('landing', 'run') }} as run
-- left, both: a child never visited is what the list is for; a plan whose records lead to no child stays on it
left join last_visits on placed.plan_id = last_visits.plan_id
left join {{ ref('dim_child') }} as child on placed.child_id = child.child_id
order by visit_days_overdue desc, next_visit_due_date asc, placed.plan_id asc
