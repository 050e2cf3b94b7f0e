"""The nine tables of a return in DuckDB: what makes them writable, and how a file that was read becomes them.

Whatever the shape, a return is written only from tables whose records hang together, and read only as a whole: the
tables are replaced together in one transaction, or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa

from connectors.errors import FileRefused, SendError
from returns.specification import Item, Module, Specification

TYPES = {"date": "date", "text": "varchar", "integer": "integer", "boolean": "boolean"}
UNWRITABLE = r"[\x00-\x1F\x7F-\x9F\x{FFFE}\x{FFFF}]"
BATCH_ROWS = 20_000
TYPE_NAMES = {"date": "a date (ccyy-mm-dd)", "integer": "a whole number", "boolean": "0 or 1"}


class ReturnUnwritable(SendError):
    """The nine tables cannot be written as a return: something is missing, twice, or has no place in it."""


@dataclass(frozen=True)
class Stamp:
    """What a file says of itself. It is given and never taken from the clock, so that the file can be made again.

    ``serial_number`` counts the files of one return from 1; ``date_time`` is written to the second.
    """

    software_code: str
    release: str
    serial_number: int
    date_time: datetime


@dataclass(frozen=True)
class Reading:
    """What was read: the year and authority the file gives, its stamp where it has one, and the rows by table."""

    year: int
    lea: str
    stamp: Stamp | None
    rows: dict[str, int]


def stamp_of(values: Mapping[str, str | None]) -> Stamp | None:
    """The stamp among a header's values, where it is whole: ``None`` for a file that does not say all of it."""
    try:
        return Stamp(
            values["software_code"] or "",
            values.get("release") or "",
            int(values["serial_number"] or ""),
            datetime.fromisoformat(values["date_time"] or ""),
        )
    except (KeyError, ValueError):
        return None


