"""The landing as tables: what had landed by a moment, and of that what is current, as views over its Parquet files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import duckdb

from connectors.configuration import Configuration
from connectors.contract import ExtractContract, Table, all_contracts
from connectors.errors import LandingDamaged
from connectors.manifest import Content, FileEntry, Manifest, in_utc, known_manifests, next_load_sequence
from connectors.typing_rules import ISSUES_TYPE, identifier, literal, record_id_sql

__all__ = ["known_manifests", "next_load_sequence", "register_landing"]

ROW_TYPES = {"_load_id": "varchar", "_file": "varchar", "_row": "bigint", "_issues": ISSUES_TYPE}
QUARANTINE_TYPES = {
    "_load_id": "varchar",
    "_file": "varchar",
    "_row": "bigint",
    "reason": "varchar",
    "column": "varchar",
    "problem": "varchar",
    "record_id": "varchar",
}


@dataclass(frozen=True)
class _Delivery:
    """One content of one table at its place in the order."""

    entry: FileEntry
    contract_version: str
    landed_at: datetime
    is_last_of_its_file: bool


@dataclass
class _TableDeliveries:
    """Every delivery of one table, oldest first."""

    contract: ExtractContract
    name: str
    table: Table
    deliveries: list[_Delivery] = field(default_factory=list)

    @property
    def view(self) -> str:
        """The view's full name, quoted."""
        return f"landing.{identifier(f'{self.contract.extract}__{self.name}')}"

    @property
    def newest(self) -> int:
        """The number of the newest delivery."""
        return max((delivery.entry.delivery for delivery in self.deliveries), default=0)


def register_landing(connection: duckdb.DuckDBPyConnection, configuration: Configuration, known_at: datetime) -> None:
    """Makes the schema ``landing`` in the open database, as known at ``known_at`` (UTC).

    One view ``landing."<extract>__<table>"`` a contract table with its current rows, empty where nothing was
    delivered; ``landing.load``, ``landing.load_file``, ``landing.quarantine`` and ``landing.issue``.
    Raises ``LandingDamaged`` naming a landed file that is missing or broken.
    """
    manifests = known_manifests(configuration.home / "landing", known_at)
    connection.execute("create schema if not exists landing")
    _register_loads(connection, manifests)
    tables: list[_TableDeliveries] = []
    for contract in all_contracts():
        of_extract = [manifest for manifest in manifests if manifest.extract == contract.extract]
        extract_tables = [
            _TableDeliveries(contract, name, table, _deliveries(of_extract, name))
            for name, table in contract.tables.items()
        ]
        _check_files(configuration.home, extract_tables)
        standing = _register_standing(connection, configuration.home, contract, extract_tables)
        for table in extract_tables:
            _register_table(connection, configuration.home, table, standing)
        tables += extract_tables
    _register_quarantine(connection, configuration.home, tables)
    _register_issues(connection, tables)


def _deliveries(manifests: Iterable[Manifest], table: str) -> list[_Delivery]:
    """The table's deliveries; where content was read anew at its place, the newer reading counts."""
    found: dict[tuple[int, Content], _Delivery] = {}
    last_of_file: dict[str, int] = {}
    for manifest in manifests:
        for entry in manifest.files:
            if entry.table != table or entry.parquet is None or entry.status in ("refused", "withdrawn"):
                continue
            key = (entry.delivery, entry.content)
            landed_at = found[key].landed_at if key in found else in_utc(manifest.landed_at)
            found[key] = _Delivery(entry, manifest.contract_version, landed_at, True)
            last_of_file[entry.file] = max(entry.delivery, last_of_file.get(entry.file, 0))
    ordered = sorted(found.values(), key=lambda delivery: (delivery.entry.delivery, delivery.entry.file))
    return [
        _Delivery(d.entry, d.contract_version, d.landed_at, last_of_file[d.entry.file] == d.entry.delivery)
        for d in ordered
    ]


def _check_files(home: Path, tables: Iterable[_TableDeliveries]) -> None:
    """Every Parquet file that counts is there, whole. Raises ``LandingDamaged``."""
    for table in tables:
        for delivery in table.deliveries:
            entry = delivery.entry
            for name, size in ((entry.parquet, entry.parquet_bytes), (entry.quarantine, entry.quarantine_bytes)):
                if name is None:
                    continue
                path = home / name
                found = path.stat().st_size if path.is_file() else None
                if found != size or not _is_parquet(path):
                    state = "is missing" if found is None else "is broken"
                    raise LandingDamaged(
                        f"{path}, landed from {entry.file}, {state}. Restore it from the backup. "
                        "What is published stands."
                    )


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as handle:
        begins = handle.read(4)
        handle.seek(-4, 2)
        return begins == handle.read(4) == b"PAR1"


