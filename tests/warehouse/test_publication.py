"""A product is published whole: readers see one version or the next, never half of one or two mixed."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date, datetime
from pathlib import Path

import duckdb
import pytest

from warehouse.build import PointInTime
from warehouse.home import Home
from warehouse.publication import publish, standing_publication

TABLES = {"list_children": "lists", "list_reviews": "lists"}
MOMENT = PointInTime(date(2026, 11, 2), datetime(2026, 11, 2, 6))
READER = """
import json, sys, duckdb
from pathlib import Path
folder, stop = Path(sys.argv[1]), Path(sys.argv[2])
kept = duckdb.connect(str(folder / "lists.duckdb"), read_only=True)
query = "select (select any_value(version) from list_children), (select any_value(version) from list_reviews)"
seen, first, rounds = set(), kept.execute(query).fetchone(), 0
print("reading", flush=True)
while not stop.exists():
    assert kept.execute(query).fetchone() == first, "what is held open changed"
    with duckdb.connect(str(folder / "lists.duckdb"), read_only=True) as fresh:
        one, other = fresh.execute(query).fetchone()
    assert one == other, "two versions mixed"
    version = folder.resolve()
    parquet = {
        duckdb.execute(f"select any_value(version) from '{version / name}.parquet'").fetchone()[0]
        for name in ("list_children", "list_reviews")
    }
    assert len(parquet) == 1, "two versions mixed in Parquet"
    seen.add(one)
    rounds += 1
print(json.dumps({"versions": len(seen), "rounds": rounds}))
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.create()
    return home


def build(home: Home, version: int) -> None:
    """A private build whose two lists both say which version they are of."""
    home.building.unlink(missing_ok=True)
    with duckdb.connect(str(home.building)) as connection:
        connection.execute("create schema lists")
        for table in TABLES:
            connection.execute(f"create table lists.{table} as select {version} as version, x from range(5000) t(x)")


def published(home: Home, version: int, run_id: str | None = None) -> str:
    build(home, version)
    return publish(home, "lists", TABLES, MOMENT, run_id or f"run{version:03d}").content


def test_a_reader_sees_no_error_and_no_mixed_version_across_twenty_publications(home: Home, tmp_path: Path) -> None:
    published(home, 0)
    stop = tmp_path / "stop"
    reader = subprocess.Popen(
        [sys.executable, "-c", READER, str(home.published / "lists"), str(stop)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert reader.stdout is not None and reader.stdout.readline() == "reading\n"
    for version in range(1, 21):
        published(home, version)
    stop.touch()
    output, errors = reader.communicate(timeout=60)
    assert reader.returncode == 0, errors
    assert json.loads(output)["rounds"] > 0


def test_the_same_build_published_again_has_the_same_content(home: Home) -> None:
    assert published(home, 1, "first") == published(home, 1, "second") != published(home, 2)


def test_a_publication_says_of_which_day_it_is_and_how_many_rows_it_has(home: Home) -> None:
    published(home, 1)
    standing = standing_publication(home, "lists")
    assert standing is not None
    assert (standing.as_at, standing.rows) == ("2026-11-02", {"list_children": 5000, "list_reviews": 5000})


def test_what_is_published_is_for_reading_only(home: Home) -> None:
    published(home, 1)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (home.published / "lists").iterdir()}
    assert set(modes.values()) == {0o440}


def test_a_publication_that_stops_half_way_leaves_what_stood(home: Home) -> None:
    first = published(home, 1)
    build(home, 2)
    with pytest.raises(duckdb.Error):
        publish(home, "lists", {**TABLES, "list_that_was_not_built": "lists"}, MOMENT, "run002")
    standing = standing_publication(home, "lists")
    assert standing is not None and standing.content == first
