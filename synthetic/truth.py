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
from synthetic.identifiers import AnyInts, IntArray
from synthetic.records import FIRST_ROW, Table
from synthetic.sheets import NOBODY, Sheet

# Which table of an XML message a record is noted under; its other tables' rows bear the same file and row.
CENSUS_TABLE, CIN_TABLE = "pupil", "child"
ROWS_AT_A_TIME = 100_000

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


def _part(extract: str, table: str, file: str, rows: IntArray, ids: pa.Array, person: AnyInts) -> pa.Table:
    n = len(person)
    columns = [
        *(pa.repeat(pa.scalar(text), n) for text in (extract, table, file)),
        pa.array(rows),
        ids,
        pa.array(person, pa.int64()),
    ]
    part = pa.Table.from_arrays(columns, schema=SCHEMA)
    return part.filter(pa.array(person != NOBODY))


def _of_tables(extracts: Extracts) -> Iterator[pa.Table]:
    tables: tuple[Table, ...] = (*extracts.tables.values(), extracts.referrals)
    for table in tables:
        key = table.key
        for start in range(0, len(table.records), ROWS_AT_A_TIME):
            held = table.records[start : start + ROWS_AT_A_TIME]
            ids = pa.array(["|".join([record[name] for name in key]) for record in held], pa.string())
            person = np.array([record.person for record in held], dtype=np.int64)
            rows = FIRST_ROW + start + np.arange(len(person))
            yield _part(table.extract, table.name, table.file, rows, ids, person)


def _of_messages(extracts: Extracts) -> Iterator[pa.Table]:
    laestabs = pa.array([e.laestab for e in extracts.schools.all], pa.string())
    for number, roll in enumerate(extracts.rolls):
        corrected = {
            extracts.corrections.positions[number, person]: text
            for (census, person), texts in extracts.corrections.texts.items()
            for element, text in texts
            if census == number and element == "UPN"
        }
        day = pa.scalar(roll.census.day.isoformat())
        for file, first, end in roll.parts():
            for start in range(first, end, ROWS_AT_A_TIME):
                person = roll.person[start : min(end, start + ROWS_AT_A_TIME)]
                upn = extracts.people.upn[person]
                for at, text in corrected.items():
                    if start <= at < start + len(person):
                        upn[at - start] = text
                schools = laestabs.take(pa.array(roll.school[start : start + len(person)]))
                ids = pc.binary_join_element_wise(day, schools, pa.array(upn, pa.string()), "|")
                rows = 1 + start - first + np.arange(len(person))
                yield _part("school_census", CENSUS_TABLE, file, rows, ids, person)
    children = extracts.children_in_need
    ids = pa.array([f"{extracts.cin_day.isoformat()}|{child.la_child_id}" for child in children], pa.string())
    person = np.array([child.person for child in children], dtype=np.int64)
    yield _part("cin_census", CIN_TABLE, extracts.cin_file, 1 + np.arange(len(person)), ids, person)


def _of_sheets(sheets: Sequence[Sheet]) -> Iterator[pa.Table]:
    for sheet in sheets:
        if not (sheet.person != NOBODY).any():
            continue
        order = sheet.order
        for start in range(0, len(order), ROWS_AT_A_TIME):
            held = order[start : start + ROWS_AT_A_TIME]
            rows = sheet.first_row + start + np.arange(len(held))
            ids = sheet.record_ids(held)
            yield _part(sheet.extract, sheet.table, sheet.landed_file, rows, ids, sheet.person[held])
