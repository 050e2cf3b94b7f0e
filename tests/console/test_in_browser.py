"""The console in a real Chromium: a finding's whole story, accessibility of every page, keyboard, zoom, no scripts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, expect

from connectors.corrections import landed_record
from console.application import create_app
from console.context import Console
from operations.triage import Filter, now
from tests.browser import PHONE, ZOOMED, Opener, Watched, axe_violations, is_scrolling_sideways
from tests.console.acting import act, sign_in
from tests.console.authenticator import AUTHENTICATOR
from tests.console.conftest import PASSWORD, opened, served
from tests.console.nights import SURNAME, Council
from tests.console.workbooks import fill_in
from warehouse.home import Home

SOON = (now().date() + timedelta(days=60)).isoformat()
ADMINISTRATORS_PAGES = (
    "/",
    "/findings",
    "/findings?state=all&order=severity",
    "/corrections",
    "/corrections/1",
    "/workbook",
    "/products",
    "/products/lists",
    "/runs",
    "/runs/night-1",
    "/loads/000001-ehc_case",
    "/loads/000002-therapy_waits/quarantine/0",
    "/trends",
    "/return",
    "/accounts",
    "/accounts/1",
    "/access-log",
    "/password",
    "/second-factor",
    "/no-such-page",
)


@pytest.fixture(scope="module")
def address(app: FastAPI, chromium: Browser) -> Iterator[str]:
    with served(app) as at:
        yield at


def every_page(console: Console) -> list[str]:
    """The administrator's pages, the page of a finding last."""
    (finding, *_) = console.triage.all(Filter(child_id="CH1", organisation="education"))
    return [*ADMINISTRATORS_PAGES, f"/findings/{finding.finding_key}"]


def proposed_correction(console: Console) -> None:
    """A correction for the page of corrections, proposed once."""
    if not console.corrections.all():
        landed = landed_record(console.home.warehouse, "ehc_case", "plan", "P5")
        until = console.triage.today + timedelta(days=60)
        console.corrections.propose(
            landed, column="start_date", value="2024-05-21", until=until, reason="as signed", by="a.steward"
        )


def test_axe_finds_nothing_on_any_page(address: str, console: Console, open_page: Opener) -> None:
    proposed_correction(console)
    watched = open_page()
    page = watched.page
    page.goto(f"{address}/sign-in")
    found = {"/sign-in": axe_violations(page)}
    sign_in(page, address, "admin")
    for path in (*every_page(console), "/children/CH1", "/findings?state=no"):
        page.goto(address + path)
        found[path] = axe_violations(page)
    page.goto(f"{address}/children/CH1")
    page.get_by_label("Reason").fill("its school asked")
    with page.expect_navigation(wait_until="load"):
        page.get_by_role("button", name="Go on").click()
    found["the child"] = axe_violations(page)
    assert {path: problems for path, problems in found.items() if problems} == {}
    watched.errors.clear()  # Chromium notes the refused pages among them


@pytest.mark.parametrize("size", [PHONE, ZOOMED], ids=["phone", "zoom of 200%"])
def test_no_page_scrolls_sideways(size: tuple[int, int], address: str, console: Console, open_page: Opener) -> None:
    watched = open_page(size=size)
    sign_in(watched.page, address, "admin")
    sideways = []
    for path in every_page(console):
        watched.page.goto(address + path)
        sideways += [path] if is_scrolling_sideways(watched.page) else []
    assert sideways == []
    assert axe_violations(watched.page) == []
    watched.errors.clear()


