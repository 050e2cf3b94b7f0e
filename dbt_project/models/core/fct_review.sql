-- One row per review of a plan. A plan is reviewed within 12 months (Children and Families Act 2014, s. 44(1)), the
-- decision sent within 4 weeks of the meeting (SEND Regulations 2014, reg. 20(10)), and where it is to amend, the final
-- amended plan within 12 weeks of the meeting (R (L, M and P) v Devon CC, 2022).
with reviews as (
    select
        review.review_id,
        review.plan_id,
        plan.child_id,
        review.review_kind,
        review.recorded_due_date,
        {{ by_as_at('review.meeting_date') }} as meeting_date,
        {{ known_by_as_at('review.decision', 'review.decision_date') }} as decision,
        {{ by_as_at('review.decision_date') }} as decision_date,
        {{ by_as_at('review.draft_amended_date') }} as draft_amended_date,
        {{ by_as_at('review.final_amended_date') }} as final_amended_date,
        review.attended_by,
        review.has_pfa_adviser,
        review.has_parent_views,
        review.has_child_views,
        plan.plan_start_date,
        started.transfer_in_date,
        review.record_id,
        review.source_file,
        review.source_row,
        run.as_at
    from {{ ref('stg_ehc_case__review') }} as review
    cross join {{ source('landing', 'run') }} as run
    -- left: the review of a plan that was quarantined is still a review
    left join {{ ref('int_plans_joined_to_children') }} as plan on review.plan_id = plan.plan_id
    left join {{ ref('fct_plan') }} as started on review.plan_id = started.plan_id
    where
        {{ begun_by_as_at('plan.plan_start_date') }}
        and {{ begun_by_as_at('least(
            review.meeting_date, review.decision_date, review.draft_amended_date, review.final_amended_date
        )') }}
)

select
    review_id,
    plan_id,
    child_id,
    review_kind,
    recorded_due_date,
    meeting_date,
    decision,
    decision_date,
    draft_amended_date,
    final_amended_date,
    attended_by,
    has_pfa_adviser,
    has_parent_views,
    has_child_views,
    coalesce(meeting_date, decision_date) is not null as is_held,
    decision_date is not null as is_concluded,
    greatest(
        plan_start_date,
        max(decision_date) over (
            partition by plan_id
            order by coalesce(meeting_date, decision_date) nulls last, review_id
            rows between unbounded preceding and 1 preceding
        )
    ) as review_start_date,
    {{ review_due('review_start_date', 'transfer_in_date') }} as review_due_date,
    case
        when decision_date is not null then decision_date <= review_due_date
        when as_at > review_due_date then false
    end as is_review_within_limit,
    {{ statutory_clock('decision', 'meeting_date', 'decision_date', weeks=4) }},
    {{ statutory_clock(
        'amended_plan', "case when decision = 'A' then meeting_date end", 'final_amended_date', weeks=12
    ) }},
    record_id,
    source_file,
    source_row
from reviews
