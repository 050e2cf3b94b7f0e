-- One row per staged record that belongs to a child: which child. The checks put it on their findings.
with cases as (
    select
        anchor as case_id,
        child_id
    from {{ ref('identity__anchor') }}
    where anchor_kind = 'case'
),

requests as (
    select
        request.request_id,
        request.record_id,
        cases.child_id
    from {{ ref('stg_ehc_case__request') }} as request
    inner join cases on request.case_id = cases.case_id
),

assessments as (
    select
        assessment.assessment_id,
        assessment.record_id,
        requests.child_id
    from {{ ref('stg_ehc_case__assessment') }} as assessment
    inner join requests on assessment.request_id = requests.request_id
),

plans as (
    select
        plan_id,
        record_id,
        child_id
    from {{ ref('int_plans_joined_to_children') }}
    where child_id is not null
),

children_in_need as (
    select
        anchor as la_child_id,
        child_id
    from {{ ref('identity__anchor') }}
    where anchor_kind = 'cin'
)

select
    'ehc_case' as extract,
    'child' as table_name,
    case_id as record_id,
    child_id
from cases
union all
select
    'ehc_case' as extract,
    'request' as table_name,
    record_id,
    child_id
from requests
union all
select
    'ehc_case' as extract,
    'assessment' as table_name,
    record_id,
    child_id
from assessments
union all
select
    'ehc_case' as extract,
    'advice' as table_name,
    advice.record_id,
    assessments.child_id
from {{ ref('stg_ehc_case__advice') }} as advice
inner join assessments on advice.assessment_id = assessments.assessment_id
union all
select
    'ehc_case' as extract,
    'plan' as table_name,
    record_id,
    child_id
from plans
{% for table in ['placement', 'plan_setting', 'need', 'review'] %}
    union all
    select
        'ehc_case' as extract,
        '{{ table }}' as table_name,
        record.record_id,
        plans.child_id
    from {{ ref('stg_ehc_case__' ~ table) }} as record
    inner join plans on record.plan_id = plans.plan_id
{% endfor %}
union all
select
    'school_census' as extract,
    'pupil' as table_name,
    pupil.record_id,
    anchor.child_id
from {{ ref('stg_school_census__pupil') }} as pupil
inner join {{ ref('identity__anchor') }} as anchor
    on pupil.person_anchor = anchor.anchor and anchor.anchor_kind = 'upn'
union all
select
    'therapy_waits' as extract,
    'referral' as table_name,
    referral.record_id,
    anchor.child_id
from {{ ref('stg_therapy_waits__referral') }} as referral
inner join {{ ref('identity__anchor') }} as anchor
    on referral.person_kind = anchor.anchor_kind and referral.person_anchor = anchor.anchor
{% for table in ['child', 'cin_episode', 'child_protection_plan'] %}
    union all
    select
        'cin_census' as extract,
        '{{ table }}' as table_name,
        record.record_id,
        children_in_need.child_id
    from {{ ref('stg_cin_census__' ~ table) }} as record
    inner join children_in_need on record.la_child_id = children_in_need.la_child_id
{% endfor %}
