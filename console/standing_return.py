"""The SEN2 return's check for its page: run aside, once for each state of the warehouse, so that no page waits."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from threading import Lock, Thread

from connectors.errors import SendError
from connectors.unforeseen import told_without_data
from operations.store import OperationsStore
from returns.standing import CheckedReturn, check_return
from warehouse.home import Home

LOG = logging.getLogger("send.console")


@dataclass(frozen=True)
class ReturnState:
    """The return as checked last; ``is_checking`` where a newer check is going on, ``problem`` where it cannot be."""

    checked: CheckedReturn | None
    is_checking: bool
    problem: str | None


class StandingReturn:
    """Checks the return of a home in the background."""

    def __init__(self, home: Home, store: OperationsStore) -> None:
        self._home = home
        self._store = store
        self._lock = Lock()
        self._key: tuple[int, int] | None = None
        self._state = ReturnState(None, False, None)

    def state(self) -> ReturnState:
        """The last check; starts another where the warehouse or an explanation has changed since."""
        try:
            warehouse = self._home.warehouse.stat().st_mtime_ns
        except OSError:
            return ReturnState(None, False, "There is no warehouse yet, so no return. Build it first: send sen2 build")
        key = (warehouse, len(self._store.explanations()))
        with self._lock:
            if key != self._key and not self._state.is_checking:
                self._key = key
                self._state = ReturnState(self._state.checked, True, None)
                Thread(target=self._check, name="check of the return", daemon=True).start()
            return self._state

    def _check(self) -> None:
        try:
            state = ReturnState(check_return(self._home, self._store), False, None)
        except SendError as error:
            state = ReturnState(None, False, str(error))
        except Exception as error:
            LOG.error(told_without_data("the check of the return", error))
            state = ReturnState(None, False, "The return could not be checked; try send sen2 check.")
        with self._lock:
            self._state = state
