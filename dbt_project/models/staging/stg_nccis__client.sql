-- One row per month and young person.
{% set key = ['period_end', 'client_id'] %}

with superseded as (
    {{ superseded_records(source('landing', 'nccis__client'), key) | indent(4) }}
)

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
    {{ lineage(key) }}
from {{ source('landing', 'nccis__client') }}
anti join superseded using (_delivery, _file, _row)
