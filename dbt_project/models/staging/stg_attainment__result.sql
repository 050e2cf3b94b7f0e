-- One row per pupil, key stage, year and subject.
{% set key = ['academic_year', 'key_stage', 'upn', 'subject'] %}

with superseded as (
    {{ superseded_records(source('landing', 'attainment__result'), key) | indent(4) }}
)

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
    {{ lineage(key) }}
from {{ source('landing', 'attainment__result') }}
anti join superseded using (_delivery, _file, _row)
