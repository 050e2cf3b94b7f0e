-- One row per postcode.
select
    postcode,
    lsoa,
    ward,
    la_gss_code,
    idaci_decile,
    {{ lineage(['postcode']) }}
from {{ source('landing', 'postcodes__postcode') }}
qualify {{ is_latest_record(['postcode']) }}
