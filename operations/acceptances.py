"""Falls of an indicator that hold the dashboard until somebody has looked at them and found them right."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import func, insert, select

from connectors.errors import SendError
from operations.schema import AcceptedFallRecord
from operations.store import OperationsStore


class AcceptanceRefused(SendError):
    """A fall cannot be accepted without a reason and a name."""


def _utc_now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)  # as runs count time, so that the next one knows it


class Acceptances:
    """What was accepted, in the store. Only ever added to."""

    def __init__(self, store: OperationsStore, clock: Callable[[], datetime] = _utc_now) -> None:
        self._store = store
        self._clock = clock

    def add(self, indicator_id: str, reason: str, author: str) -> None:
        """Keeps that the indicator's falls up to now are right. Raises ``AcceptanceRefused``."""
        reason, author = reason.strip(), author.strip()
        if not reason or not author:
            raise AcceptanceRefused('Say why the fall is right, and who says so: --because "..." --by NAME')
        row = {"indicator_id": indicator_id, "reason": reason, "author": author, "at": self._clock()}
        with self._store.writing() as connection:
            connection.execute(insert(AcceptedFallRecord), [row])

    def last(self, known_at: datetime) -> dict[str, datetime]:
        """When the falls of each indicator were last accepted (UTC), as known at ``known_at``."""
        query = (
            select(AcceptedFallRecord.indicator_id, func.max(AcceptedFallRecord.at))
            .where(AcceptedFallRecord.at <= known_at)
            .group_by(AcceptedFallRecord.indicator_id)
            .order_by(AcceptedFallRecord.indicator_id)
        )
        with self._store.reading() as connection:
            return {indicator_id: at for indicator_id, at in connection.execute(query)}
