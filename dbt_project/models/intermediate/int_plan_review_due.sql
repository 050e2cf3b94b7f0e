-- One row per active plan: its last review, and the day by which the next must be concluded. For a plan transferred in,
-- the day by which the family must be told of it.
with reviews as (
    select
        plan_id,
        max(meeting_date) as last_review_date,
        max(decision_date) as last_review_decision_date,
        count(*) filter (where is_held) as reviews_held
    from {{ ref('fct_review') }}
    group by plan_id
)

select
    plan.plan_id,
    reviews.last_review_date,
    reviews.last_review_decision_date,
    coalesce(reviews.reviews_held, 0) as reviews_held,
    greatest(plan.plan_start_date, reviews.last_review_decision_date) as cycle_start_date,
    {{ review_due('cycle_start_date', 'plan.transfer_in_date') }} as next_review_due_date,
    greatest(run.as_at - next_review_due_date, 0)::integer as review_days_overdue,
    {{ transfer_notice_due('plan.transfer_in_date') }} as transfer_notice_due_date
from {{ ref('fct_plan') }} as plan
cross join {{ source('landing', 'run') }} as run
-- left: a young plan has had no review
left join reviews on plan.plan_id = reviews.plan_id
where plan.is_active
