-- One row per person as one source knows them: a case, a census pupil, a patient, a child in the CIN census. Which of
-- them are the same child is decided in identity__link; this model only says who each source speaks of.
{{ config(materialized='table') }}

with persons as (
    select
        'case' as anchor_kind,
        1 as priority,
        child.case_id as anchor,
        child.upn,
        child.uln,
        child.nhs_number,
        child.social_care_id,
        child.surname,
        child.forename,
        child.middle_names,
        child.birth_date,
        child.sex,
        child.ethnicity,
        child.postcode,
        child.nc_year,
        child.first_language,
        'ehc_case' as source_extract,
        child.record_id,
        child.source_file,
        child.source_row
    from {{ ref('stg_ehc_case__child') }} as child
    union all by name
    -- a request whose child row was quarantined is still some child's: the case number is a sure key by itself
    select
        'case' as anchor_kind,
        1 as priority,
        request.case_id as anchor,
        'ehc_case' as source_extract,
        min_by(request.record_id, request.record_id) as record_id,
        min_by(request.source_file, request.record_id) as source_file,
        min_by(request.source_row, request.record_id) as source_row
    from {{ ref('stg_ehc_case__request') }} as request
    anti join {{ ref('stg_ehc_case__child') }} as child on request.case_id = child.case_id
    group by request.case_id
    union all by name
    select
        'upn' as anchor_kind,
        2 as priority,
        pupil.person_anchor as anchor,
        pupil.upn,
        pupil.uln,
        pupil.surname,
        pupil.forename,
        pupil.middle_names,
        pupil.birth_date,
        pupil.sex,
        pupil.ethnicity,
        pupil.postcode,
        pupil.nc_year,
        pupil.first_language,
        'school_census' as source_extract,
        pupil.record_id,
        pupil.source_file,
        pupil.source_row
    from {{ ref('stg_school_census__pupil') }} as pupil
    qualify
        row_number() over (
            partition by pupil.person_anchor order by pupil.census_date desc, pupil.record_id asc
        ) = 1
    union all by name
    select
        referral.person_kind as anchor_kind,
        case referral.person_kind when 'nhs' then 3 else 5 end as priority,
        referral.person_anchor as anchor,
        referral.nhs_number,
        referral.surname,
        referral.forename,
        referral.birth_date,
        referral.sex,
        referral.postcode,
        'therapy_waits' as source_extract,
        referral.record_id,
        referral.source_file,
        referral.source_row
    from {{ ref('stg_therapy_waits__referral') }} as referral
    qualify
        row_number() over (
            partition by referral.person_kind, referral.person_anchor
            order by referral.received_date desc, referral.record_id asc
        ) = 1
    union all by name
    select
        'cin' as anchor_kind,
        4 as priority,
        child.la_child_id as anchor,
        child.upn,
        child.la_child_id as social_care_id,
        child.birth_date,
        case child.sex when '1' then 'M' when '2' then 'F' else child.sex end as sex,
        child.ethnicity,
        'cin_census' as source_extract,
        child.record_id,
        child.source_file,
        child.source_row
    from {{ ref('stg_cin_census__child') }} as child
    qualify row_number() over (partition by child.la_child_id order by child.reference_date desc) = 1
)

select
    anchor_kind,
    priority,
    anchor,
    upn,
    uln,
    nhs_number,
    social_care_id,
    surname,
    forename,
    middle_names,
    birth_date,
    sex,
    ethnicity,
    postcode,
    nc_year,
    first_language,
    source_extract,
    record_id,
    source_file,
    source_row
from persons
