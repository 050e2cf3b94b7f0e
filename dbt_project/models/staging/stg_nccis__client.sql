-- One row per month and young person.
select
    period_end,
    client_id,
    uln,
    upn,
    surname,
    forename,
    birth_date,
    sex,
    postcode,
    activity_code,
    send_level,
    activity_start_date,
    neet_start_date,
    due_to_lapse_date,
    establishment_urn,
    predicted_end_date,
    {{ lineage(['period_end', 'client_id']) }}
from {{ source('landing', 'nccis__client') }}
qualify {{ is_latest_record(['period_end', 'client_id']) }}
