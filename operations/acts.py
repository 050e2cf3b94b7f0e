"""What was done under data protection law, and how the store forgets a child."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import duckdb
from sqlalchemy import Connection, and_, delete, insert, or_, select, update

from operations.schema import (
    AccessEntryRecord,
    Base,
    CorrectionRecord,
    DataProtectionActRecord,
    ExplanationRecord,
    FindingEventRecord,
    FindingRecord,
    FindingSeen,
    IdentityAnswerRecord,
)
from operations.store import OperationsStore

AT_A_TIME = 400
KEPT = frozenset(
    table.__tablename__
    for table in (AccessEntryRecord, DataProtectionActRecord, FindingEventRecord, FindingRecord, FindingSeen)
)
"""Tables of which no row is deleted with a child: the finding loses its detail; who saw the child, and the proof that
it was erased, are still to be shown, by a number that leads nowhere any more."""
PERSONAL_DETAIL = ("record_id", "child_id", "value", "source_row", "waiver_reason")


@dataclass(frozen=True)
class Act:
    """A subject access, erasure or retention: of which child, by whom, why, and its certificate."""

    act: str
    child_id: str | None
    by: str
    because: str
    certificate: Mapping[str, Any]


@dataclass(frozen=True)
class PersonalDetail:
    """What the store is to forget: children with records that go, those of whom nothing stays, anchors that go.

    ``extracts`` says by child of which extracts its records go, ``corrections`` are those of records that go.
    """

    children: Sequence[str]
    wholly: Sequence[str]
    anchors: Sequence[tuple[str, str]]
    extracts: Mapping[str, Sequence[str]]
    corrections: Sequence[int] = ()


def record_act(store: OperationsStore, act: Act) -> None:
    """Keeps the act, with the time (UTC)."""
    with store.writing() as connection:
        connection.execute(
            insert(DataProtectionActRecord).values(
                act=act.act,
                child_id=act.child_id,
                by=act.by,
                because=act.because,
                certificate=dict(act.certificate),
                at=datetime.now(UTC).replace(tzinfo=None),
            )
        )


def acts(store: OperationsStore, child_id: str | None = None) -> list[tuple[Act, datetime]]:
    """The acts, oldest first; only those of one child where one is named."""
    query = select(DataProtectionActRecord.__table__).order_by(DataProtectionActRecord.act_id)
    if child_id is not None:
        query = query.where(DataProtectionActRecord.child_id == child_id)
    with store.reading() as connection:
        rows = connection.execute(query).all()
    return [(Act(row.act, row.child_id, row.by, row.because, row.certificate), row.at) for row in rows]


def held_on_child(
    store: OperationsStore, child_id: str, anchors: Sequence[tuple[str, str]]
) -> dict[str, list[dict[str, Any]]]:
    """Every row of the store that is of this child, by table: by its number, by its findings, by its anchors."""
    found: dict[str, list[dict[str, Any]]] = {}
    of_child = select(FindingRecord.finding_key).where(FindingRecord.child_id == child_id)
    with store.reading() as connection:
        for table in Base.metadata.sorted_tables:
            if "child_id" in table.c:
                condition = table.c.child_id == child_id
            elif "finding_key" in table.c:
                condition = table.c.finding_key.in_(of_child)
            elif "left_anchor" in table.c:
                condition = or_(False, *(_of_anchor(table, anchor) for anchor in anchors))
            else:
                continue
            rows = connection.execute(select(table).where(condition)).mappings().all()
            if rows:
                found[table.name] = [dict(row) for row in rows]
    return found


def corrections_of(store: OperationsStore, warehouse: duckdb.DuckDBPyConnection, records: str) -> list[dict[str, Any]]:
    """The stewards' corrections of the records in a table of the open warehouse (extract, table_name, record_id)."""
    with store.reading() as connection:
        rows = [dict(row) for row in connection.execute(select(CorrectionRecord.__table__)).mappings()]
    if not rows:
        return []
    warehouse.execute("create or replace temp table corrected (id bigint, extract varchar, tab varchar, rec varchar)")
    warehouse.executemany(
        "insert into corrected values (?, ?, ?, ?)",
        [(row["correction_id"], row["extract"], row["table_name"], row["record_id"]) for row in rows],
    )
    found = warehouse.execute(
        f"select id from corrected semi join {records} as held on corrected.extract = held.extract "
        "and corrected.tab = held.table_name and corrected.rec = held.record_id"
    ).fetchall()
    wanted = {number for (number,) in found}
    return [row for row in rows if row["correction_id"] in wanted]


