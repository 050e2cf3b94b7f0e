"""Which landed records are a child's: every record of every load, not only those that stand today."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from connectors.contract import Column, ExtractContract, Table, all_contracts
from connectors.errors import SendError
from connectors.manifest import Manifest, known_manifests
from connectors.typing_rules import identifier, literal, record_id_sql
from warehouse.home import Home

SURE_IDENTIFIERS = ("upn", "uln", "nhs_number", "social_care_id")
"""The identifiers by which a record that no longer stands is known as a child's, where the child alone holds them."""
MEMORY_LIMIT = "900MB"
NUMBERS_OF_SOURCES = ("case", "cin", "nccis", "youth_justice")
"""Kinds of anchors that are a source's own number of the child, as rows set apart may hold it."""


class NoSuchChild(SendError):
    """The warehouse knows no child of that number."""


@dataclass(frozen=True)
class LandedTable:
    """One contract table with every Parquet file of it that any load landed, and of rows set apart."""

    contract: ExtractContract
    name: str
    table: Table
    files: tuple[Path, ...]
    quarantine: tuple[Path, ...]

    @property
    def extract(self) -> str:
        """The extract."""
        return self.contract.extract

    @property
    def rows(self) -> str:
        """The SQL of all its rows, with the file each lies in as ``_path``."""
        return _rows_of(self.files)

    @property
    def rows_set_apart(self) -> str:
        """The SQL of all its rows set apart, with the file each lies in as ``_path``."""
        return _rows_of(self.quarantine)


def _rows_of(files: Sequence[Path]) -> str:
    names = ", ".join(literal(str(path)) for path in files)
    return f"read_parquet([{names}], union_by_name = true, filename = '_path')"


def landed_tables(home: Home, manifests: Iterable[Manifest] | None = None) -> list[LandedTable]:
    """Every table of which anything has landed. Raises ``LandingDamaged``."""
    files: dict[tuple[str, str], dict[str, dict[Path, None]]] = {}
    for manifest in known_manifests(home.landing) if manifests is None else manifests:
        for entry in manifest.files:
            if entry.table is None:
                continue
            of_table = files.setdefault((manifest.extract, entry.table), {"rows": {}, "quarantine": {}})
            if entry.parquet:
                of_table["rows"][home.folder / entry.parquet] = None
            if entry.quarantine:
                of_table["quarantine"][home.folder / entry.quarantine] = None
    return [
        LandedTable(contract, name, table, tuple(found["rows"]), tuple(found["quarantine"]))
        for contract in all_contracts()
        for name, table in contract.tables.items()
        if (found := files.get((contract.extract, name))) is not None
    ]


