"""The fault drill: whatever breaks in the night, what was published stands, nothing lands twice, the next run is right.

SIGKILL in each stage and two runs at once are in test_interruption.py.
"""

from __future__ import annotations

import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import psutil
import pytest
import sqlalchemy

from connectors.configuration import read_configuration
from connectors.errors import LandingDamaged, SendError, SourceUnavailable
from connectors.landing import register_landing
from connectors.manifest import known_manifests
from flows import run as run_module
from flows.run import Run
from flows.summary import RunSummary
from operations.store import OperationsStore
from tests.connectors import servers
from tests.connectors.conftest import Delivery
from tests.flows.conftest import SendHome, load_what_can_be
from tests.flows.test_interruption import deliver_something_new, published_rows
from warehouse.build import DbtProject
from warehouse.home import Home

DISK_BYTES = 400 * 2**20


def content_landed_twice(home: Path) -> list[tuple[str, str]]:
    """Content of which more than one load says that it brought it anew."""
    landed = [
        (entry.table or "", f"{entry.sha256}{entry.sheet}")
        for manifest in known_manifests(home / "landing")
        for entry in manifest.files
        if entry.status == "landed"
    ]
    return [content for content in set(landed) if landed.count(content) > 1]


@pytest.fixture(scope="module")
def small_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A disk of its own for a home, as a tmpfs; where none can be mounted the test is passed over, but not under CI."""
    folder = tmp_path_factory.mktemp("disk")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)], check=False, capture_output=True
    )
    if mounted.returncode:
        if os.environ.get("CI") == "true":
            pytest.fail("a small disk cannot be mounted: the drill needs root for a tmpfs")
        pytest.skip("a small disk cannot be mounted: that needs root")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture(scope="module")
def home(small_disk: Path) -> SendHome:
    """A published home on a disk that can be filled; the nights of this file follow one another on it."""
    home = SendHome(small_disk / "home")
    made = home.send("demo", "--children", "300")
    assert made.returncode == 0, made.stderr
    home.run_here()
    return home


def fill(disk: Path, leaving: int) -> Path:
    """Fills the disk but for so many bytes."""
    ballast = disk / "ballast"
    state = os.statvfs(disk)
    with ballast.open("wb") as handle:
        os.posix_fallocate(handle.fileno(), 0, state.f_bavail * state.f_frsize - leaving)
    return ballast


def loads_here(home: SendHome, *, is_building: bool = False) -> RunSummary:
    """The loads of a night, and at most the build, without Prefect."""
    time.sleep(1.1)  # a run's id is its second and its process
    with Run.begin(Home(home.folder), as_at=None, known_at=None) as run:
        load_what_can_be(run)
        if is_building:
            run.build()
        return run.summary()


@pytest.mark.parametrize("leaving", [64 * 2**10, 20 * 2**20])
def test_a_full_disk_fails_the_run_and_harms_nothing(leaving: int, home: SendHome, small_disk: Path) -> None:
    before = published_rows(home.folder)
    deliver_something_new(home)
    ballast = fill(small_disk, leaving)
    with pytest.raises(Exception):  # noqa: B017  whichever library met the full disk first
        home.run_here()
    assert published_rows(home.folder) == before
    ballast.unlink()
    assert content_landed_twice(home.folder) == []


def test_after_the_disk_has_room_again_the_next_run_is_right(home: SendHome) -> None:
    summary = home.run_here()
    assert {line.status for line in summary.products if line.is_nightly} == {"published"}
    assert content_landed_twice(home.folder) == []
    assert {load.status for load in loads_here(home).loads} == {"nothing new"}


def landed_parquet(home: SendHome, extract: str) -> Path:
    return next(iter(sorted((home.folder / "landing" / extract).rglob("*.parquet"))))


def spoil(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


def test_a_corrupt_file_of_the_landing_is_found_by_its_hash_and_read_again(home: SendHome) -> None:
    path = landed_parquet(home, "gias")
    before = path.read_bytes()
    spoil(path)
    summary = loads_here(home)
    (gias,) = [load for load in summary.loads if load.extract == "gias"]
    assert gias.mended == (path.relative_to(home.folder).as_posix(),)
    assert "was lost or broken, and has been read again from its source" in summary.as_markdown()
    assert path.read_bytes() == before
    assert gias.status == "nothing new"


def test_a_corrupt_file_that_no_source_holds_any_more_is_named_and_stops_the_build(home: SendHome) -> None:
    before = published_rows(home.folder)
    path = landed_parquet(home, "term_dates")
    whole = path.read_bytes()
    source = home.folder / "borough" / "extracts" / "term_dates"
    source.rename(source.with_name("away"))
    spoil(path)
    deliver_something_new(home)
    with pytest.raises(LandingDamaged, match=path.name):
        loads_here(home, is_building=True)
    assert published_rows(home.folder) == before
    path.write_bytes(whole)
    source.with_name("away").rename(source)


class Ahead(datetime):
    """A clock that is two days ahead."""

    @classmethod
    def now(cls, tz: Any = None) -> Any:
        return datetime.now(tz) + timedelta(days=2)


def test_a_clock_moved_back_hides_nothing_that_has_landed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DbtProject, "warm_up", lambda _: None)
    place = Home(tmp_path)
    place.create()
    (tmp_path / "terms.csv").write_text(
        "academic_year,term,start_date,end_date\n2025/26,Autumn,2025-09-01,2025-12-19\n"
    )
    place.configuration.write_text(
        'la_code: "883"\nla_name: Invented borough\nsources: {term_dates: {kind: csv, path: terms.csv}}\n'
    )
    with monkeypatch.context() as clock:
        clock.setattr(run_module, "datetime", Ahead)
        with Run.begin(place, as_at=None, known_at=None) as run:
            run.note_loads([run.load("term_dates")])
    with Run.begin(place, as_at=None, known_at=None) as run:
        line = run.load("term_dates")
        run.note_loads([line])
        assert line.status == "nothing new"
        assert run.moment.as_at <= (datetime.now(UTC) + timedelta(hours=2)).date()
        with duckdb.connect() as connection:
            register_landing(connection, read_configuration(tmp_path), run.moment.known_at)
            assert connection.execute("select count(*) from landing.term_dates__term").fetchone() == (1,)


class Cutting:
    """A way to a server that is cut once so many bytes have come back through it, as a network that breaks off."""

    def __init__(self, server: str, after: int | None) -> None:
        self.after = after
        self._server = server
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            there = socket.socket(socket.AF_UNIX)
            there.connect(self._server)
            threading.Thread(target=self._pass, args=(client, there, None), daemon=True).start()
            threading.Thread(target=self._pass, args=(there, client, self.after), daemon=True).start()

    @staticmethod
    def _pass(one: socket.socket, other: socket.socket, most: int | None) -> None:
        passed = 0
        while most is None or passed < most:
            try:
                piece = one.recv(16_384)
                if not piece:
                    break
                passed += len(piece)
                other.sendall(piece)
            except OSError:
                break
        for end in (one, other):
            with suppress(OSError):  # the other direction has shut it already
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listening.close()


def test_a_database_that_breaks_off_in_the_midst_lands_nothing_and_the_next_load_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with servers.postgresql() as url:
        engine = sqlalchemy.create_engine(url)
        with engine.begin() as connection:
            connection.exec_driver_sql(
                "create table child (case_id text, surname text, forename text, birth_date date)"
            )
            connection.exec_driver_sql(
                "insert into child select 'K' || n, repeat('Okafor', 20), 'Ada', date '2014-01-01' "
                "from generate_series(1, 20000) as n"
            )
        engine.dispose()
        socket_folder = str(url.query["host"])
        way = Cutting(str(next(Path(socket_folder).glob(".s.PGSQL.*[0-9]"))), after=400_000)
        through = url.set(host="127.0.0.1", port=way.port, query={})
        monkeypatch.setenv("SEND_TEST_URL", through.render_as_string(hide_password=False))
        delivery = Delivery(tmp_path / "home", "ehc_case", "database", {"url_env": "SEND_TEST_URL"})
        with pytest.raises(SourceUnavailable, match=r"broke off .* Nothing was landed"):
            delivery.load()
        assert delivery.manifests() == [] and delivery.parquet() == []
        way.after = None
        assert delivery.load().rows_loaded == 20_000
        assert not delivery.load().is_anything_new
        way.close()


def test_a_run_whose_prefect_server_goes_away_is_finished_without_it(home: SendHome) -> None:
    deliver_something_new(home)
    store = OperationsStore(f"sqlite:///{home.folder / 'operations.db'}")
    last = store.last_run()
    process = home.start("run", "--json", PREFECT_CLIENT_MAX_RETRIES="0")
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline and process.poll() is None:
        now = store.last_run()
        if now is not None and now != last and now.stage == "build":
            break
        time.sleep(0.02)
    for child in psutil.Process(process.pid).children(recursive=True):
        if "prefect" in " ".join(child.cmdline()):
            child.kill()
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert '"is_anything_new": true' in output
    after = store.last_run()
    assert after is not None and after.outcome == "done"
    assert content_landed_twice(home.folder) == []


def test_errors_of_a_night_are_told_in_our_own_words(home: SendHome) -> None:
    """The notices of all that broke above, none with a traceback."""
    told = "".join(path.read_text() for path in (home.folder / "notices").glob("*.md"))
    assert "The run failed. What was published stands." in told
    assert "Traceback" not in told
    assert issubclass(LandingDamaged, SendError)
