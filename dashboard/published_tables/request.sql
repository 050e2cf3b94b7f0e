-- One row per request received in the year, or decided in it, with its outcome as the SEN2 return has it.
with requests as (
    select
        request.*,
        survey.period_start,
        least(survey.period_end, survey.reference_date) as last_day,
        case when coalesce(request.outcome_date <= survey.reference_date, true) then request.outcome end as told
    from core.fct_request as request
    cross join survey
    where request.child_id is not null and coalesce(request.outcome, 'A') != 'H'
),

outcomes as (
    select
        *,
        -- who moves away before the decision is returned as withdrawn
        case
            when exported_la is not null and coalesce(told, 'A') = 'A' then 'W'
            else coalesce(told, 'A')
        end as answer,
        received_date between period_start and last_day as is_received,
        coalesce(answer in ('Y', 'N') and outcome_date between period_start and last_day, false) as is_decided
    from requests
)

select
    outcomes.request_id,
    child.sex,
    coalesce(ethnic_group.ethnic_group, 'Unclassified') as ethnic_group,
    datesub('year', child.birth_date, outcomes.received_date) as age_at_request,
    outcomes.is_received,
    outcomes.is_decided,
    outcomes.answer,
    datediff('day', outcomes.received_date, outcomes.outcome_date) as days,
    outcomes.is_in_youth_accommodation,
    coalesce(outcomes.has_mediation, false) as has_mediation,
    coalesce(outcomes.has_appeal, false) as has_appeal
from outcomes
inner join core.dim_child as child on outcomes.child_id = child.child_id
left join ethnic_group on child.ethnicity = ethnic_group.ethnicity
where outcomes.is_received or outcomes.is_decided
