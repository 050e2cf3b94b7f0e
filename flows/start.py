"""Starts a flow from the command line: a server, dbt warming up beside it, then the flow."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from connectors.configuration import read_configuration
from connectors.errors import SendError
from flows.server import prefect_server
from flows.summary import RunSummary
from protection.removal import Certificate
from returns.standing import CheckedReturn
from warehouse.build import DbtProject
from warehouse.home import Home

if TYPE_CHECKING:
    from flows.backfill import Backfilled

Outcome = TypeVar("Outcome")


class RunFailed(SendError):
    """A run ended before its end."""


def run_nightly(
    home: Home,
    as_at: date | None,
    known_at: datetime | None,
    tell: Callable[[str], None],
    only: str | None = None,
) -> RunSummary:
    """Runs the nightly flow to its end and gives its summary.

    Raises the run's own ``SendError``, or ``RunFailed`` where Prefect itself stopped it.
    """

    def start() -> Any:
        from flows.nightly import nightly

        return nightly(str(home.folder), as_at=as_at, known_at=known_at, only=only, return_state=True)

    def meanwhile() -> None:
        import flows.nightly  # noqa: F401

        DbtProject(home).warm_up()

    return _through_prefect(home, tell, start, RunSummary, meanwhile)


def run_season(home: Home, tell: Callable[[str], None]) -> CheckedReturn:
    """Runs the flow of the SEN2 season to its end and gives the return as checked. Raises as ``run_nightly``."""

    def start() -> Any:
        from flows.season import season

        return season(str(home.folder), return_state=True)

    return _through_prefect(home, tell, start, CheckedReturn)


def run_backfill(
    home: Home, first: date, last: date, is_as_known: bool, is_again: bool, tell: Callable[[str], None]
) -> Backfilled:
    """Runs the flow that makes past days to its end and gives the days. Raises as ``run_nightly``."""

    def start() -> Any:
        from flows.backfill import backfill

        return backfill(str(home.folder), first, last, known=is_as_known, again=is_again, return_state=True)

    from flows.backfill import Backfilled, days_between

    days_between(first, last)
    return _through_prefect(home, tell, start, Backfilled)


def run_retention(
    home: Home,
    *,
    by: str,
    because: str,
    child_id: str | None,
    as_at: date | None,
    is_applied: bool,
    tell: Callable[[str], None],
) -> Certificate:
    """Runs the flow of retention to its end and gives its certificate. Raises as ``run_nightly``."""

    def start() -> Any:
        from flows.retention import retention

        return retention(
            str(home.folder),
            by=by,
            because=because,
            child_id=child_id,
            as_at=as_at,
            apply=is_applied,
            return_state=True,
        )

    return _through_prefect(home, tell, start, Certificate)


def _through_prefect(
    home: Home,
    tell: Callable[[str], None],
    start: Callable[[], Any],
    expected: type[Outcome],
    meanwhile: Callable[[], None] = lambda: None,
) -> Outcome:
    """Gives what the flow comes to that ``start`` starts; ``meanwhile`` is done while a temporary server starts."""
    read_configuration(home.folder)  # a home without one is told so at once, and nothing is made in it
    home.create()
    import httpx

    from flows.run import keep_outcome, tell_progress

    kept: list[object] = []
    tell_progress.set(tell)
    keep_outcome.set(kept.append)
    with prefect_server(home) as server:
        tell("Starting Prefect")
        meanwhile()
        if server is not None:
            server.wait()
        try:
            state = start()
            outcome, ended_as = state.result(raise_on_failure=False), state.name
        except httpx.TransportError:
            outcome, ended_as = (kept or [None])[-1], "unknown, for Prefect's server has gone away"
    if isinstance(outcome, SendError):
        raise outcome
    if not isinstance(outcome, expected):
        raise RunFailed(f"The run ended as {ended_as}. What was published stands. Run it again: send run") from None
    return outcome
