"""Corrections in the store: proposed by one person, approved by another, lifted by themselves or by hand.

::

    corrections = Corrections(store)
    landed = landed_record(home.warehouse, extract, table, record_id)       # of connectors.corrections
    corrections.propose(landed, column="received_date", value="2026-01-05", until=date, reason="...", by="...",
                        finding=(finding_key, version)) -> Correction
    corrections.approve(correction_id, version=1, by="...") -> Correction   # a second person
    corrections.refuse(correction_id, version=1, by="...", reason="...") -> Correction
    corrections.lift(correction_id, version=2, by="...", reason="...") -> Correction
    corrections.all(states=("proposed", "approved")) -> list[Correction]
    corrections.of_record(extract, table, record_id) -> list[Correction]

An act names the version its author saw; where somebody came first it raises ``CorrectionChanged``, saying who.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any

import duckdb
from sqlalchemy import Connection, insert, or_, select, update

from connectors.corrections import Cell, LandedRecord, typed_text
from connectors.errors import SendError
from operations.schema import CorrectionRecord, FindingEventRecord, FindingRecord
from operations.store import FINDINGS_LOCK, OperationsStore
from operations.triage import ActRefused, NoSuchFinding, is_same_person, now, require_end, required

AGREES, ELSEWISE, PASSED = (
    "The source says so itself now.",
    "The source has changed to something else.",
    "Its last day has passed.",
)


class NoSuchCorrection(SendError):
    """The store knows no correction of that number."""


class CorrectionChanged(SendError):
    """Somebody else has changed a correction, or the finding it mends, since it was seen."""


@dataclass(frozen=True)
class Correction:
    """A value for one cell of one record. Personal data. ``state`` is proposed, approved, refused or lifted.

    It stands from its approval to ``until`` (its last day), while the source says ``landed_value``. Times are UTC.
    """

    correction_id: int
    extract: str
    table_name: str
    record_id: str
    column_name: str
    landed_value: str | None
    value: str | None
    reason: str
    until: date
    finding_key: str | None
    state: str
    version: int
    proposed_by: str
    proposed_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    lifted_by: str | None
    lifted_at: datetime | None
    lifted_because: str | None

    @property
    def cell(self) -> Cell:
        """The cell it is of."""
        return Cell(self.extract, self.table_name, self.record_id, self.column_name)

    @property
    def last_said(self) -> str:
        """Who did what to it last, and when."""
        if self.lifted_at:
            return f"lifted by {self.lifted_by or 'a run'} at {self.lifted_at:%Y-%m-%d %H:%M} UTC"
        if self.decided_at:
            return f"{self.state} by {self.decided_by} at {self.decided_at:%Y-%m-%d %H:%M} UTC"
        return f"proposed by {self.proposed_by} at {self.proposed_at:%Y-%m-%d %H:%M} UTC"


_COLUMNS: list[Any] = [getattr(CorrectionRecord, f.name) for f in fields(Correction)]


class Corrections:
    """Asks and acts on the corrections of an open store."""

    def __init__(self, store: OperationsStore) -> None:
        self._store = store

    def _today(self) -> date:
        last = self._store.last_run()
        return last.as_at if last else now().date()

    def propose(
        self,
        landed: LandedRecord,
        *,
        column: str,
        value: str | None,
        until: date,
        reason: str,
        by: str,
        finding: tuple[str, int] | None = None,
    ) -> Correction:
        """Proposes a value for one cell of a landed record; ``finding`` is what it mends, with the version seen.

        Raises ``CorrectionRefused`` where the contract would not take the value, ``ActRefused`` where it says what the
        source says or another correction of the cell waits or stands, ``CorrectionChanged`` for a stale finding.
        """
        why, proposer = required(reason, "The reason"), required(by, "Who proposes")
        require_end(until, self._today())
        cell = Cell(landed.extract, landed.table, landed.record_id, column)
        wanted = typed_text(cell, value)
        if wanted == landed.values[column]:
            raise ActRefused("The source says so itself already.")
        at = now()
        with self._store.writing(FINDINGS_LOCK) as connection:
            other = connection.execute(
                select(*_COLUMNS).where(*_of_cell(cell), CorrectionRecord.state.in_(("proposed", "approved")))
            ).first()
            if other is not None:
                known = Correction(**other._mapping)
                raise ActRefused(
                    f"Correction {known.correction_id} of the same cell was {known.last_said}. Lift or refuse it first."
                )
            if finding is not None:
                _touch_finding(connection, *finding)
            number = connection.execute(
                insert(CorrectionRecord)
                .values(
                    extract=cell.extract,
                    table_name=cell.table,
                    record_id=cell.record_id,
                    column_name=column,
                    landed_value=landed.values[column],
                    value=wanted,
                    reason=why,
                    until=until,
                    finding_key=finding[0] if finding else None,
                    state="proposed",
                    version=1,
                    proposed_by=proposer,
                    proposed_at=at,
                )
                .returning(CorrectionRecord.correction_id)
            ).scalar_one()
            kept = _correction(connection, number)
            _tell_finding(connection, kept, "correction proposed", at, actor=proposer, note=why)
        return kept

    def approve(self, correction_id: int, *, version: int, by: str) -> Correction:
        """Approves a proposal; whoever made it cannot. It stands from the next run on. Raises as ``propose``."""
        approver, today = required(by, "Who approves"), self._today()
        with self._store.writing(FINDINGS_LOCK) as connection:
            kept = _seen(connection, correction_id, version)
            if kept.state != "proposed":
                raise ActRefused(f"Correction {correction_id} was {kept.last_said}.")
            if is_same_person(kept.proposed_by, approver):
                raise ActRefused(f"{kept.proposed_by} proposed this correction; a second person approves it.")
            require_end(kept.until, today)
            return _decide(connection, kept, "approved", approver)

    def refuse(self, correction_id: int, *, version: int, by: str, reason: str) -> Correction:
        """Refuses a proposal; who made it takes it back so. Raises as ``approve``."""
        who, why = required(by, "Who refuses"), required(reason, "The reason")
        with self._store.writing(FINDINGS_LOCK) as connection:
            kept = _seen(connection, correction_id, version)
            if kept.state != "proposed":
                raise ActRefused(f"Correction {correction_id} was {kept.last_said}.")
            return _decide(connection, kept, "refused", who, why)

    def lift(self, correction_id: int, *, version: int, by: str, reason: str) -> Correction:
        """Takes an approved correction away: from the next run on the source's value counts. Raises as ``approve``."""
        who, why = required(by, "Who lifts"), required(reason, "The reason")
        with self._store.writing(FINDINGS_LOCK) as connection:
            kept = _seen(connection, correction_id, version)
            if kept.state != "approved":
                raise ActRefused(f"Correction {correction_id} was {kept.last_said}; only one that stands is lifted.")
            return _lift(connection, kept, at=now(), because=why, by=who)

    def all(self, states: Sequence[str] = ("proposed", "approved")) -> list[Correction]:
        """The corrections in these states, the oldest first."""
        query = select(*_COLUMNS).where(CorrectionRecord.state.in_(states)).order_by(CorrectionRecord.correction_id)
        with self._store.reading() as connection:
            return [Correction(**row._mapping) for row in connection.execute(query)]

    def get(self, correction_id: int) -> Correction:
        """One correction. Raises ``NoSuchCorrection``."""
        with self._store.reading() as connection:
            return _correction(connection, correction_id)

    def of_record(self, extract: str, table: str, record_id: str) -> list[Correction]:
        """Every correction of one record, whatever became of it, the oldest first."""
        record = CorrectionRecord
        query = (
            select(*_COLUMNS)
            .where(record.extract == extract, record.table_name == table, record.record_id == record_id)
            .order_by(record.correction_id)
        )
        with self._store.reading() as connection:
            return [Correction(**row._mapping) for row in connection.execute(query)]

    def standing(self, as_at: date, known_at: datetime) -> list[Correction]:
        """The corrections that stood on ``as_at`` as known at ``known_at`` (UTC), in a lasting order."""
        record = CorrectionRecord
        query = (
            select(*_COLUMNS)
            .where(
                record.state.in_(("approved", "lifted")),
                record.decided_at <= known_at,
                or_(record.lifted_at.is_(None), record.lifted_at > known_at),
                record.until >= as_at,
            )
            .order_by(record.correction_id)
        )
        with self._store.reading() as connection:
            return [Correction(**row._mapping) for row in connection.execute(query)]

    def lift_settled(
        self, warehouse: duckdb.DuckDBPyConnection, *, run_id: str, as_at: date, known_at: datetime
    ) -> list[Correction]:
        """Lifts what a run finds settled: the source agrees, or says something new, or the last day has passed.

        ``warehouse`` is the run's, where ``landing.correction`` has what the source says. A record that the source no
        longer delivers keeps its correction, in case it comes again.
        """
        settled: dict[int, str] = {
            number: AGREES if agrees else ELSEWISE
            for number, agrees in warehouse.execute(
                "select correction_id, source_value is not distinct from value from landing.correction "
                "where is_in_landing and not is_applied"
            ).fetchall()
        }
        record = CorrectionRecord
        with self._store.writing(FINDINGS_LOCK) as connection:
            rows = connection.execute(
                select(*_COLUMNS)
                .where(record.state == "approved", or_(record.until < as_at, record.correction_id.in_(list(settled))))
                .order_by(record.correction_id)
            ).all()
            return [
                _lift(
                    connection,
                    Correction(**row._mapping),
                    at=known_at,
                    because=settled.get(row.correction_id, PASSED),
                    run_id=run_id,
                )
                for row in rows
            ]


