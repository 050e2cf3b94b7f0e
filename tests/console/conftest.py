"""A small council with its console: accounts of every role, signed in, each with a client of their own."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import uvicorn
from argon2 import PasswordHasher
from fastapi import FastAPI
from starlette.testclient import TestClient

from connectors.configuration import read_configuration
from console.application import create_app
from console.context import Console
from operations import passwords
from operations.accounts import ADMINISTRATOR, RETURN_OFFICER, STEWARD, VIEWER
from tests.connectors import servers
from tests.console.authenticator import AUTHENTICATOR, SEAL, set_up_app
from tests.console.nights import Council
from warehouse.home import Home

PASSWORD = "four lanterns over a quiet harbour"
ADDRESS = "http://127.0.0.1:8883"
PEOPLE = {
    "a.steward": (STEWARD, "sen_team"),
    "b.steward": (STEWARD, "sen_team"),
    "health.steward": (STEWARD, "health_steward"),
    "officer": (RETURN_OFFICER, None),
    "admin": (ADMINISTRATOR, None),
    "viewer": (VIEWER, None),
}
TOKEN = re.compile(r'name="csrf" value="([0-9a-f]{64})"')


Fields = Mapping[str, str | Sequence[str]]
Answer = Any
"""A response of the test client, whose library's types differ by release."""


@dataclass
class Browser:
    """What a person without scripts can do: open pages and send their forms."""

    client: TestClient

    def get(self, path: str) -> Answer:
        """A page, not following where it leads."""
        return self.client.get(path)

    def post(
        self, path: str, fields: Mapping[str, str | Sequence[str]] | None = None, *, of: str = "/password"
    ) -> Answer:
        """Sends a form with the token of the page ``of``."""
        found = TOKEN.search(self.client.get(of).text)
        assert found, f"{of} has no form"
        return self.client.post(path, data={"csrf": found[1], **(fields or {})})

    def give_password(self, name: str, password: str = PASSWORD, *, next_path: str = "/") -> Answer:
        """Fills in the form of the sign-in page."""
        return self.post("/sign-in", {"name": name, "password": password, "next": next_path}, of="/sign-in")

    def sign_in(self, name: str, password: str = PASSWORD, *, next_path: str = "/") -> Answer:
        """Gives the password and, where it is right and an app is set up, the app's code."""
        answer = self.give_password(name, password, next_path=next_path)
        where = answer.headers.get("location", "")
        if not where.startswith("/sign-in/code"):
            return answer
        asked = self.get(where).text.partition('name="next" value="')[2].partition('"')[0]
        return self.post(
            "/sign-in/code", {"code": AUTHENTICATOR.next_code(name), "next": html.unescape(asked)}, of=where
        )


@pytest.fixture(scope="module", autouse=True)
def _quick_hashes() -> Iterator[None]:
    """Argon2id all the same, with less memory and time than is asked of a council's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
        yield


@contextmanager
def opened(council: Council, *, is_secure: bool = False) -> Iterator[Console]:
    """The council's console, with an account for everyone, whose authenticator app is set up."""
    store = council.store
    configuration = read_configuration(council.home.folder)
    console = Console(council.home, configuration, store, SEAL, is_secure=is_secure, clock=AUTHENTICATOR.now)
    if console.accounts.is_empty():
        for name, (role, owner) in PEOPLE.items():
            set_up_app(console, console.accounts.add(name, role, owner, password=PASSWORD))
    yield console
    store.close()


ON_BOTH_STORES = pytest.mark.parametrize("operations_store", ["sqlite", "postgresql"], indirect=True, scope="module")
"""Runs each test of a module with the operations store in SQLite and in a real PostgreSQL."""


@pytest.fixture(scope="module")
def operations_store(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where the council keeps its operations store: in its home, or in a PostgreSQL server of the module's own."""
    kind = getattr(request, "param", "sqlite")
    if kind == "sqlite":
        yield kind
        return
    with servers.postgresql() as url, pytest.MonkeyPatch.context() as environment:
        environment.setenv("SEND_OPERATIONS_URL", url.render_as_string(hide_password=False))
        yield kind


@pytest.fixture(scope="module")
def council(operations_store: str, tmp_path_factory: pytest.TempPathFactory) -> Council:
    """A council after its first night."""
    made = Council(Home(tmp_path_factory.mktemp("home"))).begin()
    made.night()
    return made


@pytest.fixture(scope="module")
def console(council: Council) -> Iterator[Console]:
    with opened(council) as made:
        yield made


@pytest.fixture(scope="module")
def app(console: Console) -> FastAPI:
    return create_app(console)


Visit = Callable[[], Browser]


@pytest.fixture
def visit(app: FastAPI) -> Visit:
    """A browser that nobody is signed in on."""

    def new() -> Browser:
        return Browser(TestClient(app, base_url=ADDRESS, follow_redirects=False, client=("127.0.0.1", 50_000)))

    return new


SignedIn = Callable[[str], Browser]


@pytest.fixture
def signed_in(visit: Visit) -> SignedIn:
    """A browser that somebody is signed in on, by name."""

    def sign_in(name: str) -> Browser:
        browser = visit()
        assert browser.sign_in(name).headers["location"] == "/"
        return browser

    return sign_in


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """The application behind a real server on this machine; gives its address."""
    settings = uvicorn.Config(app, host="127.0.0.1", port=0, access_log=False, lifespan="off", log_level="error")
    with settings.bind_socket() as listening:
        server = uvicorn.Server(settings)
        thread = Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(20)


@pytest.fixture(scope="module")
def home(council: Council) -> Path:
    return council.home.folder
