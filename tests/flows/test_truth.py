"""Every planted fault is found at its file and row, none is lost, and no clean record is flagged."""

from __future__ import annotations

import csv
import subprocess
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from tests.flows.conftest import SendHome
from tests.flows.recount import of_warehouse, recounted
from tests.flows.return_truth import errors_of_clean_records, findings_of, missed, reaching
from warehouse.home import Home

Found = set[tuple[str, str, str, str]]


def planted(home: Path) -> Found:
    with (home / "borough" / "truth" / "faults.csv").open(encoding="utf-8", newline="") as handle:
        return {(f["rule_id"], f["extract"], f["record_id"], f["item"]) for f in csv.DictReader(handle)}


def found(home: Path) -> Found:
    with duckdb.connect(str(home / "published" / "worklist" / "worklist.duckdb"), read_only=True) as connection:
        rows = connection.execute("select rule_id, extract, record_id, item from list_records_to_correct").fetchall()
    return {(str(rule), str(extract), str(record), str(item)) for rule, extract, record, item in rows}


def test_findings_are_exactly_the_planted_faults(
    run_home: tuple[SendHome, subprocess.CompletedProcess[str]],
) -> None:
    home, done = run_home
    assert done.returncode == 0, done.stderr
    assert found(home.folder) == planted(home.folder)


def test_each_finding_names_the_file_and_row_where_the_fault_was_planted(
    run_home: tuple[SendHome, subprocess.CompletedProcess[str]],
) -> None:
    home, _ = run_home
    with (home.folder / "borough" / "truth" / "faults.csv").open(encoding="utf-8", newline="") as handle:
        truth = {
            (f["rule_id"], f["record_id"], f["item"], Path(f["file"]).name, f["row"]) for f in csv.DictReader(handle)
        }
    with duckdb.connect(str(home.folder / "published/worklist/worklist.duckdb"), read_only=True) as connection:
        rows = connection.execute(
            "select rule_id, record_id, item, source_file, source_row from list_records_to_correct"
        ).fetchall()
    assert {(rule, record, item, Path(file).name, str(row)) for rule, record, item, file, row in rows} == truth


def test_the_return_shows_every_fault_that_reaches_it_and_errors_in_no_clean_record(
    run_home: tuple[SendHome, subprocess.CompletedProcess[str]],
) -> None:
    home = Home(run_home[0].folder)
    findings = findings_of(home)
    assert missed(home, findings) == []
    assert errors_of_clean_records(home, findings) == []
    assert len({fault["fault"] for fault, _ in reaching(home)}) >= 20


@pytest.mark.parametrize(
    ("seed", "la", "children"), [(1, "883", 400), (2, "330", 2000), (3, "201", 1200), (4, "420", 60), (5, "884", 1500)]
)
def test_other_boroughs_hold_too(
    seed: int, la: str, children: int, home: SendHome, shared_data: Callable[[str], Path], tmp_path: Path
) -> None:
    release = shared_data("dfe-education-health-and-care-plans-2025.zip")
    home.send("demo", "--seed", str(seed), "--la", la, "--children", str(children), "--published", str(release))
    assert not home.run_here().is_any_product_held
    assert found(home.folder) == planted(home.folder)
    of_return = findings_of(Home(home.folder))
    assert missed(Home(home.folder), of_return) == []
    assert errors_of_clean_records(Home(home.folder), of_return) == []
    recount = recounted(Home(home.folder), tmp_path / "return.xml")
    assert recount.told == of_warehouse(Home(home.folder), recount)


def test_a_borough_without_faults_has_no_finding(home: SendHome) -> None:
    home.send("demo", "--seed", "77", "--children", "1500", "--faults", "none")
    assert not home.run_here().is_any_product_held
    assert found(home.folder) == set()
    assert errors_of_clean_records(Home(home.folder), findings_of(Home(home.folder))) == []
