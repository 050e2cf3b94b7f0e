"""Scheduled runs on a real Prefect server: of many for one day one does the work, the others end well with a note."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.responses import DeploymentResponse
from prefect.settings import PREFECT_API_URL, temporary_settings

from connectors.configuration import read_configuration
from connectors.errors import ConfigurationError
from flows.month_end import freeze_dashboard
from flows.schedules import JOBS, TOLD_FAILURE, PassedOver, begin, job_named, scheduled_jobs
from flows.season import countdown
from flows.serving import deployments_of
from flows.settings import LONDON, PREFECT_DEFAULTS, TELEMETRY_OFF
from flows.worklists import NoLists, worklists
from operations.jobs import note_done
from operations.store import OperationsStore
from tests.flows.conftest import PrefectServer, SendHome
from warehouse.home import Home

ROOT = Path(__file__).parents[2]
TWO_IN_THE_MORNING = datetime(2026, 11, 26, 2, tzinfo=LONDON)
NIGHTLY = job_named("nightly")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    place = Home(tmp_path)
    place.create()
    place.configuration.write_text('la_code: "883"\nla_name: Invented borough\n')
    return place


def at_work(home: Home, job: str) -> subprocess.Popen[bytes]:
    """Another process that holds the home for the job until its input closes."""
    program = (
        "import sys; from pathlib import Path; from warehouse.home import Home\n"
        "with Home(Path(sys.argv[1])).lock(sys.argv[2]): print('held', flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(home.folder), job], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout and process.stdout.readline() == b"held\n"
    return process


def test_a_run_whose_day_was_done_is_passed_over(home: Home) -> None:
    store = OperationsStore(home.operations_url)
    note_done(store, "nightly", date(2026, 11, 26))
    with pytest.raises(PassedOver, match="Thursday 26 November 2026 was done before"):
        begin(NIGHTLY, home, TWO_IN_THE_MORNING, TWO_IN_THE_MORNING)


def test_a_late_run_goes_ahead_until_its_successor_is_due(home: Home) -> None:
    begin(NIGHTLY, home, TWO_IN_THE_MORNING, TWO_IN_THE_MORNING + timedelta(hours=23))
    with pytest.raises(PassedOver, match="began after the next was due"):
        begin(NIGHTLY, home, TWO_IN_THE_MORNING, TWO_IN_THE_MORNING + timedelta(hours=24))


def test_a_run_that_finds_its_own_job_at_work_is_passed_over(home: Home) -> None:
    other = at_work(home, "nightly")
    with pytest.raises(PassedOver, match="already at work"):
        begin(NIGHTLY, home, TWO_IN_THE_MORNING, TWO_IN_THE_MORNING)
    other.communicate()


def test_a_run_waits_for_another_jobs_run_to_end(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.schedules.PROBE_SECONDS", 0.1)
    other = at_work(home, "retention")
    with pytest.raises(PassedOver, match="held the home for longer"):
        begin(NIGHTLY, home, TWO_IN_THE_MORNING, TWO_IN_THE_MORNING, patience_seconds=0.3)
    assert other.stdin
    other.stdin.close()
    begin(NIGHTLY, home, TWO_IN_THE_MORNING, TWO_IN_THE_MORNING, patience_seconds=60)
    other.wait()


def test_a_job_is_given_another_time_or_put_off_in_the_configuration(home: Home) -> None:
    written = home.configuration.read_text()
    home.configuration.write_text(written + 'schedules: {nightly: "0 3 * * 1-5", sen2-season: off}\n')
    times = {job.name: cron for job, cron in scheduled_jobs(read_configuration(home.folder))}
    assert times["nightly"] == "0 3 * * 1-5"
    assert "sen2-season" not in times
    home.configuration.write_text(written + "schedules: {nightyl: off}\n")
    with pytest.raises(ConfigurationError, match="There is no job 'nightyl'"):
        scheduled_jobs(read_configuration(home.folder))


def test_the_deployments_for_workers_are_those_that_send_serve_serves() -> None:
    written = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    assert [(d["entrypoint"], d["schedules"][0]["cron"], d["description"]) for d in written] == [
        (job.entrypoint.replace(":", "."), job.cron, job.description) for job in JOBS
    ]
    assert all(d["concurrency_limit"]["limit"] == 1 for d in written)
    assert all(d["schedules"][0]["timezone"] == "Europe/London" for d in written)


def test_the_page_on_schedules_has_every_job_with_its_time() -> None:
    page = (ROOT / "docs" / "scheduling.md").read_text()
    written = dict(re.findall(r"^\| `([a-z0-9-]+)` \| (\d\d:\d\d) ", page, re.MULTILINE))
    at = {job.name: job.cron.split()[:2] for job in JOBS}
    assert written == {name: f"{int(hour):02}:{int(minute):02}" for name, (minute, hour) in at.items()}


def test_the_season_counts_down_to_the_deadline() -> None:
    assert countdown(date(2027, 3, 4)).startswith("**SEN2 2027: 7 days left** until Thursday 11 March 2027")
    assert "today is the last day" in countdown(date(2027, 3, 11))
    assert "SEN2 2028" in countdown(date(2027, 3, 12))


def test_a_month_is_frozen_once_and_stays_as_it_was(home: Home) -> None:
    with pytest.raises(PassedOver, match="No dashboard is published"):
        freeze_dashboard(home, date(2026, 10, 31))
    standing = home.published / "dashboard"
    standing.mkdir()
    told = {"product": "dashboard", "as_at": "2026-11-01", "known_at": "2026-11-01", "content": "x", "rows": {}}
    (standing / "publication.json").write_text(json.dumps(told))
    kept = freeze_dashboard(home, date(2026, 10, 31))
    assert kept == home.published / ".frozen" / "dashboard" / "2026-10"
    before = (kept / "publication.json").read_text()
    (standing / "publication.json").write_text(json.dumps({**told, "as_at": "2026-11-02"}))
    assert (freeze_dashboard(home, date(2026, 10, 31)) / "publication.json").read_text() == before


@pytest.fixture(scope="module")
def client(prefect_server: PrefectServer) -> Iterator[SyncPrefectClient]:
    with pytest.MonkeyPatch.context() as environment:
        for name, value in {**TELEMETRY_OFF, **PREFECT_DEFAULTS, "PREFECT_API_URL": prefect_server.api_url}.items():
            environment.setenv(name, value)
        with temporary_settings({PREFECT_API_URL: prefect_server.api_url}), get_client(sync_client=True) as found:
            yield found


def runs_of(client: SyncPrefectClient, deployment_id: Any) -> list[Any]:
    answer = client.request("POST", "/flow_runs/filter", json={"deployments": {"id": {"any_": [str(deployment_id)]}}})
    return list(answer.json())


@pytest.fixture(scope="module")
def for_workers(run_home: tuple[SendHome, Any], client: SyncPrefectClient) -> Iterator[dict[str, DeploymentResponse]]:
    """The deployments of ``prefect.yaml`` for a home that a run has been in, by job."""
    home, _ = run_home
    for arguments in (["work-pool", "create", "--type", "process", "send"], ["deploy", "--all"]):
        done = prefect(home, *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
    made = {d.name: d for d in client.read_deployments() if d.work_pool_name == "send"}
    yield made
    for deployment in made.values():
        client.delete_deployment(deployment.id)
    client.request("DELETE", "/work_pools/{name}", path_params={"name": "send"})


def prefect(home: SendHome, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Prefect's own command, in the project's folder."""
    environment = {**home.environment(**TELEMETRY_OFF), "PREFECT_HOME": str(home.folder / "prefect")}
    command = [sys.executable, "-m", "prefect", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300
    )


