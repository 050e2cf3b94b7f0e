"""The nightly run, in the order of the README's picture:

extracts -> landing -> warehouse -> checks -> gate -> published.
"""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from connectors.errors import SourceTooSlow, SourceUnavailable
from flows.artifacts import keep_artifacts
from flows.run import Run, plain_errors
from flows.schedules import one_run_a_day
from flows.steps import carry_out, load_all
from flows.summary import LoadLine, RunSummary
from warehouse.home import Home

LOADERS: TaskRunner[Any] = ThreadPoolTaskRunner(max_workers=2)


def _is_worth_retrying(_task: Any, _task_run: Any, state: Any) -> bool:
    """A source that cannot be reached may answer later; a bad file stays bad, and one too slow has had its time."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, SourceUnavailable) and not isinstance(error, SourceTooSlow)


@task(
    task_run_name="load {extract}",
    tags={"load"},
    retries=2,
    retry_delay_seconds=[5, 30],
    retry_condition_fn=_is_worth_retrying,
    cache_policy=NO_CACHE,
)
@plain_errors
def load(extract: str, run: Run) -> LoadLine:
    """Lands what is new of one extract."""
    return run.load(extract)


@task(cache_policy=NO_CACHE)
@plain_errors
def build(run: Run) -> None:
    """Builds the warehouse in a private file, with dbt."""
    run.build()


@task(cache_policy=NO_CACHE)
@plain_errors
def check(run: Run) -> None:
    """Runs the Soda contracts, keeps the findings and decides every product's gate."""
    run.check()


@task(cache_policy=NO_CACHE)
@plain_errors
def publish(run: Run) -> None:
    """Publishes the products whose gate passed; the others keep their last good version."""
    run.publish()


@task(cache_policy=NO_CACHE)
@plain_errors
def deliver(run: Run) -> None:
    """Publishes what stands at the council's destinations: their PostgreSQL, a share."""
    run.deliver()


@flow(name="nightly", task_runner=LOADERS)
@one_run_a_day("nightly")
def nightly(
    home: str, as_at: date | None = None, known_at: datetime | None = None, only: str | None = None
) -> RunSummary:
    """One whole run on the home folder ``home``; ``as_at`` and ``known_at`` choose another day than today.

    ``only`` loads that one extract, and builds on what stands of the others.
    """
    with Run.begin(Home(Path(home)), as_at=as_at, known_at=known_at, only=only) as run:
        run.note_loads(load_all(load, run))
        if run.is_anything_new:
            carry_out(build, run)
            carry_out(check, run)
            carry_out(publish, run)
        if run.configuration.publish_to:
            carry_out(deliver, run)
        summary = run.summary()
        keep_artifacts(summary, run)
    return summary
