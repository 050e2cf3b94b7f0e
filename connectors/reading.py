"""Reads one delivered file into typed Parquet, in this process or, for large files, in worker processes.

Reading XML or CSV keeps one core busy and Python's lock held; a run with several large files to read gives them to
workers, so that both cores work and the rest of the run goes on.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from importlib.abc import MetaPathFinder
from pathlib import Path
from queue import Empty, SimpleQueue
from types import ModuleType
from typing import Any

import duckdb
import pyarrow as pa

from connectors.configuration import DATA_SUFFIXES, OTHER_WORKBOOKS, PACKED_SUFFIXES, SUFFIXES, SourceConfiguration
from connectors.contract import ExtractContract, read_contract
from connectors.errors import FilePassedOver, FileRefused, SendError
from connectors.manifest import Watermark
from connectors.readers import Delivered
from connectors.readers.csv import read_csv
from connectors.readers.excel import open_workbook, read_sheet, sheet_names
from connectors.readers.plain_xml import NotPlain, read_plain_xml
from connectors.readers.statistics import read_release_file, release_files
from connectors.readers.xml import read_xml
from connectors.typing_rules import TypingTable, open_typing

WORKERS = 2
WORTH_A_WORKER_BYTES = 6 * 2**20
BYTES_AT_A_TIME = 24 * 2**20
READ_ROW_BY_ROW = ("xml", "csv")


@dataclass(frozen=True)
class ReadingJob:
    """One file to read: where it is, what it is called in the landing, and the folder its Parquet goes to."""

    path: str
    name: str
    extract: str
    source: dict[str, Any]
    load_id: str
    folder: str


@dataclass(frozen=True)
class Chained:
    """How a database table read by watermark stands to what was read before; see ``FileEntry``."""

    watermark: Watermark
    base: int | None = None
    gone: str | None = None
    rows_gone: int = 0
    rows_standing: int | None = None


@dataclass(frozen=True)
class TableReading:
    """What came of one table of one file: counts and Parquet, or the reason it is refused."""

    file: str
    table: str | None
    sheet: str | None = None
    rows_read: int = 0
    rows_loaded: int = 0
    rows_quarantined: int = 0
    parquet: str | None = None
    quarantine: str | None = None
    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    refusal: str | None = None
    is_passed_over: bool = False
    rows_furniture: int = 0
    chained: Chained | None = None

    @property
    def gone(self) -> str | None:
        """The Parquet file of the records deleted at the source."""
        return self.chained.gone if self.chained else None

    @property
    def rows_of_delivery(self) -> int:
        """How many rows stand with this delivery: for an increment, those of its chain."""
        rows = self.chained.rows_standing if self.chained else None
        return self.rows_loaded if rows is None else rows

    @classmethod
    def refused(cls, file: str, error: FileRefused, sheet: str | None = None) -> TableReading:
        """The reading of a file or sheet that was refused whole."""
        return cls(
            file,
            error.table,
            sheet,
            missing=error.missing,
            extra=error.extra,
            refusal=str(error),
            is_passed_over=isinstance(error, FilePassedOver),
        )


@dataclass
class _Place:
    """Hands out Parquet paths in one folder."""

    folder: Path
    given: int = field(default=0)

    def next_pair(self) -> tuple[Path, Path]:
        self.given += 1
        return self.folder / f"{self.given}.parquet", self.folder / f"{self.given}.quarantine.parquet"


def _gathered(batches: Iterator[tuple[str, pa.RecordBatch]]) -> Iterator[tuple[str, list[pa.RecordBatch]]]:
    """Each table's batches, several together: planning what types a batch takes longer than typing a small one."""
    waiting: dict[str, list[pa.RecordBatch]] = {}
    sizes: dict[str, int] = {}
    for table, batch in batches:
        waiting.setdefault(table, []).append(batch)
        sizes[table] = sizes.get(table, 0) + batch.nbytes
        if sizes[table] >= BYTES_AT_A_TIME:
            yield table, waiting.pop(table)
            del sizes[table]
    yield from waiting.items()


