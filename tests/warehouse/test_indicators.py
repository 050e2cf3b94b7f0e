"""What closed periods said first, what changed since, and what only a day's records tell."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from checks.rules import CONTRACTS, read_contract
from checks.verification import verify_contracts
from dashboard.registering import keep_published
from tests.warehouse.conftest import Build, Dbt, Warehouse, build_after_checks
from tests.warehouse.landed import Row, case, establishment, placement, request, with_plans

AS_AT = date(2025, 6, 30)
CELL = "indicator_id = 'requests_received' and breakdown = 'all' and period_kind = 'month'"


def landing() -> dict[str, list[Row]]:
    """Requests in March, April and May 2025, a child with a plan and no place, and what indicators compare with."""
    days = [date(2025, 3, 3), date(2025, 3, 17), date(2025, 4, 7), date(2025, 5, 6), date(2025, 5, 7), date(2025, 5, 8)]
    made = with_plans("K1", "K2", sex="F")
    made["ehc_case__child"] += [case(f"N{n}", sex="M") for n in range(len(days))]
    made["ehc_case__request"] += [request(f"N{n}", f"N{n}", received_date=day) for n, day in enumerate(days)]
    made["gias__establishment"] = [establishment("100")]
    made["ehc_case__placement"] = [placement("L1", "P-K1", urn="100")]
    made["targets__target"] = [
        {
            "indicator": "missing_education",
            "period_start": date(2025, 1, 1),
            "period_end": date(2025, 12, 31),
            "target": 1,
        }
    ]
    published = {"timely_plans": 200, "plans_in_20_weeks": 120}
    made["la_codes__local_authority"] = [
        {"la_code": code, "la_name": name, "gss_code": f"E{code}", "region": region}
        for code, name, region in (("883", "Thurrock", "East"), ("881", "Essex", "East"), ("202", "Camden", "London"))
    ]
    made["dfe_ehc_plans__figure"] = [
        {
            "la_code": code,
            "time_period": "2023",
            "indicator": indicator,
            "breakdown": "All EHC plans issued",
            "value": value + more if indicator == "timely_plans" else value,
        }
        for code, more in (("883", 0), ("881", 100), ("202", 400))
        for indicator, value in published.items()
    ]
    return made


@pytest.fixture(scope="module")
def built(build: Build, dbt: Dbt) -> Warehouse:
    warehouse = build(landing(), as_at=AS_AT, is_counting=True)
    build_after_checks(dbt, warehouse)
    return warehouse


@pytest.fixture
def warehouse(built: Warehouse, tmp_path: Path) -> Iterator[Warehouse]:
    """The warehouse as first built, whatever other tests did to their copy of it."""
    (tmp_path / "copy").mkdir()
    copy = tmp_path / "copy" / built.path.name
    built.connection.execute("checkpoint")
    copy.write_bytes(built.path.read_bytes())
    opened = Warehouse(copy, duckdb.connect(str(copy)))
    yield opened
    opened.connection.close()


def published(warehouse: Warehouse, folder: Path, known_at: datetime | None = None) -> None:
    """Keeps what the dashboard says, and gives it to the warehouse as the next night's run finds it."""
    keep_published(warehouse.connection, folder, "first")
    warehouse.connection.execute(
        "insert into indicators.published by name from read_parquet(?)", [str(folder / "first.parquet")]
    )
    if known_at:
        warehouse.connection.execute("update landing.run set known_at = ?", [known_at])


def months(warehouse: Warehouse) -> dict[date, Any]:
    rows = warehouse.rows(
        f"select period_start, value, first_published_value as first, is_revised from dashboard.indicator where {CELL}"
    )
    return {row["period_start"]: (row["value"], row["first"], row["is_revised"]) for row in rows}