def quoted(name: str) -> str:
    """An SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """An SQL text."""
    return "'" + text.replace("'", "''") + "'"


def key_columns(module: Module) -> tuple[str, ...]:
    """The key columns of a module's table, with the person's that every record carries."""
    if module.name == "header":
        return ()
    return module.keys if module.name == "person" else (*module.keys, "person_id")


def check_writable(connection: duckdb.DuckDBPyConnection, specification: Specification, schema: str) -> None:
    """Sees that every row of the nine tables has its place in a return, so that nothing is left out silently.

    Raises ``ReturnUnwritable``, naming the table and the record and no value.
    """
    _check_columns(connection, specification, schema)
    rows = _one(connection, f"select count(*) from {quoted(schema)}.{quoted(specification.modules[0].table)}")
    if rows != 1:
        raise ReturnUnwritable(f"{schema}.sen2_header has {rows:,} rows; a return has one.")

    def place(module: Module) -> str:
        return f"{quoted(schema)}.{quoted(module.table)}"

    for module in specification.records:
        if fault := broken_keys(connection, specification, module, place, is_naming_record=True):
            raise ReturnUnwritable(f"{schema}.{module.table}: {fault}.")
        if (
            module.number
            and connection.execute(
                f"select 1 from {place(module)} where {quoted(module.number)} < 1 limit 1"
            ).fetchone()
        ):
            raise ReturnUnwritable(f"{schema}.{module.table}: {module.number} does not count from 1.")
    for module in specification.modules:
        columns = [quoted(item.column) for item in module.items if item.type == "text" and not item.stamp]
        if not columns:
            continue
        record = quoted(module.keys[0]) if module.keys else "''"
        found = connection.execute(
            f"select {record} from {place(module)} "
            f"where regexp_matches(concat({', '.join(columns)}), {literal(UNWRITABLE)}) order by 1 limit 1"
        ).fetchone()
        if found is not None:
            raise ReturnUnwritable(
                f"{schema}.{module.table}: the record {found[0]} holds a control character (a line break, say), "
                "which a return cannot. Correct it where it was entered."
            )


def _check_columns(connection: duckdb.DuckDBPyConnection, specification: Specification, schema: str) -> None:
    held = set(
        connection.execute(
            "select table_name, column_name from duckdb_columns() "
            "where schema_name = ? and database_name = current_database()",
            [schema],
        ).fetchall()
    )
    for module in specification.modules:
        needed = [*key_columns(module), *(item.column for item in module.items if not item.stamp)]
        if lacking := [name for name in needed if (module.table, name) not in held]:
            raise ReturnUnwritable(f"{schema}.{module.table} is not there or lacks {', '.join(lacking)}.")


def broken_keys(
    connection: duckdb.DuckDBPyConnection,
    specification: Specification,
    module: Module,
    place: Callable[[Module], str],
    *,
    is_naming_record: bool,
) -> str | None:
    """What is wrong with a table's keys, in words: one that is empty, one that stands twice, a record without parent.

    ``place`` gives a module's table as SQL. A record is named where its keys are ours: those of a file may be personal.
    """
    key = ", ".join(quoted(name) for name in module.keys)
    empty = " or ".join(f"{quoted(name)} is null" for name in key_columns(module))
    if connection.execute(f"select 1 from {place(module)} where {empty} limit 1").fetchone():
        return f"a record has no {' or '.join(key_columns(module))}"
    twice = connection.execute(
        f"select {key} from {place(module)} group by {key} having count(*) > 1 order by {key} limit 1"
    ).fetchone()
    if twice:
        return f"{_named(twice, is_naming_record)} stands more than once"
    if module.parent is None:
        return None
    parent = specification.module(module.parent)
    shared = ["person_id"] if parent.name == "person" else ["requests_id", "person_id"]
    orphan = connection.execute(
        f"select {key} from {place(module)} anti join {place(parent)} "
        f"using ({', '.join(shared)}) order by {key} limit 1"
    ).fetchone()
    if orphan:
        return f"{_named(orphan, is_naming_record)} has no {parent.tag} of the same person to stand in"
    return None


def _named(keys: tuple[Any, ...], is_naming_record: bool) -> str:
    return f"the record {' '.join(str(part) for part in keys)}" if is_naming_record else "a record"


def ordered_rows(module: Module, schema: str) -> str:
    """SQL for a module's rows in the order of their keys: the key columns, then each item of the year."""
    columns = [*key_columns(module), *(item.column for item in module.items)]
    order = f" order by {', '.join(quoted(name) for name in module.keys)}"
    return f"select {', '.join(quoted(name) for name in columns)} from {quoted(schema)}.{quoted(module.table)}{order}"


def header_values(
    connection: duckdb.DuckDBPyConnection, specification: Specification, schema: str, stamp: Stamp
) -> dict[str, Any]:
    """Every item of the header by column: those of the return, and those of the file's ``stamp``."""
    module = specification.modules[0]
    columns = [item.column for item in module.items if not item.stamp]
    named = ", ".join(quoted(name) for name in columns)
    (row,) = connection.execute(f"select {named} from {quoted(schema)}.{quoted(module.table)}").fetchall()
    return dict(zip(columns, row, strict=True)) | {
        "software_code": stamp.software_code,
        "release": stamp.release,
        "serial_number": stamp.serial_number,
        "date_time": stamp.date_time,
    }


