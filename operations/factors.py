"""The second factor of local accounts: an authenticator app (TOTP, RFC 6238), and recovery codes for when it is lost.

OWASP ASVS 5 asks for it at level 2 (V6.3.3), and says how it is kept and tried (V6.5.1 to V6.5.5, V6.6.3).
"""

from __future__ import annotations

import base64
import hmac
import re
import secrets
from datetime import UTC
from typing import Literal

import pyotp
from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from operations.accounts import (
    Account,
    AccountRefused,
    Accounts,
    Clock,
    SignInRefused,
    end_sessions,
    secret_hash,
    utc_now,
)
from operations.schema import RecoveryCodeRecord, SecondFactorRecord, SessionRecord
from operations.sealing import Seal
from operations.sessions import Session
from operations.store import OperationsStore

STEP_SECONDS, STEPS_EITHER_WAY = 30, 1
"""How long a code is shown, and by how many of these a phone's clock may be wrong (RFC 6238, 5.2)."""
SECRET_CHARACTERS = 32
"""Of base32, 160 bits: what RFC 4226 recommends (section 4, R6) and every app takes."""
RECOVERY_CODES, RECOVERY_BYTES = 10, 15
"""120 bits each: from 112 on a plain hash keeps them (ASVS 5, V6.5.2)."""
APP_CODE = re.compile(r"[0-9]{6}")

Proof = Literal["app", "recovery_code"]


class FactorRefused(SignInRefused):
    """A code is not right, has been used, or there is nothing it could belong to."""


def _new_secret() -> str:
    return pyotp.random_base32(SECRET_CHARACTERS)


def _new_recovery_code() -> str:
    text = base64.b32encode(secrets.token_bytes(RECOVERY_BYTES)).decode()
    return "-".join(text[start : start + 4] for start in range(0, len(text), 4))


def _recovery_hash(code: str) -> str:
    """The hash of a recovery code however its letters and dashes were typed."""
    return secret_hash("".join(character for character in code.upper() if character.isalnum()))


def app_code(secret: str, step: int) -> str:
    """The six digits that an app with this secret shows in the 30 seconds ``step``, counted from 1970."""
    return str(pyotp.TOTP(secret, interval=STEP_SECONDS).generate_otp(step))