def type_delivery(
    delivered: Delivered,
    contract: ExtractContract,
    source: SourceConfiguration,
    connection: duckdb.DuckDBPyConnection,
    *,
    load_id: str,
    file: str,
    folder: Path,
    sheet: str | None = None,
) -> list[TableReading]:
    """Types everything delivered and writes each table's Parquet into ``folder``. Raises ``FileRefused``.

    The connection is one from ``open_typing``; nothing stays in it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    place = _Place(folder)
    readings = []
    tables = {
        shape.table: TypingTable(
            connection,
            shape,
            contract.tables[shape.table],
            source.codes.get(shape.table, {}),
            is_workbook=source.kind == "excel",
        )
        for shape in delivered.shapes
    }
    table = ""
    try:
        for table, batches in _gathered(delivered.batches):
            tables[table].add(*batches)
        for shape in delivered.shapes:
            table = shape.table
            parquet, quarantine = place.next_pair()
            counts = tables[table].finish(load_id=load_id, file=file, parquet=parquet, quarantine=quarantine)
            readings.append(
                TableReading(
                    file=file,
                    table=table,
                    sheet=sheet,
                    rows_read=counts.rows_read,
                    rows_loaded=counts.rows_loaded,
                    rows_quarantined=counts.rows_quarantined,
                    rows_furniture=counts.rows_furniture,
                    parquet=str(parquet),
                    quarantine=str(quarantine) if counts.rows_quarantined else None,
                    missing=shape.missing,
                    extra=shape.extra,
                )
            )
    except duckdb.OutOfMemoryException:
        raise FileRefused(
            "Its rows hold more text than the memory set aside for them, far more than rows of a case system do. "
            "Ask for the extract without its long texts, or in parts.",
            table=table,
        ) from None
    finally:
        for typing_table in tables.values():
            typing_table.discard()
    return readings


def read_file(job: ReadingJob, connection: duckdb.DuckDBPyConnection) -> list[TableReading]:
    """Everything one file delivers: a reading a table, or one that says why the file, sheet or part is refused.

    The connection is one from ``open_typing``; nothing stays in it.
    """
    contract = read_contract(job.extract)
    source = SourceConfiguration.model_validate(job.source)
    path, folder = Path(job.path), Path(job.folder)

    def typed(delivered: Delivered, file: str, folder: Path, sheet: str | None = None) -> list[TableReading]:
        return type_delivery(
            delivered, contract, source, connection, load_id=job.load_id, file=file, folder=folder, sheet=sheet
        )

    try:
        _check_suffix(path, source)
        if source.kind == "xml":
            try:
                return typed(read_plain_xml(path, contract), job.name, folder)
            except NotPlain:  # what came of it so far is dropped: the other reader begins anew
                return typed(read_xml(path, contract), job.name, folder)
        if source.kind == "csv":
            return typed(read_csv(path, job.name, contract, source), job.name, folder)
        if source.kind == "zip":
            parts = release_files(path, contract)
            read_part: Callable[[str], Delivered] = partial(read_release_file, path, contract=contract)
        else:
            workbook = open_workbook(path)
            parts = sheet_names(workbook, contract, source, job.name)
            read_part = partial(read_sheet, workbook, job.name, contract=contract, source=source)
    except FileRefused as error:
        return [TableReading.refused(job.name, error)]
    except OSError as error:
        return [TableReading(job.name, None, refusal=f"It cannot be read ({error.strerror}). Check who may read it.")]
    readings = []
    for number, part in enumerate(parts):
        file = f"{job.name}#{part}"
        try:
            readings += typed(read_part(part), file, folder / str(number), part)
        except FileRefused as error:
            readings.append(TableReading.refused(file, error, part))
    return readings


def _check_suffix(path: Path, source: SourceConfiguration) -> None:
    """A packed file or one of another kind is refused by its name, before it is opened."""
    suffix = path.suffix.lower()
    if suffix in SUFFIXES[source.kind] or (source.kind != "excel" and suffix not in DATA_SUFFIXES):
        return
    advice = f"Move it, or change the kind of the source from {source.kind}"
    if suffix in PACKED_SUFFIXES:
        advice = "Unpack it here"
    elif source.kind == "excel" and suffix in OTHER_WORKBOOKS:
        advice = "Save it as .xlsx"
    raise FileRefused(f"It is a {suffix} file where {' or '.join(SUFFIXES[source.kind])} is expected. {advice}.")


def read_files(jobs: Sequence[ReadingJob]) -> list[list[TableReading]]:
    """Reads every file, giving the readings in the jobs' order; large XML and CSV goes to worker processes."""
    large = [
        index
        for index, job in enumerate(jobs)
        if job.source["kind"] in READ_ROW_BY_ROW and _size_of(job) >= WORTH_A_WORKER_BYTES
    ]
    readings: dict[int, list[TableReading]] = {}
    here = [index for index in range(len(jobs)) if index not in large]
    with _Workers([(index, jobs[index]) for index in large]) as workers:
        if here:
            with open_typing(Path(jobs[0].folder).parent) as connection:
                readings = {index: read_file(jobs[index], connection) for index in here}
        readings |= workers.results()
    return [readings[index] for index in range(len(jobs))]


