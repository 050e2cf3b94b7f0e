"""Workbooks: several sheets, real dates, numbers for text, and files made to fill the memory."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

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
