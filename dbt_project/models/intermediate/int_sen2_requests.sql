-- One row per Requests record of the SEN2 survey in hand, with the one assessment and the one plan under it: requests
-- received in the collection period, those decided or assessed since it began or still ongoing, and one for every plan.
{{ config(materialized='table') }}

with survey as (
    select
        period_start,
        period_end,
        reference_date as as_at
    from {{ source('landing', 'sen2_survey') }}
),

-- of several assessments of a request, that of a plan in the return, else the latest
assessments as (
    select
        assessment.assessment_id,
        assessment.request_id,
        assessment.agreed_date,
        {{ known_by_as_at('assessment.outcome', 'assessment.outcome_date') }} as outcome,
        {{ by_as_at('assessment.outcome_date') }} as outcome_date,
        {{ by_as_at('assessment.plan_issued_date') }} as plan_issued_date
    from {{ ref('fct_assessment') }} as assessment
    cross join survey
    left join {{ ref('int_sen2_plans') }} as plan on assessment.assessment_id = plan.assessment_id
    where {{ begun_by_as_at('assessment.agreed_date') }}
    qualify row_number() over (
        partition by assessment.request_id
        order by
            plan.plan_id is null asc,
            assessment.agreed_date desc nulls last,
            assessment.assessment_id desc
    ) = 1
),

-- a request that a plan came of is decided, whatever its record says
planned as (
    select distinct plan.request_id
    from {{ ref('fct_plan') }} as plan
    cross join survey
    where plan.plan_start_date <= as_at
),

requests as (
    select
        request.request_id,
        request.child_id,
        request.received_date,
        {{ known_by_as_at('request.outcome', 'request.outcome_date') }} as recorded_outcome,
        {{ by_as_at('request.outcome_date') }} as recorded_outcome_date,
        -- an outcome cannot have come before its request; a date without an outcome decides nothing
        case
            when coalesce(recorded_outcome, 'A') != 'A' and recorded_outcome_date is not null
                then greatest(recorded_outcome_date, request.received_date)
        end as decided_date,
        request.exported_la is not null as is_exported,
        assessment.assessment_id,
        assessment.agreed_date,
        assessment.outcome as recorded_assessment_outcome,
        assessment.outcome_date as recorded_assessment_date,
        assessment.plan_issued_date,
        case
            when is_exported then false
            when assessment.assessment_id is null and planned.request_id is null
                then coalesce(recorded_outcome, 'A') = 'A'
            when assessment.assessment_id is null then false
            -- agreed to issue but not issued yet is ongoing too
            when coalesce(recorded_assessment_outcome, 'A') in ('A', 'Y')
                then coalesce(recorded_assessment_date, assessment.plan_issued_date) is null
            else false
        end as is_ongoing
    from {{ ref('fct_request') }} as request
    cross join survey
    -- left: most requests are not assessed, or not yet
    left join assessments as assessment on request.request_id = assessment.request_id
    left join planned on request.request_id = planned.request_id
),

in_scope as (
    select
        coalesce(plan.requests_id, request.request_id) as requests_id,
        coalesce(plan.child_id, request.child_id) as child_id,
        request.request_id,
        request.assessment_id,
        plan.plan_id,
        request.is_exported,
        request.recorded_outcome,
        request.recorded_outcome_date,
        request.recorded_assessment_outcome,
        request.recorded_assessment_date,
        request.plan_issued_date,
        coalesce(plan.is_transferred_in, false) as is_transferred_in,
        coalesce(request.decided_date, request.agreed_date, plan.plan_start_date)
        < survey.period_start as is_decided_before,
        coalesce(request.recorded_assessment_date, plan.plan_start_date)
        < survey.period_start as is_assessed_before
    from requests as request
    -- full: a request without a plan in the return, and a plan without a request on record
    full outer join {{ ref('int_sen2_plans') }} as plan on request.request_id = plan.requests_id
    cross join survey
    where
        plan.plan_id is not null
        or (
            request.child_id is not null
            and request.received_date <= survey.period_end
            and (
                request.received_date >= survey.period_start
                or request.is_ongoing
                or greatest(request.recorded_outcome_date, request.recorded_assessment_date) >= survey.period_start
            )
        )
)

select
    requests_id,
    child_id,
    request_id,
    assessment_id,
    plan_id,
    case
        when is_decided_before or (is_transferred_in and request_id is null) then 'H'
        when request_id is null then null
        when is_exported and coalesce(recorded_outcome, 'A') = 'A' then 'W'
        else coalesce(recorded_outcome, 'A')
    end as request_outcome,
    case when request_outcome in ('Y', 'N') then recorded_outcome_date end as request_outcome_date,
    case
        when is_assessed_before or is_transferred_in then 'H'
        -- a historical request whose assessment nobody recorded was assessed when it was decided
        when assessment_id is null and recorded_outcome = 'H' then 'H'
        when assessment_id is null then null
        when is_exported and coalesce(recorded_assessment_outcome, 'A') = 'A' then 'W'
        else coalesce(recorded_assessment_outcome, 'A')
    end as assessment_outcome,
    case
        when assessment_outcome = 'Y' then coalesce(recorded_assessment_date, plan_issued_date)
        when assessment_outcome in ('N', 'S') then recorded_assessment_date
    end as assessment_outcome_date
from in_scope
