"""What a CSV file and a spreadsheet share: rows of cells, below a header that must be found first."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from connectors.configuration import SourceConfiguration
from connectors.contract import ExtractContract, normalised_heading
from connectors.headings import HEADER_WITHIN_ROWS, HeaderMatch, find_header
from connectors.readers import Delivered, TableShape

TOTAL_WORDS = frozenset(
    {"total", "totals", "grandtotal", "subtotal", "sum", "count", "rowcount", "recordcount", "totalrecords"}
)
TOTAL_BEGINNINGS = ("total", "grandtotal", "subtotal", "numberof", "countof", "endof")
# What the first cell of such a row may begin with: a letter of those words, a digit, a bracket or a blank.
TOTAL_LETTERS = frozenset("TtGgSsCcRrNnEe0123456789 \t\n\r\"'*-=([\N{NO-BREAK SPACE}")
# The same for texts in a column, as a pattern: what may be a total's first cell, or that of an empty row. No text that
# it leaves out is one; of those it takes, most are none.
BETWEEN_LETTERS = "[^A-Za-z]*"
MAY_BE_NO_RECORD = "|".join(
    [
        "^$",
        "^[^!-~]",
        r"[^\x00-\x7f]",
        *(f"(?i:^{BETWEEN_LETTERS}{BETWEEN_LETTERS.join(word)})" for word in sorted({*TOTAL_WORDS, *TOTAL_BEGINNINGS})),
    ]
)
FIGURE = re.compile(r"[-+]?£?\s*\d[\d,]*(\.\d+)?\s*%?")


_Reasons = dict[int, tuple[str, str, str]]
"""Why rows of a batch are no rows of the table, by their index: the reason, the problem's name, the raw text."""


@dataclass(frozen=True)
class SheetRows:
    """Consecutive rows, the first of which is row ``first`` (from 1); ``broken`` are those that were cut."""

    first: int
    rows: list[list[str]]
    broken: frozenset[int] = frozenset()


@dataclass(frozen=True)
class PlainRows:
    """Consecutive rows as columns of text, the first of which is row ``first`` (from 1).

    ``columns`` are those of all rows but the ``others``, which are of another width, by their place (from 0).
    """

    first: int
    columns: list[pa.Array]
    others: dict[int, list[str]]

    @property
    def count(self) -> int:
        """How many rows there are."""
        return len(self.columns[0]) + len(self.others)

    @property
    def places(self) -> NDArray[np.int64]:
        """The place (from 0) of each row that stands in the columns."""
        return np.delete(np.arange(self.count), sorted(self.others))

    @property
    def rows(self) -> list[list[str]]:
        """Every row."""
        rows = [list(cells) for cells in zip(*(column.to_pylist() for column in self.columns), strict=True)]
        for place, cells in sorted(self.others.items()):
            rows.insert(place, cells)
        return rows

    @property
    def broken(self) -> frozenset[int]:
        """The rows that were cut: none."""
        return frozenset()


@dataclass
class _Pending:
    """Rows on their way into one batch."""

    cells: list[Sequence[str | None]] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    reasons: _Reasons = field(default_factory=dict)


def deliver_sheet(
    contract: ExtractContract, source: SourceConfiguration, name: str, chunks: Iterator[SheetRows | PlainRows]
) -> Delivered:
    """Finds the header within the first rows and yields the rows below it. Raises ``FileRefused``.

    Rows above the header are titles, and empty rows are nothing; neither is counted. A repeated header and a
    total row are counted and set apart as ``not_a_record``; a row with too few or too many cells, or cut
    within a quotation, as ``ragged_row``.
    """
    first: list[SheetRows | PlainRows] = []
    while sum(len(chunk.rows) for chunk in first) < HEADER_WITHIN_ROWS and (chunk := next(chunks, None)):
        first.append(chunk)
    header = find_header(contract, source, name, [cells for chunk in first for cells in chunk.rows])
    table = contract.tables[header.table]
    shape = TableShape(
        header.table,
        headings={column: header.cells[header.positions[column]].strip() for column in header.positions}
        | {column: f"{column} of send.yml" for column in header.given},
        missing=tuple(c for c in table.columns if c not in header.positions and c not in header.given),
        extra=header.extra,
    )
    needed = [header.positions[column] for column in table.needed if column in header.positions]
    below = _RowsBelow(shape, header, needed)
    return Delivered((shape,), ((header.table, batch) for batch in below.batches(itertools.chain(first, chunks))))


