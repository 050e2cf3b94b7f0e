"""``send backfill``: past days from the command line."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer

from flows.terminal import Json, print_json, print_rows, progress
from warehouse.home import Home

DAY_FORMATS = ["%Y-%m-%d", "%d/%m/%Y"]


def backfill(
    first: Annotated[datetime, typer.Option("--from", formats=DAY_FORMATS, help="The first day.")],
    last: Annotated[datetime, typer.Option("--to", formats=DAY_FORMATS, help="The last day.")],
    known: Annotated[
        bool, typer.Option("--known", help="Each day as it was known then; by default as known now.")
    ] = False,
    again: Annotated[bool, typer.Option("--again", help="Make days anew that would come out the same.")] = False,
    json_output: Json = False,
) -> None:
    """Make the products of past days and keep them beside what is published."""
    from flows.start import run_backfill

    with progress("Starting", json_output) as tell:
        done = run_backfill(Home.from_environment(), first.date(), last.date(), known, again, tell)
    if json_output:
        print_json(asdict(done))
        return
    rows = [
        (made.day, made.outcome, made.known_at, ", ".join(made.products), ", ".join(made.held)) for made in done.days
    ]
    print_rows(f"Kept in {done.folder}", ["day", "outcome", "known_at", "products", "held"], rows)
