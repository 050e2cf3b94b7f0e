-- One row per young person on the client caseload and month. NCCIS codes are read by their hundreds: 600s NEET, 800s
-- not known.
select
    record.period_end,
    record.client_id,
    anchor.child_id,
    record.activity_code,
    record.activity_start_date,
    record.activity_code like '6%' as is_neet,
    record.activity_code like '8%' as is_activity_not_known,
    record.activity_code = '310' as is_apprenticeship,
    record.activity_code = '340' as is_supported_internship,
    record.neet_start_date,
    record.due_to_lapse_date,
    record.send_level,
    record.establishment_urn,
    record.predicted_end_date,
    row_number() over (
        partition by anchor.child_id
        order by record.period_end desc, record.activity_start_date desc, record.client_id asc
    ) = 1 as is_latest,
    record.record_id,
    record.source_file,
    record.source_row
from {{ ref('stg_nccis__client') }} as record
cross join {{ source('landing', 'run') }} as run
inner join {{ ref('identity__anchor') }} as anchor
    on record.client_id = anchor.anchor and 'nccis' = anchor.anchor_kind
where record.period_end <= run.as_at
