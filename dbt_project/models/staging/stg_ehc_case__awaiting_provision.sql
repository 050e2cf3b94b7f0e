-- One row per child and day since when it awaits specialist provision.
select
    case_id,
    since as waiting_since_date,
    kind as provision_kind,
    interim_arrangement,
    {{ lineage(['case_id', 'since']) }}
from {{ source('landing', 'ehc_case__awaiting_provision') }}
qualify {{ is_latest_record(['case_id', 'since']) }}
