"""A council that has last year's return and nothing else: it is taken in, and starts the records."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from connectors.configuration import Configuration, SourceConfiguration
from connectors.errors import ConfigurationError, FileRefused
from connectors.load import load_extract
from flows.configuring import write_first_configuration
from returns.blade import write_blade
from returns.differences import differences
from returns.kept import SignedVersion
from returns.previous import bring_previous, take_in
from returns.records import write_records
from returns.specification import read_specification
from returns.tables import Stamp
from returns.workbook import write_template
from returns.xml import write_xml
from tests.returns.samples import Tables, put
from warehouse.build import DbtProject, PointInTime, register_sources
from warehouse.home import Home

LAST_YEAR = 2026
SPECIFICATION = read_specification(LAST_YEAR)
SURVEY_DAY = date(2026, 1, 15)
STAMP = Stamp("Another supplier", "9", 1, datetime(2026, 3, 2, 9, 30))
NO_UNIT = {"sen_unit_indicator": False, "resourced_provision_indicator": False}
NO_DISPUTE = {"assessment_mediation": False, "assessment_tribunal": False, "other_mediation": False}


def return_of_last_year() -> Tables:
    """An old plan with a review and a second placement, one of the year that ceased, an open and a refused request."""

    def person(number: int, **values: object) -> dict[str, object]:
        told = {
            "surname": f"O'Neill{number}",
            "forename": "=Zoë",
            "person_birth_date": date(2011, 3, number),
            "sex": "F",
        }
        identifiers = {"ethnicity": "WBRI", "post_code": "RM17 6SL", "upn_unknown": "UN8"}
        return {"person_id": f"c{number}", **told, **identifiers, **values}

    def of(number: int, **values: object) -> dict[str, object]:
        return {"requests_id": f"r{number}", "person_id": f"c{number}", **values}

    flags = {"request_source": 2, "rya": False, "request_mediation": False, "request_tribunal": False}
    dispute = {**NO_DISPUTE, "other_tribunal": True, "week20": True}
    return {
        "sen2_header": [
            {"collection": "SEN2", "year": LAST_YEAR, "reference_date": SURVEY_DAY, "source_level": "L", "lea": "883"}
        ],
        "sen2_person": [person(1, upn="T883123456789", upn_unknown=None), person(2), person(3), person(4)],
        "sen2_requests": [
            of(1, received_date=date(2019, 2, 4), request_outcome="H", **flags),
            of(2, received_date=date(2025, 1, 6), request_outcome="Y", request_outcome_date=date(2025, 2, 3), **flags),
            of(3, received_date=date(2025, 12, 1), request_outcome="A", **flags),
            of(4, received_date=date(2025, 5, 6), request_outcome="N", request_outcome_date=date(2025, 6, 3), **flags),
        ],
        "sen2_assessment": [
            of(1, assessment_outcome="H", **dispute),
            of(2, assessment_outcome="Y", assessment_outcome_date=date(2025, 5, 20), **dispute),
        ],
        "sen2_named_plan": [
            of(1, start_date=date(2019, 6, 24), pb=True, oa=True, plan_res="A"),
            of(2, start_date=date(2025, 5, 20), pb=False, cease_date=date(2025, 11, 3), cease_reason=5),
        ],
        "sen2_plan_detail": [
            of(1, plan_detail_number=1, urn="100001", placement_rank=1, **NO_UNIT),
            of(1, plan_detail_number=2, ukprn="10000001", placement_rank=2, **NO_UNIT),
            of(2, plan_detail_number=1, sen_setting="OTH", sen_setting_other="a farm", placement_rank=1, **NO_UNIT),
        ],
        "sen2_active_plans": [
            of(
                1,
                review_meeting=date(2025, 9, 8),
                review_outcome="A",
                last_review=date(2025, 10, 1),
                review_draft=date(2025, 10, 1),
            )
        ],
        "sen2_placement_detail": [
            of(1, placement_detail_number=1, urn="100001", placement_rank=1, entry_date=date(2023, 9, 4), **NO_UNIT),
            of(
                1,
                placement_detail_number=2,
                sen_setting="OLA",
                placement_rank=2,
                entry_date=date(2025, 1, 6),
                **NO_UNIT,
            ),
        ],
        "sen2_sen_need": [
            of(1, sen_need_number=1, sen_type="ASD", sen_type_rank=1),
            of(1, sen_need_number=2, sen_type="SLCN", sen_type_rank=2),
        ],
    }


OF_ALL = return_of_last_year()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Last year's return as another supplier's system wrote it."""
    path = tmp_path_factory.mktemp("file") / "883_SEN2.xml"
    with duckdb.connect() as connection:
        put(connection, SPECIFICATION, return_of_last_year())
        write_xml(connection, SPECIFICATION, path, STAMP)
    return path


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A council's home with a first configuration."""
    home = Home(tmp_path / "home")
    home.create()
    write_first_configuration(home, "883", "Thurrock")
    return home


