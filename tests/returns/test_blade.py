"""The shape of COLLECT's Blade export: nine CSV files, out and in."""

from __future__ import annotations

import csv
import tempfile
from datetime import date
from pathlib import Path

import duckdb
import pytest
from hypothesis import given

from connectors.errors import FileRefused
from returns.blade import read_blade, write_blade
from returns.specification import read_specification
from tests.returns.samples import STAMP, Tables, few, held, in_order, one_person, put, returns

SEN2 = read_specification(2027)
DAY = date(2027, 2, 1)


@few
@given(returns(SEN2))
def test_what_is_written_reads_back_the_same(tables: Tables) -> None:
    with duckdb.connect() as connection, tempfile.TemporaryDirectory() as folder:
        put(connection, SEN2, tables)
        files = write_blade(connection, SEN2, Path(folder, "one"), STAMP, DAY)
        reading = read_blade(Path(folder, "one"), SEN2, connection, "again", expected_lea="883")
        assert held(connection, SEN2, "again") == in_order(tables, SEN2)
        assert (reading.year, reading.lea, reading.stamp) == (2027, "883", STAMP)
        again = write_blade(connection, SEN2, Path(folder, "two"), STAMP, DAY, "again")
        assert [file.read_bytes() for file in again] == [file.read_bytes() for file in files]


def export(folder: Path, connection: duckdb.DuckDBPyConnection) -> Path:
    put(connection, SEN2, one_person(surname="=1+1"))
    write_blade(connection, SEN2, folder, STAMP, DAY)
    return folder


def test_the_files_look_as_collect_writes_them(tmp_path: Path) -> None:
    with duckdb.connect() as connection:
        export(tmp_path, connection)
    assert sorted(path.name for path in tmp_path.iterdir())[0] == "Blade-Export_01-02-2027_activeplans.csv"
    assert len(list(tmp_path.iterdir())) == 9
    with (tmp_path / "Blade-Export_01-02-2027_requests.csv").open(encoding="utf-8", newline="") as handle:
        (row,) = csv.DictReader(handle)
    assert row["requeststableid"] == "r-1"
    assert row["persontableid"] == "c-1"
    assert row["receiveddate"] == "2026-Jan-12 00:00:00"
    assert row["rya"] == "false"
    assert "=1+1" in (tmp_path / "Blade-Export_01-02-2027_person.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "right", "wrong", "told"),
    [
        ("sen2", "2027,2027-Jan", "2026,2027-Jan", "not the return of 2027"),
        ("sen2", ",883,", ",330,", "another authority"),
        ("requests", "2026-Jan-12", "12/01/2026", "Requests/ReceivedDate"),
        ("requests", "rya", "colour", "lacks rya and has 1 that"),
        ("namedplan", "r-1,2026-May", "r-9,2026-May", "the Assessment it belongs to is not in the export"),
        ("senneed", "ASD,", "ASD", "values under"),
        ("person", "Ada", '"Ada', "cut short or damaged"),
    ],
)
def test_a_wrong_export_is_refused_and_nothing_is_loaded(
    name: str, right: str, wrong: str, told: str, tmp_path: Path
) -> None:
    with duckdb.connect() as connection:
        file = export(tmp_path, connection) / f"Blade-Export_01-02-2027_{name}.csv"
        text = file.read_text(encoding="utf-8")
        assert right in text
        file.write_text(text.replace(right, wrong), encoding="utf-8")
        with pytest.raises(FileRefused, match=told):
            read_blade(tmp_path, SEN2, connection, "again", expected_lea="883")
        assert connection.execute("select count(*) from duckdb_tables() where schema_name = 'again'").fetchone() == (0,)


def test_an_export_that_lacks_a_file_is_refused(tmp_path: Path) -> None:
    with duckdb.connect() as connection:
        (export(tmp_path, connection) / "Blade-Export_01-02-2027_senneed.csv").unlink()
        with pytest.raises(FileRefused, match="lacks senneed"):
            read_blade(tmp_path, SEN2, connection, "again")
