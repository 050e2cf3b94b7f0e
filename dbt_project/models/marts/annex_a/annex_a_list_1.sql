-- One row per child or young person with an active EHC plan: List 1 of Annex A to an area SEND inspection. Of the
-- child's plans the later, since only the most recent initial plan is wanted.
with amendments as (
    select
        plan_id,
        max(final_amended_date) as last_amended_date
    from {{ ref('fct_review') }}
    group by plan_id
)

select
    children.unique_id,
    children.upn,
    children.uln,
    children.birth_date as date_of_birth,
    children.gender,
    children.ethnicity,
    coalesce(plan.issued_date, plan.plan_start_date) as date_initial_plan_issued,
    amendments.last_amended_date as date_updated_plan_issued,
    coalesce(review_due.last_review_date, review_due.last_review_decision_date) as date_plan_last_reviewed,
    children.primary_need as sen_primary_need,
    children.main_urn as main_establishment_urn,
    children.main_phase as main_establishment_phase,
    children.subsidiary_phase as subsidiary_establishment_phase,
    {{ yes_or_no('home_educated.plan_id is not null') }} as elective_home_education,
    children.suspensions,
    children.permanent_exclusions,
    children.absence,
    children.pupil_premium,
    children.known_to_social_care,
    children.social_care_team,
    children.disability,
    children.child_id,
    children.plan_id,
    children.record_id,
    children.source_file,
    children.source_row
from {{ ref('int_annex_a_children') }} as children
inner join {{ ref('fct_plan') }} as plan on children.plan_id = plan.plan_id
inner join {{ ref('int_plan_review_due') }} as review_due on children.plan_id = review_due.plan_id
-- left, both: few plans were amended, and few children are educated at home
left join amendments on children.plan_id = amendments.plan_id
left join {{ ref('list_elective_home_education') }} as home_educated on children.plan_id = home_educated.plan_id
where children.list_number = 1
order by children.unique_id asc
