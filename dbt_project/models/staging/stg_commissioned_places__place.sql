-- One row per establishment, academic year and kind of place.
select
    urn,
    academic_year,
    kind as place_kind,
    places as places_commissioned,
    offered as places_offered,
    cost_per_place,
    primary_need,
    phase,
    try_cast(regexp_extract(academic_year, '^[0-9]{4}') || '-09-01' as date) as academic_year_start_date,
    {{ lineage(['urn', 'academic_year', 'kind']) }}
from {{ source('landing', 'commissioned_places__place') }}
qualify {{ is_latest_record(['urn', 'academic_year', 'kind']) }}
