"""Which scheduled jobs were done for which day, and what each run loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Protocol

from sqlalchemy import delete, func, insert, select

from operations.schema import JobDone, RunLoadRecord, RunRecord
from operations.store import OperationsStore


class Load(Protocol):
    """What is kept of one extract's load."""

    @property
    def extract(self) -> str:
        """The extract."""

    @property
    def status(self) -> str:
        """Loaded, nothing new, refused or failed."""

    @property
    def files(self) -> int:
        """How many files its source held."""

    @property
    def rows_read(self) -> int:
        """Rows read of content that was new."""

    @property
    def rows_loaded(self) -> int:
        """Of these, rows loaded."""

    @property
    def rows_quarantined(self) -> int:
        """Of these, rows set apart."""

    @property
    def delivered_at(self) -> datetime | None:
        """When the source's newest file was written (UTC)."""


@dataclass(frozen=True)
class PastRun:
    """A run as its history is told. Times are UTC; ``rows_loaded`` is over its extracts, ``failed`` names extracts."""

    run_id: str
    as_at: date
    started_at: datetime
    finished_at: datetime | None
    outcome: str
    seconds: dict[str, float]
    rows_loaded: int
    failed: tuple[str, ...]

    def as_row(self) -> tuple[object, ...]:
        """The run as one row for a person; seconds are those of its stages."""
        total = round(sum(self.seconds.values()), 1)
        started = f"{self.started_at:%Y-%m-%d %H:%M:%S}"
        return self.run_id, self.as_at, self.outcome, started, total, self.rows_loaded, ", ".join(self.failed)


def is_done(store: OperationsStore, job: str, day: date) -> bool:
    """Whether the job was done for the day."""
    with store.reading() as connection:
        return connection.execute(select(JobDone.job).where(JobDone.job == job, JobDone.day == day)).first() is not None


def was_ever_done(store: OperationsStore, job: str) -> bool:
    """Whether the job was done for any day, so that one it is not done for was missed."""
    with store.reading() as connection:
        return connection.execute(select(JobDone.job).where(JobDone.job == job).limit(1)).first() is not None


def note_done(store: OperationsStore, job: str, day: date) -> None:
    """Notes that the job was done for the day; twice is once."""
    with store.writing() as connection:
        connection.execute(delete(JobDone).where(JobDone.job == job, JobDone.day == day))
        connection.execute(insert(JobDone).values(job=job, day=day, done_at=datetime.now(UTC).replace(tzinfo=None)))


def record_loads(store: OperationsStore, run_id: str, loads: Sequence[Load]) -> None:
    """Keeps what the run loaded, in place of what was kept of it before."""
    rows = [
        {
            "run_id": run_id,
            "extract": load.extract,
            "status": load.status,
            "files": load.files,
            "rows_read": load.rows_read,
            "rows_loaded": load.rows_loaded,
            "rows_quarantined": load.rows_quarantined,
            "delivered_at": load.delivered_at,
        }
        for load in loads
    ]
    with store.writing() as connection:
        connection.execute(delete(RunLoadRecord).where(RunLoadRecord.run_id == run_id))
        if rows:
            connection.execute(insert(RunLoadRecord), rows)


def last_delivered(store: OperationsStore) -> dict[str, datetime]:
    """When each extract's files were last seen written (UTC), of loads that refused none."""
    newest = select(RunLoadRecord.extract, func.max(RunLoadRecord.delivered_at)).group_by(RunLoadRecord.extract)
    with store.reading() as connection:
        rows = connection.execute(newest.where(RunLoadRecord.status != "refused"))
        return {extract: moment for extract, moment in rows if moment is not None}


def past_runs(store: OperationsStore, limit: int) -> list[PastRun]:
    """The last runs, the newest first."""
    with store.reading() as connection:
        runs = connection.execute(
            select(*RunRecord.__table__.columns)
            .order_by(RunRecord.started_at.desc(), RunRecord.run_id.desc())
            .limit(limit)
        ).all()
        names = [run.run_id for run in runs]
        loads = connection.execute(
            select(RunLoadRecord.run_id, RunLoadRecord.extract, RunLoadRecord.status, RunLoadRecord.rows_loaded)
            .where(RunLoadRecord.run_id.in_(names))
            .order_by(RunLoadRecord.extract)
        ).all()
    return [
        PastRun(
            run.run_id,
            run.as_at,
            run.started_at,
            run.finished_at,
            run.outcome,
            dict(run.seconds),
            sum(load.rows_loaded for load in loads if load.run_id == run.run_id),
            tuple(load.extract for load in loads if load.run_id == run.run_id and load.status in ("failed", "refused")),
        )
        for run in runs
    ]
