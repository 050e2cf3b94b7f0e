-- One row per child known to the SEN team.
{{ config(materialized='table') }}

select
    case_id,
    upn,
    uln,
    upn_unknown,
    nhs_number,
    social_care_id,
    surname,
    forename,
    middle_names,
    preferred_name,
    birth_date,
    sex,
    ethnicity,
    postcode,
    address,
    uprn,
    nc_year,
    caseworker as caseworker_id,
    team,
    home_la,
    first_language,
    parent_email,
    {{ lineage(['case_id']) }}
from {{ source('landing', 'ehc_case__child') }}
qualify {{ is_latest_record(['case_id']) }}
