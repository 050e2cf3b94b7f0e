"""Who may not see, does not: every route with every role and none, and what protects whoever may."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta

import pytest
from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from console import application
from console.access import AllowAnyone, own_path
from console.application import RouteWithoutRule, create_app, roles_of
from console.context import Console
from operations.accounts import ROLES
from operations.sessions import IDLE
from operations.triage import Filter
from tests.console.authenticator import set_up_app
from tests.console.conftest import ADDRESS, ON_BOTH_STORES, PASSWORD, TOKEN, Browser, SignedIn, Visit, opened
from tests.console.nights import FORENAME, NHS_NUMBER, SURNAME, UPN, Council

pytestmark = ON_BOTH_STORES
ALL, WORKERS, OFFICERS = set(ROLES), {"steward", "return_officer", "administrator"}, {"return_officer", "administrator"}
ADMINISTRATORS, ANYONE = {"administrator"}, {*ROLES, "nobody", "halfway"}
RULES: dict[tuple[str, str], set[str]] = {
    ("GET", "/sign-in"): ANYONE,
    ("POST", "/sign-in"): ANYONE,
    ("GET", "/sign-in/provider"): ANYONE,
    ("GET", "/sign-in/provider/return"): ANYONE,
    ("GET", "/welcome/{secret}"): ANYONE,
    ("POST", "/welcome/{secret}"): ANYONE,
    ("GET", "/sign-in/code"): {"halfway"},
    ("POST", "/sign-in/code"): {"halfway"},
    ("GET", "/sign-in/set-up"): {"halfway"},
    ("POST", "/sign-in/set-up"): {"halfway"},
    ("GET", "/second-factor"): ALL,
    ("GET", "/second-factor/app"): ALL,
    ("POST", "/second-factor/app"): ALL,
    ("POST", "/second-factor/app/code"): ALL,
    ("POST", "/second-factor/recovery-codes"): ALL,
    ("POST", "/sign-out"): ALL,
    ("GET", "/password"): ALL,
    ("POST", "/password"): ALL,
    ("GET", "/"): ALL,
    ("GET", "/products"): ALL,
    ("GET", "/products/{name}"): ALL,
    ("GET", "/runs"): ALL,
    ("GET", "/runs/{run_id}"): ALL,
    ("GET", "/loads/{load_id}"): ALL,
    ("GET", "/trends"): ALL,
    ("GET", "/dashboard"): ALL,
    ("GET", "/dashboard/{path:path}"): ALL,
    ("GET", "/findings"): WORKERS,
    ("GET", "/findings/{key}"): WORKERS,
    ("POST", "/findings/act"): WORKERS,
    ("POST", "/findings/export"): WORKERS,
    ("POST", "/findings/{key}/correction"): WORKERS,
    ("GET", "/children/{child_id}"): WORKERS,
    ("POST", "/children/{child_id}/reason"): WORKERS,
    ("GET", "/workbook"): WORKERS,
    ("POST", "/workbook"): WORKERS,
    ("POST", "/workbook/download"): WORKERS,
    ("GET", "/corrections"): WORKERS,
    ("GET", "/corrections/{number}"): WORKERS,
    ("POST", "/corrections/{number}"): WORKERS,
    ("GET", "/loads/{load_id}/quarantine/{position}"): WORKERS,
    ("GET", "/return"): OFFICERS,
    ("GET", "/accounts"): ADMINISTRATORS,
    ("POST", "/accounts"): ADMINISTRATORS,
    ("GET", "/accounts/{account_id}"): ADMINISTRATORS,
    ("POST", "/accounts/{account_id}"): ADMINISTRATORS,
    ("POST", "/accounts/{account_id}/invitation"): ADMINISTRATORS,
    ("POST", "/accounts/{account_id}/second-factor"): ADMINISTRATORS,
    ("GET", "/access-log"): ADMINISTRATORS,
    ("GET", "/access-log.csv"): ADMINISTRATORS,
}
"""Who may use which page, as the council is told (docs/console.md); a page that is not here fails these tests."""
OF_A_ROLE = {"steward": "a.steward", "return_officer": "officer", "administrator": "admin", "viewer": "viewer"}


def _pages(app: FastAPI) -> Iterator[tuple[str, str, APIRoute]]:
    for route in app.routes:
        if isinstance(route, APIRoute):
            for method in sorted(route.methods or ()):
                yield method, route.path, route


@pytest.fixture
def places(console: Console) -> dict[str, str]:
    """What stands for each part of a path, so that every page is really there."""
    (finding, *_) = console.triage.all(Filter(organisation="education"))
    spare = console.accounts.by_name("spare") or console.accounts.add("spare", "viewer")
    return {
        "{secret}": "no-such-invitation",
        "{name}": "lists",
        "{run_id}": "night-1",
        "{load_id}": "000001-ehc_case",
        "{position}": "0",
        "{key}": finding.finding_key,
        "{child_id}": finding.child_id or "",
        "{number}": "1",
        "{path:path}": "index.html",
        "{account_id}": str(spare.account_id),
    }


def test_every_route_is_listed_with_who_may_use_it(app: FastAPI) -> None:
    assert {(method, path): set(roles_of(route)) for method, path, route in _pages(app)} == RULES
    mounted = [route.path for route in app.routes if not isinstance(route, APIRoute)]  # type: ignore[attr-defined]
    assert mounted == ["/static"]


@pytest.mark.parametrize("role", ["nobody", "halfway", *ROLES])
def test_a_route_lets_in_those_it_is_for_and_nobody_else(
    role: str, app: FastAPI, visit: Visit, signed_in: SignedIn, places: dict[str, str]
) -> None:
    browser = visit() if role in ("nobody", "halfway") else signed_in(OF_A_ROLE[role])
    if role == "halfway":  # an administrator's password, and no code
        assert browser.give_password("admin").headers["location"] == "/sign-in/code"
    token = TOKEN.search(browser.get("/sign-in" if role in ("nobody", "halfway") else "/password").text)
    assert token
    for method, path, _ in sorted(_pages(app), key=lambda page: page[1] == "/sign-out"):
        target = path
        for part, value in places.items():
            target = target.replace(part, value)
        answer = browser.client.request(method, target, data={"csrf": token[1]} if method == "POST" else None)
        is_let_in = not (
            answer.status_code == 401
            or (answer.status_code == 403 and "does not allow this" in answer.text)
            or (answer.status_code == 303 and answer.headers["location"].partition("?")[0] == "/sign-in")
        ) or (path == "/sign-out" and role in ALL)
        assert is_let_in == (role in RULES[method, path]), f"{method} {path} for {role}: {answer.status_code}"
        if role in ("nobody", "halfway"):
            assert not [word for word in (SURNAME, FORENAME, UPN, NHS_NUMBER, "CH1") if word in answer.text], path
        assert answer.status_code != 500, f"{method} {path} for {role}"


def test_a_route_without_a_rule_stops_the_application_from_starting(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    router = APIRouter()
    router.add_api_route("/open", lambda: "everything", methods=["GET"])
    monkeypatch.setattr(application, "PAGES", (router,))
    with pytest.raises(RouteWithoutRule, match="/open"):
        create_app(console)


def test_a_form_that_does_not_ask_where_it_comes_from_stops_it_too(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    router = APIRouter(dependencies=[Depends(AllowAnyone())])
    router.add_api_route("/change", lambda: "changed", methods=["POST"])
    monkeypatch.setattr(application, "PAGES", (router,))
    with pytest.raises(RouteWithoutRule, match="form"):
        create_app(console)


def test_who_is_not_signed_in_is_led_to_sign_in_and_back(visit: Visit) -> None:
    answer = visit().get("/findings?owner=sen_team")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=%2Ffindings%3Fowner%3Dsen_team")


@pytest.mark.parametrize(
    "target",
    ["//elsewhere.example", "https://elsewhere.example", "/\\elsewhere.example", "javascript:alert(1)", "/a\r\nb", "x"],
)
def test_signing_in_leads_nowhere_else(target: str, visit: Visit) -> None:
    assert own_path(target) == "/"
    browser = visit()
    answer = browser.sign_in("viewer", next_path=target.replace("\r\n", ""))
    assert answer.headers["location"] in ("/", "/ab")


def test_a_steward_sees_their_own_organisations_findings_alone(console: Console, signed_in: SignedIn) -> None:
    browser = signed_in("health.steward")
    listed = browser.get("/findings?state=all").text
    of_health = console.triage.all(Filter(organisation="health"))
    of_others = [one for one in console.triage.all() if one.organisation != "health"]
    assert of_health
    assert of_others
    assert all(one.finding_key in listed for one in of_health)
    for one in of_others:
        assert one.finding_key not in listed
        assert browser.get(f"/findings/{one.finding_key}").status_code == 404


def test_a_steward_cannot_widen_the_list_by_its_address(signed_in: SignedIn) -> None:
    browser = signed_in("health.steward")
    assert "0</b> findings match" in browser.get("/findings?state=all&owner=sen_team").text
    assert browser.get("/findings?organisation=education").status_code == 400


def test_a_steward_acts_on_no_other_organisations_finding(console: Console, signed_in: SignedIn) -> None:
    (other, *_) = console.triage.all(Filter(organisation="education"))
    fields = {"seen": f"{other.finding_key}:{other.version}", "act": "note", "note": "mine now", "query": ""}
    assert signed_in("health.steward").post("/findings/act", fields).status_code == 404
    assert console.triage.finding(other.finding_key).version == other.version


def test_a_child_is_shown_by_what_is_of_ones_own_organisation(signed_in: SignedIn) -> None:
    browser = signed_in("health.steward")
    assert browser.get("/children/CH4").status_code == 404
    assert browser.post("/children/CH1/reason", {"reason": "a parent called"}).status_code == 303
    page = browser.get("/children/CH1").text
    assert "A referral" in page or "contact" in page
    assert "A plan that ceased says why" not in page


def test_rows_set_apart_are_shown_to_their_organisation(signed_in: SignedIn) -> None:
    path = "/loads/000002-therapy_waits/quarantine/0"
    assert signed_in("health.steward").get(path).status_code == 200
    assert signed_in("a.steward").get(path).status_code == 404


def test_an_export_holds_ones_own_organisation_and_says_why_in_the_log(console: Console, signed_in: SignedIn) -> None:
    browser = signed_in("health.steward")
    assert browser.post("/findings/export", {"query": "state=all", "reason": ""}).status_code == 400
    answer = browser.post("/findings/export", {"query": "state=all", "reason": "for the clinic"})
    assert answer.text.count("\r\n") == 2
    entry = console.access_log.entries(account_name="health.steward", event="exported", limit=1)[0]
    assert (entry.child_id, entry.reason) == ("CH1", "for the clinic")


def test_every_look_at_a_record_is_in_the_log_with_its_reason(console: Console, signed_in: SignedIn) -> None:
    browser = signed_in("b.steward")
    (finding, *_) = console.triage.all(Filter(organisation="education", child_id="CH3"))
    browser.get(f"/findings/{finding.finding_key}")
    browser.get("/children/CH3")
    browser.post("/children/CH3/reason", {"reason": "its school asked"})
    browser.get("/children/CH3")
    entries = console.access_log.entries(account_name="b.steward", event="viewed", limit=9)
    assert [(entry.child_id, entry.reason) for entry in entries] == [
        ("CH3", "its school asked"),
        ("CH3", f"working on finding {finding.finding_key}"),
    ]


@pytest.mark.parametrize("headers", [{"origin": "https://elsewhere.example"}, {"sec-fetch-site": "cross-site"}])
def test_a_form_from_another_site_is_refused(headers: dict[str, str], visit: Visit) -> None:
    browser = visit()
    token = TOKEN.search(browser.get("/sign-in").text)
    assert token
    fields = {"csrf": token[1], "name": "viewer", "password": PASSWORD}
    assert browser.client.post("/sign-in", data=fields, headers=headers).status_code == 400


@pytest.mark.parametrize("token", ["", "0" * 64, "é" * 64])
def test_a_form_without_its_pages_token_is_refused(token: str, signed_in: SignedIn, console: Console) -> None:
    browser = signed_in("admin")
    fields = {"csrf": token, "name": "intruder", "role": "administrator"}
    assert browser.client.post("/accounts", data=fields).status_code == 400
    assert console.accounts.by_name("intruder") is None


def test_the_token_of_one_session_is_no_use_in_another(signed_in: SignedIn) -> None:
    token = TOKEN.search(signed_in("admin").get("/password").text)
    assert token
    assert signed_in("admin").client.post("/sign-out", data={"csrf": token[1]}).status_code == 400


def test_signing_in_begins_a_new_session_and_signing_out_ends_it(visit: Visit) -> None:
    browser = visit()
    browser.sign_in("viewer")
    first = browser.client.cookies["send-session"]
    browser.client.cookies.set("send-session", first)
    browser.post("/sign-out")
    browser.client.cookies.clear()
    browser.client.cookies.set("send-session", first, domain="127.0.0.1")
    assert browser.get("/products").status_code == 303
    browser.client.cookies.clear()
    browser.sign_in("viewer")
    assert browser.client.cookies["send-session"] != first


def test_a_session_that_was_not_used_is_over(
    console: Console, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser, now = signed_in("viewer"), console.clock()
    monkeypatch.setattr(console.sessions, "_clock", lambda: now + IDLE + timedelta(minutes=1))
    assert browser.get("/products").headers["location"] == "/sign-in?next=%2Fproducts"


def test_the_cookies_are_out_of_reach_of_scripts_and_other_sites(council: Council) -> None:
    with opened(council, is_secure=True) as secure:
        browser = Browser(TestClient(create_app(secure), base_url="https://127.0.0.1:8883", follow_redirects=False))
        cookies = [browser.get("/sign-in").headers["set-cookie"], browser.sign_in("viewer").headers["set-cookie"]]
        assert "strict-transport-security" in browser.get("/sign-in").headers
    for cookie, name in zip(cookies, ("__Host-send-guest", "__Host-send-session"), strict=True):
        parts = {part.strip().lower() for part in cookie.split(";")}
        assert cookie.startswith(f"{name}=")
        assert {"httponly", "secure", "samesite=strict", "path=/"} <= parts


def test_every_answer_carries_the_headers_that_protect_it(visit: Visit, signed_in: SignedIn) -> None:
    answers = [visit().get("/sign-in"), visit().get("/nothing"), signed_in("admin").get("/findings")]
    answers.append(visit().client.get("/", headers={"host": "elsewhere.example"}))
    for answer in answers:
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert "server" not in answer.headers


def test_it_answers_to_its_own_names_alone(visit: Visit) -> None:
    assert visit().client.get("/sign-in", headers={"host": "elsewhere.example"}).status_code == 400


def test_a_body_larger_than_any_form_is_refused_unread(visit: Visit) -> None:
    browser = visit()
    assert browser.client.post("/sign-in", content=b"x" * 1_100_000).status_code == 413

    def pieces() -> Iterator[bytes]:
        for _ in range(30):
            yield b"x" * 100_000

    headers = {"content-type": "application/x-www-form-urlencoded"}
    assert browser.client.post("/sign-in", content=pieces(), headers=headers).status_code == 413


def test_after_many_wrong_passwords_one_has_to_wait_and_the_log_says_who_was_tried(
    council: Council, console: Console
) -> None:
    with opened(council) as other:
        other.accounts.add("tried.often", "viewer", password=PASSWORD)
        app = create_app(other)
        browser = Browser(TestClient(app, base_url=ADDRESS, follow_redirects=False, client=("10.9.8.7", 50_000)))
        answers = [browser.sign_in("tried.often", "wrong").status_code for _ in range(9)]
    assert answers == [403] * 8 + [429]
    refused = console.access_log.entries(event="sign_in_refused", account_name="tried.often", limit=20)
    assert {(entry.account_name, entry.address) for entry in refused} == {("tried.often", "10.9.8.7")}


def test_a_name_that_is_no_account_is_not_kept_since_it_may_be_a_password(console: Console, visit: Visit) -> None:
    visit().sign_in("my secret typed in the wrong field")
    with console.store.reading() as connection:
        kept = [str(row) for t in ("access_entry", "sign_in_attempt") for row in _all(connection, t)]
    assert not [row for row in kept if "my secret" in row]


def _all(connection: object, table: str) -> list[object]:
    return list(connection.exec_driver_sql(f"select * from {table}"))  # type: ignore[attr-defined]


def test_an_invited_person_chooses_a_password_and_signs_in(signed_in: SignedIn, visit: Visit) -> None:
    admin = signed_in("admin")
    answer = admin.post("/accounts", {"name": "new.steward", "role": "steward", "owner": "sen_team"}, of="/accounts")
    link = answer.text.partition("<code>")[2].partition("</code>")[0].removeprefix(ADDRESS)
    guest = visit()
    assert guest.post(link, {"password": "password1234", "again": "password1234"}, of=link).status_code == 422
    chosen = "another three words entirely"
    assert guest.post(link, {"password": chosen, "again": chosen}, of=link).status_code == 303
    assert guest.sign_in("new.steward", chosen).headers["location"] == "/sign-in/set-up"
    assert visit().get(link).status_code == 404


def test_closing_an_account_ends_what_it_has_open(console: Console, signed_in: SignedIn) -> None:
    account = console.accounts.add("leaver", "viewer", password=PASSWORD)
    set_up_app(console, account)
    leaver = signed_in("leaver")
    answer = signed_in("admin").post(f"/accounts/{account.account_id}", {"role": "viewer", "owner": ""})
    assert answer.status_code == 303
    assert leaver.get("/products").status_code == 303


def _logged(caplog: pytest.LogCaptureFixture) -> str:
    """What the server logs; the client that asks it is the test's own."""
    return "\n".join(
        f"{record.getMessage()} {record.exc_info}" for record in caplog.records if not record.name.startswith("http")
    )


