"""Workbooks: several sheets, real dates, numbers for text, and files made to fill the memory."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import pytest
import xlsxwriter

from tests.connectors.conftest import Delivery

Deliver = Callable[..., Delivery]

CHILD_HEADER = ["case_id", "surname", "forename", "birth_date", "nhs_number", "postcode"]


def workbook(sheets: Mapping[str, Sequence[Sequence[Any]]]) -> bytes:
    held = io.BytesIO()
    book = xlsxwriter.Workbook(held, {"in_memory": True})
    day = book.add_format({"num_format": "dd/mm/yyyy"})
    for name, rows in sheets.items():
        sheet = book.add_worksheet(name)
        for row, cells in enumerate(rows):
            for column, cell in enumerate(cells):
                if isinstance(cell, date):
                    sheet.write_datetime(row, column, datetime(cell.year, cell.month, cell.day), day)
                else:
                    sheet.write(row, column, cell)
    book.close()
    return held.getvalue()


def test_each_sheet_is_a_table_and_notes_are_passed_over(deliver: Deliver) -> None:
    delivery = deliver(kind="excel")
    delivery.put(
        "cases.xlsx",
        workbook(
            {
                "Read me": [["Made by the case system"], ["Ask Ann"]],
                "Child": [CHILD_HEADER, ["K1", "Okafor", "Ada", date(2012, 3, 4), 9434765919, "RM17 6SL"]],
                "Needs": [["Case Ref"], []],
                "Request": [["request_id", "case_id", "received_date", "rya"], ["R1", "K1", 45356, True]],
                "Empty": [],
            }
        ),
    )
    report = delivery.load()
    assert report.refused == []
    assert delivery.rows("child", "case_id, birth_date, nhs_number, _file, _row") == [
        ("K1", date(2012, 3, 4), "9434765919", "cases.xlsx#Child", 2)
    ]
    assert delivery.rows("request", "request_id, received_date, rya") == [("R1", date(2024, 3, 5), True)]


def test_titles_above_and_a_total_below(deliver: Deliver) -> None:
    delivery = deliver(kind="excel")
    rows: list[list[Any]] = [
        ["Children known to SEND"],
        [],
        CHILD_HEADER,
        ["K1", "Okafor", "Ada", "04/03/2012"],
        ["Total", 1],
    ]
    delivery.put("child.xlsx", workbook({"Sheet1": rows}))
    report = delivery.load()
    assert (report.rows_read, report.rows_loaded) == (2, 1)
    assert delivery.rows("child", "case_id, _row") == [("K1", 4)]
    assert [row[2] for row in delivery.quarantine()] == ["total row"]
    assert report.rows_furniture == 1
    assert [entry["rows_furniture"] for entry in delivery.manifests()[0]["files"]] == [1]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (["Sub-total", None, None, None, 12], "not_a_record"),
        ([None, None, "Total:", "1,204"], "not_a_record"),
        (["Total number of children: 2"], "not_a_record"),
        (["Total", "Okafor", "Ada", date(2012, 3, 4), "9434765919", "RM17 6SL"], None),
        (["Total Care 1", "Okafor", "Ada", date(2012, 3, 4)], None),
        (["K9", "Total", "Ada"], "missing_required"),
    ],
)
def test_a_total_is_no_record_wherever_it_stands_and_a_record_is_no_total(
    deliver: Deliver, row: list[Any], problem: str | None
) -> None:
    delivery = deliver(kind="excel")
    last = ["K1", "Okafor", "Ada", date(2012, 3, 4)]
    delivery.put("child.xlsx", workbook({"child": [CHILD_HEADER, row, last]}))
    report = delivery.load()
    assert [held[4] for held in delivery.quarantine()] == ([problem] if problem else [])
    assert (report.rows_read, report.rows_furniture) == (2, int(problem == "not_a_record"))


def test_a_sheet_named_after_a_table_is_refused_without_its_columns_and_the_others_land(deliver: Deliver) -> None:
    delivery = deliver(kind="excel")
    delivery.put(
        "cases.xlsx",
        workbook(
            {
                "child": [["case_id", "surname"], ["K1", "Okafor"]],
                "request": [["request_id", "case_id", "received_date"], ["R1", "K1", date(2024, 3, 5)]],
            }
        ),
    )
    for _ in range(2):
        report = delivery.load()
        ((file, reason),) = report.refused
        assert file == "cases.xlsx#child"
        assert "forename, birth_date" in reason
        assert len(delivery.rows("request", "request_id")) == 1
    assert len(delivery.manifests()) == 1


def test_a_lone_cell_far_out_does_not_fill_the_memory(deliver: Deliver) -> None:
    held = io.BytesIO()
    book = xlsxwriter.Workbook(held)
    sheet = book.add_worksheet("child")
    sheet.write_row(0, 0, CHILD_HEADER)
    sheet.write(1_048_575, 16_383, "x")
    book.close()
    delivery = deliver(kind="excel")
    delivery.put("child.xlsx", held.getvalue())
    assert "row 1,048,576" in delivery.load().refused[0][1]


def test_a_damaged_workbook_is_refused(deliver: Deliver) -> None:
    whole = workbook({"child": [CHILD_HEADER, ["K1", "Okafor", "Ada", date(2012, 3, 4)]]})
    delivery = deliver(kind="excel")
    delivery.put("half.xlsx", whole[: len(whole) // 2])
    delivery.put("text.xlsx", "case_id,surname")
    delivery.put("other.ods", whole)
    damaged = bytearray(whole)
    damaged[200:400] = bytes(200)
    delivery.put("worn.xlsx", bytes(damaged))
    delivery.put("empty.xlsx", workbook({"child": []}))
    assert [file for file, _ in delivery.load().refused] == [
        "empty.xlsx",
        "half.xlsx",
        "other.ods",
        "text.xlsx",
        "worn.xlsx",
    ]


def test_sheets_of_one_table_all_land(deliver: Deliver) -> None:
    delivery = deliver(kind="excel")
    sheets: dict[str, list[list[Any]]] = {
        name: [CHILD_HEADER, [f"K{name}", "Okafor", "Ada", 40000, "", ""]] for name in ("Primary", "Secondary")
    }
    delivery.put("children.xlsx", workbook(sheets))
    assert delivery.load().rows_loaded == 2
    files = [("KPrimary", "children.xlsx#Primary"), ("KSecondary", "children.xlsx#Secondary")]
    assert delivery.rows("child", "case_id, _file") == files
    assert not delivery.load().is_anything_new
    (delivery.folder / "extracts" / "children.xlsx").rename(delivery.folder / "extracts" / "again.xlsx")
    assert not delivery.load().is_anything_new
    delivery.settings["codes"] = {"child": {"sex": {"female": "F"}}}
    assert delivery.load().rows_loaded == 2
    assert len(delivery.rows("child", "case_id")) == 2
    delivery.put("again.xlsx", workbook({**sheets, "Post-16": [CHILD_HEADER, ["KP", "Okafor", "Ada", 40000, "", ""]]}))
    delivery.load()
    assert len(delivery.rows("child", "case_id")) == 3


def packed(rows: str, shared: str = "", sheet: str = "xl/worksheets/sheet1.xml") -> bytes:
    """A workbook written by hand, as no program writes one."""
    office = "http://schemas.openxmlformats.org"
    types = f"{office}/officeDocument/2006/relationships"
    main = f"{office}/spreadsheetml/2006/main"
    relations = f"<Relationships xmlns='{office}/package/2006/relationships'>"
    parts = {
        "[Content_Types].xml": f"<Types xmlns='{office}/package/2006/content-types'/>",
        "_rels/.rels": f"{relations}<Relationship Id='a' Type='{types}/officeDocument' Target='xl/workbook.xml'/>"
        "</Relationships>",
        "xl/workbook.xml": f"<workbook xmlns='{main}' xmlns:r='{types}'><sheets><sheet name='child' sheetId='1' "
        "r:id='a'/></sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f"{relations}<Relationship Id='a' Type='{types}/worksheet' "
        f"Target='{sheet.removeprefix('xl/')}'/><Relationship Id='b' Type='{types}/sharedStrings' "
        "Target='sharedStrings.xml'/></Relationships>",
        sheet: f"<worksheet xmlns='{main}'><sheetData>{rows}</sheetData></worksheet>",
        "xl/sharedStrings.xml": f"<sst xmlns='{main}'>{shared}</sst>",
    }
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as book:
        for name, text in parts.items():
            book.writestr(name, text)
    return held.getvalue()


def written_row(number: int, cells: Sequence[str], more: str = "") -> str:
    texts = (f"<c r='{'ABCDEF'[i]}{number}' t='inlineStr'><is><t>{cell}</t></is></c>" for i, cell in enumerate(cells))
    return f"<row r='{number}'>{''.join(texts)}{more}</row>"


CHILD_ROWS = written_row(1, CHILD_HEADER) + written_row(2, ["K1", "Okafor", "Ada", "2012-03-04"])


def test_a_workbook_written_by_hand_is_read(deliver: Deliver) -> None:
    delivery = deliver(kind="excel")
    shared = written_row(3, ["K2", "Smith", "Ben", "2012-03-04"], "<c r='F3' t='s'><v>1</v></c>")
    delivery.put("child.xlsx", packed(CHILD_ROWS + shared, "<si><t>x</t></si><si><t>RM17 6SL</t></si>"))
    assert delivery.load().rows_loaded == 2
    assert delivery.rows("child", "case_id, postcode") == [("K1", None), ("K2", "RM17 6SL")]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (packed(CHILD_ROWS + "<row r='1048576'><c r='xfd1048576'><v>1</v></c></row>"), "row 1,048,576, column 16,384"),
        (packed(CHILD_ROWS + "<row r='001048576'><c r='XFD001048576'><v>1</v></c></row>"), "row 1,048,576"),
        (
            packed(CHILD_ROWS + "<row r='1048576'>" + "<c><v>1</v></c>" * 1_000 + "</row>"),
            "row 1,048,576, column 1,000",
        ),
        (
            packed(CHILD_ROWS + "<row r='1048576'><c r='XFD1048576'/></row>", sheet="xl/other/child.bin"),
            "column 16,384",
        ),
        (
            packed(
                written_row(1, CHILD_HEADER)
                + "".join(f"<row r='{n}'><c r='A{n}' t='s'><v>0</v></c></row>" for n in range(2, 20_000)),
                f"<si><t>{'x' * 32_000}</t></si>",
            ),
            "MB of text",
        ),
    ],
    ids=["lower case", "noughts", "no place", "another folder", "shared text"],
)
def test_what_would_fill_the_memory_is_refused_however_it_is_written(
    deliver: Deliver, content: bytes, reason: str
) -> None:
    delivery = deliver(kind="excel")
    delivery.put("child.xlsx", content)
    assert reason in delivery.load().refused[0][1]


def test_a_long_shared_text_in_few_cells_is_no_fault(deliver: Deliver) -> None:
    rows = "".join(
        written_row(n, [f"K{n}", "Ek", "Di", "2012-01-01"], f"<c r='E{n}' t='s'><v>{int(n == 2)}</v></c>")
        for n in range(2, 12_000)
    )
    shared = f"<si><t>9434765919</t></si><si><t>{'x' * 32_000}</t></si>"
    delivery = deliver(kind="excel")
    delivery.put("child.xlsx", packed(written_row(1, CHILD_HEADER) + rows, shared))
    assert delivery.load().rows_loaded == 11_998


def test_the_size_that_a_workbook_declares_is_not_believed(deliver: Deliver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.readers.excel.MAX_UNPACKED_BYTES", 2**20)
    content = bytearray(packed(CHILD_ROWS, f"<si><t>{'x' * 2**21}</t></si>"))
    for mark, place in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = content.rindex(mark, 0, content.rindex(mark) + 4) + place
        content[at : at + 4] = (100).to_bytes(4, "little")
    delivery = deliver(kind="excel")
    delivery.put("child.xlsx", bytes(content))
    assert "unpacks to more than" in delivery.load().refused[0][1]


def test_a_long_number_keeps_its_digits(deliver: Deliver) -> None:
    delivery = deliver(kind="excel")
    delivery.put("child.xlsx", workbook({"child": [CHILD_HEADER, [4503599627370497, "Okafor", "Ada", 40000]]}))
    delivery.load()
    assert delivery.rows("child", "case_id") == [("4503599627370497",)]


def test_an_error_of_the_spreadsheet_is_told_of_its_cell_and_is_no_blank(deliver: Deliver) -> None:
    held = io.BytesIO()
    book = xlsxwriter.Workbook(held, {"in_memory": True})
    sheet = book.add_worksheet("child")
    sheet.write_row(0, 0, [*CHILD_HEADER, "sex", "uprn", "nc_year"])
    sheet.write_row(1, 0, ["K1", "Okafor", "Ada", "04/03/2012"])
    for column, error in ((5, "#N/A"), (6, "#REF!"), (7, "#VALUE!")):
        sheet.write_formula(1, column, "=NA()", None, error)
    sheet.write_row(2, 0, ["K2", "Smith", "Ben"])
    sheet.write_formula(2, 3, "=1/0", None, "#DIV/0!")
    sheet.write_row(3, 0, ["K3", "", "Cy", "04/03/2012"])
    sheet.write_formula(3, 1, "=NAME()", None, "#NAME?")
    book.close()
    delivery = deliver(kind="excel")
    delivery.put("child.xlsx", held.getvalue())
    report = delivery.load()
    assert (report.rows_read, report.rows_loaded, report.rows_quarantined) == (3, 1, 2)
    issues = delivery.query('select column_name, problem, "value", _file, _row from landing.issue order by all')
    assert issues == [
        ("postcode", "spreadsheet_error", "#N/A", "child.xlsx#child", 2),
        ("sex", "spreadsheet_error", "#REF!", "child.xlsx#child", 2),
        ("uprn", "spreadsheet_error", "#VALUE!", "child.xlsx#child", 2),
    ]
    assert delivery.rows("child", "postcode, sex, uprn") == [(None, None, None)]
    assert [row[2:5] for row in delivery.quarantine()] == [
        ("birth_date is an error of the spreadsheet", "birth_date", "unreadable_required"),
        ("surname is an error of the spreadsheet", "surname", "unreadable_required"),
    ]