@dataclass
class Incoming:
    """A return as it is read: the text of its records, put aside in temporary tables until all of it is known.

    Dates come as ccyy-mm-dd, truths as 0 and 1 or false and true; an empty text is none.
    """

    connection: duckdb.DuckDBPyConnection
    specification: Specification
    _waiting: dict[str, list[tuple[str | int | None, ...]]] = field(default_factory=dict)

    def __enter__(self) -> Incoming:
        self._drop()
        for module in self.specification.modules:
            columns = [f"{quoted(name)} varchar" for name in self.columns(module)]
            self.connection.execute(f"create temp table {self.place(module)} ({', '.join(columns)}, place bigint)")
        return self

    def __exit__(self, *_: object) -> None:
        self._drop()

    def _drop(self) -> None:
        for module in self.specification.modules:
            self.connection.execute(f"drop table if exists {self.place(module)}")

    @staticmethod
    def place(module: Module) -> str:
        """The temporary table of a module."""
        return f"temp.{quoted('incoming_' + module.table)}"

    @staticmethod
    def columns(module: Module) -> list[str]:
        """The columns a record is handed over in: the keys, then the year's items."""
        return [*key_columns(module), *(item.column for item in module.items if not item.stamp)]

    def add(self, module: Module, record: Sequence[str | None], place: int) -> None:
        """Puts one record aside; ``place`` is its line or row in the file, for messages."""
        waiting = self._waiting.setdefault(module.name, [])
        waiting.append((*record, place))
        if len(waiting) >= BATCH_ROWS:
            self._flush(module)

    def _flush(self, module: Module) -> None:
        rows = self._waiting.pop(module.name, [])
        if not rows:
            return
        names = [*self.columns(module), "place"]
        types = [*(pa.string() for _ in names[:-1]), pa.int64()]
        arrays = [pa.array(column, kind) for column, kind in zip(zip(*rows, strict=True), types, strict=True)]
        self.connection.register("incoming_batch", pa.table(arrays, names=names))
        self.connection.execute(f"insert into {self.place(module)} from incoming_batch")
        self.connection.unregister("incoming_batch")

    def load(self, schema: str) -> dict[str, int]:
        """Replaces the nine tables of ``schema`` by what was read; gives the rows by table.

        Raises ``FileRefused`` where a value is not of its item's type or the records do not hang together.
        """
        for module in self.specification.modules:
            self._flush(module)
        for module in self.specification.modules:
            self._check_types(module)
        for module in self.specification.records:
            if fault := broken_keys(self.connection, self.specification, module, self.place, is_naming_record=False):
                raise FileRefused(f"In its {module.tag} records {fault}. Ask for the file again.")
        self.connection.execute("begin transaction")
        try:
            self.connection.execute(f"create schema if not exists {quoted(schema)}")
            counts = {module.table: self._replace(module, schema) for module in self.specification.modules}
            self.connection.execute("commit")
        except BaseException:
            self.connection.execute("rollback")
            raise
        return counts

    def _check_types(self, module: Module) -> None:
        checked = [item for item in module.items if item.type in TYPE_NAMES and not item.stamp]
        if not checked:
            return
        wrong = ", ".join(
            f"min(place) filter (nullif({quoted(item.column)}, '') is not null and {typed(item)} is null)"
            for item in checked
        )
        found = self.connection.execute(f"select {wrong} from {self.place(module)}").fetchone() or ()
        for item, place in zip(checked, found, strict=True):
            if place is not None:
                raise FileRefused(
                    f"{module.tag}/{item.tag} of the record at line {place:,} is not {TYPE_NAMES[item.type]}. "
                    "Correct it and read the file again."
                )

    def _replace(self, module: Module, schema: str) -> int:
        keys = []
        for name in key_columns(module):
            keys.append(f"{quoted(name)}::integer as {quoted(name)}" if name == module.number else quoted(name))
        items = [
            f"{'null::' + TYPES[item.type] if item.absent else typed(item)} as {quoted(item.column)}"
            for item in module.columns
        ]
        self.connection.execute(
            f"create or replace table {quoted(schema)}.{quoted(module.table)} as "
            f"select {', '.join([*keys, *items])} from {self.place(module)}"
        )
        return _one(self.connection, f"select count(*) from {quoted(schema)}.{quoted(module.table)}")


def typed(item: Item) -> str:
    """SQL that makes the item's value of its text, null where the text is empty or not of the type."""
    column = quoted(item.column)
    if item.type == "date":
        return (
            f"case when regexp_full_match({column}, '\\d{{4}}-\\d{{2}}-\\d{{2}}') then try_cast({column} as date) end"
        )
    if item.type == "integer":
        return f"case when regexp_full_match({column}, '-?\\d+') then try_cast({column} as integer) end"
    if item.type == "boolean":
        return f"case when {column} in ('1', 'true') then true when {column} in ('0', 'false') then false end"
    return f"nullif({column}, '')"


def _one(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0])
