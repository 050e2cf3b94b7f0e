-- One row per review cycle of each active plan: every review held, and the one to come, what is overdue first.
with plans as (
    select
        plan.plan_id,
        plan.child_id,
        review_due.reviews_held,
        review_due.cycle_start_date,
        review_due.next_review_due_date,
        review_due.transfer_notice_due_date,
        plan.record_id,
        plan.source_file,
        plan.source_row,
        run.as_at
    from {{ ref('fct_plan') }} as plan
    inner join {{ ref('int_plan_review_due') }} as review_due on plan.plan_id = review_due.plan_id
    cross join {{ source('landing', 'run') }} as run
),

held as (
    select
        review.plan_id,
        row_number() over plan_window as cycle_number,
        row_number() over plan_window = plans.reviews_held as is_last_held,
        review.review_id,
        review.review_kind,
        review.review_start_date,
        review.review_due_date,
        review.meeting_date,
        review.decision_due_date,
        review.decision_date,
        review.decision,
        review.decision_days_taken,
        review.is_decision_within_limit,
        review.decision_status,
        review.amended_plan_due_date,
        review.final_amended_date,
        review.amended_plan_days_taken,
        review.is_amended_plan_within_limit,
        review.amended_plan_status,
        case
            when not review.is_concluded then 'decision awaited'
            when review.amended_plan_status in ('running', 'overdue') then 'amended plan awaited'
            else 'concluded'
        end as cycle_status,
        case cycle_status
            when 'decision awaited' then greatest(plans.as_at - review.decision_due_date, 0)
            when 'amended plan awaited' then greatest(plans.as_at - review.amended_plan_due_date, 0)
        end as days_overdue,
        review.record_id,
        review.source_file,
        review.source_row
    from {{ ref('fct_review') }} as review
    inner join plans on review.plan_id = plans.plan_id
    where review.is_held
    window plan_window as (
        partition by review.plan_id
        order by coalesce(review.meeting_date, review.decision_date), review.review_id
    )
),

-- The case system may already hold a record for the review to come.
planned as (
    select
        plan_id,
        review_id,
        review_kind
    from {{ ref('fct_review') }}
    where not is_held
    qualify row_number() over (
        partition by plan_id order by recorded_due_date desc nulls last, review_id desc
    ) = 1
),

-- There is one to come unless the last one held still waits for its decision.
to_come as (
    select
        plans.plan_id,
        plans.reviews_held + 1 as cycle_number,
        planned.review_id,
        planned.review_kind,
        plans.cycle_start_date as review_start_date,
        plans.next_review_due_date as review_due_date,
        case when plans.as_at > plans.next_review_due_date then 'meeting overdue' else 'to be held' end as cycle_status,
        greatest(plans.as_at - plans.next_review_due_date, 0) as days_overdue,
        case when plans.reviews_held = 0 then plans.transfer_notice_due_date end as transfer_notice_due_date,
        plans.record_id,
        plans.source_file,
        plans.source_row
    from plans
    -- left: most have no such record
    left join planned on plans.plan_id = planned.plan_id
    anti join held
        on plans.plan_id = held.plan_id and held.is_last_held and held.cycle_status = 'decision awaited'
),

cycles as (
    select
        plan_id,
        cycle_number,
        review_id,
        review_kind,
        review_start_date,
        review_due_date,
        meeting_date,
        decision_due_date,
        decision_date,
        decision,
        decision_days_taken,
        is_decision_within_limit,
        decision_status,
        amended_plan_due_date,
        final_amended_date,
        amended_plan_days_taken,
        is_amended_plan_within_limit,
        amended_plan_status,
        cycle_status,
        days_overdue,
        record_id,
        source_file,
        source_row
    from held
    union all by name
    select
        plan_id,
        cycle_number,
        review_id,
        review_kind,
        review_start_date,
        review_due_date,
        cycle_status,
        days_overdue,
        transfer_notice_due_date,
        record_id,
        source_file,
        source_row
    from to_come
),

-- A transfer is prepared by the last review held in the school year before it, else by the one to come.
preparing as (
    select
        transfer.plan_id,
        cycles.cycle_number,
        transfer.phase_transfer,
        transfer.phase_transfer_deadline,
        transfer.phase_transfer_finalised_date,
        transfer.phase_transfer_days_overdue
    from {{ ref('int_phase_transfers') }} as transfer
    inner join cycles on transfer.plan_id = cycles.plan_id
    qualify row_number() over (
        partition by transfer.plan_id
        order by
            coalesce(cycles.meeting_date >= transfer.school_year_start_date, false) desc,
            cycles.cycle_number desc
    ) = 1
)

select
    cycles.plan_id,
    cycles.cycle_number::integer as cycle_number,
    cycles.review_id,
    of_child.child_id,
    of_child.case_id,
    child.upn,
    child.surname,
    child.forename,
    child.birth_date,
    child.nc_year,
    coalesce(child.caseworker_name, child.caseworker_id) as caseworker_name,
    child.team,
    cycles.review_kind,
    cycles.cycle_status,
    cycles.cycle_status != 'concluded' as is_open,
    cycles.review_start_date as cycle_start_date,
    cycles.review_due_date,
    cycles.meeting_date,
    cycles.decision_due_date,
    cycles.decision_date,
    cycles.decision,
    cycles.decision_days_taken,
    cycles.is_decision_within_limit,
    cycles.decision_status,
    cycles.amended_plan_due_date,
    cycles.final_amended_date,
    cycles.amended_plan_days_taken,
    cycles.is_amended_plan_within_limit,
    cycles.amended_plan_status,
    preparing.phase_transfer,
    preparing.phase_transfer_deadline,
    preparing.phase_transfer_finalised_date,
    preparing.phase_transfer_days_overdue,
    cycles.transfer_notice_due_date,
    coalesce(cycles.days_overdue, 0)::integer as days_overdue,
    cycles.record_id,
    cycles.source_file,
    cycles.source_row
from cycles
inner join {{ ref('int_plans_joined_to_children') }} as of_child on cycles.plan_id = of_child.plan_id
-- left: a plan whose records lead to no child stays on the list; most children do not change phase this year
left join {{ ref('dim_child') }} as child on of_child.child_id = child.child_id
left join preparing on cycles.plan_id = preparing.plan_id and cycles.cycle_number = preparing.cycle_number
order by is_open desc, days_overdue desc, cycles.review_due_date asc, cycles.plan_id asc, cycles.cycle_number asc
