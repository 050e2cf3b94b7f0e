"""The month's end: the dashboard as published for the month is kept for good, so that a figure once told stays."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

from prefect import flow

from flows.nightly import LOADERS, nightly
from flows.run import plain_errors
from flows.schedules import PassedOver, one_run_a_day
from warehouse.home import Home
from warehouse.publication import freeze, standing_publication

DASHBOARD = "dashboard"


@flow(name="month-end", task_runner=LOADERS)
@one_run_a_day("month-end")
def month_end(home: str) -> str:
    """Publishes what the night has brought, and freezes the dashboard of the month before; gives where it is kept."""
    summary = nightly(home)
    last_day = date.fromisoformat(summary.as_at).replace(day=1) - timedelta(days=1)
    return str(freeze_dashboard(Home(Path(home)), last_day))


@plain_errors
def freeze_dashboard(home: Home, last_day: date) -> Path:
    """Keeps the dashboard that stands as that of ``last_day``'s month. Raises ``PassedOver`` where none stands."""
    if standing_publication(home, DASHBOARD) is None:
        raise PassedOver("No dashboard is published, so there is none to freeze.")
    return freeze(home, DASHBOARD, f"{last_day:%Y-%m}")
