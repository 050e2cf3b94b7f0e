"""Rows on their way to a file: which person each is about, so that faults can be planted and truth be told."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path

from connectors.contract import read_contract

FIRST_ROW = 2


@dataclass(slots=True)
class Record:
    """One row of a table: its text by column, and the person it is about (a position in ``People``; -1 for none).

    ``columns`` says where a column's text stands in ``texts``; the records of a table share it, for there are many.
    ``extra`` are cells beyond the last heading.
    """

    person: int
    columns: dict[str, int]
    texts: list[str]
    extra: tuple[str, ...] = ()

    def __getitem__(self, column: str) -> str:
        at = self.columns.get(column)
        return "" if at is None else self.texts[at]

    def __setitem__(self, column: str, text: str) -> None:
        at = self.columns.get(column)
        if at is None:
            self.columns = {**self.columns, column: len(self.texts)}
            self.texts.append(text)
        else:
            self.texts[at] = text

    def with_texts(self, **values: str) -> Record:
        """Another record like this one but for these texts."""
        other = Record(self.person, self.columns, [*self.texts], self.extra)
        for column, text in values.items():
            other[column] = text
        return other


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

    def rows_of(self, wanted: Set[int]) -> dict[int, int]:
        """The row a person sees, counting the header as row 1, of the records with those identities (``id``)."""
        return {id(record): row for row, record in enumerate(self.records, start=FIRST_ROW) if id(record) in wanted}


def records(people: Iterable[int], columns: dict[str, list[str]]) -> list[Record]:
    """Records of columns of text, one list a column, and the person of each."""
    places = {name: at for at, name in enumerate(columns)}
    return [
        Record(person, places, list(texts))
        for person, texts in zip(people, zip(*columns.values(), strict=True), strict=True)
    ]


def number(made: Sequence[Record], column: str, prefix: str, width: int) -> None:
    """Gives each record its number, from 1, in a column that ``records`` left room for."""
    for at, record in enumerate(made, start=1):
        record[column] = f"{prefix}{at:0{width}d}"


def write_table(path: Path, table: Table) -> None:
    """Writes the file with every heading of its contract, UTF-8 with CRLF as case systems export it."""
    headings = list(read_contract(table.extract).tables[table.name].columns)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\r\n")
        writer.writerow(headings)
        writer.writerows([*[record[heading] for heading in headings], *record.extra] for record in table.records)
