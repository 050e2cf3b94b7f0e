"""The flow of the SEN2 season: the nightly run, then every rule of the return on what it built."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from flows.artifacts import keep_artifact
from flows.nightly import LOADERS, nightly
from flows.run import plain_errors
from flows.schedules import one_run_a_day
from operations.store import OperationsStore
from returns.standing import CheckedReturn, check_return, counts_by_rule
from returns.surveys import survey_in_hand
from warehouse.home import Home


@task(name="check return", cache_policy=NO_CACHE)
@plain_errors
def check_standing(home: Home) -> CheckedReturn:
    """Runs every rule of the return on the warehouse as it stands."""
    return check_return(home, OperationsStore(home.operations_url))


@flow(name="sen2-season", task_runner=LOADERS)
@one_run_a_day("sen2-season")
def season(home: str) -> CheckedReturn:
    """Loads what is new into the home folder ``home``, builds, and checks the return."""
    summary = nightly(home)
    checked = check_standing(Home(Path(home)))
    text = countdown(date.fromisoformat(summary.as_at)) + "\n\n" + as_markdown(checked)
    keep_artifact(create_markdown_artifact, text, key="sen2-return", description="The SEN2 return as it stands")
    return checked


def countdown(as_at: date) -> str:
    """How long is left until the return in hand is due."""
    survey = survey_in_hand(as_at)
    days = (survey.deadline - as_at).days
    left = "today is the last day" if days == 0 else f"{days} day{'' if days == 1 else 's'} left"
    supposed = "" if survey.is_verified else ", supposed from earlier years"
    return f"**SEN2 {survey.year}: {left}** until {survey.deadline:%A %d %B %Y}{supposed}."


def as_markdown(checked: CheckedReturn) -> str:
    """The state of the return for a person, without personal data."""
    lines = [f"# SEN2 {checked.year}, as at {checked.as_at}", ""]
    lines += [f"- {table}: {rows:,}" for table, rows in checked.rows.items()]
    lines += ["", "| found | explained | severity | rule |", "|--:|--:|---|---|"]
    lines += [
        f"| {count:,} | {explained:,} | {severity} | {name} |"
        for severity, _rule, name, count, explained in counts_by_rule(checked.findings)
    ]
    if checked.not_applicable:
        lines += ["", f"{len(checked.not_applicable)} rules do not apply: nothing to compare with."]
    lines += ["", "Ready to be signed off." if not checked.held_by else "Held:"]
    lines += [f"- {reason}" for reason in checked.held_by]
    return "\n".join(lines) + "\n"
