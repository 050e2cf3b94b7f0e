-- One row per finding: what is wrong with a record, where it came from and who mends it. Built after the checks.
select
    finding_key,
    rule_id,
    rule_name,
    severity,
    owner,
    organisation,
    dataset,
    extract,
    record_id,
    child_id,
    item,
    value,
    source_file,
    source_row::bigint as source_row,
    remedy,
    first_seen_at::timestamp as first_seen_at,
    state
from {{ source('checks', 'finding') }}
order by severity, rule_id, extract, record_id nulls last, item nulls last, finding_key
