"""The return as Excel workbooks: DfE's data-entry template and the pre-submission workbook, out and in."""

from __future__ import annotations

import tempfile
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from python_calamine import CalamineWorkbook

from connectors.errors import FileRefused
from returns.specification import read_specification
from returns.workbook import read_presubmission, read_template, write_presubmission, write_template
from tests.returns.samples import NAMES, STAMP, Tables, few, held, in_order, one_person, put, returns

SEN2 = read_specification(2027)


@few
@given(returns(SEN2))
def test_what_is_written_reads_back_the_same(tables: Tables) -> None:
    with duckdb.connect() as connection, tempfile.TemporaryDirectory() as folder:
        put(connection, SEN2, tables)
        one, two, sheets = (Path(folder, name) for name in ("one.xlsx", "two.xlsx", "sheets.xlsx"))
        write_template(connection, SEN2, one, STAMP)
        reading = read_template(one, SEN2, connection, "again", expected_lea="883")
        assert held(connection, SEN2, "again") == in_order(tables, SEN2)
        assert (reading.year, reading.lea, reading.stamp) == (2027, "883", STAMP)
        write_template(connection, SEN2, two, STAMP, "again")
        assert two.read_bytes() == one.read_bytes()

        write_presubmission(connection, SEN2, sheets, STAMP)
        read_presubmission(sheets, SEN2, connection, "883", "third")
        assert held(connection, SEN2, "third") | {"sen2_header": []} == in_order(tables, SEN2) | {"sen2_header": []}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_survives_both_workbooks(name: str, tmp_path: Path) -> None:
    with duckdb.connect() as connection:
        put(connection, SEN2, one_person(surname=name))
        write_template(connection, SEN2, tmp_path / "template.xlsx", STAMP)
        write_presubmission(connection, SEN2, tmp_path / "sheets.xlsx", STAMP)
        read_template(tmp_path / "template.xlsx", SEN2, connection, "template")
        read_presubmission(tmp_path / "sheets.xlsx", SEN2, connection, "883", "sheets")
        for schema in ("template", "sheets"):
            assert connection.execute(f"select surname from {schema}.sen2_person").fetchall() == [(name,)]


def test_the_workbooks_have_their_sheets(tmp_path: Path) -> None:
    with duckdb.connect() as connection:
        put(connection, SEN2, one_person())
        write_template(connection, SEN2, tmp_path / "template.xlsx", STAMP)
        write_presubmission(connection, SEN2, tmp_path / "sheets.xlsx", STAMP)
        with pytest.raises(FileRefused, match="no sheet Data Entry Template"):
            read_template(tmp_path / "sheets.xlsx", SEN2, connection, "again")
        with pytest.raises(FileRefused, match="not the return of 2026"):
            read_template(tmp_path / "template.xlsx", read_specification(2026), connection, "again")
        with pytest.raises(FileRefused, match="another authority"):
            read_template(tmp_path / "template.xlsx", SEN2, connection, "again", expected_lea="330")
        with pytest.raises(FileRefused, match="Requests records lacks RequestSource and has 0"):
            write_presubmission(connection, read_specification(2024), tmp_path / "earlier.xlsx", STAMP)
            read_presubmission(tmp_path / "earlier.xlsx", SEN2, connection, "883", "again")
        assert connection.execute("select count(*) from duckdb_tables() where schema_name = 'again'").fetchone() == (0,)
    assert CalamineWorkbook.from_path(tmp_path / "template.xlsx").sheet_names == ["Data Entry Template"]
    assert CalamineWorkbook.from_path(tmp_path / "sheets.xlsx").sheet_names == [
        *("Person", "Requests", "Assessments", "Named Plan"),
        *("Plan Detail", "Active Plan", "Placement Detail", "SEN Need"),
    ]
