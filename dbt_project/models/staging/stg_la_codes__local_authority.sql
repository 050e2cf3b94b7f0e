-- One row per local authority in England.
select
    la_code,
    gss_code,
    la_name,
    region,
    {{ lineage(['la_code']) }}
from {{ source('landing', 'la_codes__local_authority') }}
qualify {{ is_latest_record(['la_code']) }}
