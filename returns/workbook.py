"""The return as Excel workbooks, out and in: DfE's data-entry template, and the pre-submission workbook.

The template is one sheet with nine titled tables; its days are text. The pre-submission workbook is a sheet for each of
the eight modules, without the header; its days are dates. Every text is written as text and becomes no formula or link.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import xlsxwriter

from connectors.errors import FileRefused
from connectors.readers.excel import open_workbook
from connectors.spreadsheets import ROW_BY_ROW
from returns.specification import Item, Module, Specification
from returns.surveys import survey_of_year
from returns.tables import (
    Incoming,
    Reading,
    ReturnUnwritable,
    Stamp,
    check_writable,
    header_values,
    key_columns,
    ordered_rows,
    stamp_of,
)

TEMPLATE_SHEET = "Data Entry Template"
MAX_ROWS, MAX_TEXT = 1_048_576, 32_767
PERSON_ID, REQUEST_ID, LA, RECORD_TYPE = "Person ID", "Requests record ID", "LA", "Record Type"
NOTE = re.compile(r"\((this must|from header).*\)", re.IGNORECASE)
SETTINGS = {**ROW_BY_ROW, "default_date_format": "yyyy-mm-dd"}
KEY_TAGS = {"person_id": "persontableid", "requests_id": "requeststableid"}
KEY_LABELS = {"person_id": PERSON_ID, "requests_id": REQUEST_ID}


@contextmanager
def _written(target: Path, stamp: Stamp) -> Iterator[Any]:
    """A workbook that takes its name when it is whole; the stamp's moment is that of its making."""
    beside = target.with_name(f".{target.name}.part")
    beside.touch(mode=0o600)
    try:
        with xlsxwriter.Workbook(str(beside), SETTINGS) as book:
            book.set_properties({"created": stamp.date_time})
            yield book
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


def _write_row(sheet: Any, row: int, values: Iterable[Any], *, days_as_text: bool, first: int = 0) -> None:
    if row >= MAX_ROWS:
        raise ReturnUnwritable("The return has more rows than a sheet can hold. Write it as XML or Blade instead.")
    for column, value in enumerate(values, start=first):
        if value is None or value == "":
            continue
        if isinstance(value, bool | int):
            sheet.write_number(row, column, int(value))
        elif isinstance(value, date) and not days_as_text:
            sheet.write_datetime(row, column, value)
        elif isinstance(value, datetime):
            sheet.write_string(row, column, value.isoformat(timespec="seconds"))
        elif len(str(value)) > MAX_TEXT:
            raise ReturnUnwritable(f"A text is longer than the {MAX_TEXT:,} characters a cell can hold.")
        else:
            sheet.write_string(row, column, str(value))


def _table_keys(module: Module) -> list[str]:
    """The keys that stand in a module's table: the person's and, below it, the request's."""
    return [name for name in ("person_id", "requests_id") if name in key_columns(module)]


def _rows(connection: duckdb.DuckDBPyConnection, module: Module, schema: str) -> Iterator[list[Any]]:
    """A module's rows: the keys as in ``_table_keys``, then the year's items."""
    answer = connection.execute(ordered_rows(module, schema))
    places = [key_columns(module).index(name) for name in _table_keys(module)]
    while rows := answer.fetchmany(10_000):
        for row in rows:
            yield [*(row[place] for place in places), *row[len(key_columns(module)) :]]


def _with_la(rows: Iterator[list[Any]], lea: str, place: int) -> Iterator[list[Any]]:
    for values in rows:
        yield [*values[:place], lea, *values[place:]]


