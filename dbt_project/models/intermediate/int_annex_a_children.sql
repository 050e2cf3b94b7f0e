-- One row per child on a list of Annex A, with what both lists say. List 1 has who holds an active plan, List 2 who is
-- on SEN support at the last census of the school. What inspectors ask of the last 6 months is told of the 6 months to
-- the day, or to the newest census where that is older: then it is the most recent there is.
{{ config(materialized='table') }}

with newest as (
    select
        max(enrolment.census_date) as census_date,
        case
            when max(enrolment.census_date) <= any_value(run.as_at) - interval 6 month then max(enrolment.census_date)
            else any_value(run.as_at)
        end as until_date,
        (until_date - interval 6 month)::date as after_date
    from {{ ref('fct_census_enrolment') }} as enrolment
    cross join {{ source('landing', 'run') }} as run
),

-- a school that has sent no census for a year before the newest has no roll
last_censuses as (
    select
        enrolment.laestab,
        max(enrolment.census_date) as census_date
    from {{ ref('fct_census_enrolment') }} as enrolment
    cross join newest
    where enrolment.census_date > newest.census_date - interval 1 year
    group by enrolment.laestab
),

-- a guest is on another school's roll; a subsidiary registration stands beside the main one
enrolments as (
    select
        enrolment.child_id,
        enrolment.laestab,
        enrolment.sen_provision,
        enrolment.has_pupil_premium,
        coalesce(enrolment.enrol_status = 'S', false) as is_subsidiary,
        enrolment.record_id,
        enrolment.source_file,
        enrolment.source_row
    from {{ ref('fct_census_enrolment') }} as enrolment
    inner join last_censuses
        on enrolment.laestab = last_censuses.laestab and enrolment.census_date = last_censuses.census_date
    where enrolment.leaving_date is null and enrolment.enrol_status is distinct from 'G'
    qualify row_number() over (
        partition by enrolment.child_id, is_subsidiary
        order by
            enrolment.census_date desc,
            enrolment.sen_provision is not distinct from 'K' desc,
            enrolment.laestab asc
    ) = 1
),

rolls as (
    select
        child_id,
        max(laestab) filter (where not is_subsidiary) as main_laestab,
        max(laestab) filter (where is_subsidiary) as subsidiary_laestab,
        min_by(sen_provision, is_subsidiary) as sen_provision,
        bool_or(has_pupil_premium) as has_pupil_premium,
        min_by(record_id, is_subsidiary) as record_id,
        min_by(source_file, is_subsidiary) as source_file,
        min_by(source_row, is_subsidiary) as source_row
    from enrolments
    group by child_id
),

children as (
    select
        1 as list_number,
        -- a plan whose records lead to no child is listed all the same
        coalesce(child_id, plan_id) as unique_id,
        child_id,
        plan_id,
        primary_need,
        record_id,
        source_file,
        source_row
    from {{ ref('int_children_with_plans') }}
    union all
    select
        2 as list_number,
        rolls.child_id as unique_id,
        rolls.child_id,
        null as plan_id,
        null as primary_need,
        rolls.record_id,
        rolls.source_file,
        rolls.source_row
    from rolls
    anti join {{ ref('int_children_with_plans') }} as plans on rolls.child_id = plans.child_id
    where rolls.sen_provision = 'K'
),

-- types of need are not recorded at every census
census_needs as (
    select
        child_id,
        sen_type
    from {{ ref('fct_census_need') }}
    where child_id is not null and sen_type is not null
    qualify row_number() over (
        partition by child_id
        order by census_date desc, need_rank asc, laestab asc
    ) = 1
),

settings as (
    select
        plan_id,
        coalesce(establishment_urn, urn) as urn,
        coalesce(setting_rank = 2, false) as is_subsidiary
    from {{ ref('fct_placement') }}
    where is_current
    qualify row_number() over (
        partition by plan_id, is_subsidiary
        order by
            setting_rank asc nulls last,
            entry_date desc nulls last,
            placement_id asc
    ) = 1
),

placed as (
    select
        plan_id,
        bool_or(not is_subsidiary) as has_main_placement,
        max(urn) filter (where not is_subsidiary) as main_urn,
        max(urn) filter (where is_subsidiary) as subsidiary_urn
    from settings
    group by plan_id
),

-- a number of the census may have passed from one establishment of the register to the next
registered as (
    select
        laestab,
        urn
    from {{ ref('dim_establishment') }}
    where laestab is not null
    qualify row_number() over (
        partition by laestab
        order by is_open desc, open_date desc nulls last, urn desc
    ) = 1
),

phases as (
    select
        establishment.urn,
        {{ annex_a_phase() }} as phase
    from {{ ref('dim_establishment') }} as establishment
),