def test_what_is_closed_is_kept_once(warehouse: Warehouse, tmp_path: Path) -> None:
    published(warehouse, tmp_path)
    kept = duckdb.execute(f"select period_start, value from '{tmp_path}/first.parquet' where {CELL}").fetchall()
    assert (date(2025, 5, 1), 3.0) in kept
    assert all(start < date(2025, 6, 1) for start, _ in kept)
    assert keep_published(warehouse.connection, tmp_path, "second") == 0
    assert [path.name for path in tmp_path.glob("*.parquet")] == ["first.parquet"]


def test_a_rebuild_after_it_was_kept_says_the_same(warehouse: Warehouse, tmp_path: Path, dbt: Dbt) -> None:
    before = warehouse.rows("from dashboard.indicator")
    published(warehouse, tmp_path)
    build_after_checks(dbt, warehouse)
    assert warehouse.rows("from dashboard.indicator") == before


def test_a_later_difference_is_a_revision_beside_what_was_said_first(
    warehouse: Warehouse, tmp_path: Path, dbt: Dbt
) -> None:
    assert months(warehouse)[date(2025, 5, 1)] == (3.0, 3.0, False)
    published(warehouse, tmp_path, known_at=datetime(2025, 7, 1, 20))
    warehouse.connection.execute(
        f"update intermediate.int_indicator_count set numerator = 4, value = 4 where {CELL} "
        "and period_start = '2025-05-01'"
    )
    build_after_checks(dbt, warehouse)
    found = months(warehouse)
    assert found[date(2025, 5, 1)] == (4.0, 3.0, True)
    assert found[date(2025, 4, 1)] == (1.0, 1.0, False)
    when = warehouse.column(f"select distinct first_published_at from dashboard.indicator where {CELL} and is_complete")
    assert when == [datetime(2025, 6, 30, 20)]


def test_what_has_nothing_in_it_any_more_is_shown_empty_and_revised(
    warehouse: Warehouse, tmp_path: Path, dbt: Dbt
) -> None:
    published(warehouse, tmp_path)
    boys = "indicator_id = 'requests_received' and period_kind = 'month' and breakdown_value = 'Male'"
    warehouse.connection.execute(
        f"delete from intermediate.int_indicator_count where {boys} and period_start = '2025-05-01'"
    )
    build_after_checks(dbt, warehouse)
    row = warehouse.row(
        f"select value, first_published_value, is_revised from dashboard.indicator where {boys} "
        "and period_start = '2025-05-01'"
    )
    assert row == {"value": 0.0, "first_published_value": 3.0, "is_revised": True}


def test_a_breakdown_that_comes_later_is_no_revision_and_is_kept_from_then_on(
    warehouse: Warehouse, tmp_path: Path, dbt: Dbt
) -> None:
    published(warehouse, tmp_path, known_at=datetime(2025, 7, 1, 20))
    warehouse.connection.execute("delete from indicators.published where breakdown = 'sex'")
    build_after_checks(dbt, warehouse)
    boys = "indicator_id = 'requests_received' and breakdown_value = 'Male' and period_kind = 'month'"
    may = f"select first_published_value, is_revised from dashboard.indicator where {boys} and month(period_start) = 5"
    assert warehouse.row(may) == {"first_published_value": 3.0, "is_revised": False}
    assert keep_published(warehouse.connection, tmp_path, "second") > 0
    kept = duckdb.execute(f"select distinct breakdown from '{tmp_path}/second.parquet'").fetchall()
    assert kept == [("sex",)]


def test_what_was_published_of_pounds_keeps_of_how_many_children_it_was(
    warehouse: Warehouse, tmp_path: Path, dbt: Dbt
) -> None:
    """Where that was not kept, it may have been one child, and so it is withheld."""
    june = "select breakdown_value, children from dashboard.indicator where indicator_id = 'high_needs_forecast'"
    warehouse.connection.execute(
        "insert into indicators.published by name select 'high_needs_forecast' as indicator_id, "
        "'month' as period_kind, date '2025-05-01' as period_start, date '2025-05-31' as period_end, "
        "'sex' as breakdown, of.sex as breakdown_value, 900 as numerator, 900 as value, of.children, "
        "timestamp '2025-05-31 20:00:00' as known_at from (values ('Female', 7), ('Male', null)) as of(sex, children)"
    )
    build_after_checks(dbt, warehouse)
    assert warehouse.rows(f"{june} order by all") == [
        {"breakdown_value": "Female", "children": 7},
        {"breakdown_value": "Male", "children": 1},
    ]


