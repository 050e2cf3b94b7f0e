"""Everything held on a child, in one file; and a child erased, from every place, with proof, and for good."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import duckdb
import pytest

from connectors.configuration import read_configuration
from connectors.landing import register_landing
from connectors.manifest import known_manifests
from connectors.removals import removals
from flows.retention import remove
from operations.acts import acts
from operations.store import OperationsStore
from operations.triage import Filter, Triage
from protection.records import NoSuchChild, landed_tables, opened_warehouse
from protection.retention import find_due, read_policy
from protection.subject_access import Part, _safe, _with_marks, write_subject_access
from tests.protection.conftest import Borough

WHY = {"by": "A. Officer", "because": "Request of 2 November"}


@pytest.fixture(scope="module")
def export(borough: Borough, tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    out = tmp_path_factory.mktemp("access") / "child.zip"
    write_subject_access(borough.home, borough.child.child_id, out, **WHY)
    assert out.stat().st_mode & 0o077 == 0
    return zipfile.ZipFile(out)


def rows_of(export: zipfile.ZipFile, name: str) -> list[dict[str, str]]:
    text = export.read(name).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def test_every_line_of_the_sources_that_bears_the_child_s_number_is_in_it(
    borough: Borough, export: zipfile.ZipFile
) -> None:
    folder = borough.home.folder / "borough" / "extracts" / "ehc_case"
    expected = {
        (path.name, number)
        for path in folder.glob("*.csv")
        for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), start=1)
        if borough.child.case_id in line.split(",")
    }
    given = {
        (row["file"], int(row["row_of_file"]))
        for name in export.namelist()
        if name.startswith("landed/ehc_case.")
        for row in rows_of(export, name)
    }
    assert expected
    assert expected <= given


def test_it_holds_what_each_service_delivered_what_was_made_of_it_and_what_was_published(
    export: zipfile.ZipFile,
) -> None:
    names = " ".join(export.namelist())
    for part in (
        "landed/ehc_case.child.csv",
        "landed/school_census.pupil.csv",
        "warehouse/core.dim_child.csv",
        "warehouse/identity.persons.csv",
        "list_children_with_plans.csv",
        "identity/register.csv",
    ):
        assert part in names


def test_no_row_of_it_is_another_child_s(borough: Borough, export: zipfile.ZipFile) -> None:
    others = {
        row["child_id"]
        for name in export.namelist()
        if name.endswith(".csv")
        for row in rows_of(export, name)
        if "child_id" in row
    }
    assert others == {borough.child.child_id}


def test_the_access_itself_is_recorded_and_told_the_next_time(borough: Borough, export: zipfile.ZipFile) -> None:
    store = OperationsStore(borough.home.operations_url)
    kept = [(act.act, act.by, act.because) for act, _ in acts(store, borough.child.child_id)]
    assert kept == [("subject_access", WHY["by"], WHY["because"])]


def test_a_number_no_child_has_is_told(borough: Borough, tmp_path: Path) -> None:
    with pytest.raises(NoSuchChild, match="No child has the number"):
        write_subject_access(borough.home, "C9999999", tmp_path / "child.zip", **WHY)
    assert not (tmp_path / "child.zip").exists()


def test_columns_of_other_people_are_marked_and_no_cell_is_a_formula() -> None:
    (part,) = _with_marks([Part("x", "", ["surname", "professional", "reason"], [("=1+1", "Dr Who", "Ask Mum")])])
    assert part.marked == {"professional", "reason"}
    assert _safe(part.rows[0][0]) == "'=1+1"


WHO = {"by": "A. Officer", "because": "Erasure ordered on 3 November"}


def hashes(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for name in ("landing", "quarantine", "identity", "warehouse", "published")
        for path in (folder / name).rglob("*")
        if path.is_file()
    }


def children_listed(borough: Borough) -> set[str]:
    file = borough.home.published / "lists" / "lists.duckdb"
    with duckdb.connect(str(file), read_only=True) as connection:
        return {row[0] for row in connection.execute("select child_id from list_children_with_plans").fetchall()}


def test_a_dry_run_tells_what_would_go_and_changes_nothing(borough: Borough) -> None:
    before = hashes(borough.home.folder)
    assert borough.places_that_hold(borough.child.identifiers)
    told = remove(borough.home, by="", because="", child_id=borough.child.child_id, as_at=None, is_applied=False)
    assert told.rows > 10
    assert not told.is_applied
    assert "this is a dry run" in told.as_text()
    assert "By ." not in told.as_text()
    assert hashes(borough.home.folder) == before


def test_nobody_is_due_today_and_those_ever_looked_after_are_kept_until_their_75th_birthday(borough: Borough) -> None:
    tables = landed_tables(borough.home)
    with opened_warehouse(borough.home) as connection:
        assert find_due(connection, tables, read_policy(), date(2026, 11, 2)) == []
        due = {found.extract: found for found in find_due(connection, tables, read_policy(), date(2070, 1, 1))}
        assert due["ehc_case"].children > 0
        assert not due.keys() & {"ssda903", "ssd", "cin_census", "short_breaks"}
        kept_whole = connection.execute(
            "select count(*) from due where child_id in (select child_id from core.fct_looked_after_review)"
        ).fetchall()
        assert kept_whole == [(0,)]
        born_last = connection.execute(
            "select max(child.birth_date) from due inner join core.dim_child as child using (child_id) "
            "where extract = 'ehc_case'"
        ).fetchall()
        assert born_last[0][0] < date(2035, 1, 1)


@pytest.fixture(scope="module")
def erased(borough: Borough) -> Iterator[Borough]:
    """The borough once the child is erased and the warehouse is built anew from a full delivery of the same files."""
    child = borough.child
    remove(borough.home, **WHO, child_id=child.child_id, as_at=None, is_applied=True)
    for path in (borough.home.folder / "borough" / "extracts" / "ehc_case").glob("*.csv"):
        path.write_bytes(path.read_bytes() + b"\n")  # another content: the source delivers it all again
    borough.runner.run_here()
    yield borough


def test_nothing_of_the_child_is_left_in_any_file_of_the_home(erased: Borough) -> None:
    assert erased.places_that_hold(erased.child.identifiers) == []


def test_the_other_children_stand_as_they_did(erased: Borough) -> None:
    listed = children_listed(erased)
    assert len(listed) > 20
    assert erased.child.child_id not in listed


def test_every_delivery_still_adds_up_and_says_how_many_rows_went(erased: Borough) -> None:
    entries = [entry for manifest in known_manifests(erased.home.landing) for entry in manifest.files]
    assert all(e.rows_read == e.rows_loaded + e.rows_quarantined + e.rows_removed for e in entries)
    cases = [e for m in known_manifests(erased.home.landing, extract="ehc_case") for e in m.files if e.table == "child"]
    assert [entry.rows_removed for entry in cases] == [1, 1], "removed from the first delivery, withheld from the next"
    (removal,) = removals(erased.home.landing)
    for file in removal.files:
        assert not (erased.home.folder / file.before).exists()
        after = erased.home.folder / file.after
        assert hashlib.sha256(after.read_bytes()).hexdigest() == file.after_sha256


def test_the_past_is_rebuilt_with_the_rows_gone(erased: Borough) -> None:
    first = min(manifest.landed_at for manifest in known_manifests(erased.home.landing))
    with duckdb.connect() as connection:
        register_landing(connection, read_configuration(erased.home.folder), first)
        found = connection.execute(
            "select count(*), count(*) filter (case_id = ?) from landing.ehc_case__child", [erased.child.case_id]
        )
        ((rows, of_child),) = found.fetchall()
    assert rows > 20
    assert of_child == 0


def test_the_number_of_an_erased_child_is_never_given_again(erased: Borough) -> None:
    with duckdb.connect() as connection:
        kept = connection.execute(
            f"select anchor_kind, anchor from read_parquet('{erased.home.identity}/*.parquet') where child_id = ?",
            [erased.child.child_id],
        ).fetchall()
    assert set(kept) == {("erased", erased.child.child_id)}


def test_the_certificate_proves_it_and_names_nobody(erased: Borough) -> None:
    (path,) = (erased.home.folder / "certificates").glob("*-erasure.json")
    told = json.loads(path.read_text())
    assert (told["by"], told["because"]) == (WHO["by"], WHO["because"])
    assert sum(table["rows_landed"] for table in told["tables"]) == sum(f["rows_removed"] for f in told["files"])
    assert "CERTIFICATE OF ERASURE" in path.with_suffix(".txt").read_text()


def test_a_finding_stays_as_a_figure_without_its_detail(erased: Borough) -> None:
    triage = Triage(OperationsStore(erased.home.operations_url))
    assert triage.count(Filter(child_id=erased.child.child_id)) == 0


def test_a_file_that_a_killed_removal_left_is_gone_with_the_next_run(erased: Borough) -> None:
    left = erased.home.folder / removals(erased.home.landing)[0].files[0].before
    left.write_bytes(b"a row of the child")
    with erased.home.lock():
        erased.home.clear_leftovers()
    assert not left.exists()


def test_old_findings_and_rows_set_apart_go_by_their_own_age(erased: Borough) -> None:
    told = remove(erased.home, by="", because="", child_id=None, as_at=date(2029, 12, 31), is_applied=False)
    assert [rule["rule"] for rule in told.rules if rule["what"] == "rows_set_apart"] == ["2 years"]
    assert datetime.fromisoformat(told.at)