@contextmanager
def opened_warehouse(home: Home) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse of the last finished run, to read. Raises ``NoSuchChild`` before the first run."""
    if not home.warehouse.exists():
        raise NoSuchChild(f"There is no warehouse in {home.folder} yet, so no child is known. Run: send run")
    home.temporary.mkdir(parents=True, exist_ok=True)
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": MEMORY_LIMIT,
        "temp_directory": str(home.temporary),
        "threads": "2",
    }
    with duckdb.connect(str(home.warehouse), read_only=True, config=settings) as connection:
        yield connection


def find_records(connection: duckdb.DuckDBPyConnection, children: Sequence[str], tables: Sequence[LandedTable]) -> None:
    """Makes the temporary table ``child_record`` of all that was ever landed of these children.

    Its columns are ``child_id, extract, table_name, record_id, basis``: ``record`` where the warehouse knows the
    record as the child's, ``parent`` where it belongs to one that is, ``identifier`` where it no longer stands but
    bears an identifier that this child alone holds, with a birth date that agrees or none.
    ``child_number`` holds the numbers by which rows set apart may be known.
    """
    connection.execute("create or replace temp table wanted (child_id varchar)")
    connection.execute("insert into wanted select unnest(?::varchar[])", [list(children)])
    connection.execute(
        """
        create or replace temp table known_record as
        select child_id, extract, table_name, record_id from identity.identity__record_child
        where child_id is not null and record_id is not null
        """
    )
    connection.execute(
        """
        create or replace temp table child_record as
        select distinct child_id, extract, table_name, record_id, 'record' as basis
        from known_record semi join wanted using (child_id)
        """
    )
    _find_identifiers(connection)
    for table in _parents_first(tables):
        if table.files:
            _find_by_identifier(connection, table)
            _find_by_parent(connection, table)


def _find_identifiers(connection: duckdb.DuckDBPyConnection) -> None:
    """Makes ``child_identifier``, the sure identifiers each child alone holds, and ``child_birth_date``."""
    said = " union all ".join(
        f"select child_id, {literal(kind)} as kind, {kind} as value from person where {kind} is not null"
        for kind in SURE_IDENTIFIERS
    )
    connection.execute(
        f"""
        create or replace temp table child_identifier as
        with person as (
            select anchor.child_id, person.*
            from identity.identity__person as person
            inner join identity.identity__anchor as anchor
                on person.anchor_kind = anchor.anchor_kind and person.anchor = anchor.anchor
        ),
        said as (
            {said}
            union all
            select child_id, 'social_care_id', anchor from person where anchor_kind = 'cin'
        )
        select any_value(child_id) as child_id, kind, value from said
        group by kind, value having count(distinct child_id) = 1
        """
    )
    connection.execute("delete from child_identifier where child_id not in (from wanted)")
    connection.execute(
        """
        create or replace temp table child_birth_date as
        select distinct anchor.child_id, person.birth_date
        from identity.identity__person as person
        inner join identity.identity__anchor as anchor
            on person.anchor_kind = anchor.anchor_kind and person.anchor = anchor.anchor
        semi join wanted on anchor.child_id = wanted.child_id
        where person.birth_date is not null
        """
    )
    kinds = ", ".join(literal(kind) for kind in NUMBERS_OF_SOURCES)
    connection.execute(
        f"""
        create or replace temp table child_number as
        select child_id, value from child_identifier
        union
        select child_id, anchor as value from identity.identity__anchor
        where anchor_kind in ({kinds}) and child_id in (from wanted)
        """
    )


def _parents_first(tables: Sequence[LandedTable]) -> list[LandedTable]:
    """The tables, each after those of its extract that it refers to."""
    ordered: list[LandedTable] = []
    waiting = list(tables)
    while waiting:
        names = {(table.extract, table.name) for table in waiting}
        ready = [t for t in waiting if not any((t.extract, parent) in names for _, parent in _references(t))]
        if not ready:  # tables that refer to each other: in any order
            ready = waiting
        ordered += ready
        waiting = [table for table in waiting if table not in ready]
    return ordered


def _references(table: LandedTable) -> list[tuple[str, str]]:
    """The columns that refer to another table of the extract with a key of one column, and that table."""
    return [
        (name, column.references)
        for name, column in table.table.columns.items()
        if column.references
        and column.references != table.name
        and len(table.contract.tables[column.references].key) == 1
    ]


def first_column(table: Table, kind: str) -> str | None:
    """The column that holds the child's identifier of that kind. A later one is a former, or another's."""
    return next((name for name, column in table.columns.items() if _is(column, kind)), None)


def _is(column: Column, kind: str) -> bool:
    return column.identifier == kind


def _find_by_identifier(connection: duckdb.DuckDBPyConnection, table: LandedTable) -> None:
    birth_date = first_column(table.table, "birth_date")
    agrees = (
        f"(rows.{identifier(birth_date)} is null or exists (select 1 from child_birth_date as born "
        f"where born.child_id = held.child_id and born.birth_date = rows.{identifier(birth_date)}))"
        if birth_date
        else "true"
    )
    for kind in SURE_IDENTIFIERS:
        column = first_column(table.table, kind)
        if column is None:
            continue
        connection.execute(
            f"""
            insert into child_record
            select distinct held.child_id, {literal(table.extract)}, {literal(table.name)},
                {record_id_sql(table.table, "rows.")} as record_id, 'identifier'
            from {table.rows} as rows
            inner join child_identifier as held
                on held.kind = {literal(kind)} and rows.{identifier(column)} = held.value
            where {agrees} and {not_known(table)}
            """
        )


def _find_by_parent(connection: duckdb.DuckDBPyConnection, table: LandedTable) -> None:
    for column, parent in _references(table):
        connection.execute(
            f"""
            insert into child_record
            select distinct held.child_id, {literal(table.extract)}, {literal(table.name)},
                {record_id_sql(table.table, "rows.")} as record_id, 'parent'
            from {table.rows} as rows
            inner join child_record as held
                on held.extract = {literal(table.extract)} and held.table_name = {literal(parent)}
                and cast(rows.{identifier(column)} as varchar) = held.record_id
            where {not_known(table)}
            """
        )


def _of_table(alias: str, table: LandedTable) -> str:
    return f"{alias}.extract = {literal(table.extract)} and {alias}.table_name = {literal(table.name)}"


def not_known(table: LandedTable) -> str:
    """The SQL of a row's record being nobody's yet: neither found, nor another child's by what stands today."""
    record_id = record_id_sql(table.table, "rows.")
    return " and ".join(
        f"not exists (select 1 from {known} as of_child where {_of_table('of_child', table)} "
        f"and of_child.record_id = {record_id})"
        for known in ("child_record", "known_record")
    )


def set_apart_sql(table: LandedTable) -> str:
    """The SQL of the rows set apart that are of the children of ``child_record``: ``child_id``, ``basis``, the row.

    Known by their record, or where they name none by a number of the child among their values.
    """
    of_table = _of_table("held", table)
    return f"""
        select distinct held.child_id, 'record' as basis, rows.*
        from {table.rows_set_apart} as rows
        inner join child_record as held on {of_table} and rows.record_id = held.record_id
        union
        select distinct number.child_id, 'identifier' as basis, rows.*
        from {table.rows_set_apart} as rows,
            unnest(regexp_extract_all(rows.raw, {literal(_QUOTED)}, 1)) as told (value)
        inner join child_number as number on told.value = number.value
        where not exists (
            select 1 from child_record as held where {of_table} and rows.record_id = held.record_id
        )
        and not exists (
            select 1 from known_record as held where {of_table} and rows.record_id = held.record_id
        )
    """


_QUOTED = r'"((?:[^"\\]|\\.)*)"'


def check_child(connection: duckdb.DuckDBPyConnection, child_id: str) -> None:
    """Raises ``NoSuchChild`` where the warehouse knows no child of that number."""
    if not connection.execute("select 1 from identity.identity__anchor where child_id = ?", [child_id]).fetchone():
        shown = json.dumps(child_id[:20])
        raise NoSuchChild(f"No child has the number {shown}. A list shows the numbers: send lists")
