"""The benchmark of the return compares like with like: the rules row by row find what their queries find."""

from __future__ import annotations

import duckdb
import pytest

from benchmarks import sen2 as benchmark


@pytest.fixture(scope="module")
def england() -> duckdb.DuckDBPyConnection:
    """All England, but smaller."""
    connection = duckdb.connect()
    benchmark.make_return(connection, plans=400, requests=60)
    benchmark.add_what_rules_read(connection)
    return connection


def test_a_rule_finds_as_many_row_by_row_as_by_its_query(england: duckdb.DuckDBPyConnection) -> None:
    found = {rule_id: count for rule_id, count, _, _ in benchmark.time_row_by_row(england)}
    assert set(found) == set(benchmark.ROW_BY_ROW)
    assert all(0 < count < 460 for count in found.values())


def test_a_function_that_finds_something_else_stops_the_benchmark(
    england: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(benchmark.ROW_BY_ROW, "upn_invalid", ("sen2_person", lambda row: False))
    with pytest.raises(ValueError, match=r"upn_invalid finds .* by its query and 0 row by row"):
        benchmark.time_row_by_row(england)


def test_every_rule_that_applies_is_timed(england: duckdb.DuckDBPyConnection) -> None:
    count, by_soda, bare = benchmark.time_rules(england)
    assert count >= 200
    assert by_soda > 0 and bare > 0
