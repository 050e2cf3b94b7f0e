"""What the pages show and do, without a browser: the list by its address, a finding's record, products, trends."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from pathlib import Path

import pytest

from connectors.readers import excel
from console.context import Console
from operations.triage import Filter, Finding
from tests.console.conftest import ON_BOTH_STORES, TOKEN, Answer, SignedIn
from tests.console.nights import Council

pytestmark = ON_BOTH_STORES
CELL = re.compile(r"<t[hd][^>]*>(.*?)</t[hd]>", re.DOTALL)


def words(answer: Answer) -> str:
    """The page as it is read."""
    return " ".join(re.sub(r"<[^>]*>", " ", answer.text).split())


def of(console: Console, child: str, rule: str) -> Finding:
    (found,) = (one for one in console.triage.all(Filter(child_id=child)) if one.rule_id == rule)
    return found


@pytest.fixture
def ceased(console: Console) -> Finding:
    return of(console, "CH2", "cease_date_without_reason")


def listed(answer: Answer) -> set[str]:
    """The findings on a page of the list."""
    return set(re.findall(r'href="/findings/([0-9a-f]{20})"', answer.text))


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("", Filter()),
        ("owner=sen_team&severity=error", Filter(owner="sen_team", severity="error")),
        ("extract=therapy_waits", Filter(extract="therapy_waits")),
        ("rule=cease_date_without_reason&child=CH2", Filter(rule="cease_date_without_reason", child_id="CH2")),
        ("text=ceased", Filter(text="ceased")),
        ("assignee=nobody&state=all&older=0", Filter(is_unassigned=True, older_than_days=0)),
        ("state=fixed", Filter(states=("fixed",))),
    ],
)
def test_the_address_says_which_findings_are_shown(
    query: str, wanted: Filter, console: Console, signed_in: SignedIn
) -> None:
    answer = signed_in("admin").get(f"/findings?{query}")
    assert listed(answer) == {one.finding_key for one in console.triage.all(wanted)}


def test_the_next_page_keeps_the_filters(
    console: Console, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.pages.findings.SIZE", 1)
    browser = signed_in("admin")
    first = browser.get("/findings?owner=sen_team&order=oldest")
    (path,) = re.findall(r'rel="next" href="([^"]*)"', first.text)
    second = browser.get(path.replace("&amp;", "&"))
    assert "owner=sen_team" in path
    assert "Page 2 of" in words(second)
    assert len(listed(second)) == 1
    assert listed(second) != listed(first)


@pytest.mark.parametrize(
    "query", ["state=no", "order=no", "number=0", "number=x", "older=-1", "unknown=1", "older=9e9"]
)
def test_an_address_that_makes_no_sense_is_told_so(query: str, signed_in: SignedIn) -> None:
    assert signed_in("admin").get(f"/findings?{query}").status_code == 400


def test_a_finding_shows_the_record_as_landed_and_the_rule_in_plain_words(ceased: Finding, signed_in: SignedIn) -> None:
    text = words(signed_in("a.steward").get(f"/findings/{ceased.finding_key}"))
    assert "file plan.csv, row 3" in text
    assert "cease_reason (at fault)" in text
    assert "P2" in text
    for part in ("Why it matters", "What to do Enter why the plan ceased.", "Where it comes from SEN2"):
        assert part in text


def test_a_record_is_shown_as_it_was_landed_last(ceased: Finding, council: Council, signed_in: SignedIn) -> None:
    council.deliver("ehc_case/plan", 1, issued_date="2024-05-27")
    council.night()
    text = words(signed_in("a.steward").get(f"/findings/{ceased.finding_key}"))
    assert "2024-05-27" in text
    assert "by the load 000003-ehc_case" in text


def test_the_childs_other_findings_are_there_and_only_of_ones_organisation(
    console: Console, signed_in: SignedIn
) -> None:
    of_health = of(console, "CH1", "referral_contact_before_received")
    of_education = of(console, "CH1", "cease_date_without_reason")
    assert of_health.finding_key in signed_in("officer").get(f"/findings/{of_education.finding_key}").text
    assert of_health.finding_key not in signed_in("a.steward").get(f"/findings/{of_education.finding_key}").text


def test_many_are_assigned_at_once(console: Console, signed_in: SignedIn) -> None:
    chosen = console.triage.all(Filter(rule="cease_date_without_reason"))
    fields = {
        "seen": [f"{one.finding_key}:{one.version}" for one in chosen],
        "act": "assign",
        "assignee": "b.steward",
        "query": "owner=sen_team",
    }
    answer = signed_in("a.steward").post("/findings/act", fields, of="/findings")
    assert answer.headers["location"] == f"/findings?owner=sen_team&done={len(chosen)}&act=assign"
    assert {console.triage.finding(one.finding_key).assignee for one in chosen} == {"b.steward"}


def test_all_that_match_are_noted_at_once_and_no_more(console: Console, signed_in: SignedIn) -> None:
    before = {one.finding_key: one.version for one in console.triage.all()}
    fields = {"everything": "yes", "act": "note", "note": "seen", "query": "extract=therapy_waits"}
    assert signed_in("officer").post("/findings/act", fields, of="/findings").status_code == 303
    changed = {one.finding_key for one in console.triage.all() if one.version != before[one.finding_key]}
    assert changed == {one.finding_key for one in console.triage.all(Filter(extract="therapy_waits"))}


def test_nobody_is_given_work_that_they_cannot_see(ceased: Finding, signed_in: SignedIn, console: Console) -> None:
    version = console.triage.finding(ceased.finding_key).version
    fields = {"seen": f"{ceased.finding_key}:{version}", "act": "assign", "assignee": "health.steward", "query": ""}
    assert signed_in("a.steward").post("/findings/act", fields).status_code == 400


def test_what_an_error_needs_is_told_where_somebody_would_explain_it(
    ceased: Finding, signed_in: SignedIn, console: Console
) -> None:
    version = console.triage.finding(ceased.finding_key).version
    fields = {"seen": f"{ceased.finding_key}:{version}", "act": "explain", "note": "so", "query": ""}
    answer = signed_in("a.steward").post("/findings/act", fields)
    assert answer.status_code == 422
    assert "an error takes no explanation. Enter why the plan ceased." in words(answer)


def test_a_file_for_a_spreadsheet_holds_no_formula(console: Console, signed_in: SignedIn) -> None:
    (one, *_) = console.triage.all(Filter(organisation="education"))
    console.triage.assign({one.finding_key: one.version}, to="=HYPERLINK(A1)", by="somebody")
    answer = signed_in("officer").post("/findings/export", {"query": "state=all", "reason": "to try"}, of="/findings")
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert {row["finding_key"] for row in rows} == {one.finding_key for one in console.triage.all()}
    assert "'=HYPERLINK(A1)" in {row["assignee"] for row in rows}


def test_markup_in_a_note_stays_text(ceased: Finding, signed_in: SignedIn, console: Console) -> None:
    version = console.triage.finding(ceased.finding_key).version
    browser = signed_in("a.steward")
    fields = {
        "seen": f"{ceased.finding_key}:{version}",
        "act": "note",
        "note": "<script>alert(1)</script>",
        "query": "",
    }
    browser.post("/findings/act", fields)
    page = browser.get(f"/findings/{ceased.finding_key}").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_a_product_says_what_holds_it_and_since_when(signed_in: SignedIn) -> None:
    text = words(signed_in("viewer").get("/products"))
    assert "lists held" in text
    assert "Held since" in text
    assert "&#39;A plan that ceased says why&#39; does not hold" in text
    assert "worklist" in text


def test_a_run_and_a_load_tell_what_they_did(signed_in: SignedIn) -> None:
    browser = signed_in("viewer")
    run = words(browser.get("/runs/night-1"))
    assert "A plan that ceased says why cease_date_without_reason landing/ehc_case__plan" in run
    load = words(browser.get("/loads/000002-therapy_waits"))
    assert "referral.csv referral landed 2 1 1" in load


def test_rows_set_apart_are_shown_as_they_were_delivered(signed_in: SignedIn) -> None:
    text = words(signed_in("health.steward").get("/loads/000002-therapy_waits/quarantine/0"))
    assert "F2" in text
    assert "referral_received_date" in text


def test_each_chart_has_its_table_with_the_same_numbers(console: Console, signed_in: SignedIn) -> None:
    page = signed_in("viewer").get("/trends").text
    drawings, tables = page.count('<svg class="chart" role="img"'), page.count("<table")
    assert drawings == tables >= 3
    for owner in ("sen_team", "health_steward"):
        number = console.triage.count(Filter(owner=owner, states=("new", "open", "assigned", "explained", "reopened")))
        (row,) = re.findall(rf'<tr><th scope="row">{owner.replace("_", " ")}</th>(.*?)</tr>', page)[:1]
        assert CELL.findall(row)[len("1234")] == str(number)
        assert f"{owner.replace('_', ' ')} {number}" in page


def test_the_return_says_why_it_cannot_be_checked(signed_in: SignedIn) -> None:
    browser = signed_in("officer")
    for _ in range(100):
        text = words(browser.get("/return"))
        if "is being checked" not in text:
            break
    assert "Build it anew: send sen2 build" in text


@pytest.mark.parametrize("path", ["../../../send.yml", "..%2f..%2f..%2fsend.yml", ".hidden", "%00", "no.html"])
def test_the_dashboard_leads_nowhere_else(path: str, council: Council, signed_in: SignedIn) -> None:
    site = council.home.published / "dashboard" / "site"
    site.mkdir(parents=True, exist_ok=True)
    (site / "index.html").write_text("<h1>The board's pages</h1>", encoding="utf-8")
    (site / ".hidden").write_text("hidden", encoding="utf-8")
    browser = signed_in("viewer")
    assert "The board's pages" in browser.get("/dashboard/").text
    answer = browser.get(f"/dashboard/{path}")
    assert answer.status_code == 404
    assert "la_code" not in answer.text


@pytest.mark.parametrize(
    "contents",
    [b"", b"no workbook", b"PK\x03\x04 broken"],
    ids=["empty", "text", "broken"],
)
def test_a_workbook_that_is_none_is_refused(contents: bytes, signed_in: SignedIn) -> None:
    answer = _send(signed_in, contents)
    assert answer.status_code == 422
    assert "nothing was done" in words(answer)


def _send(signed_in: SignedIn, contents: bytes) -> Answer:
    browser = signed_in("a.steward")
    token = TOKEN.search(browser.get("/workbook").text)
    assert token
    files = {"workbook": ("back.xlsx", contents, "application/octet-stream")}
    return browser.client.post("/workbook", data={"csrf": token[1]}, files=files)


@pytest.mark.parametrize(
    ("part", "text"),
    [
        ("xl/externalLinks/externalLink1.xml", b"<externalLink/>"),
        ("xl/vbaProject.bin", b"macro"),
        ("xl/worksheets/sheet9.xml", b"<worksheet><c><f>1+1</f></c></worksheet>"),
        ("xl/worksheets/sheet9.xml", b" " * 5_000_000),
    ],
    ids=["external link", "macro", "formula", "zip bomb"],
)
def test_a_hostile_workbook_is_refused_whole(
    part: str, text: bytes, signed_in: SignedIn, console: Console, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(excel, "MAX_UNPACKED_BYTES", 4_000_000)
    browser = signed_in("a.steward")
    sent = browser.post("/workbook/download", {"owner": "sen_team", "reason": "to try"}, of="/workbook")
    path = tmp_path / "hostile.xlsx"
    path.write_bytes(sent.content)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(part, text)
    before = {one.finding_key: one.version for one in console.triage.all()}
    assert _send(signed_in, path.read_bytes()).status_code == 422
    assert {one.finding_key: one.version for one in console.triage.all()} == before


def test_a_huge_upload_is_refused(signed_in: SignedIn) -> None:
    assert _send(signed_in, b"x" * (20 * 1024 * 1024 + 1)).status_code == 413
