-- One row per person with a SEND identifier.
select
    send_table_id as send_id,
    send_person_id as social_care_id,
    send_upn as upn,
    send_uln as uln,
    send_upn_unknown as upn_unknown,
    {{ lineage(['send_table_id']) }}
from {{ source('landing', 'ssd__ssd_send') }}
qualify {{ is_latest_record(['send_table_id']) }}
