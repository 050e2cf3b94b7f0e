-- One row per person of a source as the linkage compares it: names without accents and placeholders, dates that say
-- something, every postcode the source knows, and a hash of all this, by which a pair is known to be scored already.
{{ config(materialized='table') }}

with numbered as (
    select
        anchor_kind,
        anchor,
        row_number() over (order by priority, anchor_kind, anchor)::integer as record_number
    from {{ ref('identity__person') }}
),

-- Each name is brought to its standard form once, however many bear it.
surnames as (
    select
        surname,
        {{ standard_surname('surname') }} as standard
    from (select distinct surname from {{ ref('identity__person') }})
),

forenames as (
    select
        forename,
        {{ standard_forename('forename') }} as standard
    from (select distinct forename from {{ ref('identity__person') }})
),

said as (
    select
        numbered.record_number,
        person.anchor_kind || ':' || person.anchor as record_key,
        person.anchor_kind,
        person.anchor,
        person.priority,
        surnames.standard as surname,
        forenames.standard as forenames,
        {{ known_birth_date('person.birth_date', 'run.as_at') }} as birth_date,
        case when person.sex in ('M', 'F') then person.sex end as sex,
        replace(upper(person.postcode), ' ', '') as postcode,
        person.upn,
        person.uln,
        person.nhs_number,
        coalesce({{ is_permanent_upn('person.upn') }}, false) as has_permanent_upn
    from {{ ref('identity__person') }} as person
    inner join numbered on person.anchor_kind = numbered.anchor_kind and person.anchor = numbered.anchor
    -- left, both: not every source knows every name
    left join surnames on person.surname = surnames.surname
    left join forenames on person.forename = forenames.forename
    cross join {{ source('landing', 'run') }} as run
),

known_postcodes as (
    select
        'cin' as anchor_kind,
        social_care_id as anchor,
        postcode
    from {{ ref('stg_ssd__address') }}
    union all
    select
        'upn' as anchor_kind,
        person_anchor as anchor,
        postcode
    from {{ ref('stg_school_census__pupil') }}
    union all
    select
        person_kind as anchor_kind,
        person_anchor as anchor,
        postcode
    from {{ ref('stg_therapy_waits__referral') }}
    union all
    select
        'nccis' as anchor_kind,
        client_id as anchor,
        postcode
    from {{ ref('stg_nccis__client') }}
),

postcode_histories as (
    select
        person.anchor_kind,
        person.anchor,
        list(distinct replace(upper(known_postcodes.postcode), ' ', '')) as postcodes
    from known_postcodes
    inner join {{ ref('identity__person') }} as person
        on known_postcodes.anchor_kind = person.anchor_kind and known_postcodes.anchor = person.anchor
    where known_postcodes.postcode is not null and known_postcodes.postcode is distinct from person.postcode
    group by person.anchor_kind, person.anchor
),

named as (
    select
        said.record_number,
        said.record_key,
        said.anchor_kind,
        said.anchor,
        said.priority,
        replace(said.surname, ' ', '') as surname,
        string_split(said.surname, ' ') as surname_parts,
        split_part(said.forenames, ' ', 1) as forename,
        replace(said.forenames, ' ', '') as forenames,
        said.birth_date,
        strftime(said.birth_date, '%Y%m%d') as birth_text,
        said.sex,
        said.postcode,
        list_sort(list_distinct(list_concat(histories.postcodes, [said.postcode]))) as postcodes,
        said.upn,
        said.uln,
        said.nhs_number,
        said.has_permanent_upn
    from said
    -- left: most sources know one postcode alone
    left join postcode_histories as histories
        on said.anchor_kind = histories.anchor_kind and said.anchor = histories.anchor
),

grouped as (
    select
        named.record_number,
        named.record_key,
        named.anchor_kind,
        named.anchor,
        named.priority,
        named.surname,
        named.surname_parts,
        named.forename,
        named.forenames,
        named.birth_date,
        named.birth_text,
        named.sex,
        named.postcode,
        named.postcodes,
        named.upn,
        named.uln,
        named.nhs_number,
        named.has_permanent_upn,
        coalesce(alike.forename_group, named.forename) as forename_group
    from named
    -- left: most forenames are written in one way alone
    left join {{ ref('forename_group') }} as alike on named.forename = alike.forename
)

select
    record_number,
    record_key,
    anchor_kind,
    anchor,
    priority,
    surname,
    surname_parts,
    forename,
    forenames,
    forename_group,
    birth_date,
    birth_text,
    sex,
    postcode,
    postcodes,
    upn,
    uln,
    nhs_number,
    has_permanent_upn,
    coalesce({{ is_valid_nhs_number('nhs_number') }}, false) as has_valid_nhs_number,
    left(surname, 2) as surname_start,
    left(forename, 1) as forename_start,
    left(postcode, -2) as sector,
    least(forename_group, surname) || ' ' || greatest(forename_group, surname) as name_pair,
    year(birth_date) as birth_year,
    hash(
        surname, surname_parts, forenames, forename_group, birth_text, sex, postcode, postcodes, upn, uln, nhs_number
    )::varchar as content_hash
from grouped
