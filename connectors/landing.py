"""The landing as tables: what had landed by a moment, and of that what is current, as views over its Parquet files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import duckdb

from connectors.configuration import Configuration
from connectors.contract import ExtractContract, Table, all_contracts
from connectors.corrections import StandingCorrection, corrected_columns, corrected_rows_sql, register_corrections
from connectors.damage import damage_of
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


Chain = list[_Delivery]


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

    @property
    def chains(self) -> list[Chain]:
        """The deliveries that count, those read by watermark as chains: the whole one, then its increments.

        In a whole history that is the newest, and where the latest record of each key stands, what a whole reading
        by watermark followed no longer counts: it lacked what had been deleted.
        """
        chains = chains_of(self.deliveries)
        if self.contract.history == "whole":
            return [chain for chain in chains if chain[-1].entry.delivery == self.newest]
        if self.contract.history == "latest":
            whole = {chain[0].entry.file: chain[0].entry.delivery for chain in chains if chain[0].entry.watermark}
            return [c for c in chains if c[0].entry.delivery >= whole.get(c[0].entry.file, 0)]
        return chains


def register_landing(
    connection: duckdb.DuckDBPyConnection,
    configuration: Configuration,
    known_at: datetime,
    corrections: Sequence[StandingCorrection] = (),
) -> None:
    """Makes the schema ``landing`` in the open database, as known at ``known_at`` (UTC).

    One view ``landing."<extract>__<table>"`` a contract table with its current rows, empty where nothing was
    delivered; ``landing.load``, ``landing.load_file``, ``landing.quarantine`` and ``landing.issue``. ``corrections``
    are laid over the cells they are of, and stand in ``landing.correction`` with what the source says.
    Raises ``LandingDamaged`` naming a landed file that is missing or broken.
    """
    manifests = known_manifests(configuration.home / "landing", known_at)
    connection.execute("create schema if not exists landing")
    _register_loads(connection, manifests)
    register_corrections(connection, corrections)
    corrected = corrected_columns(corrections)
    tables: list[_TableDeliveries] = []
    for contract in all_contracts():
        of_extract = [manifest for manifest in manifests if manifest.extract == contract.extract]
        extract_tables = [
            _TableDeliveries(contract, name, table, deliveries_of(of_extract, name))
            for name, table in contract.tables.items()
        ]
        _check_files(configuration.home, extract_tables)
        for table in extract_tables:
            _register_chains(connection, configuration.home, table)
        for table in extract_tables:
            standing = _register_standing(connection, configuration.home, table, extract_tables)
            columns = corrected.get((contract.extract, table.name), ())
            _register_table(connection, configuration.home, table, standing, columns)
        tables += extract_tables
    _register_quarantine(connection, configuration.home, tables)
    _register_issues(connection, tables)


def deliveries_of(manifests: Iterable[Manifest], table: str) -> list[_Delivery]:
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


def chains_of(deliveries: Iterable[_Delivery]) -> list[Chain]:
    """The deliveries, each increment behind the whole one it is based on; one that is no part of any, on its own."""
    chains: list[Chain] = []
    begun: dict[tuple[int, str], Chain] = {}
    for delivery in deliveries:
        entry = delivery.entry
        if entry.base is not None:
            begun[entry.base, entry.file].append(delivery)
            continue
        chains.append([delivery])
        if entry.watermark:
            begun[entry.delivery, entry.file] = chains[-1]
    return chains


def _check_files(home: Path, tables: Iterable[_TableDeliveries]) -> None:
    for table in tables:
        for chain in table.chains:
            check_deliveries(home, chain)


def check_deliveries(home: Path, deliveries: Iterable[_Delivery]) -> None:
    """Every file of these deliveries is there, as it landed. Raises ``LandingDamaged``."""
    for delivery in deliveries:
        if damage := damage_of(home, delivery.entry):
            path, state = damage
            raise LandingDamaged(
                f"{path}, landed from {delivery.entry.file}, {state}, and its source does not give it any more. "
                "Restore it from the backup. What is published stands."
            )


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


def register_last(
    connection: duckdb.DuckDBPyConnection, home: Path, chain: Chain, table: Table, name: str, *, is_temporary: bool
) -> None:
    """Makes the table ``name`` of where a chain last says something of each record: ``record_id, _delivery, is_gone``.

    The rows loaded and set apart there are what stands of the record; those of earlier deliveries are history.
    """
    of_key = {column: table.columns[column].sql_type for column in table.key}
    rows = _rows_sql(connection, home, chain, of_key)
    held = _rows_sql(connection, home, chain, QUARANTINE_TYPES, is_quarantine=True)
    gone = [
        f"select record_id, {_number(d.entry.delivery)} as _delivery, true as is_gone "
        f"from read_parquet({literal(str(home / d.entry.gone))})"
        for d in chain
        if d.entry.gone
    ]
    events = " union all ".join(
        [
            f"select {record_id_sql(table)} as record_id, _delivery, false as is_gone from ({rows})",
            f"select record_id, _delivery, false as is_gone from ({held}) where record_id is not null",
            *gone,
        ]
    )
    connection.execute(
        f"create or replace {'temp ' if is_temporary else ''}table {name} as select record_id, "
        f"max(_delivery) as _delivery, arg_max(is_gone, _delivery * 2 + cast(is_gone as integer)) as is_gone "
        f"from ({events}) group by record_id"
    )


def chain_rows_sql(
    connection: duckdb.DuckDBPyConnection,
    home: Path,
    chain: Chain,
    table: Table,
    types: dict[str, str],
    last: str,
    *,
    is_quarantine: bool = False,
) -> str:
    """The SQL of what stands of a chain, or of what stands set apart, by its table made by ``register_last``.

    A chain counts as one delivery, its newest.
    """
    rows = _rows_sql(connection, home, chain, types, is_quarantine=is_quarantine)
    record_id = "rows.record_id" if is_quarantine else record_id_sql(table, "rows.")
    unnamed = "or rows.record_id is null" if is_quarantine else ""
    return (
        f"select rows.* replace ({_number(chain[-1].entry.delivery)} as _delivery) from ({rows}) as rows "
        f"left join {last} as last on {record_id} = last.record_id "
        f"where (last._delivery = rows._delivery and not last.is_gone) {unnamed}"
    )


def _last_name(table: _TableDeliveries, chain: Chain) -> str:
    return f"landing.{identifier(f'last__{table.contract.extract}__{table.name}__{chain[0].entry.delivery}')}"


def _register_chains(connection: duckdb.DuckDBPyConnection, home: Path, table: _TableDeliveries) -> None:
    for chain in table.chains:
        if len(chain) > 1:
            register_last(connection, home, chain, table.table, _last_name(table, chain), is_temporary=False)


def _chains_sql(
    connection: duckdb.DuckDBPyConnection,
    home: Path,
    table: _TableDeliveries,
    chains: Sequence[Chain],
    *,
    is_quarantine: bool = False,
) -> str:
    """The SQL of the rows of these chains, or of those set apart."""
    types = QUARANTINE_TYPES if is_quarantine else _table_types(table.table)
    alone = [chain[0] for chain in chains if len(chain) == 1]
    longer = [chain for chain in chains if len(chain) > 1]
    selects = [_rows_sql(connection, home, alone, types, is_quarantine=is_quarantine)] if alone or not longer else []
    selects += [
        chain_rows_sql(
            connection, home, chain, table.table, types, _last_name(table, chain), is_quarantine=is_quarantine
        )
        for chain in longer
    ]
    return " union all by name ".join(selects)


def _table_types(table: Table) -> dict[str, str]:
    return {name: column.sql_type for name, column in table.columns.items()} | ROW_TYPES


def _standing_name(table: _TableDeliveries) -> str:
    return f"landing.{identifier(f'standing__{table.contract.extract}__{table.name}')}"


def _register_standing(
    connection: duckdb.DuckDBPyConnection, home: Path, table: _TableDeliveries, tables: Sequence[_TableDeliveries]
) -> str | None:
    """For an extract kept period by period: the table of which delivery of this table stands for each period.

    A message holds every table, so its periods are those of its record tables: a message without a row in a lesser
    table still replaces that table's older rows. A file of this table alone says its periods itself.
    """
    if table.contract.history != "period":
        return None
    period = ", ".join(identifier(column) for column in table.contract.period)
    of_table = {chain[-1].entry.delivery for chain in table.chains}
    records = [other for other in tables if other.table.row is None]
    told: set[int] = set()
    sources = []
    for record in records:
        chains = [chain for chain in record.chains if chain[-1].entry.delivery in of_table]
        told |= {chain[-1].entry.delivery for chain in chains}
        sources.append(_chains_sql(connection, home, record, chains))
    alone = [chain for chain in table.chains if chain[-1].entry.delivery not in told]
    sources.append(_chains_sql(connection, home, table, alone))
    united = " union all ".join(f"select {period}, _delivery from ({source})" for source in sources)
    connection.execute(
        f"create or replace table {_standing_name(table)} as "
        f"select {period}, max(_delivery) as _delivery from ({united}) group by {period}"
    )
    return _standing_name(table)


def _register_table(
    connection: duckdb.DuckDBPyConnection,
    home: Path,
    table: _TableDeliveries,
    standing: str | None,
    corrected: Sequence[str],
) -> None:
    """The view of one table's current rows, with what is corrected of them."""
    rows = _chains_sql(connection, home, table, table.chains)
    if standing is not None:
        columns = ", ".join([*table.contract.period, "_delivery"])
        rows = f"select rows.* from ({rows}) as rows semi join {standing} using ({columns})"
    elif table.contract.history == "latest" and len(table.chains) > 1:
        key = ", ".join(identifier(column) for column in table.table.key)
        rows = f"select * from ({rows}) qualify _delivery = max(_delivery) over (partition by {key})"
    if corrected:
        rows = corrected_rows_sql(connection, table.contract.extract, table.name, rows, corrected)
    connection.execute(f"create or replace view {table.view} as {rows}")


