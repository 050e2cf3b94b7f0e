"""Runs and what their gates decided, as pages ask for them: the newest first, some at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from operations.schema import PublicationRecord, RunRecord
from operations.store import RUN_COLUMNS, OperationsStore, RunOutcome


@dataclass(frozen=True)
class Decision:
    """What a run's gate decided on a product: published (with the content's hash) or held (with the reasons); UTC."""

    run_id: str
    product: str
    outcome: str
    content: str | None
    reasons: tuple[str, ...]
    at: datetime


@dataclass(frozen=True)
class Standing:
    """How a product stands: the last decision on it, when it was last published, and since when it is held."""

    last: Decision | None
    published_at: datetime | None
    held_since: datetime | None


def runs(store: OperationsStore, *, offset: int = 0, limit: int) -> list[RunOutcome]:
    """Runs, the newest first."""
    query = (
        select(*RUN_COLUMNS).order_by(RunRecord.started_at.desc(), RunRecord.run_id.desc()).offset(offset).limit(limit)
    )
    with store.reading() as connection:
        return [RunOutcome(**row) for row in connection.execute(query).mappings()]


def count_runs(store: OperationsStore) -> int:
    """How many runs there have been."""
    with store.reading() as connection:
        return int(connection.execute(select(func.count()).select_from(RunRecord)).scalar_one())


def run(store: OperationsStore, run_id: str) -> RunOutcome | None:
    """One run."""
    with store.reading() as connection:
        row = connection.execute(select(*RUN_COLUMNS).where(RunRecord.run_id == run_id)).mappings().first()
    return RunOutcome(**row) if row else None


def _decision(row: Any) -> Decision:
    return Decision(row.run_id, row.product, row.outcome, row.content, tuple(row.reasons), row.at)


def decisions(
    store: OperationsStore, *, product: str | None = None, run_id: str | None = None, limit: int = 50
) -> list[Decision]:
    """Decisions on a product, or of a run, the newest first."""
    query = select(PublicationRecord.__table__).order_by(PublicationRecord.publication_id.desc()).limit(limit)
    if product is not None:
        query = query.where(PublicationRecord.product == product)
    if run_id is not None:
        query = query.where(PublicationRecord.run_id == run_id)
    with store.reading() as connection:
        return [_decision(row) for row in connection.execute(query)]


def standing(store: OperationsStore, product: str) -> Standing:
    """How a product stands now."""
    of_product = select(PublicationRecord.__table__).where(PublicationRecord.product == product)
    newest = of_product.order_by(PublicationRecord.publication_id.desc()).limit(1)
    with store.reading() as connection:
        last = connection.execute(newest).first()
        published = connection.execute(newest.where(PublicationRecord.outcome == "published")).first()
        held_since = None
        if last is not None and last.outcome == "held":
            held_since = connection.execute(
                select(func.min(PublicationRecord.at)).where(
                    PublicationRecord.product == product,
                    PublicationRecord.outcome == "held",
                    PublicationRecord.publication_id > (published.publication_id if published else 0),
                )
            ).scalar()
    return Standing(_decision(last) if last else None, published.at if published else None, held_since)
