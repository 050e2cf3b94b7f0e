"""Writes what the product ``dashboard`` has beside its tables: both sites, the board pack and the workbooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb

from dashboard.edition import PACK, PRODUCT, SITES, WORKBOOK, Comment, read_edition
from dashboard.pack import write_pack
from dashboard.pages import write_site
from dashboard.workbook import write_workbook


def write_pages(folder: Path, comments: Mapping[str, Sequence[Comment]], drawings: Path) -> None:
    """Writes both sites below ``folder``, which has the product's tables; ``comments`` are the board's alone.

    Charts drawn before with the same data are taken from ``drawings``.
    """
    with duckdb.connect(
        str(folder / f"{PRODUCT}.duckdb"), read_only=True, config={"threads": "2", "memory_limit": "500MB"}
    ) as connection:
        for audience, name in SITES.items():
            edition = read_edition(connection, audience, comments)
            site = folder / name
            write_site(connection, edition, site, drawings)
            write_workbook(edition, site / WORKBOOK)
            if audience == "board":
                write_pack(edition, site / PACK, drawings)
