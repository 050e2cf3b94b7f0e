"""A small borough, run once; one child of it who is known to every service, and what may never be seen of them."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from operations.store import OperationsStore
from protection.records import opened_warehouse
from tests.flows.conftest import SendHome
from warehouse.home import Home


@dataclass(frozen=True)
class Known:
    """A child with a plan, as the services know them: the number, and the identifiers that lead to it."""

    child_id: str
    case_id: str
    identifiers: frozenset[str]


@dataclass(frozen=True)
class Borough:
    """A home on which a run has been made, and its child."""

    home: Home
    runner: SendHome
    child: Known

    def places_that_hold(self, identifiers: frozenset[str]) -> list[Path]:
        """The files of the home, its sources apart, in which a value holds one of the identifiers."""
        wanted = re.compile("|".join(map(re.escape, sorted(identifiers))))
        return [place for place in places(self.home.folder) if place_holds(place, wanted)]


def places(home: Path) -> list[Path]:
    """Every file that a run, a removal or a person made in the home; the borough is the council's sources."""
    return [
        path
        for path in home.rglob("*")
        if path.is_file() and not path.is_symlink() and "borough" not in path.relative_to(home).parts
    ]


def place_holds(path: Path, wanted: re.Pattern[str]) -> bool:
    """Whether any value in the file matches; databases and Parquet are read, not only searched."""
    if path.suffix == ".parquet":
        with duckdb.connect() as connection:
            return rows_match(connection, f"read_parquet('{path}')", wanted)
    if path.suffix == ".duckdb":
        with duckdb.connect(str(path), read_only=True) as connection:
            tables = connection.execute("select schema_name, table_name from duckdb_tables()").fetchall()
            return any(rows_match(connection, f"{schema}.{table}", wanted) for schema, table in tables)
    if path.suffix == ".db":
        with sqlite3.connect(path) as database:
            return any(wanted.search(line) for line in database.iterdump())
    return re.search(wanted.pattern.encode(), path.read_bytes()) is not None


def rows_match(connection: duckdb.DuckDBPyConnection, source: str, wanted: re.Pattern[str]) -> bool:
    query = f"select 1 from {source} as rows where regexp_matches(cast(rows as varchar), ?) limit 1"
    return connection.execute(query, [wanted.pattern]).fetchone() is not None


def known_to_all(home: Home) -> Known:
    """A child whom the case system, the census, health and social care all know."""
    with opened_warehouse(home) as connection:
        ((child_id, case_id),) = connection.execute(
            """
            select child.child_id, child.case_id
            from core.dim_child as child
            inner join lists.list_children_with_plans as plan on child.child_id = plan.child_id
            inner join identity.identity__anchor as anchor on child.child_id = anchor.child_id
            where child.nhs_number is not null and child.social_care_id is not null and child.upn is not null
            group by all having count(distinct anchor.anchor_kind) >= 3
            order by child.child_id desc limit 1
            """
        ).fetchall()
        said = connection.execute(
            """
            select unnest([person.upn, person.nhs_number, person.social_care_id, person.uln])
            from identity.identity__person as person
            inner join identity.identity__anchor as anchor
                on person.anchor_kind = anchor.anchor_kind and person.anchor = anchor.anchor
            where anchor.child_id = ?
            """,
            [child_id],
        ).fetchall()
    return Known(child_id, case_id, frozenset({case_id, *(value for (value,) in said if value)}))


@pytest.fixture(scope="module")
def borough(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Borough]:
    runner = SendHome(tmp_path_factory.mktemp("protected") / "home")
    assert runner.send("demo", "--children", "1200", "--faults", "none").returncode == 0
    runner.run_here()
    home = Home(runner.folder)
    yield Borough(home, runner, known_to_all(home))
    OperationsStore(home.operations_url).close()
