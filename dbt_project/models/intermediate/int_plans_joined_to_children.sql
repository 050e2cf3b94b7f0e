-- One row per EHC plan, future ones too, with the child of its request or else of its assessment's request.
{{ config(materialized='table') }}

with requests as (
    select
        request.request_id,
        request.case_id,
        anchor.child_id
    from {{ ref('stg_ehc_case__request') }} as request
    left join {{ ref('identity__anchor') }} as anchor
        on request.case_id = anchor.anchor and anchor.anchor_kind = 'case'
)

select
    plan.plan_id,
    coalesce(own.child_id, through_assessment.child_id) as child_id,
    coalesce(own.case_id, through_assessment.case_id) as case_id,
    plan.plan_start_date,
    plan.record_id
from {{ ref('stg_ehc_case__plan') }} as plan
-- left: a plan whose request was quarantined is still a plan
left join requests as own on plan.request_id = own.request_id
left join {{ ref('stg_ehc_case__assessment') }} as assessment
    on plan.assessment_id = assessment.assessment_id
left join requests as through_assessment
    on assessment.request_id = through_assessment.request_id
