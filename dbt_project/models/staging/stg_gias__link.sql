-- One row per predecessor or successor of an establishment.
select
    urn,
    link_urn,
    link_name,
    link_type,
    link_established_date,
    {{ lineage(['urn', 'link_urn', 'link_type']) }}
from {{ source('landing', 'gias__link') }}
qualify {{ is_latest_record(['urn', 'link_urn', 'link_type']) }}
