-- One row per census, school and pupil. Many models read it, so which records do not stand is found once, in a table.
{{ config(tags=['over_a_table']) }}

select
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
from {{ source('landing', 'school_census__pupil') }}
anti join {{ ref('stg_school_census__superseded_pupil') }} using (_delivery, _file, _row)
