"""Corrections: values that stewards lay over single cells of landed records until the source is mended.

The landing stays as it was delivered. A correction holds for one cell of one record, and only while the source says
what it said when the correction was proposed: where the source changes, whatever it says then counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import duckdb

from connectors.contract import Column, code_sets, read_contract
from connectors.errors import SendError
from connectors.typing_rules import (
    READ_BY,
    RULES,
    UNREADABLE,
    identifier,
    literal,
    record_id_sql,
)

CORRECTION_TYPES = {
    "correction_id": "bigint",
    "extract": "varchar",
    "table_name": "varchar",
    "record_id": "varchar",
    "column_name": "varchar",
    "landed_value": "varchar",
    "value": "varchar",
    "reason": "varchar",
    "until_date": "date",
    "proposed_by": "varchar",
    "approved_by": "varchar",
    "approved_at": "timestamp",
}


class CorrectionRefused(SendError):
    """A value that cannot be laid over that cell."""


class StandingCorrection(Protocol):
    """What the landing needs of a correction that stands; values are texts as DuckDB casts them, None for empty."""

    @property
    def correction_id(self) -> int:
        """Its number."""

    @property
    def extract(self) -> str:
        """The extract of the record."""

    @property
    def table_name(self) -> str:
        """The record's table in that extract's contract."""

    @property
    def record_id(self) -> str:
        """The record: its key columns joined with ``|``."""

    @property
    def column_name(self) -> str:
        """The column corrected."""

    @property
    def landed_value(self) -> str | None:
        """What the source said when it was proposed."""

    @property
    def value(self) -> str | None:
        """What it should be."""

    @property
    def reason(self) -> str:
        """Why."""

    @property
    def until(self) -> object:
        """Its last day."""

    @property
    def proposed_by(self) -> str:
        """Who proposed it."""

    @property
    def decided_by(self) -> str | None:
        """Who approved it."""

    @property
    def decided_at(self) -> object:
        """When it was approved (UTC)."""


@dataclass(frozen=True)
class Cell:
    """One cell of one landed record: which extract and table, the record's id and the column."""

    extract: str
    table: str
    record_id: str
    column: str


def column_of(cell: Cell) -> Column:
    """The contract's column of a cell. Raises ``CorrectionRefused`` for one that is not there, or is of the key."""
    tables = read_contract(cell.extract).tables
    if cell.table not in tables:
        raise CorrectionRefused(f"{cell.extract} has no table {cell.table!r}. Its tables are: {', '.join(tables)}.")
    table = tables[cell.table]
    if cell.column not in table.columns:
        raise CorrectionRefused(
            f"{cell.extract}.{cell.table} has no column {cell.column!r}. Its columns are: {', '.join(table.columns)}."
        )
    if cell.column in table.key:
        raise CorrectionRefused(
            f"{cell.table}.{cell.column} is the record's key: it tells records apart and takes no correction. "
            "Mend it in the source."
        )
    return table.columns[cell.column]


def typed_text(cell: Cell, text: str | None) -> str | None:
    """A value as it would have landed from the source, as text; None empties the cell.

    Held to the contract as a delivered cell is: its type, its code set, and that what a row needs is not empty.
    Raises ``CorrectionRefused`` saying what it should be.
    """
    column, place = column_of(cell), f"{cell.extract}.{cell.table}.{cell.column}"
    with duckdb.connect() as connection:
        connection.execute(RULES.read_text(encoding="utf-8"))
        rule = READ_BY[column.type]
        value, is_error = connection.execute(
            f"select cast({rule}(read_text($1)) as {column.sql_type}), coalesce(is_spreadsheet_error($1), false)"
            if rule
            else "select read_text($1), coalesce(is_spreadsheet_error($1), false)",
            [text],
        ).fetchone() or (None, False)
        if column.type in ("date", "datetime") and value is not None:
            (is_placeholder,) = connection.execute("select is_placeholder($1)", [value]).fetchone() or (False,)
            if is_placeholder:
                raise CorrectionRefused(f"{place} cannot be a placeholder such as 1900-01-01. Leave it empty instead.")
        (as_text,) = connection.execute("select cast($1 as varchar)", [value]).fetchone() or (None,)
    is_given = text is not None and bool(text.strip())
    if is_error or (is_given and value is None):
        says = UNREADABLE[column.type][1] if column.type in UNREADABLE else "is no value"
        raise CorrectionRefused(f"The value for {place} {says}.")
    if column.code_set and value is not None and value not in code_sets()[column.code_set]:
        raise CorrectionRefused(f"{place} holds one of the codes {', '.join(code_sets()[column.code_set])}.")
    if column.required and value is None:
        raise CorrectionRefused(f"{place} cannot be empty: no record of {cell.table} can do without it.")
    return None if as_text is None else str(as_text)


def register_corrections(connection: duckdb.DuckDBPyConnection, corrections: Sequence[StandingCorrection]) -> None:
    """Makes ``landing.correction`` of the corrections that stand; which of them apply is not known yet."""
    columns = ", ".join(f"{name} {sql_type}" for name, sql_type in CORRECTION_TYPES.items())
    connection.execute(
        f"create or replace table landing.correction ({columns}, source_value varchar, source_file varchar, "
        "source_row bigint, is_in_landing boolean, is_applied boolean)"
    )
    if corrections:
        marks = ", ".join("?" * len(CORRECTION_TYPES))
        connection.executemany(
            f"insert into landing.correction values ({marks}, null, null, null, false, false)",
            [
                (
                    *(c.correction_id, c.extract, c.table_name, c.record_id, c.column_name, c.landed_value, c.value),
                    *(c.reason, c.until, c.proposed_by, c.decided_by, c.decided_at),
                )
                for c in corrections
            ],
        )


