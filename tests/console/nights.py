"""A small council for the console's tests: its extracts by hand, and its nights without dbt or Prefect.

A night lands what is delivered, runs the rules on it and keeps what they find, by the run's own functions.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from checks.findings import capture_findings
from checks.rules import CONTRACTS
from checks.verification import verify_contracts
from connectors.configuration import read_configuration
from connectors.landing import next_load_sequence, register_landing
from connectors.load import load_extract
from operations.corrections import Corrections
from operations.store import OperationsStore
from operations.triage import now
from warehouse.home import Home

CONFIGURATION = """\
la_code: "883"
la_name: "Thameside"
sources:
  ehc_case: {kind: csv, path: extracts/ehc_case}
  therapy_waits: {kind: csv, path: extracts/therapy_waits}
"""
DATASETS = ("ehc_case__child", "ehc_case__plan", "ehc_case__review", "therapy_waits__referral")
SURNAME, FORENAME, UPN, NHS_NUMBER = "Quillfeather", "Ottoline", "G883200512001", "9434765919"
"""Of the first child: nothing of them may stand where no name belongs."""

Rows = list[dict[str, str]]


def _person(number: int) -> dict[str, str]:
    names = (SURNAME, FORENAME) if number == 1 else (f"Surname{number}", f"Forename{number}")
    return {"surname": names[0], "forename": names[1], "birth_date": f"2012-05-{number:02d}"}


def first_delivery() -> dict[str, Rows]:
    """What the sources deliver first, by ``extract/table``: four faults of the SEN team's, one of health's."""
    children = [{"case_id": f"C{n}", "upn": UPN if n == 1 else "", **_person(n)} for n in range(1, 6)]
    plans = [
        {"plan_id": f"P{n}", "request_id": f"R{n}", "start_date": "2024-05-20", "issued_date": "2024-05-20"}
        | {"cease_date": "2025-06-29" if n <= 3 else "", "cease_reason": ""}
        for n in range(1, 6)
    ]
    reviews = [
        {"review_id": "V4", "plan_id": "P4", "meeting_date": "2025-05-12", "decision": "M", "decision_date": ""},
        {"review_id": "V5", "plan_id": "P5", "meeting_date": "no day", "decision": "M", "decision_date": "2025-06-02"},
    ]
    requests = [{"request_id": f"R{n}", "case_id": f"C{n}", "received_date": "2024-01-08"} for n in range(1, 6)]
    referrals = [
        {"referral_id": "F1", "local_patient_id": "L1", "nhs_number": NHS_NUMBER, "service": "SALT"}
        | {"referral_received_date": "2025-03-03", "first_contact_date": "2025-02-01", **_person(1)},
        {"referral_id": "F2", "local_patient_id": "L2", "nhs_number": "", "service": "SALT"}
        | {"referral_received_date": "", "first_contact_date": "", **_person(2)},
    ]
    return {
        "ehc_case/child": children,
        "ehc_case/request": requests,
        "ehc_case/plan": plans,
        "ehc_case/review": reviews,
        "therapy_waits/referral": referrals,
    }


@dataclass
class Council:
    """The home of a council, what its sources deliver, and how many nights it has had."""

    home: Home
    delivery: dict[str, Rows] = field(default_factory=first_delivery)
    nights: int = 0

    def begin(self) -> Council:
        """Writes the configuration."""
        self.home.create()
        self.home.configuration.write_text(CONFIGURATION, encoding="utf-8")
        return self

    @property
    def store(self) -> OperationsStore:
        """The operations store, opened anew."""
        return OperationsStore(self.home.operations_url)

    def deliver(self, table: str, row: int, **values: str) -> None:
        """The source is mended: one row of a table (from 0) is delivered with other values from the next night on."""
        self.delivery[table][row].update(values)

    def _write(self) -> None:
        for name, rows in self.delivery.items():
            path = self.home.folder / "extracts" / f"{name}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("w", newline="", encoding="utf-8") as handle:
                writer = csv.DictWriter(handle, list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)

    def _contract(self, dataset: str) -> Path:
        """The contract of a dataset; what it finds of reviews may be explained here, as queries of a return are."""
        path = CONTRACTS / "landing" / f"{dataset}.yml"
        if dataset != "ehc_case__review":
            return path
        ours = self.home.folder / "contracts" / "landing" / path.name
        ours.parent.mkdir(parents=True, exist_ok=True)
        ours.write_text(path.read_text(encoding="utf-8").replace("severity: error", "severity: query"))
        return ours

    def night(self) -> str:
        """Lands what is delivered, checks it and keeps the findings; gives the run."""
        self._write()
        known_at = now()
        self.nights += 1
        run_id = f"night-{self.nights}"
        store, configuration = self.store, read_configuration(self.home.folder)
        store.begin_run(run_id, as_at=known_at.date(), known_at=known_at)
        for extract in ("ehc_case", "therapy_waits"):
            load_id = f"{next_load_sequence(self.home.landing):06d}-{extract}"
            load_extract(configuration, extract, load_id=load_id, run_id=run_id, known_at=known_at)
        self.home.warehouse.unlink(missing_ok=True)
        with duckdb.connect(str(self.home.warehouse)) as connection:
            corrections = Corrections(store).standing(known_at.date(), known_at)
            register_landing(connection, configuration, known_at, corrections)
            connection.execute("create table landing.run (as_at date, known_at timestamp, la_code varchar)")
            connection.execute("insert into landing.run values (?, ?, '883')", [known_at.date(), known_at])
            _name_children(connection)
            results = verify_contracts(connection, [self._contract(name) for name in DATASETS])
            results = capture_findings(connection, results, store.first_seen(), seen_at=known_at)
            store.sync_findings(run_id, connection, results)
        store.record_results(run_id, results)
        held = [result for result in results if result.outcome == "failed" and result.severity == "error"]
        if held:
            store.record_hold(run_id, "lists", [f"'{result.name}' does not hold" for result in held])
        else:
            store.record_publication(run_id, "lists", "0" * 64)
        store.record_publication(run_id, "worklist", "1" * 64)
        store.finish_run(run_id, "held" if held else "done", {"load": 1.0, "build": 2.0})
        store.close()
        return run_id


def _name_children(connection: duckdb.DuckDBPyConnection) -> None:
    """The child of each record, as the warehouse's identity has it."""
    connection.execute("create schema identity")
    connection.execute(
        """create table identity.identity__record_child as
        select 'ehc_case' as extract, 'child' as table_name, case_id as record_id, 'CH' || case_id[2:] as child_id
        from landing.ehc_case__child
        union all select 'ehc_case', 'plan', plan_id, 'CH' || plan_id[2:] from landing.ehc_case__plan
        union all select 'ehc_case', 'review', review_id, 'CH' || review_id[2:] from landing.ehc_case__review
        union all select 'therapy_waits', 'referral', referral_id, 'CH' || referral_id[2:]
        from landing.therapy_waits__referral"""
    )
