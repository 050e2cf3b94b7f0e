"""Reads CSV files: any of the encodings, separators and accidents that council systems and Excel produce."""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterator
from io import TextIOWrapper
from pathlib import Path

import pyarrow as pa
from pyarrow import csv as arrow_csv

from connectors.configuration import SourceConfiguration
from connectors.contract import ExtractContract
from connectors.errors import FileRefused
from connectors.headings import HEADER_WITHIN_ROWS, best_matches
from connectors.readers import BATCH_CELLS, Delivered
from connectors.readers.sheet import PlainRows, SheetRows, deliver_sheet

MAX_BYTES = 2**30
MAX_LINE_CHARACTERS = 2**22
MAX_LINES_IN_A_CELL = 200
WIDTH_OF_A_ROW = 4
SEPARATORS = (",", ";", "\t", "|")
BATCH_CHARACTERS = 2**24
# The first block is read line by line, to find the header; each of those below is text enough to read at once.
FIRST_BLOCK_CHARACTERS = 2**16
BLOCK_CHARACTERS = 2**20
# More rows than one in so many that are not as wide as the others make a block that is not plain.
ONE_ROW_OF_ANOTHER_WIDTH_IN = 4
MAX_COLUMNS = 16_384
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

QUOTED_CELL = {
    separator: re.compile(
        rf""""(?<![^{re.escape(separator)}\n]")[^"\r\n]*+(?:""[^"\r\n]*+)*+"(?![^{re.escape(separator)}\r\n])"""
    )
    for separator in SEPARATORS
}
"""A cell of one line within quotation marks: what stands before and behind it ends a cell or a line."""

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
    rows = _Rows(_blocks(path, encoding, errors), separator)
    return deliver_sheet(contract, source, name, rows.chunks())


def _blocks(path: Path, encoding: str, errors: str) -> Iterator[str]:
    """The file's text in blocks of whole lines."""
    with TextIOWrapper(path.open("rb"), encoding=encoding, errors=errors, newline="") as handle:
        try:
            characters = FIRST_BLOCK_CHARACTERS
            while block := handle.read(characters):
                rest = handle.readline(MAX_LINE_CHARACTERS)
                _check_line(rest)
                yield (block + rest).replace("\0", "\N{REPLACEMENT CHARACTER}")
                characters = BLOCK_CHARACTERS
        except UnicodeDecodeError:
            raise FileRefused(
                f"It is not written in {encoding}, the encoding that send.yml gives. Remove that setting, and the "
                "encoding is found."
            ) from None


def _check_line(line: str) -> None:
    if len(line) >= MAX_LINE_CHARACTERS:
        raise FileRefused("It has a line millions of characters long, so it is not a CSV file.")


def _lines_of(block: str) -> Iterator[str]:
    """A block's lines with their ends, whichever of the three these are."""
    for line in io.StringIO(block, newline=""):
        _check_line(line)
        yield line


def _separator(path: Path, encoding: str, name: str, contract: ExtractContract, source: SourceConfiguration) -> str:
    """The separator under which the first rows look most like a header; a comma where none does."""
    lines = (line for block in _blocks(path, encoding, "replace") for line in _lines_of(block))
    sample = list(itertools.islice(lines, HEADER_WITHIN_ROWS))
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


def _is_plain(block: str, separator: str) -> bool:
    """Whether every line of a block is a row by itself, its quotation marks around whole cells or absent."""
    if len(block) >= MAX_LINE_CHARACTERS or block.startswith("\N{ZERO WIDTH NO-BREAK SPACE}"):  # Arrow drops the mark
        return False
    if "\r" in block and block.count("\r") != block.count("\r\n"):
        return False
    return '"' not in block or '"' not in QUOTED_CELL[separator].sub("", block)


