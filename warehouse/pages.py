"""The warehouse's own pages, made by dbt: every model and column with its meaning, its contract and its lineage.

One file that a browser opens from disk; it fetches nothing.
"""

from __future__ import annotations

import os
from pathlib import Path

from connectors.errors import SendError
from warehouse.build import PROJECT, BuildFailed
from warehouse.home import Home


class NoWarehouse(SendError):
    """There is no warehouse yet to describe."""


def write_pages(home: Home) -> Path:
    """Writes the pages of the warehouse as last built, and says where.

    Raises ``NoWarehouse`` before the first run, ``HomeBusy`` while one is at work, ``BuildFailed``.
    """
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner

    if not home.warehouse.exists():
        raise NoWarehouse("No warehouse has been built yet. Build one first: send run")
    os.environ["SEND_WAREHOUSE"] = str(home.warehouse)
    target = home.pages.parent / ".dbt"
    options = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT), "--target-path", str(target)]
    options += ["--quiet", "--log-level", "none", "--log-level-file", "none", "--no-print", "--static"]
    with home.lock("docs"):
        try:
            done = dbtRunner().invoke(["docs", "generate", *options])
        finally:
            DuckDBConnectionManager.close_all_connections()
    if not done.success:
        raise BuildFailed(f"The pages could not be written: dbt stopped on a {type(done.exception).__name__}.")
    (target / "static_index.html").replace(home.pages)
    return home.pages
