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
from hypothesis import given, settings
from lxml import etree

from benchmarks.sen2 import make_return
from connectors.errors import FileRefused
from returns.specification import read_specification, years
from returns.tables import ReturnUnwritable
from returns.xml import read_xml, write_xml
from returns.xsd import SchemaError, schema_text, validate
from tests.returns.samples import NAMES, STAMP, Tables, database, few, held, in_order, one_person, put, returns

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

    @settings(few, max_examples=2)
    @given(returns(specification))
    def check(tables: Tables) -> None:
        with database() as connection:
            put(connection, specification, tables)
            write_xml(connection, specification, tmp_path / "return.xml", STAMP)
            assert validate(tmp_path / "return.xml", specification) == []
            read_xml(tmp_path / "return.xml", None, connection, "again")
            assert held(connection, specification, "again") == in_order(tables, specification)

    check()


def written(tables: Tables, folder: Path) -> str:
    with database() as connection:
        put(connection, SEN2, tables)
        write_xml(connection, SEN2, folder / "return.xml", STAMP)
    return (folder / "return.xml").read_text(encoding="utf-8")


def test_a_return_as_it_looks(tmp_path: Path) -> None:
    assert (
        written(one_person(), tmp_path).splitlines()[-11:]
        == [
            "<Persons>",
            "<Person><Surname>Example</Surname><Forename>Ada</Forename><Sex>F</Sex>"
            "<Requests><ReceivedDate>2026-01-12</ReceivedDate><RYA>0</RYA>"
            "<Assessment><AssessmentOutcome>Y</AssessmentOutcome>"
            "<NamedPlan><StartDate>2026-05-29</StartDate><PB>1</PB>"
            "<PlanDetail><URN>100001</URN><PlacementRank>1</PlacementRank></PlanDetail>",
            "</NamedPlan>",
            "</Assessment>",
            "<ActivePlans><PlacementDetail><URN>100001</URN></PlacementDetail>",
            "<SENneed><SENtype>ASD</SENtype></SENneed>",
            "<SENneed><SENtype>SLCN</SENtype></SENneed>",
            "</ActivePlans>",
            "</Requests>",
            "</Person>",
            "</Persons>",
            "</Message>",
        ][-11:]
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_name_survives(name: str, tmp_path: Path) -> None:
    text = written(one_person(surname=name), tmp_path)
    root = etree.fromstring(text.encode())
    assert root.findtext(".//Surname") == name


def test_an_independent_reader_recounts_persons_requests_and_plans(tmp_path: Path) -> None:
    with duckdb.connect() as connection:
        make_return(connection, plans=40, requests=7)
        assert write_xml(connection, SEN2, tmp_path / "return.xml", STAMP) == 47
    root = etree.parse(tmp_path / "return.xml").getroot()
    assert len(root.findall("Persons/Person")) == 47
    assert len(root.findall("Persons/Person/Requests/ActivePlans")) == 40
    assert len(root.findall("Persons/Person/Requests/Assessment/NamedPlan/PlanDetail")) == 40
    assert [need.text for need in root.findall(".//SENneed/SENtype")] == ["ASD", "SLCN"] * 40
    assert {outcome.text for outcome in root.findall(".//RequestOutcome")} == {"Y", "N"}


def test_a_return_larger_than_is_written_at_once_has_every_person_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("returns.xml.PERSONS_AT_ONCE", 7)
    with duckdb.connect() as connection:
        make_return(connection, plans=20, requests=3)
        write_xml(connection, SEN2, tmp_path / "return.xml", STAMP)
    upns = [upn.text for upn in etree.parse(tmp_path / "return.xml").iter("UPN")]
    assert upns == [f"A{number:012d}" for number in range(23)]


def test_requests_stand_in_the_order_received_and_one_without_a_day_last(tmp_path: Path) -> None:
    tables = one_person()
    more = [("r-0", None), ("r-2", date(2025, 3, 1)), ("r-3", date(2026, 1, 12))]
    tables["sen2_requests"] = [
        *tables["sen2_requests"],
        *({"requests_id": key, "person_id": "c-1", "received_date": day, "exported": key} for key, day in more),
    ]
    written(tables, tmp_path)
    requests = etree.parse(tmp_path / "return.xml").findall("Persons/Person/Requests")
    assert [request.findtext("Exported") for request in requests] == ["r-2", None, "r-3", "r-0"]
    assert len(etree.parse(tmp_path / "return.xml").findall("Persons/Person")) == 1


def test_three_placements_are_all_written(tmp_path: Path) -> None:
    tables = one_person()
    keys = {"requests_id": "r-1", "person_id": "c-1"}
    tables["sen2_placement_detail"] = [
        {**keys, "placement_detail_number": number, "urn": f"10000{number}"} for number in (4, 2, 1, 3)
    ]
    written(tables, tmp_path)
    placements = etree.parse(tmp_path / "return.xml").findall(".//PlacementDetail/URN")
    assert [urn.text for urn in placements] == ["100001", "100002", "100003", "100004"]


def broken(table: str, change: Callable[[list[Any]], Any]) -> Tables:
    tables = one_person()
    change(tables[table])
    return tables


@pytest.mark.parametrize(
    ("tables", "told"),
    [
        (one_person(surname="A\nB"), "sen2_person: the record c-1 holds a control character"),
        (one_person(post_code="\x85"), "sen2_person: the record c-1 holds a control character"),
        (broken("sen2_header", list.clear), "sen2_header has 0 rows"),
        (broken("sen2_assessment", list.clear), "the record r-1 has no Assessment of the same person"),
        (broken("sen2_requests", lambda rows: rows.append(rows[0])), "the record r-1 stands more than once"),
        (broken("sen2_person", list.clear), "the record r-1 has no Person of the same person"),
        (broken("sen2_active_plans", lambda rows: rows.append({"person_id": "c-1"})), "a record has no requests_id"),
    ],
)
def test_tables_that_do_not_hang_together_are_not_written(tables: Tables, told: str, tmp_path: Path) -> None:
    with pytest.raises(ReturnUnwritable) as refusal:
        written(tables, tmp_path)
    assert told in str(refusal.value)
    assert list(tmp_path.iterdir()) == []


def test_tables_that_are_not_there_are_named(tmp_path: Path) -> None:
    with duckdb.connect() as connection, pytest.raises(ReturnUnwritable, match="sen2_header is not there or lacks"):
        write_xml(connection, SEN2, tmp_path / "return.xml", STAMP)


HEADER = (
    "<Header><CollectionDetails><Collection>SEN2</Collection><Year>2027</Year></CollectionDetails>"
    "<Source><LEA>883</LEA></Source></Header>"
)
PERSON = "<Person><Surname>Example</Surname><Requests><ReceivedDate>2026-01-12</ReceivedDate></Requests></Person>"


def message(persons: str = f"<Persons>{PERSON}</Persons>", header: str = HEADER, before: str = "") -> str:
    return f"{before}<Message>{header}{persons}</Message>"


BOMB = '<!DOCTYPE m [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'
REFUSED = {
    "an XML bomb": (message(before=BOMB), "DOCTYPE"),
    "an external entity": (message(before='<!DOCTYPE m [<!ENTITY x SYSTEM "file:///etc/passwd">]>'), "DOCTYPE"),
    "an external DTD": (message(before='<!DOCTYPE m SYSTEM "http://example.invalid/m.dtd">'), "DOCTYPE"),
    "one cut short": (message()[:-30], "cut short"),
    "an empty one": ("", "empty"),
    "another root": (message().replace("Message", "Census"), "does not begin with Message"),
    "another collection": (message(header=HEADER.replace("SEN2", "CIN")), "another collection"),
    "another year": (message(header=HEADER.replace("2027", "2026")), "the return of 2026, not of 2027"),
    "no year": (message(header=HEADER.replace("<Year>2027</Year>", "")), "gives no Year"),
    "another authority": (message(header=HEADER.replace("883", "330")), "another authority"),
    "an aggregate one": (message("<AggregateData><Total>5</Total></AggregateData>"), "holds no persons"),
    "no persons": (message("<Persons/>"), "holds no persons"),
    "no header": (message(header=""), "comes before its Header"),
    "an unknown item": (message().replace("Surname", "Nickname"), "Nickname stands at line 1, which the return"),
    "an unknown module": (message().replace("</Requests>", "<Visits/></Requests>"), "Visits stands at line 1"),
    "an unknown element beside the persons": (message().replace("</Message>", "<Extra/></Message>"), "Extra stands"),
    "an unknown element among the persons": (message(f"<Persons><Extra/>{PERSON}</Persons>"), "Extra stands in"),
    "an unknown element in the header": (message(header=HEADER.replace("LEA", "Town")), "header holds Town"),
    "a person in a person": (message(f"<Persons><Person>{PERSON}</Person></Persons>"), "stands outside Persons"),
    "an item twice": (message().replace("<Requests>", "<Surname>B</Surname><Requests>"), "more than once in Person"),
    "a module twice": (message().replace("</Requests>", "<ActivePlans/><ActivePlans/></Requests>"), "more than once"),
    "a day that is none": (message().replace("2026-01-12", "12/01/2026"), "Requests/ReceivedDate of the record"),
    "elements in an item": (message().replace("Example", "<b>Example</b>"), "holds other elements"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_or_hostile_file_is_refused_and_nothing_is_loaded(name: str, tmp_path: Path) -> None:
    text, told = REFUSED[name]
    (tmp_path / "return.xml").write_text(text, encoding="utf-8")
    with duckdb.connect() as connection:
        put(connection, SEN2, one_person())
        before = held(connection, SEN2)
        with pytest.raises(FileRefused) as refusal:
            read_xml(tmp_path / "return.xml", None, connection, expected_lea="883", expected_year=2027)
        assert told in str(refusal.value)
        assert "Example" not in str(refusal.value)
        assert held(connection, SEN2) == before
        assert connection.execute("select count(*) from duckdb_tables() where temporary").fetchone() == (0,)


def test_a_year_that_is_not_specified_is_refused(tmp_path: Path) -> None:
    (tmp_path / "return.xml").write_text(message().replace("2027", "2019"), encoding="utf-8")
    with duckdb.connect() as connection, pytest.raises(FileRefused, match=r"the return of 2019; those of 2023, .*2027"):
        read_xml(tmp_path / "return.xml", None, connection)


def test_a_file_with_no_end_of_a_person_is_not_held_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("returns.xml.MAX_PERSON_BYTES", 100_000)
    text = message("<Persons><Person>" + "<Requests/>" * 100_000 + "</Person></Persons>")
    (tmp_path / "return.xml").write_text(text, encoding="utf-8")
    with duckdb.connect() as connection, pytest.raises(FileRefused, match="without the end of a Person"):
        read_xml(tmp_path / "return.xml", None, connection)


@pytest.mark.parametrize("place", ["</Source>", "</Header>"])
def test_the_officers_are_read_wherever_they_stand_in_the_header(place: str, tmp_path: Path) -> None:
    (tmp_path / "return.xml").write_text(message().replace(place, f"<DMO>Yes</DMO>{place}"), encoding="utf-8")
    with duckdb.connect() as connection:
        read_xml(tmp_path / "return.xml", None, connection)
        assert connection.execute("select dmo from sen2.sen2_header").fetchall() == [("Yes",)]


def test_other_spellings_of_a_tag_are_read(tmp_path: Path) -> None:
    text = message().replace("<Requests>", "<Postcode>RM17 6SL</Postcode><Requests>", 1)
    (tmp_path / "return.xml").write_text(text, encoding="utf-8")
    with duckdb.connect() as connection:
        read_xml(tmp_path / "return.xml", None, connection)
        assert connection.execute("select post_code from sen2.sen2_person").fetchall() == [("RM17 6SL",)]


@pytest.mark.parametrize(
    ("right", "wrong", "error"),
    [
        ("<PB>1", "<PB>Q", SchemaError(14, "PB", "is not of its type")),
        ("<URN>100001", "<URN>", SchemaError(14, "URN", "is empty")),
        ("2026-05-29", "29 May", SchemaError(14, "StartDate", "is not of its type")),
    ],
)
def test_the_schema_tells_line_and_element_and_no_value(
    right: str, wrong: str, error: SchemaError, tmp_path: Path
) -> None:
    text = written(one_person(), tmp_path).replace(right, wrong, 1)
    (tmp_path / "wrong.xml").write_text(text, encoding="utf-8")
    errors = validate(tmp_path / "wrong.xml", SEN2)
    assert replace(error, line=0) in [replace(found, line=0) for found in errors]
    line = next(number for number, content in enumerate(text.splitlines(), start=1) if wrong in content)
    assert {found.line for found in errors} == {line}


def test_the_schema_wants_order_and_number() -> None:
    assert schema_text(SEN2) == schema_text(SEN2)
    schema = etree.XMLSchema(etree.fromstring(schema_text(SEN2)))
    assert schema.validate(etree.fromstring(message()))
    assert not schema.validate(etree.fromstring(message("<Persons/>")))
    swapped = message().replace("<Surname>Example</Surname>", "<Forename>A</Forename><Surname>Example</Surname>")
    assert not schema.validate(etree.fromstring(swapped))
    for needs, is_valid in ((0, True), (2, True), (3, False)):
        plan = "<ActivePlans><PlacementDetail/>" + "<SENneed/>" * needs + "</ActivePlans></Requests>"
        assert schema.validate(etree.fromstring(message().replace("</Requests>", plan))) is is_valid


def test_a_return_with_faults_in_its_records_is_still_valid() -> None:
    schema = etree.XMLSchema(etree.fromstring(schema_text(SEN2)))
    faulty = message().replace("<Requests>", "<Ethnicity>XXXX</Ethnicity><UPN>1</UPN><Requests>", 1)
    assert schema.validate(etree.fromstring(faulty))
