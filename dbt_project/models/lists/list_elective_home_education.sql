-- One row per child with an active plan educated at home, the most overdue visit first.
with home_register as (
    select
        child_id,
        start_date,
        reason,
        tracked_by,
        last_contact_date
    from {{ ref('fct_ehe_cme') }}
    where is_open and register_status = 'EHE'
    qualify row_number() over (partition by child_id order by start_date desc, register_id desc) = 1
)

select
    monitored.child_id,
    monitored.case_id,
    monitored.upn,
    monitored.surname,
    monitored.forename,
    monitored.birth_date,
    monitored.age,
    monitored.caseworker_name,
    monitored.team,
    monitored.plan_id,
    case
        when home_register.child_id is null then 'case system'
        when plan.sen_setting = 'EHE' then 'both'
        else 'register'
    end as recorded_by,
    coalesce(
        home_register.start_date, case when plan.sen_setting = 'EHE' then plan.placement_start_date end
    ) as home_educated_since_date,
    home_register.reason,
    coalesce(home_register.tracked_by, monitored.caseworker_name) as tracked_by,
    home_register.last_contact_date,
    monitored.last_visit_date as last_monitoring_visit_date,
    monitored.next_visit_due_date,
    monitored.visit_days_overdue,
    monitored.is_visit_overdue,
    monitored.source_missing,
    monitored.record_id,
    monitored.source_file,
    monitored.source_row
from {{ ref('list_monitoring_visits') }} as monitored
inner join {{ ref('int_children_with_plans') }} as plan on monitored.plan_id = plan.plan_id
-- left: the case system may be the only one to say so
left join home_register on monitored.child_id = home_register.child_id
where monitored.is_home_educated
order by monitored.visit_days_overdue desc, monitored.next_visit_due_date asc, monitored.plan_id asc
