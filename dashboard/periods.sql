-- The months that are counted, the one of the run's day among them: 60, so that five years can be compared.
-- A month that is not over is counted to the run's day.
create or replace temp table month_end as
select
    months.month::date as month,
    least((months.month + interval 1 month)::date - 1, run.as_at) as day
from landing.run as run
cross join unnest(
    generate_series(
        date_trunc('month', run.as_at) - interval 59 month, date_trunc('month', run.as_at), interval 1 month
    )
) as months (month);

create or replace temp table counted_span as
select
    min(month) as first_day,
    max(day) as last_day
from month_end;

-- Every period that the months make up. One that began before the first month is none. A period is complete once the
-- run's day is past its end. The year to date goes to the last month that is complete, and in each year before to the
-- same month, so that like is compared with like.
create or replace temp table period as
with kinds as (
    select
        'month' as period_kind,
        month as period_start,
        interval 1 month as length
    from month_end
    union
    select
        'quarter' as period_kind,
        date_trunc('quarter', month)::date as period_start,
        interval 3 month as length
    from month_end
    union
    select
        'calendar_year' as period_kind,
        date_trunc('year', month)::date as period_start,
        interval 12 month as length
    from month_end
    union
    select
        'academic_year' as period_kind,
        make_date((year(month) - if(month(month) < 9, 1, 0))::integer, 9, 1) as period_start,
        interval 12 month as length
    from month_end
    union
    select
        'year_to_date' as period_kind,
        date_trunc('year', month_end.month)::date as period_start,
        to_months(month(date_trunc('month', run.as_at) - interval 1 day)::integer) as length
    from month_end
    cross join landing.run as run
)

select
    kinds.period_kind,
    kinds.period_start,
    (kinds.period_start + kinds.length)::date - 1 as period_end,
    least(date_trunc('month', period_end), date_trunc('month', run.as_at))::date as last_month,
    period_end < run.as_at as is_complete
from kinds
cross join landing.run as run
cross join counted_span
where
    kinds.period_start >= counted_span.first_day
    and (kinds.period_kind != 'year_to_date' or is_complete);
