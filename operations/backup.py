"""Copies of the operations store, taken and brought back while runs and people go on working.

A copy is a store of its own: one SQLite file of the release that took it, whatever database it was taken from. It is
what the store held at one moment. Brought back it replaces all that the store holds, in one transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Connection, Table, create_engine, delete, func, insert, select, text

from connectors.errors import SendError
from operations.schema import Base, FindingRecord, RunRecord
from operations.store import FINDINGS_LOCK, ROWS_AT_A_TIME, OperationsStore

ON_THE_WAY = ("finding_seen",)
"""Tables that are empty between runs: nothing of theirs is kept."""


class CopyRefused(SendError):
    """A copy of the store cannot be written, or one that was named cannot be brought back."""


def _tables() -> list[Table]:
    """The tables whose rows are kept, those referred to before those that refer to them."""
    return [table for table in Base.metadata.sorted_tables if table.name not in ON_THE_WAY]


def back_up(store: OperationsStore, out: Path) -> dict[str, int]:
    """Writes what the store holds now to one file, for its owner alone; gives the rows of each table.

    Nobody waits for it, and what is written meanwhile is not in it. Raises ``CopyRefused``.
    """
    if out.exists():
        raise CopyRefused(f"{out} is there already. A copy is never written over: name another file.")
    partial = out.with_name(f".{out.name}.partial")
    partial.unlink(missing_ok=True)
    try:
        partial.touch(mode=0o600)
        if store.sqlite_file is not None:
            _copy_sqlite(store.sqlite_file, partial)
        else:
            _copy_rows(store, partial)
        counts = _verified(partial)
        partial.replace(out)
    except (OSError, sqlite3.Error) as error:
        raise CopyRefused(
            f"{out} cannot be written ({type(error).__name__}). Name a folder that is there and has room."
        ) from None
    finally:
        for leftover in (partial, *(partial.with_name(partial.name + end) for end in ("-wal", "-shm"))):
            leftover.unlink(missing_ok=True)
    return counts


def _copy_sqlite(source: Path, target: Path) -> None:
    """SQLite's own copy of a database in use: whole, and of one moment."""
    with closing(sqlite3.connect(source)) as live, closing(sqlite3.connect(target)) as copy:
        live.backup(copy)
        copy.execute("pragma journal_mode = delete")  # one file, with no log beside it


def _copy_rows(store: OperationsStore, target: Path) -> None:
    """Every row as of one moment, into a store of this release."""
    copy = OperationsStore(f"sqlite:///{target}")
    try:
        with store.reading_one_moment() as connection, copy.writing() as written:
            for table in _tables():
                for rows in _batches(connection, table):
                    written.execute(insert(table), rows)
    finally:
        copy.close()
    with closing(sqlite3.connect(target)) as connection_to_copy:
        connection_to_copy.execute("pragma journal_mode = delete")


def _verified(path: Path) -> dict[str, int]:
    """The rows of each table of a copy, once SQLite finds it sound. Raises ``CopyRefused``."""
    with closing(sqlite3.connect(path)) as connection:
        (sound,) = connection.execute("pragma integrity_check").fetchone()
        if sound != "ok":
            raise CopyRefused(f"The copy is not sound: {sound}. Take it again, to another disk.")
        names = {row[0] for row in connection.execute("select name from sqlite_master where type = 'table'")}
        return {
            table.name: connection.execute(f"select count(*) from {table.name}").fetchone()[0]
            for table in _tables()
            if table.name in names
        }


def restore(store: OperationsStore, path: Path, *, is_replacing: bool = False) -> dict[str, int]:
    """Makes the store hold what a copy holds, in one transaction; gives the rows of each table.

    A copy of an older release is brought up to date on the way. A run that is going on stays known, and what it finds
    joins what was brought back. Raises ``CopyRefused`` for what is no copy, and, unless ``is_replacing``, where the
    store holds findings or runs already.
    """
    if not path.is_file():
        raise CopyRefused(f"There is no file {path}.")
    with TemporaryDirectory(prefix="send-restore-") as folder:
        brought = Path(folder) / "copy.db"
        try:
            _copy_sqlite(path, brought)
            counts = _verified(brought)
        except sqlite3.Error:
            raise CopyRefused(f"{path} is no copy of an operations store.") from None
        if "run" not in counts:
            raise CopyRefused(f"{path} is no copy of an operations store.")
        OperationsStore(f"sqlite:///{brought}").close()  # of this release from here on
        engine = create_engine(f"sqlite:///{brought}")
        try:
            with engine.connect() as source, store.writing(FINDINGS_LOCK) as target:
                return _replace_all(source, target, is_replacing=is_replacing)
        finally:
            engine.dispose()


def _replace_all(source: Connection, target: Connection, *, is_replacing: bool) -> dict[str, int]:
    held = sum(
        int(target.execute(select(func.count()).select_from(t)).scalar_one()) for t in (RunRecord, FindingRecord)
    )
    if held and not is_replacing:
        raise CopyRefused(
            "The store holds findings and runs, which would be lost. Take a copy of it first (send operations backup "
            "FILE), then restore with --replace."
        )
    going_on = target.execute(select(RunRecord.__table__).where(RunRecord.outcome == "running")).mappings().all()
    tables = _tables()
    for table in reversed(tables):
        target.execute(delete(table))
    counts = {}
    for table in tables:
        counts[table.name] = 0
        for rows in _batches(source, table):
            target.execute(insert(table), rows)
            counts[table.name] += len(rows)
    known = set(target.execute(select(RunRecord.run_id)).scalars())
    if rows := [dict(run) for run in going_on if run["run_id"] not in known]:
        target.execute(insert(RunRecord), rows)
    _count_on(target, tables)
    return counts


def _count_on(target: Connection, tables: list[Table]) -> None:
    """Has PostgreSQL number new rows from behind those brought back; SQLite does so itself."""
    if target.dialect.name != "postgresql":
        return
    for table in tables:
        key = table.autoincrement_column
        if key is None:
            continue
        target.execute(
            text(
                f"select setval(pg_get_serial_sequence('{table.name}', '{key.name}'), "
                f"coalesce(max({key.name}), 0) + 1, false) from {table.name}"
            )
        )


def _batches(connection: Connection, table: Table) -> Iterator[list[dict[str, Any]]]:
    """The rows of a table, some at a time, in the order of its key."""
    answer = connection.execution_options(stream_results=True).execute(
        select(table).order_by(*table.primary_key.columns)
    )
    while rows := answer.mappings().fetchmany(ROWS_AT_A_TIME):
        yield [dict(row) for row in rows]