def _of_cell(cell: Cell) -> tuple[Any, ...]:
    record = CorrectionRecord
    return (
        record.extract == cell.extract,
        record.table_name == cell.table,
        record.record_id == cell.record_id,
        record.column_name == cell.column,
    )


def _correction(connection: Connection, correction_id: int) -> Correction:
    row = connection.execute(select(*_COLUMNS).where(CorrectionRecord.correction_id == correction_id)).first()
    if row is None:
        raise NoSuchCorrection(f"There is no correction {correction_id}. The numbers are in: send findings corrections")
    return Correction(**row._mapping)


def _seen(connection: Connection, correction_id: int, version: int) -> Correction:
    kept = _correction(connection, correction_id)
    if kept.version != version:
        raise CorrectionChanged(
            f"Correction {correction_id} has changed since you saw it: it was {kept.last_said}. Look at it again."
        )
    return kept


def _decide(connection: Connection, kept: Correction, state: str, by: str, why: str | None = None) -> Correction:
    at = now()
    connection.execute(
        update(CorrectionRecord)
        .where(CorrectionRecord.correction_id == kept.correction_id)
        .values(state=state, decided_by=by, decided_at=at, version=kept.version + 1)
    )
    _tell_finding(connection, kept, f"correction {state}", at, actor=by, note=why)
    return _correction(connection, kept.correction_id)


