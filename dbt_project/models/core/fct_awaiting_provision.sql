-- One row per child and day since when the case system says that it awaits specialist provision.
select
    record.case_id,
    anchor.child_id,
    record.waiting_since_date,
    record.provision_kind,
    record.interim_arrangement,
    record.record_id,
    record.source_file,
    record.source_row
from {{ ref('stg_ehc_case__awaiting_provision') }} as record
cross join {{ source('landing', 'run') }} as run
-- left: a child whose case was quarantined still waits
left join {{ ref('identity__anchor') }} as anchor
    on record.case_id = anchor.anchor and anchor.anchor_kind = 'case'
where record.waiting_since_date <= run.as_at
