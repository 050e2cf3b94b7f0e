"""The pages of the second factor: set up at the first sign-in, asked for ever after, changed, and reset."""

from __future__ import annotations

import re
from datetime import timedelta
from itertools import count
from urllib.parse import unquote

import pytest

from console.context import Console
from operations.access_log import AccessEntry
from operations.accounts import ATTEMPTS_PER_NAME, Account
from operations.sealing import KEY_BYTES, KEY_VARIABLE, Seal
from operations.sessions import HALF
from tests.console.authenticator import AUTHENTICATOR, set_up_app
from tests.console.conftest import PASSWORD, Answer, Browser, SignedIn, Visit

KEY = re.compile(r'<code id="key">([A-Z2-7 ]+)</code>')
NUMBERS = count(1)
RECOVERY = re.compile(r"<li><code>([A-Z2-7-]{29})</code></li>")


@pytest.fixture
def newcomer(console: Console) -> Account:
    """A viewer of this test's own, with a password and no authenticator app."""
    return console.accounts.add(f"newcomer.{next(NUMBERS)}", "viewer", password=PASSWORD)


@pytest.fixture
def member(console: Console, newcomer: Account) -> Account:
    """The same with an app set up."""
    set_up_app(console, newcomer)
    account = console.accounts.get(newcomer.account_id)
    assert account is not None
    return account


def key_on(answer: Answer) -> str:
    found = KEY.search(answer.text)
    assert found, answer.text
    return found[1]


def recovery_codes(answer: Answer) -> list[str]:
    assert answer.status_code == 200
    found = RECOVERY.findall(answer.text)
    assert len(found) == 10
    return list(found)


def newest(console: Console, account: Account) -> list[AccessEntry]:
    """What the access log says of the account, the oldest first."""
    return console.access_log.entries(account_name=account.name, limit=99)[::-1]


def events(console: Console, account: Account) -> list[str]:
    return [entry.event for entry in newest(console, account)]


def test_the_first_sign_in_sets_an_app_up_and_shows_recovery_codes_once(
    console: Console, visit: Visit, newcomer: Account
) -> None:
    browser = visit()
    where = browser.give_password(newcomer.name, next_path="/trends").headers["location"]
    assert where == "/sign-in/set-up?next=%2Ftrends"
    asked = browser.get(where)
    assert key_on(asked) == key_on(browser.get(where))  # opened again, it is the key that was scanned
    assert "<svg viewBox=" in asked.text
    assert "style=" not in asked.text
    assert newcomer.name in asked.text
    fields = {"code": AUTHENTICATOR.code_of(key_on(asked)), "next": "/trends"}
    told = browser.post("/sign-in/set-up", fields, of=where)
    codes = recovery_codes(told)
    assert 'href="/trends"' in told.text
    assert browser.get("/trends").status_code == 200
    assert codes[0] not in browser.get("/second-factor").text
    assert events(console, newcomer) == ["factor_enrolled", "signed_in"]


def test_a_code_that_the_app_does_not_show_sets_nothing_up(console: Console, visit: Visit, newcomer: Account) -> None:
    browser = visit()
    where = browser.give_password(newcomer.name).headers["location"]
    key = key_on(browser.get(where))
    answer = browser.post("/sign-in/set-up", {"code": "no code"}, of=where)
    assert answer.status_code == 403
    assert "There is a problem" in answer.text
    assert key_on(answer) == key
    assert browser.get("/products").headers["location"].startswith("/sign-in")
    assert events(console, newcomer) == ["factor_refused"]


def test_who_is_halfway_cannot_set_up_another_app_in_the_place_of_one(visit: Visit, member: Account) -> None:
    browser = visit()
    browser.give_password(member.name)
    assert browser.get("/sign-in/set-up").headers["location"] == "/sign-in/code"
    answer = browser.post("/sign-in/set-up", {"code": "123456"}, of="/sign-in/code")
    assert answer.headers["location"] == "/sign-in/code"