class _Rows:
    """A CSV file's rows: those of plain blocks at once, those of others line by line, with the same outcome."""

    def __init__(self, blocks: Iterator[str], separator: str) -> None:
        self._blocks = blocks
        self._separator = separator
        self._next = 1
        self._width = 0
        self._widths: set[int] = set()

    def chunks(self) -> Iterator[SheetRows | PlainRows]:
        """The rows in their order."""
        for block in self._blocks:
            plain = self._plain(block)
            if plain is None:
                yield from self._line_by_line(block)
            else:
                yield plain

    def _plain(self, block: str) -> PlainRows | None:
        """The rows of a plain block below the header; None where it has to be read line by line."""
        if self._next <= HEADER_WITHIN_ROWS or self._width < 2 or not _is_plain(block, self._separator):
            return None
        rows = block.count("\n") + (not block.endswith("\n"))
        others: dict[int, list[str]] = {}

        def set_aside(row: arrow_csv.InvalidRow) -> str:
            others[row.number - 1] = _cells(row.text, self._separator)
            return "skip" if len(others) * ONE_ROW_OF_ANOTHER_WIDTH_IN <= rows else "error"

        try:
            columns = _columns(block, self._separator, self._width, set_aside)
        except (pa.ArrowInvalid, UnicodeEncodeError):  # too many of another width; half of a surrogate pair
            return None
        plain = PlainRows(self._next, columns, others)
        if plain.count != rows:  # Arrow and we do not take the same for a line: ours stands
            return None
        self._next += rows
        self._widths |= {self._width, *(len(cells) for cells in others.values())}
        if block[0] in "\r\n" or "\n\n" in block or "\n\r" in block:  # an empty line is a row without cells
            self._widths.add(0)
        return plain

    def _line_by_line(self, block: str) -> Iterator[SheetRows]:
        """The rows of a block. A row runs over several lines, and blocks, while its quotation marks are odd in number.

        Where they stay odd to the end, or for more lines than any cell has, the first line alone is taken for broken
        and reading resumes below it: one stray mark costs one row and never swallows the file.
        """
        characters = 0
        rows: list[list[str]] = []
        broken: set[int] = set()
        lines = _lines_of(block)
        waiting: list[str] = []
        returned: list[str] = []
        while True:
            line = returned.pop() if returned else next(lines, None)
            while line is None and waiting and (further := next(self._blocks, None)) is not None:
                lines = _lines_of(further)
                line = next(lines, None)
            is_odd = line is not None and line.count('"') % 2 == 1
            if line is not None and not waiting and not (is_odd and not _is_closed(line, self._separator)):
                rows.append(_cells(line, self._separator))
                self._widths.add(len(rows[-1]))
            elif line is not None:
                waiting.append(line)
            if len(waiting) > 1 and is_odd and (whole := _rows_of(waiting, self._separator, self._widths)) is not None:
                rows += whole
                waiting = []
            elif waiting and (line is None or _is_too_long(waiting) or (len(waiting) > 1 and is_odd)):
                broken.add(self._next + len(rows))
                rows.append(_cells(waiting[0], self._separator))
                returned += reversed(waiting[1:])
                waiting = []
                continue
            characters += len(line or "")
            if rows and (line is None or len(rows) * len(rows[-1]) >= BATCH_CELLS or characters >= BATCH_CHARACTERS):
                ((self._width, _),) = Counter(len(row) for row in rows).most_common(1)
                yield SheetRows(self._next, rows, frozenset(broken))
                self._next, rows, broken, characters = self._next + len(rows), [], set(), 0
            if line is None:
                return


def _columns(
    block: str, separator: str, width: int, set_aside: Callable[[arrow_csv.InvalidRow], str]
) -> list[pa.Array]:
    """The cells of a plain block's rows of that width, column by column; ``set_aside`` is told the other rows."""
    names = [str(position) for position in range(width)]
    text = block.encode()
    table = arrow_csv.read_csv(
        pa.py_buffer(text),
        read_options=arrow_csv.ReadOptions(use_threads=False, block_size=len(text) + 1, column_names=names),
        parse_options=arrow_csv.ParseOptions(
            delimiter=separator, invalid_row_handler=set_aside, ignore_empty_lines=False
        ),
        convert_options=arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
        ),
    )
    return [column.combine_chunks() for column in table.columns]
