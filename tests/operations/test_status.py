"""``send status`` says who must act: on what is still to be mended, and on what waits for a second person."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from connectors.corrections import LandedRecord
from flows.reading import Status, current_status
from operations.corrections import Corrections
from operations.triage import Triage
from tests.operations.nights import AS_AT, Nights, finding
from warehouse.home import Home

WEEK = timedelta(days=7)
LANDED = LandedRecord("ehc_case", "request", "R1", {"received_date": "2026-01-05"}, "request.csv", 2)


@pytest.fixture
def status(nights: Nights, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Status:
    """After a night with four findings: one waived, one whose waiver waits, and a correction that waits."""
    nights.run(finding("a"), finding("b"), finding("c"), finding("d", owner="health_steward"))
    triage = Triage(nights.store)
    for key in ("a", "b"):
        triage.propose_waiver({key: 1}, until=AS_AT + WEEK, reason="The system is down.", by="A. Steward")
    triage.approve_waiver({"a": 2}, by="B. Manager")
    Corrections(nights.store).propose(
        LANDED,
        column="received_date",
        value="2026-01-06",
        until=AS_AT + WEEK,
        reason="The form says so.",
        by="A. Steward",
    )
    monkeypatch.setenv("SEND_OPERATIONS_URL", url)
    return current_status(Home(tmp_path / "home"))


def test_what_is_waived_stands_open_and_is_not_to_be_mended(status: Status) -> None:
    assert status.open_findings == {"health_steward": 1, "sen_team": 3}
    assert status.to_do == {"health_steward": 1, "sen_team": 2}


def test_each_owner_is_told_what_waits_for_them(status: Status) -> None:
    told = status.as_markdown().partition("## Who must act?")[2].strip().splitlines()
    assert told == [
        "- health_steward: 1 finding to mend (send findings --owner health_steward)",
        "- sen_team: 2 findings to mend (send findings --owner sen_team), "
        "1 waiver for a second person (send findings approve), "
        "1 correction for a second person (send findings corrections)",
    ]
