"""Reads Excel and OpenDocument workbooks: each sheet as a table of its own."""

from __future__ import annotations

import itertools
import re
import struct
import zlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, SheetTypeEnum

from connectors.configuration import SourceConfiguration
from connectors.contract import ExtractContract
from connectors.errors import FileRefused
from connectors.headings import HEADER_WITHIN_ROWS, best_matches, tables_named
from connectors.readers import BATCH_ROWS, Delivered
from connectors.readers.sheet import SheetRows, deliver_sheet

MAX_BYTES = 100 * 2**20
MAX_UNPACKED_BYTES = 300 * 2**20
MAX_CELLS = 5_000_000
PIECE_BYTES = 2**20
KEPT_BYTES = 256
LOCAL_HEADER = struct.Struct("<26xHH")
CELL_PLACE = re.compile(rb"""\br\s*=\s*["']([A-Za-z]{0,8})(\d+)["']""")
ROW_OR_UNPLACED_CELL = re.compile(rb"<(?:[\w.-]+:)?(?:(row)[\s/>]|c[\s/>](?![^>]*\br\s*=))")
ERROR_CELL = re.compile(rb"""(<(?:[\w.-]+:)?c\s[^>]*?\bt\s*=\s*["'])e(?=["'])""")
SHARED_TEXT = re.compile(rb"<(?:[\w.-]+:)?si[\s/>]")
SHARED_CELL = re.compile(rb"""\bt\s*=\s*["']s["']""")
SHARED_NUMBER = re.compile(
    rb"""\bt\s*=\s*["']s["'][^>]*>(?:(?!<(?:[\w.-]+:)?c[\s/>]).)*?<(?:[\w.-]+:)?v>\s*(\d+)""", re.DOTALL
)


def open_workbook(path: Path) -> CalamineWorkbook:
    """The workbook, once it is known not to fill the memory. Raises ``FileRefused``."""
    if path.stat().st_size > MAX_BYTES:
        raise FileRefused(f"It is larger than {MAX_BYTES >> 20} MB. Split the extract, or send it as CSV.")
    try:
        if path.suffix.lower() != ".xls" and _check_unpacked(path):
            return CalamineWorkbook.from_filelike(_with_errors_as_text(path))
        return CalamineWorkbook.from_path(path)
    except (CalamineError, BadZipFile, zlib.error, OSError, ValueError, RuntimeError):
        raise FileRefused(
            "It cannot be opened as a workbook: it is damaged, protected by a password, or not one. Open it in Excel "
            "and save it as .xlsx."
        ) from None


@dataclass
class _Part:
    """What a part of a workbook holds, by its text alone: its size, its furthest cell, its shared texts.

    ``shared_texts`` are where the texts kept once for many cells begin; ``shared_cells`` counts the cells that hold
    one. ``has_errors`` says that a cell holds an error such as #N/A.
    """

    size: int = 0
    width: int = 1
    height: int = 1
    shared_cells: int = 0
    has_errors: bool = False
    shared_texts: array[int] = field(default_factory=lambda: array("q"))
    _cells_in_row: int = 0

    def look(self, piece: bytes, kept: bytes) -> None:
        """Looks through one more piece; ``kept`` is the end of the piece before, for what stands across the two."""
        text, seen = kept + piece, len(kept)
        for letters, number in {(match[1], match[2]) for match in CELL_PLACE.finditer(text)}:
            self.width, self.height = max(self.width, _column(letters)), max(self.height, int(number[-12:]))
        for match in ROW_OR_UNPLACED_CELL.finditer(text):
            if match.end() > seen:
                self._cells_in_row = 0 if match[1] else self._cells_in_row + 1
                self.width = max(self.width, self._cells_in_row)
        self.shared_cells += sum(1 for match in SHARED_CELL.finditer(text) if match.end() > seen)
        self.has_errors = self.has_errors or ERROR_CELL.search(text) is not None
        begin = self.size - seen
        self.shared_texts.extend(begin + m.start() for m in SHARED_TEXT.finditer(text) if m.end() > seen)
        self.size += len(piece)

    def lengths(self) -> list[int]:
        """How long each shared text is at most."""
        return [end - start for start, end in itertools.pairwise([*self.shared_texts, self.size])]


