"""Turns a table's text into typed values, set-wise in DuckDB, and sets apart the rows that cannot stand.

The rules for single values are in ``typing_rules.sql``; this module applies them to a contract's table.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.contract import Column, ColumnType, Table, code_sets
from connectors.readers import NOT_A_RECORD, TableShape

RULES = Path(__file__).with_suffix(".sql")
MEMORY_LIMIT = "250MB"
GROUP_BYTES = 2**26
FEWEST_ROWS_IN_A_GROUP, MOST_ROWS_IN_A_GROUP = 2_048, 122_880

READ_BY: dict[ColumnType, str] = {
    "text": "",
    "code": "",
    "date": "read_date",
    "datetime": "read_datetime",
    "integer": "read_integer",
    "decimal": "read_decimal",
    "boolean": "read_boolean",
}
UNREADABLE: dict[ColumnType, tuple[str, str]] = {
    "date": ("unreadable_date", "is not a date"),
    "datetime": ("unreadable_date", "is not a date and time"),
    "integer": ("unreadable_number", "is not a whole number"),
    "decimal": ("unreadable_number", "is not a number"),
    "boolean": ("unreadable_boolean", "is not yes or no"),
}
SPREADSHEET_ERROR, ERROR_SIGN = "spreadsheet_error", "#"
ISSUES_TYPE = 'struct("column" varchar, problem varchar, "value" varchar)[]'


def literal(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def record_id_sql(table: Table, alias: str = "") -> str:
    """The SQL of a record's id: its key columns' texts joined with ``|``; null where one is null."""
    return " || '|' || ".join(f"cast({alias}{identifier(column)} as varchar)" for column in table.key)


@dataclass(frozen=True)
class TypedCounts:
    """Rows of one table: every row read is either loaded or quarantined.

    ``rows_furniture`` are those quarantined rows that are no records: total rows and repeated headers.
    """

    rows_read: int
    rows_loaded: int
    rows_quarantined: int
    rows_furniture: int = 0


class TypingTable:
    """One table on its way from text to Parquet, in a DuckDB connection of its own load."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        shape: TableShape,
        table: Table,
        codes: dict[str, dict[str, str]],
        *,
        is_workbook: bool,
    ) -> None:
        self._connection = connection
        self._shape = shape
        self._table = table
        self._codes = codes
        self._is_workbook = is_workbook
        self._typed = identifier(f"typed {shape.table}")
        self._texts = tuple(
            name for name, column in table.columns.items() if not READ_BY[column.type] and name in shape.headings
        )
        blanks = str(connection.execute("select getvariable('blanks')").fetchall()[0][0])
        self._begins_blank, self._ends_blank = (
            np.isin(np.arange(256), [blank.encode()[end] for blank in blanks]) for end in (0, -1)
        )
        self._is_begun = False
        self._bytes_a_row = 0

    def add(self, *batches: pa.RecordBatch) -> None:
        """Types rows."""
        statement = f"insert into {self._typed}" if self._is_begun else f"create temp table {self._typed} as"
        self._connection.register("batch", pa.Table.from_batches(batches, schema=self._shape.schema))
        trimmed = frozenset(
            name for name in self._shape.headings if all(self._is_trimmed(batch.column(name)) for batch in batches)
        )
        self._connection.execute(f"{statement} {self._typing_sql(trimmed, self._may_have_errors(batches))}")
        self._connection.unregister("batch")
        self._is_begun = True
        for batch in batches:
            self._bytes_a_row = max(self._bytes_a_row, batch.nbytes // max(1, batch.num_rows))

    def _is_trimmed(self, texts: pa.StringArray) -> bool:
        """Whether no text begins with a byte that a blank begins with, or ends with one that a blank ends with."""
        _, offsets, data = texts.buffers()
        ends = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
        is_text = ends[:-1] < ends[1:]
        signs = np.frombuffer(data, np.uint8)
        firsts, lasts = signs[ends[:-1][is_text]], signs[ends[1:][is_text] - 1]
        return not (self._begins_blank[firsts].any() or self._ends_blank[lasts].any())

    def _may_have_errors(self, batches: Iterable[pa.RecordBatch]) -> bool:
        """Whether some text may be a spreadsheet's error: nearly no batch has one, and the others need not be asked."""
        texts = (batch.column(name) for batch in batches for name in self._texts)
        return any(pc.any(pc.match_substring(text, ERROR_SIGN)).as_py() for text in texts)

    def discard(self) -> None:
        """Lets go of the rows; ``finish`` comes before, unless the delivery is refused."""
        self._connection.execute(f"drop table if exists {self._typed}")

    def _text(self, name: str, trimmed: frozenset[str]) -> str:
        if name not in self._shape.headings:
            return "cast(null as varchar)"
        # What no blank stands about needs no trimming, and finding that out here is several times as fast.
        text = f"nullif({identifier(name)}, '')" if name in trimmed else f"read_text({identifier(name)})"
        if not (mapping := self._codes.get(name)):
            return text
        whens = " ".join(
            f"when {literal(theirs.strip().casefold())} then {literal(ours)}" for theirs, ours in mapping.items()
        )
        return f"case lower({text}) {whens} else {text} end"

    def _value(self, name: str, column: Column, *, may_have_errors: bool) -> str:
        rule = "read_workbook_date" if self._is_workbook and column.type == "date" else READ_BY[column.type]
        text = identifier(f"text {name}")
        if rule or not may_have_errors:
            return f"{rule}({text})" if rule else text
        return f"case when not is_spreadsheet_error({text}) then {text} end"

    def _errors_sql(self, may_have_errors: bool) -> str:
        """SQL for the list of spreadsheet errors in the columns whose text is the value; null for the most rows."""
        texts = {name: identifier(f"text {name}") for name in self._texts}
        if not texts or not may_have_errors:
            return f"cast(null as {ISSUES_TYPE})"
        listed = ", ".join(
            f"case when is_spreadsheet_error({text}) then {_issue(name, literal(SPREADSHEET_ERROR), text)} end"
            for name, text in texts.items()
        )
        is_any = " or ".join(f"coalesce(is_spreadsheet_error({text}), false)" for text in texts.values())
        return (
            f"case when {is_any} "
            f"then cast(list_filter([{listed}], lambda issue: issue is not null) as {ISSUES_TYPE}) end"
        )

    def finish(self, *, load_id: str, file: str, parquet: Path, quarantine: Path) -> TypedCounts:
        """Writes the good rows to ``parquet`` and the others to ``quarantine``; gives the counts.

        Rows keep their order, and the same text gives the same bytes.
        """
        if not self._is_begun:
            self.add()
        constants = f"{literal(load_id)} as _load_id, {literal(file)} as _file, _row"
        columns = ", ".join(_landed(name, column) for name, column in self._table.columns.items())
        loaded = self._copy(
            f"select {columns}, {constants}, {self._issues()} as _issues from {self._typed} where _fault is null",
            parquet,
        )
        quarantined = self._copy(
            f"""select {constants}, coalesce(_reason, {self._faults("reason")}) as reason,
            nullif(_fault, '') as "column", coalesce(_problem, {self._faults("problem")}) as problem,
            {self._readable_record_id()} as record_id,
            _raw as raw from {self._typed} where _fault is not null""",
            quarantine,
        )
        read = self._count(f"select count(*) from {self._typed}")
        assert read == loaded + quarantined, "rows read are not rows loaded plus rows quarantined"
        furniture = self._count(f"select count(*) from {self._typed} where _problem = {literal(NOT_A_RECORD)}")
        return TypedCounts(read, loaded, quarantined, furniture)

    def _copy(self, query: str, path: Path) -> int:
        # A group of rows is held in memory until it is written: the longer their texts, the fewer may be in one.
        group = min(MOST_ROWS_IN_A_GROUP, max(FEWEST_ROWS_IN_A_GROUP, GROUP_BYTES // max(1, self._bytes_a_row)))
        options = f"format parquet, compression zstd, row_group_size {group}"
        return self._count(f"copy ({query}) to {literal(str(path))} ({options})")

    def _count(self, statement: str) -> int:
        """The one number a statement gives; fetched whole, for the connection takes no batch before it is."""
        ((count,),) = self._connection.execute(statement).fetchall()
        return int(count)

    def _typing_sql(self, trimmed: frozenset[str], may_have_errors: bool) -> str:
        """The query that types a batch: each column's value, the text of those that could not be text, the fault."""
        columns = self._table.columns
        texts = ", ".join(f"{self._text(name, trimmed)} as {identifier(f'text {name}')}" for name in columns)
        read = {name: self._value(name, column, may_have_errors=may_have_errors) for name, column in columns.items()}
        values = ", ".join(
            f"cast({read[name]} as {column.sql_type}) as {identifier(name)}" for name, column in columns.items()
        )
        errors = self._errors_sql(may_have_errors)
        kept = "".join(f", {identifier(f'text {name}')}" for name, column in columns.items() if READ_BY[column.type])
        faults = " ".join(f"when {_is_unfit(name, columns[name])} then {literal(name)}" for name in self._table.needed)
        marks = "_row, _reason, _problem, _raw"
        raws = {heading: identifier(f"raw {name}") for name, heading in self._shape.headings.items()}
        delivered = "".join(f", {identifier(name)} as {identifier(f'raw {name}')}" for name in self._shape.headings)
        carried = "".join(f", {raw}" for raw in raws.values())
        pairs = ", ".join(f"{literal(heading)}, {raw}" for heading, raw in raws.items())
        return f"""
            with texts as (select {marks}, {texts}{delivered} from batch),
            typed as (select {marks}, {values}, {errors} as _errors{kept}{carried} from texts),
            judged as (select *, case when _problem is not null then '' {faults} end as _fault from typed)
            select * exclude ({carried.removeprefix(", ")}) replace (
                case when _fault is not null then coalesce(_raw, cast(json_object({pairs}) as varchar)) end as _raw
            ) from judged
            """

    def _faults(self, wanted: str) -> str:
        """SQL for the reason or problem of the first column that makes a row unfit."""
        cases = []
        for name in self._table.needed:
            column = self._table.columns[name]
            missing = {"problem": "missing_required", "reason": f"{name} is missing"}[wanted]
            error = {"problem": "unreadable_required", "reason": f"{name} is an error of the spreadsheet"}[wanted]
            if not READ_BY[column.type]:
                is_error = f"list_contains(list_transform(_errors, lambda issue: issue.column), {literal(name)})"
                cases.append(
                    f"when {literal(name)} then case when {is_error} then {literal(error)} else {literal(missing)} end"
                )
                continue
            says = UNREADABLE[column.type][1]
            unreadable = {"problem": "unreadable_required", "reason": f"{name} {says}"}[wanted]
            placeholder = {"problem": "placeholder_required", "reason": f"{name} is a placeholder, not a date"}[wanted]
            cases.append(
                f"when {literal(name)} then case when {identifier(f'text {name}')} is null then {literal(missing)} "
                f"when is_spreadsheet_error({identifier(f'text {name}')}) then {literal(error)} "
                f"when {identifier(name)} is null then {literal(unreadable)} else {literal(placeholder)} end"
            )
        return f"case _fault {' '.join(cases)} end"

    def _readable_record_id(self) -> str:
        fit = " and ".join(
            f"not is_placeholder({identifier(k)})" for k in self._table.key if _is_day(self._table.columns[k])
        )
        record_id = record_id_sql(self._table)
        return f"case when {fit} then {record_id} end" if fit else record_id

    def _issues(self) -> str:
        """SQL for the list of what was not as it should be in a row that stands all the same."""
        found: list[tuple[str, str]] = []
        for name, column in self._table.columns.items():
            if name not in self._shape.headings:
                continue
            value, text = identifier(name), identifier(f"text {name}")
            if column.code_set:
                codes = ", ".join(literal(code) for code in code_sets()[column.code_set])
                found.append((f"{value} not in ({codes})", _issue(name, literal("unknown_code"), value)))
                continue
            if not READ_BY[column.type] or name in self._table.needed:
                continue
            problem = (
                f"case when is_spreadsheet_error({text}) then {literal(SPREADSHEET_ERROR)} "
                f"else {literal(UNREADABLE[column.type][0])} end"
            )
            unreadable = f"{value} is null and {text} is not null"
            if _is_day(column):
                problem = f"case when {value} is null then {problem} else 'placeholder_date' end"
                unreadable = f"({unreadable} or is_placeholder({value}))"
            found.append((unreadable, _issue(name, problem, text)))
        errors = f"coalesce(_errors, cast([] as {ISSUES_TYPE}))"
        if not found:
            return errors
        is_any = " or ".join(f"coalesce({condition}, false)" for condition, _ in found)
        listed = ", ".join(f"case when {condition} then {issue} end" for condition, issue in found)
        return (
            f"case when {is_any} then list_concat({errors}, "
            f"cast(list_filter([{listed}], lambda issue: issue is not null) as {ISSUES_TYPE})) else {errors} end"
        )


def _is_unfit(name: str, column: Column) -> str:
    """SQL for whether a needed column has no value that stands."""
    value = identifier(name)
    return f"{value} is null or is_placeholder({value})" if _is_day(column) else f"{value} is null"


def _landed(name: str, column: Column) -> str:
    """A column as it lands: a placeholder is no day."""
    value = identifier(name)
    return f"case when not is_placeholder({value}) then {value} end as {value}" if _is_day(column) else value


def _is_day(column: Column) -> bool:
    return column.type in ("date", "datetime")


def _issue(name: str, problem: str, value: str) -> str:
    return f"""{{'column': {literal(name)}, 'problem': {problem}, 'value': {value}}}"""


def open_typing(folder: Path) -> duckdb.DuckDBPyConnection:
    """A DuckDB in memory that knows the rules, and spills into ``folder`` past its memory limit.

    Two of a process's spill into folders of their own.
    """
    spill = folder / f"spill-{os.getpid()}-{threading.get_ident()}"
    connection = duckdb.connect(config={"memory_limit": MEMORY_LIMIT, "threads": "1", "temp_directory": str(spill)})
    connection.execute(RULES.read_text(encoding="utf-8"))
    return connection
