"""Results of past days, made later: each day's products as they passed, kept beside what is published and never in
its place.

A day is made from what is known now, or as it was known then. A day that would come out the same is not made again.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from connectors.errors import SendError
from connectors.manifest import in_utc, known_manifests
from flows.run import Run, plain_errors, tell_progress
from flows.settings import LONDON
from warehouse.home import Home

TOLD = "day.json"


@dataclass(frozen=True)
class DayMade:
    """One day of a backfill: made, standing (it is there already) or unknown (nothing had landed by then).

    ``held`` gives by product why its gate held it on that day.
    """

    day: str
    outcome: str
    known_at: str
    products: tuple[str, ...] = ()
    held: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Backfilled:
    """The days of a backfill, and where they are kept."""

    folder: str
    days: tuple[DayMade, ...]

    def as_markdown(self) -> str:
        """The days as a table for a person."""
        lines = [f"Kept in {self.folder}", "", "| day | outcome | products | held |", "|---|---|---|---|"]
        for made in self.days:
            lines.append(f"| {made.day} | {made.outcome} | {', '.join(made.products)} | {', '.join(made.held)} |")
        return "\n".join(lines) + "\n"


def days_between(first: date, last: date) -> list[date]:
    """Every day from the first to the last. Raises ``SendError`` where the last comes before the first."""
    if last < first:
        raise SendError(f"The days go from {first} to {last}, which is before it. Change --from and --to about.")
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def end_of(day: date) -> datetime:
    """The last second of a day in London, in UTC without zone: what landed on that day was known by then."""
    end = datetime.combine(day, time_of_day(23, 59, 59), LONDON)
    return end.astimezone(UTC).replace(tzinfo=None)


def make_day(home: Home, day: date, known_at: datetime, *, is_again: bool = False) -> DayMade:
    """Makes the products of one day as known at ``known_at`` (UTC), and keeps those whose gate passes.

    What is published, the warehouse and the findings stay as they are.
    """
    folder = home.history / day.isoformat()
    if not any(in_utc(manifest.landed_at) <= known_at for manifest in known_manifests(home.landing)):
        return DayMade(day.isoformat(), "unknown", known_at.isoformat())
    with Run.begin(home, as_at=day, known_at=known_at) as run:
        told = _told(folder)
        if told.get("inputs") == run.inputs and not is_again:
            return DayMade(
                day.isoformat(), "standing", told["known_at"], tuple(told["products"]), _as_reasons(told["held"])
            )
        run.build()
        run.check()
        partial = folder.with_name(f".partial-{day.isoformat()}")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        products, held = run.keep_products(partial)
        made = DayMade(day.isoformat(), "made", known_at.isoformat(), products, held)
        (partial / TOLD).write_text(json.dumps({**asdict(made), "inputs": run.inputs}, indent=2) + "\n")
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
    return made


def _told(folder: Path) -> dict[str, Any]:
    try:
        return {**json.loads((folder / TOLD).read_text())}
    except (OSError, ValueError, TypeError):
        return {}


def _as_reasons(held: dict[str, list[str]]) -> dict[str, tuple[str, ...]]:
    return {product: tuple(reasons) for product, reasons in held.items()}


def with_time_left(days: list[date], tell: Callable[[str], None]) -> Iterator[date]:
    """The days one by one, telling before each how far it is and how long the rest will take."""
    began = time.monotonic()
    for number, day in enumerate(days):
        left = ""
        if number:
            seconds = (time.monotonic() - began) / number * (len(days) - number)
            left = f", about {max(1, round(seconds / 60))} min left"
        tell(f"{day}: day {number + 1} of {len(days)}{left}")
        yield day


@task(task_run_name="make {day}", cache_policy=NO_CACHE)
@plain_errors
def make_day_task(home: Home, day: date, known_at: datetime, is_again: bool) -> DayMade:
    """Makes one day."""
    return make_day(home, day, known_at, is_again=is_again)


@flow(name="backfill")
def backfill(home: str, first: date, last: date, known: bool = False, again: bool = False) -> Backfilled:
    """The products of each day from ``first`` to ``last`` in the home folder ``home``.

    ``known`` makes each as it was known at the end of that day, else from what is known now.
    """
    place = Home(Path(home))
    now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    tell = tell_progress.get()
    tell_progress.set(lambda _text: None)  # of each day's stages nothing is told: only the days
    days = [
        make_day_task(place, day, min(end_of(day), now) if known else now, again)
        for day in with_time_left(days_between(first, last), tell)
    ]
    done = Backfilled(str(place.history), tuple(days))
    create_markdown_artifact(done.as_markdown(), key="backfill", description="Days made later")
    return done
