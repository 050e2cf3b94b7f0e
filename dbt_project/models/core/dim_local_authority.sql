-- One row per local authority in England.
select
    la_code,
    gss_code,
    la_name,
    region,
    record_id,
    source_file,
    source_row
from {{ ref('stg_la_codes__local_authority') }}
