"""A warehouse from a few landed rows: put rows in, build with dbt in this process, ask it questions."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow
import pytest
import yaml

from checks.findings import FINDING_COLUMNS
from connectors.corrections import register_corrections
from dashboard.definitions import the_catalogue
from dashboard.registering import register_indicators
from warehouse.build import MEMORY, DbtProject, collector_at_rest, register_survey
from warehouse.home import Home

PROJECT = Path(__file__).parents[2] / "dbt_project"
CONTRACTS = Path(__file__).parents[2] / "connectors" / "contracts"
DUCKDB_TYPES = {
    "text": "varchar",
    "code": "varchar",
    "date": "date",
    "datetime": "timestamp",
    "integer": "bigint",
    "decimal": "decimal(18,2)",
    "boolean": "boolean",
}
LANDED_COLUMNS = (
    "_load_id varchar, _file varchar, _row bigint, "
    '_issues struct("column" varchar, problem varchar, "value" varchar)[], _delivery bigint, _landed_at timestamp'
)
LISTS = sorted(path.stem for path in (PROJECT / "models" / "lists").glob("list_*.sql") if "correct" not in path.stem)
"""The lists made from extracts; the records to correct are made from findings."""
SEN2_TABLES = sorted(path.stem for path in (PROJECT / "models" / "marts" / "sen2").glob("*.sql"))
ANNEX_A_LISTS = ("annex_a_list_1", "annex_a_list_2")
FIXED_COLUMNS = {"owner": "varchar", "extract": "varchar", "first_seen_at": "timestamp", "fixed_at": "timestamp"}
WITHOUT_TESTS = ("--exclude-resource-type", "unit_test", "--exclude-resource-type", "test")
KNOWN_AT = datetime(2025, 6, 30, 20, 0)
AS_AT = date(2025, 6, 30)

Row = Mapping[str, Any]
Landing = Mapping[str, Iterable[Row]]


@cache
def landed_columns() -> dict[str, str]:
    """Column definitions of every landed table, by its name in the landing schema."""
    tables = {}
    for path in sorted(CONTRACTS.glob("*.yml")):
        contract = yaml.safe_load(path.read_text())
        for table, content in contract["tables"].items():
            columns = [f'"{name}" {DUCKDB_TYPES[c["type"]]}' for name, c in content["columns"].items()]
            tables[f"{contract['extract']}__{table}"] = ", ".join([*columns, LANDED_COLUMNS])
    return tables


def _insert(connection: duckdb.DuckDBPyConnection, table: str, rows: Iterable[Row], known_at: datetime) -> None:
    landed = {"_load_id": "000001-test", "_file": f"{table}.csv", "_delivery": 1, "_landed_at": known_at}
    records = [{**landed, "_row": number, **row} for number, row in enumerate(rows, start=2)]
    if records:
        names = sorted({name for record in records for name in record})
        columns = pyarrow.table({name: [record.get(name) for record in records] for name in names})
        connection.register("landed_rows", columns)
        connection.execute(f'insert into landing."{table}" by name from landed_rows')
        connection.unregister("landed_rows")


def land(path: Path, landing: Landing, as_at: date, known_at: datetime, given: Iterable[Row], memory: Landing) -> None:
    """Starts a build file with the landing as the runner registers it, holding the rows given and remembered."""
    with duckdb.connect(str(path)) as connection:
        for schema in ("landing", "identity", "checks"):
            connection.execute(f"create schema {schema}")
        for table, columns in landed_columns().items():
            connection.execute(f'create table landing."{table}" ({columns})')
        connection.execute('create table landing.load_file (extract varchar, "table" varchar, status varchar)')
        for table, rows in landing.items():
            _insert(connection, table, rows, known_at)
            extract, _, of_extract = table.partition("__")
            connection.execute("insert into landing.load_file values (?, ?, 'landed')", [extract, of_extract])
        connection.execute("create table landing.run (as_at date, known_at timestamp, la_code varchar)")
        connection.execute("insert into landing.run values (?, ?, '883')", [as_at, known_at])
        register_survey(connection, as_at)
        register_corrections(connection, ())
        register_indicators(connection, the_catalogue())
        for table, columns in MEMORY.items():
            connection.execute(f"create table identity.{table} ({columns})")
        for table, rows in {"given": given, **memory}.items():
            for row in rows:
                names, marks = ", ".join(row), ", ".join("?" * len(row))
                connection.execute(f"insert into identity.{table} ({names}) values ({marks})", list(row.values()))


@dataclass(frozen=True)
class Dbt:
    """dbt on this project in this process, parsed once."""

    target: Path
    manifest: Any

    def invoke(self, path: Path, *arguments: str) -> Any:
        """Runs a dbt command on the build file and lets go of the file."""
        from dbt.adapters.duckdb.connections import DuckDBConnectionManager
        from dbt.cli.main import dbtRunner

        connections: Any = DuckDBConnectionManager
        os.environ["SEND_WAREHOUSE"] = str(path)
        os.environ["SEND_TEMP_DIRECTORY"] = str(path.parent / "tmp")
        try:
            with collector_at_rest():
                return dbtRunner(manifest=self.manifest).invoke([*arguments, *dbt_folders(self.target)])
        finally:
            connections.close_all_connections()


def dbt_folders(target: Path) -> list[str]:
    folders = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT), "--target-path", str(target)]
    return [*folders, "--quiet", "--log-level", "none", "--log-level-file", "none", "--log-path", str(target)]


@pytest.fixture(scope="session")
def dbt(tmp_path_factory: pytest.TempPathFactory) -> Dbt:
    from dbt.cli.main import dbtRunner

    target = tmp_path_factory.mktemp("dbt")
    os.environ["SEND_WAREHOUSE"] = str(target / "building.duckdb")
    os.environ["DBT_SEND_ANONYMOUS_USAGE_STATS"] = "false"
    parsed = dbtRunner().invoke(["parse", *dbt_folders(target)])
    assert parsed.success, parsed.exception
    return Dbt(target, parsed.result)


@dataclass
class Warehouse:
    """A built warehouse, open for questions."""

    path: Path
    connection: duckdb.DuckDBPyConnection

    def rows(self, query: str, *parameters: Any) -> list[dict[str, Any]]:
        """The answer, one dictionary a row."""
        cursor = self.connection.execute(query, list(parameters))
        names = [column[0] for column in cursor.description or []]
        return [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]

    def row(self, query: str, *parameters: Any) -> dict[str, Any]:
        """The answer, which must be one row."""
        (only,) = self.rows(query, *parameters)
        return only

    def column(self, query: str, *parameters: Any) -> list[Any]:
        """The answer's first column."""
        return [values[0] for values in self.connection.execute(query, list(parameters)).fetchall()]


