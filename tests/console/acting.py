"""What a person does on the console's pages in a browser."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.console.authenticator import AUTHENTICATOR
from tests.console.conftest import PASSWORD


def sign_in(page: Page, address: str, name: str) -> None:
    page.goto(f"{address}/sign-in")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Code from your authenticator app").fill(AUTHENTICATOR.next_code(name))
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def act(page: Page, what: str, **fields: str) -> None:
    """Fills in and sends the form of an act on the page."""
    page.get_by_label("What is to be done").select_option(what)
    if "assignee" in fields:
        page.get_by_label("Assign to").select_option(fields["assignee"])
    if "until" in fields:
        page.get_by_label("Last day of the waiver").fill(fields["until"])
    if "note" in fields:
        page.get_by_label("Reason or note").fill(fields["note"])
    page.get_by_role("button", name="Do it").click()
