"""The worklist as a workbook: what goes out, what comes back as acts, and what is refused."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from python_calamine import CalamineWorkbook
from xlsxwriter import Workbook

from connectors.errors import FileRefused
from operations.store import OperationsStore
from operations.triage import Filter, Triage
from operations.worklist import SHEET, Imported, read_worklist, write_worklist
from tests.operations.nights import AS_AT, Nights, finding

NEXT_WEEK = AS_AT + timedelta(days=7)


@dataclass
class Desk:
    """A worklist that went out, and its reader's hand."""

    triage: Triage
    nights: Nights
    path: Path

    def send_out(self, wanted: Filter = Filter()) -> int:  # noqa: B008
        return write_worklist(self.triage, wanted, self.path)

    def sheet(self) -> list[list[Any]]:
        rows: list[list[Any]] = CalamineWorkbook.from_path(str(self.path)).get_sheet_by_name(SHEET).to_python()
        return rows

    def fill_in(self, **changes: dict[str, Any]) -> None:
        """Writes into the rows of these findings."""
        headings, *rows = self.sheet()
        key = headings.index("finding")
        for row in rows:
            for name, value in changes.get(row[key], {}).items():
                row[headings.index(name)] = value
        self.write([headings, *rows])

    def write(self, rows: list[list[Any]], sheet: str = SHEET) -> None:
        with Workbook(str(self.path), {"default_date_format": "dd/mm/yyyy"}) as book:
            page = book.add_worksheet(sheet)
            for place, row in enumerate(rows):
                for position, value in enumerate(row):
                    page.write(place, position, value)

    def read(self, by: str = "A. Steward", allowed: Filter = Filter()) -> Imported:  # noqa: B008
        return read_worklist(self.triage, self.path, by=by, allowed=allowed)


@pytest.fixture
def desk(tmp_path: Path, warehouse: Any) -> Iterator[Desk]:
    store = OperationsStore(f"sqlite:///{tmp_path / 'operations.db'}")
    nights = Nights(store, warehouse)
    nights.run(finding("a"), finding("b"), finding("q", severity="query"), finding("h", organisation="health"))
    yield Desk(Triage(store), nights, tmp_path / "worklist.xlsx")
    store.close()


def test_what_goes_out_is_all_that_its_reader_needs(desk: Desk) -> None:
    assert desk.send_out(Filter(organisation="education")) == 3
    headings, *rows = desk.sheet()
    first = dict(zip(headings, rows[0], strict=True))
    assert {name: first[name] for name in ("what is wrong", "what to do", "file", "row", "status", "finding")} == {
        "what is wrong": "A plan that ceased says why",
        "what to do": "Enter the reason.",
        "file": "plan.csv",
        "row": 2.0,
        "status": "new",
        "finding": "a",
    }
    assert desk.path.stat().st_mode & 0o777 == 0o600


def test_a_workbook_nobody_wrote_in_does_nothing(desk: Desk) -> None:
    desk.send_out()
    assert desk.read() == Imported(done=0, untouched=4)
    assert desk.triage.counts(by="state") == {"new": 4}


def test_assignees_statuses_and_notes_are_read_in_again(desk: Desk) -> None:
    desk.send_out()
    desk.fill_in(
        a={"assignee": "A. Steward", "note": "I rang the school."},
        b={"status": "waived", "until": NEXT_WEEK, "note": "The system is down."},
        q={"status": "explained", "note": "The school was closed."},
    )
    assert desk.read() == Imported(done=3, untouched=1)
    assert desk.triage.counts(by="state") == {"assigned": 1, "explained": 1, "new": 2}
    assert [turn.event for turn in desk.triage.history("a")] == ["new", "assigned", "noted"]
    explanation = desk.triage.explanation("q")
    assert explanation is not None
    assert (explanation.explanation, explanation.author) == ("The school was closed.", "A. Steward")

    desk.send_out(Filter(awaits_approval=True))
    desk.fill_in(b={"status": "waived"})
    assert [problem.why for problem in desk.read(by="a. steward").problems] == [
        "A. Steward proposed this waiver; a second person approves it."
    ]
    assert desk.read(by="B. Manager") == Imported(done=1)
    assert desk.triage.finding("b").waiver_until == NEXT_WEEK

    desk.send_out()
    desk.fill_in(a={"assignee": ""}, b={"status": "open", "note": "It is up again."})
    assert desk.read(by="B. Manager").done == 2
    assert (desk.triage.finding("a").state, desk.triage.finding("b").state) == ("open", "open")


def test_a_row_that_somebody_overtook_is_reported_and_the_others_are_done(desk: Desk) -> None:
    desk.send_out()
    desk.triage.assign({"a": 1}, to="B. Steward", by="B. Manager")
    desk.fill_in(a={"assignee": "A. Steward", "note": "Mine."}, b={"assignee": "A. Steward"})
    imported = desk.read()
    (problem,) = imported.problems
    assert imported.done == 1
    assert "It was assigned (B. Steward) by B. Manager" in problem.why
    assert (problem.finding_key, problem.wanted) == ("a", "assignee A. Steward; note: Mine.")
    assert desk.triage.finding("a").assignee == "B. Steward"