def _of_anchor(table: Any, anchor: tuple[str, str]) -> Any:
    kind, value = anchor
    return or_(
        and_(table.c.left_kind == kind, table.c.left_anchor == value),
        and_(table.c.right_kind == kind, table.c.right_anchor == value),
    )


def _some_at_a_time(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (values[start : start + AT_A_TIME] for start in range(0, len(values), AT_A_TIME))


def forget_children(store: OperationsStore, detail: PersonalDetail) -> dict[str, int]:
    """Takes the children's personal detail out of the store, in one transaction; gives how many rows by what was done.

    A finding stays as a figure: that a rule found something, when, and when it was fixed. Explanations, answers and
    whatever else was written of a child of whom nothing stays are deleted.
    """
    counts: dict[str, int] = {}
    with store.writing() as connection:
        for some in _some_at_a_time(detail.wholly):
            keys = select(FindingRecord.finding_key).where(FindingRecord.child_id.in_(some))
            for table in reversed(Base.metadata.sorted_tables):
                if table.name in KEPT:
                    continue
                if "child_id" in table.c:
                    condition = table.c.child_id.in_(some)
                elif "finding_key" in table.c:
                    condition = table.c.finding_key.in_(keys)
                else:
                    continue
                _add(
                    counts, f"rows of {table.name} deleted", connection.execute(delete(table).where(condition)).rowcount
                )
            _blank(connection, counts, FindingRecord.child_id.in_(some))
            reasons = update(AccessEntryRecord).where(AccessEntryRecord.child_id.in_(some)).values(reason=None)
            _add(counts, "accesses without their reason", connection.execute(reasons).rowcount)
        for numbers in _some_at_a_time(detail.corrections):
            corrections = delete(CorrectionRecord).where(CorrectionRecord.correction_id.in_(numbers))
            _add(counts, "corrections deleted", connection.execute(corrections).rowcount)
        by_extract: dict[str, list[str]] = {}
        for child_id, extracts in detail.extracts.items():
            for extract in extracts:
                by_extract.setdefault(extract, []).append(child_id)
        for extract, children in sorted(by_extract.items()):
            for some in _some_at_a_time(children):
                _blank(connection, counts, and_(FindingRecord.extract == extract, FindingRecord.child_id.in_(some)))
        for some in _some_at_a_time(detail.anchors):
            answers = IdentityAnswerRecord.__table__
            of_anchors = or_(*(_of_anchor(answers, anchor) for anchor in some))
            gone = connection.execute(delete(IdentityAnswerRecord).where(of_anchors)).rowcount
            _add(counts, "answers about identity deleted", gone)
    return counts


def _blank(connection: Connection, counts: dict[str, int], condition: Any) -> None:
    keys = select(FindingRecord.finding_key).where(condition)
    connection.execute(
        update(FindingEventRecord)
        .where(FindingEventRecord.finding_key.in_(keys), FindingEventRecord.note.is_not(None))
        .values(note=None)
        .execution_options(synchronize_session=False)
    )
    blank: dict[str, Any] = dict.fromkeys(PERSONAL_DETAIL)
    gone = connection.execute(
        update(FindingRecord).where(condition).values(blank).execution_options(synchronize_session=False)
    )
    _add(counts, "findings without their detail", gone.rowcount)


def _add(counts: dict[str, int], what: str, count: int) -> None:
    if count:
        counts[what] = counts.get(what, 0) + count


def forget_fixed_findings(store: OperationsStore, before: datetime) -> int:
    """Takes the personal detail out of findings fixed before a moment (UTC), and their explanations; gives how many."""
    old = and_(
        FindingRecord.state == "fixed",
        FindingRecord.fixed_at < before,
        or_(*(getattr(FindingRecord, name).is_not(None) for name in PERSONAL_DETAIL)),
    )
    with store.writing() as connection:
        connection.execute(
            delete(ExplanationRecord).where(
                ExplanationRecord.finding_key.in_(select(FindingRecord.finding_key).where(old))
            )
        )
        counts: dict[str, int] = {}
        _blank(connection, counts, old)
        return sum(counts.values())
