"""One small invented borough, run once for the tests that only look at what a run leaves behind."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings
from pydantic import SecretStr

from connectors.errors import SendError
from flows.channels import NoticeAddress
from flows.run import Run
from flows.server import Server
from flows.settings import PREFECT_DEFAULTS, TELEMETRY_OFF
from flows.summary import LoadLine, RunSummary
from warehouse.home import Home

WORDS = re.compile(r"[^\s\"'<>,;()|]+")
SMALL_BOROUGH = ["--children", "2500"]


def load_what_can_be(run: Run) -> None:
    """The loads of a night as the flow has them: one that fails is noted, and the others go on."""
    outcomes: list[LoadLine | BaseException] = []
    for extract in run.extracts:
        try:
            outcomes.append(run.load(extract))
        except SendError as error:
            outcomes.append(error)
    run.note_loads(outcomes)


@dataclass
class SendHome:
    """A home folder and the ``send`` command run on it, as a user does: in a process of its own.

    ``prefect_api`` is the Prefect server it runs on; None for the temporary one that a run starts itself.
    """

    folder: Path
    prefect_api: str | None = None

    def environment(self, **extra: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "SEND_"))}
        server = {"PREFECT_API_URL": self.prefect_api} if self.prefect_api else {}
        return {**kept, **server, "SEND_HOME": str(self.folder), **extra}

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "flows.command_line", *arguments],
            env=self.environment(**environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def send(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments, **environment)
        output, errors = process.communicate(timeout=600)
        return subprocess.CompletedProcess(arguments, process.returncode, output, errors)

    def run_here(self) -> RunSummary:
        """A whole run in this process and without Prefect: the flow's stages in the flow's order."""
        with pytest.MonkeyPatch.context() as environment:
            for name, value in self.environment(**TELEMETRY_OFF).items():
                environment.setenv(name, value)
            with Run.begin(Home(self.folder), as_at=None, known_at=None) as run:
                run.note_loads([run.load(extract) for extract in run.extracts])
                run.build()
                run.check()
                run.publish()
                return run.summary()

    def answer(self, *arguments: str) -> Any:
        """What a command that must go well answers as JSON."""
        done = self.send(*arguments, "--json")
        assert done.returncode in (0, 1), done.stderr
        return json.loads(done.stdout)


@dataclass(frozen=True)
class PrefectServer:
    """The Prefect server of these tests: where it answers, its files, and what it kept before any run."""

    api_url: str
    folder: Path
    before: frozenset[str]

    def kept(self) -> str:
        """Everything in its database, as text."""
        with sqlite3.connect(self.folder / "prefect.db") as connection:
            return "\n".join(connection.iterdump())


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    home = Home(tmp_path_factory.mktemp("prefect"))
    home.create()
    with pytest.MonkeyPatch.context() as environment:
        for name, value in {**TELEMETRY_OFF, **PREFECT_DEFAULTS}.items():
            environment.setenv(name, value)
        server = Server(home)
        try:
            server.wait()
            told = PrefectServer(server.api_url, home.prefect, frozenset())
            yield PrefectServer(server.api_url, home.prefect, frozenset(WORDS.findall(told.kept())))
        finally:
            server.stop()


@pytest.fixture
def home(tmp_path: Path, prefect_server: PrefectServer) -> SendHome:
    """A home with nothing in it."""
    return SendHome(tmp_path / "home", prefect_server.api_url)


@pytest.fixture(scope="session")
def run_home(
    tmp_path_factory: pytest.TempPathFactory, prefect_server: PrefectServer
) -> tuple[SendHome, subprocess.CompletedProcess[str]]:
    """A home after ``send demo`` and one ``send run``, with what the run printed. Tests only read it."""
    home = SendHome(tmp_path_factory.mktemp("home"), prefect_server.api_url)
    made = home.send("demo", *SMALL_BOROUGH)
    assert made.returncode == 0, made.stderr
    return home, home.send("run")


@pytest.fixture
def fresh_home(home: SendHome) -> SendHome:
    """A home with a small invented borough and nothing landed yet."""
    made = home.send("demo", "--children", "300")
    assert made.returncode == 0, made.stderr
    return home


def keep(name: str, address: str) -> None:
    NoticeAddress(url=SecretStr(address)).save(name, overwrite=True)


class Channel(list[dict[str, str]]):
    """What came to a channel, and its address."""

    address: str


@contextmanager
def listening(prefect_server: PrefectServer) -> Iterator[Channel]:
    """A channel that is a Prefect block, whose address is a server of the test's own; another answers nobody."""
    got = Channel()

    class Listener(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            """Prints nothing."""

    server = HTTPServer(("127.0.0.1", 0), Listener)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with pytest.MonkeyPatch.context() as environment, temporary_settings({PREFECT_API_URL: prefect_server.api_url}):
        environment.setenv("PREFECT_API_URL", prefect_server.api_url)
        got.address = f"json://127.0.0.1:{server.server_port}/"
        keep("send-team", got.address)
        keep("nobody", "json://127.0.0.1:9/")
        yield got
    server.shutdown()


@pytest.fixture
def channel(prefect_server: PrefectServer) -> Iterator[Channel]:
    with listening(prefect_server) as got:
        yield got