class _RowsBelow:
    """Makes a table's batches of the rows below its header."""

    def __init__(self, shape: TableShape, header: HeaderMatch, needed: list[int]) -> None:
        self._shape = shape
        self._header = header
        self._needed = needed
        self._width = len(header.cells)
        self._repeated = [normalised_heading(cell) for cell in header.cells]
        self._pending = _Pending()
        self._held: tuple[int, list[str], bool] | None = None

    def batches(self, chunks: Iterator[SheetRows | PlainRows]) -> Iterator[pa.RecordBatch]:
        """The batches. The last row is held back until it is known to be the last, for then it may be a total."""
        header_row = self._header.index + 1
        for chunk in chunks:
            if isinstance(chunk, PlainRows) and len(chunk.columns) == self._width and chunk.first > header_row:
                yield from self._of_plain(chunk)
                continue
            yield from self._made()
            for row, cells in enumerate(chunk.rows, start=chunk.first):
                if row <= header_row or _is_empty(cells):
                    continue
                self._let_go(is_last=False)
                self._held = (row, cells, row in chunk.broken)
        self._let_go(is_last=True)
        yield from self._made()

    def _let_go(self, *, is_last: bool) -> None:
        if self._held is None:
            return
        row, cells, is_broken = self._held
        cells = self._trimmed(cells)
        problem = self._problem(cells, is_broken=is_broken, is_last=is_last)
        if problem:
            self._pending.reasons[len(self._pending.rows)] = (*problem, _raw(self._header.cells, cells))
        self._pending.cells.append([None] * self._width if problem else cells)
        self._pending.rows.append(row)
        self._held = None

    def _made(self) -> Iterator[pa.RecordBatch]:
        pending, self._pending = self._pending, _Pending()
        if pending.rows:
            columns = [pa.array(column, pa.string()) for column in zip(*pending.cells, strict=True)]
            yield self._batch(columns, pending.rows, pending.reasons)

    def _trimmed(self, cells: list[str]) -> list[str]:
        """The row without empty cells past the header."""
        return cells[: self._width] if len(cells) > self._width and not any(cells[self._width :]) else cells

    def _problem(self, cells: list[str], *, is_broken: bool, is_last: bool) -> tuple[str, str] | None:
        """Why a row that is not empty is no row of the table, and the problem's name; None where it is one."""
        if _is_total(cells, self._needed, is_last=is_last):
            return "total row", "not_a_record"
        if is_broken:
            return "the row is cut within a quotation", "ragged_row"
        if len(cells) != self._width:
            return f"the row has {len(cells)} cells where the header has {self._width}", "ragged_row"
        if cells[0] == self._header.cells[0] and [normalised_heading(cell) for cell in cells] == self._repeated:
            return "repeated header row", "not_a_record"
        return None

    def _of_plain(self, chunk: PlainRows) -> Iterator[pa.RecordBatch]:
        """The batch of plain rows, of which only those that may be no record are looked at one by one."""
        places = chunk.places
        blank, doubtful = self._doubtful(chunk)
        texts = zip(*(column.take(pa.array(doubtful)).to_pylist() for column in chunk.columns), strict=True)
        asked = dict(zip(places[doubtful].tolist(), map(list, texts), strict=True)) | {
            place: self._trimmed(cells) for place, cells in chunk.others.items()
        }
        # where each row's cells come from: its place in the columns, behind them for a trimmed one, -1 for none
        origins = np.full(chunk.count, -1)
        origins[places] = np.arange(len(places))
        is_row = np.ones(chunk.count, bool)
        is_row[places[blank]] = False
        is_row[[place for place, cells in asked.items() if _is_empty(cells)]] = False
        if not is_row.any():
            return
        self._let_go(is_last=False)
        yield from self._made()
        last = int(np.flatnonzero(is_row)[-1])
        if last in asked and _is_total(asked[last], self._needed, is_last=True):
            self._held = (chunk.first + last, asked[last], False)
            is_row[last] = False
        trimmed: list[list[str]] = []
        reasons: _Reasons = {}
        standing = np.cumsum(is_row) - 1
        for place, cells in asked.items():
            if not is_row[place]:
                continue
            problem = self._problem(cells, is_broken=False, is_last=False)
            if problem:
                reasons[int(standing[place])] = (*problem, _raw(self._header.cells, cells))
                origins[place] = -1
            elif place in chunk.others:
                origins[place] = len(places) + len(trimmed)
                trimmed.append(cells)
        columns = chunk.columns
        if reasons or chunk.others or not is_row.all():
            added = zip(*trimmed, strict=True) if trimmed else itertools.repeat([], self._width)
            kept = origins[is_row]
            index = pa.array(kept, mask=kept < 0)
            columns = [
                pa.concat_arrays([column, pa.array(cells, pa.string())]).take(index)
                for column, cells in zip(columns, added, strict=True)
            ]
        yield self._batch(columns, chunk.first + np.flatnonzero(is_row), reasons)

    def _doubtful(self, chunk: PlainRows) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The rows in the columns without any text; and those that may be empty, a total or a repeated header."""
        first = chunk.columns[0]
        is_header = _true(pc.equal(first, self._header.cells[0]))
        found = np.flatnonzero(_true(pc.match_substring_regex(first, MAY_BE_NO_RECORD)) | is_header)
        at = pa.array(found)
        filled, texts = np.zeros(len(found), int), np.zeros(len(found), int)
        for column in chunk.columns if len(found) else []:
            cells = column.take(at)
            texts += _true(pc.not_equal(cells, ""))
            filled += _true(pc.match_substring_regex(cells, "[!-~]"))
        is_sparse = filled <= _most_of_a_total(self._width)
        return found[texts == 0], found[(texts > 0) & (is_sparse | is_header[found])]

    def _batch(
        self, columns: Sequence[pa.Array], rows: Sequence[int] | NDArray[np.int64], reasons: _Reasons
    ) -> pa.RecordBatch:
        positions, given = self._header.positions, self._header.given
        arrays = [
            columns[positions[name]] if name in positions else pa.repeat(pa.scalar(given[name], pa.string()), len(rows))
            for name in self._shape.headings
        ]
        set_apart: list[pa.Array] = [pa.nulls(len(rows), pa.string()) for _ in range(3)]
        if reasons:
            told = [reasons.get(index, (None, None, None)) for index in range(len(rows))]
            set_apart = [pa.array(values, pa.string()) for values in zip(*told, strict=True)]
        return pa.RecordBatch.from_arrays([*arrays, pa.array(rows, pa.int64()), *set_apart], schema=self._shape.schema)


def _true(found: pa.BooleanArray) -> NDArray[np.bool_]:
    told: NDArray[np.bool_] = found.to_numpy(zero_copy_only=False)
    return told


def _is_empty(cells: Sequence[str]) -> bool:
    return not "".join(cells).strip()


def _is_total(cells: list[str], needed: Sequence[int], *, is_last: bool) -> bool:
    """A row such as ``Total, , ,2500``: it begins with that word, most of it is empty, and the rest are figures.

    The last row may close with other words too. A longer text such as ``Total number of children`` makes a total only
    of a row that lacks what a record needs.
    """
    # Millions of rows come by: most are known by their first letter to be none.
    if cells[0] and cells[0][0] not in TOTAL_LETTERS:
        return False
    first = next(cell for cell in cells if cell.strip())
    word = normalised_heading("".join(character for character in first if not character.isdigit()))
    if not word.startswith(TOTAL_BEGINNINGS) and word not in TOTAL_WORDS:
        return False
    others = [cell.strip() for cell in cells if cell.strip()][1:]
    if len(others) >= _most_of_a_total(len(cells)):
        return False
    is_of_figures = all(FIGURE.fullmatch(cell) for cell in others)
    if word in TOTAL_WORDS:
        return is_last or is_of_figures
    return is_of_figures and any(position >= len(cells) or not cells[position].strip() for position in needed)


def _most_of_a_total(width: int) -> int:
    """How many cells of a row have text at most where it is a total."""
    return max(2, width // 2)


def _raw(headings: Sequence[str], cells: Sequence[str]) -> str:
    """The row's text as a JSON object; cells past the header, or below a heading used before, by their place."""
    named: dict[str, str] = {}
    for position, cell in enumerate(cells):
        heading = headings[position].strip() if position < len(headings) else ""
        named[heading if heading and heading not in named else f"(cell {position + 1})"] = cell
    return json.dumps(named, ensure_ascii=False)
