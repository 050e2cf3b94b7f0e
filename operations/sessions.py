"""Sessions of the console: who is signed in, for how long, and why they look at a child's record."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from operations.accounts import Account, Accounts, Clock, secret_hash, utc_now
from operations.schema import AccountRecord, SessionReasonRecord, SessionRecord
from operations.store import OperationsStore

IDLE, ABSOLUTE = timedelta(minutes=30), timedelta(hours=12)
"""A session ends after so long without use, and after so long in any case (ASVS 3.3.2, level 2)."""
NOTED_EVERY = timedelta(seconds=60)
"""Use is noted no more often than this, so that looking at pages hardly writes."""


@dataclass(frozen=True)
class Session:
    """A session that holds: its account as it is now, and the hash it is kept under."""

    session_hash: str
    account: Account


class Sessions:
    """The sessions in the store."""

    def __init__(self, store: OperationsStore, accounts: Accounts, clock: Clock = utc_now) -> None:
        self._store = store
        self._accounts = accounts
        self._clock = clock

    def begin(self, account: Account) -> str:
        """Signs the account in, clearing ended sessions; gives the secret of 256 bits that its browser is to hold."""
        secret, now = secrets.token_urlsafe(32), self._clock()
        ended = (SessionRecord.created_at < now - ABSOLUTE) | (SessionRecord.last_used_at < now - IDLE)
        with self._store.writing() as connection:
            gone = select(SessionRecord.session_hash).where(ended)
            connection.execute(delete(SessionReasonRecord).where(SessionReasonRecord.session_hash.in_(gone)))
            connection.execute(delete(SessionRecord).where(ended))
            connection.execute(
                insert(SessionRecord).values(
                    session_hash=secret_hash(secret), account_id=account.account_id, created_at=now, last_used_at=now
                )
            )
        return secret

    def find(self, secret: str) -> Session | None:
        """The session of this secret, if it holds and its account is open; notes that it was used."""
        now, key = self._clock(), secret_hash(secret)
        with self._store.reading() as connection:
            row = connection.execute(
                select(SessionRecord.account_id, SessionRecord.created_at, SessionRecord.last_used_at)
                .join(AccountRecord, AccountRecord.account_id == SessionRecord.account_id)
                .where(SessionRecord.session_hash == key, AccountRecord.is_active)
            ).first()
        if row is None or row.created_at < now - ABSOLUTE or row.last_used_at < now - IDLE:
            return None
        account = self._accounts.get(row.account_id)
        if account is None:
            return None
        if row.last_used_at < now - NOTED_EVERY:
            with self._store.writing() as connection:
                connection.execute(
                    update(SessionRecord).where(SessionRecord.session_hash == key).values(last_used_at=now)
                )
        return Session(key, account)

    def end(self, secret: str) -> None:
        """Signs out."""
        key = secret_hash(secret)
        with self._store.writing() as connection:
            connection.execute(delete(SessionReasonRecord).where(SessionReasonRecord.session_hash == key))
            connection.execute(delete(SessionRecord).where(SessionRecord.session_hash == key))

    def reason(self, session: Session, child_id: str) -> str | None:
        """Why this session looks at the child, if it has been said."""
        with self._store.reading() as connection:
            return connection.execute(
                select(SessionReasonRecord.reason).where(
                    SessionReasonRecord.session_hash == session.session_hash, SessionReasonRecord.child_id == child_id
                )
            ).scalar()

    def give_reason(self, session: Session, child_id: str, reason: str) -> None:
        """Keeps why this session looks at the child; what was said first stays."""
        try:
            with self._store.writing() as connection:
                connection.execute(
                    insert(SessionReasonRecord).values(
                        session_hash=session.session_hash, child_id=child_id, reason=reason
                    )
                )
        except IntegrityError:
            return