def test_what_nobody_foresaw_is_told_and_logged_without_data(
    console: Console, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (finding, *_) = console.triage.all(Filter(child_id="CH1", organisation="education"))

    def stop(*_arguments: object, **_settings: object) -> None:
        raise ValueError(f"{SURNAME} {UPN}")

    browser = signed_in("a.steward")
    monkeypatch.setattr(console.landing, "record", stop)
    with caplog.at_level(logging.DEBUG):
        answer = browser.get(f"/findings/{finding.finding_key}")
    assert answer.status_code == 500
    assert "content-security-policy" in answer.headers
    told = answer.text + _logged(caplog)
    assert "ValueError" in told
    assert not [word for word in (SURNAME, FORENAME, UPN, NHS_NUMBER, finding.finding_key) if word in told]


def test_the_logs_of_a_working_day_name_no_child(
    console: Console, signed_in: SignedIn, caplog: pytest.LogCaptureFixture
) -> None:
    browser = signed_in("a.steward")
    with caplog.at_level(logging.DEBUG):
        for finding in console.triage.all(Filter(organisation="education")):
            browser.get(f"/findings/{finding.finding_key}")
        browser.get(f"/findings?text={SURNAME}")
    assert not [word for word in (SURNAME, FORENAME, UPN, NHS_NUMBER) if word in _logged(caplog)]
