"""Slips of the services: their own records are wrong here and there; the case system, census and truth are not."""

from __future__ import annotations

import csv
from pathlib import Path

import duckdb
import pytest

from synthetic.borough import make_borough

SEED, CHILDREN = 5, 600


@pytest.fixture(scope="module")
def boroughs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """One borough without slips and the same with many."""
    folders = []
    for slips in (0.0, 0.3):
        folder = tmp_path_factory.mktemp("borough")
        make_borough(folder, seed=SEED, children=CHILDREN, slips=slips)
        folders.append(folder)
    return folders[0], folders[1]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def files(folder: Path, extract: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "extracts" / extract).iterdir())}


@pytest.mark.parametrize("extract", ["ehc_case", "school_census", "cin_census", "gias"])
def test_what_the_la_knows_its_children_by_is_not_touched(boroughs: tuple[Path, Path], extract: str) -> None:
    clean, slipped = boroughs
    assert files(slipped, extract) == files(clean, extract)


def test_faults_and_truth_are_the_same(boroughs: tuple[Path, Path]) -> None:
    clean, slipped = boroughs
    assert rows(slipped / "truth" / "faults.csv") == rows(clean / "truth" / "faults.csv")
    with duckdb.connect() as connection:
        one, other = (
            connection.execute(f"from '{folder / 'truth' / 'records.parquet'}' order by all").fetchall()
            for folder in boroughs
        )
    assert one == other


def test_health_writes_names_dates_postcodes_and_numbers_down_wrong_and_nothing_else(
    boroughs: tuple[Path, Path],
) -> None:
    (clean,), (slipped,) = (sorted((folder / "extracts" / "therapy_waits").iterdir()) for folder in boroughs)
    changed = {
        column
        for before, after in zip(rows(clean), rows(slipped), strict=True)
        for column in before
        if before[column] != after[column]
    }
    assert {"forename", "surname"} < changed <= {"forename", "surname", "birth_date", "postcode", "nhs_number"}


def test_all_referrals_of_a_patient_are_wrong_alike(boroughs: tuple[Path, Path]) -> None:
    (path,) = sorted((boroughs[1] / "extracts" / "therapy_waits").iterdir())
    written: dict[str, set[tuple[str, str]]] = {}
    for row in rows(path):
        written.setdefault(row["local_patient_id"], set()).add((row["forename"], row["surname"]))
    assert {len(names) for names in written.values()} == {1}


def test_slips_are_the_same_each_time(boroughs: tuple[Path, Path], tmp_path: Path) -> None:
    make_borough(tmp_path, seed=SEED, children=CHILDREN, slips=0.3)
    assert files(tmp_path, "therapy_waits") == files(boroughs[1], "therapy_waits")
    assert files(tmp_path, "health_advice") == files(boroughs[1], "health_advice")
