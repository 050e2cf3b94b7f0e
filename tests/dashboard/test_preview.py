"""The tables of the publication preview: DfE's own headings, every setting in its place, SQL in the house style."""

from __future__ import annotations

import csv
from collections.abc import Callable
from io import TextIOWrapper
from pathlib import Path
from zipfile import ZipFile

import duckdb
import pytest
from sqlfluff import lint
from sqlfluff.core import FluffConfig

from dashboard.preview import FOLDER, RELATIONS, NoPreview, published_tables, write_preview
from warehouse.home import Home

ROOT = Path(__file__).parents[2]
RELEASE_OF_2025 = 2024
CONFIGURATION = FluffConfig.from_path(str(ROOT / "dbt_project"))


def test_every_file_and_heading_is_that_of_the_release(shared_data: Callable[[str], Path]) -> None:
    published = {}
    with ZipFile(shared_data("dfe-education-health-and-care-plans-2025.zip")) as release:
        for name in release.namelist():
            if name.startswith("data/"):
                with TextIOWrapper(release.open(name), encoding="utf-8-sig", newline="") as handle:
                    published[Path(name).stem] = next(csv.reader(handle))
    tables = published_tables()
    assert {table.file: tables.headings_of(table, RELEASE_OF_2025) for table in tables.files} == published


def test_every_topic_and_group_is_one_of_the_release(shared_data: Callable[[str], Path]) -> None:
    places = {label for place in published_tables().places.values() for label in (place.label, place.total_label)}
    ethnic_groups = {*published_tables().ethnic_groups.values(), "Unclassified"}
    topics: dict[str, set[str]] = {}
    with ZipFile(shared_data("dfe-education-health-and-care-plans-2025.zip")) as release:
        for table in published_tables().files:
            with TextIOWrapper(release.open(f"data/{table.file}.csv"), encoding="utf-8-sig", newline="") as handle:
                for row in csv.DictReader(handle):
                    topics.setdefault(f"{table.file} {row['breakdown_topic']}", set()).add(row["breakdown"])
    for table in published_tables().files:
        ours = {table.all[0], *(breakdown.topic for breakdown in table.breakdowns)}
        published = {name for name in topics if name.split()[0] == table.file}
        assert {f"{table.file} {topic}" for topic in ours} <= published
        if table.breakdowns:
            assert len(ours) == len(published), table.file
    assert places - {None} == topics["sen_needs_all_plans Type of placement"]
    assert ethnic_groups == topics["caseload Ethnicity"]


@pytest.mark.parametrize("relation", RELATIONS)
def test_the_sql_is_in_the_house_style(relation: str) -> None:
    problems = lint((FOLDER / f"{relation}.sql").read_text(encoding="utf-8"), config=CONFIGURATION)
    assert [(p["code"], p["start_line_no"], p["description"]) for p in problems] == []


def test_without_a_warehouse_it_is_said_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(NoPreview, match="send run"):
        write_preview(Home(tmp_path), "Nowhere", tmp_path / "preview")
    assert not (tmp_path / "preview").exists()


ESTABLISHMENTS = [
    ("Community school", "Local authority maintained schools", False, "mainstream_la_maintained"),
    ("Academy converter", "Academies", False, "mainstream_academy"),
    ("Studio schools", "Free Schools", False, "mainstream_free_school"),
    ("Other independent school", "Independent schools", False, "mainstream_independent"),
    ("Foundation special school", "Special schools", True, "special_la_maintained"),
    ("Academy special converter", "Academies", True, "special_academy_free"),
    ("Free schools special", "Free Schools", True, "special_academy_free"),
    ("Other independent special school", "Special schools", True, "special_independent"),
    ("Non-maintained special school", "Special schools", True, "special_non_maintained"),
    ("Pupil referral unit", "Local authority maintained schools", False, "ap_pru_la_maintained"),
    ("Academy alternative provision converter", "Academies", False, "ap_pru_academy"),
    ("Free schools alternative provision", "Free Schools", False, "ap_pru_free_school"),
    ("Further education", "Colleges", False, "general_fe_tertiary_colleges"),
    ("Academy 16-19 converter", "Academies", False, "general_fe_tertiary_colleges"),
    ("Special post 16 institution", "Other types", True, "specialist_post_16_institutions"),
    ("Welsh establishment", "Welsh schools", False, "w_settings"),
    ("Online provider", "Online provider", False, "online_provider"),
    ("Secure units", "Other types", False, "other_schools"),
]
OTHERWISE = [
    ("EHE", None, "elective_home_education"),
    ("OLA", None, "other_arrangements_la"),
    ("OPA", None, "other_arrangements_parents"),
    ("EYP", None, "nm_early_years"),
    ("OTH", None, "other_placement_settings"),
    ("NEET", None, "neet"),
    ("NIEC", None, "neet_ntci"),
    (None, "10012345", "ukrlp_provider"),
    (None, None, "placement_unknown"),
]


