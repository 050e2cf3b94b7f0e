-- One row per establishment and inspection.
select
    urn,
    inspection_start_date,
    publication_date,
    overall_effectiveness,
    quality_of_education,
    behaviour_and_attitudes,
    personal_development,
    leadership_and_management,
    safeguarding_is_effective as is_safeguarding_effective,
    {{ lineage(['urn', 'inspection_start_date']) }}
from {{ source('landing', 'ofsted__inspection') }}
qualify {{ is_latest_record(['urn', 'inspection_start_date']) }}
