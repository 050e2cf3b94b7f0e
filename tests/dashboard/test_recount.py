"""Every indicator of the catalogue, computed a second way in pandas, on three boroughs of different seeds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import duckdb
import pandas as pd
import pytest

from dashboard.definitions import the_catalogue
from tests.dashboard.boroughs import built_borough
from tests.dashboard.recount import Counts, Frame, Recount

SEEDS = (11, 12, 13)
CATALOGUE = the_catalogue().counted(is_after_checks=False)
KINDS = {i.id: CATALOGUE.populations[i.population].kind for i in CATALOGUE.indicators}


@dataclass
class Borough:
    """A built borough: the first count, and the second."""

    counted: Frame
    recount: Recount


@pytest.fixture(scope="module", params=SEEDS)
def borough(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Borough]:
    path = built_borough(tmp_path_factory.mktemp(f"borough-{request.param}"), seed=request.param)
    with duckdb.connect(str(path)) as connection:
        (day,) = connection.execute("select as_at from landing.run").fetchone() or ()
        recount = Recount(connection, pd.Timestamp(day))
        counted = recount.frame("from intermediate.int_indicator_count where breakdown = 'all'")
        yield Borough(counted, recount)


def told(row: Any) -> Counts:
    numerator, denominator = row.numerator, row.denominator
    return float(numerator), None if pd.isna(denominator) else float(denominator)


def near(one: Counts, other: Counts) -> bool:
    """The same to the whole number, as the table has them."""
    pairs = zip(one, other, strict=True)
    return all((a is None) == (b is None) and (a is None or abs(a - (b or 0)) <= 0.51) for a, b in pairs)


def test_what_happens_is_counted_the_same_in_every_period(borough: Borough) -> None:
    flows = borough.recount.flows()
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
