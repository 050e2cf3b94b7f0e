"""The access log: who saw or took along which child's record, when and why, and who signed in or changed accounts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import func, insert, select

from operations.accounts import Clock, utc_now
from operations.schema import AccessEntryRecord
from operations.store import ROWS_AT_A_TIME, OperationsStore

Event = Literal[
    "signed_in",
    "sign_in_refused",
    "signed_out",
    "viewed",
    "exported",
    "acted",
    "account_added",
    "account_changed",
    "invited",
    "password_set",
    "factor_enrolled",
    "factor_refused",
    "factor_reset",
    "recovery_code_used",
    "recovery_codes_made",
]


@dataclass(frozen=True)
class AccessEntry:
    """One line of the log; ``at`` is UTC, ``about`` what it was besides a child: a finding, a list, an account."""

    entry_id: int
    at: datetime
    account_name: str
    event: str
    child_id: str | None
    about: str | None
    reason: str | None
    address: str | None


class AccessLog:
    """The log in the store. Nothing of it can be changed or taken out from here."""

    def __init__(self, store: OperationsStore, clock: Clock = utc_now) -> None:
        self._store = store
        self._clock = clock

    def note(
        self,
        account_name: str,
        event: Event,
        *,
        address: str | None,
        child_ids: Iterable[str | None] = (None,),
        about: str | None = None,
        reason: str | None = None,
    ) -> None:
        """Adds a line for each child, or one without; what is to be seen or taken along is shown after it is noted."""
        at = self._clock()
        shared = {"at": at, "account_name": account_name, "event": event, "about": about, "reason": reason}
        rows = [{**shared, "address": address, "child_id": child_id} for child_id in child_ids]
        with self._store.writing() as connection:
            for start in range(0, len(rows), ROWS_AT_A_TIME):
                connection.execute(insert(AccessEntryRecord), rows[start : start + ROWS_AT_A_TIME])

    def entries(
        self,
        *,
        account_name: str | None = None,
        child_id: str | None = None,
        event: str | None = None,
        offset: int = 0,
        limit: int,
    ) -> list[AccessEntry]:
        """The newest lines first, of one account, child or event or of all."""
        wanted = _narrowed(select(*AccessEntryRecord.__table__.columns), account_name, child_id, event)
        wanted = wanted.order_by(AccessEntryRecord.entry_id.desc()).offset(offset).limit(limit)
        with self._store.reading() as connection:
            return [AccessEntry(**row) for row in connection.execute(wanted).mappings()]

    def count(self, *, account_name: str | None = None, child_id: str | None = None, event: str | None = None) -> int:
        """How many lines there are, of one account, child or event or of all."""
        wanted = _narrowed(select(func.count()).select_from(AccessEntryRecord), account_name, child_id, event)
        with self._store.reading() as connection:
            return int(connection.execute(wanted).scalar_one())

    def every_entry(self) -> Iterator[AccessEntry]:
        """The whole log, oldest first, some lines at a time."""
        with self._store.reading() as connection:
            rows = connection.execution_options(yield_per=ROWS_AT_A_TIME).execute(
                select(*AccessEntryRecord.__table__.columns).order_by(AccessEntryRecord.entry_id)
            )
            for row in rows.mappings():
                yield AccessEntry(**row)


def _narrowed(wanted: Any, account_name: str | None, child_id: str | None, event: str | None) -> Any:
    for column, value in (
        (AccessEntryRecord.account_name, account_name),
        (AccessEntryRecord.child_id, child_id),
        (AccessEntryRecord.event, event),
    ):
        if value is not None:
            wanted = wanted.where(column == value)
    return wanted
