-- One row per needs assessment. The final plan is due 20 weeks from receipt of the request (SEND Regulations 2014,
-- reg. 13(2)), a decision to issue none 16 weeks from it (reg. 10(1)). The exceptions of reg. 10(4) excuse both.
with first_plans as (
    select
        assessment_id,
        min_by(plan_id, (coalesce(issued_date, plan_start_date), plan_id)) as plan_id,
        min(coalesce(issued_date, plan_start_date)) as issued_date
    from {{ ref('stg_ehc_case__plan') }}
    where assessment_id is not null
    group by assessment_id
),

assessments as (
    select
        assessment.assessment_id,
        assessment.request_id,
        anchor.child_id,
        {{ by_as_at('request.received_date') }} as received_date,
        {{ by_as_at('assessment.agreed_date') }} as agreed_date,
        {{ known_by_as_at('assessment.outcome', 'assessment.outcome_date') }} as outcome,
        {{ by_as_at('assessment.outcome_date') }} as outcome_date,
        {{ by_as_at('assessment.draft_plan_date') }} as draft_plan_date,
        case when first_plans.issued_date <= run.as_at then first_plans.plan_id end as plan_id,
        {{ by_as_at("coalesce(
            first_plans.issued_date, case when assessment.outcome = 'Y' then assessment.outcome_date end
        )") }} as plan_issued_date,
        coalesce(assessment.has_exception, false) as has_exception,
        assessment.exception_reason,
        case
            when assessment.has_exception then coalesce(assessment.exception_reason, 'unstated')
        end as claimed_exception,
        assessment.has_mediation,
        assessment.has_appeal,
        assessment.has_content_mediation,
        assessment.has_content_appeal,
        coalesce(request.exported_la is not null, false) as is_exported,
        assessment.record_id,
        assessment.source_file,
        assessment.source_row,
        run.as_at
    from {{ ref('stg_ehc_case__assessment') }} as assessment
    cross join {{ source('landing', 'run') }} as run
    -- left: an assessment whose request was quarantined is still an assessment
    left join {{ ref('stg_ehc_case__request') }} as request on assessment.request_id = request.request_id
    left join {{ ref('identity__anchor') }} as anchor
        on request.case_id = anchor.anchor and anchor.anchor_kind = 'case'
    left join first_plans on assessment.assessment_id = first_plans.assessment_id
    where {{ begun_by_as_at('coalesce(assessment.agreed_date, request.outcome_date, request.received_date)') }}
)

select
    assessment_id,
    request_id,
    child_id,
    received_date,
    agreed_date,
    outcome,
    outcome_date,
    draft_plan_date,
    plan_id,
    plan_issued_date,
    has_exception,
    exception_reason,
    has_mediation,
    has_appeal,
    has_content_mediation,
    has_content_appeal,
    coalesce(outcome not in ('Y', 'N', 'W', 'H', 'S'), true)
    and plan_issued_date is null
    and not is_exported as is_open,
    -- a plan issued after another LA assessed (S) is not this LA's 20 weeks
    {{ statutory_clock(
        'plan', 'received_date', "case when coalesce(outcome, 'A') in ('Y', 'A') then plan_issued_date end", weeks=20,
        is_ended='not is_open', exception='claimed_exception'
    ) }},
    {{ statutory_clock(
        'no_plan', "case when outcome = 'N' then received_date end", 'outcome_date', weeks=16,
        is_ended='not is_open', exception='claimed_exception'
    ) }},
    record_id,
    source_file,
    source_row
from assessments