def test_by_keyboard_alone_a_steward_signs_in_finds_and_assigns(
    address: str, console: Console, open_page: Opener
) -> None:
    page = open_page().page

    def to(name: str, most: int = 80) -> None:
        """Presses Tab until what has that accessible name has the focus, which must be visible."""
        for _ in range(most):
            page.keyboard.press("Tab")
            focused = page.locator(":focus")
            label = focused.evaluate(
                "e => e.getAttribute('aria-label') || (e.labels && e.labels[0] && e.labels[0].innerText) || e.innerText"
            )
            if label and label.strip() == name:
                style = focused.evaluate("e => getComputedStyle(e).outlineStyle")
                assert style != "none", f"the focus on {name} cannot be seen"
                return
        raise AssertionError(f"{name} is not reached by Tab")

    page.goto(f"{address}/sign-in")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    to("Name")
    page.keyboard.type("b.steward")
    to("Password")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Your code")).to_be_visible()
    to("Code from your authenticator app")
    page.keyboard.type(AUTHENTICATOR.next_code("b.steward"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="My work")).to_be_visible()
    to("Findings")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Findings", exact=True)).to_be_visible()
    to("Choose all on this page")
    page.keyboard.press("Space")
    to("What is to be done")
    page.keyboard.type("Write")
    to("Reason or note")
    page.keyboard.type("seen by keyboard")
    to("Do it")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("Write a note: done for")
    (finding, *_) = console.triage.all(Filter(organisation="education"))
    assert console.triage.history(finding.finding_key)[-1].note == "seen by keyboard"


def give_password(page: Page, address: str, name: str) -> None:
    page.goto(f"{address}/sign-in")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def test_a_first_sign_in_sets_up_an_app_by_keyboard_on_pages_that_axe_passes_at_any_size(
    address: str, console: Console, open_page: Opener
) -> None:
    console.accounts.add("first.timer", "viewer", password=PASSWORD)
    watched = open_page(size=PHONE)
    page, problems, sideways = watched.page, {}, []

    def look_at(what: str) -> None:
        problems[what] = axe_violations(page)
        sideways.extend([what] if is_scrolling_sideways(page) else [])

    give_password(page, address, "first.timer")
    expect(page.get_by_role("heading", name="Set up an authenticator app")).to_be_visible()
    expect(page.get_by_role("img", name="The key below as a QR code")).to_be_visible()
    look_at("the app")
    key = page.locator("#key").inner_text()
    assert key.replace(" ", "") not in page.url
    page.get_by_label("Code from the app").focus()
    page.keyboard.type("no code")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("The code is not the one that the app should show now")
    look_at("a wrong code")
    page.get_by_label("Code from the app").focus()
    page.keyboard.type(AUTHENTICATOR.code_of(key))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    look_at("the recovery codes")
    page.get_by_role("link", name="I have kept them: go on").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    page.goto(f"{address}/second-factor")
    look_at("one's own app")
    give_password_anew(page, address, "first.timer")
    look_at("the code")
    assert {what: found for what, found in problems.items() if found} == {}
    assert sideways == []
    watched.errors.clear()  # Chromium notes the refused code among them


def give_password_anew(page: Page, address: str, name: str) -> None:
    page.get_by_role("button", name="Sign out").click()
    give_password(page, address, name)
    expect(page.get_by_role("heading", name="Your code")).to_be_visible()


def test_an_app_is_set_up_used_and_replaced_with_scripts_off(address: str, console: Console, open_page: Opener) -> None:
    console.accounts.add("without.scripts", "viewer", password=PASSWORD)
    watched = open_page(has_scripts=False)
    page = watched.page
    give_password(page, address, "without.scripts")
    page.get_by_label("Code from the app").fill(AUTHENTICATOR.code_of(page.locator("#key").inner_text()))
    page.get_by_role("button", name="Set it up").click()
    recovery = page.locator(".codes code").first.inner_text()
    page.get_by_role("link", name="I have kept them: go on").click()
    give_password_anew(page, address, "without.scripts")
    page.get_by_label("Code from your authenticator app").fill(recovery)
    page.get_by_role("button", name="Go on").click()
    page.get_by_label("Code from the app you have, or a recovery code").fill(recovery)
    page.get_by_role("button", name="Set up another app").click()
    expect(page.get_by_role("alert")).to_contain_text("no recovery code of yours that has not been used")
    watched.errors.clear()


