"""People are told once of what needs them, in a file and through the channels named, and again when it clears."""

from __future__ import annotations

import json
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from connectors.errors import SendError, SourceUnavailable
from connectors.failed_loads import FailedLoad
from connectors.freshness import Freshness, Volume
from flows import notices
from flows.logs import RunLog
from flows.notices import KINDS, anchor, clear_failure, is_failure_told, tell_late
from flows.run import Run
from flows.settings import LONDON
from flows.summary import ProductLine
from operations.notices import Notice, standing_notices
from operations.store import OperationsStore
from tests.flows.conftest import Channel, keep, load_what_can_be
from warehouse.build import DbtProject
from warehouse.home import Home

ROOT = Path(__file__).parents[2]
CONFIGURATION = """\
la_code: "883"
la_name: Invented borough
sources:
  targets: {kind: csv, path: extracts/targets}
  term_dates: {kind: csv, path: extracts/term_dates}
"""
TARGETS = "indicator,period_start,target\ntimeliness,2026-01-01,60\n"
TERMS = "academic_year,term,start_date,end_date\n2025/26,Autumn,2025-09-01,2025-12-19\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home whose terms are delivered and whose targets never came."""
    monkeypatch.setattr(DbtProject, "warm_up", lambda _: None)
    home = Home(tmp_path)
    home.create()
    home.configuration.write_text(CONFIGURATION)
    (tmp_path / "extracts" / "term_dates").mkdir(parents=True)
    (tmp_path / "extracts" / "term_dates" / "terms.csv").write_text(TERMS)
    return home


def night(home: Home, failing: BaseException | None = None) -> str | None:
    """One night's loads; gives the notice file it left, if any."""
    before = set(home.notices.glob("*.md"))
    try:
        with Run.begin(home, as_at=None, known_at=None) as run:
            load_what_can_be(run)
            if failing:
                raise failing
    except SendError:
        pass
    time.sleep(1.1)  # a run's id is its second and its process
    made = set(home.notices.glob("*.md")) - before
    return made.pop().read_text() if made else None


def test_a_notice_is_told_once_and_told_when_it_clears(home: Home) -> None:
    first = night(home)
    assert first is not None
    assert "targets is late: nothing of it has ever been delivered." in first
    assert "targets could not be loaded" in first
    assert "What to do: docs/runbook.md#an-extract-is-late" in first
    assert "term_dates" not in first
    assert night(home) is None
    (home.folder / "extracts" / "targets").mkdir()
    (home.folder / "extracts" / "targets" / "targets.csv").write_text(TARGETS)
    cleared = night(home)
    assert cleared is not None and "An extract is late: targets no longer." in cleared
    assert standing_notices(OperationsStore(home.operations_url)) == []


def test_a_run_that_fails_is_told_with_its_reason_and_leaves_the_rest_standing(home: Home) -> None:
    night(home)
    told = night(home, SourceUnavailable("The disk is full."))
    assert told is not None
    assert "The run failed. What was published stands. The disk is full." in told
    assert "Cleared" not in told
    cleared = night(home)
    assert cleared is not None and "A run failed: nightly no longer." in cleared


def test_a_run_that_was_cut_off_is_told_by_the_next(home: Home) -> None:
    store = OperationsStore(home.operations_url)
    store.begin_run("20260101T020000-1", as_at=datetime(2026, 1, 1).date(), known_at=datetime(2026, 1, 1))
    store.begin_stage("20260101T020000-1", "build")
    told = night(home)
    assert told is not None and "The run 20260101T020000-1 was cut off at the stage build." in told
    assert "cut off" not in (night(home) or "")


def test_a_hold_with_more_failing_rows_is_the_same_notice() -> None:
    def held(rows: str) -> Notice:
        (notice,) = notices.held(
            [ProductLine("lists", "held", reasons=(f"'A rule' does not hold for {rows} of x (r)",))]
        )
        return notice

    assert held("1 row").cause == held("1,200 rows").cause
    assert "1,200 rows" in held("1,200 rows").text


def test_a_refused_file_is_not_named_for_its_name_may_be_a_childs() -> None:
    (notice,) = notices.failed([FailedLoad("ehc_case", "refused", "Ann Smith.csv was refused: no header", None)])
    assert notice.kind == "load_refused" and "Smith" not in notice.text


def test_only_what_is_late_or_unusual_is_told() -> None:
    fresh = Freshness("gias", "bi_team", 31, None, None, False)
    usual = Volume("gias", "link", "bi_team", 7, 100, 90, 110)
    assert notices.late([fresh]) == [] and notices.unusual([usual]) == []
    (told,) = notices.unusual([Volume("gias", "link", "bi_team", 7, 10, 90, 110)])
    assert "10 rows, where between 90 and 110 are usual" in told.text


def test_every_kind_of_notice_has_a_section_in_the_runbook() -> None:
    headings = [line for line in (ROOT / notices.RUNBOOK).read_text().splitlines() if line.startswith("#")]
    for kind, heading in KINDS.items():
        assert f"## {heading}" in headings, kind
        assert anchor(kind) == f"docs/runbook.md#{heading.lower().replace(' ', '-')}"


