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
{% for table in ['placement', 'plan_setting', 'need', 'review', 'audit'] %}
    union all
    select
        'ehc_case' as extract,
        '{{ table }}' as table_name,
        record.record_id,
        plans.child_id
    from {{ ref('stg_ehc_case__' ~ table) }} as record
    inner join plans on record.plan_id = plans.plan_id
{% endfor %}
{% for table in ['awaiting_provision', 'visit', 'mediation_appeal', 'complaint'] %}
    union all
    select
        'ehc_case' as extract,
        '{{ table }}' as table_name,
        record.record_id,
        cases.child_id
    from {{ ref('stg_ehc_case__' ~ table) }} as record
    inner join cases on record.case_id = cases.case_id
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
{% for table in ['need', 'exclusion'] %}
    union all
    select
        'school_census' as extract,
        '{{ table }}' as table_name,
        record.record_id,
        anchor.child_id
    from {{ ref('stg_school_census__' ~ table) }} as record
    inner join {{ ref('stg_school_census__pupil') }} as pupil
        on record.census_date = pupil.census_date and record.laestab = pupil.laestab and record.upn = pupil.upn
    inner join {{ ref('identity__anchor') }} as anchor
        on pupil.person_anchor = anchor.anchor and anchor.anchor_kind = 'upn'
{% endfor %}
{% for table in [
    'child', 'disability', 'cin_episode', 'assessment', 'cin_plan', 'section_47', 'child_protection_plan',
    'child_protection_review'
] %}
    union all
    select
        'cin_census' as extract,
        '{{ table }}' as table_name,
        record.record_id,
        children_in_need.child_id
    from {{ ref('stg_cin_census__' ~ table) }} as record
    inner join children_in_need on record.la_child_id = children_in_need.la_child_id
{% endfor %}
{% for extract, table, model in [
    ('ssda903', 'header', 'ssda903__header'),
    ('ssda903', 'episode', 'ssda903__episode'),
    ('ssda903', 'review', 'ssda903__review'),
    ('ssda903', 'missing', 'ssda903__missing'),
    ('ssd', 'ssd_person', 'ssd__person'),
    ('ssd', 'ssd_linked_identifiers', 'ssd__linked_identifiers'),
    ('ssd', 'ssd_address', 'ssd__address'),
    ('ssd', 'ssd_disability', 'ssd__disability'),
    ('ssd', 'ssd_cin_episodes', 'ssd__cin_episodes'),
    ('ssd', 'ssd_cp_plans', 'ssd__cp_plans'),
    ('ssd', 'ssd_cla_episodes', 'ssd__cla_episodes'),
    ('ssd', 'ssd_involvements', 'ssd__involvements'),
    ('ssd', 'ssd_send', 'ssd__send'),
    ('short_breaks', 'break', 'short_breaks__break'),
] %}
    union all
    select
        '{{ extract }}' as extract,
        '{{ table }}' as table_name,
        record.record_id,
        children_in_need.child_id
    from {{ ref('stg_' ~ model) }} as record
    inner join children_in_need on record.social_care_id = children_in_need.la_child_id
{% endfor %}
{% for extract, table, kind, anchor in [
    ('nccis', 'client', "'nccis'", 'client_id'),
    ('ehe_cme', 'register', 'record.person_kind', 'person_anchor'),
    ('health_advice', 'advice', 'record.person_kind', 'person_anchor'),
    ('continuing_care', 'package', 'record.person_kind', 'person_anchor'),
    ('early_notifications', 'notification', 'record.person_kind', 'person_anchor'),
    ('youth_justice', 'intervention', "'youth_justice'", 'person_anchor'),
] %}
    union all
    select
        '{{ extract }}' as extract,
        '{{ table }}' as table_name,
        record.record_id,
        anchor.child_id
    from {{ ref('stg_' ~ extract ~ '__' ~ table) }} as record
    inner join {{ ref('identity__anchor') }} as anchor
        on record.{{ anchor }} = anchor.anchor and {{ kind }} = anchor.anchor_kind
{% endfor %}
union all
select
    'high_needs_spend' as extract,
    'spend' as table_name,
    spend.record_id,
    plans.child_id
from {{ ref('stg_high_needs_spend__spend') }} as spend
inner join {{ ref('stg_ehc_case__placement') }} as placement on spend.placement_id = placement.placement_id
inner join plans on placement.plan_id = plans.plan_id
union all
-- by the UPN, as the fact has found its holder
select
    'attainment' as extract,
    'result' as table_name,
    record_id,
    child_id
from {{ ref('fct_attainment') }}
where child_id is not null
