"""Dirt in clean files, as deliveries have it: every kind, at a rate, and the truth of what each must lead to.

Faults (``faults``) are wrong records, which rules find. Dirt is what happens to files and cells between a supplier's
system and ours: encodings, headings, dates as text, rows that are no records, files cut short or put into the wrong
folder. ``truth/dirt.csv`` says of each piece whether the file is refused, the row set apart (as a wrong record or as
no record), the value reported, the value landed as it is written, a column lost, or nothing lost at all.
"""

from __future__ import annotations

import csv
import io
import re
import shutil
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xlsxwriter
from python_calamine import CalamineWorkbook

from connectors.configuration import SourceConfiguration
from connectors.contract import Column, ExtractContract, Table, code_sets, read_contract
from connectors.errors import FileRefused
from connectors.headings import HEADER_WITHIN_ROWS, HeaderMatch, find_header
from connectors.readers.csv import encoding_of
from synthetic.sheets import MADE_AT

TRUTH = "dirt.csv"
EXCEL_EPOCH = date(1899, 12, 30)
SEARCHED_ROWS = 500
TITLES = ("Extracted for the council", "Official: sensitive")
NBSP = "\N{NO-BREAK SPACE}"
ISO, UK = re.compile(r"(\d{4})-(\d\d)-(\d\d)"), re.compile(r"(\d\d)/(\d\d)/(\d{4})")

LeadsTo = Literal["refused", "quarantined", "issue", "value", "twice", "column", "same"]
Cell = Any


@dataclass(frozen=True)
class Dirt:
    """One piece of dirt: a line of ``dirt.csv``.

    ``file`` is what the landing calls it and ``row`` the row there; ``clean_row`` is the row in the clean file.
    ``problem`` is that of the quarantine or of the issue. ``expected`` is the text that must land where it leads to a
    value, that of every row where it leads to a column, and the file that is repeated where a whole file leads to the
    same.
    """

    kind: str
    extract: str
    table: str
    file: str
    row: int | str
    clean_row: int | str
    column: str
    leads_to: LeadsTo
    problem: str = ""
    expected: str = ""


COLUMNS = tuple(Dirt.__dataclass_fields__)


class _ErrorOfFormula(str):
    """What a formula of the workbook failed with."""

    __slots__ = ()


@dataclass
class _Told:
    """Dirt in the row at a position of a sheet's rows."""

    kind: str
    at: int
    column: str
    leads_to: LeadsTo
    problem: str = ""
    expected: str = ""


@dataclass
class _Sheet:
    """The cells of a CSV file or of a workbook's sheet, and how they are written."""

    path: Path
    extract: str
    table: Table
    header: HeaderMatch
    titles: list[list[Cell]]
    head: list[str]
    rows: list[list[Cell]]
    clean_rows: list[int]
    encoding: str = "utf-8"
    line_end: str = "\n"
    separator: str = ","
    sheet: str | None = None
    has_faults: bool = False
    told: list[_Told] = field(default_factory=list)
    columns: list[Dirt] = field(default_factory=list)
    kind: str = ""
    is_cut: bool = False

    @property
    def file(self) -> str:
        return f"{self.path.name}#{self.sheet}" if self.sheet else self.path.name

    def tell(self, kind: str, at: int, column: str, leads_to: LeadsTo, problem: str = "", expected: str = "") -> None:
        """Notes dirt in the row at a position of ``rows``."""
        self.told.append(_Told(kind, at, column, leads_to, problem, expected))

    @property
    def first_row(self) -> int:
        """The row that the first of ``rows`` is written in."""
        return len(self.titles) + 2

    def tell_column(self, kind: str, column: str, expected: str) -> None:
        """Notes dirt in every row of a column."""
        self.columns.append(
            Dirt(kind, self.extract, self.header.table, self.file, "", "", column, "column", "", expected)
        )

    def insert(self, at: int, row: list[Cell]) -> None:
        """Puts a row that the clean file has not at a position of ``rows``."""
        self.rows.insert(at, row)
        self.clean_rows.insert(at, 0)
        for told in self.told:
            told.at += told.at >= at

    def dirt(self) -> Iterator[Dirt]:
        """What was noted, at the rows as they are written."""
        yield from self.columns
        for told in self.told:
            yield Dirt(
                told.kind,
                self.extract,
                self.header.table,
                self.file,
                self.first_row + told.at,
                self.clean_rows[told.at] or "",
                told.column,
                told.leads_to,
                told.problem,
                told.expected,
            )


def _text(cell: Cell) -> str:
    return "" if cell is None else cell.isoformat() if isinstance(cell, date) else str(cell)


def _day_of(cell: Cell) -> date | None:
    """The day in a cell, however the clean file writes it."""
    if isinstance(cell, datetime):
        return cell.date()
    if isinstance(cell, date):
        return cell
    try:
        if found := ISO.fullmatch(str(cell)):
            return date(int(found[1]), int(found[2]), int(found[3]))
        if found := UK.fullmatch(str(cell)):
            return date(int(found[3]), int(found[2]), int(found[1]))
    except ValueError:
        return None
    return None


