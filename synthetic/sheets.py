"""A file of a further extract, held by columns: written as CSV or as a workbook, with the faults planted in it.

Where ``records`` holds the case system row by row, so that faults can be planted anywhere, the extracts here are
larger and have few faults: their columns stay in Arrow from the draw of chance to the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xlsxwriter

from connectors.contract import Table, read_contract
from connectors.typing_rules import identifier, literal
from synthetic.days import EPOCH
from synthetic.identifiers import IntArray, Texts

NOBODY = -1
MADE_AT = datetime(2026, 1, 1)


def day_column(days: IntArray) -> pa.Array:
    """Days, none where the ordinal is nought."""
    return pa.array((days - EPOCH).astype(np.int32), mask=days == 0).cast(pa.date32())


def text_column(texts: Texts | Sequence[str]) -> pa.Array:
    """Texts, none where they are empty."""
    held = pa.array(texts, pa.string())
    return pc.if_else(pc.equal(held, ""), pa.scalar(None, pa.string()), held)


def flag_column(flags: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> pa.Array:
    """Yes and No, as people write them."""
    return pc.if_else(pa.array(flags), "Yes", "No")


def same_column(text: str, count: int) -> pa.Array:
    """The same text in every row."""
    return pa.repeat(pa.scalar(text), count)


@dataclass
class Sheet:
    """The rows of one file by the contract's columns, and the person of each (a position in ``People``, or none).

    ``headings`` are the file's own where they differ from the contract's; ``title`` makes it a workbook with those
    lines above the header; ``has_total`` puts a total row below the last. ``corrections`` (by row and column) and
    ``repeats`` (of a row, with other texts) are the faults.
    """

    extract: str
    table: str
    file: str
    person: IntArray
    columns: dict[str, pa.Array]
    headings: dict[str, str] = field(default_factory=dict)
    day_format: str = "%Y-%m-%d"
    title: tuple[str, ...] = ()
    has_total: bool = False
    corrections: dict[tuple[int, str], str] = field(default_factory=dict)
    repeats: list[tuple[int, dict[str, str]]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.person)

    @property
    def contract(self) -> Table:
        """The contract of its table."""
        return read_contract(self.extract).tables[self.table]

    @property
    def landed_file(self) -> str:
        """The file as the landing names it: with the sheet, for a workbook."""
        return f"{self.file}#{self.sheet_name}" if self.title else self.file

    @property
    def sheet_name(self) -> str:
        """The name of the workbook's sheet."""
        return self.table.capitalize()

    @property
    def first_row(self) -> int:
        """The row that the first record stands in, counted as a person does."""
        return len(self.title) + 2

    def heading(self, column: str) -> str:
        """How the file heads a column."""
        return self.headings.get(column) or self.contract.columns[column].heading or column

    def record_ids(self, rows: IntArray) -> pa.Array:
        """The keys of some rows, as the landing joins them."""
        at = pa.array(rows)
        parts = [self.columns[name].take(at).cast(pa.string()) for name in self.contract.key]
        return parts[0] if len(parts) == 1 else pc.binary_join_element_wise(*parts, "|")

    def text(self, row: int, column: str) -> str:
        """One cell as it is written."""
        value = self.columns[column][row].as_py()
        if value is None:
            return ""
        return str(value.strftime(self.day_format)) if hasattr(value, "strftime") else str(value)

    @property
    def order(self) -> IntArray:
        """Which row each row of the file is of: all in turn, then those that stand in it twice."""
        return np.concatenate([np.arange(len(self)), np.array([row for row, _ in self.repeats], dtype=np.int64)])

    def record_id(self, row: int) -> str:
        """The key of one row."""
        return str(self.record_ids(np.array([row]))[0])

    def as_written(self) -> pa.Table:
        """All rows with the faults in them, under the file's headings."""
        columns = dict(self.columns)
        for name in {column for _, column in self.corrections} | {c for _, texts in self.repeats for c in texts}:
            columns[name] = self._as_text(columns[name])
        table = pa.table({self.heading(name): column for name, column in columns.items()})
        if not (self.corrections or self.repeats):
            return table
        table = table.take(pa.array(self.order))
        for number, name in enumerate(columns):
            changed = {row: text for (row, column), text in self.corrections.items() if column == name}
            changed |= {len(self) + at: texts[name] for at, (_, texts) in enumerate(self.repeats) if name in texts}
            if changed:
                texts = table.column(number).to_pylist()
                for row, text in changed.items():
                    texts[row] = text or None
                table = table.set_column(number, table.field(number), pa.array(texts, pa.string()))
        return table

    def _as_text(self, column: pa.Array) -> pa.Array:
        return pc.strftime(column, self.day_format) if pa.types.is_date(column.type) else column.cast(pa.string())


def write_sheets(folder: Path, sheets: Sequence[Sheet]) -> None:
    """Writes every file below ``folder/<extract>``: the same sheets, the same bytes."""
    with duckdb.connect(config={"threads": "1"}) as connection:
        for sheet in sheets:
            path = folder / sheet.extract / sheet.file
            path.parent.mkdir(parents=True, exist_ok=True)
            if sheet.title:
                _write_workbook(path, sheet)
                continue
            written = sheet.as_written()
            connection.register("written", written)
            columns = ", ".join(identifier(name) for name in written.column_names)
            connection.execute(
                f"copy (select {columns} from written) to {literal(str(path))} "
                f"(format csv, header true, dateformat {literal(sheet.day_format)})"
            )
            connection.unregister("written")


def _write_workbook(path: Path, sheet: Sheet) -> None:
    written = sheet.as_written()
    with xlsxwriter.Workbook(str(path), {"constant_memory": True, "default_date_format": "dd/mm/yyyy"}) as workbook:
        workbook.set_properties({"created": MADE_AT})
        page = workbook.add_worksheet(sheet.sheet_name)
        for row, line in enumerate(sheet.title):
            page.write_string(row, 0, line)
        page.write_row(len(sheet.title), 0, written.column_names)
        row = sheet.first_row - 1
        for batch in written.to_batches(max_chunksize=10_000):
            for cells in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                _write_cells(page, row, cells)
                row += 1
        if sheet.has_total:
            page.write_row(row, 0, ["Total", row - sheet.first_row + 1])


def _write_cells(page: Any, row: int, cells: Sequence[Any]) -> None:
    for column, cell in enumerate(cells):
        if cell is None:
            continue
        if isinstance(cell, str):
            page.write_string(row, column, cell)
        else:
            page.write(row, column, cell)
