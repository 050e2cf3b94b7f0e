"""How long the console's server takes a page with 200,000 findings in the store: the median of each page.

Pages are asked for in this process, through the whole application and without a network; what a browser adds is not
counted. Each is asked for once before it is timed; what that first time took is printed beside the median, since what
only a run can change (the trends) is reckoned then and kept until the next run.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, date, timedelta
from pathlib import Path
from time import perf_counter

import duckdb
from pyotp import TOTP
from starlette.testclient import TestClient

from checks.findings import FINDING_COLUMNS
from checks.rules import Rule, contract_paths, read_contracts
from connectors.configuration import read_configuration
from console.application import create_app
from console.context import Console
from operations.accounts import ADMINISTRATOR, STEWARD, Account
from operations.factors import STEP_SECONDS
from operations.sealing import KEY_BYTES, Seal
from operations.store import OperationsStore
from operations.triage import Filter, now
from warehouse.home import Home

FINDINGS, NIGHTS, ROUNDS, MOST_SECONDS = 200_000, 4, 9, 0.3
ADDRESS = "http://127.0.0.1:8883"


class _Ran:
    """A rule as it ended, for the store."""

    outcome, failed_rows, seconds, has_run = "failed", 1, 0.01, True

    def __init__(self, rule: Rule) -> None:
        self.rule_id, self.dataset, self.name = rule.rule_id, rule.dataset, rule.name
        self.severity, self.owner = rule.severity, rule.owner


def fill(store: OperationsStore, findings: int) -> float:
    """Nights that find up to ``findings`` records, mend some and find some again; gives the last sync's seconds."""
    first, _ = contract_paths()
    rules = [rule for contract in read_contracts(first) for rule in contract.rules if rule.layer == "landing"]
    seconds = 0.0
    with duckdb.connect() as connection:
        connection.execute("create schema checks")
        columns = ", ".join(f"{name} {kind}" for name, kind in FINDING_COLUMNS.items())
        connection.execute(f"create table checks.finding ({columns})")
        connection.execute(
            "create table rule (number integer, id varchar, name varchar, severity varchar, "
            "owner varchar, organisation varchar, dataset varchar, remedy varchar)"
        )
        connection.executemany(
            "insert into rule values (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (n, r.rule_id, r.name, r.severity, r.owner, r.organisation, r.dataset, r.remedy)
                for n, r in enumerate(rules)
            ],
        )
        for night in range(NIGHTS):
            at = now() - timedelta(weeks=3 * (NIGHTS - 1 - night))
            connection.execute("truncate checks.finding")
            connection.execute(
                """insert into checks.finding
                select substr(sha256('finding' || found.number), 1, 20), rule.id, rule.name, rule.severity, rule.owner,
                    rule.organisation, rule.dataset, split_part(split_part(rule.dataset, '/', 2), '__', 1),
                    split_part(split_part(rule.dataset, '/', 2), '__', 2),
                    'R' || found.number, 'C' || lpad((found.number % 60000)::varchar, 7, '0'), 'item', 'value',
                    'file.csv', found.number, rule.remedy, ?::timestamp, 'new'
                from range(?) as found (number)
                inner join rule on rule.number = hash(found.number) % ?
                where found.number % 13 <> ? and found.number < ? * ? / ?""",
                [at, findings, len(rules), night, findings, night + 1, NIGHTS],
            )
            run_id = f"bench-{night}"
            store.begin_run(run_id, as_at=at.date(), known_at=at)
            began = perf_counter()
            store.sync_findings(run_id, connection, [_Ran(rule) for rule in rules])
            seconds = perf_counter() - began
            store.record_results(run_id, [_Ran(rule) for rule in rules])
            store.record_hold(run_id, "lists", [f"'{rule.name}' does not hold" for rule in rules])
            store.finish_run(run_id, "held", {"check": 1.0})
    return seconds


def work_on_some(console: Console) -> None:
    """What a team has in hand: assigned, explained and waiting for a second person."""
    triage = console.triage
    some = sorted(triage.versions(Filter(owner="sen_team")).items())
    triage.assign(dict(some[:4_000]), to="a.steward", by="a.steward")
    triage.propose_waiver(dict(some[4_000:4_400]), until=date.today() + timedelta(days=60), reason="no", by="b.steward")


def pages(console: Console) -> Sequence[str]:
    """Every page that works on findings or runs, the list in the ways it is asked for."""
    (finding, *_) = console.triage.page(Filter(assignee="a.steward"), size=1).findings
    last = -(-console.triage.count(Filter(states=("new", "open", "reopened", "assigned"))) // 50)
    return (
        "/",
        "/findings",
        "/findings?state=all",
        "/findings?order=oldest",
        "/findings?order=severity",
        "/findings?order=rule",
        "/findings?order=child",
        "/findings?owner=sen_team&severity=error",
        "/findings?extract=ehc_case&assignee=nobody",
        "/findings?older=30",
        "/findings?text=C0012345",
        "/findings?text=ceased",
        f"/findings?number={last}",
        f"/findings/{finding.finding_key}",
        f"/children/{finding.child_id}",
        "/corrections",
        "/workbook",
        "/products",
        "/products/lists",
        "/runs",
        f"/runs/bench-{NIGHTS - 1}",
        "/trends",
        "/accounts",
        "/access-log",
    )


def signed_in(console: Console, account: Account) -> str:
    """The secret of a session of the account, once an authenticator app is set up for it."""
    half = console.sessions.find_half(console.sessions.begin(account))
    assert half is not None
    app = TOTP(console.factors.offer(half), interval=STEP_SECONDS)
    console.factors.enrol(half, app.at(console.clock().replace(tzinfo=UTC)), "127.0.0.1")
    return console.sessions.complete(half)


def main() -> None:
    """Fills a store, times every page and prints the medians; ends with 1 where one takes longer than it may."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--findings", type=int, default=FINDINGS)
    findings = arguments.parse_args().findings
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        home.create()
        home.configuration.write_text('la_code: "883"\nla_name: Bench\n', encoding="utf-8")
        store = OperationsStore(home.operations_url)
        sync = fill(store, findings)
        console = Console(home, read_configuration(home.folder), store, Seal(bytes(KEY_BYTES)), is_secure=False)
        work_on_some(console)
        slow = []
        print(f"{console.triage.count():,} findings; a run's sync of them takes {sync:.1f} s")
        for role, owner in ((ADMINISTRATOR, None), (STEWARD, "sen_team")):
            account = console.accounts.add(f"bench.{role}", role, owner)
            session = signed_in(console, account)
            client = TestClient(create_app(console), base_url=ADDRESS, follow_redirects=False)
            client.cookies.set(console.session_cookie, session, domain="127.0.0.1")
            found = console.sessions.find(session)
            for path in pages(console):
                if path.startswith("/children/") and found is not None:
                    console.sessions.give_reason(found, path.rpartition("/")[2], "benchmark")
                began = perf_counter()
                answer = client.get(path)
                first = perf_counter() - began
                if answer.status_code != 200:
                    continue  # not this role's
                seconds = []
                for _ in range(ROUNDS):
                    began = perf_counter()
                    client.get(path)
                    seconds.append(perf_counter() - began)
                median = statistics.median(seconds)
                slow += [path] if median > MOST_SECONDS else []
                print(f"{role:15} {median * 1000:7.0f} ms  (first {first * 1000:.0f} ms)  {path}", flush=True)
        store.close()
    if slow:
        sys.exit(f"{len(slow)} pages take longer than {MOST_SECONDS * 1000:.0f} ms: {', '.join(slow)}")


if __name__ == "__main__":
    main()
