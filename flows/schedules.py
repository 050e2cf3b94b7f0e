"""What is done when: the jobs of ``send serve`` and ``prefect.yaml``, and how a scheduled run of one begins.

Prefect may start a run late, twice, or while another is at work. Of a job's runs for one day one does the work; the
others end well, with a note why they did nothing.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from prefect.context import FlowRunContext
from prefect.states import Completed, Failed

from connectors.configuration import Configuration
from connectors.errors import ConfigurationError, SendError
from flows.logs import RunLog
from flows.notices import clear_failure, is_failure_told, tell_late
from flows.run import keep_outcome, plain_errors
from flows.settings import LONDON
from operations.jobs import is_done, note_done
from operations.store import OperationsStore
from warehouse.home import Home

Flow = TypeVar("Flow", bound=Callable[..., Any])

TURN_SECONDS = 3 * 3600.0
"""How long a job waits for another job's run on the same home to end."""
PROBE_SECONDS = 5.0
TOLD_FAILURE = "Failed and told"
"""The state of a scheduled run that failed and has told people so; of one merely ``Failed`` the server tells."""


@dataclass(frozen=True)
class Job:
    """Something done on a schedule: the flow that does it, when (cron, London time), and how soon it comes again."""

    name: str
    entrypoint: str
    cron: str
    every: timedelta
    description: str
    tags: tuple[str, ...]


JOBS = (
    Job(
        "nightly",
        "flows.nightly:nightly",
        "0 2 * * *",
        timedelta(days=1),
        "Loads what is new, builds, checks, and publishes what passes its gate.",
        ("load", "publish"),
    ),
    Job(
        "sen2-season",
        "flows.season:season",
        "30 5 * 12,1-3 *",
        timedelta(days=1),
        "A dry run of the SEN2 return each day from December until its deadline, with the days that are left.",
        ("sen2",),
    ),
    Job(
        "retention",
        "flows.retention:retention",
        "0 5 1 * *",
        timedelta(days=28),
        "Says on the first of each month what personal data is past its date; a person applies it by name.",
        ("data protection",),
    ),
    Job(
        "month-end",
        "flows.month_end:month_end",
        "0 4 1 * *",
        timedelta(days=28),
        "On the first of each month keeps the dashboard of the month before for good.",
        ("dashboard",),
    ),
    Job(
        "worklists",
        "flows.worklists:worklists",
        "0 6 * * 1",
        timedelta(days=7),
        "On Mondays tells each caseworker, supervisor and partner service what is due and overdue.",
        ("worklists",),
    ),
)


def job_named(name: str) -> Job:
    """The job of that name. Raises ``ConfigurationError``."""
    for job in JOBS:
        if job.name == name:
            return job
    raise ConfigurationError(f"There is no job {name!r}. The jobs are: {', '.join(job.name for job in JOBS)}.")


def scheduled_jobs(configuration: Configuration) -> list[tuple[Job, str]]:
    """The jobs to serve, with the cron expression each runs by. Raises ``ConfigurationError``."""
    given = {job_named(name).name: cron for name, cron in configuration.schedules.items()}
    times = [(job, given.get(job.name, job.cron)) for job in JOBS]
    return [(job, cron) for job, cron in times if cron != "off"]


class PassedOver(SendError):
    """A scheduled run has nothing to do: why, for a person to read."""


def one_run_a_day(name: str) -> Callable[[Flow], Flow]:
    """Guards the flow of the job ``name``; its first argument is the home's folder.

    A run that nobody scheduled (``send run``, or one started by hand on Prefect's pages) goes straight on.
    """

    def guard(work: Flow) -> Flow:
        @functools.wraps(work)
        def guarded(home: str, *arguments: Any, **named: Any) -> Any:
            context = FlowRunContext.get()
            flow_run = context.flow_run if context else None
            if flow_run is None or not flow_run.auto_scheduled or flow_run.expected_start_time is None:
                try:
                    outcome = plain_errors(work)(home, *arguments, **named)
                except SendError as error:
                    keep_outcome.get()(error)
                    raise
                keep_outcome.get()(outcome)
                return outcome
            job, place, came_at = job_named(name), Home(Path(home)), datetime.now(UTC)
            due = flow_run.expected_start_time.astimezone(LONDON)
            try:
                store = begin(job, place, due, came_at)
            except PassedOver as note:
                RunLog(place, str(flow_run.id)).tell("passed over", job=name, day=due.date(), reason=str(note))
                return Completed(name="Passed over", message=str(note))
            log = RunLog(place, str(flow_run.id))
            try:
                plain_errors(tell_late)(place, store, job.name, due, came_at, log)
                outcome = plain_errors(work)(home, *arguments, **named)
            except PassedOver as note:
                return Completed(name="Passed over", message=str(note))
            except SendError as error:
                if is_failure_told(place, store, job.name, error, _utc_now(), log):
                    return Failed(name=TOLD_FAILURE, message=str(error), data=error)
                raise
            note_done(store, job.name, due.date())
            plain_errors(clear_failure)(place, store, job.name, _utc_now(), log)
            store.close()
            held = [line.product for line in getattr(outcome, "products", ()) if line.is_holding_the_run]
            if held:
                return Completed(name="Held", message=f"Held, with the last good version standing: {', '.join(held)}.")
            return Completed(message=f"Done for {due:%A %d %B %Y}.")

        return guarded  # type: ignore[return-value]

    return guard


def _utc_now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def begin(
    job: Job, home: Home, due: datetime, now: datetime, patience_seconds: float = TURN_SECONDS
) -> OperationsStore:
    """Waits for the job's turn on its home, and gives the home's store. Raises ``PassedOver`` where there is none.

    ``due`` is when the run was scheduled. One that its successor has overtaken, one whose work was done already and
    one that finds the same job at work have nothing to do. For another job's run it waits.
    """
    if now - due >= job.every:
        raise PassedOver(
            f"The {job.name} run due {_told(due)} began after the next was due, which does the same. Nothing was done."
        )
    store = OperationsStore(home.operations_url)
    until = time.monotonic() + patience_seconds
    while (holder := home.holder()) is not None:
        if holder == job.name:
            store.close()
            raise PassedOver(f"A {job.name} run is already at work. Nothing was done by this one.")
        if time.monotonic() >= until:
            store.close()
            raise PassedOver(
                f"Another run held the home for longer than a {job.name} run waits. Nothing was done; see send status."
            )
        time.sleep(min(PROBE_SECONDS, max(0.1, until - time.monotonic())))
    if is_done(store, job.name, due.date()):
        store.close()
        raise PassedOver(f"The {job.name} run of {_told(due.date())} was done before. Nothing was done again.")
    return store


def _told(moment: date) -> str:
    return f"{moment:%A %d %B %Y}"