def test_notices_go_to_every_channel_and_one_not_reached_gets_them_the_next_night(home: Home, channel: Channel) -> None:
    home.configuration.write_text(CONFIGURATION + "notify: [notice-address/send-team, notice-address/nobody]\n")
    night(home)
    (told,) = channel
    assert told["title"] == "SEND Invented borough: 2 notices"
    assert "targets is late" in told["message"]
    store = OperationsStore(home.operations_url)
    assert {state.owed_to for state in standing_notices(store)} == {("notice-address/nobody",)}
    home.configuration.write_text(CONFIGURATION + "notify: [notice-address/send-team]\n")
    night(home)
    assert len(channel) == 1
    lines = [json.loads(line) for path in home.logs.iterdir() for line in path.read_text().splitlines()]
    assert {line["channel"] for line in lines if line["event"] == "channel not reached"} == {"notice-address/nobody"}


def test_a_channel_that_was_owed_a_notice_gets_it_when_it_is_back(home: Home, channel: Channel) -> None:
    home.configuration.write_text(CONFIGURATION + "notify: [notice-address/nobody]\n")
    night(home)
    keep("nobody", channel.address)
    night(home)
    assert [told["title"] for told in channel] == ["SEND Invented borough: 2 notices"]
    night(home)
    assert len(channel) == 1
    assert {state.owed_to for state in standing_notices(OperationsStore(home.operations_url))} == {()}


def failing(home: Home, why: str, at: datetime = datetime(2026, 11, 26, 5)) -> bool:
    """Whether people know that the season's job failed, and of this reason."""
    store = OperationsStore(home.operations_url)
    return is_failure_told(home, store, "sen2-season", SendError(why), at, RunLog(home, "a-run"))


def test_a_scheduled_job_that_failed_is_told_once_and_told_when_it_is_done_again(home: Home) -> None:
    store = OperationsStore(home.operations_url)
    assert failing(home, "The warehouse is missing.")
    (told,) = home.notices.glob("*.md")
    assert "The job sen2-season failed. What was published stands. The warehouse is missing." in told.read_text()
    assert failing(home, "The warehouse is missing.", datetime(2026, 11, 27, 5))
    clear_failure(home, store, "retention", datetime(2026, 11, 27, 5), RunLog(home, "another-run"))
    assert len(list(home.notices.glob("*.md"))) == 1, "the same failure, and another job that is done, say nothing new"
    clear_failure(home, store, "sen2-season", datetime(2026, 11, 28, 5), RunLog(home, "a-third-run"))
    assert (
        "A scheduled job failed: sen2-season no longer."
        in (home.notices / "20261128T050000-sen2-season.md").read_text()
    )
    assert standing_notices(store) == []


def test_a_failure_that_the_run_has_told_is_not_told_again(home: Home) -> None:
    night(home, SourceUnavailable("The disk is full."))
    before = set(home.notices.glob("*.md"))
    assert failing(home, "The disk is full.")
    assert set(home.notices.glob("*.md")) == before


def test_a_failed_job_that_no_channel_was_told_of_is_left_for_the_server_to_tell(home: Home, channel: Channel) -> None:
    home.configuration.write_text(CONFIGURATION + "notify: [notice-address/nobody]\n")
    assert not failing(home, "The warehouse is missing.")
    night(home, SourceUnavailable("The disk is full."))
    assert not failing(home, "The disk is full."), "the run itself reached nobody either"
    home.configuration.write_text("la_code: 8\n")
    assert not failing(home, "send.yml is wrong.")


def test_a_failed_job_that_one_of_two_channels_was_told_of_is_told_to_the_other_by_the_next_run_alone(
    home: Home, channel: Channel
) -> None:
    home.configuration.write_text(CONFIGURATION + "notify: [notice-address/send-team, notice-address/nobody]\n")
    assert failing(home, "The warehouse is missing."), "the server would tell the one that was reached again"
    (standing,) = standing_notices(OperationsStore(home.operations_url))
    assert standing.owed_to == ("notice-address/nobody",)
    assert failing(home, "The warehouse is missing.", datetime(2026, 11, 27, 5))
    assert len(channel) == 1


def test_a_run_that_began_long_after_it_was_due_says_how_late_it_was(home: Home) -> None:
    home.configuration.write_text(CONFIGURATION + "late_after_minutes: 30\n")
    store, due = OperationsStore(home.operations_url), datetime(2026, 11, 26, 2, tzinfo=LONDON)
    tell_late(home, store, "nightly", due, due + timedelta(minutes=29), RunLog(home, "a-run"))
    assert not list(home.notices.glob("*.md"))
    tell_late(home, store, "nightly", due, due + timedelta(hours=7, minutes=5), RunLog(home, "a-run"))
    (told,) = home.notices.glob("*.md")
    assert "The nightly run due Thursday 26 November 2026, 02:00 began 7 h 5 min late." in told.read_text()
    assert standing_notices(store) == []
