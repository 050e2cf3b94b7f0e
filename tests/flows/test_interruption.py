"""A run killed at any stage leaves the last publication readable, and the next run completes without help."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import duckdb
import psutil
import pytest

from operations.store import OperationsStore
from tests.flows.conftest import PrefectServer, SendHome


def published_rows(home: Path) -> int:
    with duckdb.connect(str(home / "published" / "lists" / "lists.duckdb"), read_only=True) as connection:
        (count,) = connection.execute("select count(*) from list_children_with_plans").fetchone() or (0,)
    return int(count)


def kill_when(home: SendHome, stage: str) -> None:
    """Starts a run and kills it (SIGKILL, no clean-up of any kind) when it says that the stage begins."""
    store = OperationsStore(f"sqlite:///{home.folder / 'operations.db'}")
    last = store.last_run()
    process = home.start("run")
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline and process.poll() is None:
        run = store.last_run()
        if run is not None and run != last and run.stage == stage and run.outcome == "running":
            break
        time.sleep(0.005)
    assert process.poll() is None, f"the run ended before {stage} began"
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    store.close()


def deliver_something_new(home: SendHome) -> None:
    """A later extract: one more visit, so that the next run has something to do."""
    path = home.folder / "borough" / "extracts" / "ehc_case" / "training.csv"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text(
        "".join(lines) + lines[1].replace(lines[1].split(",")[1], f"course {time.time_ns()}"), encoding="utf-8"
    )


@pytest.fixture(scope="module")
def published_home(tmp_path_factory: pytest.TempPathFactory, prefect_server: PrefectServer) -> SendHome:
    """A home whose lists are published; the stages are tried on it one after the other, as nights follow nights."""
    home = SendHome(tmp_path_factory.mktemp("home"), prefect_server.api_url)
    assert home.send("demo", "--children", "300").returncode == 0
    assert not home.run_here().is_any_product_held
    return home


@pytest.mark.parametrize("stage", ["load", "build", "check", "publish"])
def test_a_run_killed_at_any_stage_harms_nothing(stage: str, published_home: SendHome) -> None:
    home = published_home
    before = published_rows(home.folder)
    deliver_something_new(home)

    kill_when(home, stage)

    assert published_rows(home.folder) == before
    summary = home.answer("run")
    assert {product["status"] for product in summary["products"] if product["is_nightly"]} == {"published"}
    assert published_rows(home.folder) == before
    again = home.answer("run")
    assert not again["is_anything_new"]


def test_a_killed_run_leaves_no_server_behind(fresh_home: SendHome) -> None:
    fresh_home.prefect_api = None
    kill_when(fresh_home, "load")
    time.sleep(3)
    servers = [p for p in psutil.process_iter(["environ", "cmdline"]) if "prefect" in " ".join(p.info["cmdline"] or [])]
    ours = [p for p in servers if (p.info["environ"] or {}).get("SEND_HOME") == str(fresh_home.folder)]
    assert not ours


def test_two_runs_at_once_are_one_run_and_a_plain_refusal(fresh_home: SendHome) -> None:
    first = fresh_home.start("run")
    deadline = time.monotonic() + 120
    while not (fresh_home.folder / "operations.db").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    second = fresh_home.send("run")
    assert second.returncode == 2
    assert "Another run is writing" in second.stderr
    first.communicate(timeout=300)
    assert first.returncode == 0
