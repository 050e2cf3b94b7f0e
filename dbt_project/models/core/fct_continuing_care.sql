-- One row per package of children's continuing care.
select
    record.package_id,
    anchor.child_id,
    record.referral_date,
    {{ by_as_at('record.decision_date') }} as decision_date,
    {{ by_as_at('record.start_date') }} as start_date,
    {{ by_as_at('record.end_date') }} as end_date,
    record.funding,
    coalesce(record.start_date <= run.as_at, false) and coalesce(record.end_date > run.as_at, true) as is_open,
    record.record_id,
    record.source_file,
    record.source_row
from {{ ref('stg_continuing_care__package') }} as record
cross join {{ source('landing', 'run') }} as run
inner join {{ ref('identity__anchor') }} as anchor
    on record.person_anchor = anchor.anchor and record.person_kind = anchor.anchor_kind
where {{ begun_by_as_at('coalesce(record.referral_date, record.decision_date, record.start_date)') }}
