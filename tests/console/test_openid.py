"""Signing in through an OpenID Connect provider: a real one, small, on this machine, with signed tokens."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.testclient import TestClient

from connectors.configuration import ConsoleConfiguration, OpenIdConfiguration, RoleMapping
from console.application import create_app
from console.context import Console
from tests.console.conftest import ADDRESS, Answer, opened
from tests.console.nights import Council

CLIENT_ID, SECRET = "send-console", "the client's secret"


class SmallProvider:
    """Answers as an OpenID Connect provider does; what its tokens claim and how they are signed a test may change."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "first", "use": "sig", "alg": "RS256"})
        self.published = [self.key]
        self.claims: dict[str, Any] = {}
        self.header: dict[str, Any] = {}
        self.codes: dict[str, dict[str, str]] = {}
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.issuer = f"http://127.0.0.1:{self.server.server_address[1]}/tenant/v2.0"
        Thread(target=self.server.serve_forever, daemon=True).start()

    def person(self, **claims: Any) -> None:
        """Who signs in next."""
        of_ada = {"sub": "person-1", "preferred_username": "Ada.Hill@council.gov.uk", "roles": ["Stewards"]}
        self.claims = {name: value for name, value in {**of_ada, **claims}.items() if value is not None}

    def authorize(self, address: str) -> str:
        """What the provider does once a person has signed in there: the address their browser is sent back to."""
        asked = dict(parse_qsl(urlsplit(address).query))
        assert (asked["response_type"], asked["client_id"]) == ("code", CLIENT_ID)
        assert "openid" in asked["scope"].split()
        self.codes[code := f"code-{len(self.codes)}"] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def token(self, code: str, verifier: str, authorization: str) -> dict[str, Any] | None:
        """The tokens for a code, once, for the client that asked with this challenge."""
        asked = self.codes.pop(code, None)
        digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        expected = "Basic " + base64.b64encode(f"{CLIENT_ID}:{SECRET}".encode()).decode()
        if asked is None or asked["code_challenge"] != digest or authorization != expected:
            return None
        now = int(time.time())
        told = {"iss": self.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 300, "nonce": asked["nonce"]}
        told |= self.claims
        signed = jwt.encode({"alg": "RS256", "kid": self.key.kid, **self.header}, told, self.key)
        return {"access_token": "opaque", "token_type": "Bearer", "expires_in": 300, "id_token": signed}

    def _handler(provider) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path.endswith("/.well-known/openid-configuration"):
                    base = provider.issuer
                    places = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
                    self._answer({"issuer": base, **{name: f"{base}/{path}" for name, path in places.items()}})
                elif self.path.endswith("/keys"):
                    self._answer({"keys": [key.as_dict(private=False) for key in provider.published]})
                else:
                    self._answer({"error": "not_found"}, 404)

            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
                authorization = self.headers.get("authorization", "")
                token = provider.token(form["code"][0], form["code_verifier"][0], authorization)
                self._answer(token or {"error": "invalid_grant"}, 200 if token else 400)

            def _answer(self, body: dict[str, Any], status: int = 200) -> None:
                text = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_arguments: Any) -> None:
                return

        return Handler


@pytest.fixture(scope="module")
def server() -> Iterator[SmallProvider]:
    provider = SmallProvider()
    yield provider
    provider.server.shutdown()
    provider.server.server_close()


@pytest.fixture
def provider(server: SmallProvider) -> SmallProvider:
    server.published, server.header = [server.key], {}
    server.person()
    return server


@pytest.fixture
def console(council: Council, provider: SmallProvider, monkeypatch: pytest.MonkeyPatch) -> Iterator[Console]:
    monkeypatch.setenv("SEND_OPENID_SECRET", SECRET)
    openid = OpenIdConfiguration(
        issuer=provider.issuer,
        client_id=CLIENT_ID,
        roles={
            "Administrators": RoleMapping(role="administrator"),
            "Stewards": RoleMapping(role="steward", owner="sen_team"),
        },
    )
    with opened(council) as made:
        settings = ConsoleConfiguration(address=ADDRESS, openid=openid)
        made.configuration = made.configuration.model_copy(update={"console": settings})
        yield made


@pytest.fixture
def client(console: Console) -> TestClient:
    return TestClient(create_app(console), base_url=ADDRESS, follow_redirects=False)


def come_back(client: TestClient, provider: SmallProvider) -> Answer:
    """Asks to sign in, signs in at the provider, and comes back."""
    asked = client.get("/sign-in/provider")
    assert asked.status_code == 303
    return client.get(provider.authorize(asked.headers["location"]).removeprefix(ADDRESS))


def test_whom_the_provider_vouches_for_is_signed_in_with_the_role_of_their_group(
    client: TestClient, provider: SmallProvider, console: Console
) -> None:
    answer = come_back(client, provider)
    assert answer.status_code == 200
    assert 'http-equiv="refresh" content="0; url=/"' in answer.text  # a strict cookie is not sent across sites
    assert "ada.hill@council.gov.uk, steward (sen team)" in client.get("/findings").text
    account = console.accounts.by_name("ada.hill@council.gov.uk")
    assert account is not None
    assert (account.subject, account.has_password) == (f"{provider.issuer} person-1", False)