def test_a_password_and_a_code_sign_in_under_another_session(console: Console, visit: Visit, member: Account) -> None:
    browser = visit()
    where = browser.give_password(member.name, next_path="/runs").headers["location"]
    assert unquote(where) == "/sign-in/code?next=/runs"
    waiting = browser.client.cookies["send-session"]
    fields = {"code": AUTHENTICATOR.next_code(member.name), "next": "/runs"}
    assert browser.post("/sign-in/code", fields, of=where).headers["location"] == "/runs"
    assert browser.client.cookies["send-session"] != waiting
    assert browser.get("/runs").status_code == 200
    thief = visit()
    thief.client.cookies.set("send-session", waiting, domain="127.0.0.1")
    assert thief.get("/runs").headers["location"].startswith("/sign-in")
    assert events(console, member)[-1] == "signed_in"


def test_a_wrong_code_is_refused_and_noted_and_the_log_does_not_hold_it(
    console: Console, visit: Visit, member: Account
) -> None:
    browser = visit()
    browser.give_password(member.name)
    answer = browser.post("/sign-in/code", {"code": "my secret"}, of="/sign-in/code")
    assert answer.status_code == 403
    assert "There is a problem" in answer.text
    assert browser.get("/products").status_code == 303
    entry = newest(console, member)[-1]
    assert (entry.event, entry.address, entry.about, entry.reason) == ("factor_refused", "127.0.0.1", None, None)


def test_a_code_that_was_read_over_the_shoulder_is_no_use(visit: Visit, member: Account) -> None:
    holder, thief = visit(), visit()
    code = AUTHENTICATOR.next_code(member.name)
    for browser in (holder, thief):
        browser.give_password(member.name)
    assert holder.post("/sign-in/code", {"code": code}, of="/sign-in/code").status_code == 303
    assert thief.post("/sign-in/code", {"code": code}, of="/sign-in/code").status_code == 403


def test_a_code_of_a_minute_ago_is_refused(visit: Visit, member: Account) -> None:
    browser = visit()
    browser.give_password(member.name)
    code = AUTHENTICATOR.next_code(member.name)
    AUTHENTICATOR.wait(steps=2)
    assert browser.post("/sign-in/code", {"code": code}, of="/sign-in/code").status_code == 403


def test_after_many_wrong_codes_one_has_to_wait(visit: Visit, member: Account) -> None:
    browser = visit()
    browser.give_password(member.name)
    answers = [browser.post("/sign-in/code", {"code": "1"}, of="/sign-in/code") for _ in range(ATTEMPTS_PER_NAME)]
    assert [answer.status_code for answer in answers] == [403] * (ATTEMPTS_PER_NAME - 1) + [429]
    fields = {"code": AUTHENTICATOR.next_code(member.name)}
    assert browser.post("/sign-in/code", fields, of="/sign-in/code").status_code == 429