def test_a_month_that_is_not_over_is_neither_kept_nor_revised(warehouse: Warehouse, tmp_path: Path) -> None:
    assert months(warehouse)[date(2025, 6, 1)] == (0.0, None, False)


def test_what_only_the_day_tells_keeps_its_past_from_what_was_published(
    warehouse: Warehouse, tmp_path: Path, dbt: Dbt
) -> None:
    """Children missing education in June are those of today's list; a month on, June is as it was last published."""
    published(warehouse, tmp_path)
    warehouse.connection.execute("update landing.run set as_at = '2025-07-31'")
    warehouse.connection.execute(
        "delete from intermediate.int_indicator_count where indicator_id = 'missing_education'"
    )
    build_after_checks(dbt, warehouse)
    june = warehouse.row(
        "select value, target, rag, is_complete, is_revised from dashboard.indicator "
        "where indicator_id = 'missing_education' and period_kind = 'month' and breakdown = 'all'"
    )
    assert june == {"value": 1.0, "target": 1.0, "rag": "green", "is_complete": True, "is_revised": False}


def test_shares_are_compared_with_england_and_the_region_added_up(warehouse: Warehouse) -> None:
    """Essex issued 120 of 300 in time and Camden 120 of 600, so England is 360 of 1,100 and the East 240 of 500."""
    rows = warehouse.rows(
        "select area_kind, authorities, round(value, 2) as value from dashboard.indicator_benchmark "
        "where indicator_id = 'plans_issued_in_20_weeks' and calendar_year = 2023 order by area_kind"
    )
    assert [tuple(row.values()) for row in rows] == [
        ("england", 3, 32.73),
        ("region", 2, 48.0),
        ("this authority", 1, 60.0),
    ]


def test_statistical_neighbours_are_the_mean_of_their_shares(warehouse: Warehouse, dbt: Dbt) -> None:
    warehouse.connection.execute("insert into indicators.statistical_neighbour values ('881'), ('202')")
    warehouse.connection.close()
    assert dbt.invoke(warehouse.path, "run", "--select", "indicator_benchmark").success
    with duckdb.connect(str(warehouse.path)) as connection:
        (value,) = connection.execute(
            "select value from dashboard.indicator_benchmark where area_kind = 'statistical neighbours' "
            "and indicator_id = 'plans_issued_in_20_weeks'"
        ).fetchone() or (None,)
    assert value == pytest.approx((40 + 20) / 2)


def test_the_rules_on_the_dashboard_pass_and_find_what_is_wrong(warehouse: Warehouse) -> None:
    connection = warehouse.connection
    connection.execute("drop table checks.extract")
    connection.execute('create table landing.quarantine (extract varchar, "table" varchar, record_id varchar)')
    contracts = [
        CONTRACTS / "dashboard" / f"{table}.yml"
        for table in ("indicator", "indicator_benchmark", "indicator_catalogue")
    ]
    clean = {result.rule_id: result.outcome for result in verify_contracts(connection, contracts)}
    assert {rule for rule, outcome in clean.items() if outcome != "passed"} == {"indicator_without_a_figure"}
    connection.execute("update dashboard.indicator set denominator = denominator / 2 where breakdown = 'all'")
    connection.execute("update dashboard.indicator set children = 0 where indicator_id = 'active_plans'")
    connection.execute("insert into dashboard.indicator_catalogue from dashboard.indicator_catalogue limit 1")
    connection.execute("update dashboard.indicator_benchmark set value = 101 where area_kind = 'england'")
    wrong = {(r.dataset, r.rule_id) for r in verify_contracts(connection, contracts) if r.outcome == "failed"}
    assert wrong >= {
        ("dashboard/indicator", "indicator_value_unfounded"),
        ("dashboard/indicator", "indicator_of_no_child"),
        ("dashboard/indicator_catalogue", "row_repeated"),
        ("dashboard/indicator_benchmark", "benchmark_share_out_of_bounds"),
    }


