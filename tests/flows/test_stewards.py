"""From a failed check to a corrected record: by the command line, by the workbook, and by a correction.

One small borough with planted faults, and three nights: what is found, what people and sources do, what it comes to.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from python_calamine import CalamineWorkbook
from typer.testing import CliRunner
from xlsxwriter import Workbook

from connectors.errors import SendError
from flows.command_line import app
from flows.run import Run
from tests.flows.conftest import SendHome
from warehouse.home import Home
from warehouse.publication import standing_publication

BY_COMMAND, BY_WORKBOOK, BY_CORRECTION, WAIVED = (
    "placement_leaving_before_entry",
    "request_outcome_without_date",
    "assessment_outcome_without_date",
    "plan_transferred_in_without_date",
)
"""A planted fault of each kind: its rule."""
THE_DAY = "2026-10-01"


@dataclass
class Office:
    """A home, its extracts, and the command line on it in this process."""

    home: Home
    monkeypatch: pytest.MonkeyPatch
    findings: dict[str, dict[str, Any]] = field(default_factory=dict)
    nights: list[datetime] = field(default_factory=list)
    published: list[str] = field(default_factory=list)

    def send(self, *arguments: str) -> str:
        """What a command says; raises the error that it ends with."""
        result = CliRunner().invoke(app, list(arguments))
        if result.exception is not None:
            raise result.exception
        return result.stdout

    def answer(self, *arguments: str) -> Any:
        return json.loads(self.send(*arguments, "--json"))

    def shown(self, rule: str) -> dict[str, Any]:
        shown: dict[str, Any] = self.answer("findings", "show", self.key(rule))
        return shown

    def events(self, rule: str) -> list[str]:
        return [turn["event"] for turn in self.shown(rule)["history"]]

    def key(self, rule: str) -> str:
        return str(self.findings[rule]["finding_key"])

    def night(self) -> None:
        """The nightly run, and what its lists came to."""
        SendHome(self.home.folder).run_here()
        publication = standing_publication(self.home, "lists")
        assert publication is not None
        self.nights.append(datetime.fromisoformat(publication.known_at))
        self.published.append(publication.content)

    def deliver(self, table: str, record_id: str, **values: str) -> None:
        """The case system's extract again, with one record mended."""
        path = self.home.folder / "borough" / "extracts" / "ehc_case" / f"{table}.csv"
        with path.open(encoding="utf-8-sig", newline="") as handle:
            rows = list(csv.DictReader(handle))
        (record,) = [row for row in rows if next(iter(row.values())) == record_id]
        record.update(values)
        with path.open("w", encoding="utf-8", newline="") as handle:
            writer = csv.DictWriter(handle, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)


