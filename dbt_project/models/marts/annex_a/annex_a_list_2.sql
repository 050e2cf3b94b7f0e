-- One row per child or young person on SEN support at the last census of the school and without an EHC plan: List 2 of
-- Annex A to an area SEND inspection.
select
    unique_id,
    upn,
    uln,
    birth_date as date_of_birth,
    gender,
    ethnicity,
    primary_need as sen_primary_need,
    main_urn as main_establishment_urn,
    main_phase as main_establishment_phase,
    subsidiary_phase as subsidiary_establishment_phase,
    suspensions,
    permanent_exclusions,
    absence,
    pupil_premium,
    known_to_social_care,
    social_care_team,
    disability,
    child_id,
    record_id,
    source_file,
    source_row
from {{ ref('int_annex_a_children') }}
where list_number = 2
order by unique_id asc
