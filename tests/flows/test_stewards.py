"""From a failed check to a corrected record: by the command line, by the workbook, by the pages and by a correction.

One small borough with planted faults, and three nights: what is found, what people and sources do, what it comes to.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from python_calamine import CalamineWorkbook
from typer.testing import CliRunner
from xlsxwriter import Workbook

from connectors.configuration import read_configuration
from connectors.errors import SendError
from console.application import create_app
from console.context import Console
from flows.command_line import app
from flows.run import Run
from operations.store import OperationsStore
from returns.notes import write_notes
from returns.specification import read_specification
from returns.standing import check_return
from tests.browser import Opener
from tests.console.acting import act as act_on_page
from tests.console.acting import sign_in
from tests.console.authenticator import AUTHENTICATOR, SEAL, set_up_app
from tests.console.conftest import PASSWORD, served
from tests.flows.conftest import PrefectServer, SendHome, listening
from warehouse.home import Home
from warehouse.publication import standing_publication

BY_COMMAND, BY_WORKBOOK, BY_CORRECTION, WAIVED, BY_PAGE = (
    "placement_leaving_before_entry",
    "request_outcome_without_date",
    "assessment_outcome_without_date",
    "plan_transferred_in_without_date",
    "exception_reason_missing",
)
"""A planted fault of each kind: its rule."""
THE_DAY = "2026-10-01"
STEWARD_OF_PAGES = "d.steward"


@dataclass
class Office:
    """A home, its extracts, and the command line on it in this process."""

    home: Home
    monkeypatch: pytest.MonkeyPatch
    findings: dict[str, dict[str, Any]] = field(default_factory=dict)
    nights: list[datetime] = field(default_factory=list)
    published: list[str] = field(default_factory=list)
    corrected: list[list[dict[str, Any]]] = field(default_factory=list)
    """The published list of corrections, night by night."""
    told: list[dict[str, str]] = field(default_factory=list)
    """What the SEN team's channel got of the second night."""

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
        self.corrected.append(self.answer("lists", "corrections"))

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


@contextmanager
def pages(office: Office, chromium: Browser) -> Iterator[tuple[Page, str]]:
    """A page of a real Chromium on which the SEN team's steward is signed in to the office's console; its address."""
    store, opener = OperationsStore(office.home.operations_url), Opener(chromium)
    configuration = read_configuration(office.home.folder)
    console = Console(office.home, configuration, store, SEAL, is_secure=False, clock=AUTHENTICATOR.now)
    if console.accounts.is_empty():
        set_up_app(console, console.accounts.add(STEWARD_OF_PAGES, "steward", "sen_team", password=PASSWORD))
    with served(create_app(console)) as address:
        page = opener().page
        sign_in(page, address, STEWARD_OF_PAGES)
        yield page, address
        opener.close()
    store.close()


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory, chromium: Browser, prefect_server: PrefectServer) -> Any:
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
        with pages(office, chromium) as (page, address):
            act_on_pages(office, page, address)
        with ThreadPoolExecutor(1) as apart:  # in this thread Chromium's event loop stands in Prefect's way
            office.told = apart.submit(night_with_a_channel, office, prefect_server).result()
        office.deliver("assessment", office.findings[BY_CORRECTION]["record_id"], outcome_date=THE_DAY)
        office.night()
        yield office


def night_with_a_channel(office: Office, prefect_server: PrefectServer) -> list[dict[str, str]]:
    """A night after which the SEN team is told its news; what it was told."""
    configured = office.home.configuration.read_text()
    office.home.configuration.write_text(configured + "stewards: {sen_team: notice-address/send-team}\n")
    with listening(prefect_server) as channel:
        office.night()
    office.home.configuration.write_text(configured)
    return [*channel]


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


def act_on_pages(office: Office, page: Page, address: str) -> None:
    """What the steward does in the console on the first day: finds, takes, notes; then the source is mended."""
    page.goto(f"{address}/findings?rule={BY_PAGE}")
    page.get_by_role("table").get_by_role("link", name="An exception to the 20 weeks has a reason").first.click()
    expect(page.get_by_role("row").filter(has_text="(at fault)")).to_contain_text("(empty)")
    act_on_page(page, "assign", assignee=STEWARD_OF_PAGES, note="The panel knows why.")
    expect(page.get_by_role("status").first).to_contain_text("Assign: done.")
    office.deliver("assessment", office.findings[BY_PAGE]["record_id"], exception_reason="d")


def test_what_is_found_and_taken_on_the_pages_is_closed_by_the_next_run_and_the_page_tells_it(
    office: Office, chromium: Browser
) -> None:
    with pages(office, chromium) as (page, address):
        page.goto(f"{address}/findings/{office.key(BY_PAGE)}")
        told = page.locator("ol.history").inner_text()
        expect(page.locator(".facts").first).to_contain_text("fixed")
        page.goto(f"{address}/")
        expect(page.get_by_text("Nothing is assigned to you.")).to_be_visible()
    turns = [line.split(" by ")[0].strip() for line in told.splitlines() if " by " in line]
    assert turns == ["new", f"assigned ({STEWARD_OF_PAGES})", "fixed"]


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
    assert [len(corrected) for corrected in office.corrected] == [0, 1, 0]


