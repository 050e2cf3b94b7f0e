-- One row per plan open at the reference date, however old, with its latest review and the phase transfer to come.
with survey as (
    select reference_date as as_at from {{ source('landing', 'sen2_survey') }}
),

latest_reviews as (
    select
        review.plan_id,
        {{ by_as_at('review.meeting_date') }} as meeting_date,
        {{ known_by_as_at('review.decision', 'review.decision_date') }} as decision,
        {{ by_as_at('review.decision_date') }} as decision_date,
        {{ by_as_at('review.draft_amended_date') }} as draft_amended_date
    from {{ ref('fct_review') }} as review
    cross join survey
    where coalesce(review.meeting_date, review.decision_date) <= as_at
    qualify row_number() over (
        partition by review.plan_id
        order by coalesce(review.meeting_date, review.decision_date) desc, review.review_id desc
    ) = 1
)

select
    plan.requests_id,
    plan.child_id as person_id,
    case when plan.is_transferred_in then plan.transferred_from_la end as transfer_la,
    review.meeting_date as review_meeting,
    review.decision as review_outcome,
    review.decision_date as last_review,
    review.draft_amended_date as review_draft,
    transfer.phase_transfer_deadline as phase_transfer_due_date,
    {{ by_as_at('transfer.phase_transfer_finalised_date') }} as phase_transfer_final_date,
    plan.record_id,
    plan.source_file,
    plan.source_row
from {{ ref('int_sen2_plans') }} as plan
cross join survey
-- left: a young plan has had no review, and most children stay in their phase
left join latest_reviews as review on plan.plan_id = review.plan_id
left join {{ ref('int_phase_transfers') }} as transfer on plan.plan_id = transfer.plan_id
where plan.is_open