def test_prefects_own_command_deploys_every_job_for_workers(
    run_home: tuple[SendHome, Any], for_workers: dict[str, DeploymentResponse]
) -> None:
    told = {name: (d.schedules[0].schedule, d.schedules[0].active, d.parameters) for name, d in for_workers.items()}
    assert {name: (getattr(s, "cron", None), a, p) for name, (s, a, p) in told.items()} == {
        job.name: (job.cron, True, {"home": str(run_home[0].folder)}) for job in JOBS
    }


def test_the_server_is_asked_to_watch_the_jobs_deployed_for_workers(
    run_home: tuple[SendHome, Any], for_workers: dict[str, DeploymentResponse]
) -> None:
    done = run_home[0].send("automations")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "SEND 883: a run gives no sign of life",
        "send.yml names no channel under notify, so nobody is told by the server.",
    ]


def test_a_worker_runs_a_deployed_job_to_its_end_and_status_tells_it(
    run_home: tuple[SendHome, Any], for_workers: dict[str, DeploymentResponse], client: SyncPrefectClient
) -> None:
    home, _ = run_home
    before = home.answer("status")
    run = client.create_flow_run_from_deployment(for_workers["nightly"].id)
    worked = prefect(home, "worker", "start", "--pool", "send", "--limit", "1", "--run-once")
    state = client.read_flow_run(run.id).state
    assert state is not None and state.is_completed(), (state, worked.stderr[-2000:])
    after = home.answer("status")
    assert after["last_run"] != before["last_run"]
    assert (after["last_run_outcome"], after["products"]) == (before["last_run_outcome"], before["products"])
    events = {"event": {"name": ["prefect.flow-run.heartbeat"]}}
    told = client.request("POST", "/events/filter", json={"filter": events}).json()["events"]
    assert f"prefect.flow-run.{run.id}" in {event["resource"]["prefect.resource.id"] for event in told}