def test_a_row_of_a_finding_that_a_run_has_closed_is_reported(desk: Desk) -> None:
    desk.send_out()
    desk.nights.run(finding("b"), finding("q", severity="query"), finding("h", organisation="health"))
    desk.fill_in(a={"assignee": "A. Steward"})
    assert "It was fixed by the run run-2" in desk.read().problems[0].why


def test_read_in_twice_it_is_done_once(desk: Desk) -> None:
    desk.send_out()
    desk.fill_in(a={"note": "I rang the school."})
    assert desk.read().done == 1
    assert "It was noted by A. Steward" in desk.read().problems[0].why
    assert [turn.event for turn in desk.triage.history("a")] == ["new", "noted"]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"status": "explained", "note": "It is so."}, "an error takes no explanation"),
        ({"status": "waived", "note": "It is so."}, "a waiver needs its last day"),
        ({"status": "waived", "until": "31/02/2026", "note": "It is so."}, "no day such as"),
        ({"status": "waived", "until": NEXT_WEEK}, "The reason is missing"),
        ({"status": "sold"}, "the status 'sold' is none of"),
        ({"status": "reopened"}, "does not become reopened by writing so"),
        ({"until": NEXT_WEEK}, "the day alone was changed"),
        ({"finding": "zz", "note": "Whose?"}, "there is no such finding"),
    ],
)
def test_what_cannot_be_done_is_reported_with_its_row(changes: dict[str, Any], why: str, desk: Desk) -> None:
    desk.send_out()
    desk.fill_in(a=changes)
    (problem,) = desk.read().problems
    assert (problem.row, desk.triage.finding("a").state) == (2, "new")
    assert why in problem.why


def test_only_findings_that_one_may_work_on_are_touched(desk: Desk) -> None:
    desk.send_out()
    desk.fill_in(a={"assignee": "A. Steward"}, h={"assignee": "A. Steward"})
    imported = desk.read(allowed=Filter(organisation="education"))
    assert [problem.finding_key for problem in imported.problems] == ["h"]
    assert desk.triage.finding("h").assignee is None


def test_a_finding_in_two_rows_is_done_once_and_the_other_row_is_reported(desk: Desk) -> None:
    desk.send_out()
    desk.fill_in(a={"note": "First."}, b={"note": "Second.", "finding": "a"})
    imported = desk.read()
    assert [(problem.row, problem.why) for problem in imported.problems] == [(3, "the finding is in row 2 already.")]
    assert desk.triage.history("a")[-1].note == "First."


# Hostile workbooks


def refused(desk: Desk, why: str) -> None:
    with pytest.raises(FileRefused, match=why):
        desk.read()
    assert desk.triage.counts(by="state") == {"new": 4}
    assert [turn.event for turn in desk.triage.history("a")] == ["new"]


def with_part(path: Path, name: str, content: bytes) -> None:
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(name, content)


def test_formulas_are_refused(desk: Desk) -> None:
    desk.send_out()
    desk.fill_in(a={"note": '=HYPERLINK("http://example.org","x")'})
    refused(desk, "holds formulas")


@pytest.mark.parametrize("part", ["xl/externalLinks/externalLink1.xml", "xl/vbaProject.bin", "xl/connections.xml"])
def test_links_macros_and_queries_are_refused(part: str, desk: Desk) -> None:
    desk.send_out()
    with_part(desk.path, part, b"<x/>")
    refused(desk, "links to other files, queries, macros")


def test_a_bomb_is_refused(desk: Desk) -> None:
    desk.send_out()
    with_part(desk.path, "xl/worksheets/sheet9.xml", b" " * (301 * 2**20))
    refused(desk, "unpacks to more than 300 MB")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and then nothing", b"finding,version\na,1\n"])
def test_what_is_no_workbook_is_refused(content: bytes, desk: Desk) -> None:
    desk.path.write_bytes(content)
    refused(desk, "worklist.xlsx is not read, and nothing was done")


def test_another_workbook_or_one_with_columns_gone_is_refused(desk: Desk) -> None:
    desk.send_out()
    rows = desk.sheet()
    desk.write(rows, sheet="Sheet1")
    refused(desk, "has no sheet Findings")
    desk.write([row[:-4] for row in rows])
    refused(desk, "lacks the columns version, status as sent")
    desk.write([rows[0], ["x"] * len(rows[0])])
    refused(desk, "row 2 has no version")


def test_a_text_that_looks_like_a_formula_goes_out_as_text(desk: Desk) -> None:
    desk.triage.assign({"a": 1}, to="=1+1", by="=cmd|' /C calc'!A0")
    desk.send_out()
    assert desk.read().problems == []
    assert [row[desk.sheet()[0].index("assignee")] for row in desk.sheet()[1:]].count("=1+1") == 1