def test_everything_works_with_scripts_off(address: str, console: Console, open_page: Opener) -> None:
    page = open_page(has_scripts=False).page
    sign_in(page, address, "b.steward")
    page.get_by_role("link", name="Findings", exact=True).click()
    page.get_by_label("Source").select_option("ehc_case")
    page.get_by_role("button", name="Show").click()
    assert "extract=ehc_case" in page.url
    page.get_by_role("table").get_by_role("link", name="A plan that ceased says why").first.click()
    act(page, "note", note="without scripts")
    expect(page.get_by_role("list").filter(has_text="without scripts")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_of_two_stewards_on_one_finding_the_second_is_told(address: str, console: Console, open_page: Opener) -> None:
    (finding, *_) = console.triage.all(Filter(child_id="CH3", organisation="education"))
    first, second = open_page(), open_page()
    for watched, name in ((first, "a.steward"), (second, "b.steward")):
        sign_in(watched.page, address, name)
        watched.page.goto(f"{address}/findings/{finding.finding_key}")
    act(first.page, "assign", assignee="a.steward")
    expect(first.page.get_by_role("status")).to_contain_text("Assign: done.")
    act(second.page, "assign", assignee="b.steward")
    told = second.page.get_by_role("listitem").filter(has_text=finding.finding_key)
    expect(told).to_contain_text("has changed since you saw it. It was assigned (a.steward) by a.steward")
    assert console.triage.finding(finding.finding_key).assignee == "a.steward"
    second.errors.clear()


@pytest.fixture
def fresh(tmp_path: Path, chromium: Browser) -> Iterator[tuple[Council, str]]:
    """A council of its own after its first night, with its console served."""
    council = Council(Home(tmp_path / "home")).begin()
    council.night()
    with opened(council) as console, served(create_app(console)) as address:
        yield council, address


def test_a_planted_fault_is_found_assigned_mended_at_the_source_and_closed_by_the_next_run(
    fresh: tuple[Council, str], open_page: Opener
) -> None:
    council, address = fresh
    manager, steward = open_page().page, open_page().page
    sign_in(manager, address, "a.steward")
    manager.get_by_role("link", name="Products").click()
    expect(manager.get_by_role("heading", name="lists held")).to_be_visible()
    manager.get_by_role("link", name="Findings", exact=True).click()
    manager.get_by_role("checkbox", name="Choose A plan that ceased says why, CH1").check()
    act(manager, "assign", assignee="b.steward", note="its caseworker knows")
    expect(manager.get_by_role("status").first).to_contain_text("Assign: done for 1.")

    sign_in(steward, address, "b.steward")
    mine = steward.get_by_role("region", name="Assigned to me, the gravest first")
    mine.get_by_role("link", name="A plan that ceased says why").click()
    expect(steward.get_by_role("row").filter(has_text="cease_reason (at fault)")).to_contain_text("(empty)")
    expect(steward.get_by_text("file plan.csv, row 2")).to_be_visible()
    expect(steward.get_by_text("Enter why the plan ceased.")).to_be_visible()
    of_the_finding = steward.url

    council.deliver("ehc_case/plan", 0, cease_reason="2")
    council.night()
    steward.goto(of_the_finding)
    told = steward.locator("ol.history").inner_text()
    assert [line.split(" by ")[0].strip() for line in told.splitlines() if line.strip()] == [
        "new",
        "assigned (b.steward)",
        "fixed",
    ]
    expect(steward.get_by_role("row").filter(has_text="cease_reason")).to_contain_text("2")
    steward.goto(f"{address}/")
    expect(steward.get_by_text("Nothing is assigned to you.")).to_be_visible()


def test_a_query_is_explained_and_keeps_its_explanation(fresh: tuple[Council, str], open_page: Opener) -> None:
    council, address = fresh
    page = open_page().page
    sign_in(page, address, "officer")
    page.goto(f"{address}/findings?severity=query")
    page.get_by_role("table").get_by_role("link").first.click()
    of_the_finding = page.url
    act(page, "explain", note="The panel's minutes of that day are lost.")
    expect(page.get_by_role("heading", name="The explanation that stands")).to_be_visible()
    council.night()
    page.goto(of_the_finding)
    expect(page.get_by_role("blockquote")).to_have_text("The panel's minutes of that day are lost.")
    expect(page.locator(".facts").first).to_contain_text("explained")


def test_a_waiver_needs_a_second_person(fresh: tuple[Council, str], open_page: Opener) -> None:
    _, address = fresh
    first, second = open_page(), open_page()
    sign_in(first.page, address, "a.steward")
    first.page.goto(f"{address}/findings?severity=error")
    first.page.get_by_role("table").get_by_role("link", name="A plan that ceased says why").first.click()
    of_the_finding = first.page.url
    act(first.page, "propose_waiver", until=SOON, note="the system is being replaced")
    expect(first.page.get_by_text("proposed by a.steward")).to_be_visible()
    act(first.page, "approve_waiver")
    expect(first.page.get_by_text("a second person approves it")).to_be_visible()
    first.errors.clear()
    sign_in(second.page, address, "b.steward")
    second.page.get_by_role("region", name="Waivers proposed").get_by_role("link").first.click()
    assert second.page.url == of_the_finding
    act(second.page, "approve_waiver")
    expect(second.page.locator(".facts").first).to_contain_text("approved by b.steward")


def test_a_correction_is_proposed_approved_by_another_and_mends_the_finding(
    fresh: tuple[Council, str], open_page: Opener
) -> None:
    council, address = fresh
    first, second = open_page().page, open_page().page
    sign_in(first, address, "a.steward")
    first.get_by_role("link", name="A plan that ceased says why").first.click()
    of_the_finding = first.url
    first.get_by_text("Propose a correction").click()
    first.get_by_label("What it should be").fill("2")
    first.get_by_label("Last day it stands").fill(SOON)
    first.locator("#correction-reason").fill("the letter of 29 June says so")
    first.get_by_role("button", name="Propose").click()
    expect(first.get_by_text("a second person approves it")).to_be_visible()
    sign_in(second, address, "b.steward")
    second.goto(first.url)
    second.get_by_role("button", name="Approve").click()
    expect(second.get_by_role("heading", name="Correction 1 approved")).to_be_visible()
    council.night()
    second.goto(of_the_finding)
    expect(second.locator(".facts").first).to_contain_text("fixed")
    expect(second.get_by_role("listitem").filter(has_text="Correction 1 of cease_reason")).to_contain_text(
        "“2” for “(empty)”"
    )


def test_a_workbook_goes_out_and_comes_back(fresh: tuple[Council, str], open_page: Opener, tmp_path: Path) -> None:
    council, address = fresh
    page = open_page().page
    sign_in(page, address, "a.steward")
    page.get_by_role("link", name="Workbook").click()
    page.get_by_label("What it is for").fill("an afternoon without the network")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    sent = tmp_path / "sent.xlsx"
    download.value.save_as(sent)
    back = fill_in(sent, tmp_path / "back.xlsx", assignee="b.steward", note="ring the school")
    page.get_by_label("Workbook (.xlsx").set_input_files(back)
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("status")).to_contain_text("1 findings were changed")
    with opened(council) as console:
        assert [one.assignee for one in console.triage.all(Filter(assignee="b.steward"))] == ["b.steward"]


def test_no_name_is_on_a_page_that_a_viewer_sees(address: str, open_page: Opener) -> None:
    watched: Watched = open_page()
    page = watched.page
    sign_in(page, address, "viewer")
    for path in ("/", "/products", "/products/lists", "/runs", "/runs/night-1", "/loads/000001-ehc_case", "/trends"):
        page.goto(address + path)
        text = page.content()
        assert SURNAME not in text
        assert "CH1" not in text
