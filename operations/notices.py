"""The notices that stand: what is new among those of a run, what has cleared, and what is still owed to a channel."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select, update

from operations.schema import NoticeRecord
from operations.store import OperationsStore


@dataclass(frozen=True)
class Notice:
    """Something a person should know. No personal data.

    ``kind`` is the runbook's section, ``subject`` what it is about; while ``cause`` stays the same it is not told anew.
    """

    kind: str
    subject: str
    owner: str
    text: str
    cause: str

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from any other notice."""
        return self.kind, self.subject


@dataclass(frozen=True)
class Standing:
    """A notice that stands, since when (UTC), and the channels that have not had it."""

    notice: Notice
    since: datetime
    owed_to: tuple[str, ...]


@dataclass(frozen=True)
class Turn:
    """What changed: the notices that are new or have another cause, and those that have cleared."""

    new: tuple[Notice, ...]
    cleared: tuple[Notice, ...]


def standing_notices(store: OperationsStore) -> list[Standing]:
    """The notices that stand, the oldest first."""
    with store.reading() as connection:
        rows = connection.execute(
            select(*NoticeRecord.__table__.columns).order_by(
                NoticeRecord.since, NoticeRecord.kind, NoticeRecord.subject
            )
        ).all()
    return [
        Standing(Notice(row.kind, row.subject, row.owner, row.text, row.cause), row.since, tuple(row.owed_to))
        for row in rows
    ]


def take_turn(
    store: OperationsStore, found: Sequence[Notice], judged: Collection[str], at: datetime, about: str | None = None
) -> Turn:
    """Takes the notices of a run in place of those that stood, and says what is new and what has cleared.

    Only the kinds in ``judged`` can clear, and with ``about`` only those on that subject: what a run did not look at
    stands.
    """
    before = {standing.notice.key: standing for standing in standing_notices(store)}
    by_key = {notice.key: notice for notice in found}
    new = [notice for key, notice in by_key.items() if key not in before or before[key].notice.cause != notice.cause]
    cleared = [
        standing.notice
        for key, standing in before.items()
        if key not in by_key and standing.notice.kind in judged and about in (None, standing.notice.subject)
    ]
    with store.writing() as connection:
        for notice in (*new, *cleared):
            connection.execute(
                delete(NoticeRecord).where(NoticeRecord.kind == notice.kind, NoticeRecord.subject == notice.subject)
            )
        for notice in new:
            connection.execute(
                insert(NoticeRecord).values(
                    kind=notice.kind,
                    subject=notice.subject,
                    owner=notice.owner,
                    text=notice.text,
                    cause=notice.cause,
                    since=at,
                    owed_to=[],
                )
            )
    return Turn(tuple(new), tuple(cleared))


def note_owed(store: OperationsStore, notices: Sequence[Notice], channels: Sequence[str]) -> None:
    """Notes which channels have not had these notices; none: all have."""
    with store.writing() as connection:
        for notice in notices:
            connection.execute(
                update(NoticeRecord)
                .where(NoticeRecord.kind == notice.kind, NoticeRecord.subject == notice.subject)
                .values(owed_to=list(channels))
            )
