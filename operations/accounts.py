"""Who may use the console: accounts with their roles, invitations, and signing in."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, DateTime, delete, func, insert, null, select, update
from sqlalchemy.exc import IntegrityError

from checks.rules import OWNERS
from connectors.errors import SendError
from operations.passwords import check_password, hashed, is_outdated, is_right
from operations.schema import (
    AccountRecord,
    SecondFactorRecord,
    SessionReasonRecord,
    SessionRecord,
    SignInAttemptRecord,
)
from operations.store import OperationsStore

VIEWER, STEWARD, RETURN_OFFICER, ADMINISTRATOR = "viewer", "steward", "return_officer", "administrator"
ROLES = {
    VIEWER: "sees figures only, no child",
    STEWARD: "sees and works on the findings of their own organisation",
    RETURN_OFFICER: "sees and works on all findings, and sees the SEN2 return",
    ADMINISTRATOR: "sees and works on all findings, keeps the accounts and reads the access log",
}
"""The roles, and what each may do, in words."""
ORGANISATION_OF = {
    "sen_team": "education",
    "schools_data_team": "education",
    "health_steward": "health",
    "social_care_steward": "social_care",
    "bi_team": "corporate",
}
"""The organisation each owner of findings belongs to."""

NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{1,127}")
INVITATION_DAYS = 3
WINDOW = timedelta(minutes=15)
ATTEMPTS_PER_NAME, ATTEMPTS_PER_ADDRESS = 8, 40
"""Failed attempts within the window after which a name, or an address, has to wait (ASVS 2.2.1: far below 100/hour)."""
ATTEMPT_LOCK, ACCOUNT_LOCK = 7_351, 7_352

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The moment in UTC, without a zone, as the store keeps times."""
    return datetime.now(UTC).replace(tzinfo=None)


class AccountRefused(SendError):
    """An account cannot be made or changed as asked."""


class SignInRefused(SendError):
    """Name and password do not belong together, or the account is closed; it is not said which."""


class TooManyAttempts(SignInRefused):
    """Too many failed attempts from this address or at this name; it has to wait."""


@dataclass(frozen=True)
class Account:
    """Someone who may use the console. Times are UTC.

    ``subject`` is set where a provider vouches for them, ``factor_since`` where they have set up a second factor here.
    """

    account_id: int
    name: str
    role: str
    owner: str | None
    is_active: bool
    has_password: bool
    subject: str | None
    invitation_ends_at: datetime | None
    created_at: datetime
    last_signed_in_at: datetime | None
    factor_since: datetime | None

    @property
    def organisation(self) -> str | None:
        """The organisation whose findings a steward sees; None where the role does not go by organisation."""
        return ORGANISATION_OF[self.owner] if self.owner else None