def _check_unpacked(path: Path) -> bool:
    """Refuses a workbook that would fill the memory, before it is opened; gives whether a cell holds an error.

    It unpacks to too much; or a lone cell stands far out, for a sheet is held as a full rectangle up to its furthest
    cell; or a long shared text stands in very many cells, each of which gets a copy. Every part is looked through,
    for a part's name need not say what it holds.
    """
    looked: list[_Part] = []
    with ZipFile(path) as packed, path.open("rb") as handle:
        parts = packed.infolist()
        for entry in parts:
            part = _Part()
            looked.append(part)
            for piece, kept in _unpacked(handle, entry):
                part.look(piece, kept)
                if sum(part.size for part in looked) > MAX_UNPACKED_BYTES:
                    raise FileRefused(
                        f"It unpacks to more than {MAX_UNPACKED_BYTES >> 20} MB. Send the extract as CSV."
                    )
            if part.width * part.height > MAX_CELLS:
                raise FileRefused(
                    f"A sheet reaches to row {part.height:,}, column {part.width:,}, more than {MAX_CELLS:,} cells. "
                    "Delete the empty rows and columns past the data, or send the extract as CSV."
                )
        lengths = [length for part in looked for length in part.lengths()]
        most = max(lengths, default=0) * sum(part.shared_cells for part in looked)
        # The exact sum takes as long again, so it is made only where the rough one may be too much.
        if most > MAX_UNPACKED_BYTES and _shared_text(handle, parts, lengths) > MAX_UNPACKED_BYTES:
            raise FileRefused(
                f"Its cells hold more than {MAX_UNPACKED_BYTES >> 20} MB of text. Send the extract as CSV."
            )
    return any(part.has_errors for part in looked)


def _with_errors_as_text(path: Path) -> BinaryIO:
    """The workbook with its errors as texts, for the library reads an error as an empty cell."""
    written = BytesIO()
    with (
        ZipFile(path) as packed,
        path.open("rb") as handle,
        ZipFile(written, "w", ZIP_DEFLATED, compresslevel=1) as copy,
    ):
        for part in packed.infolist():
            content = b"".join(piece for piece, _ in _unpacked(handle, part))
            copy.writestr(part.filename, ERROR_CELL.sub(rb"\1str", content))
    written.seek(0)
    return written


def _unpacked(handle: BinaryIO, part: ZipInfo) -> Iterator[tuple[bytes, bytes]]:
    """What a part really unpacks to, whatever size the archive declares: each piece with the end of the one before."""
    if part.compress_type not in (ZIP_STORED, ZIP_DEFLATED) or part.flag_bits & 1:
        raise BadZipFile
    handle.seek(part.header_offset)
    header = handle.read(LOCAL_HEADER.size)
    if len(header) < LOCAL_HEADER.size:
        raise BadZipFile
    handle.seek(sum(LOCAL_HEADER.unpack(header)), 1)
    left, kept = part.compress_size, b""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    while left > 0 and (packed := handle.read(min(left, PIECE_BYTES))):
        left -= len(packed)
        while packed:
            piece = packed if part.compress_type == ZIP_STORED else inflater.decompress(packed, PIECE_BYTES)
            yield piece, kept
            kept = (kept + piece)[-KEPT_BYTES:]
            packed = inflater.unconsumed_tail
    yield inflater.flush(), kept


def _column(letters: bytes) -> int:
    """The number of a column, from 1, by its letters."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number


def _shared_text(handle: BinaryIO, parts: list[ZipInfo], lengths: list[int]) -> int:
    """The bytes that shared texts of these lengths come to when each cell has its own copy."""
    return sum(
        lengths[number]
        for part in parts
        for piece, kept in _unpacked(handle, part)
        for match in SHARED_NUMBER.finditer(kept + piece)
        if match.end() > len(kept) and (number := int(match[1][-9:])) < len(lengths)
    )


def sheet_names(
    workbook: CalamineWorkbook, contract: ExtractContract, source: SourceConfiguration, name: str
) -> list[str]:
    """The visible sheets that hold data: any named after a table or headed like one; the only one, whatever it is.

    Empty sheets and notes are passed over. Raises ``FileRefused`` where no sheet can be read as a table.
    """
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


def read_sheet(
    workbook: CalamineWorkbook, name: str, sheet: str, contract: ExtractContract, source: SourceConfiguration
) -> Delivered:
    """The table on one sheet of the workbook; raises ``FileRefused``."""
    found = _get(workbook, sheet)
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
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    if isinstance(value, datetime) and value.time() == time():
        value = value.date()
    return value.isoformat() if isinstance(value, date | time) else str(value)
