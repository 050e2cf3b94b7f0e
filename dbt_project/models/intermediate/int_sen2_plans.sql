-- One row per EHC plan of the SEN2 survey in hand: every plan in force on some day between the first of the collection
-- period and the reference date. So it started or ceased in that time, or is open, however old.
{{ config(materialized='table') }}

with survey as (
    select
        period_start,
        reference_date as as_at
    from {{ source('landing', 'sen2_survey') }}
),

plans as (
    select
        plan.plan_id,
        plan.child_id,
        plan.assessment_id,
        coalesce(own.request_id, through_assessment.request_id, plan.request_id, plan.plan_id) as request_id,
        plan.plan_start_date,
        {{ by_as_at('plan.cease_date') }} as cease_date,
        {{ known_by_as_at('plan.cease_reason', 'plan.cease_date') }} as cease_reason,
        coalesce(plan.cease_date > as_at, true) as is_open,
        coalesce(plan.transfer_in_date >= survey.period_start, false) as is_transferred_in,
        plan.transferred_from_la,
        plan.record_id,
        plan.source_file,
        plan.source_row
    from {{ ref('fct_plan') }} as plan
    cross join survey
    -- left: a plan older than the records, or one whose request was quarantined, still has to be returned
    left join {{ ref('fct_request') }} as own on plan.request_id = own.request_id
    left join {{ ref('fct_assessment') }} as assessment on plan.assessment_id = assessment.assessment_id
    left join {{ ref('fct_request') }} as through_assessment on assessment.request_id = through_assessment.request_id
    where
        plan.child_id is not null
        and plan.plan_start_date <= as_at
        and {{ begun_by_as_at('plan.transfer_in_date') }}
        and coalesce(plan.cease_date >= survey.period_start, true)
)

select
    plan_id,
    child_id,
    assessment_id,
    -- a Requests record has one plan, so each further plan of a request has a record made for it
    case row_number() over (partition by request_id order by plan_start_date, plan_id)
        when 1 then request_id
        else request_id || ' ' || plan_id
    end as requests_id,
    plan_start_date,
    cease_date,
    cease_reason,
    is_open,
    is_transferred_in,
    transferred_from_la,
    record_id,
    source_file,
    source_row
from plans
