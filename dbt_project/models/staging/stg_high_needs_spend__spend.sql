-- One row per placement, month and kind of spend.
select
    placement_id,
    month as spend_month,
    kind as spend_kind,
    amount,
    forecast as is_forecast,
    {{ lineage(['placement_id', 'month', 'kind']) }}
from {{ source('landing', 'high_needs_spend__spend') }}
qualify {{ is_latest_record(['placement_id', 'month', 'kind']) }}
