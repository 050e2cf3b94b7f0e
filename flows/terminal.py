"""How commands speak to a person at a terminal, and to programs."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

Json = Annotated[bool, typer.Option("--json", help="Answer as JSON, for programs.")]


def output() -> Console:
    """The console on standard output."""
    return Console(soft_wrap=True)


@contextmanager
def progress(text: str, is_quiet: bool = False) -> Iterator[Any]:
    """A spinner on a terminal, nothing at all elsewhere. Gives a function that changes its text."""
    console = Console(stderr=True)
    if is_quiet or not console.is_terminal:
        yield lambda _text: None
        return
    with console.status(text) as status:
        yield lambda changed: status.update(changed)


def print_json(value: Any) -> None:
    """Writes a value as JSON."""
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")


def print_rows(title: str, headings: list[str], rows: list[tuple[Any, ...]]) -> None:
    """Writes rows as a table on a terminal, elsewhere as tab-separated lines."""
    if not sys.stdout.isatty():
        writer = csv.writer(sys.stdout, delimiter="\t", lineterminator="\n")
        writer.writerow(headings)
        writer.writerows(rows)
        return
    table = Table(title=title)
    for heading in headings:
        table.add_column(heading)
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row))
    output().print(table)
