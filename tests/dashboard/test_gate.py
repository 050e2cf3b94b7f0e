"""The contracts of the dashboard's tables: each fault that would show too much, or nonsense, is found."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from checks.gates import DASHBOARD_GATES, read_gates
from checks.rules import BUILT_AFTER_CHECKS, CONTRACTS
from checks.verification import verify_contracts
from tests.dashboard.invented import invented_edition

TABLES = [name for name in BUILT_AFTER_CHECKS if name.startswith("dashboard/") and name != "dashboard/indicator"]


@pytest.fixture(scope="module")
def edition() -> Iterator[duckdb.DuckDBPyConnection]:
    with invented_edition(seed=3, months=14, monthly=25) as connection:
        # what the rules' shared macros name, though none of ours asks
        connection.execute(
            'create table landing.quarantine (extract varchar, "table" varchar, load_id varchar, file varchar, '
            "row bigint, reason varchar, column_name varchar, problem varchar, record_id varchar)"
        )
        connection.execute("create schema saved")
        for table in TABLES:
            name = table.removeprefix("dashboard/")
            connection.execute(f"create table saved.{name} as from dashboard.{name}")
        yield connection


@pytest.fixture
def connection(edition: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """The edition, put back after each test."""
    yield edition
    for table in TABLES:
        name = table.removeprefix("dashboard/")
        edition.execute(f"create or replace table dashboard.{name} as from saved.{name}")


def failed(connection: duckdb.DuckDBPyConnection, *tables: str) -> set[str]:
    results = verify_contracts(connection, [CONTRACTS / "dashboard" / f"{table}.yml" for table in tables])
    assert results
    assert all(result.has_run for result in results)
    return {result.rule_id for result in results if result.outcome == "failed"}


def test_an_edition_as_it_is_made_passes(connection: duckdb.DuckDBPyConnection) -> None:
    ours = [table.removeprefix("dashboard/") for table in TABLES]
    assert failed(connection, *ours) == set()


def test_the_gate_rests_on_every_table_that_it_publishes() -> None:
    (gate,) = read_gates(DASHBOARD_GATES)
    assert {f"{schema}/{table}" for table, schema in gate.tables.items()} >= set(TABLES)


FAULTS = {
    "indicator_board_withheld_told": "update dashboard.indicator_board set change = 3 where suppressed",
    "indicator_public_withheld_told": "update dashboard.indicator_public set rag = 'red' where suppressed",
    "indicator_board_small_number_shown": """
        update dashboard.indicator_board set suppressed = false, shown = '3', numerator = 3 where suppressed
    """,
    "indicator_public_small_number_shown": """
        update dashboard.indicator_public set suppressed = false, shown = '5', numerator = 5 where suppressed
    """,
    "indicator_public_beyond_board": """
        update dashboard.indicator_board
        set suppressed = true, numerator = null, denominator = null, value = null, lower = null, upper = null,
            change = null, change_on_year = null, rag = 'none', shown = '[c]'
    """,
    "indicator_public_for_the_board_only": """
        insert into dashboard.indicator_public by name
        select * from dashboard.indicator_board where indicator_id = 'training0'
    """,
    "indicator_public_not_rounded": "update dashboard.indicator_public set numerator = numerator + 1",
}


@pytest.mark.parametrize("rule", FAULTS)
def test_a_leak_is_found(connection: duckdb.DuckDBPyConnection, rule: str) -> None:
    connection.execute(FAULTS[rule])
    assert rule in failed(connection, "indicator_board", "indicator_public")


@pytest.mark.parametrize("table", [name.removeprefix("dashboard/") for name in TABLES])
def test_a_row_that_comes_twice_is_found(connection: duckdb.DuckDBPyConnection, table: str) -> None:
    connection.execute(f"insert into dashboard.{table} from dashboard.{table} limit 1")
    assert "row_repeated" in failed(connection, table)


@pytest.mark.parametrize("table", [name.removeprefix("dashboard/") for name in TABLES])
def test_a_column_that_is_not_as_agreed_is_found(connection: duckdb.DuckDBPyConnection, table: str) -> None:
    connection.execute(f"alter table dashboard.{table} add column surname varchar")
    assert "columns_as_agreed" in failed(connection, table)
