"""Cells of what people take along into a spreadsheet."""

from __future__ import annotations

from datetime import date
from typing import Any

FORMULA_BEGINNINGS = ("=", "+", "-", "@", "\t", "\r")


def safe_cell(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula (OWASP, CSV injection); days and times as ISO texts."""
    if isinstance(value, str) and value.startswith(FORMULA_BEGINNINGS):
        return "'" + value
    return value.isoformat() if isinstance(value, date) else value
