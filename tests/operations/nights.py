"""Runs on a store without a warehouse behind them: each night finds what it is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import duckdb

from operations.store import FindingCounts, OperationsStore, RuleOutcome
from operations.triage import Filter, Triage

AS_AT, FIRST_NIGHT = date(2026, 6, 30), datetime(2026, 6, 30, 18)


@dataclass(frozen=True)
class Result:
    """How one rule ended."""

    rule_id: str
    outcome: str = "failed"
    dataset: str = "landing/ehc_case__plan"
    name: str = "A plan that ceased says why"
    severity: str = "error"
    owner: str = "sen_team"
    failed_rows: int = 1
    seconds: float = 0.25

    @property
    def has_run(self) -> bool:
        """Whether it said anything about the data."""
        return self.outcome in ("passed", "failed")


def finding(key: str, **columns: Any) -> dict[str, Any]:
    return {
        "finding_key": key,
        "rule_id": "r1",
        "rule_name": "A plan that ceased says why",
        "severity": "error",
        "owner": "sen_team",
        "organisation": "education",
        "dataset": "landing/ehc_case__plan",
        "extract": "ehc_case",
        "record_id": key.upper(),
        "child_id": "CH1",
        "item": "cease_reason",
        "value": "2026-06-29",
        "source_file": "plan.csv",
        "source_row": 2,
        "remedy": "Enter the reason.",
        "first_seen_at": FIRST_NIGHT,
        "state": "new",
        **columns,
    }


@dataclass
class Nights:
    """Runs, one a night, each finding what it is given."""

    store: OperationsStore
    warehouse: duckdb.DuckDBPyConnection
    number: int = 0
    as_at: date = AS_AT

    def run(self, *found: dict[str, Any], results: Sequence[RuleOutcome] = (Result("r1"),)) -> FindingCounts:
        self.number += 1
        known_at = FIRST_NIGHT + timedelta(days=self.number - 1)
        self.store.begin_run(self.run_id, as_at=self.as_at, known_at=known_at)
        counts = self.sync(*found, results=results)
        self.store.finish_run(self.run_id, "done", {"check": 1.5})
        return counts

    def sync(self, *found: dict[str, Any], results: Sequence[RuleOutcome] = (Result("r1"),)) -> FindingCounts:
        self.warehouse.execute("delete from checks.finding")
        for row in found:
            self.warehouse.execute(
                f"insert into checks.finding ({', '.join(row)}) values ({', '.join('?' * len(row))})",
                list(row.values()),
            )
        return self.store.sync_findings(self.run_id, self.warehouse, results)

    @property
    def run_id(self) -> str:
        return f"run-{self.number}"

    def states(self) -> dict[str, str]:
        return {row["finding_key"]: row["state"] for row in self.found()}

    def found(self, *states: str) -> list[dict[str, Any]]:
        """The findings kept, by default whatever became of them, with every column."""
        return [vars(finding) for finding in Triage(self.store).all(Filter(states=states))]

    def events(self, key: str) -> list[tuple[str, str | None]]:
        return [(turn.event, turn.by if turn.is_run else None) for turn in Triage(self.store).history(key)]
