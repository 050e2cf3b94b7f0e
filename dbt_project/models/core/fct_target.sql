-- One row per indicator and period. Targets are set ahead, so periods to come are here too.
select
    indicator,
    period_start as period_start_date,
    period_end as period_end_date,
    target,
    amber_from,
    record_id,
    source_file,
    source_row
from {{ ref('stg_targets__target') }}