def test_a_night_missed_while_stopped_is_made_up_by_one_run_and_stopping_pauses_nothing(
    run_home: tuple[SendHome, Any], client: SyncPrefectClient
) -> None:
    home, _ = run_home
    configuration = home.folder / "send.yml"
    before = configuration.read_text()
    configuration.write_text(before + 'schedules: {nightly: "57-59 23 * * *", sen2-season: off}\n')
    store = OperationsStore(f"sqlite:///{home.folder / 'operations.db'}")
    note_done(store, "nightly", date.today() - timedelta(days=9))
    (deployment,) = [
        made
        for made in deployments_of(Home(home.folder), read_configuration(home.folder))
        if made.name == "nightly-883"
    ]
    deployment_id = deployment.apply()
    now = datetime.now(UTC)
    window = {"start_time": (now - timedelta(days=1)).isoformat(), "end_time": now.isoformat(), "max_runs": 1}
    client.request("POST", "/deployments/{id}/schedule", path_params={"id": deployment_id}, json=window)
    assert [run["auto_scheduled"] for run in runs_of(client, deployment_id)] == [True], "one that Prefect had made"

    server = home.start("serve", PREFECT_RUNNER_POLL_FREQUENCY="1")
    try:
        deadline = time.monotonic() + 240
        runs: list[Any] = []
        while time.monotonic() < deadline and server.poll() is None:
            runs = runs_of(client, deployment_id)
            if len(runs) >= 3 and all(run["state_type"] == "COMPLETED" for run in runs):
                break
            time.sleep(0.5)
    finally:
        server.send_signal(signal.SIGTERM)
        _, errors = server.communicate(timeout=60)
        configuration.write_text(before)
    names = sorted(run["state_name"] for run in runs)
    assert names[0] == "Completed" and set(names[1:]) == {"Passed over"} and len(names) >= 3, (names, errors)
    notes = [run["state"]["message"] for run in runs if run["state_name"] == "Passed over"]
    assert all("Nothing was done" in note for note in notes)
    standing = client.read_deployment(deployment_id)
    assert not standing.paused and all(schedule.active for schedule in standing.schedules)
    assert (home.folder / "published" / "lists").exists()


def test_a_scheduled_run_that_fails_tells_it_and_ends_as_told(
    home: Home, client: SyncPrefectClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow_run = SimpleNamespace(auto_scheduled=True, expected_start_time=datetime.now(UTC), id="a-run")
    monkeypatch.setattr(
        "flows.schedules.FlowRunContext", SimpleNamespace(get=lambda: SimpleNamespace(flow_run=flow_run))
    )
    state = worklists(str(home.folder), return_state=True)
    assert (state.name, state.is_failed()) == (TOLD_FAILURE, True)
    assert isinstance(state.result(raise_on_failure=False), NoLists)
    (told,) = home.notices.glob("*.md")
    assert "The job worklists failed." in told.read_text()
    home.configuration.write_text("la_code: 8\n")
    assert worklists(str(home.folder), return_state=True).name == "Failed", "nobody could be told"
