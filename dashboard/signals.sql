-- One row per indicator and complete month that has a figure: the control limits, and whether the month is a signal or
-- noise, by the rules of NHS England's "Making Data Count" (statistical process control). Made from the figures as this
-- audience is shown them. A percentage of children has the limits of a p-chart, which are wider where it is of fewer;
-- anything else those of an XmR chart (2.66 times the mean moving range): the sessions of one child go together, so they
-- are not as many chances. Of fewer than 12 months nothing can be said.
create or replace table dashboard.signal_{audience} as
with months as (
    select
        indicator.indicator_id,
        indicator.period_start,
        indicator.period_end,
        indicator.value,
        indicator.numerator,
        indicator.denominator,
        catalogue.direction,
        catalogue.unit,
        catalogue.is_person_count,
        indicator.value - lag(indicator.value) over w as step
    from dashboard.indicator_{audience} as indicator
    inner join dashboard.indicator_catalogue as catalogue on indicator.indicator_id = catalogue.indicator_id
    where
        indicator.period_kind = 'month'
        and indicator.breakdown = 'all'
        and indicator.is_complete
        and indicator.value is not null
    window w as (partition by indicator.indicator_id order by indicator.period_end)
),

centres as (
    select
        *,
        count(*) over i as months_known,
        case
            when unit = 'percent' then 100 * sum(numerator) over i / sum(denominator) over i
            else avg(value) over i
        end as mean,
        avg(abs(step)) over i as moving_range
    from months
    window i as (partition by indicator_id)
),

limits as (
    select
        *,
        case
            when unit = 'percent' and is_person_count then 300 * sqrt(mean / 100 * (1 - mean / 100) / denominator)
            else 2.66 * moving_range
        end as reach,
        sign(value - mean)::integer as side,
        sign(step)::integer as course
    from centres
    where months_known >= 12
),

turns as (
    select
        *,
        (side is distinct from lag(side) over w)::integer as is_new_side,
        (course is distinct from lag(course) over w)::integer as is_new_course,
        (abs(value - mean) > reach * 2 / 3)::integer * side as near_limit
    from limits
    window w as (partition by indicator_id order by period_end)
),

runs as (
    select
        *,
        sum(is_new_side) over w as side_run,
        sum(is_new_course) over w as course_run,
        abs(sum(near_limit) over (
            partition by indicator_id order by period_end rows between 2 preceding and current row
        )) as near_limit_of_three
    from turns
    window w as (partition by indicator_id order by period_end)
),

lengths as (
    select
        *,
        count(*) over (partition by indicator_id, side_run) as side_length,
        -- a trend of 6 months has 5 steps
        1 + count(*) over (partition by indicator_id, course_run) as course_length
    from runs
),

rules as (
    select
        *,
        case
            when abs(value - mean) > reach and reach is not null then 'beyond a control limit'
            when side <> 0 and side_length >= 7 then '7 or more months on one side of the mean'
            when course <> 0 and course_length >= 6 then '6 or more months in one direction'
            when near_limit <> 0 and near_limit_of_three >= 2 then '2 of 3 months close to a control limit'
        end as rule,
        case
            when abs(value - mean) > reach or side_length >= 7 then side
            when course <> 0 and course_length >= 6 then course
            else side
        end as toward
    from lengths
)

select
    indicator_id,
    period_start,
    period_end,
    value,
    mean,
    case when unit in ('percent', 'count', 'rate_per_10000', 'weeks') then greatest(0, mean - reach) else mean - reach end
        as lower_limit,
    case when unit = 'percent' then least(100, mean + reach) else mean + reach end as upper_limit,
    rule,
    case
        when rule is null then 'common cause'
        when direction not in ('higher', 'lower') then 'change'
        when (toward > 0) = (direction = 'higher') then 'improvement'
        else 'concern'
    end as signal
from rules
order by indicator_id, period_end
