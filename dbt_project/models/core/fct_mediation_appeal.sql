-- One row per mediation or appeal lodged.
select
    record.mediation_appeal_id,
    anchor.child_id,
    record.case_id,
    record.mediation_appeal_kind,
    record.stage,
    record.lodged_date,
    {{ by_as_at('record.held_date') }} as held_date,
    {{ by_as_at('record.closed_date') }} as closed_date,
    {{ known_by_as_at('record.outcome', 'record.closed_date') }} as outcome,
    coalesce(record.closed_date > run.as_at, true) as is_open,
    record.record_id,
    record.source_file,
    record.source_row
from {{ ref('stg_ehc_case__mediation_appeal') }} as record
cross join {{ source('landing', 'run') }} as run
left join {{ ref('identity__anchor') }} as anchor
    on record.case_id = anchor.anchor and anchor.anchor_kind = 'case'
where {{ begun_by_as_at('record.lodged_date') }}
