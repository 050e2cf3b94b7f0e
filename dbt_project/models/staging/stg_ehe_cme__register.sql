-- One row per spell of elective home education or of missing education.
select
    register_id,
    surname,
    forename,
    birth_date,
    upn,
    sex,
    postcode,
    status as register_status,
    start_date,
    reason,
    last_contact_date,
    last_visit_date,
    last_seen_date,
    tracked_by,
    outcome,
    closed_date,
    case when upn is null then 'ehe_cme' else 'upn' end as person_kind,
    coalesce(upn || '/' || birth_date, register_id) as person_anchor,
    {{ lineage(['register_id']) }}
from {{ source('landing', 'ehe_cme__register') }}
qualify {{ is_latest_record(['register_id']) }}
