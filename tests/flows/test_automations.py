"""Prefect's server tells of a run that cannot tell itself: one that was killed, went silent, or was never begun."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import State, StateType
from prefect.events import emit_event
from prefect.server.events.ordering import PRECEDING_EVENT_LOOKBACK
from prefect.states import Crashed, Failed, Pending, Running, Scheduled

from connectors.configuration import read_configuration
from connectors.errors import ConfigurationError
from flows.automations import LATE, SILENT, SILENT_AFTER, TITLES, register_automations
from flows.nightly import nightly
from flows.schedules import TOLD_FAILURE
from tests.flows.conftest import Channel, PrefectServer, SendHome, listening
from warehouse.home import Home

CONFIGURATION = 'la_code: "883"\nla_name: Invented borough\n'
TOLD = CONFIGURATION + "notify: [notice-address/send-team]\n"
SOON = timedelta(seconds=10)
"""The shortest absence that Prefect can wait for."""


@dataclass
class Watched:
    """A home with a deployment, the server that watches it, and by what became of it the name of a run."""

    home: Home
    client: SyncPrefectClient
    deployment: Any
    channel: Channel
    runs: dict[str, Any] = field(default_factory=dict)

    def begin(self, what: str, *states: State[Any], deployment: Any = None) -> None:
        """A run that the server saw pass through the states; what else it did, nobody knows."""
        run = self.client.create_flow_run_from_deployment(deployment or self.deployment, name=f"run-{what}")
        for state in states:
            self.client.set_flow_run_state(run.id, state, force=True)
        self.runs[what] = run.id

    def told(self, title: str) -> list[str]:
        """The runs told of under the title."""
        return sorted(
            what
            for what in self.runs
            for told in self.channel
            if told["title"] == f"SEND Invented borough: {title}" and f"run-{what} of nightly" in told["message"]
        )


def deployed(home: Home, name: str) -> Any:
    made: Any = nightly.to_deployment(name=name, tags=["send"], parameters={"home": str(home.folder)})
    return made.apply()


def configured(folder: Path, text: str = TOLD) -> Home:
    home = Home(folder)
    home.create()
    home.configuration.write_text(text)
    return home


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory, prefect_server: PrefectServer) -> Iterator[Watched]:
    """A home some of whose runs came to grief, long enough ago that the server has told all it had to."""
    home, other = configured(tmp_path_factory.mktemp("home")), configured(tmp_path_factory.mktemp("other"))
    with listening(prefect_server) as channel, get_client(sync_client=True) as client:
        seen = Watched(home, client, deployed(home, "nightly"), channel)
        register_automations(home, read_configuration(home.folder), late_after=SOON, silent_after=SOON)
        late = State(type=StateType.SCHEDULED, name="Late", state_details=Scheduled().state_details)
        seen.begin("never-begun", late)
        seen.begin("begun-late", late, Pending())
        seen.begin("killed", Running(), Crashed(message="Ann Smith"))
        seen.begin("failed", Running(), Failed(message="Ann Smith"))
        seen.begin("failed-and-told", Running(), Failed(name=TOLD_FAILURE))
        seen.begin("silent", Running())
        seen.begin("of-another-home", Running(), Crashed(), deployment=deployed(other, "other"))
        related = {
            "prefect.resource.role": "deployment",
            "prefect.resource.id": f"prefect.deployment.{seen.deployment}",
        }
        emit_event(
            "prefect.flow-run.heartbeat",
            resource={"prefect.resource.id": f"prefect.flow-run.{seen.runs['silent']}"},
            related=[related],
        )
        deadline = time.monotonic() + 90
        while len(channel) < 4 and time.monotonic() < deadline:
            time.sleep(0.2)
        yield seen


def test_a_run_whose_process_is_gone_is_told(watched: Watched) -> None:
    assert watched.told("a run was interrupted") == ["killed", "silent"]
    (told,) = [told for told in watched.channel if "run-killed" in told["message"]]
    assert told["message"].endswith("What to do: docs/runbook.md#a-run-was-interrupted")


def test_a_run_that_gives_no_sign_of_life_is_marked_as_crashed(watched: Watched) -> None:
    state = watched.client.read_flow_run(watched.runs["silent"]).state
    assert state is not None and state.is_crashed() and "no sign of life" in (state.message or "")


def test_a_run_whose_end_prefect_holds_back_is_not_taken_for_silent() -> None:
    looks_for_what_it_held = timedelta(minutes=1)
    assert PRECEDING_EVENT_LOOKBACK + looks_for_what_it_held < SILENT_AFTER


def test_a_run_that_failed_is_told_unless_it_has_told_so_itself(watched: Watched) -> None:
    assert watched.told("a run failed") == ["failed"]


def test_a_run_that_nobody_begins_is_told_and_one_begun_late_is_not(watched: Watched) -> None:
    assert watched.told("a run has not begun") == ["never-begun"]


def test_nothing_else_is_told_and_no_message_of_a_run_is_passed_on(watched: Watched) -> None:
    assert len(watched.channel) == 4
    assert "Smith" not in str(list(watched.channel))


def standing(client: SyncPrefectClient, code: str) -> dict[str, dict[str, Any]]:
    """The automations of an authority as the server has them, by title."""
    found = client.request("POST", "/automations/filter", json={}).json()
    return {one["name"].removeprefix(f"SEND {code}: "): one for one in found if one["name"].startswith(f"SEND {code}:")}


def test_made_twice_the_automations_are_there_once_and_untouched(tmp_path: Path, channel: Channel) -> None:
    home = configured(tmp_path, TOLD.replace("883", "301"))
    deployed(home, "nightly-301")
    with get_client(sync_client=True) as client:
        made = register_automations(home, read_configuration(tmp_path))
        before = standing(client, "301")
        assert sorted(before) == sorted(TITLES) and len(made) == len(TITLES)
        register_automations(home, read_configuration(tmp_path))
        assert standing(client, "301") == before


def test_automations_follow_the_configuration_and_one_switched_off_stays_off(tmp_path: Path, channel: Channel) -> None:
    home = configured(tmp_path, TOLD.replace("883", "303"))
    deployed(home, "nightly-303")
    with get_client(sync_client=True) as client:
        register_automations(home, read_configuration(tmp_path))
        client.pause_automation(standing(client, "303")[LATE]["id"])
        home.configuration.write_text(home.configuration.read_text() + "late_after_minutes: 90\n")
        register_automations(home, read_configuration(tmp_path))
        late = standing(client, "303")[LATE]
        assert (late["trigger"]["within"], late["enabled"]) == (90 * 60, False)
        home.configuration.write_text(CONFIGURATION.replace("883", "303"))
        register_automations(home, read_configuration(tmp_path))
        assert list(standing(client, "303")) == [SILENT], "without a channel nothing is left that would tell"


def test_a_home_without_deployments_has_nothing_to_watch(tmp_path: Path, channel: Channel) -> None:
    home = configured(tmp_path)
    with pytest.raises(ConfigurationError, match="no deployment of"):
        register_automations(home, read_configuration(tmp_path))


def test_a_channel_that_prefect_does_not_know_is_said_by_the_command(tmp_path: Path, channel: Channel) -> None:
    home = configured(tmp_path, CONFIGURATION.replace("883", "302") + "notify: [slack-webhook/nobody-made-it]\n")
    deployed(home, "nightly-302")
    done = SendHome(home.folder, prefect_api=str(get_client(sync_client=True).api_url)).send("automations")
    assert done.returncode == 2 and "Prefect knows no such block" in done.stderr
