-- One row per address of a person.
select
    addr_table_id as address_id,
    addr_person_id as social_care_id,
    addr_address_postcode as postcode,
    addr_address_start_date as start_date,
    addr_address_end_date as end_date,
    {{ lineage(['addr_table_id']) }}
from {{ source('landing', 'ssd__ssd_address') }}
qualify {{ is_latest_record(['addr_table_id']) }}