def test_a_role_that_was_taken_away_is_gone_at_the_next_sign_in(client: TestClient, provider: SmallProvider) -> None:
    provider.person(sub="person-2", preferred_username="bea", roles=["Administrators", "Stewards"])
    come_back(client, provider)
    assert client.get("/accounts").status_code == 200
    provider.person(sub="person-2", preferred_username="bea", roles=["Stewards"])
    come_back(client, provider)
    assert client.get("/accounts").status_code == 403


@pytest.mark.parametrize("roles", [[], ["Gardeners"], None, "x"])
def test_who_has_none_of_the_groups_is_refused(client: TestClient, provider: SmallProvider, roles: object) -> None:
    provider.person(roles=roles)
    answer = come_back(client, provider)
    assert answer.status_code == 403
    assert "send-session" not in client.cookies


def test_who_was_closed_here_stays_out_whatever_the_provider_says(
    client: TestClient, provider: SmallProvider, console: Console
) -> None:
    provider.person(sub="person-3", preferred_username="cid")
    come_back(client, provider)
    account = console.accounts.by_name("cid")
    assert account is not None
    console.accounts.change(account.account_id, role="steward", owner="sen_team", is_active=False)
    assert come_back(client, provider).status_code == 403


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://elsewhere.example"},
        {"aud": "another-client"},
        {"nonce": "another"},
        {"exp": 1_700_000_000},
        {"sub": None},
        {"azp": "another-client"},
    ],
    ids=["issuer", "audience", "nonce", "expired", "no subject", "authorised party"],
)
def test_a_token_that_does_not_hold_signs_nobody_in(
    client: TestClient, provider: SmallProvider, claims: dict[str, Any]
) -> None:
    provider.person(**claims)
    assert come_back(client, provider).status_code == 403
    assert "send-session" not in client.cookies


def test_a_token_signed_by_another_key_signs_nobody_in(client: TestClient, provider: SmallProvider) -> None:
    provider.published = [RSAKey.generate_key(2048, {"kid": "first", "use": "sig", "alg": "RS256"})]
    assert come_back(client, provider).status_code == 403


def test_a_token_that_is_not_signed_signs_nobody_in(
    client: TestClient, provider: SmallProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsigned(code: str, _verifier: str, _authorization: str) -> dict[str, Any]:
        claims = {"iss": provider.issuer, "aud": CLIENT_ID, "nonce": provider.codes[code]["nonce"], **provider.claims}
        claims |= {"iat": int(time.time()), "exp": int(time.time()) + 300}
        parts = [base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=") for p in ({"alg": "none"}, claims)]
        return {"access_token": "a", "token_type": "Bearer", "id_token": (b".".join(parts) + b".").decode()}

    monkeypatch.setattr(provider, "token", unsigned)
    assert come_back(client, provider).status_code == 403


def test_keys_that_the_provider_has_changed_are_fetched_anew(client: TestClient, provider: SmallProvider) -> None:
    come_back(client, provider)
    before = provider.key
    provider.key = RSAKey.generate_key(2048, {"kid": "second", "use": "sig", "alg": "RS256"})
    provider.published = [provider.key]
    try:
        assert come_back(client, provider).status_code == 200
    finally:
        provider.key = before


def test_an_answer_to_another_browsers_question_signs_nobody_in(
    client: TestClient, provider: SmallProvider, console: Console
) -> None:
    theirs = provider.authorize(client.get("/sign-in/provider").headers["location"]).removeprefix(ADDRESS)
    victim = TestClient(create_app(console), base_url=ADDRESS, follow_redirects=False)
    assert victim.get(theirs).status_code == 403
    victim.get("/sign-in/provider")
    assert victim.get(theirs).status_code == 403


def test_a_code_is_good_once(client: TestClient, provider: SmallProvider) -> None:
    asked = client.get("/sign-in/provider").headers["location"]
    back = provider.authorize(asked).removeprefix(ADDRESS)
    flow = client.cookies["send-provider"]
    assert client.get(back).status_code == 200
    client.cookies.set("send-provider", flow, domain="127.0.0.1")
    assert client.get(back).status_code == 403


def test_a_provider_that_says_it_is_another_is_not_asked(provider: SmallProvider, console: Console) -> None:
    openid = console.settings.openid
    assert openid is not None
    foreign = openid.model_copy(update={"issuer": provider.issuer.replace("/tenant", "/another")})
    made = console.configuration.model_copy(update={"console": ConsoleConfiguration(address=ADDRESS, openid=foreign)})
    console.configuration = made
    answer = TestClient(create_app(console), base_url=ADDRESS, follow_redirects=False).get("/sign-in/provider")
    assert answer.status_code == 403
