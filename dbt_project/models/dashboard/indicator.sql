-- One row per indicator, period and breakdown value: how it stands, beside its target, DfE's figure for England, the
-- period before, the same a year before, and what a closed period said when it was first published. Not suppressed:
-- it never leaves the warehouse as it is. Built after the checks, because some indicators count what they found.
with counts as (
    select
        indicator_id,
        period_kind,
        period_start,
        period_end,
        is_complete,
        breakdown,
        breakdown_value,
        numerator,
        denominator,
        value,
        children
    from {{ ref('int_indicator_count') }}
    union all
    select
        indicator_id,
        period_kind,
        period_start,
        period_end,
        is_complete,
        breakdown,
        breakdown_value,
        numerator,
        denominator,
        value,
        children
    from {{ ref('int_indicator_count_of_records') }}
),

-- what a period said when it was first published closed; of what only the records of a day tell, what it said last
published as (
    select
        published.indicator_id,
        published.period_kind,
        published.period_start,
        published.period_end,
        published.breakdown,
        published.breakdown_value,
        published.numerator,
        published.denominator,
        published.value,
        published.known_at,
        catalogue.kind = 'today' as is_of_today,
        -- of how many children it was may not have been kept: then it was of few, for all that is known
        case when catalogue.is_about_children then coalesce(published.children, 1) end as children,
        catalogue.denominator_definition is not null as has_denominator
    from {{ source('indicators', 'published') }} as published
    inner join {{ source('indicators', 'catalogue') }} as catalogue
        on published.indicator_id = catalogue.indicator_id
    qualify row_number() over (
        partition by
            published.indicator_id,
            published.period_kind,
            published.period_start,
            published.breakdown,
            published.breakdown_value
        order by epoch_us(published.known_at) * if(is_of_today, -1, 1)
    ) = 1
),

window_starts as (
    select
        period_kind,
        min(period_start) as first_start
    from counts
    group by period_kind
),

cells as (
    select
        indicator_id,
        period_kind,
        period_start,
        period_end,
        is_complete,
        breakdown,
        breakdown_value,
        numerator,
        denominator,
        value,
        children
    from counts
    union all
    select
        published.indicator_id,
        published.period_kind,
        published.period_start,
        published.period_end,
        true as is_complete,
        published.breakdown,
        published.breakdown_value,
        published.numerator,
        published.denominator,
        published.value,
        published.children
    from published
    cross join {{ source('landing', 'run') }} as run
    where published.is_of_today and published.period_end < run.as_at
    union all
    -- a cell that was published and has nothing in it any more is shown as empty, and so as revised
    select
        published.indicator_id,
        published.period_kind,
        published.period_start,
        published.period_end,
        true as is_complete,
        published.breakdown,
        published.breakdown_value,
        0 as numerator,
        if(published.has_denominator, 0, null) as denominator,
        if(published.has_denominator, null, 0) as value,
        null as children
    from published
    cross join {{ source('landing', 'run') }} as run
    inner join window_starts
        on
            published.period_kind = window_starts.period_kind
            and published.period_start >= window_starts.first_start
    anti join counts
        on
            published.indicator_id = counts.indicator_id
            and published.period_kind = counts.period_kind
            and published.period_start = counts.period_start
            and published.breakdown = counts.breakdown
            and published.breakdown_value = counts.breakdown_value
    where not published.is_of_today and published.period_end < run.as_at
),

closed_periods as (
    select
        indicator_id,
        period_kind,
        period_start,
        min(known_at) as known_at
    from published
    where not is_of_today
    group by indicator_id, period_kind, period_start
),

shown_by as (
    select
        indicator_id,
        breakdown,
        min(known_at) as known_at
    from published
    where not is_of_today
    group by indicator_id, breakdown
),

-- what a breakdown says of a period that was closed before the catalogue had it is no revision
closed as (
    select
        closed_periods.indicator_id,
        closed_periods.period_kind,
        closed_periods.period_start,
        shown_by.breakdown,
        greatest(closed_periods.known_at, shown_by.known_at) as known_at
    from closed_periods
    inner join shown_by on closed_periods.indicator_id = shown_by.indicator_id
),

targets as (
    select
        indicator as indicator_id,
        period_start_date,
        coalesce(period_end_date, date '9999-12-31') as period_end_date,
        target::double as target,
        amber_from::double as amber_from
    from {{ ref('fct_target') }}
),

starts as (
    select distinct
        indicator_id,
        period_start
    from cells
),

targets_of_periods as (
    select
        starts.indicator_id,
        starts.period_start,
        targets.target,
        targets.amber_from
    from starts
    inner join targets
        on
            starts.indicator_id = targets.indicator_id
            and starts.period_start between targets.period_start_date and targets.period_end_date
    qualify row_number() over (
        partition by starts.indicator_id, starts.period_start order by targets.period_start_date desc
    ) = 1
),

