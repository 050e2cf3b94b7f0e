-- One row per youth justice intervention.
select
    intervention_id,
    person_id,
    surname,
    forename,
    birth_date,
    postcode,
    kind as intervention_kind,
    start_date,
    end_date,
    coalesce(person_id, 'intervention ' || intervention_id) as person_anchor,
    {{ lineage(['intervention_id']) }}
from {{ source('landing', 'youth_justice__intervention') }}
qualify {{ is_latest_record(['intervention_id']) }}
