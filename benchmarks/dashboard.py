"""``make bench-dashboard``: how long the whole dashboard takes for 60 months of 80 indicators, from nothing and again.

The first time every chart is drawn; the second, as on a night when nothing has changed, none.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from connectors.configuration import DashboardSettings
from dashboard.publishing import write_pages
from dashboard.suppression import suppress
from tests.dashboard.invented import invented_edition, publish_tables

KINDS_OF_INDICATOR = 6


def main() -> None:
    """Makes the invented edition and prints each step's seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--months", type=int, default=60)
    parser.add_argument("--indicators", type=int, default=80)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copies = -(-wanted.indicators // KINDS_OF_INDICATOR)
        with invented_edition(months=wanted.months, monthly=60, copies=copies) as connection:
            settings = DashboardSettings()
            connection.execute("set schema = 'main'")
            started = time.perf_counter()
            suppress(connection, settings.board, settings.public)
            print(f"suppression    {time.perf_counter() - started:6.1f} s")
            publish_tables(connection, folder)
        for what in ("pages, new", "pages, again"):
            started = time.perf_counter()
            write_pages(folder, {}, folder / "drawings")
            print(f"{what:14} {time.perf_counter() - started:6.1f} s")
        print(f"{len(list(folder.rglob('*.html')))} pages of {wanted.months} months")


if __name__ == "__main__":
    main()
