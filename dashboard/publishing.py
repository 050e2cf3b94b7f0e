"""Writes what the product ``dashboard`` has beside its tables: both sites, the board pack and the workbooks."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb

from connectors.apart import end_with_parent
from connectors.errors import SendError
from connectors.unforeseen import told_without_data
from dashboard.edition import PACK, PRODUCT, SITES, WORKBOOK, Comment, read_edition
from dashboard.pack import write_pack
from dashboard.pages import write_site
from dashboard.workbook import write_workbook

WORTH_A_PROCESS = 200_000
"""So many public figures take longer to write than a process takes to start, which does it beside the board's."""


class PagesNotMade(SendError):
    """The process that makes the public's pages stopped; the message has the place in the code and no data."""


def write_pages(folder: Path, comments: Mapping[str, Sequence[Comment]], drawings: Path) -> None:
    """Writes both sites below ``folder``, which has the product's tables; ``comments`` are the board's alone.

    Charts drawn before with the same data are taken from ``drawings``. Raises ``PagesNotMade``.
    """
    with _opened(folder) as connection:
        (figures,) = connection.execute("select count(*) from indicator_public").fetchone() or (0,)
        if figures < WORTH_A_PROCESS:
            for audience in SITES:
                _write_site(connection, audience, folder, comments, drawings)
        else:
            with _public_beside(folder, drawings):
                _write_site(connection, "board", folder, comments, drawings)


def _opened(folder: Path) -> duckdb.DuckDBPyConnection:
    path = str(folder / f"{PRODUCT}.duckdb")
    return duckdb.connect(path, read_only=True, config={"threads": "2", "memory_limit": "500MB"})


def _write_site(
    connection: duckdb.DuckDBPyConnection,
    audience: str,
    folder: Path,
    comments: Mapping[str, Sequence[Comment]],
    drawings: Path,
) -> None:
    """Writes what one audience gets."""
    edition = read_edition(connection, audience, comments)
    site = folder / SITES[audience]
    write_site(connection, edition, site, drawings)
    write_workbook(edition, site / WORKBOOK)
    if audience == "board":
        write_pack(edition, site / PACK, drawings)


@contextmanager
def _public_beside(folder: Path, drawings: Path) -> Iterator[None]:
    """Meanwhile, the public's site is written by a process of its own, which ends with this one.

    Raises ``PagesNotMade`` at the end.
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "dashboard.publishing", str(folder), str(drawings)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    ) as process:
        assert process.stdin and process.stdout
        try:
            yield
            # Nothing is said while all goes well; what it reads must stay open, or it would take us for gone.
            problem = process.stdout.read()
        except BaseException:
            process.kill()
            raise
        process.stdin.close()
        if process.wait():
            raise PagesNotMade(
                problem.strip()
                or "The public's pages were not made: the process that makes them ended, perhaps for want of memory. "
                "What was published stands. Run it again: send run"
            )


def main() -> int:
    """The process: writes the public's site below the folder named first, with the drawings of the second."""
    threading.Thread(target=end_with_parent, daemon=True).start()
    folder, drawings = map(Path, sys.argv[1:])
    try:
        with _opened(folder) as connection:
            _write_site(connection, "public", folder, {}, drawings)
    except SendError as error:
        print(error)
        return 1
    except Exception as error:
        # A library's message may quote the value it failed on: only the kind of error and the places leave here.
        print(told_without_data("write_pages", error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