def this_years(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("create schema if not exists sen2")
    connection.execute(
        "create or replace table sen2.sen2_person as select 'now' as person_id, 'x' as surname, 'y' as forename, "
        "null::date as person_birth_date, 'T883123456789' as upn, null::varchar as unique_learner_number"
    )


def test_the_records_make_the_very_return_again_and_its_children_stand_in_the_lists(
    file: Path, tmp_path: Path, home: Home
) -> None:
    workbook = tmp_path / "records.xlsx"
    with duckdb.connect() as connection:
        take_in(home, file, LAST_YEAR, connection)
        started = write_records(connection, "sen2_previous", LAST_YEAR, workbook)
    assert started.rows == {
        **{"child": 4, "request": 4, "assessment": 2, "plan": 2, "plan_setting": 3, "placement": 2, "need": 2},
        "review": 1,
    }
    assert started.to_complete == ()
    source = SourceConfiguration(kind="excel", path=str(workbook))
    configuration = Configuration(home=home.folder, la_code="883", la_name="Thurrock", sources={"ehc_case": source})
    night = datetime(2026, 1, 15, 20)
    report = load_extract(configuration, "ehc_case", "000001-ehc_case", "a run", night)
    assert (report.refused, report.rows_quarantined, report.rows_loaded) == ([], 0, 20)
    register_sources(configuration, home, PointInTime(SURVEY_DAY, night))
    DbtProject(home).build()
    with duckdb.connect(str(home.building)) as connection:
        take_in(home, file, LAST_YEAR, connection)
        assert [(d.kind, d.module, d.item) for d in differences(connection, "sen2_previous", "sen2")] == []
        listed = "select count(*) from lists.list_children_with_plans"
        assert connection.execute(listed).fetchone() == (1,)
        assert connection.execute("select surname, forename from lists.list_children_with_plans").fetchall() == [
            ("O'Neill1", "=Zoë")
        ]


@pytest.mark.parametrize("shape", ["xml", "blade", "template"])
def test_last_years_return_is_found_again_in_whichever_shape_it_came(
    file: Path, tmp_path: Path, home: Home, shape: str
) -> None:
    with duckdb.connect() as connection:
        put(connection, SPECIFICATION, return_of_last_year())
        given = {"xml": file, "blade": tmp_path / "blade", "template": tmp_path / "template.xlsx"}[shape]
        if shape == "blade":
            write_blade(connection, SPECIFICATION, given, STAMP, date(2026, 3, 2))
        elif shape == "template":
            write_template(connection, SPECIFICATION, given, STAMP)
        take_in(home, given, LAST_YEAR, connection)
    with duckdb.connect() as connection:
        this_years(connection)
        found = bring_previous(connection, home, LAST_YEAR + 1)
        assert found is not None
        assert connection.execute("from sen2_previous.origin").fetchall() == [
            (LAST_YEAR, f"returns/2026/imported/{given.name}")
        ]
        assert connection.execute("select count(*) from sen2_previous.sen2_requests").fetchone() == (4,)
        assert connection.execute("select person_id from sen2_previous.known_person").fetchall() == [("now",)]


def test_what_was_signed_off_here_stands_above_what_was_taken_in(file: Path, home: Home) -> None:
    folder = home.folder / "returns" / str(LAST_YEAR) / "v001"
    with duckdb.connect() as connection:
        take_in(home, file, LAST_YEAR, connection)
        folder.mkdir()
        only_one = {
            table: [row for row in rows if row.get("person_id", "c1") == "c1"] for table, rows in OF_ALL.items()
        }
        put(connection, SPECIFICATION, only_one)
        write_xml(connection, SPECIFICATION, folder / "signed.xml", STAMP)
    told: dict[str, Any] = {field.name: "" for field in fields(SignedVersion)}
    told |= {"year": LAST_YEAR, "version": 1, "file": "signed.xml", "rows": {}, "officers": {}}
    (folder / "version.json").write_text(json.dumps(told))
    with duckdb.connect() as connection:
        this_years(connection)
        found = bring_previous(connection, home, LAST_YEAR + 1)
        assert found is not None
        assert found.name == "returns/2026/v001/signed.xml"
        assert connection.execute("select count(*) from sen2_previous.sen2_person").fetchone() == (1,)


def test_without_an_earlier_return_there_is_an_empty_one(home: Home) -> None:
    with duckdb.connect() as connection:
        this_years(connection)
        for year in (LAST_YEAR + 1, 2041, 2020):
            assert bring_previous(connection, home, year) is None
            assert connection.execute("select count(*) from sen2_previous.sen2_active_plans").fetchone() == (0,)
            assert connection.execute("select count(*) from sen2_previous.known_person").fetchone() == (0,)


def test_a_return_of_another_authority_or_of_a_year_in_hand_is_not_kept(file: Path, home: Home) -> None:
    with duckdb.connect() as connection:
        with pytest.raises(FileRefused, match="not over yet"):
            take_in(home, file, LAST_YEAR - 1, connection)
        home.configuration.write_text(home.configuration.read_text().replace('"883"', '"330"'))
        with pytest.raises(FileRefused, match="another authority"):
            take_in(home, file, LAST_YEAR, connection)
    assert not (home.folder / "returns" / str(LAST_YEAR)).exists()


def test_records_that_a_council_completed_are_never_overwritten(file: Path, tmp_path: Path, home: Home) -> None:
    (tmp_path / "records.xlsx").write_text("completed by hand")
    with duckdb.connect() as connection:
        take_in(home, file, LAST_YEAR, connection)
        with pytest.raises(ConfigurationError, match="exists already"):
            write_records(connection, "sen2_previous", LAST_YEAR, tmp_path / "records.xlsx")
    assert (tmp_path / "records.xlsx").read_text() == "completed by hand"


def test_what_must_be_completed_is_told(home: Home, tmp_path: Path) -> None:
    tables = return_of_last_year()
    tables["sen2_named_plan"] = tables["sen2_named_plan"][1:]
    tables["sen2_plan_detail"] = []
    tables["sen2_active_plans"] = [{**tables["sen2_active_plans"][0], "transfer_la": "330"}]
    with duckdb.connect() as connection:
        put(connection, SPECIFICATION, tables, "sen2_previous")
        started = write_records(connection, "sen2_previous", LAST_YEAR, tmp_path / "records.xlsx")
    assert started.to_complete == (("plan", "start_date", 1), ("plan", "transfer_in_date", 1))