class _Spoiler:
    """Spoils cells of one sheet, each kind in turn where it can be."""

    def __init__(self, sheet: _Sheet, generator: np.random.Generator) -> None:
        self.sheet = sheet
        self.generator = generator
        self.period = read_contract(sheet.extract).period

    def _columns(self, fits: Callable[[str, Column], bool]) -> list[str]:
        table = self.sheet.table
        found = [name for name, column in table.columns.items() if name in self.sheet.header.positions]
        found = [name for name in found if fits(name, table.columns[name])]
        return [found[at] for at in self.generator.permutation(len(found)).tolist()]

    def _spoil(self, kind: str, at: int, column: str, cell: Cell, problem: str, expected: str = "") -> None:
        """Writes a cell. ``problem`` is the issue's; a needed column's row is set apart for it instead."""
        self.sheet.rows[at][self.sheet.header.positions[column]] = cell
        if not problem:
            self.sheet.tell(kind, at, column, "value" if expected else "same", "", expected)
        elif column in self.sheet.table.needed and problem != "unknown_code":
            apart = {"placeholder_date": "placeholder_required", "missing": "missing_required"}
            self.sheet.tell(kind, at, column, "quarantined", apart.get(problem, "unreadable_required"))
        else:
            self.sheet.tell(kind, at, column, "issue", problem)

    def _cell(self, at: int, column: str) -> Cell:
        return self.sheet.rows[at][self.sheet.header.positions[column]]

    def _is_plain(self, name: str) -> bool:
        """Whether a text may be another without the record being another."""
        table = self.sheet.table
        return table.columns[name].type == "text" and name not in self.period and name not in table.key

    def _days(self, at: int) -> Iterator[tuple[str, date]]:
        for name in self._columns(lambda _, column: column.type == "date"):
            if (day := _day_of(self._cell(at, name))) is not None:
                yield name, day

    def _texts(self, at: int, fits: Callable[[str, Column], bool]) -> Iterator[tuple[str, str]]:
        for name in self._columns(fits):
            cell = self._cell(at, name)
            if isinstance(cell, str) and cell.strip():
                yield name, cell

    def _spoil_day(self, kind: str, at: int, write: Callable[[date], Cell], problem: str) -> bool:
        for name, day in self._days(at):
            self._spoil(kind, at, name, write(day), problem)
            return True
        return False

    def day_that_is_none(self, kind: str, at: int) -> bool:
        return self._spoil_day(kind, at, lambda day: f"31/02/{day.year}", "unreadable_date")

    def two_digit_year(self, kind: str, at: int) -> bool:
        return self._spoil_day(kind, at, lambda day: f"{day:%d/%m/%y}", "unreadable_date")

    def month_first(self, kind: str, at: int) -> bool:
        for name, day in self._days(at):
            if day.day > 12:
                self._spoil(kind, at, name, f"{day:%m/%d/%Y}", "unreadable_date")
                return True
        return False

    def day_and_month_swapped(self, kind: str, at: int) -> bool:
        """Nobody can tell from the cell: it lands as it is written, and the checks between sources may find it."""
        for name, day in self._days(at):
            if day.day <= 12 and day.day != day.month and name not in self.period:
                swapped = date(day.year, day.day, day.month)
                self._spoil(kind, at, name, f"{swapped:%d/%m/%Y}", "", swapped.isoformat())
                return True
        return False

    def excel_serial(self, kind: str, at: int) -> bool:
        """A workbook's own count of days is a day; in a CSV file a bare number is none."""
        is_workbook = self.sheet.sheet is not None
        return self._spoil_day(
            kind,
            at,
            lambda day: (day - EXCEL_EPOCH).days if is_workbook else str((day - EXCEL_EPOCH).days),
            "" if is_workbook else "unreadable_date",
        )

    def day_as_text(self, kind: str, at: int) -> bool:
        return self._spoil_day(kind, at, lambda day: f"{day:%d/%m/%Y}", "")

    def placeholder_1900(self, kind: str, at: int) -> bool:
        return self._spoil_day(kind, at, lambda _: "01/01/1900", "placeholder_date")

    def placeholder_9999(self, kind: str, at: int) -> bool:
        return self._spoil_day(kind, at, lambda _: "31/12/9999", "placeholder_date")

    def missing_value(self, kind: str, at: int) -> bool:
        for name in self._columns(lambda name, _: name in self.sheet.table.needed):
            self._spoil(kind, at, name, "" if self.sheet.sheet is None else None, "missing")
            return True
        return False

    def unknown_code(self, kind: str, at: int) -> bool:
        for name, _ in self._texts(at, lambda name, column: bool(column.code_set) and name not in self.period):
            assert "ZZ9" not in code_sets()[str(self.sheet.table.columns[name].code_set)]
            self._spoil(kind, at, name, "ZZ9", "unknown_code")
            return True
        return False

    def unreadable_number(self, kind: str, at: int) -> bool:
        for name in self._columns(lambda _, column: column.type in ("integer", "decimal")):
            if _text(self._cell(at, name)):
                self._spoil(kind, at, name, "1.2E+03", "unreadable_number")
                return True
        return False

    def unreadable_flag(self, kind: str, at: int) -> bool:
        for name in self._columns(lambda _, column: column.type == "boolean"):
            self._spoil(kind, at, name, "not sure", "unreadable_boolean")
            return True
        return False

    def scientific(self, kind: str, at: int) -> bool:
        """A long number as a spreadsheet shows it: text, and so landed as it is; the check digit tells."""
        for name, text in self._texts(at, lambda name, c: c.type == "text" and name not in self.period):
            if text.isdecimal() and len(text) >= 10:
                written = f"{int(text):.5E}"
                self._spoil(kind, at, name, written, "", written)
                return True
        return False

    def leading_zero_lost(self, kind: str, at: int) -> bool:
        """A number kept as text, as a spreadsheet takes it: its noughts in front are gone, and nothing shows it."""
        for name, text in self._texts(at, lambda name, c: c.type == "text" and name not in self.period):
            if text.isdecimal() and text.startswith("0") and text.strip("0"):
                written = str(int(text))
                self._spoil(kind, at, name, written if self.sheet.sheet is None else int(text), "", written)
                return True
        return False

    def figure_with_signs(self, kind: str, at: int) -> bool:
        """Money with its sign, thousands with their commas."""
        for name in self._columns(lambda _, column: column.type in ("integer", "decimal")):
            is_money = self.sheet.table.columns[name].type == "decimal"
            try:
                figure = float(_text(self._cell(at, name)))
            except ValueError:
                continue
            if is_money or figure >= 1000:
                self._spoil(kind, at, name, f"£{figure:,.2f}" if is_money else f"{figure:,.0f}", "")
                return True
        return False

    def error_of_formula(self, kind: str, at: int) -> bool:
        """#N/A and the like, where a look-up found nothing."""
        for name in self._columns(lambda name, column: name not in self.period):
            if _text(self._cell(at, name)):
                self._spoil(kind, at, name, _ErrorOfFormula("#N/A"), "spreadsheet_error")
                return True
        return False

    def names_swapped(self, kind: str, at: int) -> bool:
        """The forename where the surname belongs."""
        names = self._names()
        if not names or not all(isinstance(self._cell(at, name), str) and self._cell(at, name) for name in names):
            return False
        surname, forename = (str(self._cell(at, name)) for name in names)
        if surname == forename:
            return False
        for name, text in zip(names, (forename, surname), strict=True):
            self._spoil(kind, at, name, text, "", text)
        return True

    def surname_double_barrelled(self, kind: str, at: int) -> bool:
        return self._spoil_surname(kind, at, lambda surname, other: f"{surname}-{other}")

    def surname_of_birth(self, kind: str, at: int) -> bool:
        """A name the family no longer uses."""
        return self._spoil_surname(kind, at, lambda _, other: other)

    def _names(self) -> tuple[str, ...]:
        columns = self.sheet.header.positions
        pairs = (("surname", "forename"), ("pers_surname", "pers_forename"))
        return next((pair for pair in pairs if all(name in columns for name in pair)), ())

    def _spoil_surname(self, kind: str, at: int, change: Callable[[str, str], str]) -> bool:
        for name in self._names()[:1]:
            surname = _text(self._cell(at, name))
            other = "Thornbury" if surname != "Thornbury" else "Ashdown"
            if surname:
                written = change(surname, other)
                self._spoil(kind, at, name, written, "", written)
                return True
        return False

    def upn_temporary(self, kind: str, at: int) -> bool:
        """A UPN that a school gave for the time being: it ends in a letter."""
        for name, text in self._texts(at, lambda name, c: c.identifier == "upn" and self._is_plain(name)):
            if len(text) == 13 and text[-1].isdecimal():
                self._spoil(kind, at, name, f"{text[:-1]}A", "", f"{text[:-1]}A")
                return True
        return False

    def upn_of_another(self, kind: str, at: int) -> bool:
        """The UPN of another child in the file, shared or used again."""
        return self._spoil_identifier(kind, at, "upn")

    def nhs_number_of_another(self, kind: str, at: int) -> bool:
        """The NHS number of another child in the file, such as a brother's."""
        return self._spoil_identifier(kind, at, "nhs_number")

    def _spoil_identifier(self, kind: str, at: int, identifier: str) -> bool:
        for name, text in self._texts(at, lambda name, c: c.identifier == identifier and self._is_plain(name)):
            position = self.sheet.header.positions[name]
            for row in (*self.sheet.rows[at + 1 : at + 20], *self.sheet.rows[max(0, at - 20) : at]):
                other = row[position] if position < len(row) else None
                if isinstance(other, str) and len(other) == len(text) and other not in (text, "") and other.isalnum():
                    self._spoil(kind, at, name, other, "", other)
                    return True
        return False

    def setting_name_for_urn(self, kind: str, at: int) -> bool:
        """The name of a school where its number belongs."""
        for name, _ in self._texts(at, lambda name, _: name.endswith("urn") and self._is_plain(name)):
            self._spoil(kind, at, name, "Oakfield School", "", "Oakfield School")
            return True
        return False

    def blank_within(self, kind: str, at: int) -> bool:
        """A non-breaking space between two words."""
        for name, text in self._texts(at, lambda name, _: self._is_plain(name)):
            if " " in text.strip():
                written = text.strip().replace(" ", NBSP, 1)
                self._spoil(kind, at, name, written, "", written)
                return True
        return False

    def blanks_around(self, kind: str, at: int) -> bool:
        for name, text in self._texts(at, lambda _, column: column.type != "datetime"):
            self._spoil(kind, at, name, f"{NBSP}{text} {NBSP}", "")
            return True
        return False

    def smart_quote(self, kind: str, at: int) -> bool:
        for name, text in self._texts(at, lambda name, c: c.type == "text" and name not in self.period):
            if "'" in text:
                written = text.replace("'", "\N{RIGHT SINGLE QUOTATION MARK}")
                self._spoil(kind, at, name, written, "", written)
                return True
        return False

    def decoded_wrongly(self, kind: str, at: int) -> bool:
        """UTF-8 that some system before us took for Windows-1252."""
        for name, text in self._texts(at, lambda name, c: c.type == "text" and name not in self.period):
            if not text.isascii():
                written = text.encode().decode("cp1252", errors="replace")
                self._spoil(kind, at, name, written, "", written)
                return True
        return False

    def line_in_cell(self, kind: str, at: int) -> bool:
        for name, text in self._texts(at, lambda name, c: c.type == "text" and name not in self.period):
            if " " in text.strip():
                written = text.replace(" ", "\n", 1)
                self._spoil(kind, at, name, written, "", written)
                return True
        return False

    def cell_too_few(self, kind: str, at: int) -> bool:
        if self.sheet.sheet is not None or len(self.sheet.head) < 3:
            return False
        del self.sheet.rows[at][-1]
        self.sheet.tell(kind, at, "", "quarantined", "ragged_row")
        return True

    def cell_too_many(self, kind: str, at: int) -> bool:
        if self.sheet.sheet is not None:
            return False
        self.sheet.rows[at].append("again")
        self.sheet.tell(kind, at, "", "quarantined", "ragged_row")
        return True

    def twice(self, kind: str, at: int) -> bool:
        """The row again at the end, one text of it another."""
        table = self.sheet.table
        row = list(self.sheet.rows[at])
        for name in self._columns(lambda name, c: c.type == "text" and name not in table.needed)[:1]:
            row[self.sheet.header.positions[name]] = ""
        self.sheet.rows.append(row)
        self.sheet.clean_rows.append(self.sheet.clean_rows[at])
        self.sheet.tell(kind, len(self.sheet.rows) - 1, table.key[-1], "twice")
        return True