def _register_loads(connection: duckdb.DuckDBPyConnection, manifests: Sequence[Manifest]) -> None:
    """``landing.load`` and ``landing.load_file``; a refusal is current until its file is mended or taken away."""
    connection.execute(
        "create or replace table landing.load (load_id varchar, extract varchar, landed_at timestamp, status varchar)"
    )
    connection.execute(
        """create or replace table landing.load_file (
            load_id varchar, extract varchar, file varchar, "table" varchar, sha256 varchar, bytes bigint,
            rows_read bigint, rows_loaded bigint, rows_quarantined bigint, rows_furniture bigint, rows_removed bigint,
            status varchar,
            reason varchar, missing_columns varchar[], extra_columns varchar[], delivery bigint, is_current boolean)"""
    )
    if not manifests:
        return
    last = {(manifest.extract, entry.file): manifest.load_id for manifest in manifests for entry in manifest.files}
    connection.executemany(
        "insert into landing.load values (?, ?, ?, ?)",
        [(m.load_id, m.extract, in_utc(m.landed_at), m.status) for m in manifests],
    )
    connection.executemany(
        f"insert into landing.load_file values ({', '.join('?' * 17)})",
        [
            (
                *(m.load_id, m.extract, e.file, e.table, e.sha256, e.bytes, e.rows_read, e.rows_loaded),
                *(
                    e.rows_quarantined,
                    e.rows_furniture,
                    e.rows_removed,
                    e.status,
                    e.reason,
                    list(e.missing_columns),
                    list(e.extra_columns),
                ),
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
        rows = _chains_sql(connection, home, table, _held(connection, table), is_quarantine=True)
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


def _held(connection: duckdb.DuckDBPyConnection, table: _TableDeliveries) -> list[Chain]:
    """The deliveries whose quarantined rows still matter."""
    if table.contract.history != "period":
        return table.chains
    standing = f"select distinct _delivery from {_standing_name(table)}"
    current = {row[0] for row in connection.execute(standing).fetchall()}
    return [
        chain
        for chain in table.chains
        if (newest := chain[-1]).entry.delivery in current
        or (newest.entry.rows_of_delivery == 0 and newest.is_last_of_its_file)
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
