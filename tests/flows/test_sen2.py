"""``send sen2`` as the officer uses it, from the extracts of a small borough to a signed return and back."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
from lxml import etree
from python_calamine import CalamineWorkbook

from returns.specification import read_specification
from returns.xml import read_xml, write_xml
from tests.flows.conftest import PrefectServer, SendHome
from tests.flows.recount import of_dashboard, recounted
from tests.returns.samples import STAMP as WRITTEN
from tests.returns.samples import one_person, put
from warehouse.home import Home

YEAR = ["--year", "2027"]
STAMP = ["--release", "1.0", "--serial", "1", "--date-time", "2027-02-01T09:30:00"]


@pytest.fixture(scope="module")
def season(tmp_path_factory: pytest.TempPathFactory, prefect_server: PrefectServer) -> tuple[SendHome, Any]:
    """A borough without faults in the week after the survey day, and what ``send sen2 build`` says of its return."""
    home = SendHome(tmp_path_factory.mktemp("season"), prefect_server.api_url)
    home.send("demo", "--seed", "12", "--children", "600", "--faults", "none", "--as-at", "2027-02-01")
    return home, home.answer("sen2", "build")


def test_a_return_with_queries_nobody_explained_is_held(season: tuple[SendHome, Any]) -> None:
    home, built = season
    held = home.send("sen2", "sign-off", "--by", "B. Director", *STAMP)
    assert held.returncode == 1
    assert "queries are not explained" in held.stderr
    assert len(built["held_by"]) == len(built["rules"])


def test_a_borough_without_faults_has_its_lists_for_inspectors_published(
    season: tuple[SendHome, Any], tmp_path: Path
) -> None:
    home, _built = season
    out = tmp_path / "annex-a.xlsx"
    done = home.send("annex-a", "--xlsx", str(out))
    assert done.returncode == 0, done.stderr
    book = CalamineWorkbook.from_path(str(out))
    with duckdb.connect(str(home.folder / "published" / "annex_a" / "annex_a.duckdb"), read_only=True) as connection:
        for sheet, table in (("List_1", "annex_a_list_1"), ("List_2", "annex_a_list_2")):
            rows = connection.execute(f"select unique_id, date_of_birth from {table} order by unique_id").fetchall()
            assert rows
            assert [(row[0], row[3]) for row in book.get_sheet_by_name(sheet).to_python()[1:]] == rows
    found = home.answer("annex-a")
    assert found["status"] == "published"
    assert {rule["severity"] for rule in found["rules"]} <= {"query"}


def test_the_return_recounted_from_its_xml_gives_the_dashboards_indicators(
    season: tuple[SendHome, Any], tmp_path: Path
) -> None:
    home = Home(season[0].folder)
    recount = recounted(home, tmp_path / "return.xml")
    shown = of_dashboard(home, recount)
    del shown["plans"]  # the dashboard's are those of today, the return's those of the survey day
    assert shown == {name: recount.told[name] for name in shown}
    assert len(shown) == 6


@pytest.fixture(scope="module")
def signed(season: tuple[SendHome, Any]) -> tuple[SendHome, dict[str, Any]]:
    """The same, with every query explained and the return signed off."""
    home, built = season
    for rule in built["rules"]:
        done = home.send("sen2", "explain", rule["rule_id"], "--because", "It is so, checked.", "--by", "A. Officer")
        assert done.returncode == 0, done.stderr
    return home, home.answer("sen2", "sign-off", "--by", "B. Director", *STAMP)


def folder_of(version: dict[str, Any]) -> Path:
    return Path(version["folder"])


def test_a_borough_without_faults_has_a_return_without_errors(season: tuple[SendHome, Any]) -> None:
    _home, built = season
    assert built["year"] == 2027
    assert built["reference_date"] == "2027-01-21"
    assert [rule for rule in built["rules"] if rule["severity"] == "error"] == []
    assert built["rows"]["sen2_active_plans"] > 0
    assert built["loads_failed"] == []


def test_what_the_return_finds_joins_the_stewards_findings_and_is_explained_there_too(
    signed: tuple[SendHome, dict[str, Any]], season: tuple[SendHome, Any]
) -> None:
    home, built = season
    found = home.answer("findings", "--product", "sen2_return", "--state", "explained", "--limit", "9999")
    assert len(found) == sum(rule["found"] for rule in built["rules"]) > 0
    (turn,) = home.answer("findings", "show", found[0]["finding_key"])["history"][1:]
    assert (turn["event"], turn["by"], turn["note"]) == ("explained", "A. Officer", "It is so, checked.")


def test_the_signed_return_is_read_by_anyone(signed: tuple[SendHome, dict[str, Any]]) -> None:
    _home, version = signed
    path = folder_of(version) / version["file"]
    message = etree.parse(str(path))
    assert hashlib.sha256(path.read_bytes()).hexdigest() == version["content"]
    assert len(message.findall(".//Person")) == version["rows"]["sen2_person"]
    assert len(message.findall(".//ActivePlans")) == version["rows"]["sen2_active_plans"]
    assert message.findtext(".//DateTime") == "2027-02-01T09:30:00"


def test_a_return_that_has_not_changed_is_not_signed_off_again(signed: tuple[SendHome, dict[str, Any]]) -> None:
    home, version = signed
    again = home.send("sen2", "sign-off", "--by", "B. Director", *STAMP)
    assert again.returncode == 1
    assert "differs in nothing from version 1" in again.stderr
    assert [path.name for path in folder_of(version).parent.iterdir()] == ["v001"]


def test_a_signed_version_is_reproduced_to_the_byte(signed: tuple[SendHome, dict[str, Any]]) -> None:
    home, version = signed
    configuration = home.folder / "send.yml"
    stands = configuration.read_text(encoding="utf-8")
    # what the council says today changes nothing of what was signed
    configuration.write_text(stands + "designated_officers: {medical: No}\n", encoding="utf-8")
    done = home.send("sen2", "reproduce", "1", *YEAR)
    configuration.write_text(stands, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    assert version["content"] in done.stdout


def test_what_was_signed_off_is_what_stands(signed: tuple[SendHome, dict[str, Any]]) -> None:
    home, version = signed
    assert home.answer("sen2", "compare", "1", *YEAR) == []
    assert home.answer("sen2", "compare", str(folder_of(version) / "blade"), "1", *YEAR) == []


def test_every_value_is_traced_to_its_file_and_row(signed: tuple[SendHome, dict[str, Any]]) -> None:
    home, version = signed
    message = etree.parse(str(folder_of(version) / version["file"]))
    surnames = {element.text for element in message.findall(".//Surname")}
    person = home.answer("sen2", "check")  # the return stands as before
    assert person["held_by"] == []
    traced = home.answer("sen2", "trace", "C0000001", "Surname")
    assert traced[0]["value"] in surnames
    assert traced[0]["source_file"]
    assert traced[0]["source_row"] >= 1
    assert traced[0]["models"][0] == "sen2_person"


def test_a_return_with_faults_in_it_is_valid_and_reads_back_the_same(
    run_home: tuple[SendHome, Any], tmp_path: Path
) -> None:
    home, _run = run_home
    done = home.send("sen2", "export", "--xml", str(tmp_path / "return.xml"))
    assert done.returncode == 0, done.stderr
    assert "errors found by the rules" in done.stdout
    assert "schema" not in done.stdout
    with duckdb.connect() as connection:
        reading = read_xml(tmp_path / "return.xml", None, connection)
        assert reading.stamp is not None
        write_xml(connection, read_specification(2027), tmp_path / "again.xml", reading.stamp)
    assert (tmp_path / "again.xml").read_bytes() == (tmp_path / "return.xml").read_bytes()


def test_an_error_takes_no_explanation(run_home: tuple[SendHome, Any]) -> None:
    home, _run = run_home
    checked = home.send("sen2", "check", "--json")
    found = json.loads(checked.stdout)
    errors = [rule["rule_id"] for rule in found["rules"] if rule["severity"] == "error"]
    assert checked.returncode == 1
    done = home.send("sen2", "explain", errors[0], "--because", "We like it so.", "--by", "A. Officer")
    assert done.returncode == 2
    assert "DfE takes no explanation" in done.stderr


def test_last_years_return_is_taken_in_and_starts_the_records(home: SendHome, tmp_path: Path) -> None:
    """By a council that has nothing else; and this year's is not last year's."""
    assert home.send("init", "--la", "883", "--name", "Thurrock").returncode == 0
    last_year, this_year = read_specification(2026), read_specification(2027)
    with duckdb.connect() as connection:
        for specification, name in ((last_year, "2026.xml"), (this_year, "2027.xml")):
            tables = one_person(upn="T883123456789")
            tables["sen2_header"] = [{**tables["sen2_header"][0], "year": specification.year}]
            put(connection, specification, tables)
            write_xml(connection, specification, tmp_path / name, WRITTEN)
    records = tmp_path / "records.xlsx"
    taken = home.answer("sen2", "import", str(tmp_path / "2026.xml"), "--year", "2026", "--records", str(records))
    assert (taken["year"], taken["rows"]["sen2_person"], taken["records"]["rows"]["plan"]) == (2026, 1, 1)
    assert ["child", "birth_date", 1] in taken["records"]["to_complete"]
    assert records.exists()
    assert [path.name for path in (home.folder / "returns" / "2026" / "imported").iterdir()] == ["2026.xml"]
    refused = home.send("sen2", "import", str(tmp_path / "2027.xml"), "--year", "2026")
    assert refused.returncode == 2
    assert "not over yet" in refused.stderr


def test_what_nobody_verified_is_listed(season: tuple[SendHome, Any]) -> None:
    home, _built = season
    supposed = home.answer("sen2", "specification", *YEAR)
    assert all(entry["why"] for entry in supposed)
    assert len(supposed) > 10
