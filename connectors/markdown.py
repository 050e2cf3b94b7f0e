"""Tables of the generated pages in ``docs/``."""

from __future__ import annotations

from collections.abc import Iterable


def table_row(cells: Iterable[str]) -> str:
    """One row of a Markdown table; what a cell says cannot end the cell or the row."""
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
