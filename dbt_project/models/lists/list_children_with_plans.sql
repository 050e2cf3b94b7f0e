-- One row per child with an active EHC plan; the later plan where a child holds two.
with needs as (
    select
        code,
        min(meaning) as meaning
    from {{ ref('code_sets') }}
    where code_set = 'sen_type'
    group by code
),

health as (
    select
        child_id,
        count(*) filter (where is_open) as open_referrals
    from {{ ref('fct_health_referral') }}
    group by child_id
),

continuing_care as (
    select distinct child_id
    from {{ ref('fct_continuing_care') }}
    where is_open and child_id is not null
)

select
    plans.child_id,
    plans.case_id,
    child.upn,
    child.surname,
    child.forename,
    child.birth_date,
    child.preferred_name,
    child.age,
    child.nc_year,
    coalesce(child.caseworker_name, child.caseworker_id) as caseworker_name,
    child.team,
    plans.plan_id,
    plans.plan_start_date,
    plans.active_plans,
    plans.primary_need,
    needs.meaning as primary_need_name,
    plans.placement_basis,
    plans.placement_start_date,
    plans.establishment_urn,
    plans.establishment_name,
    plans.establishment_type,
    plans.establishment_la_code,
    plans.is_in_area,
    plans.is_residential,
    review_due.last_review_date,
    review_due.last_review_decision_date,
    review_due.next_review_due_date,
    review_due.review_days_overdue,
    review_due.review_days_overdue > 0 as is_review_overdue,
    health.child_id is not null or continuing_care.child_id is not null as is_known_to_health,
    coalesce(health.open_referrals, 0)::integer as open_health_referrals,
    continuing_care.child_id is not null as has_continuing_care,
    involved.child_id is not null as is_known_to_social_care,
    case
        when involved.is_looked_after then 'looked after'
        when involved.is_protected then 'child protection plan'
        when involved.is_in_need then 'child in need'
        else 'none known'
    end as social_care_status,
    coalesce(involved.is_looked_after, false) as is_looked_after,
    coalesce(involved.has_short_breaks, false) as has_short_breaks,
    plans.record_id,
    plans.source_file,
    plans.source_row
from {{ ref('int_children_with_plans') }} as plans
inner join {{ ref('int_plan_review_due') }} as review_due on plans.plan_id = review_due.plan_id
-- left, all of them: what is not recorded is shown as missing, and the child stays on the list
left join {{ ref('dim_child') }} as child on plans.child_id = child.child_id
left join needs on plans.primary_need = needs.code
left join health on plans.child_id = health.child_id
left join continuing_care on plans.child_id = continuing_care.child_id
left join {{ ref('int_social_care_involvement') }} as involved on plans.child_id = involved.child_id
order by review_due.review_days_overdue desc, review_due.next_review_due_date asc, plans.plan_id asc
