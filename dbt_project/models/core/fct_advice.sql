-- One row per piece of advice sought for an assessment. Due 6 weeks from being asked
-- (SEND Regulations 2014, reg. 8(1)).
with advice as (
    select
        advice.advice_id,
        advice.assessment_id,
        assessment.child_id,
        advice.agency,
        advice.service,
        advice.professional,
        advice.requested_date,
        advice.recorded_due_date,
        {{ by_as_at('advice.returned_date') }} as returned_date,
        advice.quality_rating::integer as quality_rating,
        {{ by_as_at('advice.chased_date') }} as chased_date,
        advice.escalated_to,
        coalesce(assessment.is_open, true) as is_wanted,
        -- of the exceptions claimed on the assessment, those that reg. 8(2) also gives for advice
        case
            when assessment.plan_exception in ('c', 'd', 'm') then assessment.plan_exception
        end as claimed_exception,
        advice.record_id,
        advice.source_file,
        advice.source_row,
        run.as_at
    from {{ ref('stg_ehc_case__advice') }} as advice
    cross join {{ source('landing', 'run') }} as run
    -- left: advice for an assessment that was quarantined is still asked for
    left join {{ ref('fct_assessment') }} as assessment on advice.assessment_id = assessment.assessment_id
    where advice.requested_date <= run.as_at
)

select
    advice_id,
    assessment_id,
    child_id,
    agency,
    service,
    professional,
    requested_date,
    recorded_due_date,
    returned_date,
    case when returned_date is not null then quality_rating end as quality_rating,
    chased_date,
    escalated_to,
    returned_date is null and is_wanted as is_outstanding,
    {{ statutory_clock(
        'advice', 'requested_date', 'returned_date', weeks=6,
        is_ended='not is_wanted', exception='claimed_exception'
    ) }},
    record_id,
    source_file,
    source_row
from advice
