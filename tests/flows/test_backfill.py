"""Past days are made later, beside what is published; and one source can be loaded alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime

import duckdb
import pytest

from connectors.errors import SendError
from flows.backfill import DayMade, days_between, end_of, make_day, with_time_left
from flows.run import Run
from tests.flows.conftest import SendHome
from warehouse.home import Home

DAY = date(2026, 10, 20)
NOW = datetime(2099, 1, 1)


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home in which a small borough has landed, and nothing is built."""
    runner = SendHome(tmp_path_factory.mktemp("backfill") / "home")
    assert runner.send("demo", "--children", "300", "--faults", "none").returncode == 0
    home = Home(runner.folder)
    with Run.begin(home, as_at=None, known_at=None) as run:
        run.note_loads([run.load(extract) for extract in run.extracts])
    return home


@pytest.fixture(scope="module")
def made(landed: Home) -> Iterator[DayMade]:
    yield make_day(landed, DAY, NOW)


def test_a_day_is_kept_with_its_lists_as_at_that_day_and_their_manifest(landed: Home, made: DayMade) -> None:
    assert made.outcome == "made"
    assert "lists" in made.products
    folder = landed.history / DAY.isoformat() / "lists"
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["as_at"] == DAY.isoformat()
    table = manifest["tables"]["list_children_with_plans"]
    rows = duckdb.execute(f"select count(*) from '{folder / table['file']}'").fetchall()
    assert rows == [(table["rows"],)]


def test_nothing_is_published_by_it_and_no_build_is_left(landed: Home, made: DayMade) -> None:
    assert [path for path in landed.published.iterdir() if path != landed.history] == []
    assert not landed.warehouse.exists()
    assert not landed.building.exists()


def test_a_day_that_would_come_out_the_same_is_not_made_again(landed: Home, made: DayMade) -> None:
    again = make_day(landed, DAY, NOW)
    assert (again.outcome, again.products) == ("standing", made.products)


def test_a_day_before_anything_had_landed_is_told_as_unknown(landed: Home) -> None:
    told = make_day(landed, DAY, datetime(2020, 1, 1))
    assert (told.outcome, told.products) == ("unknown", ())


def test_the_end_of_a_day_is_london_s() -> None:
    assert end_of(date(2026, 7, 1)) == datetime(2026, 7, 1, 22, 59, 59)
    assert end_of(date(2026, 12, 1)) == datetime(2026, 12, 1, 23, 59, 59)


def test_days_that_run_backwards_are_refused() -> None:
    assert days_between(DAY, DAY) == [DAY]
    with pytest.raises(SendError, match="which is before it"):
        days_between(DAY, date(2026, 10, 19))


def test_how_far_it_is_and_how_long_it_will_take_is_told() -> None:
    told: list[str] = []
    assert list(with_time_left([DAY, DAY], told.append)) == [DAY, DAY]
    assert told[0] == "2026-10-20: day 1 of 2"
    assert told[1].startswith("2026-10-20: day 2 of 2, about ")


def test_one_source_is_loaded_alone(landed: Home) -> None:
    with Run.begin(landed, as_at=None, known_at=None, only="ehc_case") as run:
        assert run.extracts == ("ehc_case",)
    with (
        pytest.raises(SendError, match="no source 'nowhere'"),
        Run.begin(landed, as_at=None, known_at=None, only="nowhere"),
    ):
        pass
