-- One row per caseworker at work or with open cases, and one for the cases that have none. What is open and overdue is
-- counted from the lists, so that the numbers are theirs.
with items as (
    select
        child_id,
        active_plans as plans
    from {{ ref('int_children_with_plans') }}
    union all by name
    select
        child_id,
        (assessment_id is null)::integer as open_requests,
        (assessment_id is not null)::integer as open_assessments,
        (decision_status = 'overdue')::integer as overdue_decisions,
        is_plan_overdue::integer as overdue_plans,
        advice_overdue as overdue_advice
    from {{ ref('list_assessments_in_progress') }}
    union all by name
    select
        child_id,
        (cycle_status = 'meeting overdue')::integer as overdue_reviews,
        (cycle_status = 'decision awaited' and days_overdue > 0)::integer as overdue_review_decisions,
        (cycle_status = 'amended plan awaited' and days_overdue > 0)::integer as overdue_amended_plans,
        coalesce(
            phase_transfer_days_overdue > 0 and phase_transfer_finalised_date is null, false
        )::integer as overdue_phase_transfers
    from {{ ref('list_annual_reviews') }}
    where is_open or phase_transfer is not null
    union all by name
    select
        child_id,
        is_visit_overdue::integer as overdue_visits
    from {{ ref('list_monitoring_visits') }}
),

cases as (
    select
        child.caseworker_id,
        min(child.team) as team,
        count(distinct items.child_id) filter (
            where items.plans > 0 or items.open_requests > 0 or items.open_assessments > 0
        ) as children,
        sum(items.open_requests) as open_requests,
        sum(items.open_assessments) as open_assessments,
        sum(items.plans) as plans,
        sum(items.overdue_decisions) as overdue_decisions,
        sum(items.overdue_plans) as overdue_plans,
        sum(items.overdue_advice) as overdue_advice,
        sum(items.overdue_reviews) as overdue_reviews,
        sum(items.overdue_review_decisions) as overdue_review_decisions,
        sum(items.overdue_amended_plans) as overdue_amended_plans,
        sum(items.overdue_phase_transfers) as overdue_phase_transfers,
        sum(items.overdue_visits) as overdue_visits
    from items
    -- left: what leads to no child is nobody's
    left join {{ ref('dim_child') }} as child on items.child_id = child.child_id
    group by child.caseworker_id
)

select
    coalesce(cases.caseworker_id, worker.caseworker_id) as caseworker_id,
    case
        when coalesce(cases.caseworker_id, worker.caseworker_id) is null then 'No caseworker'
        else worker.caseworker_name
    end as caseworker_name,
    coalesce(worker.team, cases.team) as team,
    worker.is_at_work,
    worker.fte,
    coalesce(cases.children, 0)::integer as children,
    coalesce(cases.open_requests, 0)::integer as open_requests,
    coalesce(cases.open_assessments, 0)::integer as open_assessments,
    coalesce(cases.plans, 0)::integer as plans,
    coalesce(cases.overdue_decisions, 0)::integer as overdue_decisions,
    coalesce(cases.overdue_plans, 0)::integer as overdue_plans,
    coalesce(cases.overdue_advice, 0)::integer as overdue_advice,
    coalesce(cases.overdue_reviews, 0)::integer as overdue_reviews,
    coalesce(cases.overdue_review_decisions, 0)::integer as overdue_review_decisions,
    coalesce(cases.overdue_amended_plans, 0)::integer as overdue_amended_plans,
    coalesce(cases.overdue_phase_transfers, 0)::integer as overdue_phase_transfers,
    coalesce(cases.overdue_visits, 0)::integer as overdue_visits,
    (
        coalesce(cases.overdue_decisions, 0)
        + coalesce(cases.overdue_plans, 0)
        + coalesce(cases.overdue_advice, 0)
        + coalesce(cases.overdue_reviews, 0)
        + coalesce(cases.overdue_review_decisions, 0)
        + coalesce(cases.overdue_amended_plans, 0)
        + coalesce(cases.overdue_phase_transfers, 0)
        + coalesce(cases.overdue_visits, 0)
    )::integer as overdue_items,
    (coalesce(cases.plans, 0) / nullif(worker.fte, 0))::decimal(18, 2) as plans_per_full_post,
    worker.record_id,
    worker.source_file,
    worker.source_row
from cases
-- full: a caseworker may have no case, and a case may name one who is not in the table
full join {{ ref('dim_caseworker') }} as worker on cases.caseworker_id = worker.caseworker_id
where worker.is_at_work or cases.open_requests > 0 or cases.open_assessments > 0 or cases.plans > 0
order by overdue_items desc, caseworker_id asc nulls last
