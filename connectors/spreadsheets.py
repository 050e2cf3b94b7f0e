"""What people take along into a spreadsheet: cells and sheets in which no text becomes a formula or a link."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from connectors.errors import SendError

FORMULA_BEGINNINGS = ("=", "+", "-", "@", "\t", "\r")
AS_TEXT = {
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
    "default_date_format": "dd/mm/yyyy",
}
"""How XlsxWriter opens a workbook of ours: every text is written as text."""
ROW_BY_ROW = {**AS_TEXT, "constant_memory": True}
"""The same for large ones, of which each row is written out before the next."""
EXCEL_ROWS, EXCEL_CELL = 1_048_576, 32_767


class SheetTooLong(SendError):
    """A sheet has more rows than Excel can hold."""


def safe_cell(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula (OWASP, CSV injection); days and times as ISO texts."""
    if isinstance(value, str) and value.startswith(FORMULA_BEGINNINGS):
        return "'" + value
    return value.isoformat() if isinstance(value, date) else value


def write_sheet(book: Any, name: str, headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """Adds a sheet with a bold header that stays in sight and can be filtered; gives the number of rows below it.

    Raises ``SheetTooLong`` past Excel's rows.
    """
    sheet = book.add_worksheet(name)
    sheet.freeze_panes(1, 0)
    bold = book.add_format({"bold": True})
    for position, heading in enumerate(headings):
        sheet.set_column(position, position, max(14, len(heading) + 2))
        sheet.write_string(0, position, heading, bold)
    count = 0
    for row in rows:
        count += 1
        if count >= EXCEL_ROWS:
            raise SheetTooLong(
                f"{name} has more rows than Excel can hold. Take it as CSV (send lists NAME --csv FILE), or as Parquet "
                "from the product's folder."
            )
        for position, value in enumerate(row):
            write_cell(sheet, count, position, value)
    sheet.autofilter(0, 0, count, len(headings) - 1)
    return count


def write_cell(sheet: Any, row: int, position: int, value: Any) -> None:
    """Writes days and numbers as such, yes or no in words, everything else as text; nothing for None."""
    if value is None:
        return
    if isinstance(value, bool):
        sheet.write_string(row, position, "yes" if value else "no")
    elif isinstance(value, date | datetime):
        sheet.write_datetime(row, position, value)
    elif isinstance(value, int | float | Decimal):
        sheet.write_number(row, position, value)
    else:
        sheet.write_string(row, position, str(value)[:EXCEL_CELL])
