"""CSV files as councils deliver them."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable
from datetime import date

import duckdb
import pytest

from tests.connectors.conftest import Delivery
from tests.connectors.messages import CHILDREN

Deliver = Callable[..., Delivery]


def test_rows_land_typed_with_file_and_row(deliver: Deliver) -> None:
    delivery = deliver()
    delivery.put("child.csv", CHILDREN)
    report = delivery.load()
    assert (report.rows_read, report.rows_loaded, report.rows_quarantined) == (3, 3, 0)
    assert delivery.rows("child", "case_id, birth_date, sex, _file, _row, _load_id") == [
        ("K1", date(2012, 3, 4), "F", "child.csv", 2, "000001-ehc_case"),
        ("K2", date(2013, 6, 5), "M", "child.csv", 3, "000001-ehc_case"),
        ("K3", date(2014, 7, 8), "F", "child.csv", 4, "000001-ehc_case"),
    ]


@pytest.mark.parametrize(
    "content",
    [
        "case_id,surname,forename,birth_date\nK1,Zoë,Ann,2012-03-04\n".encode(),
        codecs.BOM_UTF8 + "case_id,surname,forename,birth_date\nK1,Zoë,Ann,2012-03-04\n".encode(),
        "case_id,surname,forename,birth_date\nK1,Zoë,Ann,2012-03-04\n".encode("cp1252"),
        "case_id,surname,forename,birth_date\nK1,Zoë,Ann,2012-03-04\n".encode("utf-16"),
        "case_id,surname,forename,birth_date\nK1,Zoë,Ann,2012-03-04\n".encode("utf-16-le"),
        codecs.BOM_UTF16_BE + "case_id,surname,forename,birth_date\nK1,Zoë,Ann,2012-03-04\n".encode("utf-16-be"),
        "case_id;surname;forename;birth_date\r\nK1;Zoë;Ann;2012-03-04\r\n".encode(),
        "case_id\tsurname\tforename\tbirth_date\rK1\tZoë\tAnn\t2012-03-04\r".encode(),
    ],
    ids=["utf-8", "utf-8 bom", "windows-1252", "utf-16", "utf-16 bare", "utf-16-be", "semicolons", "tabs, old mac"],
)
def test_encodings_and_separators_are_found(deliver: Deliver, content: bytes) -> None:
    delivery = deliver()
    delivery.put("child.csv", content)
    delivery.load()
    assert delivery.rows("child", "case_id, surname") == [("K1", "Zoë")]


def test_the_encoding_may_be_set(deliver: Deliver) -> None:
    delivery = deliver(encoding="mac-roman")
    delivery.put("child.csv", CHILDREN.replace("Nowak", "Zoë").encode("mac-roman"))
    delivery.load()
    assert ("Zoë",) in delivery.rows("child", "surname")


def test_headings_may_be_renamed_reordered_and_added_to(deliver: Deliver) -> None:
    delivery = deliver(columns={"child": {"case_id": "Our No."}})
    delivery.put("child.csv", "Extra,D.O.B. ,FIRST_NAME,Last Name,our no\nx,2012-03-04,Ada,Okafor,K1\n")
    report = delivery.load()
    assert report.refused == []
    assert delivery.rows("child", "case_id, surname, forename, upn") == [("K1", "Okafor", "Ada", None)]
    (entry,) = delivery.manifests()[0]["files"]
    assert entry["extra_columns"] == ["Extra"]
    assert "upn" in entry["missing_columns"]


def test_codes_are_mapped_whatever_their_case(deliver: Deliver) -> None:
    delivery = deliver(codes={"child": {"sex": {"Female": "F", "boy": "M"}}})
    delivery.put("child.csv", CHILDREN.replace(",F\n", ",female\n").replace(",M\n", ",Boy\n"))
    delivery.load()
    assert delivery.rows("child", "sex, len(_issues)") == [("F", 0), ("F", 0), ("M", 0)]


def test_a_missing_required_column_refuses_the_file_by_name(deliver: Deliver) -> None:
    delivery = deliver()
    delivery.put("child.csv", CHILDREN.replace("birth_date", "born").replace("surname", "shoe size"))
    delivery.put("caseworker.csv", "id,name\nW1,Worker\n")
    report = delivery.load()
    ((file, reason),) = report.refused
    assert file == "child.csv"
    assert "surname, birth_date of ehc_case.child" in reason
    assert delivery.query("select file, missing_columns from landing.load_file where status = 'refused'") == [
        ("child.csv", ["surname", "birth_date"])
    ]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("child.csv", "", "empty"),
        ("child.csv", " \n\n", "empty"),
        ("child.csv", b"PK\x03\x04" + bytes(range(256)) * 9, "header"),
        ("child.csv", "\0" * 5000, "header"),
        ("x.csv", "referral_id,local_patient_id,service,referral date\nR1,P1,SALT,2025-01-01\n", "therapy_waits"),
        ("x.csv", "id,plan_id,urn\n1,P1,100000\n", "plan_setting and placement equally"),
        ("child.csv", CHILDREN.replace("sex", "surname"), "two columns headed 'surname'"),
        ("child.xlsx", "anything", "is a .xlsx file"),
        ("child.csv.zip", "anything", "Unpack it"),
        ("child.csv", "a," * 3_000_000, "not a CSV file"),
    ],
)
def test_what_is_no_delivery_is_refused_whole(deliver: Deliver, name: str, content: str | bytes, reason: str) -> None:
    delivery = deliver()
    delivery.put(name, content)
    report = delivery.load()
    assert [file for file, _ in report.refused] == [name]
    assert reason in report.refused[0][1]
    assert delivery.rows("child", "case_id") == []


def test_a_table_is_known_by_its_header_where_the_name_does_not_tell(deliver: Deliver) -> None:
    delivery = deliver()
    delivery.put("export 7.csv", CHILDREN)
    delivery.load()
    assert len(delivery.rows("child", "case_id")) == 3


def test_a_table_may_be_named_in_the_configuration(deliver: Deliver) -> None:
    delivery = deliver(tables={"placement": "attended*.csv"})
    delivery.put("attended-0116.csv", "id,plan_id,urn\n1,P1,100000\n")
    delivery.load()
    assert delivery.rows("placement", "id, urn") == [("1", "100000")]
    assert delivery.rows("plan_setting", "id") == []


def test_titles_above_repeated_headers_within_and_a_total_below_are_no_rows(deliver: Deliver) -> None:
    header, first, *others = CHILDREN.splitlines()
    titles = ["SEND case system,,,,", "Printed 5 January,,,,", ""]
    delivery = deliver()
    delivery.put("child.csv", "\n".join([*titles, header, first, header, *others, "Total,3,,,", ",,,,"]))
    report = delivery.load()
    assert (report.rows_read, report.rows_loaded, report.rows_quarantined) == (5, 3, 2)
    assert delivery.rows("child", "case_id, _row") == [("K1", 5), ("K2", 7), ("K3", 8)]
    assert delivery.quarantine() == [
        ("child", 6, "repeated header row", None, "not_a_record", None),
        ("child", 9, "total row", None, "not_a_record", None),
    ]


def test_embedded_newlines_and_quotes_stay_in_their_cell(deliver: Deliver) -> None:
    delivery = deliver()
    content = CHILDREN.replace("Okafor", '"Okafor ""Ada""\nof Grays, Essex"').replace("Smith", "O'Neill 5\" tall")
    delivery.put("child.csv", content)
    delivery.load()
    assert delivery.rows("child", "case_id, surname, _row") == [
        ("K1", 'Okafor "Ada"\nof Grays, Essex', 2),
        ("K2", "O'Neill 5\" tall", 3),
        ("K3", "Nowak", 4),
    ]


def test_a_stray_quotation_mark_costs_one_row(deliver: Deliver) -> None:
    delivery = deliver()
    delivery.put("child.csv", CHILDREN.replace("Okafor", '"Okafor') + 'K4,"Half')
    report = delivery.load()
    assert (report.rows_read, report.rows_quarantined) == (4, 2)
    assert delivery.rows("child", "case_id") == [("K2",), ("K3",)]
    assert [row[4] for row in delivery.quarantine()] == ["ragged_row", "ragged_row"]


def test_half_a_file_keeps_its_whole_rows(deliver: Deliver) -> None:
    delivery = deliver()
    delivery.put("child.csv", CHILDREN[: len(CHILDREN) - 12])
    report = delivery.load()
    assert (report.rows_loaded, report.rows_quarantined) == (2, 1)
    assert delivery.quarantine() == [
        ("child", 4, "the row has 4 cells where the header has 5", None, "ragged_row", None)
    ]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("2012-03-04", "", ("child", 2, "birth_date is missing", "birth_date", "missing_required", "K1")),
        ("2012-03-04", "May", ("child", 2, "birth_date is not a date", "birth_date", "unreadable_required", "K1")),
        (
            "2012-03-04",
            "01/01/1900",
            ("child", 2, "birth_date is a placeholder, not a date", "birth_date", "placeholder_required", "K1"),
        ),
        ("K1", "\N{NO-BREAK SPACE}", ("child", 2, "case_id is missing", "case_id", "missing_required", None)),
    ],
)
def test_a_row_without_what_it_needs_is_set_apart(
    deliver: Deliver, old: str, new: str, expected: tuple[object, ...]
) -> None:
    delivery = deliver()
    delivery.put("child.csv", CHILDREN.replace(old, new))
    delivery.load()
    assert delivery.quarantine() == [expected]
    assert len(delivery.rows("child", "case_id")) == 2


def test_an_optional_value_that_cannot_be_read_lands_empty_and_is_noted(deliver: Deliver) -> None:
    delivery = deliver()
    delivery.put(
        "request.csv",
        "request_id,case_id,received_date,source,rya,outcome_date\n"
        "R1,K1,2025-01-01,9,perhaps,31/12/9999\nR2,K2,2025-01-02,1,no,soon\n",
    )
    delivery.load()
    assert delivery.rows("request", "request_id, source, rya, outcome_date") == [
        ("R1", "9", None, None),
        ("R2", "1", False, None),
    ]
    assert delivery.query(
        'select record_id, column_name, problem, "value", _row from landing.issue order by record_id, column_name'
    ) == [
        ("R1", "outcome_date", "placeholder_date", "31/12/9999", 2),
        ("R1", "rya", "unreadable_boolean", "perhaps", 2),
        ("R1", "source", "unknown_code", "9", 2),
        ("R2", "outcome_date", "unreadable_date", "soon", 3),
    ]


@pytest.mark.parametrize("blank", [" ", "\t", "\x0b", "\xa0", "\u2007", "\u200b", "\u202f", "\ufeff"])
def test_blanks_about_a_value_are_none_of_it(deliver: Deliver, blank: str) -> None:
    delivery = deliver()
    delivery.put("child.csv", CHILDREN.replace("Okafor", f"{blank}Oka for").replace("Smith", f"Jos\u00e9{blank}"))
    delivery.load()
    assert delivery.rows("child", "case_id, surname") == [("K1", "Oka for"), ("K2", "Jos\u00e9"), ("K3", "Nowak")]


def test_reasons_name_columns_and_never_values(deliver: Deliver) -> None:
    delivery = deliver()
    delivery.put("child.csv", CHILDREN.replace("2012-03-04", "Okafor was born") + "K9,Secretname\n")
    delivery.load()
    told = str(delivery.quarantine()) + str(delivery.manifests())
    assert "Okafor" not in told
    assert "Secretname" not in told


def test_stray_marks_that_meet_do_not_swallow_the_rows_between(deliver: Deliver) -> None:
    header, *rows = CHILDREN.splitlines(keepends=True)
    plain = "".join(f"P{n},Ek,Di,2012-01-01,F\n" for n in range(150))
    stray = rows[0].replace("Okafor", '"Okafor')
    closing = rows[1].replace("Smith", 'Smith"')
    delivery = deliver()
    delivery.put("child.csv", header + stray + plain + stray + plain + closing + rows[2])
    report = delivery.load()
    assert (report.rows_read, report.rows_loaded, report.rows_quarantined) == (304, 302, 2)
    assert {row[4] for row in delivery.quarantine()} == {"ragged_row"}


def test_a_row_set_apart_keeps_its_text_as_it_was_delivered(deliver: Deliver) -> None:
    delivery = deliver(codes={"child": {"sex": {"Female": "F"}}})
    delivery.put(
        "child.csv",
        "case_id,surname,forename,birth_date,sex,notes,notes,\n"
        "K1,Okafor,Ada,, Female,one,two,\nK2,Smith,Ben,2012-01-01,M,one,two,three,four\n",
    )
    delivery.load()
    (path,) = (delivery.folder / "quarantine").rglob("*.parquet")
    raws = [json.loads(row[0]) for row in duckdb.execute("select raw from read_parquet(?)", [str(path)]).fetchall()]
    assert raws[0] | {"notes": None} == {
        **{"case_id": "K1", "surname": "Okafor", "forename": "Ada", "birth_date": "", "sex": " Female"},
        "notes": None,
    }
    assert list(raws[1].values()) == ["K2", "Smith", "Ben", "2012-01-01", "M", "one", "two", "three", "four"]


def test_a_record_taken_for_a_header_is_not_told(deliver: Deliver) -> None:
    delivery = deliver()
    delivery.put("child.csv", "K1,Okafor,Sex,04/03/2012,F\nK2,Nowak,Ben,05/06/2013,M\n")
    ((_, reason),) = delivery.load().refused
    assert "lacks columns" in reason
    assert "Okafor" not in str(delivery.manifests()) + reason


def test_long_texts_are_read_in_little_memory(deliver: Deliver) -> None:
    header = CHILDREN.splitlines()[0].replace("sex", "address")
    texts = "".join(f"K{n},Ek,Di,2012-01-01,{n % 7 * 'x'}{'y ' * 3_000}\n" for n in range(45_000))
    delivery = deliver()
    delivery.put("child.csv", f"{header}\n{texts}")
    report = delivery.load()
    assert (report.rows_loaded, report.refused) == (45_000, [])


def test_what_would_fill_the_memory_is_refused_and_the_rest_lands(deliver: Deliver) -> None:
    delivery = deliver()
    header = CHILDREN.splitlines()[0].replace("sex", "address")
    row = f"K1,Ek,Di,2012-01-01,{'x' * 2_000_000}\n"
    delivery.put("child.csv", f"{header}\n{row * 150}")
    delivery.put("caseworker.csv", "id,name\nW1,Worker\n")
    delivery.put("plan.csv", "plan_id" + "," * 20_000 + "\n")
    report = delivery.load()
    assert [file for file, _ in report.refused] == ["child.csv", "plan.csv"]
    assert "hold more text" in report.refused[0][1]
    assert "16,384 cells" in report.refused[1][1]
    assert len(delivery.rows("caseworker", "id")) == 1


def test_utf_32_is_known_by_its_mark(deliver: Deliver) -> None:
    delivery = deliver()
    delivery.put("child.csv", CHILDREN.encode("utf-32"))
    assert delivery.load().rows_loaded == 3


def test_an_error_that_excel_saved_as_text_is_no_value(deliver: Callable[..., Delivery]) -> None:
    delivery = deliver()
    delivery.put(
        "child.csv",
        "case_id,surname,forename,birth_date,postcode,address\nK1,Okafor,Ada,04/03/2012,#N/A,# 4 High St\n"
        "K2,Ek,Di,########,,\n",
    )
    assert delivery.load().rows_quarantined == 1
    assert delivery.rows("child", "case_id, postcode, address") == [("K1", None, "# 4 High St")]
    assert delivery.query("select column_name, problem from landing.issue") == [("postcode", "spreadsheet_error")]
    assert [row[2] for row in delivery.quarantine()] == ["birth_date is an error of the spreadsheet"]


def test_large_files_are_read_beside_each_other_with_the_same_result(
    deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivery = deliver()
    delivery.put("child.csv", CHILDREN + "K4,Lost,,not a date,M\n")
    delivery.put("request.csv", "case_id,nothing known\nK1,1\n")
    monkeypatch.setattr("connectors.reading.WORTH_A_WORKER_BYTES", 1)
    report = delivery.load()
    assert (report.rows_loaded, report.rows_quarantined) == (3, 1)
    assert [file for file, _ in report.refused] == ["request.csv"]
    assert [(row, problem) for _, row, _, _, problem, _ in delivery.quarantine()] == [(5, "missing_required")]
    assert [case for (case,) in delivery.rows("child", "case_id")] == ["K1", "K2", "K3"]
