"""The authenticator app of everybody in the tests, and the clock that it and the console go by.

The clock goes on to the next 30 seconds for every code that is read off, so that nobody has to wait for one that has
not been used.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime, timedelta

import pytest

from console.context import Console
from operations import factors
from operations.accounts import Account, utc_now
from operations.factors import STEP_SECONDS, app_code
from operations.sealing import KEY_BYTES, Seal
from operations.sessions import Session

HERE = "127.0.0.1"


class Authenticator:
    """An app that knows everybody's secret, and a clock."""

    def __init__(self) -> None:
        self._ahead = timedelta(0)

    def now(self) -> datetime:
        """The moment in UTC, ahead by what was waited."""
        return utc_now() + self._ahead

    def wait(self, steps: int = 1) -> None:
        """Lets 30 seconds go by, or several times as many."""
        self._ahead += steps * timedelta(seconds=STEP_SECONDS)

    @property
    def step(self) -> int:
        """The 30 seconds that it is, counted from 1970."""
        return int(self.now().replace(tzinfo=UTC).timestamp()) // STEP_SECONDS

    def secret_of(self, name: str) -> str:
        """The secret that the account of this name sets up."""
        return base64.b32encode(hashlib.sha256(name.encode()).digest()[:20]).decode()

    def next_code(self, name: str) -> str:
        """The next code of the account's app: none that was read off before."""
        return self.code_of(self.secret_of(name))

    def code_of(self, secret: str) -> str:
        """The next code of the app with this secret."""
        self.wait()
        return app_code(secret.replace(" ", ""), self.step)


SEAL = Seal(bytes(KEY_BYTES))
AUTHENTICATOR = Authenticator()


def half_signed_in(console: Console, account: Account) -> Session:
    """The session of someone who has given their password alone."""
    half = console.sessions.find_half(console.sessions.begin(account))
    assert half is not None
    return half


def set_up_app(console: Console, account: Account) -> str:
    """Sets up the account's app as its holder would, and signs them in; gives the secret of the session."""
    half = half_signed_in(console, account)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(factors, "_new_secret", lambda: AUTHENTICATOR.secret_of(account.name))
        console.factors.offer(half)
    console.factors.enrol(half, AUTHENTICATOR.next_code(account.name), HERE)
    return console.sessions.complete(half)
