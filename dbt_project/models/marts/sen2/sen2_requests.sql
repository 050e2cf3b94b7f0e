-- One row per request in the return; a plan without a request on record has one made for it, with what is known.
select
    in_scope.requests_id,
    in_scope.child_id as person_id,
    request.received_date,
    try_cast(request.request_source as integer) as request_source,
    -- the return must have these and the case system has them, so empty is no, unless no request is on record
    case when in_scope.request_id is not null then coalesce(request.is_in_youth_accommodation, false) end as rya,
    in_scope.request_outcome_date,
    in_scope.request_outcome,
    case when in_scope.request_id is not null then coalesce(request.has_mediation, false) end as request_mediation,
    case when in_scope.request_id is not null then coalesce(request.has_appeal, false) end as request_tribunal,
    request.exported_la as exported,
    coalesce(request.record_id, plan.record_id) as record_id,
    coalesce(request.source_file, plan.source_file) as source_file,
    coalesce(request.source_row, plan.source_row) as source_row
from {{ ref('int_sen2_requests') }} as in_scope
left join {{ ref('fct_request') }} as request on in_scope.request_id = request.request_id
left join {{ ref('int_sen2_plans') }} as plan on in_scope.plan_id = plan.plan_id
