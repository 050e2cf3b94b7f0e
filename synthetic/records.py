"""Rows on their way to a file: which person each is about, so that faults can be planted and truth be told."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from connectors.contract import read_contract

FIRST_ROW = 2


@dataclass(slots=True)
class Record:
    """One row of a table: its text by column, and the person it is about (a position in ``People``; -1 for none).

    ``extra`` are cells beyond the last heading.
    """

    person: int
    values: dict[str, str]
    extra: tuple[str, ...] = ()

    def __getitem__(self, column: str) -> str:
        return self.values.get(column, "")

    def __setitem__(self, column: str, text: str) -> None:
        self.values[column] = text


@dataclass
class Table:
    """The rows of one file, in the order they are written."""

    extract: str
    name: str
    file: str
    records: list[Record] = field(default_factory=list)

    @property
    def key(self) -> tuple[str, ...]:
        """The columns of its key."""
        return read_contract(self.extract).tables[self.name].key

    def record_id(self, record: Record) -> str:
        """The key's text as the landing joins it."""
        return "|".join(record[column] for column in self.key)

    def rows(self) -> dict[int, int]:
        """The row a person sees, counting the header as row 1, by the record's identity."""
        return {id(record): row for row, record in enumerate(self.records, start=FIRST_ROW)}


def records(people: Iterable[int], columns: dict[str, list[str]]) -> list[Record]:
    """Records of columns of text, one list a column, and the person of each."""
    names = list(columns)
    return [
        Record(person, dict(zip(names, values, strict=True)))
        for person, values in zip(people, zip(*columns.values(), strict=True), strict=True)
    ]


def write_table(path: Path, table: Table) -> None:
    """Writes the file with every heading of its contract, UTF-8 with CRLF as case systems export it."""
    headings = list(read_contract(table.extract).tables[table.name].columns)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\r\n")
        writer.writerow(headings)
        writer.writerows(
            [*[record.values.get(heading, "") for heading in headings], *record.extra] for record in table.records
        )
