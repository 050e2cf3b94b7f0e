-- One row per request or needs assessment that is open, the longest running first.
with cases as (
    select
        coalesce(request.request_id, assessment.request_id) as request_id,
        assessment.assessment_id,
        coalesce(request.child_id, assessment.child_id) as child_id,
        request.case_id,
        request.received_date,
        request.decision_due_date,
        request.decision_stop_date as decision_date,
        request.is_decision_within_limit,
        request.decision_status,
        coalesce(assessment.has_exception, false) as has_exception,
        assessment.exception_reason,
        assessment.agreed_date,
        assessment.draft_plan_date,
        coalesce(request.record_id, assessment.record_id) as record_id,
        coalesce(request.source_file, assessment.source_file) as source_file,
        coalesce(request.source_row, assessment.source_row) as source_row,
        run.as_at
    from {{ ref('fct_request') }} as request
    -- full: a request may have no assessment yet, and an assessment whose request was quarantined is still in progress
    full join {{ ref('fct_assessment') }} as assessment on request.request_id = assessment.request_id
    cross join {{ source('landing', 'run') }} as run
    -- left: a plan may be transferred in or older than the records, and then has no assessment
    left join (select distinct request_id from {{ ref('fct_plan') }}) as planned
        on request.request_id = planned.request_id
    where
        coalesce(
            assessment.is_open,
            request.is_open
            or (request.outcome = 'Y' and request.exported_la is null and planned.request_id is null)
        )
),

advice as (
    select
        assessment_id,
        count(*) as requested,
        count(*) filter (where is_outstanding) as outstanding,
        count(*) filter (where advice_status = 'overdue') as overdue,
        count(*) filter (where is_outstanding and agency = 'education') as education,
        count(*) filter (where is_outstanding and agency = 'ep') as ep,
        count(*) filter (where is_outstanding and agency = 'health') as health,
        count(*) filter (where is_outstanding and agency = 'social_care') as social_care,
        count(*) filter (where is_outstanding and agency = 'sensory') as sensory,
        count(*) filter (
            where is_outstanding
            and coalesce(agency not in ('education', 'ep', 'health', 'social_care', 'sensory'), true)
        ) as others,
        min(advice_due_date) filter (where is_outstanding) as next_due_date,
        max(advice_due_date) filter (where is_outstanding) as last_due_date,
        max(returned_date) as last_returned_date
    from {{ ref('fct_advice') }}
    group by assessment_id
)

select
    cases.request_id,
    cases.assessment_id,
    cases.child_id,
    coalesce(child.case_id, cases.case_id) as case_id,
    child.upn,
    child.surname,
    child.forename,
    child.birth_date,
    coalesce(child.caseworker_name, child.caseworker_id) as caseworker_name,
    child.team,
    case
        when cases.assessment_id is null and cases.decision_date is null then 'deciding whether to assess'
        when cases.assessment_id is null then 'agreed but no assessment recorded'
        when cases.draft_plan_date is not null then 'draft sent'
        when advice.outstanding > 0 or advice.requested is null then 'gathering advice'
        else 'drafting'
    end as stage,
    cases.received_date,
    (cases.as_at - cases.received_date)::integer as statutory_day,
    cases.decision_due_date,
    cases.decision_date,
    cases.is_decision_within_limit,
    coalesce(cases.decision_status, 'not applicable') as decision_status,
    cases.received_date + 7 * 16 as no_plan_due_date,
    cases.received_date + 7 * 20 as plan_due_date,
    (plan_due_date - cases.as_at)::integer as days_to_plan_due,
    coalesce(plan_due_date < cases.as_at, false) as is_plan_overdue,
    cases.has_exception,
    cases.exception_reason,
    cases.draft_plan_date,
    -- The 20 weeks fall into 6 to decide, 6 for advice, 4 to draft and 4 from the draft to the final plan. What is
    -- still to come takes its full weeks, from the day the step under way is due, or from as_at where that has passed.
    case stage
        when 'deciding whether to assess' then greatest(cases.as_at, cases.decision_due_date) + 7 * (6 + 4 + 4)
        when 'agreed but no assessment recorded' then cases.as_at + 7 * (6 + 4 + 4)
        when 'gathering advice'
            then greatest(
                cases.as_at,
                coalesce(advice.last_due_date, coalesce(cases.agreed_date, cases.decision_date) + 7 * 6)
            ) + 7 * (4 + 4)
        when 'drafting' then greatest(cases.as_at, advice.last_returned_date + 7 * 4) + 7 * 4
        when 'draft sent' then greatest(cases.as_at, cases.draft_plan_date + 7 * 4)
    end as forecast_finish_date,
    forecast_finish_date <= plan_due_date as is_forecast_in_time,
    coalesce(advice.requested, 0)::integer as advice_requested,
    coalesce(advice.outstanding, 0)::integer as advice_outstanding,
    coalesce(advice.overdue, 0)::integer as advice_overdue,
    coalesce(advice.education, 0)::integer as advice_outstanding_education,
    coalesce(advice.ep, 0)::integer as advice_outstanding_ep,
    coalesce(advice.health, 0)::integer as advice_outstanding_health,
    coalesce(advice.social_care, 0)::integer as advice_outstanding_social_care,
    coalesce(advice.sensory, 0)::integer as advice_outstanding_sensory,
    coalesce(advice.others, 0)::integer as advice_outstanding_other,
    advice.next_due_date as next_advice_due_date,
    cases.record_id,
    cases.source_file,
    cases.source_row
from cases
-- left, both: advice may not have been asked for yet, and the case stays on the list though its child is not known
left join advice on cases.assessment_id = advice.assessment_id
left join {{ ref('dim_child') }} as child on cases.child_id = child.child_id
order by cases.received_date asc nulls first, cases.request_id asc, cases.assessment_id asc