def fill_in(path: Path, changes: dict[str, dict[str, str]]) -> None:
    """Writes into a workbook that was sent out, as its reader would: the rows named by their finding's key."""
    headings, *rows = CalamineWorkbook.from_path(str(path)).get_sheet_by_name("Findings").to_python()
    names = [str(heading) for heading in headings]
    with Workbook(str(path)) as book:
        sheet = book.add_worksheet("Findings")
        for place, row in enumerate([headings, *rows]):
            values = {**dict(zip(names, row, strict=True))}
            values.update(changes.get(str(values["finding"]), {}) if place else {})
            for position, name in enumerate(names):
                value = values[name]
                sheet.write(place, position, str(value) if not isinstance(value, float) else int(value))


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The first night, what stewards do the day after, and the second and third nights."""
    with pytest.MonkeyPatch.context() as environment:
        home = Home(tmp_path_factory.mktemp("office"))
        environment.setenv("SEND_HOME", str(home.folder))
        office = Office(home, environment)
        office.send("demo", "--children", "200")
        office.night()
        for finding in office.answer("findings", "--show-values", "--limit", "500"):
            office.findings.setdefault(finding["rule_id"], finding)
        act(office, tmp_path_factory.mktemp("desk"))
        office.night()
        office.deliver("assessment", office.findings[BY_CORRECTION]["record_id"], outcome_date=THE_DAY)
        office.night()
        yield office


def act(office: Office, desk: Path) -> None:
    """What people do on the first day."""
    office.send("findings", "assign", office.key(BY_COMMAND), "--to", "A. Steward", "--by", "B. Manager")
    office.send("findings", "note", office.key(BY_COMMAND), "--text", "Rang the school.", "--by", "A. Steward")
    placement = office.findings[BY_COMMAND]
    office.deliver("placement", placement["record_id"], leaving_date="")

    sheet = desk / "worklist.xlsx"
    office.send("findings", "--owner", "sen_team", "--xlsx", str(sheet))
    request, plan = office.findings[BY_WORKBOOK], office.findings[WAIVED]
    office.send("findings", "note", office.key(WAIVED), "--text", "Asked the old authority.", "--by", "B. Manager")
    fill_in(
        sheet,
        {
            request["finding_key"]: {"assignee": "C. Steward", "note": "Found in the panel's minutes."},
            plan["finding_key"]: {"status": "waived", "until": "31/12/2026", "note": "Waiting for the papers."},
        },
    )
    with pytest.raises(SendError, match=r"(?s)1 row was left alone.*It was noted by B\. Manager") as left:
        office.send("findings", "--import", str(sheet), "--by", "C. Steward")
    assert "Wanted: status waived; until 31/12/2026; note: Waiting for the papers." in str(left.value)
    office.deliver("request", request["record_id"], outcome_date=THE_DAY)

    waiver = ["--until", "2026-12-31", "--because", "Waiting for the papers.", "--by", "C. Steward"]
    office.send("findings", "waive", office.key(WAIVED), *waiver)
    with pytest.raises(SendError, match="a second person approves it"):
        office.send("findings", "approve", office.key(WAIVED), "--by", "C. Steward")
    office.send("findings", "approve", office.key(WAIVED), "--by", "B. Manager")

    value = ["--value", "1/10/2026", "--until", "2027-01-31", "--because", "The letter says so.", "--by", "A. Steward"]
    office.send("findings", "correct", office.key(BY_CORRECTION), *value)
    with pytest.raises(SendError, match="a second person approves it"):
        office.send("findings", "approve-correction", "1", "--by", "A. Steward")
    office.send("findings", "approve-correction", "1", "--by", "B. Manager")


def test_a_fault_mended_at_source_is_closed_by_the_next_run_and_its_history_tells_it(office: Office) -> None:
    shown = office.shown(BY_COMMAND)
    assert (shown["state"], shown["assignee"]) == ("fixed", "A. Steward")
    assert office.events(BY_COMMAND) == ["new", "assigned", "noted", "fixed"]


def test_what_a_workbook_says_is_done_and_the_fault_is_closed(office: Office) -> None:
    shown = office.shown(BY_WORKBOOK)
    assert (shown["state"], shown["assignee"]) == ("fixed", "C. Steward")
    told = [(turn["event"], turn["by"], turn["note"]) for turn in shown["history"][1:3]]
    assert told == [("assigned", "C. Steward", None), ("noted", "C. Steward", "Found in the panel's minutes.")]


def test_a_waived_finding_stands_as_waived_night_after_night(office: Office) -> None:
    shown = office.shown(WAIVED)
    assert (shown["state"], shown["waiver_until"], shown["version"]) == ("waived", "2026-12-31", 4)
    assert office.answer("findings", "--state", "waived")[0]["finding_key"] == office.key(WAIVED)


def test_a_correction_closes_its_finding_and_lifts_itself_when_the_source_agrees(office: Office) -> None:
    assert office.events(BY_CORRECTION) == [
        *("new", "correction proposed", "correction approved"),
        *("fixed", "correction lifted"),
    ]
    (kept,) = office.answer("findings", "corrections", "--all")
    assert (kept["state"], kept["lifted_because"]) == ("lifted", "The source says so itself now.")
    assert office.answer("lists", "corrections") == []


def test_each_night_tells_its_own_news_alone_and_names_no_value(office: Office) -> None:
    first, second, third = [json.loads(path.read_text())["news"] for path in sorted(office.home.notices.glob("*.json"))]
    assert {line["rule_id"] for line in first["sen_team"]["new"]} >= {BY_COMMAND, BY_WORKBOOK, BY_CORRECTION, WAIVED}
    fixed = {line["rule_id"] for line in second["sen_team"]["fixed"]}
    assert fixed == {BY_COMMAND, BY_WORKBOOK, BY_CORRECTION}
    assert WAIVED not in json.dumps(second), "what stood before is not told again"
    assert third["sen_team"]["corrections_lifted"] == [1]
    assert (third["sen_team"]["new"], third["sen_team"]["fixed"]) == ([], [])
    values = {finding["value"] for finding in office.findings.values()} - {None, ""}
    assert values
    assert not [value for value in values if f'"{value}"' in json.dumps(first)]


def test_a_past_night_rebuilt_has_the_correction_that_stood_then_and_the_very_bytes(office: Office) -> None:
    with Run.begin(office.home, as_at=None, known_at=office.nights[1]) as run:
        run.note_loads([])
        run.build()
        run.check()
        run.publish()
    again = standing_publication(office.home, "lists")
    assert again is not None
    assert again.content == office.published[1]
    (laid,) = office.answer("lists", "corrections")
    assert (laid["landed_value"], laid["corrected_value"], laid["approved_by"]) == (None, THE_DAY, "B. Manager")
    marked = {
        row["child_id"]: row["corrected"] for row in office.answer("lists", "records-to-correct", "--limit", "99")
    }
    assert laid["child_id"] == office.findings[BY_CORRECTION]["child_id"]
    assert marked.get(laid["child_id"], "ehc_case.assessment.outcome_date") == "ehc_case.assessment.outcome_date"
    assert set(marked.values()) <= {None, "ehc_case.assessment.outcome_date"}
    assert office.shown(BY_COMMAND)["state"] == "fixed", "a rebuilt night leaves the stewards' findings as they are"
