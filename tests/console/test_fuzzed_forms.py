"""Whatever is sent to whichever form by whoever is signed in: it is refused or done, and never breaks the console."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from console.context import Console
from operations.triage import Filter
from tests.console.authenticator import set_up_app
from tests.console.conftest import ADDRESS, PASSWORD, TOKEN, Browser

HOSTILE = (
    "",
    " ",
    "\x00",
    "\ud800",
    "';drop table finding;--",
    "=1+1",
    "<script>",
    "{{7*7}}",
    "../../etc/passwd",
    "%s%n",
    "1e999",
    "-1",
    "9" * 30,
    "٣",
    "2027-02-30",
    "9999-12-31",
    "0001-01-01",
    "a" * 5_000,
    "yes",
    "approve",
    "assign",
    "propose_waiver",
    "administrator",
    "sen_team",
)
FIELDS = (
    *("act", "seen", "query", "assignee", "note", "until", "everything", "back_to", "reason", "column", "value"),
    *("version", "role", "owner", "is_active", "name", "password", "again", "current", "next", "workbook", "code"),
)
values = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=40), st.dates().map(str))
forms = st.dictionaries(st.sampled_from(FIELDS), st.lists(values, min_size=1, max_size=3), max_size=8)
paths = st.one_of(st.sampled_from(HOSTILE[4:13]), st.text(min_size=1, max_size=20))


@pytest.fixture(scope="module")
def browsers(app: FastAPI, console: Console) -> dict[str, Browser]:
    """One signed in as administrator, the other as a steward."""
    made = {}
    for name, role in (("fuzzed.admin", "administrator"), ("fuzzed.steward", "steward"), ("fuzzed.other", "viewer")):
        account = console.accounts.add(name, role, "sen_team" if role == "steward" else None, password=PASSWORD)
        made[name] = Browser(TestClient(app, base_url=ADDRESS, follow_redirects=False))
        made[name].client.cookies.set("send-session", set_up_app(console, account), domain="127.0.0.1")
    return made


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_no_form_breaks_the_console(
    data: st.DataObject, app: FastAPI, console: Console, browsers: dict[str, Browser]
) -> None:
    posts = {route.path for route in app.routes if isinstance(route, APIRoute) and "POST" in (route.methods or ())}
    browser = browsers[data.draw(st.sampled_from(["fuzzed.admin", "fuzzed.steward"]), label="who")]
    path = data.draw(st.sampled_from(sorted(posts - {"/sign-in", "/sign-out"})), label="path")
    fields = data.draw(forms, label="fields")
    (finding, *_) = console.triage.all(Filter(organisation="education"))
    other = console.accounts.by_name("fuzzed.other")
    assert other is not None
    known = {"{key}": finding.finding_key, "{child_id}": "CH1", "{number}": "1", "{account_id}": str(other.account_id)}
    if data.draw(st.booleans(), label="whether the finding is one there is"):
        fields["seen"] = [f"{finding.finding_key}:{finding.version}"]
        fields.setdefault("act", [data.draw(st.sampled_from(["assign", "note", "propose_waiver", "explain"]))])
    for part, value in known.items():
        path = path.replace(part, value)
    token = TOKEN.search(browser.get("/products").text)
    assert token
    sent = {name: [value.encode("utf-8", "surrogatepass") for value in given_] for name, given_ in fields.items()}
    answer = browser.client.post(path, data={"csrf": token[1], **sent})
    assert answer.status_code < 500, (path, fields)


@settings(max_examples=100, deadline=None)
@given(
    path=st.sampled_from(["/findings", "/runs", "/corrections", "/access-log", "/sign-in", "/trends"]),
    query=st.dictionaries(
        st.sampled_from(["state", "owner", "older", "number", "order", "text", "child", "loads", "next", "event", "x"]),
        values.filter(lambda text: "\ud800" not in text),
        max_size=5,
    ),
)
def test_no_address_breaks_the_console(path: str, query: dict[str, str], browsers: dict[str, Browser]) -> None:
    answer = browsers["fuzzed.admin"].client.get(path, params=query)
    assert answer.status_code < 500


@settings(max_examples=100, deadline=None)
@given(
    route=st.sampled_from(
        [
            *("/findings/{}", "/children/{}", "/runs/{}", "/loads/{}", "/loads/{}/quarantine/0", "/products/{}"),
            *("/corrections/{}", "/accounts/{}", "/welcome/{}", "/dashboard/{}", "/static/{}"),
        ]
    ),
    part=paths,
)
def test_no_path_breaks_the_console(route: str, part: str, browsers: dict[str, Browser]) -> None:
    answer = browsers["fuzzed.admin"].client.get(route.format(quote(part, safe="", errors="surrogatepass")))
    assert answer.status_code < 500
