-- One row per placement, month and kind of high needs spend. A forecast is said of months to come.
select
    record.placement_id,
    placement.child_id,
    placement.establishment_urn,
    record.spend_month,
    record.spend_kind,
    record.amount,
    coalesce(record.is_forecast, false) as is_forecast,
    record.record_id,
    record.source_file,
    record.source_row
from {{ ref('stg_high_needs_spend__spend') }} as record
cross join {{ source('landing', 'run') }} as run
-- left: the ledger may name a placement that the case system does not know
left join {{ ref('fct_placement') }} as placement on record.placement_id = placement.placement_id
where coalesce(record.is_forecast, false) or record.spend_month <= run.as_at
