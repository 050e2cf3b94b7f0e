"""The return as XML: written, held against its schema, read back; wrong and hostile files refused."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from lxml import etree

from connectors.errors import FileRefused
from returns.specification import read_specification, years
from returns.tables import ReturnUnwritable
from returns.xml import read_xml, write_xml
from returns.xsd import SchemaError, schema_text, validate
from tests.returns.samples import NAMES, STAMP, Tables, database, few, held, in_order, put, returns

SEN2 = read_specification(2027)


@few
@given(returns(SEN2))
def test_what_is_written_is_valid_and_reads_back_the_same(tables: Tables) -> None:
    with database() as connection, tempfile.TemporaryDirectory() as folder:
        put(connection, SEN2, tables)
        file = Path(folder, "return.xml")
        persons = write_xml(connection, SEN2, file, STAMP)
        assert validate(file, SEN2) == []
        reading = read_xml(file, None, connection, "again", expected_lea="883", expected_year=2027)
        assert held(connection, SEN2, "again") == in_order(tables, SEN2)
        assert (reading.year, reading.lea, reading.stamp, persons) == (2027, "883", STAMP, len(tables["sen2_person"]))
        assert reading.rows == {table: len(rows) for table, rows in tables.items()}

        again = Path(folder, "again.xml")
        write_xml(connection, SEN2, again, STAMP, "again")
        assert again.read_bytes() == file.read_bytes()


@pytest.mark.parametrize("year", years())
def test_each_year_s_return_reads_back_the_same(year: int, tmp_path: Path) -> None:
    specification = read_specification(year)

    @few
    @given(returns(specification))
    def check(tables: Tables) -> None:
        with database() as connection:
            put(connection, specification, tables)
            write_xml(connection, specification, tmp_path / "return.xml", STAMP)
            assert validate(tmp_path / "return.xml", specification) == []
            read_xml(tmp_path / "return.xml", None, connection, "again")
            assert held(connection, specification, "again") == in_order(tables, specification)

    check()


def one_person(**person: Any) -> Tables:
    """A return of one person with one request, one assessment, a named plan and an active plan."""
    keys = {"requests_id": "r-1", "person_id": "c-1"}
    return {
        "sen2_header": [
            {"collection": "SEN2", "year": 2027, "reference_date": date(2027, 1, 21), "source_level": "L", "lea": "883"}
        ],
        "sen2_person": [{"person_id": "c-1", "surname": "Example", "forename": "Ada", "sex": "F", **person}],
        "sen2_requests": [{**keys, "received_date": date(2026, 1, 12), "rya": False}],
        "sen2_assessment": [{**keys, "assessment_outcome": "Y"}],
        "sen2_named_plan": [{**keys, "start_date": date(2026, 5, 29), "pb": True}],
        "sen2_plan_detail": [{**keys, "plan_detail_number": 1, "urn": "100001", "placement_rank": 1}],
        "sen2_active_plans": [keys],
        "sen2_placement_detail": [{**keys, "placement_detail_number": 1, "urn": "100001"}],
        "sen2_sen_need": [
            {**keys, "sen_need_number": 2, "sen_type": "SLCN"},
            {**keys, "sen_need_number": 1, "sen_type": "ASD"},
        ],
    }


def written(tables: Tables, folder: Path) -> str:
    with database() as connection:
        put(connection, SEN2, tables)
        write_xml(connection, SEN2, folder / "return.xml", STAMP)
    return (folder / "return.xml").read_text(encoding="utf-8")


def test_a_return_as_it_looks(tmp_path: Path) -> None:
    assert written(one_person(), tmp_path).splitlines()[-14:] == [
        "<Persons>",
        "<Person><Surname>Example</Surname><Forename>Ada</Forename><Sex>F</Sex><Requests>"
        "<ReceivedDate>2026-01-12</ReceivedDate><RYA>0</RYA><Assessment>"
        "<AssessmentOutcome>Y</AssessmentOutcome><NamedPlan><StartDate>2026-05-29</StartDate><PB>1</PB>"
        "<PlanDetail><URN>100001</URN><PlacementRank>1</PlacementRank></PlanDetail>",
        "</NamedPlan>",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_survives(name: str, tmp_path: Path) -> None:
    text = written(one_person(surname=name), tmp_path)
    root = etree.fromstring(text.encode())
    assert root.findtext(".//Surname") == name
