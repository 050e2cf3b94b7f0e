-- One row per young person aged 16 to 25 with an active plan, NEET and not known first.
with reviews as (
    select
        review.child_id,
        max(review.meeting_date) as last_review_date,
        count(*) as reviews_from_year_9,
        count(*) filter (where review.has_pfa_adviser) as reviews_with_pfa_adviser,
        max(review.meeting_date) filter (where review.has_pfa_adviser) as last_pfa_review_date
    from {{ ref('fct_review') }} as review
    inner join {{ ref('dim_child') }} as child on review.child_id = child.child_id
    where
        review.meeting_date is not null
        and {{ nc_year_by_age('child.birth_date', school_year_start('review.meeting_date')) }} >= 9
    group by review.child_id
),

attended as (
    select
        plan_id,
        string_agg(distinct work_based_learning, ', ' order by work_based_learning) as work_based_learning,
        bool_or(is_in_education) as is_in_education
    from {{ ref('fct_placement') }}
    where is_current
    group by plan_id
),

activities as (
    select
        code,
        min(meaning) as meaning
    from {{ ref('code_sets') }}
    where code_set = 'nccis_activity'
    group by code
),

young_people as (
    select
        plan.child_id,
        plan.case_id,
        child.upn,
        child.surname,
        child.forename,
        child.birth_date,
        child.age,
        child.nc_year,
        coalesce(child.caseworker_name, child.caseworker_id) as caseworker_name,
        child.team,
        plan.plan_id,
        plan.placement_basis,
        plan.placement_start_date,
        plan.establishment_urn,
        plan.establishment_name,
        attended.is_in_education,
        -- the codes of work-based learning are not published; councils write them as words or letters
        coalesce(attended.work_based_learning, plan.work_based_learning) as work_based_learning,
        {{ is_delivered('nccis') }} as is_nccis_delivered,
        plan.record_id,
        plan.source_file,
        plan.source_row
    from {{ ref('int_children_with_plans') }} as plan
    inner join {{ ref('dim_child') }} as child on plan.child_id = child.child_id
    -- left: who attends nothing is whom the list is for
    left join attended on plan.plan_id = attended.plan_id
    where child.age between 16 and 25
)

select
    person.child_id,
    person.case_id,
    person.upn,
    person.surname,
    person.forename,
    person.birth_date,
    person.age,
    person.nc_year,
    person.caseworker_name,
    person.team,
    person.plan_id,
    person.placement_basis,
    person.placement_start_date,
    person.establishment_urn,
    person.establishment_name,
    activity.activity_code,
    activities.meaning as activity_name,
    activity.period_end as activity_as_of_date,
    case
        when activity.activity_code is not null then 'NCCIS'
        when person.is_in_education is not null then 'case system'
        else 'none'
    end as activity_source,
    case
        when activity.is_neet then 'NEET'
        when activity.is_activity_not_known then 'not known'
        when activity.activity_code in ('260', '710') then 'other'
        when activity.activity_code is not null or person.is_in_education then 'in education, employment or training'
        when not person.is_in_education then 'NEET'
        else 'not known'
    end as activity_status,
    case
        when activity_source != 'none' or person.is_nccis_delivered then activity_status in ('NEET', 'not known')
    end as is_neet_or_unknown,
    activity.neet_start_date,
    coalesce(
        activity.is_supported_internship,
        regexp_matches(person.work_based_learning, '(?i)supported intern|^SI$'),
        false
    ) as is_supported_internship,
    coalesce(
        activity.is_apprenticeship,
        regexp_matches(person.work_based_learning, '(?i)apprentice|^APP$'),
        false
    ) as is_apprenticeship,
    coalesce(
        learns_at.establishment_name,
        activities.meaning,
        case when person.placement_basis = 'attended' then person.establishment_name end
    ) as destination_name,
    activity.predicted_end_date,
    reviews.last_review_date,
    coalesce(reviews.reviews_from_year_9, 0)::integer as reviews_from_year_9,
    coalesce(reviews.reviews_with_pfa_adviser, 0)::integer as reviews_with_pfa_adviser,
    coalesce(reviews.reviews_with_pfa_adviser, 0) > 0 as has_pfa_review,
    reviews.last_pfa_review_date,
    {{ source_missing('nccis') }} as source_missing,
    person.record_id,
    person.source_file,
    person.source_row
from young_people as person
-- left, all of them: what is not known of a young person is shown as not known
left join {{ ref('fct_post_16_activity') }} as activity on person.child_id = activity.child_id and activity.is_latest
left join activities on activity.activity_code = activities.code
left join {{ ref('dim_establishment') }} as learns_at on activity.establishment_urn = learns_at.urn
left join reviews on person.child_id = reviews.child_id
order by is_neet_or_unknown desc nulls first, person.birth_date asc, person.plan_id asc
