-- One row per notification that a child under school age probably has SEN (Children and Families Act 2014, s. 23).
select
    record.notification_id,
    anchor.child_id,
    record.notified_date,
    record.notified_by,
    record.suspected_need,
    record.has_parental_consent,
    record.record_id,
    record.source_file,
    record.source_row
from {{ ref('stg_early_notifications__notification') }} as record
cross join {{ source('landing', 'run') }} as run
inner join {{ ref('identity__anchor') }} as anchor
    on record.person_anchor = anchor.anchor and record.person_kind = anchor.anchor_kind
where record.notified_date <= run.as_at
