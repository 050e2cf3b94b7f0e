-- One row per spell in which a child looked after was missing or away without authorisation.
select
    anchor.child_id,
    record.social_care_id,
    record.missing_kind,
    record.missing_from_date,
    {{ by_as_at('record.missing_to_date') }} as missing_to_date,
    coalesce(record.missing_to_date > run.as_at, true) as is_open,
    record.record_id,
    record.source_file,
    record.source_row
from {{ ref('stg_ssda903__missing') }} as record
cross join {{ source('landing', 'run') }} as run
-- left: a record whose person was not delivered is still one
left join {{ ref('identity__anchor') }} as anchor
    on record.social_care_id = anchor.anchor and anchor.anchor_kind = 'cin'
where record.missing_from_date <= run.as_at