def write_template(
    connection: duckdb.DuckDBPyConnection,
    specification: Specification,
    target: Path,
    stamp: Stamp,
    schema: str = "sen2",
) -> None:
    """Writes the return in ``schema`` in the shape of DfE's data-entry template. Same input, same bytes.

    Raises ``ReturnUnwritable`` where a row would have no place in the return, or in a sheet.
    """
    check_writable(connection, specification, schema)
    header = header_values(connection, specification, schema, stamp)
    with _written(target, stamp) as book:
        sheet = book.add_worksheet(TEMPLATE_SHEET)
        row = 0
        for module in specification.modules:
            labels = [item.label for item in module.items]
            if module.name == "header":
                records = iter([[header[item.column] for item in module.items]])
            else:
                keys = [KEY_LABELS[name] for name in _table_keys(module)]
                labels = [*keys, LA, *labels]
                records = _with_la(_rows(connection, module, schema), header["lea"], len(keys))
            _write_row(sheet, row, [module.title], days_as_text=True, first=1)
            _write_row(sheet, row + 1, [RECORD_TYPE, *labels], days_as_text=True, first=1)
            row += 2
            for values in records:
                _write_row(sheet, row, ["", *values], days_as_text=True, first=1)
                row += 1
            row += 2


def write_presubmission(
    connection: duckdb.DuckDBPyConnection,
    specification: Specification,
    target: Path,
    stamp: Stamp,
    schema: str = "sen2",
) -> None:
    """Writes the return in ``schema`` as a pre-submission workbook: eight sheets. Same input, same bytes.

    It has no header: what the header says is not in it. Raises as ``write_template``.
    """
    check_writable(connection, specification, schema)
    with _written(target, stamp) as book:
        for module in specification.records:
            sheet = book.add_worksheet(module.sheet)
            headings = [KEY_TAGS[name] for name in _table_keys(module)] + [item.tag.lower() for item in module.items]
            _write_row(sheet, 0, headings, days_as_text=False)
            for row, values in enumerate(_rows(connection, module, schema), start=1):
                _write_row(sheet, row, values, days_as_text=False)


def _heading(text: Any) -> str:
    """A heading as it is compared: without its note, and whatever its spaces, dashes and case."""
    plain = re.sub(r"[–—]", "-", " ".join(str(text).split()))
    return " ".join(NOTE.sub("", plain).split()).casefold()


def _plain(value: Any, item: Item | None) -> str | None:
    """A cell's value as ``Incoming`` wants it; ``item`` is none for a key."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, datetime) and item is not None and item.type == "datetime":
        return value.isoformat(timespec="seconds")
    if isinstance(value, date):
        return f"{value:%Y-%m-%d}"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


class _Table:
    """One module's table as it is read: where its columns are, and its rows on their way in."""

    def __init__(self, module: Module, headings: list[Any], keys: dict[str, str], names: dict[str, Item]) -> None:
        found = {_heading(heading): place for place, heading in enumerate(headings) if heading not in (None, "")}
        self.module = module
        self.keys = {name: found.get(_heading(keys[name])) for name in _table_keys(module)}
        places = {item.tag: place for heading, item in names.items() if (place := found.get(heading)) is not None}
        self.items = [places.get(item.tag) for item in module.items]
        ignored = {_heading(LA), _heading(RECORD_TYPE), *(_heading(label) for label in keys.values())}
        extra = tuple(heading for heading in found if heading not in names and heading not in ignored)
        lacking = [name for name, place in self.keys.items() if place is None]
        lacking += [item.tag for item, place in zip(module.items, self.items, strict=True) if place is None]
        if lacking or extra:
            raise FileRefused(
                f"The table of {module.tag} records lacks {', '.join(lacking) or 'no column'} and has {len(extra)} "
                "column(s) that the return of this year does not know.",
                missing=tuple(lacking),
                extra=extra,
            )
        self._numbers: dict[str | None, int] = {}

    def values(self, cells: list[Any]) -> dict[str, str | None]:
        """A row's items by column."""
        return {
            item.column: _plain(cells[place], item) if place is not None and place < len(cells) else None
            for item, place in zip(self.module.items, self.items, strict=True)
        }

    def record(self, cells: list[Any]) -> list[str | None]:
        """A row in the columns of ``Incoming``."""
        keys = {name: _plain(cells[place], None) if place is not None else None for name, place in self.keys.items()}
        if self.module.number:
            request = keys["requests_id"]
            self._numbers[request] = self._numbers.get(request, 0) + 1
            keys[self.module.number] = str(self._numbers[request])
        values = self.values(cells) | keys
        return [values[name] for name in Incoming.columns(self.module)]


