-- One row per child. Each attribute comes from the first source that gives it: case system, census, health, social
-- care, and then the others.
{% set attributes = [
    'upn', 'uln', 'nhs_number', 'surname', 'forename', 'middle_names', 'birth_date', 'sex',
    'ethnicity', 'postcode', 'nc_year', 'first_language', 'source_extract', 'record_id', 'source_file', 'source_row',
] %}
{% set of_person = 'person.social_care_id, person.' ~ attributes | join(', person.') %}
{% set first_said = [] %}
{% for name in attributes %}{% do first_said.append('min_by(' ~ name ~ ', rank) as ' ~ name) %}{% endfor %}

with linked as (
    select
        anchor_kind,
        anchor
    from {{ ref('identity__link') }}
    union
    select
        to_kind as anchor_kind,
        to_anchor as anchor
    from {{ ref('identity__link') }}
),

-- Most children are known to one source alone: there is nothing to choose.
known_once as (
    select
        anchor.child_id,
        case when person.anchor_kind = 'case' then person.anchor end as case_id,
        {{ of_person }}
    from {{ ref('identity__person') }} as person
    inner join {{ ref('identity__anchor') }} as anchor
        on person.anchor_kind = anchor.anchor_kind and person.anchor = anchor.anchor
    anti join linked on person.anchor_kind = linked.anchor_kind and person.anchor = linked.anchor
),

persons as (
    select
        anchor.child_id,
        anchor.record_number as rank,
        person.anchor_kind,
        person.anchor,
        {{ of_person }}
    from {{ ref('identity__person') }} as person
    inner join {{ ref('identity__anchor') }} as anchor
        on person.anchor_kind = anchor.anchor_kind and person.anchor = anchor.anchor
    semi join linked on person.anchor_kind = linked.anchor_kind and person.anchor = linked.anchor
),

-- min_by passes over what is null, so the best source that has a value gives it
known_often as (
    select
        child_id,
        min_by(case when anchor_kind = 'case' then anchor end, rank) as case_id,
        coalesce(
            min_by(case when anchor_kind = 'cin' then social_care_id end, rank),
            min_by(social_care_id, rank)
        ) as social_care_id,
        {{ first_said | join(', ') }}
    from persons
    group by child_id
),

children as (
    select
        child_id,
        case_id,
        social_care_id,
        {{ attributes | join(', ') }}
    from known_once
    union all
    select
        child_id,
        case_id,
        social_care_id,
        {{ attributes | join(', ') }}
    from known_often
)

select
    children.child_id,
    children.case_id,
    children.upn,
    children.uln,
    case when coalesce(children.upn, children.uln) is null then cases.upn_unknown end as upn_unknown,
    children.nhs_number,
    children.social_care_id,
    children.surname,
    children.forename,
    children.middle_names,
    cases.preferred_name,
    children.birth_date,
    datesub('year', children.birth_date, run.as_at)::integer as age,
    children.sex,
    children.ethnicity,
    children.postcode,
    cases.address,
    cases.uprn,
    children.nc_year,
    {{ nc_year_by_age('children.birth_date', school_year_start('run.as_at')) }} as nc_year_by_age,
    cases.caseworker_id,
    caseworker.caseworker_name,
    coalesce(cases.team, caseworker.team) as team,
    cases.home_la,
    children.first_language,
    cases.parent_email,
    children.source_extract,
    children.record_id,
    children.source_file,
    children.source_row
from children
-- left: most children have no case
left join {{ ref('stg_ehc_case__child') }} as cases on children.case_id = cases.case_id
left join {{ ref('stg_ehc_case__caseworker') }} as caseworker on cases.caseworker_id = caseworker.caseworker_id
cross join {{ source('landing', 'run') }} as run
