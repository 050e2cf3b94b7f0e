"""``send retention`` and ``send subject-access``: data protection from the command line."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from connectors.errors import SendError
from flows.terminal import Json, output, print_json, progress
from warehouse.home import Home

DAY_FORMATS = ["%Y-%m-%d", "%d/%m/%Y"]

By = Annotated[str, typer.Option("--by", help="Your name, for the record.")]
Because = Annotated[str, typer.Option("--because", help="Why, for the record.")]


def retention(
    apply: Annotated[
        bool, typer.Option("--apply/--dry-run", help="Remove it; by default it is only said what would go.")
    ] = False,
    by: By = "",
    because: Because = "",
    child: Annotated[str | None, typer.Option(help="Everything of this one child: its erasure.")] = None,
    as_at: Annotated[
        datetime | None, typer.Option(formats=DAY_FORMATS, help="What is past its date on this day; by default today.")
    ] = None,
    json_output: Json = False,
) -> None:
    """Remove personal data that is past its date, everywhere, with a certificate; or all of one child."""
    from flows.start import run_retention

    if apply and (not by.strip() or not because.strip()):
        raise SendError('A removal needs who orders it and why: --apply --by NAME --because "..."')
    home = Home.from_environment()
    with progress("Looking for what is past its date", json_output) as tell:
        certificate = run_retention(
            home,
            by=by,
            because=because,
            child_id=child,
            as_at=as_at.date() if as_at else None,
            is_applied=apply,
            tell=tell,
        )
    if json_output:
        print_json(asdict(certificate))
    else:
        sys.stdout.write(certificate.as_text())
        if apply:
            output().print(f"The certificate is kept in {home.folder / 'certificates'}.", highlight=False)


def subject_access(
    child: Annotated[str, typer.Argument(help="The child's number, as the lists give it.")],
    out: Annotated[Path, typer.Option("--out", help="The ZIP file to write: personal data.")],
    by: By = "",
    because: Because = "",
    json_output: Json = False,
) -> None:
    """Write everything held on one child into one ZIP file, each value with where it came from."""
    from protection.subject_access import write_subject_access

    if not by.strip() or not because.strip():
        raise SendError('Access to all of a child\'s data needs who takes it and why: --by NAME --because "..."')
    with progress("Gathering what is held", json_output):
        given = write_subject_access(Home.from_environment(), child, out, by=by.strip(), because=because.strip())
    if json_output:
        print_json(asdict(given))
        return
    output().print(
        f"{given.rows:,} rows of {given.parts} tables are in {out}. Personal data, some of it of other people: begin "
        "with index.html, which says what to look at before it is handed over.",
        markup=False,
        highlight=False,
    )
