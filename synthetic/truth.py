"""The truth about every record: which person it is of, so that linkage can be judged."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from synthetic.faults import Extracts
from synthetic.identifiers import IntArray
from synthetic.records import FIRST_ROW, Table
from synthetic.sheets import NOBODY, Sheet

# Which table of an XML message a record is noted under; its other tables' rows bear the same file and row.
CENSUS_TABLE, CIN_TABLE = "pupil", "child"

SCHEMA = pa.schema(
    [
        ("extract", pa.string()),
        ("table", pa.string()),
        ("file", pa.string()),
        ("row", pa.int64()),
        ("record_id", pa.string()),
        ("person_id", pa.int64()),
    ]
)


def write_records(path: Path, extracts: Extracts, sheets: Sequence[Sheet]) -> None:
    """Writes ``records.parquet``: extract, table, file and row of every record about a person, its id, the person.

    ``person_id`` is that of ``people.csv``. To be called after every file is written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with pq.ParquetWriter(path, SCHEMA, compression="zstd") as writer:
        for part in itertools.chain(_of_tables(extracts), _of_messages(extracts), _of_sheets(sheets)):
            writer.write_table(part)


def _part(extract: str, table: str, file: str, rows: IntArray, ids: pa.Array, person: IntArray) -> pa.Table:
    n = len(person)
    columns = [
        *(pa.repeat(pa.scalar(text), n) for text in (extract, table, file)),
        pa.array(rows),
        ids,
        pa.array(person),
    ]
    part = pa.Table.from_arrays(columns, schema=SCHEMA)
    return part.filter(pa.array(person != NOBODY))


def _of_tables(extracts: Extracts) -> Iterator[pa.Table]:
    tables: tuple[Table, ...] = (*extracts.tables.values(), extracts.referrals)
    for table in tables:
        key = table.key
        ids = pa.array(["|".join([record[name] for name in key]) for record in table.records], pa.string())
        person = np.array([record.person for record in table.records], dtype=np.int64)
        yield _part(table.extract, table.name, table.file, FIRST_ROW + np.arange(len(person)), ids, person)


def _of_messages(extracts: Extracts) -> Iterator[pa.Table]:
    laestabs = pa.array([e.laestab for e in extracts.schools.all], pa.string())
    upns = pa.array(extracts.people.upn, pa.string())
    for number, roll in enumerate(extracts.rolls):
        upn = upns.take(pa.array(roll.person))
        corrected = {
            extracts.corrections.positions[number, person]: text
            for (census, person), texts in extracts.corrections.texts.items()
            for element, text in texts
            if census == number and element == "UPN"
        }
        if corrected:
            mask = np.isin(np.arange(len(upn)), list(corrected))
            upn = pc.replace_with_mask(upn, pa.array(mask), pa.array([corrected[at] for at in sorted(corrected)]))
        day = pa.scalar(roll.census.day.isoformat())
        ids = pc.binary_join_element_wise(day, laestabs.take(pa.array(roll.school)), upn, "|")
        for file, start, end in roll.parts():
            rows = 1 + np.arange(end - start)
            part = ids.slice(start, end - start)
            yield _part("school_census", CENSUS_TABLE, file, rows, part, roll.person[start:end])
    children = extracts.children_in_need
    ids = pa.array([f"{extracts.cin_day.isoformat()}|{child.la_child_id}" for child in children], pa.string())
    person = np.array([child.person for child in children], dtype=np.int64)
    yield _part("cin_census", CIN_TABLE, extracts.cin_file, 1 + np.arange(len(person)), ids, person)


def _of_sheets(sheets: Sequence[Sheet]) -> Iterator[pa.Table]:
    for sheet in sheets:
        if not (sheet.person != NOBODY).any():
            continue
        order = np.array([*range(len(sheet)), *(row for row, _ in sheet.repeats)], dtype=np.int64)
        ids = sheet.record_ids().take(pa.array(order))
        rows = sheet.first_row + np.arange(len(order))
        yield _part(sheet.extract, sheet.table, sheet.landed_file, rows, ids, sheet.person[order])
