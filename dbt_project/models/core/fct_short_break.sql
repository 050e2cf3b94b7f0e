-- One row per child, service and start of short breaks.
select
    record.social_care_id,
    anchor.child_id,
    record.service,
    record.start_date,
    {{ by_as_at('record.end_date') }} as end_date,
    record.hours_per_year,
    coalesce(record.end_date > run.as_at, true) as is_open,
    record.record_id,
    record.source_file,
    record.source_row
from {{ ref('stg_short_breaks__break') }} as record
cross join {{ source('landing', 'run') }} as run
inner join {{ ref('identity__anchor') }} as anchor
    on record.social_care_id = anchor.anchor and 'cin' = anchor.anchor_kind
where record.start_date <= run.as_at
