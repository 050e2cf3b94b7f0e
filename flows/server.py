"""The Prefect server a run talks to: the council's own where one is configured, else a temporary one."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from connectors.errors import SendError
from connectors.manifest import write_whole
from warehouse.home import Home

START_TIMEOUT_SECONDS = 120.0
_PR_SET_PDEATHSIG = 1


class ServerUnavailable(SendError):
    """Prefect's server did not start."""


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _end_with_parent() -> None:
    """Asks Linux to end this process when its parent ends, so that a killed run leaves no server behind."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


SCHEDULING = {
    "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "true",
    "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED": "true",
}


class Server:
    """A Prefect server on this machine's loopback, started by Prefect's own command, gone with this process.

    Without a ``port`` it is a temporary one, for one run; with one it has Prefect's pages and makes scheduled runs.
    """

    def __init__(self, home: Home, port: int | None = None) -> None:
        self._port = port or _free_port()
        command = ["-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(self._port)]
        environment = {**os.environ, "PREFECT_HOME": str(home.prefect)}
        if port is None:
            environment["PREFECT_UI_ENABLED"] = "0"
            command.append("--no-ui")
        else:
            environment.update(SCHEDULING)
        self._process = subprocess.Popen(
            [sys.executable, *command],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=_end_with_parent,
        )

    @property
    def api_url(self) -> str:
        """Where the server answers."""
        return f"http://127.0.0.1:{self._port}/api"

    def wait(self) -> None:
        """Returns when the server answers. Raises ``ServerUnavailable`` when it ends or takes too long."""
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(f"{self.api_url}/health", timeout=5) as answer:
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.1)
        self.stop()
        raise ServerUnavailable(
            f"Prefect's server did not start on port {self._port}. Run send doctor; if a Prefect server is running for "
            "the council, name it in PREFECT_API_URL and run again."
        )

    def stop(self) -> None:
        """Ends the server."""
        self._process.terminate()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def check_answers(api_url: str) -> None:
    """Raises ``ServerUnavailable`` where nothing answers; an answer that asks for a password is one."""
    try:
        urllib.request.urlopen(f"{api_url}/health", timeout=30).close()
    except urllib.error.HTTPError:
        return
    except (OSError, ValueError):
        raise ServerUnavailable(
            "The Prefect server that PREFECT_API_URL names does not answer. Start it, mend the address, or unset "
            "PREFECT_API_URL to run on a temporary server. What was published stands."
        ) from None


def _standing_server_file(home: Home) -> Path:
    return home.prefect / "standing_server"


def standing_server(home: Home) -> str | None:
    """Where the server of ``send serve`` answers; None where none is at work on this home."""
    try:
        api_url = _standing_server_file(home).read_text()
        urllib.request.urlopen(f"{api_url}/health", timeout=5).close()
    except (OSError, ValueError):
        return None
    return api_url


@contextmanager
def serving(home: Home, port: int) -> Iterator[str]:
    """Gives the address of the server that ``PREFECT_API_URL`` names, else of one started here that others may use.

    Raises ``ServerUnavailable``.
    """
    if configured := os.environ.get("PREFECT_API_URL"):
        check_answers(configured)
        yield configured
        return
    if running := standing_server(home):
        raise ServerUnavailable(f"send serve is at work on this home already; its server answers at {running}.")
    home.prefect.mkdir(parents=True, exist_ok=True)
    server = Server(home, port)
    server.wait()
    write_whole(_standing_server_file(home), server.api_url.encode())
    os.environ["PREFECT_API_URL"] = server.api_url
    try:
        yield server.api_url
    finally:
        _standing_server_file(home).unlink(missing_ok=True)
        server.stop()
        del os.environ["PREFECT_API_URL"]


@contextmanager
def prefect_server(home: Home) -> Iterator[Server | None]:
    """Starts a temporary server, unless ``PREFECT_API_URL`` names one or ``send serve`` runs one for this home.

    It is starting while the caller goes on.
    """
    if configured := os.environ.get("PREFECT_API_URL"):
        check_answers(configured)
        yield None
        return
    if running := standing_server(home):
        os.environ["PREFECT_API_URL"] = running
        try:
            yield None
        finally:
            del os.environ["PREFECT_API_URL"]
        return
    server = Server(home)
    os.environ["PREFECT_API_URL"] = server.api_url
    try:
        yield server
    finally:
        server.stop()
        del os.environ["PREFECT_API_URL"]
