-- One row per child with an active plan and no full-time place, or on the register of children missing education, the
-- longest missing first.
with register as (
    select
        child_id,
        start_date,
        last_seen_date,
        last_contact_date,
        tracked_by,
        record_id,
        source_file,
        source_row
    from {{ ref('fct_ehe_cme') }}
    where is_open and register_status = 'CME'
    qualify row_number() over (partition by child_id order by start_date asc, register_id asc) = 1
),

places as (
    select
        plan_id,
        is_in_education,
        is_in_education and coalesce(attendance_pattern = 'P', false) as is_part_time,
        is_current,
        entry_date,
        leaving_date
    from {{ ref('fct_placement') }}
),

places_of_plans as (
    select
        plan_id,
        count(*) filter (where is_current and is_in_education and not is_part_time) as full_time_places,
        count(*) filter (where is_current and is_part_time) as part_time_places,
        count(*) filter (where is_current and not is_in_education) as spells_not_in_education,
        min(entry_date) filter (where is_current and is_part_time) as part_time_since_date,
        min(entry_date) filter (where is_current and not is_in_education) as not_in_education_since_date,
        max(leaving_date) filter (where is_in_education) as last_leaving_date
    from places
    group by plan_id
),

home_educated as (
    select distinct child_id
    from {{ ref('fct_ehe_cme') }}
    where is_open and register_status = 'EHE'
),

without_full_time_place as (
    select
        plan.child_id,
        plan.case_id,
        plan.plan_id,
        coalesce(place.part_time_places, 0) as part_time_places,
        case
            when place.part_time_places > 0 then 'part-time place only'
            when place.spells_not_in_education > 0 then 'not in education'
            else 'no placement recorded'
        end as reason,
        case reason
            when 'part-time place only' then coalesce(place.part_time_since_date, plan.plan_start_date)
            when 'not in education'
                then coalesce(place.not_in_education_since_date, place.last_leaving_date, plan.plan_start_date)
            else coalesce(place.last_leaving_date, plan.plan_start_date)
        end as since_date,
        plan.record_id,
        plan.source_file,
        plan.source_row
    from {{ ref('int_children_with_plans') }} as plan
    -- left: no placement at all is what the list is for
    left join places_of_plans as place on plan.plan_id = place.plan_id
    anti join home_educated on plan.child_id = home_educated.child_id
    where coalesce(place.full_time_places, 0) = 0
),

missing as (
    select
        coalesce(unplaced.child_id, register.child_id) as child_id,
        unplaced.case_id,
        coalesce(unplaced.plan_id, other.plan_id) as plan_id,
        register.child_id is not null as is_on_cme_register,
        case when register.child_id is not null then 'on the register' else unplaced.reason end as reason,
        least(unplaced.since_date, register.start_date) as missing_since_date,
        coalesce(unplaced.part_time_places, 0) as part_time_places,
        register.last_seen_date,
        register.last_contact_date,
        register.tracked_by,
        case when unplaced.plan_id is not null then 'ehc_case' else 'ehe_cme' end as source_extract,
        coalesce(unplaced.record_id, register.record_id) as record_id,
        coalesce(unplaced.source_file, register.source_file) as source_file,
        coalesce(unplaced.source_row, register.source_row) as source_row
    from without_full_time_place as unplaced
    full join register on unplaced.child_id = register.child_id
    -- left: a child on the register may have a plan with a place that it does not attend
    left join {{ ref('int_children_with_plans') }} as other on register.child_id = other.child_id
),

visits as (
    select
        child_id,
        max(visit_date) as last_visit_date
    from {{ ref('fct_visit') }}
    where child_id is not null
    group by child_id
)

select
    missing.child_id,
    coalesce(missing.case_id, child.case_id) as case_id,
    child.upn,
    child.surname,
    child.forename,
    child.birth_date,
    child.age,
    {{ is_of_compulsory_school_age('child.birth_date') }} as is_of_compulsory_school_age,
    coalesce(child.caseworker_name, child.caseworker_id) as caseworker_name,
    child.team,
    missing.plan_id,
    missing.plan_id is not null as has_plan,
    missing.is_on_cme_register,
    missing.reason,
    missing.missing_since_date,
    (run.as_at - missing.missing_since_date)::integer as days_missing,
    missing.part_time_places::integer as part_time_places,
    greatest(missing.last_seen_date, visits.last_visit_date) as last_seen_date,
    missing.last_contact_date,
    coalesce(missing.tracked_by, child.caseworker_name, child.caseworker_id) as tracked_by,
    {{ source_missing('ehe_cme') }} as source_missing,
    missing.source_extract,
    missing.record_id,
    missing.source_file,
    missing.source_row
from missing
cross join {{ source('landing', 'run') }} as run
-- left, both: most are never visited, and a plan whose records lead to no child stays on the list
left join visits on missing.child_id = visits.child_id
left join {{ ref('dim_child') }} as child on missing.child_id = child.child_id
order by missing.missing_since_date asc, missing.child_id asc, missing.plan_id asc