def as_landed_view(extract: str, table: str) -> str:
    """The full name, quoted, of the view of a corrected table's rows as they were delivered."""
    return f"landing.{identifier(f'as_landed__{extract}__{table}')}"


def corrected_rows_sql(
    connection: duckdb.DuckDBPyConnection, extract: str, table: str, rows: str, columns: Sequence[str]
) -> str:
    """The SQL of the table's rows with the corrections of these columns laid over them, where they apply.

    ``rows`` is the SQL of the rows as delivered; they stay to be had from ``as_landed_view``. What was amiss with a
    cell's delivered text is no longer told once it is corrected. ``landing.correction`` learns what the source says
    now and whether the correction applies.
    """
    contract_table = read_contract(extract).tables[table]
    as_landed = as_landed_view(extract, table)
    connection.execute(f"create or replace view {as_landed} as {rows}")
    record_id = record_id_sql(contract_table, "landed.")
    joins, values, applied = [], [], []
    for number, name in enumerate(columns):
        column, alias = identifier(name), f"correction_{number}"
        sql_type = contract_table.columns[name].sql_type
        of_column = f"extract = {literal(extract)} and table_name = {literal(table)} and column_name = {literal(name)}"
        connection.execute(
            f"update landing.correction as correction set source_value = source.value, "
            "source_file = source._file, source_row = source._row, is_in_landing = true, "
            f"is_applied = source.value is not distinct from correction.landed_value from ("
            f"select {record_id} as record_id, cast(landed.{column} as varchar) as value, _file, _row "
            f"from {as_landed} as landed "
            f"where {record_id} in (select record_id from landing.correction where {of_column}) "
            f"qualify row_number() over (partition by {record_id} order by landed._delivery desc, landed._file desc, "
            f"landed._row desc) = 1) as source where correction.record_id = source.record_id and {of_column}"
        )
        joins.append(
            f"left join (select record_id, cast(value as {sql_type}) as value, cast(landed_value as {sql_type}) as "
            f"landed_value, true as is_there from landing.correction where {of_column}) as {alias} "
            f"on {record_id} = {alias}.record_id and landed.{column} is not distinct from {alias}.landed_value"
        )
        values.append(f"case when {alias}.is_there then {alias}.value else landed.{column} end as {column}")
        applied.append(f"case when {alias}.is_there then {literal(name)} end")
    told = (
        f"list_filter(landed._issues, lambda issue: not list_contains([{', '.join(applied)}], issue.column)) as _issues"
    )
    return f"select landed.* replace ({', '.join(values)}, {told}) from {as_landed} as landed {' '.join(joins)}"


def corrected_columns(corrections: Sequence[StandingCorrection]) -> dict[tuple[str, str], tuple[str, ...]]:
    """Which columns are corrected, by extract and table, but for those that no contract has any more."""
    found: dict[tuple[str, str], dict[str, None]] = {}
    for correction in corrections:
        try:
            column_of(Cell(correction.extract, correction.table_name, correction.record_id, correction.column_name))
        except SendError:
            continue
        found.setdefault((correction.extract, correction.table_name), {})[correction.column_name] = None
    return {place: tuple(sorted(names)) for place, names in found.items()}


@dataclass(frozen=True)
class LandedRecord:
    """A record as its source delivered it: each column's text (None where empty), its file and row.

    Personal data.
    """

    extract: str
    table: str
    record_id: str
    values: dict[str, str | None]
    source_file: str
    source_row: int


class NoSuchRecord(SendError):
    """The landing has no such record."""


def landed_record(warehouse: Path, extract: str, table: str, record_id: str) -> LandedRecord:
    """A record as delivered, before any correction, from the warehouse of the last run. Raises ``NoSuchRecord``."""
    tables = read_contract(extract).tables
    if table not in tables or not warehouse.exists():
        raise NoSuchRecord(f"There is no {extract}.{table} in the warehouse. Build it first: send run")
    columns = tables[table].columns
    with duckdb.connect(str(warehouse), read_only=True, config={"threads": "1"}) as connection:
        corrected = connection.execute(
            "select 1 from duckdb_views() where schema_name = 'landing' and view_name = ?",
            [f"as_landed__{extract}__{table}"],
        ).fetchone()
        view = as_landed_view(extract, table) if corrected else f"landing.{identifier(f'{extract}__{table}')}"
        texts = ", ".join(f"cast({identifier(name)} as varchar)" for name in columns)
        row = connection.execute(
            f"select _file, _row, {texts} from {view} where {record_id_sql(tables[table])} = ? "
            "order by _delivery desc, _file desc, _row desc limit 1",
            [record_id],
        ).fetchone()
    if row is None:
        raise NoSuchRecord(
            f"The landing has no record {record_id} of {extract}.{table}. A row set apart takes no correction: it is "
            "mended in the source and delivered again."
        )
    return LandedRecord(extract, table, record_id, dict(zip(columns, row[2:], strict=True)), row[0], row[1])
