-- One row per monitoring visit. The next is due a year on at the latest, earlier where the visitor said so.
select
    record.visit_id,
    anchor.child_id,
    record.case_id,
    record.urn,
    record.visit_date,
    record.visit_kind,
    record.outcome,
    record.visitor,
    {{ visit_due(
        'record.visit_date',
        'case when record.recorded_next_due_date > record.visit_date then record.recorded_next_due_date end'
    ) }} as next_visit_due_date,
    record.record_id,
    record.source_file,
    record.source_row
from {{ ref('stg_ehc_case__visit') }} as record
cross join {{ source('landing', 'run') }} as run
-- left: a visit may be to an establishment and name no child
left join {{ ref('identity__anchor') }} as anchor
    on record.case_id = anchor.anchor and anchor.anchor_kind = 'case'
where record.visit_date <= run.as_at