def read_template(
    path: Path,
    specification: Specification,
    connection: duckdb.DuckDBPyConnection,
    schema: str = "sen2",
    *,
    expected_lea: str | None = None,
) -> Reading:
    """Replaces the nine tables of ``schema`` by those of a data-entry template.

    Raises ``FileRefused`` for another year or authority, a table that is not there or has other columns, or records
    that do not hang together; then nothing is loaded.
    """
    rows = _sheet_rows(path, TEMPLATE_SHEET)
    titles = {_heading(module.title): module for module in specification.modules}
    keys = KEY_LABELS
    header: dict[str, str | None] = {}
    seen: set[str] = set()
    table: _Table | None = None
    awaited: Module | None = None
    with Incoming(connection, specification) as incoming:
        for place, cells in enumerate(rows, start=1):
            filled = [cell for cell in cells if cell not in (None, "")]
            if not filled:
                continue
            if len(filled) == 1 and (module := titles.get(_heading(filled[0]))) is not None:
                awaited, table = module, None
            elif awaited is not None:
                names = {_heading(item.label): item for item in awaited.items}
                table, awaited = _Table(awaited, cells, keys, names), None
                seen.add(table.module.name)
            elif table is not None and table.module.name == "header":
                header = table.values(cells)
                incoming.add(table.module, [header[name] for name in Incoming.columns(table.module)], place)
            elif table is not None:
                incoming.add(table.module, table.record(cells), place)
        if lacking := [module.title for module in specification.modules if module.name not in seen]:
            raise FileRefused(f"The sheet {TEMPLATE_SHEET} has no table {', '.join(lacking)}.")
        if header.get("year") != str(specification.year):
            raise FileRefused(f"It is not the return of {specification.year}. Choose the right workbook.")
        lea = header.get("lea") or ""
        if expected_lea is not None and lea != expected_lea:
            raise FileRefused(f"It is the return of another authority, not of {expected_lea}. Choose the right one.")
        return Reading(specification.year, lea, stamp_of(header), incoming.load(schema))


def read_presubmission(
    path: Path, specification: Specification, connection: duckdb.DuckDBPyConnection, lea: str, schema: str = "sen2"
) -> Reading:
    """Replaces the nine tables of ``schema`` by those of a pre-submission workbook of the authority ``lea``.

    The workbook has no header: collection, year and survey day come from the specification, the officers stay empty.
    Raises ``FileRefused`` as ``read_template``.
    """
    with Incoming(connection, specification) as incoming:
        for module in specification.records:
            names = {spelling.lower(): item for item in module.items for spelling in (*item.also, item.tag)}
            table: _Table | None = None
            for place, cells in enumerate(_sheet_rows(path, module.sheet or module.title), start=1):
                if not any(cell not in (None, "") for cell in cells):
                    continue
                if table is None:
                    table = _Table(module, cells, KEY_TAGS, names)
                else:
                    incoming.add(module, table.record(cells), place)
            if table is None:
                raise FileRefused(f"The sheet {module.sheet} is empty: it lacks even its headings.")
        header = {
            "collection": "SEN2",
            "year": str(specification.year),
            "reference_date": survey_of_year(specification.year).survey_day.isoformat(),
            "source_level": "L",
            "lea": lea,
        }
        module = specification.module("header")
        incoming.add(module, [header.get(name) for name in Incoming.columns(module)], 1)
        return Reading(specification.year, lea, None, incoming.load(schema))


def _sheet_rows(path: Path, name: str) -> Iterator[list[Any]]:
    """The rows of a sheet. Raises ``FileRefused`` where it is not there."""
    book = open_workbook(path)
    if name not in book.sheet_names:
        raise FileRefused(f"The workbook has no sheet {name}. It is of another shape than was said.")
    yield from (list(row) for row in book.get_sheet_by_name(name).iter_rows())
