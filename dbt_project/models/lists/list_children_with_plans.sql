-- One row per child with an active EHC plan; the later plan where a child holds two.
with plans as (
    select
        plan_id,
        child_id,
        plan_start_date,
        residential,
        record_id,
        source_file,
        source_row,
        count(*) over child_window as active_plans
    from {{ ref('fct_plan') }}
    where is_active
    -- a plan whose records lead to no child stands by itself
    window child_window as (partition by coalesce(child_id, plan_id))
    qualify row_number() over (child_window order by plan_start_date desc, plan_id desc) = 1
),

primary_needs as (
    select
        plan_id,
        min_by(sen_type, need_rank) as primary_need
    from {{ ref('fct_need') }}
    where need_rank = 1
    group by plan_id
),

code_meanings as (
    select
        code_set,
        code,
        min(meaning) as meaning
    from {{ ref('code_sets') }}
    where code_set in ('sen_type', 'sen_setting')
    group by code_set, code
),

health as (
    select
        child_id,
        count(*) filter (where is_open) as open_referrals
    from {{ ref('fct_health_referral') }}
    group by child_id
),

social_care as (
    select
        child_id,
        bool_or(is_protected) as is_protected
    from (
        select
            child_id,
            false as is_protected
        from {{ ref('fct_cin_episode') }}
        where is_open
        union all
        select
            child_id,
            true as is_protected
        from {{ ref('fct_child_protection_plan') }}
        where is_open
    )
    group by child_id
)

select
    plans.child_id,
    of_child.case_id,
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
    plans.active_plans::integer as active_plans,
    primary_needs.primary_need,
    need_meaning.meaning as primary_need_name,
    coalesce(place.placement_basis, 'none recorded') as placement_basis,
    place.placement_start_date,
    place.establishment_urn,
    coalesce(place.establishment_name, place.sen_setting_other, setting_meaning.meaning) as establishment_name,
    case
        when place.establishment_type is not null then place.establishment_type
        when place.sen_setting is not null then 'Other setting'
    end as establishment_type,
    place.establishment_la_code,
    place.is_in_area,
    coalesce(place.residential, plans.residential) is not null as is_residential,
    review_due.last_review_date,
    review_due.last_review_decision_date,
    review_due.next_review_due_date,
    review_due.review_days_overdue,
    review_due.review_days_overdue > 0 as is_review_overdue,
    health.child_id is not null as is_known_to_health,
    coalesce(health.open_referrals, 0)::integer as open_health_referrals,
    social_care.child_id is not null as is_known_to_social_care,
    case
        when social_care.is_protected then 'child protection plan'
        when social_care.child_id is not null then 'child in need'
        else 'none known'
    end as social_care_status,
    plans.record_id,
    plans.source_file,
    plans.source_row
from plans
inner join {{ ref('int_plans_joined_to_children') }} as of_child on plans.plan_id = of_child.plan_id
inner join {{ ref('int_plan_review_due') }} as review_due on plans.plan_id = review_due.plan_id
-- left, all of them: what is not recorded is shown as missing, and the child stays on the list
left join {{ ref('dim_child') }} as child on plans.child_id = child.child_id
left join {{ ref('int_plan_places') }} as place on plans.plan_id = place.plan_id
left join primary_needs on plans.plan_id = primary_needs.plan_id
left join code_meanings as need_meaning
    on need_meaning.code_set = 'sen_type' and primary_needs.primary_need = need_meaning.code
left join code_meanings as setting_meaning
    on setting_meaning.code_set = 'sen_setting' and place.sen_setting = setting_meaning.code
left join health on plans.child_id = health.child_id
left join social_care on plans.child_id = social_care.child_id
order by review_due.review_days_overdue desc, review_due.next_review_due_date asc, plans.plan_id asc