def _file_list(home: Path, names: Iterable[str]) -> str:
    return "[" + ", ".join(literal(str(home / name)) for name in names) + "]"


def _number(number: int) -> str:
    return f"cast({number} as bigint)"


def _timestamp(moment: datetime) -> str:
    return f"timestamp {literal(moment.isoformat(sep=' '))}"


def _rows_sql(
    connection: duckdb.DuckDBPyConnection,
    home: Path,
    deliveries: Sequence[_Delivery],
    types: dict[str, str],
    *,
    is_quarantine: bool = False,
) -> str:
    """The SQL of the rows of these deliveries with ``_delivery`` and ``_landed_at``.

    Files landed under one contract version have the same columns and are read together; a column that an older
    version did not have is null.
    """
    groups: dict[str, list[tuple[str, _Delivery]]] = {}
    for delivery in deliveries:
        name = delivery.entry.quarantine if is_quarantine else delivery.entry.parquet
        if name is not None:
            columns = "" if is_quarantine else f"{delivery.entry.reading}"
            groups.setdefault(columns, []).append((name, delivery))
    selects = []
    for members in groups.values():
        described = connection.execute(
            f"describe select * from read_parquet({_file_list(home, [members[0][0]])})"
        ).fetchall()
        there = {row[0] for row in described}
        columns = ", ".join(
            (f"cast(rows.{identifier(name)} as {sql_type})" if name in there else f"cast(null as {sql_type})")
            + f" as {identifier(name)}"
            for name, sql_type in types.items()
        )
        if len(members) == 1:
            name, delivery = members[0]
            selects.append(
                f"select {columns}, {_number(delivery.entry.delivery)} as _delivery, "
                f"{_timestamp(delivery.landed_at)} as _landed_at from read_parquet({_file_list(home, [name])}) as rows"
            )
            continue
        files = list(dict.fromkeys(name for name, _ in members))
        places = ", ".join(
            f"({literal(str(home / name))}, {_number(delivery.entry.delivery)}, {_timestamp(delivery.landed_at)})"
            for name, delivery in members
        )
        selects.append(
            f"select {columns}, placed._delivery, placed._landed_at "
            f"from read_parquet({_file_list(home, files)}, filename = '_path') as rows "
            f"inner join (values {places}) as placed (_path, _delivery, _landed_at) on rows._path = placed._path"
        )
    if selects:
        return " union all by name ".join(selects)
    empty = ", ".join(f"cast(null as {sql_type}) as {identifier(name)}" for name, sql_type in types.items())
    return f"select {empty}, cast(null as bigint) as _delivery, cast(null as timestamp) as _landed_at where false"


def _table_types(table: Table) -> dict[str, str]:
    return {name: column.sql_type for name, column in table.columns.items()} | ROW_TYPES


def _register_standing(
    connection: duckdb.DuckDBPyConnection,
    home: Path,
    contract: ExtractContract,
    tables: Sequence[_TableDeliveries],
) -> str | None:
    """For an extract kept period by period: the table of which delivery stands for each period; else None.

    It is taken from the extract's record tables, so that a delivery without a row in a lesser table still
    replaces that table's older rows.
    """
    if contract.history != "period":
        return None
    name = f"landing.{identifier(f'standing__{contract.extract}')}"
    period = ", ".join(identifier(column) for column in contract.period)
    sources = " union all ".join(
        f"select {period}, _delivery from ({_rows_sql(connection, home, table.deliveries, _table_types(table.table))})"
        for table in tables
        if table.table.row is None
    )
    connection.execute(
        f"create or replace table {name} as "
        f"select {period}, max(_delivery) as _delivery from ({sources}) group by {period}"
    )
    return name


def _register_table(
    connection: duckdb.DuckDBPyConnection, home: Path, table: _TableDeliveries, standing: str | None
) -> None:
    """The view of one table's current rows."""
    types = _table_types(table.table)
    history = table.contract.history
    deliveries = table.deliveries
    if history == "whole":
        deliveries = [delivery for delivery in deliveries if delivery.entry.delivery == table.newest]
    rows = _rows_sql(connection, home, deliveries, types)
    if standing is not None:
        columns = ", ".join([*table.contract.period, "_delivery"])
        rows = f"select rows.* from ({rows}) as rows semi join {standing} using ({columns})"
    elif history == "latest" and len(deliveries) > 1:
        key = ", ".join(identifier(column) for column in table.table.key)
        rows = f"select * from ({rows}) qualify _delivery = max(_delivery) over (partition by {key})"
    connection.execute(f"create or replace view {table.view} as {rows}")


