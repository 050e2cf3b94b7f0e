-- One row per census, school and pupil. Few are delivered more than once, and to put millions of whole records in order
-- to see which is the latest takes far longer than to look at their keys first.
{{ config(materialized='table') }}
{% set columns %}
    census_date,
    laestab,
    upn,
    upn || '/' || birth_date as person_anchor,
    uln,
    surname,
    forename,
    middle_names,
    birth_date,
    sex,
    ethnicity,
    language as first_language,
    postcode,
    pupil_premium as has_pupil_premium,
    sen_provision,
    sen_provision_start as sen_provision_start_date,
    sen_unit as is_in_sen_unit,
    resourced_provision as is_in_resourced_provision,
    nc_year,
    enrol_status,
    entry_date,
    leaving_date,
    part_time as is_part_time,
    sessions_possible,
    sessions_authorised,
    sessions_unauthorised,
    {{ lineage(['census_date', 'laestab', 'upn']) }}
{% endset %}

with repeated as (
    select
        census_date,
        laestab,
        upn
    from {{ source('landing', 'school_census__pupil') }}
    group by census_date, laestab, upn
    having count(*) > 1
)

select
    {{ columns }}
from {{ source('landing', 'school_census__pupil') }}
anti join repeated using (census_date, laestab, upn)
union all
select
    {{ columns }}
from {{ source('landing', 'school_census__pupil') }}
semi join repeated using (census_date, laestab, upn)
qualify {{ is_latest_record(['census_date', 'laestab', 'upn']) }}
