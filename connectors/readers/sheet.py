"""What a CSV file and a spreadsheet share: rows of cells, below a header that must be found first."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

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
FIGURE = re.compile(r"[-+]?£?\s*\d[\d,]*(\.\d+)?\s*%?")


@dataclass(frozen=True)
class SheetRows:
    """Consecutive rows, the first of which is row ``first`` (from 1); ``broken`` are those that were cut."""

    first: int
    rows: list[list[str]]
    broken: frozenset[int] = frozenset()


@dataclass
class _Pending:
    """Rows on their way into one batch."""

    cells: list[Sequence[str | None]] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    reasons: dict[int, tuple[str, str, str]] = field(default_factory=dict)


def deliver_sheet(
    contract: ExtractContract, source: SourceConfiguration, name: str, chunks: Iterator[SheetRows]
) -> Delivered:
    """Finds the header within the first rows and yields the rows below it. Raises ``FileRefused``.

    Rows above the header are titles, and empty rows are nothing; neither is counted. A repeated header and a
    total row are counted and set apart as ``not_a_record``; a row with too few or too many cells, or cut
    within a quotation, as ``ragged_row``.
    """
    first: list[SheetRows] = []
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
    header_row = header.index + 1
    needed = [header.positions[column] for column in table.needed if column in header.positions]
    batches = _batches(shape, header, header_row, needed, itertools.chain(first, chunks))
    return Delivered((shape,), ((header.table, batch) for batch in batches))


def _batches(
    shape: TableShape, header: HeaderMatch, header_row: int, needed: list[int], chunks: Iterator[SheetRows]
) -> Iterator[pa.RecordBatch]:
    width = len(header.cells)
    nothing: list[None] = [None] * width
    repeated = [normalised_heading(cell) for cell in header.cells]
    held: tuple[int, list[str], bool] | None = None

    def add(pending: _Pending, row: int, cells: list[str], is_broken: bool, is_last: bool) -> None:
        if len(cells) > width and not any(cells[width:]):
            cells = cells[:width]
        problem = None
        if _is_total(cells, needed, is_last=is_last):
            problem = ("total row", "not_a_record")
        elif is_broken:
            problem = ("the row is cut within a quotation", "ragged_row")
        elif len(cells) != width:
            problem = (f"the row has {len(cells)} cells where the header has {width}", "ragged_row")
        elif cells[0] == header.cells[0] and [normalised_heading(cell) for cell in cells] == repeated:
            problem = ("repeated header row", "not_a_record")
        if problem:
            pending.reasons[len(pending.rows)] = (*problem, _raw(header.cells, cells))
        pending.cells.append(nothing if problem else cells)
        pending.rows.append(row)

    pending = _Pending()
    for chunk in chunks:
        if pending.rows:
            yield _batch(shape, header, pending)
            pending = _Pending()
        for row, cells in enumerate(chunk.rows, start=chunk.first):
            if row <= header_row or not "".join(cells).strip():
                continue
            if held is not None:
                add(pending, *held, is_last=False)
            held = (row, cells, row in chunk.broken)
    if held is not None:
        add(pending, *held, is_last=True)
    if pending.rows:
        yield _batch(shape, header, pending)


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
    if len(others) >= max(2, len(cells) // 2):
        return False
    is_of_figures = all(FIGURE.fullmatch(cell) for cell in others)
    if word in TOTAL_WORDS:
        return is_last or is_of_figures
    return is_of_figures and any(position >= len(cells) or not cells[position].strip() for position in needed)


def _raw(headings: Sequence[str], cells: Sequence[str]) -> str:
    """The row's text as a JSON object; cells past the header, or below a heading used before, by their place."""
    named: dict[str, str] = {}
    for position, cell in enumerate(cells):
        heading = headings[position].strip() if position < len(headings) else ""
        named[heading if heading and heading not in named else f"(cell {position + 1})"] = cell
    return json.dumps(named, ensure_ascii=False)


def _batch(shape: TableShape, header: HeaderMatch, pending: _Pending) -> pa.RecordBatch:
    columns = list(zip(*pending.cells, strict=True))
    rows = len(pending.rows)
    arrays = [
        pa.array(
            columns[header.positions[name]] if name in header.positions else [header.given[name]] * rows, pa.string()
        )
        for name in shape.headings
    ]
    set_apart: list[pa.Array] = [pa.nulls(len(pending.rows), pa.string()) for _ in range(3)]
    if pending.reasons:
        told = [pending.reasons.get(index, (None, None, None)) for index in range(len(pending.rows))]
        set_apart = [pa.array(values, pa.string()) for values in zip(*told, strict=True)]
    return pa.RecordBatch.from_arrays([*arrays, pa.array(pending.rows, pa.int64()), *set_apart], schema=shape.schema)
