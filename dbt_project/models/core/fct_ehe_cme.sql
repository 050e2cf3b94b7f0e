-- One row per spell of elective home education or of missing education on the register.
select
    record.register_id,
    anchor.child_id,
    record.register_status,
    record.start_date,
    record.reason,
    {{ by_as_at('record.last_contact_date') }} as last_contact_date,
    {{ by_as_at('record.last_visit_date') }} as last_visit_date,
    greatest(
        {{ by_as_at('record.last_seen_date') }},
        {{ by_as_at('record.last_visit_date') }}
    ) as last_seen_date,
    record.tracked_by,
    {{ by_as_at('record.closed_date') }} as closed_date,
    {{ known_by_as_at('record.outcome', 'record.closed_date') }} as outcome,
    coalesce(record.closed_date > run.as_at, true) as is_open,
    record.record_id,
    record.source_file,
    record.source_row
from {{ ref('stg_ehe_cme__register') }} as record
cross join {{ source('landing', 'run') }} as run
inner join {{ ref('identity__anchor') }} as anchor
    on record.person_anchor = anchor.anchor and record.person_kind = anchor.anchor_kind
where record.start_date <= run.as_at