def _lift(
    connection: Connection,
    kept: Correction,
    *,
    at: datetime,
    because: str,
    by: str | None = None,
    run_id: str | None = None,
) -> Correction:
    connection.execute(
        update(CorrectionRecord)
        .where(CorrectionRecord.correction_id == kept.correction_id)
        .values(state="lifted", lifted_by=by, lifted_at=at, lifted_because=because, version=kept.version + 1)
    )
    _tell_finding(connection, kept, "correction lifted", at, actor=by, run_id=run_id, note=because)
    return _correction(connection, kept.correction_id)


def _touch_finding(connection: Connection, finding_key: str, version: int) -> None:
    """Counts the finding's version up. Raises ``NoSuchFinding``, or ``CorrectionChanged`` where it was not as seen."""
    found = connection.execute(
        select(FindingRecord.version, FindingRecord.state).where(FindingRecord.finding_key == finding_key)
    ).first()
    if found is None:
        raise NoSuchFinding(f"There is no finding {finding_key}.")
    if found.version != version:
        raise CorrectionChanged(f"{finding_key} has changed since you saw it. Look at it again, then act.")
    connection.execute(
        update(FindingRecord).where(FindingRecord.finding_key == finding_key).values(version=version + 1)
    )


def _tell_finding(
    connection: Connection,
    kept: Correction,
    event: str,
    at: datetime,
    *,
    actor: str | None = None,
    run_id: str | None = None,
    note: str | None = None,
) -> None:
    """Writes what became of the correction into the history of the finding it mends; values stay out of it."""
    if kept.finding_key is None:
        return
    detail = f"correction {kept.correction_id} of {kept.table_name}.{kept.column_name}"
    connection.execute(
        insert(FindingEventRecord).values(
            finding_key=kept.finding_key, event=event, at=at, actor=actor, run_id=run_id, detail=detail, note=note
        )
    )