@pytest.mark.parametrize(
    ("elsewhere", "found"), [("numerator = 113, children = 1", 1), ("numerator = 1, children = 1", 0)]
)
def test_no_session_attended_is_said_of_a_child_but_no_place_filled_of_none(
    warehouse: Warehouse, elsewhere: str, found: int
) -> None:
    connection = warehouse.connection
    connection.execute("drop table checks.extract")
    connection.execute('create table landing.quarantine (extract varchar, "table" varchar, record_id varchar)')
    rows = "from dashboard.indicator where indicator_id = 'active_plans'"
    assert connection.execute(f"select count(*) > 1 {rows}").fetchone() == (True,)
    connection.execute(
        f"update dashboard.indicator set denominator = 120, {elsewhere} where rowid in (select rowid {rows})"
    )
    connection.execute(
        f"update dashboard.indicator set numerator = 0, children = 0 where rowid = (select min(rowid) {rows})"
    )
    results = verify_contracts(connection, [CONTRACTS / "dashboard" / "indicator.yml"])
    assert [r.failed_rows for r in results if r.rule_id == "indicator_of_no_child"] == [found]


def test_a_mended_fault_is_counted_in_the_weeks_it_took(warehouse: Warehouse, dbt: Dbt) -> None:
    found = datetime(2025, 5, 5, 20)
    fixed = [{"owner": "sen_team", "first_seen_at": found, "fixed_at": found + timedelta(weeks=w)} for w in (1, 3)]
    build_after_checks(dbt, warehouse, fixed=fixed)
    row = warehouse.row(
        "select value, rag from dashboard.indicator where indicator_id = 'weeks_to_fix' and breakdown = 'mended_by' "
        "and period_kind = 'calendar_year'"
    )
    assert row == {"value": 2.0, "rag": "green"}


def test_a_record_with_a_fault_does_not_pass_every_check(warehouse: Warehouse, dbt: Dbt) -> None:
    finding = {
        "finding_key": "f1",
        "rule_id": "r",
        "severity": "error",
        "state": "new",
        "first_seen_at": datetime(2025, 6, 1),
    }
    query = (
        "select numerator, denominator from dashboard.indicator where indicator_id = 'records_passing_every_check' "
        "and breakdown = 'all' and period_kind = 'month'"
    )
    before = warehouse.row(query)
    of_plan = {**finding, "extract": "ehc_case", "table_name": "plan", "record_id": "P-K1"}
    wrong = {**of_plan, "child_id": "C-K1"}
    # a request with the number of a placement, of which nothing is wrong: it is no child's record
    other = {**of_plan, "finding_key": "f2", "table_name": "request", "record_id": "L1"}
    build_after_checks(dbt, warehouse, [wrong, other])
    assert warehouse.row(query) == {"numerator": before["denominator"] - 1, "denominator": before["denominator"]}


