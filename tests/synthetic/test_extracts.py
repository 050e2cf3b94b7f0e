"""The invented borough's extracts: all of them, about the same people, the same bytes for the same seed."""

from __future__ import annotations

import csv
import re
from datetime import date, datetime
from pathlib import Path

import duckdb
import pytest

from connectors.configuration import read_configuration
from connectors.contract import all_contracts
from connectors.landing import register_landing
from connectors.load import load_extract
from flows.configuring import write_demo_configuration
from synthetic import census
from synthetic.borough import make_borough
from warehouse.home import Home

AS_AT = date(2026, 11, 2)
NIGHT = datetime(2026, 11, 2, 2)


@pytest.fixture(scope="module")
def borough(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = Home(tmp_path_factory.mktemp("home"))
    home.create()
    make_borough(home.folder / "borough", children=1500, as_at=AS_AT, faults="none", slips=0.0)
    write_demo_configuration(home, "883", AS_AT)
    return home.folder


@pytest.fixture(scope="module")
def landing(borough: Path) -> duckdb.DuckDBPyConnection:
    configuration = read_configuration(borough)
    for number, extract in enumerate(configuration.sources, start=1):
        load_extract(configuration, extract, f"{number:06d}-{extract}", "a run", NIGHT)
    connection = duckdb.connect()
    register_landing(connection, configuration, NIGHT)
    truth = borough / "borough" / "truth"
    connection.execute(f"create view record as from '{truth / 'records.parquet'}'")
    connection.execute(f"create view person as from read_csv('{truth / 'people.csv'}', all_varchar = true)")
    return connection


def test_every_contract_has_rows(landing: duckdb.DuckDBPyConnection) -> None:
    for contract in all_contracts():
        for table in contract.tables:
            (rows,) = landing.execute(f'select count(*) from landing."{contract.extract}__{table}"').fetchone() or (0,)
            assert rows or table == "missing", f"{contract.extract}.{table}"


def test_each_record_has_the_identifiers_and_birth_date_of_its_person(landing: duckdb.DuckDBPyConnection) -> None:
    true_column = {"upn": "upn", "nhs_number": "nhs_number", "social_care_id": "la_child_id"}
    checked = 0
    births = []
    for contract in all_contracts():
        for name, table in contract.tables.items():
            view = f'landing."{contract.extract}__{name}"'
            told = f"""from {view} as held inner join record
                on record.extract = '{contract.extract}' and record."table" = '{name}'
                and record.file = held._file and record.row = held._row"""
            for column, settings in table.columns.items():
                if settings.identifier == "birth_date":
                    births.append(f"select record.person_id, held.{column} as birth {told}")
                if settings.identifier not in true_column or column in ("former_upn", "caseworker"):
                    continue
                wrong = landing.execute(
                    f"""select count(*), count(*) filter (held.{column} <> person.{true_column[settings.identifier]})
                    {told} inner join person on cast(person.person_id as bigint) = record.person_id
                    where held.{column} is not null and held.{column} not like 'UN_'"""
                ).fetchone()
                assert wrong is not None and wrong[1] == 0, f"{contract.extract}.{name}.{column}"
                checked += wrong[0]
    assert checked > 5_000 and len(births) > 10
    several = landing.execute(
        f"select person_id from ({' union all '.join(births)}) group by all having count(distinct birth) > 1"
    ).fetchall()
    assert several == []


def test_every_record_about_a_person_is_told(landing: duckdb.DuckDBPyConnection) -> None:
    """Every row of a table that holds an identifier stands in the truth, under its own id."""
    for contract in all_contracts():
        for name, table in contract.tables.items():
            if table.row is not None or not any(column.identifier for column in table.columns.values()):
                continue
            key = " || '|' || ".join(f"cast(held.{column} as varchar)" for column in table.key)
            untold = landing.execute(
                f"""select count(*) from landing."{contract.extract}__{name}" as held anti join record
                on record.extract = '{contract.extract}' and record."table" = '{name}'
                and record.file = held._file and record.row = held._row and record.record_id = {key}"""
            ).fetchone()
            assert untold == (0,) or contract.extract == "gias", f"{contract.extract}.{name}"


def test_a_return_without_names_and_health_without_pupil_numbers(borough: Path) -> None:
    extracts = borough / "borough" / "extracts"
    assert (extracts / "ssda903" / "header.csv").read_text().startswith("CHILD,SEX,DOB,ETHNIC,UPN,MOTHER,MC_DOB")
    episode = "CHILD,DECOM,RNE,LS,CIN,PLACE,PLACE_PROVIDER,DEC,REC,REASON_PLACE_CHANGE,HOME_POST,PL_POST,URN"
    assert (extracts / "ssda903" / "episodes.csv").read_text().startswith(episode)
    for name in ("continuing_care", "early_notifications", "therapy_waits"):
        (path,) = (extracts / name).iterdir()
        assert not re.search(r"[A-HJ-NP-RT-Z]883\d{9}", path.read_text())


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    made = []
    for folder in (tmp_path / "one", tmp_path / "other"):
        make_borough(folder, children=300, as_at=AS_AT, seed=11)
        made.append({path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()})
    assert made[0] == made[1]


def test_a_census_too_long_for_one_file_is_written_in_several(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(census, "PUPILS_IN_A_FILE", 700)
    make_borough(tmp_path, children=3_000, as_at=AS_AT)
    folder = tmp_path / "extracts" / "school_census"
    parts = sorted(folder.glob("2026-autumn-part*.xml"))
    pupils = {path.name: re.findall(r"<UPN>([^<]*)</UPN>", path.read_text()) for path in parts}
    assert len(parts) > 2 and sum(map(len, pupils.values())) == pytest.approx(3_000, rel=0.05)
    with (tmp_path / "truth" / "faults.csv").open(encoding="utf-8", newline="") as handle:
        faults = [fault for fault in csv.DictReader(handle) if fault["extract"] == "school_census"]
    assert faults
    for fault in faults:
        assert pupils[fault["file"]][int(fault["row"]) - 1] == fault["record_id"].split("|")[2]