def _size_of(job: ReadingJob) -> int:
    """The file's size; nought where it has gone since it was found, which the reader then says."""
    try:
        return Path(job.path).stat().st_size
    except OSError:
        return 0


class _Workers:
    """At most ``WORKERS`` processes, fed one job at a time by a thread each.

    A worker ends when its input closes, so one whose parent was killed finishes its file and goes.
    """

    def __init__(self, jobs: Sequence[tuple[int, ReadingJob]]) -> None:
        self._jobs: SimpleQueue[tuple[int, ReadingJob]] = SimpleQueue()
        for job in sorted(jobs, key=lambda job: _size_of(job[1]), reverse=True):
            self._jobs.put(job)
        self._results: dict[int, list[TableReading]] = {}
        self._failures: list[SendError] = []
        self._is_stopped = False
        self._threads = [threading.Thread(target=self._feed, daemon=True) for _ in range(min(WORKERS, len(jobs)))]

    def __enter__(self) -> _Workers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._is_stopped = kind is not None
        for thread in self._threads:
            thread.join()

    def results(self) -> dict[int, list[TableReading]]:
        """Every job's readings, when all are done. Raises ``SendError`` where a worker stopped."""
        for thread in self._threads:
            thread.join()
        if self._failures:
            raise self._failures[0]
        return self._results

    def _feed(self) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
        command = [sys.executable, "-P", "-m", "connectors.reading"]
        with subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        ) as worker:
            assert worker.stdin and worker.stdout
            while not (self._failures or self._is_stopped):
                try:
                    index, job = self._jobs.get_nowait()
                except Empty:
                    break
                try:
                    worker.stdin.write(json.dumps(asdict(job)) + "\n")
                    worker.stdin.flush()
                    answer = json.loads(worker.stdout.readline() or "{}")
                except (OSError, ValueError):
                    answer = {}
                if "readings" in answer:
                    self._results[index] = [_reading(written) for written in answer["readings"]]
                else:
                    why = answer.get("stopped", "the worker process ended, perhaps for want of memory")
                    self._failures.append(
                        SendError(
                            f"{job.extract}: reading {job.name} stopped: {why}. Nothing of this extract was landed."
                        )
                    )
            worker.stdin.close()


def _reading(written: dict[str, Any]) -> TableReading:
    return TableReading(**{**written, "missing": tuple(written["missing"]), "extra": tuple(written["extra"])})


def _answers(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    """What each job, a line of JSON, came to."""
    connection: duckdb.DuckDBPyConnection | None = None
    for line in lines:
        try:
            job = ReadingJob(**json.loads(line))
            connection = connection or open_typing(Path(job.folder).parent)
            yield {"readings": [asdict(reading) for reading in read_file(job, connection)]}
        except Exception as error:
            # A library's message may quote the value it failed on: only the kind of error and the place leave here.
            place = traceback.extract_tb(error.__traceback__)[-1]
            yield {"stopped": f"unforeseen {type(error).__name__} at {Path(place.filename).name}:{place.lineno}"}


class _WithoutPandas(MetaPathFinder):
    """Makes ``import pandas`` fail. PyArrow imports it at the first list it is given, only to see whether it is there.

    A worker has no use for it, and starts a second sooner and 60 MB smaller without.
    """

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        """Answers for pandas alone; any other import goes on to the next finder."""
        if fullname == "pandas":
            raise ModuleNotFoundError("pandas is not used here", name=fullname)


def main() -> None:
    """A worker: reads jobs as lines of JSON, and answers each with a line of JSON."""
    sys.meta_path.insert(0, _WithoutPandas())
    for answer in _answers(iter(sys.stdin.readline, "")):
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