def secret_hash(secret: str) -> str:
    """What is kept of a random secret of 256 bits: enough to know it again, useless to a thief."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _account(row: Any) -> Account:
    return Account(
        account_id=row.account_id,
        name=row.name,
        role=row.role,
        owner=row.owner,
        is_active=row.is_active,
        has_password=row.password_hash is not None,
        subject=row.subject,
        invitation_ends_at=row.invitation_ends_at,
        created_at=row.created_at,
        last_signed_in_at=row.last_signed_in_at,
        factor_since=row.factor_since,
    )


_ALL = select(*AccountRecord.__table__.columns, SecondFactorRecord.enrolled_at.label("factor_since")).outerjoin(
    SecondFactorRecord, SecondFactorRecord.account_id == AccountRecord.account_id
)
_NEW = (*AccountRecord.__table__.columns, null().cast(DateTime).label("factor_since"))


def _checked(name: str, role: str, owner: str | None) -> tuple[str, str, str | None]:
    """Name, role and owner as they are kept. Raises ``AccountRefused``."""
    folded = name.strip().casefold()
    if not NAME.fullmatch(folded):
        raise AccountRefused(
            "A name has 2 to 128 letters, digits or . _ @ + - and begins with a letter or digit. An e-mail "
            "address will do."
        )
    if role not in ROLES:
        raise AccountRefused(f"There is no such role. The roles are {', '.join(ROLES)}.")
    if role == STEWARD and owner not in OWNERS:
        raise AccountRefused(f"A steward belongs to an owner of findings: {', '.join(OWNERS)}.")
    if role == VIEWER and owner:
        raise AccountRefused("A viewer sees figures only and belongs to no owner of findings.")
    if owner and owner not in OWNERS:
        raise AccountRefused(f"There is no such owner of findings. The owners are {', '.join(OWNERS)}.")
    return folded, role, owner or None


class Accounts:
    """The accounts in the store. ``place_words`` are words that no password may rest on, such as the council's name."""

    def __init__(self, store: OperationsStore, place_words: tuple[str, ...] = (), clock: Clock = utc_now) -> None:
        self._store = store
        self._words = ("send", *place_words)
        self._clock = clock

    def all(self) -> list[Account]:
        """Every account, by name."""
        with self._store.reading() as connection:
            return [_account(row) for row in connection.execute(_ALL.order_by(AccountRecord.name))]

    def get(self, account_id: int) -> Account | None:
        """One account."""
        with self._store.reading() as connection:
            row = connection.execute(_ALL.where(AccountRecord.account_id == account_id)).first()
        return _account(row) if row else None

    def is_empty(self) -> bool:
        """Whether nobody has an account yet."""
        with self._store.reading() as connection:
            return not connection.execute(select(func.count()).select_from(AccountRecord)).scalar_one()

    def add(self, name: str, role: str, owner: str | None = None, *, password: str | None = None) -> Account:
        """Makes an account; without a password nobody can use it until it is invited.

        Raises ``AccountRefused`` and ``PasswordRefused``.
        """
        folded, role, owner = _checked(name, role, owner)
        if password is not None:
            check_password(password, folded, self._words)
        kept = None if password is None else hashed(password)
        return self._insert(name=folded, role=role, owner=owner, password_hash=kept)

    def _insert(self, **values: Any) -> Account:
        try:
            with self._store.writing() as connection:
                row = connection.execute(
                    insert(AccountRecord).values(is_active=True, created_at=self._clock(), **values).returning(*_NEW)
                ).one()
        except IntegrityError:
            raise AccountRefused(f"There is an account {values['name']} already. Choose another name.") from None
        return _account(row)

    def change(self, account_id: int, *, role: str, owner: str | None, is_active: bool) -> Account:
        """Gives an account another role or owner, closes it or opens it again; its sessions end.

        Raises ``AccountRefused``, also where nobody would be left to administer the console.
        """
        with self._store.writing(ACCOUNT_LOCK) as connection:
            row = connection.execute(_ALL.where(AccountRecord.account_id == account_id)).first()
            if row is None:
                raise AccountRefused("There is no such account.")
            _, role, owner = _checked(row.name, role, owner)
            connection.execute(
                update(AccountRecord)
                .where(AccountRecord.account_id == account_id)
                .values(role=role, owner=owner, is_active=is_active)
            )
            is_administered = connection.execute(
                select(func.count())
                .select_from(AccountRecord)
                .where(AccountRecord.role == ADMINISTRATOR, AccountRecord.is_active)
            ).scalar_one()
            if row.role == ADMINISTRATOR and row.is_active and not is_administered:
                raise AccountRefused("This is the last administrator. Make another one first.")
            end_sessions(connection, account_id)
            return _account(connection.execute(_ALL.where(AccountRecord.account_id == account_id)).one())

    def invite(self, account_id: int) -> str:
        """A secret with which the account's holder sets a password, once, within three days.

        A password and sessions that there are end at once. Raises ``AccountRefused`` for an account of a provider.
        """
        secret = secrets.token_urlsafe(32)
        with self._store.writing() as connection:
            invited = connection.execute(
                update(AccountRecord)
                .where(AccountRecord.account_id == account_id, AccountRecord.subject.is_(None))
                .values(
                    password_hash=None,
                    invitation_hash=secret_hash(secret),
                    invitation_ends_at=self._clock() + timedelta(days=INVITATION_DAYS),
                )
            )
            end_sessions(connection, account_id)
        if not invited.rowcount:
            raise AccountRefused("There is no such account with a password of its own.")
        return secret

    def invited(self, secret: str) -> Account | None:
        """Whom an invitation that holds is for."""
        with self._store.reading() as connection:
            row = connection.execute(
                _ALL.where(
                    AccountRecord.invitation_hash == secret_hash(secret),
                    AccountRecord.invitation_ends_at > self._clock(),
                    AccountRecord.is_active,
                )
            ).first()
        return _account(row) if row else None

    def accept(self, secret: str, password: str) -> Account:
        """Sets the password of whom the invitation is for. Raises ``SignInRefused`` and ``PasswordRefused``."""
        account = self.invited(secret)
        if account is None:
            raise SignInRefused("The invitation has been used or has ended. Ask an administrator for another.")
        check_password(password, account.name, self._words)
        kept = hashed(password)
        with self._store.writing() as connection:
            accepted = connection.execute(
                update(AccountRecord)
                .where(AccountRecord.invitation_hash == secret_hash(secret))
                .values(password_hash=kept, invitation_hash=None, invitation_ends_at=None)
            )
        if not accepted.rowcount:
            raise SignInRefused("The invitation has been used or has ended. Ask an administrator for another.")
        return account

    def set_password(self, account_id: int, password: str, *, current: str | None = None) -> None:
        """Gives a local account another password; all its sessions end. ``current`` is asked of its holder.

        Raises ``SignInRefused`` where ``current`` is wrong, and ``PasswordRefused``.
        """
        with self._store.reading() as connection:
            row = connection.execute(_ALL.where(AccountRecord.account_id == account_id)).first()
        if row is None or row.subject is not None:
            raise AccountRefused("There is no such account with a password of its own.")
        if current is not None and not is_right(row.password_hash, current):
            raise SignInRefused("The current password is not right.")
        check_password(password, row.name, self._words)
        kept = hashed(password)
        with self._store.writing() as connection:
            connection.execute(
                update(AccountRecord)
                .where(AccountRecord.account_id == account_id)
                .values(password_hash=kept, invitation_hash=None, invitation_ends_at=None)
            )
            end_sessions(connection, account_id)

    def by_name(self, name: str) -> Account | None:
        """The account of that name."""
        with self._store.reading() as connection:
            row = connection.execute(_ALL.where(AccountRecord.name == name.strip().casefold())).first()
        return _account(row) if row else None

    def sign_in(self, name: str, password: str, address: str) -> Account:
        """The account that name and password belong to. Raises ``SignInRefused`` and ``TooManyAttempts``.

        An attempt is counted before it is tried, so that many at once do not slip past the limit. It stays counted
        until the sign-in is whole: whoever knows the password gets no further attempts at the second factor by it.
        """
        folded = name.strip().casefold()
        self.count_attempt(folded, address)
        with self._store.reading() as connection:
            row = connection.execute(_ALL.where(AccountRecord.name == folded)).first()
        is_password_right = is_right(row.password_hash if row else None, password)
        if row is None or not is_password_right or not row.is_active:
            raise SignInRefused("Name and password do not belong together, or the account is closed.")
        if is_outdated(row.password_hash):
            with self._store.writing() as connection:
                connection.execute(
                    update(AccountRecord)
                    .where(AccountRecord.account_id == row.account_id)
                    .values(password_hash=hashed(password))
                )
        return _account(row)

    def forget_attempts(self, account: Account) -> None:
        """Begins to count anew, once the account's holder has proved who they are in whole."""
        with self._store.writing() as connection:
            connection.execute(
                delete(SignInAttemptRecord).where(SignInAttemptRecord.name_hash == secret_hash(account.name))
            )

    def count_attempt(self, folded: str, address: str) -> None:
        """Counts an attempt at a name, as it is kept, from an address. Raises ``TooManyAttempts``."""
        now, name_hash = self._clock(), secret_hash(folded)
        limits = (
            (SignInAttemptRecord.name_hash == name_hash, ATTEMPTS_PER_NAME),
            (SignInAttemptRecord.address == address, ATTEMPTS_PER_ADDRESS),
        )
        with self._store.writing(ATTEMPT_LOCK) as connection:
            connection.execute(delete(SignInAttemptRecord).where(SignInAttemptRecord.at < now - WINDOW))
            for is_of_it, most in limits:
                found = select(func.count()).select_from(SignInAttemptRecord).where(is_of_it)
                if connection.execute(found).scalar_one() >= most:
                    raise TooManyAttempts(
                        f"There were too many attempts. Wait {WINDOW.seconds // 60} minutes, then try again."
                    )
            connection.execute(insert(SignInAttemptRecord).values(name_hash=name_hash, address=address, at=now))

    def sign_in_by_provider(self, subject: str, name: str, role: str, owner: str | None) -> Account:
        """The account of whom an OpenID Connect provider vouches for, made on their first visit.

        Role and owner are the provider's to say, at every sign-in. Raises ``SignInRefused`` where the account was
        closed here, ``AccountRefused`` where a local account has that name.
        """
        folded, role, owner = _checked(name, role, owner)
        now = self._clock()
        with self._store.writing() as connection:
            row = connection.execute(_ALL.where(AccountRecord.subject == subject)).first()
            if row is not None:
                if not row.is_active:
                    raise SignInRefused("The account is closed. Ask an administrator.")
                connection.execute(
                    update(AccountRecord)
                    .where(AccountRecord.account_id == row.account_id)
                    .values(role=role, owner=owner, last_signed_in_at=now)
                )
                return _account(connection.execute(_ALL.where(AccountRecord.subject == subject)).one())
        return self._insert(name=folded, role=role, owner=owner, subject=subject, last_signed_in_at=now)


def end_sessions(connection: Connection, account_id: int, *, but: str = "") -> None:
    """Signs the account out everywhere, but in the session of the hash ``but``."""
    ending = (SessionRecord.account_id == account_id) & (SessionRecord.session_hash != but)
    of_account = select(SessionRecord.session_hash).where(ending)
    connection.execute(delete(SessionReasonRecord).where(SessionReasonRecord.session_hash.in_(of_account)))
    connection.execute(delete(SessionRecord).where(ending))