def test_a_password_waits_ten_minutes_for_its_code(
    console: Console, visit: Visit, member: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser, now = visit(), console.clock()
    browser.give_password(member.name)
    assert browser.get("/sign-in/code").status_code == 200
    monkeypatch.setattr(console.sessions, "_clock", lambda: now + HALF + timedelta(minutes=1))
    assert browser.get("/sign-in/code").headers["location"] == "/sign-in"


def test_who_is_signed_in_already_is_led_on_from_the_code(signed_in: SignedIn) -> None:
    browser = signed_in("viewer")
    assert browser.get("/sign-in/code").headers["location"] == "/sign-in"
    assert browser.get("/sign-in").headers["location"] == "/"


def test_a_recovery_code_signs_in_once_and_leads_to_where_another_app_is_set_up(
    console: Console, visit: Visit, member: Account
) -> None:
    code, *_ = console.factors.make_codes(member)
    browser = visit()
    browser.give_password(member.name)
    answer = browser.post("/sign-in/code", {"code": code.lower()}, of="/sign-in/code")
    assert answer.headers["location"] == "/second-factor"
    assert "Recovery codes left: <b>9</b>" in browser.get("/second-factor").text
    again = visit()
    again.give_password(member.name)
    assert again.post("/sign-in/code", {"code": code}, of="/sign-in/code").status_code == 403
    assert [(entry.event, entry.about) for entry in newest(console, member)][-3:] == [
        ("recovery_code_used", "9 left"),
        ("signed_in", None),
        ("factor_refused", None),
    ]


def test_new_recovery_codes_are_given_for_a_code(console: Console, visit: Visit, member: Account) -> None:
    browser = visit()
    browser.sign_in(member.name)
    page = "/second-factor"
    assert browser.post(f"{page}/recovery-codes", {"code": "123"}, of=page).status_code == 403
    fields = {"code": AUTHENTICATOR.next_code(member.name)}
    recovery_codes(browser.post(f"{page}/recovery-codes", fields, of=page))
    assert events(console, member)[-2:] == ["factor_refused", "recovery_codes_made"]


def test_another_app_is_set_up_by_whoever_has_the_one_before(console: Console, visit: Visit, member: Account) -> None:
    browser = visit()
    browser.sign_in(member.name)
    page = "/second-factor"
    assert browser.get(f"{page}/app").headers["location"] == page
    assert browser.post(f"{page}/app/code", {"code": "123456"}, of=page).headers["location"] == page
    assert browser.post(f"{page}/app", {"code": "no code"}, of=page).status_code == 403
    fields = {"code": AUTHENTICATOR.next_code(member.name)}
    assert browser.post(f"{page}/app", fields, of=page).headers["location"] == f"{page}/app"
    other = key_on(browser.get(f"{page}/app"))
    assert browser.post(f"{page}/app/code", {"code": "no code"}, of=page).status_code == 403
    recovery_codes(browser.post(f"{page}/app/code", {"code": AUTHENTICATOR.code_of(other)}, of=page))
    assert browser.get(page).status_code == 200
    assert newest(console, member)[-1].about == "another app"
    again = visit()
    again.give_password(member.name)
    with_the_old = {"code": AUTHENTICATOR.next_code(member.name)}
    assert again.post("/sign-in/code", with_the_old, of="/sign-in/code").status_code == 403
    with_the_new = {"code": AUTHENTICATOR.code_of(other)}
    assert again.post("/sign-in/code", with_the_new, of="/sign-in/code").status_code == 303


def test_an_administrator_resets_an_app_and_whoever_has_the_password_sets_up_another(
    console: Console, visit: Visit, signed_in: SignedIn, member: Account
) -> None:
    theirs, admin, path = visit(), signed_in("admin"), f"/accounts/{member.account_id}"
    theirs.sign_in(member.name)
    assert admin.post(f"{path}/second-factor", of=path).headers["location"] == path
    assert "No authenticator app is set up" in admin.get(path).text
    assert theirs.get("/products").headers["location"].startswith("/sign-in")
    assert theirs.give_password(member.name).headers["location"] == "/sign-in/set-up"
    entry = console.access_log.entries(event="factor_reset", limit=1)[0]
    assert (entry.account_name, entry.about, entry.address) == ("admin", member.name, "127.0.0.1")
    assert admin.post(f"{path}/second-factor", of=path).status_code == 422


def test_an_administrator_does_not_reset_their_own(console: Console, signed_in: SignedIn) -> None:
    own = console.accounts.by_name("admin")
    assert own is not None
    assert signed_in("admin").post(f"/accounts/{own.account_id}/second-factor").status_code == 422
    assert signed_in("admin").get("/products").status_code == 200


def test_a_new_password_by_invitation_does_not_take_the_app_away(
    console: Console, visit: Visit, member: Account
) -> None:
    console.accounts.accept(console.accounts.invite(member.account_id), "another three words entirely")
    answer = visit().give_password(member.name, "another three words entirely")
    assert answer.headers["location"] == "/sign-in/code"


def test_a_key_that_was_lost_is_told_with_what_to_do_and_a_recovery_code_still_works(
    console: Console, visit: Visit, member: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, *_ = console.factors.make_codes(member)
    monkeypatch.setattr(console.factors, "_seal", Seal(b"k" * KEY_BYTES))
    browser = visit()
    browser.give_password(member.name)
    fields = {"code": AUTHENTICATOR.next_code(member.name)}
    answer = browser.post("/sign-in/code", fields, of="/sign-in/code")
    assert answer.status_code == 422
    assert KEY_VARIABLE in answer.text
    assert browser.post("/sign-in/code", {"code": code}, of="/sign-in/code").headers["location"] == "/second-factor"


def test_the_log_and_the_lists_hold_no_secret(console: Console, visit: Visit, newcomer: Account) -> None:
    browser: Browser = visit()
    where = browser.give_password(newcomer.name).headers["location"]
    key = key_on(browser.get(where)).replace(" ", "")
    code = AUTHENTICATOR.code_of(key)
    codes = recovery_codes(browser.post("/sign-in/set-up", {"code": code}, of=where))
    logged = str(newest(console, newcomer))
    assert not [secret for secret in (key, code, *codes) if secret in logged + str(console.accounts.all())]
