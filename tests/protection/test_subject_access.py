"""Everything held on a child, in one file: nothing of theirs left out, nothing of another child's in it."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path

import pytest

from operations.acts import acts
from operations.store import OperationsStore
from protection.records import NoSuchChild
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
