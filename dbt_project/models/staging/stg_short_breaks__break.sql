-- One row per child, service and start of short breaks.
select
    social_care_id,
    surname,
    forename,
    birth_date,
    service,
    start_date,
    end_date,
    hours as hours_per_year,
    {{ lineage(['social_care_id', 'service', 'start_date']) }}
from {{ source('landing', 'short_breaks__break') }}
qualify {{ is_latest_record(['social_care_id', 'service', 'start_date']) }}
