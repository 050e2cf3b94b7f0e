"""Every indicator of the catalogue, computed a second way in pandas, on three boroughs of different seeds.

Some are also computed by group, and those of records from what the checks find on three nights.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

from checks.findings import capture_findings, register_fixed
from checks.gates import DASHBOARD_GATES, decide_gates, read_gates
from checks.rules import CONTRACTS, contract_paths
from checks.verification import verify_contracts
from connectors.contract import all_contracts
from dashboard.counting import count_indicators
from dashboard.definitions import PEOPLE_BREAKDOWNS, the_catalogue
from operations.fixed import fixed_findings
from operations.store import OperationsStore
from operations.triage import Filter, Triage
from tests.dashboard.boroughs import KNOWN_AT, built_borough
from tests.dashboard.recount import Counts, Frame, Recount

SEEDS = (11, 12, 13)
CATALOGUE = the_catalogue().counted(is_after_checks=False)
KINDS = {i.id: CATALOGUE.populations[i.population].kind for i in CATALOGUE.indicators}
PLENTIFUL = {
    *("requests_received", "advice_in_6_weeks", "reviews_on_time", "review_decision_in_4_weeks", "high_needs_spend"),
    *("health_referrals", "treated_in_18_weeks", "attendance_ehc_plan", "attendance_sen_support"),
}
"""Flows of so many children, even in a small borough, that they are of several groups."""
NIGHTS = ((60, {0, 1, 2, 3}), (20, {1, 2, 3, 4}), (0, {2, 3}))
"""How many days before the last night, and which fifths of the faults are found then; the others are mended, or new."""


@dataclass
class Borough:
    """A built borough: the first count, in all and by group, and the second."""

    counted: Frame
    grouped: Frame
    recount: Recount

    @cached_property
    def flows(self) -> dict[str, Frame]:
        """What happened, as the second count has it."""
        return self.recount.flows()


@pytest.fixture(scope="module", params=SEEDS)
def borough(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Borough]:
    path = built_borough(tmp_path_factory.mktemp(f"borough-{request.param}"), seed=request.param)
    with duckdb.connect(str(path)) as connection:
        (day,) = connection.execute("select as_at from landing.run").fetchone() or ()
        recount = Recount(connection, pd.Timestamp(day))
        counted = recount.frame("from intermediate.int_indicator_count where breakdown = 'all'")
        grouped = recount.frame(f"from intermediate.int_indicator_count where breakdown in {PEOPLE_BREAKDOWNS}")
        yield Borough(counted, grouped, recount)


def told(row: Any) -> Counts:
    numerator, denominator = row.numerator, row.denominator
    return float(numerator), None if pd.isna(denominator) else float(denominator)


def near(one: Counts, other: Counts) -> bool:
    """The same to the whole number, as the table has them."""
    pairs = zip(one, other, strict=True)
    return all((a is None) == (b is None) and (a is None or abs(a - (b or 0)) <= 0.51) for a, b in pairs)


def test_what_happens_is_counted_the_same_in_every_period(borough: Borough) -> None:
    flows = borough.flows
    assert set(flows) == {name for name, kind in KINDS.items() if kind == "flow"}
    has_denominator = {i.id: i.has_denominator for i in CATALOGUE.indicators}
    wrong = []
    for row in borough.counted[borough.counted.indicator_id.isin(flows)].itertuples():
        flow = flows[row.indicator_id]
        there = flow[(flow.day >= row.period_start) & (flow.day <= row.period_end)]
        below = float(there.den.sum()) if has_denominator[row.indicator_id] else None
        if not near(told(row), (float(there.num.sum()), below)):
            wrong.append(
                (row.indicator_id, row.period_kind, row.period_start.date(), told(row), there.num.sum(), below)
            )
    assert wrong == []


@pytest.mark.parametrize("breakdown", PEOPLE_BREAKDOWNS)
def test_what_happens_is_counted_the_same_of_each_group(borough: Borough, breakdown: str) -> None:
    first = borough.grouped[borough.grouped.breakdown == breakdown]
    shown_by = {i.id for i in CATALOGUE.indicators if breakdown in i.breakdowns}
    of_one_group = set()
    for name, child in borough.recount.who_is_counted.items():
        flow = borough.flows[name]
        group = borough.recount.groups(child.reindex(flow.index), flow.day)[breakdown]
        for kind, length in (("month", "M"), ("quarter", "Q"), ("calendar_year", "Y"), ("academic_year", "Y-AUG")):
            of_kind = borough.counted[(borough.counted.indicator_id == name) & (borough.counted.period_kind == kind)]
            start = flow.day.dt.to_period(length).dt.start_time
            is_counted = start.isin(of_kind.period_start)
            sums = flow[is_counted].astype({"num": float, "den": float}).groupby([start, group])[["num", "den"]].sum()
            expected = {cell: (row.num, row.den) for cell, row in sums.iterrows() if row.num or row.den}
            expected = expected if name in shown_by else {}
            cells = first[(first.indicator_id == name) & (first.period_kind == kind)]
            found = {
                (row.period_start, row.breakdown_value): (
                    row.numerator,
                    0 if pd.isna(row.denominator) else row.denominator,
                )
                for row in cells.itertuples()
            }
            assert found.keys() == expected.keys(), (name, kind)
            assert [cell for cell in found if not near(found[cell], expected[cell])] == [], (name, kind)
            if kind == "academic_year" and name in shown_by and len({value for _, value in found}) < 2:
                of_one_group.add(name)
    assert of_one_group & PLENTIFUL == set()


def test_the_children_behind_the_sessions_are_counted_the_same_by_census_in_all_and_of_each_group(
    borough: Borough,
) -> None:
    recount = borough.recount
    e = recount.enrolments[recount.enrolments.sessions_possible > 0]
    month = e.census_date.dt.to_period("M").dt.start_time
    groups = recount.groups(e.child_id, e.census_date).assign(all="all")
    for name, code in (("attendance_ehc_plan", "E"), ("attendance_sen_support", "K")):
        first: Frame = pd.concat([borough.counted, borough.grouped])
        first = first[(first.indicator_id == name) & (first.period_kind == "month") & (first.denominator > 0)]
        shown_by = next(i.breakdowns for i in CATALOGUE.indicators if i.id == name)
        for breakdown in ("all", *shown_by):
            of_code = e[e.sen_provision == code]
            # all that are nobody known count as one
            expected = of_code.child_id.fillna("nobody").groupby([month, groups[breakdown]]).nunique().to_dict()
            cells = first[first.breakdown == breakdown].set_index(["period_start", "breakdown_value"])
            assert cells.children.to_dict() == expected, (name, breakdown)


def test_what_stands_is_counted_the_same_of_each_group_at_the_end_of_every_month_of_a_year(borough: Borough) -> None:
    recount = borough.recount
    rows = borough.grouped[borough.grouped.period_kind == "month"]
    rows = rows[rows.period_start > recount.as_at - pd.DateOffset(months=12)]
    wrong = []
    for period_end, of_month in rows.groupby("period_end"):
        day = min(period_end, recount.as_at)
        for name, child in recount.standing(day).items():
            groups = recount.groups(child, pd.Series(day, child.index, dtype="datetime64[ns]"))
            for breakdown in PEOPLE_BREAKDOWNS:
                expected = groups[breakdown].value_counts().to_dict()
                cells = of_month[(of_month.indicator_id == name) & (of_month.breakdown == breakdown)]
                found = cells.set_index("breakdown_value").numerator.to_dict()
                if found != expected:
                    wrong.append((name, day.date(), breakdown, found, expected))
    assert rows.period_end.nunique() >= 12
    assert wrong == []


def test_the_children_that_money_is_spent_on_are_counted_the_same_in_all_and_of_each_group(borough: Borough) -> None:
    spend = borough.recount.spend
    groups = borough.recount.groups(spend.child_id, spend.spend_month).assign(all="all")
    groups["spend_kind"] = spend.spend_kind.fillna("Not known")
    cells = borough.recount.frame(
        "from intermediate.int_indicator_count where indicator_id = 'high_needs_spend' and period_kind = 'month'"
    )
    for breakdown, of in cells[cells.numerator > 0].groupby("breakdown"):
        # all whom nobody knows count as one
        whose = spend.child_id.fillna("nobody").groupby([spend.spend_month, groups[breakdown]])
        expected = whose.nunique().to_dict()
        found = of.set_index(["period_start", "breakdown_value"]).children.to_dict()
        assert found == {cell: expected[cell] for cell in found}, breakdown
    assert set(cells.breakdown) == {"all", "spend_kind", *PEOPLE_BREAKDOWNS}


def test_what_stands_is_counted_the_same_at_the_end_of_every_month_of_two_years(borough: Borough) -> None:
    stocks = borough.recount.stocks()
    assert set(stocks) | set(borough.recount.today()) == {name for name, kind in KINDS.items() if kind != "flow"}
    as_at = borough.recount.as_at
    rows = borough.counted[(borough.counted.period_kind == "month") & borough.counted.indicator_id.isin(stocks)]
    wrong = []
    for row in rows[rows.period_start > as_at - pd.DateOffset(months=24)].itertuples():
        day = min(row.period_end, as_at)
        if row.indicator_id.startswith("persistent_absence"):
            day = borough.recount.enrolments.census_date[
                borough.recount.enrolments.census_date.between(row.period_start, row.period_end)
            ].max()
        if not near(told(row), stocks[row.indicator_id](day)):
            wrong.append((row.indicator_id, row.period_start.date(), told(row), stocks[row.indicator_id](day)))
    assert wrong == []


def test_what_is_known_of_the_day_alone_is_what_the_lists_say(borough: Borough) -> None:
    month = borough.counted[borough.counted.period_kind == "month"].sort_values("period_start")
    last = month.drop_duplicates("indicator_id", keep="last").set_index("indicator_id")
    expected = borough.recount.today()
    found = {name: told(last.loc[name]) for name in expected if name in last.index}
    nothing = {name: (0.0, None if counts[1] is None else 0.0) for name, counts in expected.items()}
    wrong = {
        name: (found.get(name), counts)
        for name, counts in expected.items()
        if not near(found.get(name, nothing[name]), counts)
    }
    assert wrong == {}


def test_a_year_of_what_stands_is_its_last_month(borough: Borough) -> None:
    counted = borough.counted[
        borough.counted.is_complete & borough.counted.indicator_id.isin(["active_plans", "caseload"])
    ]
    months = counted[counted.period_kind == "month"].set_index(["indicator_id", "period_end"]).value
    years = counted[counted.period_kind == "calendar_year"].set_index(["indicator_id", "period_end"]).value
    assert len(years) >= 4
    assert (months.loc[years.index] == years).all()


def test_the_three_boroughs_have_something_to_count(borough: Borough) -> None:
    counted = borough.counted[borough.counted.numerator > 0]
    assert len(set(counted.indicator_id)) >= 80


COUNTS = CONTRACTS / "intermediate" / "int_indicator_count.yml"
FAULTS = {
    "What is counted is what the warehouse holds": (
        "insert into core.dim_child from core.dim_child "
        "where child_id = (select min(child_id) from core.fct_plan where is_active)",
        "active_plans",
    ),
    "No month is missing between the first and the last": (
        "delete from core.fct_post_16_activity where period_end = (select quantile_disc(period_end, 0.5) "
        "from core.fct_post_16_activity)",
        "neet_or_unknown_16_to_25",
    ),
    "A closed period keeps what it was counted from": (
        "delete from core.fct_plan where hash(plan_id) % 2 = 0",
        "active_plans",
    ),
}
"""A fault that makes an indicator wrong, by the rule that finds it: a child twice, a month missing, plans halved."""


@pytest.mark.parametrize("borough", SEEDS[:1], indirect=True)
@pytest.mark.parametrize("rule", FAULTS)
def test_a_fault_that_makes_an_indicator_wrong_holds_the_dashboard_and_says_why(
    borough: Borough, rule: str, tmp_path: Path
) -> None:
    """``tests/flows/test_dashboard.py`` goes on from there: what stands, with its date, and what officers are told."""
    connection = borough.recount.connection
    connection.execute("checkpoint")
    ((built,),) = connection.execute("select path from duckdb_databases() where path is not null").fetchall()
    shutil.copyfile(built, tmp_path / "warehouse.duckdb")
    gate = replace(
        read_gates(DASHBOARD_GATES)[0], tables={}, contracts=("intermediate/int_indicator_count",), must_run=()
    )
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as copy:
        copy.execute(
            "insert into indicators.published by name select * exclude (is_complete), timestamp '2026-11-01' as "
            "known_at from intermediate.int_indicator_count where is_complete"
        )
        assert decide_gates(verify_contracts(copy, [COUNTS]), [gate])[0].is_published
        statement, indicator = FAULTS[rule]
        copy.execute(statement)
        copy.execute("delete from intermediate.int_indicator_count")
        count_indicators(copy, CATALOGUE).insert_into("intermediate.int_indicator_count")
        results = verify_contracts(copy, [COUNTS])
        with closing(OperationsStore(f"sqlite:///{tmp_path / 'operations.db'}")) as store:
            capture_findings(copy, results, store.first_seen(), seen_at=KNOWN_AT)
        found = copy.execute(
            "select record_id, value, remedy from checks.finding where rule_name = ? and record_id like ?",
            [rule, f"{indicator}%"],
        ).fetchall()
    (decision,) = decide_gates(results, [gate])
    assert decision.outcome == "held"
    assert any(rule in reason for reason in decision.reasons)
    assert found
    assert all(value and remedy for _, value, remedy in found)


@dataclass
class Records:
    """A borough in whose records the checks found fault on three nights, some of it mended between them."""

    counted: Frame
    recount: Recount
    faults: Frame
    fixed: Frame

    def cells(self, indicator: str, kind: str, breakdown: str = "all") -> dict[Any, Counts]:
        """The first count of an indicator, by period and value."""
        c = self.counted
        c = c[(c.indicator_id == indicator) & (c.period_kind == kind) & (c.breakdown == breakdown)]
        return {(row.period_start, row.breakdown_value): told(row) for row in c.itertuples()}


@pytest.fixture(scope="module")
def records(borough: Borough, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Records]:
    connection = borough.recount.connection
    as_at = borough.recount.as_at.date()
    store = OperationsStore(f"sqlite:///{tmp_path_factory.mktemp('store') / 'operations.db'}")
    first, _ = contract_paths()
    asked = ("ehc_case__", "issue", "quarantine")
    results = verify_contracts(
        connection, [path for path in first if path.parent.name == "landing" and path.stem.startswith(asked)]
    )
    assert all(result.is_settled for result in results)
    for number, (days_before, found) in enumerate(NIGHTS):
        night = KNOWN_AT - timedelta(days=days_before)
        capture_findings(connection, results, store.first_seen(as_at), seen_at=night)
        fifths = ", ".join(map(str, found))
        connection.execute(f"delete from checks.finding where hash(finding_key) % 5 not in ({fifths})")
        store.begin_run(f"night-{number}", as_at=as_at, known_at=night)
        store.sync_findings(f"night-{number}", connection, results)
    register_fixed(connection, fixed_findings(store, KNOWN_AT))
    cursor = connection.cursor()
    counted = count_indicators(cursor, the_catalogue().counted(is_after_checks=True)).df()
    faults = connection.execute("from checks.finding").df()
    fixed = pd.DataFrame([vars(finding) for finding in Triage(store).all(Filter(states=("fixed",)))])
    yield Records(counted, borough.recount, faults, fixed)
    cursor.close()
    store.close()


def test_records_without_fault_are_counted_the_same_in_all_by_extract_and_by_who_mends_them(records: Records) -> None:
    delivered = records.recount.records
    bad = records.faults[records.faults.severity.isin(["error", "query"])]
    faulty = set(zip(bad.extract, bad.table_name, bad.record_id, strict=True))
    names = zip(delivered.extract, delivered.table, delivered.record_id, strict=True)
    delivered = delivered.assign(is_passing=[record not in faulty for record in names])
    owners = {contract.extract: contract.owner for contract in all_contracts()}
    month = records.recount.as_at.replace(day=1)
    for breakdown, group in (
        ("all", pd.Series("all", delivered.index)),
        ("source_extract", delivered.extract),
        ("mended_by", delivered.extract.map(owners)),
    ):
        sums = delivered.groupby(group).is_passing.agg(["sum", "count"])
        expected = {(month, value): (float(row["sum"]), float(row["count"])) for value, row in sums.iterrows()}
        assert records.cells("records_passing_every_check", "month", breakdown) == expected
    assert 0 < delivered.is_passing.sum() < len(delivered)


def test_the_weeks_to_mend_are_counted_the_same_in_all_and_by_who_mended(records: Records) -> None:
    fixed = records.fixed
    days = (fixed.fixed_at.dt.normalize() - fixed.first_seen_at.dt.normalize()).dt.days
    month = fixed.fixed_at.dt.to_period("M").dt.start_time
    assert set(days) == {20, 40, 60}
    for breakdown, group in (("all", pd.Series("all", fixed.index)), ("mended_by", fixed.owner)):
        sums = days.groupby([month, group]).agg(["sum", "count"])
        expected = {cell: (float(row["sum"]), float(row["count"])) for cell, row in sums.iterrows()}
        found = records.cells("weeks_to_fix", "month", breakdown)
        assert {cell: counts for cell, counts in found.items() if counts[1]} == expected


def test_the_indicators_with_a_figure_are_counted_the_same(records: Records, borough: Borough) -> None:
    counted = borough.counted[borough.counted.value.notna()]
    since = borough.recount.as_at - pd.DateOffset(months=12)
    current = set(counted[counted.period_end >= since].indicator_id)
    month = borough.recount.as_at.replace(day=1)
    expected = {(month, "all"): (float(len(current)), float(len(CATALOGUE.indicators)))}
    assert records.cells("indicators_refreshed", "month") == expected
