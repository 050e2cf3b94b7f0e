"""A load that fails does not stop the run, and is said aloud, with since when what stands is there."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path

import pytest

from connectors.configuration import read_configuration
from connectors.failed_loads import FailedLoad
from connectors.load import load_extract
from flows.reading import current_status
from flows.run import Run
from flows.summary import RunSummary
from tests.flows.conftest import load_what_can_be
from warehouse.build import DbtProject
from warehouse.home import Home

CONFIGURATION = """\
la_code: "883"
la_name: Invented borough
sources:
  targets: {kind: csv, path: extracts/targets}
  term_dates: {kind: csv, path: extracts/term_dates}
  la_codes: {kind: csv, path: extracts/la_codes}
"""
TERMS = "academic_year,term,start_date,end_date\n2025/26,Autumn,2025-09-01,2025-12-19\n"
AUTHORITIES = "la_code,la_name,gss_code,region\n883,Thurrock,E06000034,East of England\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home whose terms landed on 1 September, and whose three sources are as a bad night has them."""
    monkeypatch.setattr(DbtProject, "warm_up", lambda _: None)
    home = Home(tmp_path)
    home.create()
    home.configuration.write_text(CONFIGURATION)
    for extract, text in (("term_dates", TERMS), ("la_codes", AUTHORITIES)):
        (tmp_path / "extracts" / extract).mkdir(parents=True)
        (tmp_path / "extracts" / extract / "whole.csv").write_text(text)
    load_extract(read_configuration(tmp_path), "term_dates", "000001-term_dates", "a run", datetime(2026, 9, 1, 2))
    (tmp_path / "extracts" / "term_dates" / "whole.csv").write_text("not,terms\n1,2\n")
    return home


def load_all(home: Home) -> RunSummary:
    with Run.begin(home, as_at=None, known_at=None) as run:
        load_what_can_be(run)
        return run.summary()


def test_the_summary_says_first_which_loads_failed_and_since_when_what_stands_is_there(home: Home) -> None:
    summary = load_all(home)
    by_extract = {load.extract: load for load in summary.loads_failed}
    assert set(by_extract) == {"targets", "term_dates"}
    assert (by_extract["targets"].status, by_extract["targets"].stands_since) == ("failed", None)
    assert "is not there" in by_extract["targets"].problem
    assert (by_extract["term_dates"].status, by_extract["term_dates"].stands_since) == (
        "refused",
        "2026-09-01 02:00:00",
    )
    text = summary.as_markdown()
    assert "**2 extracts were NOT LOADED as delivered:**" in text.partition("## Loads")[0]
    assert "what landed 2026-09-01 02:00:00 UTC stands: whole.csv was refused" in text
    assert [load["extract"] for load in summary.as_data()["loads_failed"]] == ["targets", "term_dates"]


def test_the_status_says_it_until_the_loads_go_well(home: Home) -> None:
    load_all(home)
    status = current_status(home)
    assert [load.extract for load in status.loads_failed] == ["targets", "term_dates"]
    assert "- **targets** could not be loaded; nothing of it has ever landed" in status.as_markdown()
    (home.folder / "extracts" / "term_dates" / "whole.csv").write_text(TERMS)
    time.sleep(1)  # a run's id is its second and its process
    load_all(home)
    failed: list[FailedLoad] = list(current_status(home).loads_failed)
    assert [load.extract for load in failed] == ["targets"]


def test_a_table_whose_file_is_refused_stands_since_it_last_landed_whatever_else_lands(home: Home) -> None:
    home.configuration.write_text(
        CONFIGURATION.partition("  targets")[0] + "  improvement_plan: {kind: csv, path: extracts/plan}\n"
    )
    folder = home.folder / "extracts" / "plan"
    folder.mkdir()
    (folder / "action.csv").write_text("action_id,area,action\nA1,A,Mend it\n")
    (folder / "rating.csv").write_text("action_id,rated_date,rating\nA1,2026-08-01,red\n")
    then = datetime(2026, 9, 1, 2)
    load_extract(read_configuration(home.folder), "improvement_plan", "000002-improvement_plan", "a run", then)
    (folder / "action.csv").write_text("action_id,area,action\nA1,A,Mend it soon\n")
    (folder / "rating.csv").write_text("action_id\nA1\n")
    (failed,) = load_all(home).loads_failed
    assert (failed.extract, failed.status, failed.stands_since) == ("improvement_plan", "refused", str(then))
