"""Signals are told from noise by the rules of NHS England's "Making Data Count"."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import duckdb
import pytest

from dashboard.signals import find_signals
from tests.dashboard.invented import CATALOGUE_COLUMNS, INDICATOR_COLUMNS

STEADY = [50, 54, 49, 53, 48, 52, 51, 47, 53, 49, 52, 50]


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("create schema dashboard")
        for audience in ("board", "public"):
            connection.execute(f"create table dashboard.indicator_{audience} ({INDICATOR_COLUMNS})")
        connection.execute(f"create table dashboard.indicator_catalogue ({CATALOGUE_COLUMNS})")
        yield connection


def signals(
    connection: duckdb.DuckDBPyConnection,
    values: Sequence[float],
    *,
    direction: str = "higher",
    of: Sequence[int] | None = None,
    is_of_children: bool = True,
) -> list[tuple[str, str | None]]:
    """The signal and the rule of each month of a series; with ``of``, of percentages of so many children, or not."""
    unit = "percent" if of else "weeks"
    connection.execute(
        "insert into dashboard.indicator_catalogue (indicator_id, unit, direction, is_person_count) "
        "values ('x', ?, ?, ?)",
        [unit, direction, is_of_children],
    )
    for i, value in enumerate(values):
        connection.execute(
            """
            insert into dashboard.indicator_board
                (indicator_id, period_kind, period_start, period_end, is_complete, breakdown, breakdown_value, value,
                numerator, denominator)
            select 'x', 'month', start, last_day(start), true, 'all', 'all', $value, round($value * $of / 100), $of
            from (select (date '2023-01-01' + to_months($i))::date as start)
            """,
            {"i": i, "value": value, "of": of[i] if of else None},
        )
    find_signals(connection)
    return connection.execute("select signal, rule from dashboard.signal_board order by period_end").fetchall()


def test_a_steady_series_has_no_signal(connection: duckdb.DuckDBPyConnection) -> None:
    assert {signal for signal, _ in signals(connection, STEADY * 2)} == {"common cause"}


def test_a_month_beyond_the_control_limits_is_a_signal(connection: duckdb.DuckDBPyConnection) -> None:
    assert signals(connection, [*STEADY, *STEADY, 90])[-1] == ("improvement", "beyond a control limit")


def test_the_same_month_is_a_concern_where_lower_is_better(connection: duckdb.DuckDBPyConnection) -> None:
    assert signals(connection, [*STEADY, *STEADY, 90], direction="lower")[-1][0] == "concern"


def test_where_no_direction_is_better_it_is_a_change(connection: duckdb.DuckDBPyConnection) -> None:
    assert signals(connection, [*STEADY, *STEADY, 90], direction="neither")[-1][0] == "change"


def test_seven_months_on_one_side_of_the_mean_are_a_signal(connection: duckdb.DuckDBPyConnection) -> None:
    run = [51, 52, 51, 52, 51, 52, 51]
    low = [48, 50, 47, 49.5, 48, 50.5, 47, 49.5]
    found = signals(connection, [60, 40, 61, 41, 60, 38, *run, *low[:1], 60, 40])
    assert ("improvement", "7 or more months on one side of the mean") in found


def test_six_months_rising_are_a_signal(connection: duckdb.DuckDBPyConnection) -> None:
    found = signals(connection, [*STEADY, 47, 48, 49, 50, 51, 52, 50])
    assert [rule for _, rule in found[13:18]] == ["6 or more months in one direction"] * 5


def test_a_percentage_of_few_has_wider_limits(connection: duckdb.DuckDBPyConnection) -> None:
    """A p-chart: 20 % of 5 is noise where 20 % of 500 is a signal."""
    values = [50.0] * 14 + [20, 20]
    found = signals(connection, values, of=[100] * 14 + [5, 500])
    assert found[-2][0] == "common cause"
    assert found[-1] == ("concern", "beyond a control limit")


def test_fewer_than_twelve_months_say_nothing(connection: duckdb.DuckDBPyConnection) -> None:
    assert signals(connection, [*STEADY[:10], 90]) == []


def test_a_percentage_of_very_many_sessions_is_told_from_noise_by_how_much_it_varies(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    """The sessions of one child go together: 47 % of 10,000 among such months is no signal, of children it were one."""
    of_sessions = signals(connection, STEADY, of=[10_000] * len(STEADY), is_of_children=False)
    assert {signal for signal, _ in of_sessions} == {"common cause"}