_CELL_SPOILERS: tuple[Callable[[_Spoiler, str, int], bool], ...] = (
    _Spoiler.day_that_is_none,
    _Spoiler.blanks_around,
    _Spoiler.two_digit_year,
    _Spoiler.missing_value,
    _Spoiler.month_first,
    _Spoiler.unknown_code,
    _Spoiler.day_and_month_swapped,
    _Spoiler.unreadable_number,
    _Spoiler.excel_serial,
    _Spoiler.smart_quote,
    _Spoiler.day_as_text,
    _Spoiler.unreadable_flag,
    _Spoiler.placeholder_1900,
    _Spoiler.line_in_cell,
    _Spoiler.decoded_wrongly,
    _Spoiler.cell_too_few,
    _Spoiler.placeholder_9999,
    _Spoiler.scientific,
    _Spoiler.cell_too_many,
    _Spoiler.twice,
    _Spoiler.leading_zero_lost,
    _Spoiler.figure_with_signs,
    _Spoiler.error_of_formula,
    _Spoiler.names_swapped,
    _Spoiler.surname_double_barrelled,
    _Spoiler.surname_of_birth,
    _Spoiler.upn_temporary,
    _Spoiler.upn_of_another,
    _Spoiler.nhs_number_of_another,
    _Spoiler.setting_name_for_urn,
    _Spoiler.blank_within,
)
_IN_CELLS = {spoil.__name__: spoil for spoil in _CELL_SPOILERS}


