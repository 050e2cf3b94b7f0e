-- The months' sums of `counted_month` as sums by period. What happens adds up; what stands is as at the last month of
-- the period, of what is delivered the last delivered in it. From the first month with anything to count, a month
-- without is nought.
create or replace temp view indicator_of_period as
with starts as (
    select
        indicator_id,
        min(month) as first_month
    from counted_month
    where breakdown = 'all'
    group by indicator_id
),

months as (
    select
        indicator_id,
        month,
        breakdown,
        breakdown_value,
        numerator,
        denominator,
        children
    from counted_month
    union all
    select
        measure.indicator_id,
        month_end.month,
        'all' as breakdown,
        'all' as breakdown_value,
        0 as numerator,
        if(measure.has_denominator, 0, null) as denominator,
        null as children
    from measure
    inner join starts on measure.indicator_id = starts.indicator_id
    inner join month_end on starts.first_month <= month_end.month
    where measure.kind in ('flow', 'stock')
),

latest as (
    select
        months.indicator_id,
        period.period_kind,
        period.period_start,
        max(months.month) as month
    from months
    inner join measure on months.indicator_id = measure.indicator_id and measure.kind = 'delivered'
    inner join period on months.month between period.period_start and period.last_month
    group by all
),

sums as (
    select
        measure.indicator_id,
        measure.unit,
        measure.has_denominator,
        period.period_kind,
        period.period_start,
        period.period_end,
        period.is_complete,
        months.breakdown,
        months.breakdown_value,
        sum(months.numerator) as numerator,
        sum(months.denominator) as denominator,
        sum(months.children)::bigint as children
    from measure
    inner join months on measure.indicator_id = months.indicator_id
    inner join period
        on
            list_contains(measure.period_kinds, period.period_kind)
            and months.month between period.period_start and period.last_month
    -- left: only what is delivered has a last delivery
    left join latest
        on
            measure.indicator_id = latest.indicator_id
            and period.period_kind = latest.period_kind
            and period.period_start = latest.period_start
    where
        case measure.kind
            when 'flow' then true
            when 'delivered' then months.month = latest.month
            else months.month = period.last_month and period.period_kind != 'year_to_date'
        end
    group by all
)

select
    indicator_id,
    period_kind,
    period_start,
    period_end,
    is_complete,
    breakdown,
    breakdown_value,
    round(numerator)::bigint as numerator,
    round(denominator)::bigint as denominator,
    case
        when not has_denominator then numerator::double
        when unit = 'percent' then 100 * numerator::double / nullif(denominator, 0)
        when unit = 'rate_per_10000' then 10000 * numerator::double / nullif(denominator, 0)
        when unit = 'weeks' then numerator::double / nullif(denominator, 0) / 7
        else numerator::double / nullif(denominator, 0)
    end as value,
    children
from sums;
