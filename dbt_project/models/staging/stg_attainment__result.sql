-- One row per pupil, key stage, year and subject.
select
    academic_year,
    key_stage,
    upn,
    birth_date,
    urn,
    subject,
    result,
    points,
    met_expected as is_expected_standard_met,
    try_cast(regexp_extract(academic_year, '^[0-9]{4}') || '-09-01' as date) as academic_year_start_date,
    {{ lineage(['academic_year', 'key_stage', 'upn', 'subject']) }}
from {{ source('landing', 'attainment__result') }}
qualify {{ is_latest_record(['academic_year', 'key_stage', 'upn', 'subject']) }}