# How a whole file is written otherwise, with nothing lost; each gives whether it could be done.
def _with_mark(sheet: _Sheet, _: np.random.Generator) -> bool:
    if sheet.sheet or sheet.encoding != "utf-8":
        return False
    sheet.encoding = "utf-8-sig"
    return True


def _in_utf_16(sheet: _Sheet, _: np.random.Generator) -> bool:
    if sheet.sheet:
        return False
    sheet.encoding = "utf-16"
    return True


def _in_utf_16_unmarked(sheet: _Sheet, _: np.random.Generator) -> bool:
    if sheet.sheet:
        return False
    sheet.encoding = "utf-16-le"
    return True


def _with_semicolons(sheet: _Sheet, _: np.random.Generator) -> bool:
    if sheet.sheet or len(sheet.head) < 3:
        return False
    sheet.separator = ";"
    return True


def _with_blank_rows(sheet: _Sheet, _: np.random.Generator) -> bool:
    """Rows of empty cells among the others, which are nothing."""
    blank: Cell = "" if sheet.sheet is None else None
    for at in range(len(sheet.rows) - 1, 0, -max(1, len(sheet.rows) // 5)):
        sheet.insert(at, [blank] * len(sheet.head))
    return True


def _column_absent(sheet: _Sheet, generator: np.random.Generator) -> bool:
    """A column that rows can do without is not delivered."""
    name = _expendable(sheet, generator)
    if name is None or len(sheet.head) < 3:
        return False
    at = sheet.header.positions[name]
    sheet.head = [cell for place, cell in enumerate(sheet.head) if place != at]
    sheet.rows = [[cell for place, cell in enumerate(row) if place != at] for row in sheet.rows]
    left = {place: place - (place > at) for place in range(len(sheet.head) + 1) if place != at}
    _move_columns(sheet, left)
    sheet.tell_column("column_absent", name, "")
    return True


def _column_blank(sheet: _Sheet, generator: np.random.Generator) -> bool:
    """A column is delivered empty, as Thurrock's decision dates of a whole year were."""
    return _fill(sheet, "column_blank", _expendable(sheet, generator), "" if sheet.sheet is None else None, "")


def _flag_on_all(sheet: _Sheet, generator: np.random.Generator) -> bool:
    """A flag is set on every record."""
    return _fill(sheet, "flag_on_all", _expendable(sheet, generator, is_flag=True), "Yes", "true")


def _fill(sheet: _Sheet, kind: str, name: str | None, cell: Cell, expected: str) -> bool:
    if name is None:
        return False
    at = sheet.header.positions[name]
    for row in sheet.rows:
        if at < len(row) and (any(_text(other) for other in row)):
            row[at] = cell
    sheet.tell_column(kind, name, expected)
    return True


def _expendable(sheet: _Sheet, generator: np.random.Generator, *, is_flag: bool = False) -> str | None:
    """A column that no row needs, with a value in some row, with no dirt in it and with another after it."""
    dirty = {told.column for told in sheet.told}
    if sheet.has_faults or any(told.problem == "ragged_row" for told in sheet.told):
        return None
    fits = [
        name
        for name, at in sheet.header.positions.items()
        if name not in sheet.table.needed
        and name not in read_contract(sheet.extract).period
        and name not in dirty
        and at > 0
        and is_flag == (sheet.table.columns[name].type == "boolean")
        and any(at < len(row) and _text(row[at]) for row in sheet.rows)
    ]
    return fits[int(generator.integers(len(fits)))] if fits else None


def _in_windows_1252(sheet: _Sheet, _: np.random.Generator) -> bool:
    text = "" if sheet.sheet or sheet.encoding == "cp1252" else _csv_text(sheet)
    try:
        text.encode("cp1252")
    except UnicodeEncodeError:
        return False
    if text.isascii():
        return False
    sheet.encoding = "cp1252"
    return True


def _other_days(sheet: _Sheet, _: np.random.Generator) -> bool:
    """Days as dd/mm/yyyy where they were ISO, and the other way about."""
    is_any = False
    for name, column in sheet.table.columns.items():
        if column.type != "date" or name not in sheet.header.positions:
            continue
        at = sheet.header.positions[name]
        for row in sheet.rows:
            if at < len(row) and isinstance(row[at], str) and (day := _day_of(row[at])):
                row[at] = f"{day:%d/%m/%Y}" if ISO.fullmatch(row[at]) else day.isoformat()
                is_any = True
    return is_any


def _other_headings(sheet: _Sheet, _: np.random.Generator) -> bool:
    """The contract's synonyms as headings, else the name in capitals with spaces."""
    for name, position in sheet.header.positions.items():
        column = sheet.table.columns[name]
        sheet.head[position] = column.synonyms[-1].title() if column.synonyms else name.upper().replace("_", " ")
    return True


def _other_order(sheet: _Sheet, generator: np.random.Generator) -> bool:
    order = generator.permutation(len(sheet.head)).tolist()
    sheet.head = [sheet.head[at] for at in order]
    width = len(sheet.head)
    sheet.rows = [[row[at] for at in order] if len(row) == width else row for row in sheet.rows]
    _move_columns(sheet, {was: now for now, was in enumerate(order)})
    return True


def _one_column_more(sheet: _Sheet, _: np.random.Generator) -> bool:
    sheet.head = ["Row status", *sheet.head]
    sheet.rows = [["Live", *row] for row in sheet.rows]
    _move_columns(sheet, {at: at + 1 for at in range(len(sheet.head))})
    return True


def _move_columns(sheet: _Sheet, to: dict[int, int]) -> None:
    positions = {name: to[at] for name, at in sheet.header.positions.items() if at in to}
    held = sheet.header
    sheet.header = HeaderMatch(held.table, held.index, tuple(map(str, sheet.head)), positions, held.lacking)


def _titles_above(sheet: _Sheet, _: np.random.Generator) -> bool:
    sheet.titles = [[title] for title in TITLES] + sheet.titles
    return True


_OF_FILES: dict[str, Callable[[_Sheet, np.random.Generator], bool]] = {
    "windows_1252": _in_windows_1252,
    "byte_order_mark": _with_mark,
    "utf_16": _in_utf_16,
    "other_day_format": _other_days,
    "headings_renamed": _other_headings,
    "columns_reordered": _other_order,
    "column_extra": _one_column_more,
    "titles_above": _titles_above,
    "utf_16_unmarked": _in_utf_16_unmarked,
    "semicolons": _with_semicolons,
    "blank_rows": _with_blank_rows,
    "column_absent": _column_absent,
    "column_blank": _column_blank,
    "flag_on_all": _flag_on_all,
}
_WHOLE_COLUMN = ("column_absent", "column_blank", "flag_on_all")
_OF_MESSAGES = ("utf_16", "windows_1252", "byte_order_mark")
_NO_RECORDS = ("header_repeated", "total_row")
_BESIDE = (
    "file_empty",
    "file_half_written",
    "columns_missing",
    "file_of_another_extract",
    "file_twice",
    "file_of_yesterday",
)
_CUT = "file_cut_short"

DIRT: dict[str, str] = {
    "windows_1252": "a file in Windows-1252",
    "byte_order_mark": "a file in UTF-8 with a byte order mark",
    "utf_16": "a file in UTF-16",
    "utf_16_unmarked": "a file in UTF-16 without a byte order mark",
    "semicolons": "a CSV file with semicolons between its cells",
    "other_day_format": "days as dd/mm/yyyy where they were ISO, and the other way about",
    "headings_renamed": "other headings, as the contract's synonyms are",
    "columns_reordered": "columns in another order",
    "column_extra": "a column more than the contract has",
    "column_absent": "a column less, of those that rows can do without",
    "column_blank": "a column without one value",
    "flag_on_all": "a flag set on every row",
    "titles_above": "title rows above the header",
    "blank_rows": "empty rows among the others",
    "header_repeated": "the header again in the middle",
    "total_row": "a total row at the end",
    "file_cut_short": "a CSV file that ends within a row",
    "file_half_written": "half of a workbook or message",
    "file_empty": "a file of no byte",
    "columns_missing": "a file without a column that rows need",
    "file_of_another_extract": "a file of another extract",
    "file_twice": "the same file under a second name",
    "file_of_yesterday": "the same file again, dated a day later",
    "day_that_is_none": "31 February",
    "two_digit_year": "a year of two digits",
    "month_first": "mm/dd/yyyy where that can be told",
    "day_and_month_swapped": "day and month swapped where nobody can tell",
    "day_as_text": "dd/mm/yyyy among ISO days, or a day as text in a workbook",
    "excel_serial": "a day as Excel's count of days",
    "placeholder_1900": "01/01/1900 for an unknown day",
    "placeholder_9999": "31/12/9999 for an unknown day",
    "missing_value": "nothing where a row needs a value",
    "unknown_code": "a code of no code set",
    "unreadable_number": "a number as 1.2E+03",
    "unreadable_flag": "neither yes nor no",
    "scientific": "a long number as 9.43477E+09",
    "leading_zero_lost": "a number kept as text without its noughts in front",
    "figure_with_signs": "a figure with pound sign and commas",
    "error_of_formula": "a spreadsheet's #N/A",
    "blanks_around": "blanks and non-breaking spaces around a value",
    "blank_within": "a non-breaking space within a value",
    "smart_quote": "a typographic apostrophe",
    "line_in_cell": "a line break within a cell",
    "decoded_wrongly": "UTF-8 that was read as Windows-1252 before",
    "cell_too_few": "a row with a cell too few",
    "cell_too_many": "a row with a cell too many",
    "twice": "a row again, a little different",
    "names_swapped": "forename and surname swapped",
    "surname_double_barrelled": "a second surname",
    "surname_of_birth": "an earlier surname",
    "upn_temporary": "a temporary UPN, ending in a letter",
    "upn_of_another": "another child's UPN",
    "nhs_number_of_another": "another child's NHS number",
    "setting_name_for_urn": "a school's name where its URN belongs",
}
"""Every kind of dirt by its name, and what it is."""


def _csv_text(sheet: _Sheet) -> str:
    held = io.StringIO(newline="")
    writer = csv.writer(held, lineterminator=sheet.line_end, delimiter=sheet.separator)
    writer.writerows([*sheet.titles, sheet.head, *sheet.rows])
    text = held.getvalue()
    return text.removesuffix(sheet.line_end) if sheet.is_cut else text


def _write(sheet: _Sheet) -> None:
    if sheet.sheet is None:
        sheet.path.write_bytes(_csv_text(sheet).encode(sheet.encoding))
        return
    _write_workbook(sheet.path, sheet.sheet, [*sheet.titles, sheet.head, *sheet.rows])


def _write_workbook(path: Path, name: str, rows: Iterable[Sequence[Cell]]) -> None:
    with xlsxwriter.Workbook(str(path), {"default_date_format": "dd/mm/yyyy"}) as workbook:
        workbook.set_properties({"created": MADE_AT})
        page = workbook.add_worksheet(name)
        for row, cells in enumerate(rows):
            for column, cell in enumerate(cells):
                if isinstance(cell, _ErrorOfFormula):
                    page.write_formula(row, column, "=NA()", None, str(cell))
                elif isinstance(cell, str):
                    page.write_string(row, column, cell)
                elif cell is not None:
                    page.write(row, column, cell)


def _read(path: Path, extract: str) -> _Sheet | None:
    """A clean file's cells; None for one without a record."""
    contract = read_contract(extract)
    source = SourceConfiguration.model_validate(
        {"kind": "csv" if "csv" in contract.readers else "excel", "path": "extracts"}
    )
    encoding, line_end, name = "utf-8", "\n", None
    if path.suffix == ".xlsx":
        workbook = CalamineWorkbook.from_path(str(path))
        name = workbook.sheet_names[0]
        rows: list[list[Cell]] = [
            [_cell(cell) for cell in row] for row in workbook.get_sheet_by_name(name).to_python(skip_empty_area=False)
        ]
    else:
        encoding = encoding_of(path)
        text = path.read_bytes().decode(encoding)
        line_end = "\r\n" if "\r\n" in text else "\n"
        rows = list(csv.reader(io.StringIO(text, newline="")))
    texts = [[_text(cell) for cell in row] for row in rows[:HEADER_WITHIN_ROWS]]
    header = find_header(contract, source, name or path.name, texts)
    body = rows[header.index + 1 :]
    if not body:
        return None
    table = contract.tables[header.table]
    return _Sheet(
        path,
        extract,
        table,
        header,
        titles=[[cell for cell in row if cell is not None] for row in rows[: header.index]],
        head=[str(cell) for cell in rows[header.index]],
        rows=body,
        clean_rows=list(range(header.index + 2, header.index + 2 + len(body))),
        encoding="utf-8" if encoding == "utf-8" else encoding,
        line_end=line_end,
        sheet=name,
    )


def _cell(cell: Cell) -> Cell:
    if cell == "":
        return None
    return cell.date() if isinstance(cell, datetime) else cell


# Messages: spoiled as text, record by record, for each record of ours stands in a line of its own.
def _spoil_message(
    path: Path, rates: _Rates, turn: deque[str], generator: np.random.Generator, *, kind: str, spared: set[int]
) -> list[Dirt]:
    """Spoils elements of a message's records, and writes it as ``kind`` says."""
    contract = read_contract(path.parent.name)
    shape = contract.xml
    assert shape is not None
    table_name, table = next((name, table) for name, table in contract.tables.items() if table.row is None)
    inherited = {column.record_path for other in contract.tables.values() for column in other.columns.values()}
    elements = {
        column.path.rpartition("/")[2]: (name, column)
        for name, column in table.columns.items()
        if column.path and column.path not in inherited and name not in table.key
    }
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    told: list[Dirt] = []
    row = in_school = 0
    for at, line in enumerate(lines):
        if not line.startswith(f"<{shape.record}>"):
            in_school = 0
            continue
        row, in_school = row + 1, in_school + 1
        if row in spared:
            continue
        for wanted in rates.chosen(turn, generator):
            spoiled = _spoil_element(line, elements, wanted, table, may_lack=in_school > 12, generator=generator)
            if spoiled:
                lines[at], name, leads_to, problem = spoiled
                told.append(Dirt(wanted, contract.extract, table_name, path.name, row, row, name, leads_to, problem))
                break
    text = "".join(lines)
    encoding = {"utf_16": "utf-16", "windows_1252": "cp1252", "byte_order_mark": "utf-8-sig"}.get(kind, "utf-8")
    declared = {"utf_16": "UTF-16", "windows_1252": "windows-1252"}.get(kind, "UTF-8")
    text = text.replace('encoding="UTF-8"', f'encoding="{declared}"', 1)
    path.write_bytes(text.encode(encoding, errors="xmlcharrefreplace"))
    if kind:
        told.append(Dirt(kind, contract.extract, table_name, path.name, "", "", "", "same"))
    return told


_IN_ELEMENTS = (
    "day_that_is_none",
    "blanks_around",
    "two_digit_year",
    "missing_value",
    "unknown_code",
    "placeholder_1900",
    "unreadable_flag",
    "placeholder_9999",
    "unreadable_number",
)


def _spoil_element(
    line: str,
    elements: dict[str, tuple[str, Column]],
    kind: str,
    table: Table,
    *,
    may_lack: bool,
    generator: np.random.Generator,
) -> tuple[str, str, LeadsTo, str] | None:
    """The record with one element spoiled, its column, and what it leads to; None where no element fits."""
    names = list(elements)
    for at in generator.permutation(len(names)).tolist():
        element = names[at]
        column_name, column = elements[element]
        is_needed = column_name in table.needed
        found = re.search(f"<{element}>([^<]+)</{element}>", line)
        if found is None or (is_needed and kind != "blanks_around" and not may_lack):
            continue
        text, day = found[1], _day_of(found[1]) if column.type == "date" else None
        if kind == "blanks_around":
            spoiled, problem = f"{NBSP}{text} ", ""
        elif kind == "missing_value" and is_needed:
            spoiled, problem = "", "missing_required"
        elif kind == "unknown_code" and column.code_set:
            spoiled, problem = "ZZ9", "unknown_code"
        elif kind == "unreadable_flag" and column.type == "boolean":
            spoiled, problem = "perhaps", "unreadable_boolean"
        elif kind == "unreadable_number" and column.type in ("integer", "decimal"):
            spoiled, problem = "1.2E+03", "unreadable_number"
        elif day and kind in ("day_that_is_none", "two_digit_year"):
            spoiled = f"{day.year}-02-31" if kind == "day_that_is_none" else f"{day:%d/%m/%y}"
            problem = "unreadable_required" if is_needed else "unreadable_date"
        elif day and kind.startswith("placeholder"):
            spoiled = "1900-01-01" if kind == "placeholder_1900" else "9999-12-31"
            problem = "placeholder_required" if is_needed else "placeholder_date"
        else:
            continue
        leads_to: LeadsTo = "quarantined" if problem.endswith("required") else "issue" if problem else "same"
        return line[: found.start(1)] + spoiled + line[found.end(1) :], column_name, leads_to, problem
    return None


@dataclass(frozen=True)
class _Rates:
    """The share of rows and files to spoil: over all kinds together, and by kind."""

    overall: float
    by_kind: Mapping[str, float]

    def of_files(self, kind: str, files: int, kinds: int) -> int:
        """How many of so many files get a kind, where so many kinds share the overall rate; at least one."""
        wanted = max(1, round(self.overall * files / kinds)) if self.overall else 0
        return max(wanted, max(1, round(self.by_kind[kind] * files)) if kind in self.by_kind else 0)

    def chosen(self, turn: deque[str], generator: np.random.Generator) -> list[str]:
        """The kinds of ``turn`` to try on a row, in order, until one fits; none for a row that stays clean."""
        tried = [kind for kind, rate in self.by_kind.items() if generator.random() < rate and kind in turn]
        if generator.random() < self.overall:
            turn.rotate(-1)
            tried += turn
        return tried

    def is_wanted(self, kind: str) -> bool:
        """Whether a kind is planted at all."""
        return bool(self.overall) or kind in self.by_kind


class _Plan:
    """Which dirt each file of a borough gets."""

    def __init__(self, folder: Path, rates: _Rates, generator: np.random.Generator) -> None:
        self.extracts = folder / "extracts"
        self.rates = rates
        self.generator = generator
        files = sorted(path for path in self.extracts.glob("*/*") if path.suffix in (".csv", ".xlsx", ".xml"))
        self.sheets = [sheet for path in files if path.suffix != ".xml" if (sheet := _read(path, path.parent.name))]
        self.messages = [path for path in files if path.suffix == ".xml"]
        self.told: list[Dirt] = []

    def _shuffled(self, things: Sequence[Any]) -> list[Any]:
        return [things[at] for at in self.generator.permutation(len(things)).tolist()]

    def in_cells(self, protected: dict[tuple[str, str], set[int]]) -> None:
        """Spoils cells of every sheet at the rate, and each kind once; passes over the rows that have a fault."""
        spoilers = [_Spoiler(sheet, self.generator) for sheet in self.sheets]
        spared = [set(protected.get((sheet.extract, sheet.file), ())) for sheet in self.sheets]
        for sheet, rows in zip(self.sheets, spared, strict=True):
            sheet.has_faults = bool(rows)
        for spoil in _IN_CELLS.values():
            if self.rates.is_wanted(spoil.__name__):
                self._once(spoil, spoilers, spared)
        turn = deque(_IN_CELLS)
        for spoiler, left_alone in zip(spoilers, spared, strict=True):
            sheet = spoiler.sheet
            for at in range(len(sheet.rows)):
                if sheet.clean_rows[at] in left_alone or _text(sheet.rows[at][0]) == "Total":
                    continue
                for kind in self.rates.chosen(turn, self.generator):
                    if _IN_CELLS[kind](spoiler, kind, at):
                        break

    def _once(
        self, spoil: Callable[[_Spoiler, str, int], bool], spoilers: list[_Spoiler], spared: list[set[int]]
    ) -> None:
        for number in self.generator.permutation(len(spoilers)).tolist():
            sheet = spoilers[number].sheet
            for at in self.generator.permutation(len(sheet.rows))[:SEARCHED_ROWS].tolist():
                if sheet.clean_rows[at] in spared[number] or _text(sheet.rows[at][0]) == "Total":
                    continue
                if spoil(spoilers[number], spoil.__name__, at):
                    spared[number].add(sheet.clean_rows[at])
                    return

    def of_files(self) -> dict[Path, str]:
        """Writes whole files otherwise, a kind a file; gives which message is to be written how."""
        free = self._shuffled(self.sheets)
        for kind, change in _OF_FILES.items():
            wanted = self.rates.of_files(kind, len(self.sheets), len(_OF_FILES))
            for sheet in list(free):
                if wanted and change(sheet, self.generator):
                    free.remove(sheet)
                    sheet.kind, wanted = kind, wanted - 1
                    if kind not in _WHOLE_COLUMN:
                        self.told.append(Dirt(kind, sheet.extract, sheet.header.table, sheet.file, "", "", "", "same"))
        for kind in _NO_RECORDS:
            for sheet in free[: self.rates.of_files(kind, len(self.sheets), 2 * len(_NO_RECORDS))]:
                is_total = any(_text(row[0]) == "Total" for row in sheet.rows)
                if kind == "header_repeated" or not is_total:
                    self._add_no_record(sheet, kind)
                    free.remove(sheet)
        encodings = [
            kind
            for kind in _OF_MESSAGES
            for _ in range(self.rates.of_files(kind, len(self.messages), max(1, len(self.messages))))
        ]
        return dict(zip(self._shuffled(self.messages), encodings, strict=False))

    def _add_no_record(self, sheet: _Sheet, kind: str) -> None:
        width = len(sheet.head)
        at = len(sheet.rows) // 2 if kind == "header_repeated" else len(sheet.rows)
        blank: Cell = "" if sheet.sheet is None else None
        total = ["Total", str(len(sheet.rows)), *[blank] * (width - 2)]
        sheet.insert(at, list(sheet.head) if kind == "header_repeated" else total)
        sheet.kind = kind
        sheet.tell(kind, at, "", "quarantined", "not_a_record")

    def write(self) -> None:
        """Writes every sheet."""
        for sheet in self.sheets:
            _write(sheet)
            self.told += sheet.dirt()

    def cut(self) -> None:
        """Ends some CSV files within a row: that row is set apart, and those below are not delivered."""
        fits = [s for s in self.sheets if s.sheet is None and not s.kind and len(s.rows) > 10 and len(s.head) > 3]
        for sheet in self._shuffled(fits)[: self.rates.of_files(_CUT, len(self.sheets), 8)]:
            dirty = {told.at for told in sheet.told}
            at = len(sheet.rows) - int(self.generator.integers(1, max(2, len(sheet.rows) // 3)))
            while at > 1 and (at in dirty or _text(sheet.rows[at][0]) == "Total"):
                at -= 1
            del sheet.rows[at + 1 :], sheet.clean_rows[at + 1 :]
            sheet.rows[at] = sheet.rows[at][: len(sheet.head) // 2]
            sheet.told = [told for told in sheet.told if told.at < at]
            sheet.tell(_CUT, at, "", "quarantined", "ragged_row")
            sheet.kind, sheet.is_cut = _CUT, True

    def beside(self, as_at: date) -> None:
        """Puts files beside the good ones: those that must be refused, and those that say nothing new."""
        everything = [
            *((s.path, s.extract) for s in self.sheets),
            *((path, path.parent.name) for path in self.messages),
        ]
        plain = {sheet.path: sheet for sheet in self.sheets}
        for kind in _BESIDE:
            wanted = self.rates.of_files(kind, len(everything), len(_BESIDE))
            for path, extract in self._shuffled(everything):
                if not wanted:
                    break
                made = self._put(kind, path, extract, plain.get(path), as_at)
                if made is not None:
                    wanted -= 1
                    self.told.append(made)

    def _put(self, kind: str, path: Path, extract: str, sheet: _Sheet | None, as_at: date) -> Dirt | None:
        contract = read_contract(extract)
        table = sheet.header.table if sheet else next(iter(contract.tables))
        beside = path.with_name(f"{path.stem}_{_BESIDE.index(kind) + 2}{path.suffix}")
        landed = beside.name
        if kind == "file_empty":
            beside.write_bytes(b"")
        elif kind == "file_half_written":
            if path.suffix == ".csv":
                return None  # half a CSV file keeps its whole rows: see cut
            whole = path.read_bytes()
            beside.write_bytes(whole[: len(whole) // 2])
        elif kind == "columns_missing":
            if sheet is None:
                return None
            _write_without(sheet, beside)
            landed = f"{beside.name}#{sheet.sheet}" if sheet.sheet else beside.name
        elif kind == "file_of_another_extract":
            other = self._stranger(contract, path.suffix)
            if other is None:
                return None
            beside = path.with_name(f"{other.stem}_from_{other.parent.name}{other.suffix}")
            shutil.copyfile(other, beside)
            landed = beside.name
            if other.suffix == ".xlsx":
                landed += f"#{CalamineWorkbook.from_path(str(other)).sheet_names[0]}"
        else:
            if kind == "file_of_yesterday":
                undated = re.sub(r"[-_]?\d{4}-\d\d(-\d\d)?", "", path.stem)
                tomorrow = as_at + timedelta(days=1)
                beside = path.with_name(f"{undated or path.stem}-{tomorrow.isoformat()}{path.suffix}")
            if beside.exists():
                return None
            shutil.copyfile(path, beside)
            return Dirt(kind, extract, table, beside.name, "", "", "", "same", "", path.name)
        return Dirt(kind, extract, table, landed, "", "", "", "refused")

    def _stranger(self, contract: ExtractContract, suffix: str) -> Path | None:
        """A file of another extract that this one cannot take for its own."""
        paths = [s.path for s in self.sheets if s.path.suffix == suffix] if suffix != ".xml" else self.messages
        for path in self._shuffled([path for path in paths if path.parent.name != contract.extract]):
            if suffix == ".xml" or _is_refused(path, contract):
                return Path(path)
        return None


def _is_refused(path: Path, contract: ExtractContract) -> bool:
    held = _read(path, path.parent.name)
    if held is None:
        return False
    rows = [[_text(cell) for cell in row] for row in [*held.titles, held.head, *held.rows[:HEADER_WITHIN_ROWS]]]
    kind = "csv" if "csv" in contract.readers else "excel"
    name = f"{path.stem}_from_{path.parent.name}{path.suffix}"
    try:
        find_header(contract, SourceConfiguration.model_validate({"kind": kind, "path": "x"}), held.sheet or name, rows)
    except FileRefused:
        return True
    return False


def _write_without(sheet: _Sheet, path: Path) -> None:
    """The file without the first column that no row can do without."""
    at = sheet.header.positions[sheet.table.needed[0]]
    rows = [[cell for place, cell in enumerate(row) if place != at] for row in [sheet.head, *sheet.rows[:50]]]
    if sheet.sheet:
        _write_workbook(path, sheet.sheet, rows)
        return
    held = io.StringIO(newline="")
    csv.writer(held, lineterminator="\n").writerows(rows)
    path.write_bytes(held.getvalue().encode("utf-8"))


def plant_dirt(
    folder: Path, *, rate: float = 0.0, kinds: Mapping[str, float] | None = None, seed: int, as_at: date
) -> int:
    """Plants dirt in the clean extracts below ``folder`` and tells it in ``truth/dirt.csv``; gives how many pieces.

    Of the rows and files a share of ``rate`` is dirty, all kinds (``DIRT``) taking turns and each there once at least.
    ``kinds`` gives kinds a share of their own, of the rows or files that can have them; others are not planted where
    ``rate`` is nought. Raises ``ValueError`` for a kind there is none of. Rows with a
    fault are left alone; where dirt moves rows, ``faults.csv`` and ``records.parquet`` follow. A fault that is one only
    beside another record may no longer be found where that record is dirty, so dirt is judged without faults.
    """
    generator = np.random.default_rng(np.random.SeedSequence([seed, 1_900]))
    unknown = sorted(set(kinds or {}) - set(DIRT))
    if unknown:
        raise ValueError(f"there is no kind of dirt called {', '.join(unknown)}")
    rates = _Rates(rate, kinds or {})
    plan = _Plan(folder, rates, generator)
    spared = _rows_with_faults(folder / "truth" / "faults.csv")
    plan.in_cells(spared)
    messages = plan.of_files()
    plan.cut()
    plan.write()
    turn = deque(_IN_ELEMENTS)
    for path in plan.messages:
        rows = spared.get((path.parent.name, path.name), set())
        plan.told += _spoil_message(path, rates, turn, generator, kind=messages.get(path, ""), spared=rows)
    plan.beside(as_at)
    _follow(folder / "truth", plan.sheets)
    with (folder / "truth" / TRUTH).open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([getattr(piece, name) for name in COLUMNS] for piece in plan.told)
    return len(plan.told)


def clear_dirt(folder: Path) -> None:
    """Removes the files that dirt put beside a borough's own, before the borough is made anew."""
    told = folder / "truth" / TRUTH
    if not told.exists():
        return
    with told.open(encoding="utf-8", newline="") as handle:
        for piece in csv.DictReader(handle):
            if piece["kind"] in _BESIDE:
                (folder / "extracts" / piece["extract"] / piece["file"].partition("#")[0]).unlink(missing_ok=True)
    told.unlink()


def _rows_with_faults(path: Path) -> dict[tuple[str, str], set[int]]:
    rows: dict[tuple[str, str], set[int]] = {}
    with path.open(encoding="utf-8", newline="") as handle:
        for fault in csv.DictReader(handle):
            rows.setdefault((fault["extract"], fault["file"]), set()).add(int(fault["row"]))
    return rows


def _follow(truth: Path, sheets: Sequence[_Sheet]) -> None:
    """Moves the rows that ``faults.csv`` and ``records.parquet`` name to where they stand now; drops what was cut."""
    now = {
        (sheet.extract, sheet.file): {
            clean: sheet.first_row + at for at, clean in reversed(list(enumerate(sheet.clean_rows))) if clean
        }
        for sheet in sheets
    }
    told = truth / "faults.csv"
    with told.open(encoding="utf-8", newline="") as handle:
        reader = csv.DictReader(handle)
        names, faults = list(reader.fieldnames or ()), list(reader)
    kept = []
    for fault in faults:
        rows = now.get((fault["extract"], fault["file"]))
        if rows is None or (row := rows.get(int(fault["row"]))) is not None:
            kept.append(fault if rows is None else {**fault, "row": row})
    with told.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(kept)
    records = pq.read_table(truth / "records.parquet")
    places = zip(*(records[name].to_pylist() for name in ("extract", "file", "row")), strict=True)
    moved = [now[extract, file].get(row) if (extract, file) in now else row for extract, file, row in places]
    records = records.set_column(records.schema.get_field_index("row"), "row", pa.array(moved, pa.int64()))
    pq.write_table(records.filter(pc.is_valid(records["row"])), truth / "records.parquet", compression="zstd")