@pytest.fixture
def core() -> duckdb.DuckDBPyConnection:
    """The tables that places are read from, empty but for the survey day."""
    connection = duckdb.connect()
    connection.execute(
        """
        create schema core;
        create table survey as select date '2027-01-21' as reference_date;
        create table core.dim_child (child_id varchar, birth_date date);
        create table core.dim_establishment (
            urn varchar, establishment_type varchar, establishment_type_group varchar, is_special boolean
        );
        create table core.fct_placement (
            placement_id varchar, plan_id varchar, child_id varchar, ukprn varchar, establishment_urn varchar,
            sen_setting varchar, setting_rank integer, is_sen_unit boolean, is_resourced_provision boolean,
            entry_date date, leaving_date date, residential varchar, work_based_learning varchar
        );
        create table core.fct_named_setting as
            select * rename (placement_id as named_setting_id) from core.fct_placement;
        """
    )
    return connection


def attend(
    core: duckdb.DuckDBPyConnection,
    key: str,
    *,
    urn: str | None = None,
    setting: str | None = None,
    ukprn: str | None = None,
    unit: bool = False,
    resourced: bool = False,
) -> None:
    core.execute(
        "insert into core.fct_placement (placement_id, child_id, establishment_urn, sen_setting, ukprn, is_sen_unit, "
        "is_resourced_provision) values ($1, $1, $2, $3, $4, $5, $6)",
        [key, urn, setting, ukprn, unit, resourced],
    )


def places(core: duckdb.DuckDBPyConnection) -> dict[str, str]:
    return dict(
        core.execute(
            f"select setting_id, place from ({(FOLDER / 'setting.sql').read_text(encoding='utf-8')})"
        ).fetchall()
    )


def test_every_establishment_is_counted_in_the_column_of_its_type(core: duckdb.DuckDBPyConnection) -> None:
    for kind, group, is_special, _ in ESTABLISHMENTS:
        core.execute("insert into core.dim_establishment values (?, ?, ?, ?)", [kind, kind, group, is_special])
        attend(core, kind, urn=kind)
    assert places(core) == {kind: place for kind, _, _, place in ESTABLISHMENTS}


def test_who_is_in_no_establishment_is_counted_by_the_kind_of_setting(core: duckdb.DuckDBPyConnection) -> None:
    for setting, ukprn, place in OTHERWISE:
        attend(core, place, setting=setting, ukprn=ukprn)
    assert places(core) == {place: place for *_, place in OTHERWISE}


def test_units_and_resourced_provision_are_apart_in_mainstream_schools_alone(core: duckdb.DuckDBPyConnection) -> None:
    core.execute("insert into core.dim_establishment values ('A', 'Academy converter', 'Academies', false)")
    core.execute("insert into core.dim_establishment values ('S', 'Community special school', 'Special schools', true)")
    attend(core, "in a unit", urn="A", unit=True)
    attend(core, "in resourced provision", urn="A", resourced=True)
    attend(core, "in a special school's unit", urn="S", unit=True)
    assert places(core) == {
        "in a unit": "mainstream_academy_senunit",
        "in resourced provision": "mainstream_academy_resourced_provision",
        "in a special school's unit": "special_la_maintained",
    }


@pytest.mark.parametrize(
    ("birth_date", "place"),
    [
        ("2022-01-01", "neet_other"),  # five, but school age begins on 31 March
        ("2021-12-31", "neet_other_csa"),
        ("2010-09-01", "neet_other_csa"),
        ("2010-08-31", "neet_other"),  # could leave school in June 2026
    ],
)
def test_out_of_education_is_apart_by_compulsory_school_age(
    core: duckdb.DuckDBPyConnection, birth_date: str, place: str
) -> None:
    core.execute("insert into core.dim_child values ('C', ?)", [birth_date])
    attend(core, "C", setting="NIEO")
    assert places(core) == {"C": place}
