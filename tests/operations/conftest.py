"""A fresh operations store, on SQLite and on a real PostgreSQL of the tests' own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest
import sqlalchemy

from checks.findings import FINDING_COLUMNS
from operations.store import OperationsStore
from tests.connectors import servers
from tests.operations.nights import Nights

Open = Callable[[], OperationsStore]


@pytest.fixture(scope="session")
def postgresql() -> Iterator[sqlalchemy.Engine]:
    with servers.postgresql() as url:
        engine = sqlalchemy.create_engine(url)
        yield engine
        engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a store that is not there yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'home' / 'operations.db'}"
    engine: sqlalchemy.Engine = request.getfixturevalue("postgresql")
    with engine.begin() as connection:
        connection.exec_driver_sql("drop schema public cascade")
        connection.exec_driver_sql("create schema public")
    return engine.url.render_as_string(hide_password=False)


@pytest.fixture
def open_store(url: str) -> Iterator[Open]:
    """Opens the store, as often as wanted."""
    opened: list[OperationsStore] = []

    def open_it() -> OperationsStore:
        opened.append(OperationsStore(url))
        return opened[-1]

    yield open_it
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: Open) -> OperationsStore:
    return open_store()


@pytest.fixture
def warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("create schema checks")
        connection.execute(f"create table checks.finding ({', '.join(f'{n} {t}' for n, t in FINDING_COLUMNS.items())})")
        yield connection


@pytest.fixture
def nights(store: OperationsStore, warehouse: duckdb.DuckDBPyConnection) -> Nights:
    return Nights(store, warehouse)