exclusions as (
    select
        exclusion.child_id,
        count(*) filter (where exclusion.exclusion_category = 'SUSP') as suspensions,
        count(*) filter (where exclusion.exclusion_category = 'PERM') as permanent_exclusions
    from {{ ref('fct_exclusion') }} as exclusion
    cross join newest
    where
        exclusion.child_id is not null
        and exclusion.start_date > newest.after_date
        and exclusion.start_date <= newest.until_date
    group by exclusion.child_id
),

attendance as (
    select
        enrolment.child_id,
        enrolment.census_date,
        enrolment.sessions_possible,
        coalesce(enrolment.sessions_authorised, 0) + coalesce(enrolment.sessions_unauthorised, 0) as sessions_missed
    from {{ ref('fct_census_enrolment') }} as enrolment
    semi join children on enrolment.child_id = children.child_id
    where
        enrolment.sessions_possible > 0
        and coalesce(enrolment.sessions_authorised, enrolment.sessions_unauthorised) is not null
),

last_attendance as (
    select
        child_id,
        max(census_date) as census_date
    from attendance
    group by child_id
),

-- each census tells of its own term; of a child in none of the last 6 months, the last there is
absences as (
    select
        attendance.child_id,
        round(100.0 * sum(attendance.sessions_missed) / sum(attendance.sessions_possible), 1)::double as absence
    from attendance
    inner join last_attendance on attendance.child_id = last_attendance.child_id
    cross join newest
    where attendance.census_date > newest.after_date or attendance.census_date = last_attendance.census_date
    group by attendance.child_id
),

disabilities as (
    select
        child_id,
        bool_or(is_disability) as has_disability
    from {{ ref('fct_disability') }}
    where is_current and child_id is not null
    group by child_id
),

sources as (
    select
        {{ is_delivered('cin_census') }}
        or {{ is_delivered('ssda903') }}
        or {{ is_delivered('ssd') }} as is_social_care_delivered
),

codes as (
    select distinct
        code_set,
        code
    from {{ ref('code_sets') }}
    where code_set in ('sen_type', 'ethnicity')
)

select
    children.list_number,
    children.unique_id,
    children.child_id,
    children.plan_id,
    child.upn,
    child.uln,
    child.birth_date,
    case child.sex when 'M' then 'Male' when 'F' then 'Female' end as gender,
    -- a code that is none of DfE's says nothing; nor does NSA of a plan, while the census has it
    ethnicities.code as ethnicity,
    case children.list_number when 1 then sen_types.code else census_needs.sen_type end as primary_need,
    case when placed.has_main_placement then placed.main_urn else main_school.urn end as main_urn,
    main_phase.phase as main_phase,
    subsidiary_phase.phase as subsidiary_phase,
    case
        when rolls.child_id is not null then coalesce(exclusions.suspensions, 0)
        else exclusions.suspensions
    end::integer as suspensions,
    case
        when rolls.child_id is not null then coalesce(exclusions.permanent_exclusions, 0)
        else exclusions.permanent_exclusions
    end::integer as permanent_exclusions,
    absences.absence,
    {{ yes_or_no('rolls.has_pupil_premium') }} as pupil_premium,
    case
        when involved.child_id is not null then 'Yes'
        when sources.is_social_care_delivered then 'No'
    end as known_to_social_care,
    case
        when involved.is_looked_after then 'Looked after children'
        when involved.is_protected then 'Child protection'
        when involved.is_in_need then 'Children in need'
        when involved.has_short_breaks then 'Short breaks'
    end as social_care_team,
    {{ yes_or_no('disabilities.has_disability') }} as disability,
    children.record_id,
    children.source_file,
    children.source_row
from children
cross join sources
-- left, all of them: what is not recorded is shown as missing, and the child stays on the list
left join {{ ref('dim_child') }} as child on children.child_id = child.child_id
left join rolls on children.child_id = rolls.child_id
left join census_needs on children.child_id = census_needs.child_id
left join placed on children.plan_id = placed.plan_id
left join registered as main_school on rolls.main_laestab = main_school.laestab
left join registered as subsidiary_school on rolls.subsidiary_laestab = subsidiary_school.laestab
left join phases as main_phase
    on main_phase.urn = case when placed.has_main_placement then placed.main_urn else main_school.urn end
left join phases as subsidiary_phase on subsidiary_phase.urn = coalesce(placed.subsidiary_urn, subsidiary_school.urn)
left join exclusions on children.child_id = exclusions.child_id
left join absences on children.child_id = absences.child_id
left join disabilities on children.child_id = disabilities.child_id
left join {{ ref('int_social_care_involvement') }} as involved on children.child_id = involved.child_id
left join codes as ethnicities on ethnicities.code_set = 'ethnicity' and child.ethnicity = ethnicities.code
left join codes as sen_types on sen_types.code_set = 'sen_type' and children.primary_need = sen_types.code
