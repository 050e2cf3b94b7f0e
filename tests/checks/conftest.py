"""The clean borough in memory, made once; every test works in a transaction that is rolled back."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from checks.rules import Rule, contract_paths, read_contracts
from checks.verification import prepare
from tests.checks.borough import make_borough
from tests.checks.built import make_warehouse


@pytest.fixture(scope="session")
def clean_borough() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        make_borough(connection)
        prepare(connection)
        yield connection


@pytest.fixture
def borough(clean_borough: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    clean_borough.execute("begin")
    yield clean_borough
    clean_borough.execute("rollback")


@pytest.fixture(scope="session")
def landing_rules() -> tuple[Rule, ...]:
    first, _ = contract_paths()
    return tuple(rule for contract in read_contracts(first) for rule in contract.rules if rule.layer == "landing")


@pytest.fixture(scope="session")
def clean_warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        make_borough(connection)
        prepare(connection)
        make_warehouse(connection)
        yield connection


@pytest.fixture
def warehouse(clean_warehouse: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    clean_warehouse.execute("begin")
    yield clean_warehouse
    clean_warehouse.execute("rollback")


@pytest.fixture(scope="session")
def built_rules() -> tuple[Rule, ...]:
    first, last = contract_paths()
    return tuple(
        rule for contract in read_contracts(first + last) for rule in contract.rules if rule.layer in ("core", "lists")
    )
