"""The flow of the SEN2 season: the nightly run, then every rule of the return on what it built."""

from __future__ import annotations

from pathlib import Path

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from flows.nightly import LOADERS, nightly
from flows.run import plain_errors
from operations.store import OperationsStore
from returns.standing import CheckedReturn, check_return, counts_by_rule
from warehouse.home import Home


@task(name="check return", cache_policy=NO_CACHE)
@plain_errors
def check_standing(home: Home) -> CheckedReturn:
    """Runs every rule of the return on the warehouse as it stands."""
    return check_return(home, OperationsStore(home.operations_url))


@flow(name="sen2-season", task_runner=LOADERS, validate_parameters=False)
def season(home: str) -> CheckedReturn:
    """Loads what is new into the home folder ``home``, builds, and checks the return."""
    nightly(home)
    checked = check_standing(Home(Path(home)))
    create_markdown_artifact(as_markdown(checked), key="sen2-return", description="The SEN2 return as it stands")
    return checked


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