Build = Callable[..., Warehouse]
INDICATORS = ("int_indicator_count", "path:models/dashboard")


def build_after_checks(dbt: Dbt, warehouse: Warehouse, findings: Iterable[Row] = (), fixed: Iterable[Row] = ()) -> None:
    """Builds what is made of findings, in a warehouse on which the checks found, and the stewards mended, these."""
    warehouse.connection.execute("create or replace table checks.extract (extract varchar, owner varchar)")
    rows = {"finding": (FINDING_COLUMNS, findings), "fixed_finding": (FIXED_COLUMNS, fixed)}
    for table, (columns, records) in rows.items():
        defined = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        warehouse.connection.execute(f"create or replace table checks.{table} ({defined})")
        for record in records:
            names, marks = ", ".join(record), ", ".join("?" * len(record))
            warehouse.connection.execute(
                f"insert into checks.{table} ({names}) values ({marks})", list(record.values())
            )
    # a run builds in a new file, where there is none yet
    warehouse.connection.execute("drop table if exists intermediate.int_indicator_count_of_records")
    warehouse.connection.close()
    result = dbt.invoke(warehouse.path, "build", "--select", "tag:after_checks")
    assert result.success, [r.message for r in result.result]
    warehouse.connection = duckdb.connect(str(warehouse.path))


@pytest.fixture(scope="session")
def build(dbt: Dbt, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Build]:
    """Builds a warehouse from landed rows, as of a day and as known at an instant; the indicators only if asked to."""
    opened: list[Warehouse] = []

    def built(
        landing: Landing,
        *,
        as_at: date = AS_AT,
        known_at: datetime = KNOWN_AT,
        given: Iterable[Row] = (),
        memory: Landing | None = None,
        is_counting: bool = False,
    ) -> Warehouse:
        home = Home(tmp_path_factory.mktemp("warehouse"))
        home.create()
        path = home.building
        land(path, landing, as_at, known_at, given, memory or {})
        DbtProject(home).build(*(() if is_counting else INDICATORS))
        warehouse = Warehouse(path, duckdb.connect(str(path)))
        opened.append(warehouse)
        return warehouse

    yield built
    for warehouse in opened:
        warehouse.connection.close()
