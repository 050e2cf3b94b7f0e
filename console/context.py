"""What the pages work on: the home, the operations store, the rules, and how the console is reached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_address
from threading import Lock
from typing import TypeVar, cast
from urllib.parse import urlsplit

from checks.rules import Rule, contract_paths, inspection_contract_paths, read_contracts, return_contract_paths
from connectors.configuration import Configuration, ConsoleConfiguration
from console.landed import Landing
from console.standing_return import StandingReturn
from operations.access_log import AccessLog
from operations.accounts import Accounts, Clock, utc_now
from operations.corrections import Corrections
from operations.factors import SecondFactors
from operations.sealing import Seal
from operations.sessions import Sessions
from operations.store import OperationsStore
from operations.triage import Triage
from warehouse.home import Home

T = TypeVar("T")


class SinceTheLastRun:
    """Keeps what only a run, or the hour, can change, so that it is reckoned once and not for every page."""

    def __init__(self, store: OperationsStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._lock = Lock()
        self._key: tuple[object, ...] = ()
        self._kept: dict[str, object] = {}

    def get(self, name: str, reckon: Callable[[], T]) -> T:
        """What is kept under ``name``, reckoned where the last run has changed or another hour has begun."""
        last, now = self._store.last_run(), self._clock()
        key = (last.run_id if last else "", last.outcome if last else "", now.date(), now.hour)
        with self._lock:
            if key != self._key:
                self._key, self._kept = key, {}
            if name in self._kept:
                return cast(T, self._kept[name])
        reckoned = reckon()
        with self._lock:
            if key == self._key:
                self._kept[name] = reckoned
        return reckoned


def is_loopback(host: str) -> bool:
    """Whether only this machine itself reaches the address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


@dataclass
class Console:
    """One console. ``is_secure`` says that browsers reach it through TLS; ``seal`` closes second factors' secrets."""

    home: Home
    configuration: Configuration
    store: OperationsStore
    seal: Seal
    is_secure: bool
    clock: Clock = utc_now

    @property
    def settings(self) -> ConsoleConfiguration:
        """What the council has set of the console."""
        return self.configuration.console

    @cached_property
    def accounts(self) -> Accounts:
        """Who may use it."""
        return Accounts(self.store, place_words(self.configuration), self.clock)

    @cached_property
    def sessions(self) -> Sessions:
        """Who is signed in."""
        return Sessions(self.store, self.accounts, self.clock)

    @cached_property
    def factors(self) -> SecondFactors:
        """What else but a password local accounts sign in with."""
        return SecondFactors(self.store, self.accounts, self.seal, self.clock)

    @cached_property
    def since_the_last_run(self) -> SinceTheLastRun:
        """What only a run can change."""
        return SinceTheLastRun(self.store, self.clock)

    @cached_property
    def access_log(self) -> AccessLog:
        """Who saw what."""
        return AccessLog(self.store, self.clock)

    @cached_property
    def triage(self) -> Triage:
        """The findings, and what people do with them."""
        return Triage(self.store)

    @cached_property
    def corrections(self) -> Corrections:
        """Values laid over landed ones."""
        return Corrections(self.store)

    @cached_property
    def landing(self) -> Landing:
        """What was landed."""
        return Landing(self.home)

    @cached_property
    def standing_return(self) -> StandingReturn:
        """The SEN2 return as it stands."""
        return StandingReturn(self.home, self.store)

    @cached_property
    def rules(self) -> dict[str, Rule]:
        """Every rule by the dataset and id it has, as ``dataset:rule_id``."""
        first, last = contract_paths()
        paths = (*first, *last, *return_contract_paths(), *inspection_contract_paths())
        return {f"{rule.dataset}:{rule.rule_id}": rule for contract in read_contracts(paths) for rule in contract.rules}

    @property
    def session_cookie(self) -> str:
        """The name of the cookie; its prefix binds it to this host and to TLS."""
        return "__Host-send-session" if self.is_secure else "send-session"

    @property
    def guest_cookie(self) -> str:
        """The name of the cookie of whoever has not signed in."""
        return "__Host-send-guest" if self.is_secure else "send-guest"

    @property
    def hosts(self) -> list[str]:
        """The names by which browsers may ask for it; any other is an attempt to reach it by a foreign name."""
        public = urlsplit(self.settings.address or "").hostname
        return [*([public] if public else []), "127.0.0.1", "localhost", "[::1]"]


def place_words(configuration: Configuration) -> tuple[str, ...]:
    """Words of this council, which those who guess its passwords try first."""
    return ("council", configuration.la_code, *configuration.la_name.casefold().split())