COUNTS = CONTRACTS / "intermediate" / "int_indicator_count.yml"
LAST_MONTH = "period_kind = 'month' and breakdown = 'all' and period_start = date '2025-05-01'"
MANY = "update intermediate.int_indicator_count set numerator = 100 where period_kind = 'month' and breakdown = 'all'"
PUBLISHED_AS_HIGHER = (
    "insert into indicators.published select indicator_id, period_kind, period_start, breakdown, breakdown_value, "
    "period_end, 400, denominator, value, null, timestamp '2025-06-02 03:00:00' from intermediate.int_indicator_count "
    f"where indicator_id = 'requests_received' and {LAST_MONTH}"
)
PLANTED = {
    "row_repeated": "insert into intermediate.int_indicator_count from intermediate.int_indicator_count limit 1",
    "indicator_month_missing": f"delete from intermediate.int_indicator_count where {CELL} "
    "and period_start = date '2025-04-01'",
    "indicator_month_empty": "delete from intermediate.int_indicator_count where indicator_id = 'plans_issued'; "
    "insert into intermediate.int_indicator_count by name select 'plans_issued' as indicator_id, "
    "'month' as period_kind, month::date as period_start, last_day(month) as period_end, true as is_complete, "
    "'all' as breakdown, 'all' as breakdown_value, if(month = date '2025-05-01', 2, 100) as numerator "
    "from generate_series(date '2023-05-01', date '2025-05-01', interval 1 month) as months(month)",
    "indicator_fell_in_a_month": f"{MANY} and indicator_id = 'active_plans'; update intermediate.int_indicator_count "
    f"set numerator = 60 where indicator_id = 'active_plans' and {LAST_MONTH}",
    "indicator_denominator_fell": PUBLISHED_AS_HIGHER,
    "indicator_periods_do_not_add_up": "update intermediate.int_indicator_count set numerator = numerator + 1 "
    "where indicator_id = 'requests_received' and breakdown = 'all' and period_kind = 'quarter'",
    "indicator_breakdown_does_not_add_up": "update intermediate.int_indicator_count set numerator = numerator + 1 "
    "where indicator_id = 'requests_received' and breakdown = 'sex' and period_kind = 'month'",
    "indicator_child_counted_twice": "insert into core.fct_plan "
    "select plan.* replace (concat(plan_id, copy) as plan_id) from core.fct_plan as plan, range(5) as r(copy)",
    "indicator_recount_differs": "insert into core.fct_request from core.fct_request limit 1",
}
"""A fault for each rule on the counts: a month missing, a child counted twice, what was counted halved."""


def failed_counts(connection: duckdb.DuckDBPyConnection) -> set[str]:
    results = verify_contracts(connection, [COUNTS])
    assert all(result.has_run for result in results)
    return {result.rule_id for result in results if result.outcome == "failed"}


@pytest.fixture
def counted(warehouse: Warehouse) -> duckdb.DuckDBPyConnection:
    """The counts as they are made: no rule has anything to say."""
    connection = warehouse.connection
    connection.execute("drop table checks.extract")
    connection.execute('create table landing.quarantine (extract varchar, "table" varchar, record_id varchar)')
    assert failed_counts(connection) == set()
    return connection


def test_each_rule_on_the_counts_is_planted_for() -> None:
    assert {rule.rule_id for rule in read_contract(COUNTS).rules} - {"columns_as_agreed"} == set(PLANTED)


@pytest.mark.parametrize("rule", PLANTED)
def test_a_fault_in_the_counts_is_found(rule: str, counted: duckdb.DuckDBPyConnection) -> None:
    counted.execute(PLANTED[rule])
    assert rule in failed_counts(counted)


@pytest.mark.parametrize(
    ("rule", "indicator"),
    [("indicator_fell_in_a_month", "active_plans"), ("indicator_denominator_fell", "requests_received")],
)
def test_a_fall_that_somebody_found_right_holds_nothing(
    rule: str, indicator: str, counted: duckdb.DuckDBPyConnection
) -> None:
    counted.execute(PLANTED[rule])
    counted.execute("insert into indicators.accepted values (?, timestamp '2025-05-20 09:00:00')", [indicator])
    is_settled = rule not in failed_counts(counted)
    assert is_settled == (rule == "indicator_fell_in_a_month"), (
        "what was published after it was looked at is not settled"
    )
    counted.execute("update indicators.accepted set accepted_at = timestamp '2025-06-30 09:00:00'")
    assert rule not in failed_counts(counted)
