"""Indicators of an invented borough, made from events one child each, so that every figure adds up as real ones do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

from checks.gates import DASHBOARD_GATES, read_gates
from connectors.configuration import DashboardSettings
from dashboard.edition import note_checks, write_tables

INDICATOR_COLUMNS = """
    indicator_id varchar, period_kind varchar, period_start date, period_end date, is_complete boolean,
    breakdown varchar, breakdown_value varchar, numerator bigint, denominator bigint, value double, target double,
    benchmark double, benchmark_name varchar, rag varchar, change double, change_on_year double,
    first_published_value double, first_published_at timestamp, is_revised boolean, children bigint
"""
CATALOGUE_COLUMNS = """
    indicator_id varchar, position integer, theme varchar, priority varchar, name varchar, question varchar,
    definition varchar, plain_english varchar, numerator_definition varchar, denominator_definition varchar,
    unit varchar, direction varchar, target double, amber_tolerance double, owner varchar, cadence varchar,
    audience varchar, source varchar, statutory_basis varchar, benchmark_source varchar, is_person_count boolean,
    not_broken_down varchar
"""
PUBLISHED_TABLES = read_gates(DASHBOARD_GATES)[0].tables


def invented_indicators(
    *, seed: int = 1, months: int = 24, monthly: float = 12, copies: int = 1, is_sparse: bool = False
) -> duckdb.DuckDBPyConnection:
    """A connection with ``dashboard.indicator`` and its catalogue over ``months`` months to August 2026.

    ``timeliness`` is a percentage, ``issued`` the count of its denominator, ``active`` a state at each month's end,
    ``visited`` a large share of it, ``waits`` a mean over its denominator, ``training`` no count of children.
    ``monthly`` is how many plans are issued; ``copies`` makes more indicators of each kind; where ``is_sparse``, a
    breakdown value with nothing in a period has no row there.
    """
    connection = duckdb.connect(config={"threads": "1"})
    connection.execute(f"select setseed({(seed % 1000) / 1000})")
    connection.execute("create schema dashboard")
    connection.execute(f"create table dashboard.indicator ({INDICATOR_COLUMNS})")
    connection.execute(f"create table dashboard.indicator_catalogue ({CATALOGUE_COLUMNS})")
    connection.execute(
        """
        create table month as
        select
            (date '2026-08-01' - to_months(i::integer))::date as start,
            last_day((date '2026-08-01' - to_months(i::integer))::date) as day
        from range(?) as r(i)
        """,
        [months],
    )
    connection.execute(
        """
        create table period as
        select distinct kind, first as start, least(last, (select max(day) from month)) as day, last as whole from (
            select 'month' as kind, start as first, day as last from month
            union all
            select 'quarter', date_trunc('quarter', start), last_day(date_trunc('quarter', start) + interval 2 month)
            from month
            union all
            select 'calendar_year', date_trunc('year', start), last_day(date_trunc('year', start) + interval 11 month)
            from month
            union all
            select 'academic_year', year_start, last_day(year_start + interval 11 month)
            from (select date_trunc('year', start - interval 8 month) + interval 8 month as year_start from month)
            union all
            select 'year_to_date', date_trunc('year', start), day from month
        )
        where first >= (select min(start) from month)
        """
    )
    connection.execute(
        """
        create table event as
        select
            copy.n as copy,
            month.start + (floor(random() * 28))::integer as day,
            ['North', 'South', 'East', 'West'][1 + floor(4 * power(random(), 2))::integer] as area,
            ['female', 'male'][1 + (random() < 0.7)::integer] as sex,
            ['ASD', 'SEMH', 'SLCN', 'MLD', 'HI'][1 + floor(5 * power(random(), 3))::integer] as need,
            random() < 0.75 as is_in_time
        from month
        cross join range(?) as copy(n)
        cross join range(floor(? * 2)::integer) as child(i)
        where random() < 0.5
        """,
        [copies, monthly],
    )
    connection.execute(
        """
        create table value as
        select 'all' as breakdown, 'all' as breakdown_value
        union select 'area', area from event
        union select 'sex', sex from event
        union select 'need', need from event
        """
    )
    flows = """
        select
            '{name}' || copy.n as indicator_id, period.kind, period.start, period.day, period.day = period.whole,
            value.breakdown, value.breakdown_value,
            count(event.day) filter ({numerator}) as numerator, {denominator} as denominator
        from period
        cross join value
        cross join (select distinct copy as n from event) as copy
        left join event
            on event.copy = copy.n
            and event.day {since}
            and event.day <= period.day
            and case value.breakdown
                when 'all' then true when 'area' then area = breakdown_value when 'sex' then sex = breakdown_value
                else need = breakdown_value
            end
        where {kinds}
        group by all
    """
    flow, state = "between period.start and period.day", ">= period.day - 270"
    for text in (
        flows.format(
            name="timeliness", numerator="where is_in_time", denominator="count(event.day)", since=flow, kinds="true"
        ),
        flows.format(name="issued", numerator="where true", denominator="null", since=flow, kinds="true"),
        flows.format(
            name="active", numerator="where true", denominator="null", since=state, kinds="kind in ('month', 'quarter')"
        ),
        flows.format(
            name="visited",
            numerator="where hash(event.day, area) % 20 > 0",
            denominator="count(event.day)",
            since=state,
            kinds="kind in ('month', 'quarter')",
        ),
        flows.format(
            name="waits", numerator="where true", denominator="count(event.day)", since=flow, kinds="kind = 'month'"
        ),
        flows.format(
            name="training", numerator="where is_in_time", denominator="null", since=flow, kinds="kind = 'month'"
        ),
    ):
        connection.execute(
            f"""
            insert into dashboard.indicator
            with figures as ({text})
            select
                *,
                coalesce(100 * numerator / nullif(denominator, 0), case when denominator is null then numerator end),
                null, null, null, 'none', null, null, null, null, false, null
            from figures
            """
        )
    connection.execute(
        """
        insert into dashboard.indicator_catalogue
        select
            indicator_id,
            row_number() over (order by indicator_id),
            case when indicator_id like 'training%' then 'Workforce' else 'Assessments' end,
            case when indicator_id like 'training%' then 'Quality' else 'Timeliness' end,
            case
                when indicator_id like 'timeliness%' then 'Plans issued in 20 weeks'
                when indicator_id like 'issued%' then 'Plans issued'
                when indicator_id like 'active%' then 'Plans issued in nine months'
                when indicator_id like 'waits%' then 'Weeks to a plan'
                when indicator_id like 'visited%' then 'Children visited'
                else 'Staff trained'
            end,
            'Do families get a plan in time?',
            'Of the plans issued in the period, those issued within 20 weeks of the request.',
            'How many families got their plan within the 20 weeks the law gives.',
            'Plans issued in 20 weeks', 'Plans issued',
            case
                when indicator_id like 'waits%' then 'weeks' when max(denominator) is null then 'count' else 'percent'
            end,
            case when indicator_id like 'timeliness%' then 'higher' else 'neither' end,
            case when indicator_id like 'timeliness%' then 80 end, 10,
            'Head of SEND', 'monthly', case when indicator_id like 'training%' then 'board' else 'public' end,
            'Case system', 'SEND Regulations 2014, reg. 13(2)', 'DfE, education, health and care plans',
            indicator_id not like 'training%' and indicator_id not like 'waits%',
            case when indicator_id like 'training%' then 'Area or sex: Staff are counted, not children.' end
        from dashboard.indicator
        group by indicator_id
        """
    )
    connection.execute(
        """
        update dashboard.indicator
        set
            target = 80, benchmark = 50.3, benchmark_name = 'England',
            rag = case
                when value is null then 'none' when value >= 80 then 'green' when value >= 70 then 'amber' else 'red'
            end
        where indicator_id like 'timeliness%'
        """
    )
    connection.execute(
        "update dashboard.indicator set numerator = numerator * 150, value = 150 / 7 where indicator_id like 'waits%'"
    )
    if is_sparse:
        connection.execute(
            "delete from dashboard.indicator "
            "where breakdown <> 'all' and numerator = 0 and coalesce(denominator, 0) = 0"
        )
    return connection


def invented_edition(
    *,
    seed: int = 1,
    months: int = 24,
    monthly: float = 40,
    copies: int = 1,
    settings: DashboardSettings | None = None,
) -> duckdb.DuckDBPyConnection:
    """The invented indicators with all else that an edition is made from, as the product publishes it."""
    connection = invented_indicators(seed=seed, months=months, monthly=monthly, copies=copies)
    connection.execute(
        """
        create table dashboard.indicator_benchmark as
        select
            indicator_id, year::integer as calendar_year, 'england' as area_kind, 'England' as area_name,
            151 as authorities, 40.0 + year - 2020 as value
        from dashboard.indicator_catalogue
        cross join range(2021, 2026) as r(year)
        where unit = 'percent'
        """
    )
    connection.execute("create schema core; create schema checks; create schema landing")
    connection.execute(
        """
        create table landing.gias__establishment as
        select * from (values
            ('North', 'Norham Ward', '000001-gias'), ('North', 'Northam Ward', '000002-gias'),
            ('South', 'Market Ward', '000002-gias'), ('East', 'Market Ward', '000002-gias')
        ) as e(administrative_ward_code, administrative_ward_name, _delivery)
        """
    )
    connection.execute(
        """
        create table landing.run as
        select date '2026-09-02' as as_at, timestamp '2026-09-02 03:00:00' as known_at, '883' as la_code
        """
    )
    connection.execute(
        """
        create table core.fct_improvement_action as
        select * from (values
            ('A1.1', 'A1', 'Every child with a plan is known', 'Head of SEND', date '2026-03-31',
                'timeliness0; issued0', 'amber', date '2026-08-01'),
            ('A1.2', 'A1', 'Records are checked every night', 'Data manager', date '2026-12-31', null, 'blue',
                date '2026-08-01')
        ) as a(action_id, area, action, officer, due_date, indicators, latest_rating, latest_rated_date)
        """
    )
    connection.execute(
        """
        create table core.fct_improvement_rating as
        select * from (values
            ('A1.1', date '2026-02-01', 'red', 'Not started'), ('A1.1', date '2026-08-01', 'amber', null),
            ('A1.2', date '2026-08-01', 'blue', 'Embedded')
        ) as r(action_id, rated_date, rating, rating_comment)
        """
    )
    connection.execute(
        """
        create table checks.finding as
        select
            'dim_child_upn' as rule_id, 'A UPN has its check letter' as rule_name, 'error' as severity,
            'schools_data_team' as owner, 'school_census' as extract, 'Correct the UPN in the school.' as remedy,
            timestamp '2026-08-01 03:00:00' as first_seen_at
        from range(3)
        """
    )
    write_tables(connection, settings or DashboardSettings(), "Invented <Borough> & Partners")
    note_checks(connection, CHECKS)
    connection.execute("set schema = 'dashboard'")
    return connection


def publish_tables(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Writes what the product publishes of an invented edition into ``folder``, as a run does."""
    product = "'" + str(folder / "dashboard.duckdb") + "'"
    connection.execute(f"attach {product} as product")
    for name in PUBLISHED_TABLES:
        connection.execute(f"create table product.{name} as from memory.dashboard.{name}")
    connection.execute("detach product")


@dataclass(frozen=True)
class Check:
    """How a check of the invented borough ended."""

    dataset: str
    rule_id: str
    name: str
    severity: str
    owner: str
    outcome: str
    failed_rows: int
    seconds: float = 0.0
    has_run: bool = True


CHECKS = [
    Check("core/dim_child", "dim_child_upn", "A UPN has its check letter", "warning", "sen_team", "failed", 3),
    Check("core/dim_child", "dim_child_birth_date", "A child was born", "error", "sen_team", "passed", 0),
]
