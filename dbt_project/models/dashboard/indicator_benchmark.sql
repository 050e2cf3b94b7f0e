-- One row per indicator, calendar year and area compared with. DfE's release gives counts by local authority: England
-- and the region are added up from them, so that a share is one of all their children; of the statistical neighbours
-- the mean of their shares is given, as DfE's own comparisons do. A count compares with nothing but DfE's own count of
-- this authority.
with areas as (
    select
        authority.la_code,
        authority.la_name,
        authority.region,
        authority.la_code = run.la_code as is_own,
        authority.region = max(case when authority.la_code = run.la_code then authority.region end) over ()
            as is_own_region,
        neighbour.la_code is not null as is_neighbour
    from {{ ref('dim_local_authority') }} as authority
    cross join {{ source('landing', 'run') }} as run
    -- left: most authorities are no neighbours
    left join {{ source('indicators', 'statistical_neighbour') }} as neighbour
        on authority.la_code = neighbour.la_code
),

-- a figure counted over a calendar year, or in the January after it, is of the return collected in that January
figures as (
    select
        wanted.indicator_id,
        figure.la_code,
        figure.return_year - 1 as calendar_year,
        sum(wanted.sign * figure.value) filter (where wanted.part = 'numerator') as numerator,
        sum(wanted.sign * figure.value) filter (where wanted.part = 'denominator') as denominator,
        count(*) as found,
        any_value(asked.figures) as asked
    from {{ source('indicators', 'benchmark_figure') }} as wanted
    inner join (
        select
            indicator_id,
            count(*) as figures
        from {{ source('indicators', 'benchmark_figure') }}
        group by indicator_id
    ) as asked on wanted.indicator_id = asked.indicator_id
    inner join {{ ref('fct_published_figure') }} as figure on wanted.figure = figure.indicator
    where figure.age = 'all' and figure.value is not null
    group by wanted.indicator_id, figure.la_code, figure.return_year
    -- of an authority that lacks a part the share is not known
    having found = asked
),

compared as (
    select
        figures.indicator_id,
        figures.calendar_year,
        compared_with.area_kind,
        case compared_with.area_kind
            when 'this authority' then areas.la_name
            when 'region' then areas.region
            when 'statistical neighbours' then 'Statistical neighbours'
            else 'England'
        end as area_name,
        figures.numerator,
        figures.denominator
    from figures
    inner join areas on figures.la_code = areas.la_code
    cross join (
        values ('this authority'), ('region'), ('statistical neighbours'), ('england')
    ) as compared_with (area_kind)
    where
        case compared_with.area_kind
            when 'this authority' then areas.is_own
            when 'region' then areas.is_own_region
            when 'statistical neighbours' then areas.is_neighbour
            else true
        end
)

select
    compared.indicator_id,
    compared.calendar_year::integer as calendar_year,
    compared.area_kind,
    compared.area_name,
    count(*)::integer as authorities,
    case
        when catalogue.unit = 'count' then sum(compared.numerator)
        when compared.area_kind = 'statistical neighbours'
            then 100 * avg(compared.numerator / nullif(compared.denominator, 0))
        else 100 * sum(compared.numerator) / nullif(sum(compared.denominator), 0)
    end::double as value
from compared
inner join {{ source('indicators', 'catalogue') }} as catalogue on compared.indicator_id = catalogue.indicator_id
where catalogue.unit = 'percent' or compared.area_kind = 'this authority'
group by compared.indicator_id, compared.calendar_year, compared.area_kind, compared.area_name, catalogue.unit
order by compared.indicator_id, compared.calendar_year, compared.area_kind
