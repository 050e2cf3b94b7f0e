"""Reads a release of DfE's statistics: the zip as downloaded, whose CSV files hold a figure a column."""

from __future__ import annotations

import csv
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path, PurePosixPath
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

import pyarrow as pa

from connectors.contract import ExtractContract, PublishedFigures
from connectors.errors import FileRefused
from connectors.readers import BATCH_ROWS, Delivered, TableShape, text_batch

MAX_BYTES = 200 * 2**20
MAX_MEMBERS = 500
MAX_UNPACKED_BYTES = 2**28
TABLE = "figure"
COLUMNS = ("la_code", "la_name", "time_period", "indicator", "breakdown", "value", "mark")
LEVEL, TOPIC = "geographic_level", "breakdown_topic"
PLACES = ("old_la_code", "la_name", "time_period", "breakdown")
MARKS = frozenset({"x", "z", "c", ":", "low"})


def release_files(path: Path, contract: ExtractContract) -> list[str]:
    """The files of the zip that hold figures the contract takes, by their names within it.

    Raises ``FileRefused`` where it is no release, or would unpack to more than one does.
    """
    wanted = {figures.file for figures in _statistics(contract)}
    found: dict[str, str] = {}
    if path.stat().st_size > MAX_BYTES:
        raise FileRefused(f"It is larger than {MAX_BYTES >> 20} MB, which no release is. Download it again.")
    with _opened(path) as packed:
        members = packed.infolist()
        if len(members) > MAX_MEMBERS:
            raise FileRefused(f"It holds more than {MAX_MEMBERS} files, which no release does. Download it again.")
        for member in members:
            name = PurePosixPath(member.filename)
            if name.suffix.lower() != ".csv" or name.stem not in wanted:
                continue
            if name.stem in found:
                raise FileRefused(f"It holds {name.name} twice. Download the release again, all its files as one zip.")
            _check(member)
            found[name.stem] = member.filename
    if not found:
        raise FileRefused(
            f"It holds none of the files {', '.join(f'{name}.csv' for name in sorted(wanted))}. Download all files of "
            "the release Education, health and care plans as one zip."
        )
    return sorted(found.values())


def read_release_file(path: Path, member: str, contract: ExtractContract) -> Delivered:
    """The figures of one file of the zip, a row a figure; ``_row`` is the row of the file it stands in.

    Raises ``FileRefused``, at once or while the batches are read.
    """
    stem = PurePosixPath(member).stem
    taken = [figures for figures in _statistics(contract) if figures.file == stem]
    with _rows(path, member) as rows:
        headings = next(rows, [])
    lacking = [name for name in (*PLACES, LEVEL, TOPIC) if name not in headings]
    if lacking:
        raise FileRefused(
            f"It lacks the columns {', '.join(lacking)} of DfE's statistics. Download the release again.",
            table=TABLE,
            missing=tuple(lacking),
        )
    lacking = [column for figures in taken for column in figures.columns if column not in headings]
    if len(lacking) == sum(len(figures.columns) for figures in taken):
        raise FileRefused(
            f"It has none of the figures {', '.join(lacking)}. Its columns have changed: tell the BI team, who "
            "correct connectors/contracts.",
            table=TABLE,
            missing=tuple(lacking),
        )
    # A figure that a release lacks is simply not published that year, so it is no column missing from the table.
    shape = TableShape(TABLE, {name: name for name in COLUMNS})
    return Delivered((shape,), _batches(path, member, shape, taken, headings, contract))


def _statistics(contract: ExtractContract) -> tuple[PublishedFigures, ...]:
    assert contract.statistics is not None
    return contract.statistics.figures


@contextmanager
def _opened(path: Path) -> Iterator[ZipFile]:
    try:
        with ZipFile(path) as packed:
            yield packed
    except (UnicodeDecodeError, csv.Error):
        raise FileRefused("One of its files is not a CSV file in UTF-8. Download the release again.") from None
    except (BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, RuntimeError):
        raise FileRefused("It is damaged, protected by a password, or not a zip. Download it again.") from None


def _check(member: ZipInfo) -> None:
    """Refuses what is packed as no release is. What a member says of its size is all that is ever read of it."""
    if member.flag_bits & 1 or member.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        raise BadZipFile
    if member.file_size > MAX_UNPACKED_BYTES:
        raise FileRefused(f"A file of it unpacks to more than {MAX_UNPACKED_BYTES >> 20} MB. Download it again.")


@contextmanager
def _rows(path: Path, member: str) -> Iterator[Iterator[list[str]]]:
    with _opened(path) as packed:
        _check(packed.getinfo(member))
        with TextIOWrapper(packed.open(member), encoding="utf-8-sig", newline="") as handle:
            yield csv.reader(handle)


def _batches(
    path: Path,
    member: str,
    shape: TableShape,
    taken: Sequence[PublishedFigures],
    headings: Sequence[str],
    contract: ExtractContract,
) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Every figure taken, of every authority, in the order of the file."""
    assert contract.statistics is not None
    at = {name: position for position, name in enumerate(headings)}
    level, topic = at[LEVEL], at[TOPIC]
    code, name, period, breakdown = (at[place] for place in PLACES)
    columns = {
        figures.topic: [(at[column], indicator) for column, indicator in figures.columns.items() if column in at]
        for figures in taken
    }
    figures_found: list[tuple[str | None, ...]] = []
    places: list[int] = []
    with _rows(path, member) as rows:
        for number, cells in enumerate(rows, start=1):
            if len(cells) != len(headings):
                raise FileRefused(
                    f"Row {number:,} has {len(cells)} cells where the first has {len(headings)}. Download it again.",
                    table=TABLE,
                )
            if cells[level] != contract.statistics.level:
                continue
            for position, indicator in columns.get(cells[topic], ()):
                text = cells[position].strip()
                is_mark = text.lower() in MARKS
                figures_found.append(
                    (
                        *(cells[code], cells[name], cells[period], indicator, cells[breakdown]),
                        *((None, text) if is_mark else (text, None)),
                    )
                )
                places.append(number)
            if len(places) >= BATCH_ROWS:
                yield TABLE, text_batch(shape, list(zip(*figures_found, strict=True)), places)
                figures_found, places = [], []
    if places:
        yield TABLE, text_batch(shape, list(zip(*figures_found, strict=True)), places)
