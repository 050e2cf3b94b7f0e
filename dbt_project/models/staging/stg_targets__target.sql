-- One row per indicator and period.
select
    indicator,
    period_start,
    period_end,
    target,
    amber_from,
    {{ lineage(['indicator', 'period_start']) }}
from {{ source('landing', 'targets__target') }}
qualify {{ is_latest_record(['indicator', 'period_start']) }}
