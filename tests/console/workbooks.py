"""Fills in a workbook as a reader of it would."""

from __future__ import annotations

from pathlib import Path

import xlsxwriter
from python_calamine import CalamineWorkbook


def fill_in(sent: Path, back: Path, **values: str) -> Path:
    """The workbook with these values, by heading, in its first row; all else as it was sent."""
    with CalamineWorkbook.from_path(str(sent)) as book:
        rows = book.get_sheet_by_name("Findings").to_python()
    headings = [str(cell) for cell in rows[0]]
    for heading, value in values.items():
        rows[1][headings.index(heading)] = value
    with xlsxwriter.Workbook(str(back)) as written:
        sheet = written.add_worksheet("Findings")
        days = written.add_format({"num_format": "dd/mm/yyyy"})
        for number, row in enumerate(rows):
            for position, cell in enumerate(row):
                if hasattr(cell, "year"):
                    sheet.write_datetime(number, position, cell, days)
                else:
                    sheet.write(number, position, cell)
    return back
