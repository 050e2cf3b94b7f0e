-- One row per establishment, academic year and kind of place commissioned. Places are commissioned ahead, so years to
-- come are here too.
select
    urn,
    academic_year,
    academic_year_start_date,
    place_kind,
    places_commissioned::integer as places_commissioned,
    places_offered::integer as places_offered,
    cost_per_place,
    primary_need,
    phase,
    record_id,
    source_file,
    source_row
from {{ ref('stg_commissioned_places__place') }}
