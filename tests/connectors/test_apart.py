"""A load in a process of its own: it tells what a load here tells, and one that hangs is ended."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import psutil
import pytest

from connectors.apart import load_within
from connectors.errors import ConfigurationError, SourceTooSlow, SourceUnavailable
from connectors.load import LoadReport
from tests.connectors.conftest import Delivery
from tests.connectors.messages import CHILDREN

Deliver = Callable[..., Delivery]


def load(delivery: Delivery, seconds: float = 60) -> LoadReport:
    return load_within(
        seconds, delivery.configuration, delivery.extract, f"000001-{delivery.extract}", "a run", delivery.known_at(1)
    )


@pytest.fixture
def silent_server() -> Iterator[int]:
    """The port of a server that takes connections and never says a word, as a database that hangs."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken: list[socket.socket] = []

        def take() -> None:
            while True:
                try:
                    taken.append(server.accept()[0])
                except OSError:
                    return

        threading.Thread(target=take, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        for connection in taken:
            connection.close()


def test_it_lands_and_reports_as_a_load_in_this_process_does(deliver: Deliver) -> None:
    delivery = deliver()
    delivery.put("child.csv", CHILDREN)
    delivery.put("plan.csv", "not,a,plan\n1,2,3\n")
    report = load(delivery)
    assert report.rows_read == report.rows_loaded + report.rows_quarantined > 0
    assert [file for file, _ in report.refused] == ["plan.csv"]
    assert report.delivered_at is None  # written today, which is after the night of the load
    delivery.nights = 1
    assert delivery.rows("child", "count(*)") == [(report.rows_loaded,)]


def test_it_raises_what_the_load_raised(deliver: Deliver, monkeypatch: pytest.MonkeyPatch) -> None:
    delivery = deliver(kind="database", url_env="SEND_TEST_URL")
    with pytest.raises(ConfigurationError, match="SEND_TEST_URL is not set"):
        load(delivery)
    monkeypatch.setenv("SEND_TEST_URL", "postgresql+psycopg://send:s3cret@127.0.0.1:9/cases")
    with pytest.raises(SourceUnavailable, match="could not be reached") as raised:
        load(delivery)
    assert "s3cret" not in str(raised.value)


def test_a_database_that_hangs_is_given_up_and_nothing_is_landed(
    deliver: Deliver, silent_server: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEND_TEST_URL", f"postgresql+psycopg://send@127.0.0.1:{silent_server}/cases")
    delivery = deliver(kind="database", url_env="SEND_TEST_URL")
    with pytest.raises(SourceTooSlow, match="was given up; nothing was landed"):
        load(delivery, seconds=3)
    assert delivery.manifests() == []
    assert not [process for process in psutil.Process().children() if "connectors.apart" in process.cmdline()]


def test_a_load_ends_with_the_run_that_began_it(
    deliver: Deliver, silent_server: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEND_TEST_URL", f"postgresql+psycopg://send@127.0.0.1:{silent_server}/cases")
    delivery = deliver(kind="database", url_env="SEND_TEST_URL")
    program = (
        "import sys; from pathlib import Path; from tests.connectors.conftest import Delivery\n"
        "from tests.connectors.test_apart import load\n"
        "load(Delivery(Path(sys.argv[1]), 'ehc_case', 'database', {'url_env': 'SEND_TEST_URL'}))"
    )
    run = subprocess.Popen([sys.executable, "-c", program, str(delivery.folder)])
    until = time.monotonic() + 60
    loads: list[psutil.Process] = []
    while not loads and time.monotonic() < until:
        loads = psutil.Process(run.pid).children()
        time.sleep(0.05)
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    _, alive = psutil.wait_procs(loads, timeout=30)
    assert loads and not alive


def test_what_lies_elsewhere_has_an_hour_and_local_files_all_the_time(deliver: Deliver) -> None:
    def limit(**settings: object) -> float | None:
        return deliver(**settings).configuration.sources["ehc_case"].time_limit_seconds

    assert limit() is None
    assert limit(kind="database", url_env="SEND_TEST_URL") == 3600
    assert limit(path="sftp://server/send") == 3600
    assert limit(time_limit_minutes=0.5) == 30
