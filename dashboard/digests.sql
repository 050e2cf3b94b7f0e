-- One row per recipient and thing that is overdue, or due within $days_ahead days of $as_at: what it is, whose case, when
-- it is due. A case is named by its reference alone. Read from the published lists, which say what is due by law.
with items as (
    select
        'Decide whether to assess' as task,
        case_id,
        caseworker_name,
        team,
        null as agency,
        null as service,
        null as service_manager,
        decision_due_date as due_date,
        null as note
    from list_assessments_in_progress
    where decision_date is null
    union all
    select
        'Issue the final plan' as task,
        case_id,
        caseworker_name,
        team,
        null as agency,
        null as service,
        null as service_manager,
        plan_due_date as due_date,
        concat_ws('; ', stage, case when has_exception then 'exception claimed' end) as note
    from list_assessments_in_progress
    where assessment_id is not null
    union all
    select
        'Give advice' as task,
        case_id,
        caseworker_name,
        team,
        agency,
        coalesce(service, agency) as service,
        service_manager,
        due_date,
        concat_ws(
            '; ',
            coalesce(service, agency),
            case escalation_level
                when 1 then 'not chased yet'
                when 2 then 'chased ' || strftime(chased_date, '%d/%m/%Y')
                when 3 then 'escalated to ' || coalesce(service_manager, 'the service manager')
            end
        ) as note
    from list_advice_requests
    where is_outstanding
    union all
    select
        case cycle_status
            when 'decision awaited' then 'Decide after the review'
            when 'amended plan awaited' then 'Issue the amended plan'
            else 'Hold the annual review'
        end as task,
        case_id,
        caseworker_name,
        team,
        null as agency,
        null as service,
        null as service_manager,
        case cycle_status
            when 'decision awaited' then decision_due_date
            when 'amended plan awaited' then amended_plan_due_date
            else review_due_date
        end as due_date,
        null as note
    from list_annual_reviews
    where is_open
    union all
    select
        'Finalise the phase transfer' as task,
        case_id,
        caseworker_name,
        team,
        null as agency,
        null as service,
        null as service_manager,
        phase_transfer_deadline as due_date,
        phase_transfer as note
    from list_annual_reviews
    where phase_transfer is not null and phase_transfer_finalised_date is null
    union all
    select
        'Visit' as task,
        case_id,
        caseworker_name,
        team,
        null as agency,
        null as service,
        null as service_manager,
        next_visit_due_date as due_date,
        concat_ws(
            '; ',
            case when is_residential then 'residential' end,
            case when is_out_of_area then 'out of area' end,
            case when is_home_educated then 'educated at home' end
        ) as note
    from list_monitoring_visits
),

due as (
    select
        *,
        $as_at::date - due_date as days_overdue
    from items
    where due_date <= $as_at::date + $days_ahead::integer
),

addressed as (
    select
        'caseworker' as recipient_kind,
        coalesce(caseworker_name, 'No caseworker') as recipient,
        due.*
    from due
    union all
    -- a supervisor is told what is overdue in the team, not what is still in time
    select
        'supervisor' as recipient_kind,
        coalesce(team, 'No team') as recipient,
        due.*
    from due
    where days_overdue > 0
    union all
    select
        'service' as recipient_kind,
        service as recipient,
        due.*
    from due
    -- advice of a school is asked of many schools: none of them is told of another's cases
    where task = 'Give advice' and agency <> 'education'
    union all
    select
        'service manager' as recipient_kind,
        service_manager as recipient,
        due.*
    from due
    where task = 'Give advice' and days_overdue > 0 and service_manager is not null
)

select
    recipient_kind,
    recipient,
    task,
    coalesce(case_id, 'no case reference') as case_reference,
    due_date,
    days_overdue,
    case when recipient_kind = 'supervisor' then concat_ws('; ', coalesce(caseworker_name, 'No caseworker'), nullif(note, '')) else note end
        as note
from addressed
order by recipient_kind, recipient, days_overdue desc, task, case_reference
