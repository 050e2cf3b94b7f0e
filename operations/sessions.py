"""Sessions of the console: who is signed in, for how long, and why they look at a child's record."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from operations.accounts import Account, Accounts, Clock, SignInRefused, secret_hash, utc_now
from operations.schema import AccountRecord, SessionReasonRecord, SessionRecord
from operations.store import OperationsStore

IDLE, ABSOLUTE = timedelta(minutes=30), timedelta(hours=12)
"""A session ends after so long without use, and after so long in any case (ASVS 3.3.2, level 2)."""
HALF = timedelta(minutes=10)
"""So long after the password the second factor may be given; setting one up takes a few minutes."""
NOTED_EVERY = timedelta(seconds=60)
"""Use is noted no more often than this, so that looking at pages hardly writes."""


@dataclass(frozen=True)
class Session:
    """A session that holds, whole or not: its account as it is now, and the hash it is kept under."""

    session_hash: str
    account: Account


class Sessions:
    """The sessions in the store."""

    def __init__(self, store: OperationsStore, accounts: Accounts, clock: Clock = utc_now) -> None:
        self._store = store
        self._accounts = accounts
        self._clock = clock

    def begin(self, account: Account) -> str:
        """A session of the account, clearing ended ones; gives the secret of 256 bits that its browser is to hold.

        It is whole where a provider vouches for the account: the second factor is the provider's to ask for. That of a
        local account is not, until ``complete``.
        """
        with self._store.writing() as connection:
            return self._insert(connection, account, is_whole=account.subject is not None)

    def complete(self, session: Session) -> str:
        """Signs in whoever has given their second factor: a whole session in the place of ``session``, and its secret.

        Raises ``SignInRefused`` where that has ended meanwhile.
        """
        with self._store.writing() as connection:
            ended = connection.execute(
                delete(SessionRecord).where(
                    SessionRecord.session_hash == session.session_hash, SessionRecord.is_whole.is_(False)
                )
            )
            if not ended.rowcount:
                raise SignInRefused("The session has ended meanwhile. Sign in again.")
            return self._insert(connection, session.account, is_whole=True)

    def _insert(self, connection: Connection, account: Account, *, is_whole: bool) -> str:
        secret, now = secrets.token_urlsafe(32), self._clock()
        ended = (
            (SessionRecord.created_at < now - ABSOLUTE)
            | (SessionRecord.last_used_at < now - IDLE)
            | (SessionRecord.is_whole.is_(False) & (SessionRecord.created_at < now - HALF))
        )
        gone = select(SessionRecord.session_hash).where(ended)
        connection.execute(delete(SessionReasonRecord).where(SessionReasonRecord.session_hash.in_(gone)))
        connection.execute(delete(SessionRecord).where(ended))
        connection.execute(
            insert(SessionRecord).values(
                session_hash=secret_hash(secret),
                account_id=account.account_id,
                created_at=now,
                last_used_at=now,
                is_whole=is_whole,
            )
        )
        if is_whole:
            connection.execute(
                update(AccountRecord)
                .where(AccountRecord.account_id == account.account_id)
                .values(last_signed_in_at=now)
            )
        return secret

    def find_half(self, secret: str) -> Session | None:
        """The session of someone who has given their password and not yet their second factor, if it holds."""
        key = secret_hash(secret)
        row = self._row(key)
        if row is None or row.is_whole or row.created_at < self._clock() - HALF:
            return None
        account = self._accounts.get(row.account_id)
        return Session(key, account) if account else None

    def _row(self, key: str) -> Any:
        with self._store.reading() as connection:
            return connection.execute(
                select(
                    SessionRecord.account_id,
                    SessionRecord.created_at,
                    SessionRecord.last_used_at,
                    SessionRecord.is_whole,
                )
                .join(AccountRecord, AccountRecord.account_id == SessionRecord.account_id)
                .where(SessionRecord.session_hash == key, AccountRecord.is_active)
            ).first()

    def find(self, secret: str) -> Session | None:
        """The whole session of this secret, if it holds and its account is open; notes that it was used."""
        now, key = self._clock(), secret_hash(secret)
        row = self._row(key)
        if row is None or not row.is_whole or row.created_at < now - ABSOLUTE or row.last_used_at < now - IDLE:
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
