"""The files as suppliers and departments really send them: censuses as CSV, statutory sets, workbooks, the register."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from connectors.configuration import Configuration, SourceConfiguration
from connectors.contract import all_contracts
from tests.connectors.conftest import Delivery

Deliver = Callable[..., Delivery]

PUPILS = """UPN,Surname,Forename,DOB,Sex,SENprovision,NCyearActual,EnrolStatus,SENunitIndicator,FSMstart
U1,Okafor,Ada,04/03/2012,F,E,7,C,1,01/09/2024
U2,Smith,Ben,05/06/2013,M,K,6,C,0,
"""
NEEDS = "UPN,SENtypeRank,SENtype\nU1,1,ASD\nU1,2,SLCN\n"


def with_school(text: str, laestab: str, day: str) -> str:
    header, *rows = text.splitlines()
    return "\n".join([f"ReferenceDate,LAESTAB,{header}", *(f"{day},{laestab},{row}" for row in rows), ""])


def test_a_census_as_csv_is_the_same_as_the_message(deliver: Deliver) -> None:
    delivery = deliver("school_census")
    delivery.put("spring pupils.csv", with_school(PUPILS, "8831001", "15/01/2026"))
    delivery.put("spring needs.csv", with_school(NEEDS, "8831001", "15/01/2026"))
    delivery.put(
        "spring suspensions.csv", with_school("UPN,Category,StartDate\nU2,SUSP,01/10/2025\n", "8831001", "15/01/2026")
    )
    report = delivery.load()
    assert (report.refused, report.rows_loaded) == ([], 5)
    columns = "census_date, laestab, upn, birth_date, sen_provision, nc_year, sen_unit"
    assert delivery.rows("pupil", columns)[0] == (date(2026, 1, 15), "8831001", "U1", date(2012, 3, 4), "E", "7", True)
    assert delivery.rows("need", "upn, rank, sen_type") == [("U1", 1, "ASD"), ("U1", 2, "SLCN")]
    assert len(delivery.rows("exclusion", "upn")) == 1
    delivery.put("spring pupils.csv", with_school(PUPILS.replace("U2", "U9"), "8831001", "15/01/2026"))
    delivery.load()
    assert [row[0] for row in delivery.rows("pupil", "upn")] == ["U1", "U9"]
    assert len(delivery.rows("need", "upn")) == 2
    delivery.put("summer needs.csv", with_school(NEEDS.replace("2,SLCN", "2,SPLD"), "8831001", "15/01/2026"))
    delivery.load()
    assert delivery.rows("need", "rank, sen_type") == [(1, "ASD"), (2, "SPLD")]
    assert delivery.rows("need", "rank, sen_type", night=1) == [(1, "ASD"), (2, "SLCN")]


def test_what_a_census_file_lacks_is_given_for_it(deliver: Deliver) -> None:
    delivery = deliver(
        "school_census", files={"{laestab}_{census_date}*.csv": {"term": "SPR"}, "north/*": {"laestab": 8831009}}
    )
    delivery.put("8831001_2026-01-15_pupil.csv", PUPILS)
    delivery.put("8831001_2026-01-15_need.csv", NEEDS)
    delivery.put("unnamed.csv", PUPILS)
    report = delivery.load()
    assert [(file, "census_date, laestab" in reason) for file, reason in report.refused] == [("unnamed.csv", True)]
    assert delivery.rows("pupil", "laestab, cast(census_date as varchar), term, upn") == [
        ("8831001", "2026-01-15", "SPR", "U1"),
        ("8831001", "2026-01-15", "SPR", "U2"),
    ]
    assert delivery.rows("need", "distinct laestab") == [("8831001",)]
    (delivery.folder / "extracts" / "unnamed.csv").unlink()
    delivery.put("north/spring.csv", with_school(PUPILS, "x", "2026-01-15").replace("LAESTAB", "School"))
    assert delivery.load().refused == []
    assert delivery.query("select distinct laestab from landing.school_census__pupil order by 1") == [
        ("8831001",),
        ("8831009",),
    ]


def test_a_column_of_the_file_beats_the_setting_and_a_corrected_name_is_read_anew(deliver: Deliver) -> None:
    delivery = deliver("school_census", files={"*": {"laestab": "8839999"}, "*_{census_date}.csv": {}})
    delivery.put("pupils_2025-10-02.csv", PUPILS.replace("UPN", "LAESTAB,UPN").replace("\nU", "\n8831001,U"))
    delivery.load()
    assert delivery.rows("pupil", "distinct laestab, cast(census_date as varchar)") == [("8831001", "2025-10-02")]
    names = [delivery.folder / "extracts" / f"pupils_{day}.csv" for day in ("2025-10-02", "2026-01-15")]
    names[0].rename(names[1])
    delivery.load()
    assert ("2026-01-15",) in delivery.rows("pupil", "distinct cast(census_date as varchar)")
    assert not delivery.load().is_anything_new


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ({"kind": "xml", "path": "x", "files": {"*": {"laestab": "1"}}}, "files is for CSV"),
        ({"kind": "csv", "path": "x", "files": {"*": {"lestab": "1"}}}, "'lestab'"),
        ({"kind": "csv", "path": "x", "files": {"{laestab}_{laestab}": {}}}, "name a column once"),
    ],
)
def test_a_wrong_setting_for_files_is_named(tmp_path: Path, source: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Configuration(
            home=tmp_path,
            la_code="883",
            la_name="Invented borough",
            sources={"school_census": SourceConfiguration.model_validate(source)},
        )


SSDA903 = {
    "header": "CHILD,SEX,DOB,ETHNIC,UPN,MOTHER,MC_DOB\n1,1,04/03/2012,WBRI,UN1,,\n",
    "episode": "CHILD,DECOM,RNE,LS,CIN,PLACE,PLACE_PROVIDER,DEC,REC,REASON_PLACE_CHANGE,HOME_POST,PL_POST,URN\n"
    "1,01/04/2024,S,C2,N1,U4,PR1,,,,RM17 6SL,RM17 6SL,\n",
    "review": "CHILD,DOB,REVIEW,REVIEW_CODE\n1,04/03/2012,01/05/2024,PN1\n",
    "missing": "CHILD,DOB,MISSING,MIS_START,MIS_END\n1,04/03/2012,M,01/06/2024,02/06/2024\n",
}
NOT_READ = {
    "oc2": "CHILD,DOB,SDQ_SCORE,SDQ_REASON,CONVICTED,HEALTH_CHECK,IMMUNISATIONS,TEETH_CHECK\n1,04/03/2012,9,,0,1,1,1\n",
    "oc3": "CHILD,DOB,IN_TOUCH,ACTIV,ACCOM\n1,04/03/2012,YES,F1,B1\n",
    "ad1": "CHILD,DOB,DATE_INT,DATE_MATCH,FOSTER_CARE,NB_ADOPTR,SEX_ADOPTR,LS_ADOPTR\n1,04/03/2012,,,,,,\n",
    "uasc": "CHILD,SEX,DOB,DUC\n1,1,04/03/2012,01/01/2030\n",
    "prev_perm": "CHILD,DOB,PREV_PERM,LA_PERM,DATE_PERM\n1,04/03/2012,Z1,,\n",
    "placed": "CHILD,DOB,DATE_PLACED,DATE_PLACED_CEASED,REASON_PLACED_CEASED\n1,04/03/2012,,,\n",
}


def test_each_file_of_the_looked_after_return_is_known_by_its_header(deliver: Deliver) -> None:
    delivery = deliver("ssda903")
    for number, text in enumerate([*SSDA903.values(), *NOT_READ.values()]):
        delivery.put(f"SSDA903_2025_{number}.csv", text)
    report = delivery.load()
    assert (report.refused, report.rows_loaded) == ([], len(SSDA903))
    for table in SSDA903:
        assert [row[0] for row in delivery.rows(table, "child")] == ["1"]
    passed = "select count(*), count(reason) from landing.load_file where status = 'passed_over'"
    assert delivery.query(passed) == [(len(NOT_READ), len(NOT_READ))]
    assert not delivery.load().is_anything_new


def test_a_published_sample_of_episodes_lands(deliver: Deliver, shared_data: Callable[[str], Path]) -> None:
    sample = shared_data("ssda903-2020-episodes-sample.csv")
    delivery = deliver("ssda903")
    delivery.put(sample.name, sample.read_bytes())
    report = delivery.load()
    rows = len(sample.read_text().splitlines()) - 1
    assert (report.refused, report.rows_loaded, report.rows_quarantined) == ([], rows, 0)
    assert len(delivery.rows("episode", "child")) == rows


def test_a_sample_of_inspection_lists_is_no_extract(deliver: Deliver, shared_data: Callable[[str], Path]) -> None:
    samples = [shared_data(f"{name}-annex-a-sample.xlsx") for name in ("area-send", "childrens-services")]
    delivery = deliver(kind="excel")
    for sample in samples:
        delivery.put(sample.name, sample.read_bytes())
    for contract in all_contracts():
        if "excel" in contract.readers:
            delivery.extract = contract.extract
            report = delivery.load()
            assert (report.rows_read, report.files) == (0, 2), contract.extract
            assert {file.partition("#")[0] for file, _ in report.refused} == {sample.name for sample in samples}
            assert all(contract.extract in reason for _, reason in report.refused)
    delivery.extract, delivery.kind = "ehc_case", "csv"
    assert all("It is a .xlsx file" in reason for _, reason in delivery.load().refused)


def workbook(sheets: dict[str, Sequence[Sequence[Any]]]) -> bytes:
    held = io.BytesIO()
    book = xlsxwriter.Workbook(held)
    day = book.add_format({"num_format": "dd/mm/yyyy"})
    for name, rows in sheets.items():
        sheet = book.add_worksheet(name)
        for number, row in enumerate(rows):
            for column, cell in enumerate(row):
                sheet.write(number, column, cell, *([day] if isinstance(cell, date) else []))
    book.close()
    return held.getvalue()


def test_registers_kept_as_workbooks_of_several_sheets(deliver: Deliver) -> None:
    delivery = deliver("ehe_cme", "excel")
    notes = [["How to fill in this book"], ["Ask the team"]]
    register: list[list[Any]] = [
        ["Children educated at home"],
        ["Ref", "Last Name", "First Name", "DOB", "UPN", "Status", "Start", "Last Contact", "Closed"],
        ["E1", "Okafor", "Ada", date(2012, 3, 4), "A123", "EHE", date(2025, 9, 1), "01/11/2025", ""],
    ]
    delivery.put(
        "register.xlsx", workbook({"Notes": notes, "EHE": register, "Codes": [["EHE", "home"], ["CME", "missing"]]})
    )
    assert delivery.load().refused == []
    assert delivery.rows("register", "register_id, birth_date, status, last_contact_date, _file") == [
        ("E1", date(2012, 3, 4), "EHE", date(2025, 11, 1), "register.xlsx#EHE")
    ]
    delivery.extract = "health_advice"
    log: list[list[Any]] = [
        [
            "Reference",
            "Request date",
            "Due",
            "Date returned",
            "Service",
            "Clinician",
            "Child's name",
            "Date of birth",
            "NHS No",
        ],
        ["H1", date(2025, 9, 1), date(2025, 10, 13), "", "SALT", "Dr Ek", "Ada Okafor", date(2012, 3, 4), 9434765919],
    ]
    delivery.put("register.xlsx", workbook({"Guidance": notes, "Log 2025-26": log}))
    assert delivery.load().refused == []
    assert delivery.rows("advice", "advice_ref, requested_date, due_date, nhs_number") == [
        ("H1", date(2025, 9, 1), date(2025, 10, 13), "9434765919")
    ]


def test_the_safeguarding_dataset_as_csv(deliver: Deliver) -> None:
    delivery = deliver("ssd")
    delivery.put("ssd_person.csv", "pers_person_id,pers_forename,pers_sex,pers_dob\nP1,Ada,F,2012-03-04\n")
    delivery.put("ssd_send.csv", "send_table_id,send_person_id,send_upn\nS1,P1,A123\n")
    assert delivery.load().refused == []
    assert delivery.rows("ssd_person", "pers_person_id, pers_dob") == [("P1", date(2012, 3, 4))]
    assert delivery.rows("ssd_send", "send_upn") == [("A123",)]


REGISTER = (
    "URN,LA (code),LA (name),EstablishmentName,TypeOfEstablishment (code),EstablishmentStatus (code),OpenDate\n"
    "130000,883,Thurrock,St Anne\u2019s,28,1,29/05/1993\n"
)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("edubasealldata20250401.csv", "edubasealldata20250501.csv"),
        ("edubasealldata20250401.csv", "register of May.csv"),
        ("register of April.csv", "a register of May.csv"),
    ],
)
@pytest.mark.parametrize("is_removed", [True, False])
@pytest.mark.parametrize("is_together", [True, False])
def test_a_new_months_register_replaces_the_last(
    deliver: Deliver, first: str, second: str, is_removed: bool, is_together: bool
) -> None:
    delivery = deliver("gias")
    april = delivery.put(first, REGISTER.encode("cp1252"))
    os.utime(april, (1_743_500_000, 1_743_500_000))
    if not is_together:
        delivery.load()
    may = REGISTER.replace(",LA (name)", "").replace(",Thurrock", "").replace("130000", "130001")
    may = may.replace("OpenDate", "OpenDate,NewThing").replace("1993\n", "1993,x\n")
    path = delivery.put(second, may.encode("cp1252"))
    os.utime(path, (1_746_200_000, 1_746_200_000))
    if is_removed and not is_together:
        april.unlink()
    assert delivery.load().refused == []
    standing = [("130001", "St Anne\u2019s", None)]
    assert delivery.rows("establishment", "urn, establishment_name, la_name") == standing
    assert not delivery.load().is_anything_new
    assert delivery.rows("establishment", "urn, establishment_name, la_name") == standing
    if not is_together:
        assert delivery.rows("establishment", "urn, la_name", night=1) == [("130000", "Thurrock")]
    entry = delivery.manifests()[-1]["files"][-1]
    assert (entry["extra_columns"], "la_name" in entry["missing_columns"]) == (["NewThing"], True)
