"""One reader a kind of source. Each yields a table's rows as text, column by column, and types nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

BATCH_ROWS = 10_000
BATCH_CELLS = 800_000

# The problem of a row that is furniture of a sheet, such as a total row: it is set apart, and is nobody's fault.
NOT_A_RECORD = "not_a_record"

# What every batch has beside the contract's columns: where the row stands, and for a row that is no row of the
# table why (reason, problem) and its text (raw, a JSON object).
ROW_FIELDS = (
    pa.field("_row", pa.int64()),
    pa.field("_reason", pa.string()),
    pa.field("_problem", pa.string()),
    pa.field("_raw", pa.string()),
)


@dataclass(frozen=True)
class TableShape:
    """How a delivery holds one contract table.

    ``headings`` says for each contract column that is there how the source calls it; ``missing`` are the optional
    columns it lacks and ``extra`` the headings the contract does not know.
    """

    table: str
    headings: dict[str, str]
    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()

    @property
    def schema(self) -> pa.Schema:
        """The schema of this table's batches: its columns as text, then ``ROW_FIELDS``."""
        return pa.schema([*(pa.field(name, pa.string()) for name in self.headings), *ROW_FIELDS])


@dataclass(frozen=True)
class Delivered:
    """What one file, sheet or database table delivers: its tables, and their batches as they are read.

    Reading ``batches`` may raise ``FileRefused``; then nothing of the delivery counts.
    """

    shapes: tuple[TableShape, ...]
    batches: Iterator[tuple[str, pa.RecordBatch]]


def text_batch(shape: TableShape, columns: Sequence[Sequence[str | None]], rows: Sequence[int]) -> pa.RecordBatch:
    """A batch of whole rows: the text of each of the shape's columns, and the row numbers."""
    nothing = pa.nulls(len(rows), pa.string())
    arrays = [pa.array(column, pa.string()) for column in columns]
    return pa.RecordBatch.from_arrays(
        [*arrays, pa.array(rows, pa.int64()), nothing, nothing, nothing], schema=shape.schema
    )


class Hashed:
    """A database table's delivery, hashed as it streams by."""

    def __init__(self, delivered: Delivered) -> None:
        self._hash = hashlib.sha256(json.dumps([*delivered.shapes[0].headings]).encode())
        self._size = 0
        self.delivered = Delivered(delivered.shapes, self._stream(delivered))

    def _stream(self, delivered: Delivered) -> Iterator[tuple[str, pa.RecordBatch]]:
        for table, batch in delivered.batches:
            for column in batch.columns[: -len(ROW_FIELDS)]:
                content = json.dumps(column.to_pylist()).encode()
                self._size += len(content)
                self._hash.update(content)
            yield table, batch

    def digest(self) -> tuple[str, int]:
        """The content's hash and size in bytes, once it has all streamed by."""
        return self._hash.hexdigest(), self._size
