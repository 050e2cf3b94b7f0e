-- One row per piece of advice sought from a professional, what is most overdue first.
with asked as (
    select
        advice_id,
        assessment_id,
        child_id,
        agency,
        service,
        professional,
        requested_date,
        returned_date,
        chased_date,
        escalated_to,
        is_outstanding,
        advice_due_date,
        advice_status,
        is_advice_within_limit,
        advice_exception,
        -- health advice asked for on one day for one child is told apart by its order
        row_number() over (
            partition by child_id, requested_date, agency = 'health' order by advice_id
        ) as place_of_day,
        case when agency = 'health' then child_id end as health_child_id,
        record_id,
        source_file,
        source_row
    from {{ ref('fct_advice') }}
),

logged as (
    select
        logged.advice_ref,
        logged.child_id,
        logged.service,
        logged.clinician,
        logged.requested_date,
        logged.returned_date,
        logged.advice_due_date,
        logged.advice_status,
        logged.is_advice_within_limit,
        row_number() over (
            partition by logged.child_id, logged.requested_date order by logged.advice_ref
        ) as place_of_day,
        logged.record_id,
        logged.source_file,
        logged.source_row
    from {{ ref('fct_health_advice') }} as logged
    -- an entry whose child no sure key leads to a case is most likely one of the requests above, and waits in core
    inner join {{ ref('dim_child') }} as child on logged.child_id = child.child_id and child.case_id is not null
),

managers as (
    select
        agency,
        coalesce(service, '') as service,
        max_by(escalated_to, (requested_date, advice_id)) as service_manager
    from asked
    where agency is not null and escalated_to is not null
    group by agency, coalesce(service, '')
),

advice as (
    select
        asked.advice_id,
        logged.advice_ref as health_advice_ref,
        asked.assessment_id,
        coalesce(asked.child_id, logged.child_id) as of_child_id,
        case
            when asked.advice_id is null then 'health log'
            when logged.advice_ref is null then 'case system'
            else 'both'
        end as recorded_by,
        case when asked.advice_id is null then 'health' else asked.agency end as asked_agency,
        coalesce(asked.service, logged.service) as asked_service,
        coalesce(asked.professional, logged.clinician) as asked_professional,
        coalesce(asked.requested_date, logged.requested_date) as asked_date,
        coalesce(asked.advice_due_date, logged.advice_due_date) as due_date,
        case when asked.advice_id is null then logged.returned_date else asked.returned_date end as back_date,
        logged.returned_date as health_log_returned_date,
        coalesce(asked.is_outstanding, logged.returned_date is null) as is_awaited,
        coalesce(asked.advice_status, logged.advice_status) as clock_status,
        case
            when asked.advice_id is null then logged.is_advice_within_limit else asked.is_advice_within_limit
        end as is_within_limit,
        case when is_awaited then greatest(run.as_at - due_date, 0) else 0 end::integer as days_overdue,
        asked.advice_exception,
        asked.chased_date,
        asked.escalated_to,
        case when asked.advice_id is null then 'health_advice' else 'ehc_case' end as source_extract,
        coalesce(asked.record_id, logged.record_id) as of_record_id,
        coalesce(asked.source_file, logged.source_file) as of_file,
        coalesce(asked.source_row, logged.source_row) as of_row
    from asked
    -- full: either may have asked without the other knowing
    full join logged
        on
            asked.health_child_id = logged.child_id
            and asked.requested_date = logged.requested_date
            and asked.place_of_day = logged.place_of_day
    cross join {{ source('landing', 'run') }} as run
)

select
    advice.advice_id,
    advice.health_advice_ref,
    advice.assessment_id,
    advice.of_child_id as child_id,
    child.case_id,
    child.upn,
    child.surname,
    child.forename,
    child.birth_date,
    child.age,
    coalesce(child.caseworker_name, child.caseworker_id) as caseworker_name,
    child.team,
    advice.recorded_by,
    advice.asked_agency as agency,
    advice.asked_service as service,
    advice.asked_professional as professional,
    advice.asked_date as requested_date,
    advice.due_date,
    advice.back_date as returned_date,
    advice.health_log_returned_date,
    advice.is_awaited as is_outstanding,
    advice.clock_status as advice_status,
    advice.is_within_limit,
    advice.days_overdue,
    advice.advice_exception as exception,
    advice.chased_date,
    case
        when not advice.is_awaited then 0
        when advice.escalated_to is not null then 3
        when advice.chased_date is not null then 2
        when advice.days_overdue > 0 then 1
        else 0
    end::integer as escalation_level,
    coalesce(advice.escalated_to, managers.service_manager) as service_manager,
    {{ source_missing('health_advice') }} as source_missing,
    advice.source_extract,
    advice.of_record_id as record_id,
    advice.of_file as source_file,
    advice.of_row as source_row
from advice
-- left, both: few services have had to be escalated, and advice that leads to no child stays on the list
left join managers on advice.asked_agency = managers.agency and coalesce(advice.asked_service, '') = managers.service
left join {{ ref('dim_child') }} as child on advice.of_child_id = child.child_id
order by
    advice.days_overdue desc,
    advice.is_awaited desc,
    advice.due_date asc,
    advice.advice_id asc,
    advice.health_advice_ref asc