def test_each_night_tells_its_own_news_alone_and_names_no_value(office: Office) -> None:
    first, second, third = [json.loads(path.read_text())["news"] for path in sorted(office.home.notices.glob("*.json"))]
    assert {line["rule_id"] for line in first["sen_team"]["new"]} >= {BY_COMMAND, BY_WORKBOOK, BY_CORRECTION, WAIVED}
    fixed = {line["rule_id"] for line in second["sen_team"]["fixed"]}
    assert fixed == {BY_COMMAND, BY_WORKBOOK, BY_CORRECTION, BY_PAGE}
    assert WAIVED not in json.dumps(second), "what stood before is not told again"
    assert third["sen_team"]["corrections_lifted"] == [1]
    assert (third["sen_team"]["new"], third["sen_team"]["fixed"]) == ([], [])
    values = {finding["value"] for finding in office.findings.values()} - {None, ""}
    assert values
    assert not [value for value in values if f'"{value}"' in json.dumps(first)]


def test_the_teams_channel_gets_the_news_of_the_night(office: Office) -> None:
    (told,) = office.told
    assert told["title"].endswith("newly failing, 4 newly fixed")
    assert f"`{BY_COMMAND}`" in told["message"] and "children: " in told["message"]


def test_a_rules_waivers_are_ended_together_and_those_proposed_refused(office: Office) -> None:
    rule = "code_unknown"
    first, second, *_ = [finding["finding_key"] for finding in office.answer("findings", "--rule", rule)]
    waiver = ["--until", "2026-12-31", "--because", "A new code list comes.", "--by", "C. Steward"]
    office.send("findings", "waive", first, second, *waiver)
    assert "1 finding is waived" in office.send("findings", "approve", first, "--by", "B. Manager")
    ended = office.send("findings", "end-waiver", "--rule", rule, "--because", "It came.", "--by", "B. Manager")
    assert "2 findings are waived no more" in ended
    assert [office.answer("findings", "show", key)["history"][-1]["event"] for key in (first, second)] == [
        "waiver ended",
        "waiver refused",
    ]


@pytest.fixture(scope="module")
def past_night(office: Office) -> Office:
    """The office with its second night rebuilt as known then, when the correction stood."""
    with Run.begin(office.home, as_at=None, known_at=office.nights[1]) as run:
        run.note_loads([])
        run.build()
        run.check()
        run.publish()
    return office


def test_a_past_night_rebuilt_has_the_correction_that_stood_then_and_the_very_bytes(past_night: Office) -> None:
    again = standing_publication(past_night.home, "lists")
    assert again is not None
    assert again.content == past_night.published[1]
    assert past_night.answer("lists", "corrections") == past_night.corrected[1]
    assert past_night.shown(BY_COMMAND)["state"] == "fixed", "findings are not of the night rebuilt"


def test_a_corrected_value_is_marked_wherever_it_is_shown(past_night: Office, tmp_path: Path) -> None:
    (laid,) = past_night.corrected[1]
    child = past_night.findings[BY_CORRECTION]["child_id"]
    assert (laid["child_id"], laid["landed_value"], laid["corrected_value"]) == (child, None, THE_DAY)

    assessments = past_night.answer("lists", "children-with-plans", "--limit", "500")
    marks = {row["child_id"]: row["corrected"] for row in assessments}
    assert {mark for of, mark in marks.items() if of != child} == {None}
    assert marks.get(child, "ehc_case.assessment.outcome_date") == "ehc_case.assessment.outcome_date"

    store = OperationsStore(past_night.home.operations_url)
    checked = check_return(past_night.home, store)
    store.close()
    write_notes(tmp_path / "notes.xlsx", checked, read_specification(checked.year))
    notes = CalamineWorkbook.from_path(str(tmp_path / "notes.xlsx")).get_sheet_by_name("Corrections").to_python()
    assert [(row[0], row[1], row[3], row[6]) for row in notes[1:]] == [(1, child, "outcome_date", "B. Manager")]
    traced = past_night.answer("sen2", "trace", child)
    assert all("outcome_date is 2026-10-01 by correction 1" in step["corrections"][0] for step in traced)


def test_a_copy_of_the_store_tells_the_same_story_elsewhere(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = office.shown(BY_WORKBOOK)
    office.send("operations", "backup", str(tmp_path / "copy.db"))
    with pytest.raises(SendError, match="--replace"):
        office.send("operations", "restore", str(tmp_path / "copy.db"))
    monkeypatch.setenv("SEND_HOME", str(tmp_path / "elsewhere"))
    office.send("operations", "restore", str(tmp_path / "copy.db"))
    assert office.shown(BY_WORKBOOK) == told
