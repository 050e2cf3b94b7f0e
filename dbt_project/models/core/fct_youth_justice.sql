-- One row per youth justice intervention. The extract gives no identifier that another knows, so its young people stand
-- by themselves until a name links them.
select
    record.intervention_id,
    anchor.child_id,
    record.intervention_kind,
    record.start_date,
    {{ by_as_at('record.end_date') }} as end_date,
    coalesce(record.end_date > run.as_at, true) as is_open,
    record.record_id,
    record.source_file,
    record.source_row
from {{ ref('stg_youth_justice__intervention') }} as record
cross join {{ source('landing', 'run') }} as run
inner join {{ ref('identity__anchor') }} as anchor
    on record.person_anchor = anchor.anchor and 'youth_justice' = anchor.anchor_kind
where record.start_date <= run.as_at
