"""Reads CSV files: any of the encodings, separators and accidents that council systems and Excel produce."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path

from connectors.configuration import SourceConfiguration
from connectors.contract import ExtractContract
from connectors.errors import FileRefused
from connectors.headings import HEADER_WITHIN_ROWS, best_matches
from connectors.readers import BATCH_CELLS, Delivered
from connectors.readers.sheet import SheetRows, deliver_sheet

MAX_BYTES = 2**30
MAX_LINE_CHARACTERS = 2**22
MAX_LINES_IN_A_CELL = 200
WIDTH_OF_A_ROW = 4
SEPARATORS = (",", ";", "\t", "|")
BATCH_CHARACTERS = 2**24
MAX_COLUMNS = 16_384
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

csv.field_size_limit(MAX_LINE_CHARACTERS * 2)


def encoding_of(path: Path) -> str:
    """The encoding by byte order mark; else UTF-16 where every other byte is nought; else UTF-8; else Windows-1252."""
    with path.open("rb") as handle:
        start = handle.read(4096)
        for mark, encoding in BYTE_ORDER_MARKS:
            if start.startswith(mark):
                return encoding
        if start and start[1::2].count(0) * 5 > len(start) * 2:
            return "utf-16-le"
        if start and start[0::2].count(0) * 5 > len(start) * 2:
            return "utf-16-be"
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            while start:
                decoder.decode(start)
                start = handle.read(2**20)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "cp1252"
    return "utf-8"


def read_csv(path: Path, name: str, contract: ExtractContract, source: SourceConfiguration) -> Delivered:
    """The one table of a CSV file; ``name`` is its name within the source folder.

    Raises ``FileRefused``, at once or while the batches are read.
    """
    if path.stat().st_size > MAX_BYTES:
        raise FileRefused(f"It is larger than {MAX_BYTES >> 20:,} MB. Split the extract.")
    encoding = source.encoding or encoding_of(path)
    # Windows-1252 leaves five bytes without meaning, and half a file may end within a character: neither may stop
    # the rest from being read, so such a character becomes the replacement character, seen by the checks.
    errors = "strict" if source.encoding else "replace"
    separator = _separator(path, encoding, name, contract, source)
    return deliver_sheet(contract, source, name, _chunks(path, encoding, errors, separator))


def _lines(path: Path, encoding: str, errors: str) -> Iterator[str]:
    with TextIOWrapper(path.open("rb"), encoding=encoding, errors=errors, newline="") as handle:
        try:
            while line := handle.readline(MAX_LINE_CHARACTERS):
                if len(line) == MAX_LINE_CHARACTERS:
                    raise FileRefused("It has a line millions of characters long, so it is not a CSV file.")
                yield line.replace("\0", "\N{REPLACEMENT CHARACTER}") if "\0" in line else line
        except UnicodeDecodeError:
            raise FileRefused(
                f"It is not written in {encoding}, the encoding that send.yml gives. Remove that setting, and the "
                "encoding is found."
            ) from None


def _separator(path: Path, encoding: str, name: str, contract: ExtractContract, source: SourceConfiguration) -> str:
    """The separator under which the first rows look most like a header; a comma where none does."""
    sample = [line for line, _ in zip(_lines(path, encoding, "replace"), range(HEADER_WITHIN_ROWS), strict=False)]
    widest = max((line.count(separator) for line in sample for separator in SEPARATORS), default=0)
    if widest >= MAX_COLUMNS:
        raise FileRefused(f"It has a row of more than {MAX_COLUMNS:,} cells, which no extract has. Ask for it again.")

    def strength(separator: str) -> tuple[bool, int, float]:
        rows = [_cells(line, separator) for line in sample]
        matches = best_matches(contract, source, name, rows)
        return matches[0].strength if matches else (False, 0, 0.0)

    return max(SEPARATORS, key=strength)


def _cells(text: str, separator: str) -> list[str]:
    """The cells of one line on its own, whatever its quotation marks."""
    return next(csv.reader([text.rstrip("\r\n")], delimiter=separator), [])


def _is_closed(line: str, separator: str) -> bool:
    """Whether a line with an odd number of quotation marks is whole: ``5' 6" tall`` is, ``"5, High St`` is not."""
    try:
        next(csv.reader([line.rstrip("\r\n")], delimiter=separator, strict=True), [])
    except csv.Error:
        return False
    return True


def _rows_of(lines: list[str], separator: str, widths: set[int]) -> list[list[str]] | None:
    """The rows of several lines whose quotation marks are even in number together.

    None where two stray marks met, and the lines do not belong together: a row is as wide as no row before it, goes on
    after its closing mark, or most lines between the marks are whole rows themselves.
    """
    try:
        rows = list(csv.reader(lines, delimiter=separator, strict=True))
    except csv.Error:
        return None
    if not all(len(row) in widths for row in rows):
        return None
    width = len(rows[-1])
    whole = sum('"' not in line and len(_cells(line, separator)) == width for line in lines[1:-1])
    return None if width >= WIDTH_OF_A_ROW and whole * 2 > len(lines) - 2 else rows


def _is_too_long(waiting: list[str]) -> bool:
    """Whether these lines are more than any one cell has."""
    return len(waiting) > MAX_LINES_IN_A_CELL or sum(len(line) for line in waiting) > MAX_LINE_CHARACTERS


def _chunks(path: Path, encoding: str, errors: str, separator: str) -> Iterator[SheetRows]:
    """The file's rows. A row runs over several lines while its quotation marks are odd in number.

    Where they stay odd to the end, or for more lines than any cell has, the first line alone is taken for broken
    and reading resumes below it: one stray mark costs one row and never swallows the file.
    """
    first, characters = 1, 0
    rows: list[list[str]] = []
    broken: set[int] = set()
    widths: set[int] = set()
    lines = _lines(path, encoding, errors)
    waiting: list[str] = []
    returned: list[str] = []
    while True:
        line = returned.pop() if returned else next(lines, None)
        is_odd = line is not None and line.count('"') % 2 == 1
        if line is not None and not waiting and not (is_odd and not _is_closed(line, separator)):
            rows.append(_cells(line, separator))
            widths.add(len(rows[-1]))
        elif line is not None:
            waiting.append(line)
        if len(waiting) > 1 and is_odd and (whole := _rows_of(waiting, separator, widths)) is not None:
            rows += whole
            waiting = []
        elif waiting and (line is None or _is_too_long(waiting) or (len(waiting) > 1 and is_odd)):
            broken.add(first + len(rows))
            rows.append(_cells(waiting[0], separator))
            returned += reversed(waiting[1:])
            waiting = []
            continue
        characters += len(line or "")
        if rows and (line is None or len(rows) * len(rows[-1]) >= BATCH_CELLS or characters >= BATCH_CHARACTERS):
            yield SheetRows(first, rows, frozenset(broken))
            first, rows, broken, characters = first + len(rows), [], set(), 0
        if line is None:
            return