def _register_loads(connection: duckdb.DuckDBPyConnection, manifests: Sequence[Manifest]) -> None:
    """``landing.load`` and ``landing.load_file``; a refusal is current until its file is mended or taken away."""
    connection.execute(
        "create or replace table landing.load (load_id varchar, extract varchar, landed_at timestamp, status varchar)"
    )
    connection.execute(
        """create or replace table landing.load_file (
            load_id varchar, extract varchar, file varchar, "table" varchar, sha256 varchar, bytes bigint,
            rows_read bigint, rows_loaded bigint, rows_quarantined bigint, status varchar, reason varchar,
            missing_columns varchar[], extra_columns varchar[], delivery bigint, is_current boolean)"""
    )
    if not manifests:
        return
    last = {(manifest.extract, entry.file): manifest.load_id for manifest in manifests for entry in manifest.files}
    connection.executemany(
        "insert into landing.load values (?, ?, ?, ?)",
        [(m.load_id, m.extract, in_utc(m.landed_at), m.status) for m in manifests],
    )
    connection.executemany(
        f"insert into landing.load_file values ({', '.join('?' * 15)})",
        [
            (
                *(m.load_id, m.extract, e.file, e.table, e.sha256, e.bytes, e.rows_read, e.rows_loaded),
                *(e.rows_quarantined, e.status, e.reason, list(e.missing_columns), list(e.extra_columns)),
                *(e.delivery, last[m.extract, e.file] == m.load_id),
            )
            for m in manifests
            for e in m.files
        ],
    )


def _register_quarantine(connection: duckdb.DuckDBPyConnection, home: Path, tables: Sequence[_TableDeliveries]) -> None:
    """``landing.quarantine``: the rows set apart from the deliveries that are current, without their text."""
    columns = 'extract, "table", load_id, file, row, reason, column_name, problem, record_id'
    selects = []
    for table in tables:
        if not any(delivery.entry.quarantine for delivery in table.deliveries):
            continue
        rows = _rows_sql(connection, home, _held(connection, table), QUARANTINE_TYPES, is_quarantine=True)
        renamed = (
            f'select {literal(table.contract.extract)} as extract, {literal(table.name)} as "table", '
            '_load_id as load_id, _file as file, _row as row, reason, "column" as column_name, problem, record_id, '
            f"_delivery from ({rows})"
        )
        if table.contract.history == "latest":
            # A row set apart is history once a later delivery holds its record, or any where it names none.
            renamed = (
                f"select held.* from ({renamed}) as held where not exists (select 1 from {table.view} as later "
                f"where later._delivery > held._delivery and {record_id_sql(table.table, 'later.')} = held.record_id) "
                f"and (record_id is not null or _delivery = {table.newest})"
            )
        selects.append(f"select {columns} from ({renamed})")
    empty = (
        'select cast(null as varchar) as extract, cast(null as varchar) as "table", cast(null as varchar) as load_id, '
        "cast(null as varchar) as file, cast(null as bigint) as row, cast(null as varchar) as reason, "
        "cast(null as varchar) as column_name, cast(null as varchar) as problem, cast(null as varchar) as record_id "
        "where false"
    )
    connection.execute(f"create or replace view landing.quarantine as {' union all '.join(selects) or empty}")


def _held(connection: duckdb.DuckDBPyConnection, table: _TableDeliveries) -> list[_Delivery]:
    """The deliveries whose quarantined rows still matter."""
    if table.contract.history == "whole":
        return [delivery for delivery in table.deliveries if delivery.entry.delivery == table.newest]
    if table.contract.history == "latest":
        return table.deliveries
    standing = f"landing.{identifier(f'standing__{table.contract.extract}')}"
    current = {row[0] for row in connection.execute(f"select distinct _delivery from {standing}").fetchall()}
    return [
        delivery
        for delivery in table.deliveries
        if delivery.entry.delivery in current or (delivery.entry.rows_loaded == 0 and delivery.is_last_of_its_file)
    ]


def _register_issues(connection: duckdb.DuckDBPyConnection, tables: Sequence[_TableDeliveries]) -> None:
    """``landing.issue``: what was not as it should be in the current rows, one line a value."""
    selects = [
        f"""select {literal(table.contract.extract)} as extract, {literal(table.name)} as "table", record_id,
        issue."column" as column_name, issue.problem as problem, issue."value" as "value", _file, _row
        from (select {record_id_sql(table.table)} as record_id, unnest(_issues) as issue, _file, _row
              from {table.view} where len(_issues) > 0)"""
        for table in tables
    ]
    connection.execute(f"create or replace view landing.issue as {' union all '.join(selects)}")
