"""What the managers who answer for an indicator say of it, month by month."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlalchemy import func, insert, select

from connectors.errors import SendError
from operations.schema import CommentaryRecord
from operations.store import OperationsStore

LONGEST = 4_000


class CommentRefused(SendError):
    """A comment that cannot be kept as it is."""


@dataclass(frozen=True)
class Comment:
    """What was said of an indicator's figure of the month that starts at ``month``, by whom and when (UTC)."""

    indicator_id: str
    month: date
    text: str
    author: str
    at: datetime


def _utc_now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


class Commentary:
    """The comments in the store. Only ever added to: of one indicator and month the last stands."""

    def __init__(self, store: OperationsStore, clock: Callable[[], datetime] = _utc_now) -> None:
        self._store = store
        self._clock = clock

    def add(self, indicator_id: str, month: date, text: str, author: str) -> Comment:
        """Keeps a comment. Raises ``CommentRefused`` where it says nothing, nobody signs it or it is too long."""
        text, author = text.strip(), author.strip()
        if not text:
            raise CommentRefused("The comment is empty. Say what the figure means and what is being done (--text).")
        if len(text) > LONGEST:
            raise CommentRefused(
                f"The comment has {len(text):,} characters; at most {LONGEST:,} are shown. Shorten it."
            )
        if not author:
            raise CommentRefused("Say who answers for the comment (--by).")
        comment = Comment(indicator_id, month.replace(day=1), text, author, self._clock())
        with self._store.writing() as connection:
            connection.execute(insert(CommentaryRecord), [vars(comment)])
        return comment

    def standing(self) -> list[Comment]:
        """The comment that stands for each indicator and month, by indicator and month."""
        last = select(func.max(CommentaryRecord.comment_id)).group_by(
            CommentaryRecord.indicator_id, CommentaryRecord.month
        )
        wanted = (
            select(CommentaryRecord.__table__)
            .where(CommentaryRecord.comment_id.in_(last))
            .order_by(CommentaryRecord.indicator_id, CommentaryRecord.month)
        )
        with self._store.reading() as connection:
            rows = connection.execute(wanted)
            return [Comment(row.indicator_id, row.month, row.text, row.author, row.at) for row in rows]
