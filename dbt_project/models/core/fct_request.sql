-- One row per request for a needs assessment. The decision whether to assess is due 6 weeks from receipt
-- (SEND Regulations 2014, reg. 5(1)).
with requests as (
    select
        request.request_id,
        anchor.child_id,
        request.case_id,
        request.received_date,
        request.request_source,
        request.is_in_youth_accommodation,
        request.exported_la,
        {{ known_by_as_at('request.outcome', 'request.outcome_date') }} as outcome,
        {{ by_as_at('request.outcome_date') }} as outcome_date,
        request.has_mediation,
        request.has_appeal,
        request.record_id,
        request.source_file,
        request.source_row,
        run.as_at
    from {{ ref('stg_ehc_case__request') }} as request
    cross join {{ source('landing', 'run') }} as run
    left join {{ ref('identity__anchor') }} as anchor
        on request.case_id = anchor.anchor and anchor.anchor_kind = 'case'
    where request.received_date <= run.as_at
)

select
    request_id,
    child_id,
    case_id,
    received_date,
    request_source,
    is_in_youth_accommodation,
    exported_la,
    outcome,
    outcome_date,
    has_mediation,
    has_appeal,
    coalesce(outcome not in ('Y', 'N', 'W', 'H'), true) and exported_la is null as is_open,
    {{ statutory_clock(
        'decision', 'received_date', "case when outcome in ('Y', 'N') then outcome_date end", weeks=6,
        is_ended='not is_open'
    ) }},
    record_id,
    source_file,
    source_row
from requests
