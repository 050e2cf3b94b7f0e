"""Reads Excel and OpenDocument workbooks: each sheet as a table of its own."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from datetime import date, datetime, time
from pathlib import Path
from typing import IO, Any
from zipfile import BadZipFile, ZipFile

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, SheetTypeEnum

from connectors.configuration import SourceConfiguration
from connectors.contract import ExtractContract
from connectors.errors import FileRefused
from connectors.headings import HEADER_WITHIN_ROWS, best_matches, tables_named
from connectors.readers import BATCH_ROWS, Delivered
from connectors.readers.sheet import SheetRows, deliver_sheet

MAX_BYTES = 100 * 2**20
MAX_UNPACKED_BYTES = 600 * 2**20
MAX_CELLS = 5_000_000
CELL_PLACE = re.compile(rb"""\br\s*=\s*["']([A-Z]{0,3})(\d{1,7})["']""")


def _open(path: Path) -> CalamineWorkbook:
    if path.stat().st_size > MAX_BYTES:
        raise FileRefused(f"It is larger than {MAX_BYTES >> 20} MB. Split the extract, or send it as CSV.")
    try:
        if path.suffix.lower() != ".xls":
            _check_unpacked(path)
        return CalamineWorkbook.from_path(path)
    except (CalamineError, BadZipFile, zlib.error, OSError, ValueError):
        raise FileRefused(
            "It cannot be opened as a workbook: it is damaged, protected by a password, or not one."
        ) from None


def _check_unpacked(path: Path) -> None:
    """Refuses a workbook that would fill the memory: it unpacks to too much, or a lone cell stands far out.

    A sheet is held as a full rectangle up to its furthest cell, so that is looked for before it is opened.
    """
    with ZipFile(path) as packed:
        parts = packed.infolist()
        if sum(part.file_size for part in parts) > MAX_UNPACKED_BYTES:
            raise FileRefused(f"It unpacks to more than {MAX_UNPACKED_BYTES >> 20} MB. Send the extract as CSV.")
        for part in parts:
            if "/worksheets/" in part.filename and part.filename.endswith(".xml"):
                with packed.open(part) as sheet:
                    width, height = _furthest_cell(sheet)
                if width * height > MAX_CELLS:
                    raise FileRefused(
                        f"A sheet reaches to row {height:,}, column {width:,}, more than {MAX_CELLS:,} cells. Delete "
                        "the empty rows and columns past the data, or send the extract as CSV."
                    )


def _furthest_cell(sheet: IO[bytes]) -> tuple[int, int]:
    """The last column and the last row (from 1) that any cell of a sheet's XML is at."""
    width = height = 1
    kept = b""
    while piece := sheet.read(2**20):
        text = kept + piece
        for letters, number in {(match[1], match[2]) for match in CELL_PLACE.finditer(text)}:
            column = 0
            for letter in letters:
                column = column * 26 + letter - 64
            width, height = max(width, column), max(height, int(number))
        kept = text[-32:]
    return width, height


def sheet_names(path: Path, contract: ExtractContract, source: SourceConfiguration, name: str) -> list[str]:
    """The visible sheets that hold data: any named after a table or headed like one; the only one, whatever it is.

    Empty sheets and notes are passed over. Raises ``FileRefused`` where no sheet can be read as a table.
    """
    workbook = _open(path)
    kept = []
    filled = []
    for sheet in workbook.sheets_metadata:
        if sheet.typ != SheetTypeEnum.WorkSheet:
            continue
        rows = _first_rows(workbook, sheet.name)
        if not any(cell.strip() for row in rows for cell in row):
            continue
        filled.append(sheet.name)
        matches = best_matches(contract, source, _hint(contract, source, name, sheet.name), rows)
        is_headed = bool(matches) and (not matches[0].lacking or len(matches[0].positions) >= len(matches[0].lacking))
        if is_headed or len(tables_named(contract, source, sheet.name)) == 1 < len(contract.tables):
            kept.append(sheet.name)
    if not filled:
        raise FileRefused("It is empty: no sheet has a cell filled. Ask for the extract again.")
    return kept or filled


def _hint(contract: ExtractContract, source: SourceConfiguration, file_name: str, sheet: str) -> str:
    """The name that tells the table: the sheet's where it names one, else the file's."""
    return sheet if len(tables_named(contract, source, sheet)) == 1 else file_name


def _get(workbook: CalamineWorkbook, sheet: str) -> CalamineSheet:
    try:
        return workbook.get_sheet_by_name(sheet)
    except (CalamineError, ValueError):
        raise FileRefused("The sheet is damaged and cannot be read.") from None


def _first_rows(workbook: CalamineWorkbook, sheet: str) -> list[list[str]]:
    found = _get(workbook, sheet)
    return [_texts(row) for row in found.to_python(skip_empty_area=False, nrows=HEADER_WITHIN_ROWS)]


def read_sheet(path: Path, name: str, sheet: str, contract: ExtractContract, source: SourceConfiguration) -> Delivered:
    """The table on one sheet of the workbook; raises ``FileRefused``."""
    found = _get(_open(path), sheet)
    return deliver_sheet(contract, source, _hint(contract, source, name, sheet), _chunks(found))


def _chunks(sheet: CalamineSheet) -> Iterator[SheetRows]:
    rows = sheet.to_python(skip_empty_area=False)
    for start in range(0, len(rows), BATCH_ROWS):
        yield SheetRows(start + 1, [_texts(row) for row in rows[start : start + BATCH_ROWS]])


def _texts(cells: list[Any]) -> list[str]:
    return [cell if isinstance(cell, str) else _text(cell) for cell in cells]


def _text(value: Any) -> str:
    """A cell as text: numbers without a trailing nought, dates as ISO."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime) and value.time() == time():
        value = value.date()
    return value.isoformat() if isinstance(value, date | time) else str(value)
