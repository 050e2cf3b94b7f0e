"""OpenLineage events, where a council wants them: into a file or to a collector, and never the run's undoing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from connectors.configuration import read_configuration
from connectors.errors import ConfigurationError
from flows.lineage import LineageEvents
from flows.logs import RunLog
from flows.run import Run
from flows.summary import LoadLine, ProductLine
from warehouse.build import DbtProject
from warehouse.home import Home

CONFIGURATION = """\
la_code: "883"
la_name: Invented borough
sources: {term_dates: {kind: csv, path: terms.csv}}
"""
TERMS = "academic_year,term,start_date,end_date\n2025/26,Autumn,2025-09-01,2025-12-19\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setattr(DbtProject, "warm_up", lambda _: None)
    home = Home(tmp_path)
    home.create()
    (tmp_path / "terms.csv").write_text(TERMS)
    home.configuration.write_text(CONFIGURATION + "lineage: {file: lineage.jsonl}\n")
    return home


def events_of(home: Home) -> list[Any]:
    return [json.loads(line) for line in (home.folder / "lineage.jsonl").read_text().splitlines()]


def logged(home: Home) -> list[Any]:
    return [json.loads(line) for path in home.logs.glob("*.log") for line in path.read_text().splitlines()]


def test_a_run_sends_its_beginning_and_its_end_with_what_it_read(home: Home) -> None:
    with Run.begin(home, as_at=None, known_at=None) as run:
        run.note_loads([run.load("term_dates")])
    begun, ended = events_of(home)
    assert (begun["eventType"], ended["eventType"]) == ("START", "COMPLETE")
    assert begun["run"]["runId"] == ended["run"]["runId"]
    (read,) = ended["inputs"]
    assert (read["namespace"], read["name"]) == ("send/883", "extract.term_dates")
    assert read["inputFacets"]["inputStatistics"]["rowCount"] == 1


def test_a_run_that_fails_sends_the_kind_of_its_error_and_no_data(home: Home) -> None:
    with pytest.raises(ValueError), Run.begin(home, as_at=None, known_at=None):
        raise ValueError("Ann Smith")
    _, failed = events_of(home)
    assert failed["eventType"] == "FAIL"
    assert "ValueError" in json.dumps(failed) and "Smith" not in json.dumps(failed)


def test_what_is_published_is_told_with_its_rows_and_what_is_held_is_not(home: Home) -> None:
    events = LineageEvents(home, read_configuration(home.folder), "a run", RunLog(home, "a run"))
    published = ProductLine("lists", "published", rows={"list_post_16": 4})
    events.ends([LoadLine("gias", "failed")], [published, ProductLine("annex_a", "held", rows={"annex_a_list_1": 9})])
    (ended,) = events_of(home)
    (told,) = ended["outputs"]
    assert told["name"] == "lists.list_post_16"
    assert told["outputFacets"]["outputStatistics"]["rowCount"] == 4
    assert ended["inputs"] == []


def test_a_collector_that_cannot_be_reached_stops_nothing_and_is_noted(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEND_LINEAGE_KEY", "s3cret")
    home.configuration.write_text(
        CONFIGURATION + "lineage: {url: 'http://127.0.0.1:9', api_key_env: SEND_LINEAGE_KEY}\n"
    )
    with Run.begin(home, as_at=None, known_at=None) as run:
        run.note_loads([run.load("term_dates")])
    noted = [line for line in logged(home) if line["event"] == "lineage not sent"]
    assert [line["state"] for line in noted] == ["START", "COMPLETE"]
    assert "s3cret" not in json.dumps(logged(home))


def test_a_key_that_is_not_there_is_told_before_anything_is_done(home: Home) -> None:
    home.configuration.write_text(CONFIGURATION + "lineage: {url: 'http://127.0.0.1:9', api_key_env: NO_SUCH_KEY}\n")
    with pytest.raises(ConfigurationError, match="NO_SUCH_KEY is not set"), Run.begin(home, as_at=None, known_at=None):
        pass


def test_without_a_place_for_them_no_event_is_made(home: Home) -> None:
    home.configuration.write_text(CONFIGURATION)
    with Run.begin(home, as_at=None, known_at=None) as run:
        run.note_loads([run.load("term_dates")])
    assert not (home.folder / "lineage.jsonl").exists()