of_periods as (
    select
        cells.indicator_id,
        cells.period_kind,
        cells.period_start,
        cells.period_end,
        cells.is_complete,
        cells.breakdown,
        cells.breakdown_value,
        cells.numerator,
        cells.denominator,
        cells.value,
        cells.children,
        catalogue.direction,
        coalesce(targets.target, catalogue.target) as target,
        coalesce(
            targets.amber_from,
            coalesce(targets.target, catalogue.target)
            - catalogue.amber_tolerance * if(catalogue.direction = 'lower', -1, 1)
        ) as amber_from
    from cells
    inner join {{ source('indicators', 'catalogue') }} as catalogue on cells.indicator_id = catalogue.indicator_id
    -- left: an indicator without a target of the council's own has the catalogue's, or none
    left join targets_of_periods as targets
        on cells.indicator_id = targets.indicator_id and cells.period_start = targets.period_start
),

benchmarks as (
    select
        starts.indicator_id,
        starts.period_start,
        max_by(benchmark.area_name || ' ' || benchmark.calendar_year, benchmark.calendar_year) as benchmark_name,
        max_by(benchmark.value, benchmark.calendar_year) as benchmark
    from starts
    inner join {{ ref('indicator_benchmark') }} as benchmark
        on starts.indicator_id = benchmark.indicator_id and benchmark.calendar_year <= year(starts.period_start)
    where benchmark.area_kind = 'england' and benchmark.value is not null
    group by starts.indicator_id, starts.period_start
)

select
    now.indicator_id,
    now.period_kind,
    now.period_start,
    now.period_end,
    now.is_complete,
    now.breakdown,
    now.breakdown_value,
    now.numerator,
    now.denominator,
    now.value,
    now.target,
    benchmarks.benchmark,
    benchmarks.benchmark_name,
    -- the colour is of the value as it is shown, to one decimal
    case
        when now.target is null or now.value is null then 'none'
        when now.direction = 'higher' and round(now.value, 1) >= now.target then 'green'
        when now.direction = 'higher' and round(now.value, 1) >= now.amber_from then 'amber'
        when now.direction = 'lower' and round(now.value, 1) <= now.target then 'green'
        when now.direction = 'lower' and round(now.value, 1) <= now.amber_from then 'amber'
        else 'red'
    end as rag,
    now.value - before.value as change,
    now.value - year_before.value as change_on_year,
    case
        when not now.is_complete then null
        when first.indicator_id is not null then first.value
        when closed.indicator_id is null then now.value
        when now.denominator is null then 0
    end::double as first_published_value,
    case
        when now.is_complete then coalesce(first.known_at, closed.known_at, run.known_at)
    end::timestamp as first_published_at,
    now.is_complete
    and closed.indicator_id is not null
    and (
        now.numerator is distinct from coalesce(first.numerator, 0)
        or now.denominator is distinct from coalesce(first.denominator, if(now.denominator is null, null, 0))
        or coalesce(abs(now.value - first.value) > 1e-9, false)
    ) as is_revised,
    now.children
from of_periods as now
cross join {{ source('landing', 'run') }} as run
-- left, all of them: there may be no period before, no benchmark, and nothing published yet
left join of_periods as before
    on
        now.indicator_id = before.indicator_id
        and now.period_kind = before.period_kind
        and now.breakdown = before.breakdown
        and now.breakdown_value = before.breakdown_value
        and before.period_end = indicators.end_before(now.period_kind, now.period_start, now.period_end)
left join of_periods as year_before
    on
        now.indicator_id = year_before.indicator_id
        and now.period_kind = year_before.period_kind
        and now.breakdown = year_before.breakdown
        and now.breakdown_value = year_before.breakdown_value
        and year_before.period_start = (now.period_start - interval 12 month)::date
left join benchmarks
    on
        now.indicator_id = benchmarks.indicator_id
        and now.period_start = benchmarks.period_start
        and now.breakdown = 'all'
left join closed
    on
        now.indicator_id = closed.indicator_id
        and now.period_kind = closed.period_kind
        and now.period_start = closed.period_start
        and now.breakdown = closed.breakdown
left join published as first
    on
        not first.is_of_today
        and now.indicator_id = first.indicator_id
        and now.period_kind = first.period_kind
        and now.period_start = first.period_start
        and now.breakdown = first.breakdown
        and now.breakdown_value = first.breakdown_value
order by
    now.indicator_id, now.period_kind, now.period_start, now.breakdown, now.breakdown_value