class SecondFactors:
    """The second factors in the store."""

    def __init__(self, store: OperationsStore, accounts: Accounts, seal: Seal, clock: Clock = utc_now) -> None:
        self._store = store
        self._accounts = accounts
        self._seal = seal
        self._clock = clock

    def codes_left(self, account: Account) -> int:
        """How many recovery codes of the account have not been used."""
        of_account = RecoveryCodeRecord.account_id == account.account_id
        with self._store.reading() as connection:
            return int(
                connection.execute(select(func.count()).select_from(RecoveryCodeRecord).where(of_account)).scalar_one()
            )

    def offer(self, session: Session) -> str:
        """A new secret for the app of whoever this session is; it is the session's alone, and ends with it.

        Nobody who has the password earlier learns it: another session is offered another secret.
        """
        secret = _new_secret()
        with self._store.writing() as connection:
            connection.execute(
                update(SessionRecord)
                .where(SessionRecord.session_hash == session.session_hash)
                .values(offered_secret=self._seal.seal(secret, _whose(session.account)))
            )
        return secret

    def offered(self, session: Session) -> str | None:
        """The secret that this session has been offered, until its app is enrolled."""
        with self._store.reading() as connection:
            sealed = connection.execute(
                select(SessionRecord.offered_secret).where(SessionRecord.session_hash == session.session_hash)
            ).scalar()
        return self._seal.open(sealed, _whose(session.account)) if sealed else None

    def enrol(self, session: Session, code: str, address: str) -> tuple[str, ...]:
        """Makes the app with the offered secret the account's second factor, once it shows ``code``.

        Gives the recovery codes, which cannot be told again. From a whole session the app takes the place of the one
        before, whose recovery codes and other sessions end; from one that is not it has to be the first. Raises
        ``FactorRefused`` and ``TooManyAttempts``.
        """
        account = session.account
        self._accounts.count_attempt(account.name, address)
        secret = self.offered(session)
        if secret is None:
            raise FactorRefused("There is no app to set up. Begin again.")
        step = self._step_of(secret, code, after=-1)
        if step is None:
            raise FactorRefused(
                "The code is not the one that the app should show now. Check that the clocks of phone and computer are "
                "right, wait for the next code and type it."
            )
        try:
            with self._store.writing() as connection:
                ended = connection.execute(
                    update(SessionRecord)
                    .where(SessionRecord.session_hash == session.session_hash)
                    .values(offered_secret=None)
                    .returning(SessionRecord.is_whole)
                ).first()
                if ended is None:
                    raise FactorRefused("The session has ended meanwhile. Sign in again.")
                if ended.is_whole:
                    _take_away(connection, account.account_id)
                    end_sessions(connection, account.account_id, but=session.session_hash)
                connection.execute(
                    insert(SecondFactorRecord).values(
                        account_id=account.account_id,
                        sealed_secret=self._seal.seal(secret, _whose(account)),
                        last_step=step,
                        enrolled_at=self._clock(),
                    )
                )
                codes = _make_codes(connection, account.account_id)
        except IntegrityError:
            raise FactorRefused("An app has been set up for this account meanwhile. Sign in with its code.") from None
        self._accounts.forget_attempts(account)
        return codes

    def prove(self, account: Account, code: str, address: str) -> Proof:
        """Takes a code of the account's app, or one of its recovery codes; neither is taken again.

        An attempt is counted before it is tried, with those at the password. Raises ``FactorRefused`` and
        ``TooManyAttempts``.
        """
        self._accounts.count_attempt(account.name, address)
        typed = "".join(code.split())
        proof: Proof = "app" if APP_CODE.fullmatch(typed) else "recovery_code"
        is_right = self._take_app_code if proof == "app" else self._take_recovery_code
        if not is_right(account, typed):
            raise FactorRefused(
                "The code is not right, or has been used already. Wait for the next one that the app shows."
                if proof == "app"
                else "This is no code of six digits, and no recovery code of yours that has not been used."
            )
        self._accounts.forget_attempts(account)
        return proof

    def _take_app_code(self, account: Account, code: str) -> bool:
        of_account = SecondFactorRecord.account_id == account.account_id
        with self._store.reading() as connection:
            kept = connection.execute(
                select(SecondFactorRecord.sealed_secret, SecondFactorRecord.last_step).where(of_account)
            ).first()
        if kept is None:
            return False
        step = self._step_of(self._seal.open(kept.sealed_secret, _whose(account)), code, after=kept.last_step)
        if step is None:
            return False
        with self._store.writing() as connection:  # of two that send one code at once, one has it
            taken = connection.execute(
                update(SecondFactorRecord)
                .where(
                    of_account,
                    SecondFactorRecord.last_step < step,
                    SecondFactorRecord.sealed_secret == kept.sealed_secret,
                )
                .values(last_step=step)
            )
        return bool(taken.rowcount)

    def _take_recovery_code(self, account: Account, code: str) -> bool:
        with self._store.writing() as connection:
            taken = connection.execute(
                delete(RecoveryCodeRecord).where(
                    RecoveryCodeRecord.account_id == account.account_id,
                    RecoveryCodeRecord.code_hash == _recovery_hash(code),
                )
            )
        return bool(taken.rowcount)

    def _step_of(self, secret: str, code: str, *, after: int) -> int | None:
        """The step, later than ``after`` and about now, in which the app shows the code."""
        now = int(self._clock().replace(tzinfo=UTC).timestamp()) // STEP_SECONDS
        typed = "".join(code.split()).encode()
        steps = range(now - STEPS_EITHER_WAY, now + STEPS_EITHER_WAY + 1)
        shown = [step for step in steps if hmac.compare_digest(app_code(secret, step).encode(), typed)]
        return next((step for step in shown if step > after), None)

    def make_codes(self, account: Account) -> tuple[str, ...]:
        """New recovery codes in the place of those there are. Raises ``FactorRefused`` where no app is set up."""
        with self._store.writing() as connection:
            of_account = SecondFactorRecord.account_id == account.account_id
            if connection.execute(select(SecondFactorRecord.account_id).where(of_account)).first() is None:
                raise FactorRefused("No authenticator app is set up for this account.")
            return _make_codes(connection, account.account_id)


def reset_factor(store: OperationsStore, account: Account) -> None:
    """Takes the account's app and recovery codes away and ends its sessions; the next sign-in sets up another app.

    Raises ``AccountRefused`` where there is none.
    """
    with store.writing() as connection:
        if not _take_away(connection, account.account_id):
            raise AccountRefused(f"{account.name} has not set up a second factor. There is nothing to reset.")
        end_sessions(connection, account.account_id)


def _whose(account: Account) -> str:
    return f"second factor of account {account.account_id}"


def _take_away(connection: Connection, account_id: int) -> bool:
    connection.execute(delete(RecoveryCodeRecord).where(RecoveryCodeRecord.account_id == account_id))
    taken = connection.execute(delete(SecondFactorRecord).where(SecondFactorRecord.account_id == account_id))
    return bool(taken.rowcount)


def _make_codes(connection: Connection, account_id: int) -> tuple[str, ...]:
    connection.execute(delete(RecoveryCodeRecord).where(RecoveryCodeRecord.account_id == account_id))
    codes = tuple(_new_recovery_code() for _ in range(RECOVERY_CODES))
    rows = [{"account_id": account_id, "code_hash": _recovery_hash(code)} for code in codes]
    connection.execute(insert(RecoveryCodeRecord), rows)
    return codes
