"""``send sen2``: the SEN2 return, from the warehouse of the last run to the signed-off file and back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from connectors.errors import SendError
from flows.settings import LONDON
from flows.terminal import Json, print_json, print_rows, progress
from warehouse.home import Home

HELD = 1
SOFTWARE_CODE = "SEND warehouse"

sen2 = typer.Typer(
    name="sen2",
    help="The SEN2 return: build, check, explain, sign off, export, compare, reproduce, trace.",
    no_args_is_help=True,
)

Release = Annotated[str, typer.Option(help="Release written into the header.")]
Serial = Annotated[int, typer.Option(min=1, max=999, help="Serial number written into the header.")]
DateTime = Annotated[
    datetime,
    typer.Option(formats=["%Y-%m-%dT%H:%M:%S"], help="Date and time written into the header; not the clock's."),
]


Year = Annotated[int | None, typer.Option(help="January of which year; by default that of the survey in hand.")]


def _in_hand(year: int | None) -> int:
    from returns.surveys import survey_in_hand

    return year or survey_in_hand(datetime.now(LONDON).date()).year


def _store(home: Home) -> Any:
    from operations.store import OperationsStore

    return OperationsStore(home.operations_url)


def _stamp(release: str, serial: int, date_time: datetime) -> Any:
    from returns.xml import Stamp

    return Stamp(software_code=SOFTWARE_CODE, release=release, serial_number=serial, date_time=date_time)


@sen2.command()
def specification(
    year: Year = None,
    json_output: Json = False,
) -> None:
    """List what of the year's specification nobody has verified against DfE's own."""
    from returns.specification import read_specification, unverified

    chosen = _in_hand(year)
    supposed = unverified(read_specification(chosen))
    if json_output:
        print_json([asdict(entry) for entry in supposed])
    else:
        print_rows(
            f"Not verified for {chosen}", ["place", "what", "source"], [(e.place, e.what, e.why) for e in supposed]
        )


@sen2.command()
def build(json_output: Json = False) -> None:
    """Load what is new, build the return anew with the rest of the warehouse, and check it."""
    from flows.start import run_season

    home = Home.from_environment()
    with progress("Starting", json_output) as tell:
        checked = run_season(home, tell)
    _tell(home, checked, json_output)


@sen2.command()
def check(json_output: Json = False) -> None:
    """Run every rule on the return as it stands: errors to mend, queries to explain."""
    from returns.standing import check_return

    home = Home.from_environment()
    with progress("Checking the return", json_output):
        checked = check_return(home, _store(home))
    _tell(home, checked, json_output)


def _tell(home: Home, checked: Any, is_json: bool) -> None:
    from checks.rules import NEEDS
    from connectors.failed_loads import failed_loads
    from flows.summary import failures_as_markdown
    from returns.standing import counts_by_rule

    not_loaded = failed_loads(home.warehouse.parent)
    lines = counts_by_rule(checked.findings)
    if is_json:
        headings = ("severity", "rule_id", "name", "found", "explained")
        print_json(
            {
                "year": checked.year,
                "reference_date": checked.reference_date,
                "as_at": checked.as_at,
                "known_at": checked.known_at,
                "rows": checked.rows,
                "rules": [dict(zip(headings, line, strict=True)) for line in lines],
                "not_applicable": [result.rule_id for result in checked.not_applicable],
                "held_by": checked.held_by,
                "loads_failed": [asdict(load) for load in not_loaded],
            }
        )
    else:
        print_rows(f"SEN2 {checked.year}", ["severity", "rule", "what it says", "found", "explained"], lines)
        out = Console(stderr=True, soft_wrap=True)
        rows = ", ".join(f"{count:,} {table}" for table, count in checked.rows.items())
        out.print(f"SEN2 {checked.year}, as at {checked.as_at}: {rows}.", highlight=False)
        for needed, count in sorted(Counter(result.rule.needs for result in checked.not_applicable).items()):
            advice = "send sen2 import" if needed == "previous_return" else "the extract dfe_ehc_plans"
            rules = "1 rule" if count == 1 else f"{count} rules"
            out.print(f"Not applicable without {NEEDS[str(needed)]}: {rules} ({advice}).", highlight=False)
        ready = "Ready to be signed off: send sen2 sign-off"
        for line in failures_as_markdown(not_loaded):
            out.print(line.replace("**", ""), highlight=False, markup=False)
        out.print(f"{len(checked.held_by)} reasons hold it." if checked.held_by else ready, highlight=False)
    if checked.held_by:
        raise typer.Exit(HELD)


@sen2.command()
def explain(
    rule: Annotated[str, typer.Argument(help="The rule whose queries are explained.")],
    because: Annotated[str, typer.Option(help="The explanation. No names: it goes to DfE.")],
    by: Annotated[str, typer.Option(help="Who explains.")],
    child: Annotated[str | None, typer.Option(help="Only this child's (child id).")] = None,
) -> None:
    """Explain a rule's queries; the explanation stays for as long as the same record raises the same query."""
    from returns.standing import explain_queries

    home = Home.from_environment()
    count = explain_queries(home, _store(home), rule_id=rule, child_id=child, explanation=because, author=by)
    Console(soft_wrap=True).print(f"{count:,} queries of {rule} are explained.")


@sen2.command("sign-off")
def sign_off_return(
    by: Annotated[str, typer.Option(help="Who signs for the return.")],
    release: Release,
    serial: Serial,
    date_time: DateTime,
    json_output: Json = False,
) -> None:
    """Sign the return off: checked anew, written, validated, and kept for good."""
    from returns.kept import version_folder
    from returns.versions import ReturnHeld, sign_off

    home = Home.from_environment()
    with progress("Signing off", json_output):
        try:
            version = sign_off(home, _store(home), by=by, stamp=_stamp(release, serial, date_time))
        except ReturnHeld as held:
            Console(stderr=True, soft_wrap=True, highlight=False).print(str(held), markup=False)
            raise typer.Exit(HELD) from None
    if json_output:
        print_json({**asdict(version), "folder": str(version_folder(home, version))})
    else:
        Console(soft_wrap=True, highlight=False).print(
            f"Version {version.version} of the {version.year} return is signed off by {version.signed_off_by}, "
            f"SHA-256 {version.content}: {version_folder(home, version)}. Personal data: keep it safe."
        )


@sen2.command()
def export(
    release: Release = "draft",
    serial: Serial = 1,
    date_time: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%dT%H:%M:%S"], help="Date and time in the header; by default the survey day."),
    ] = None,
    xml: Annotated[Path | None, typer.Option(help="Write the XML for COLLECT to this file.")] = None,
    blade: Annotated[Path | None, typer.Option(help="Write the nine Blade tables to this folder.")] = None,
    template: Annotated[Path | None, typer.Option(help="Write DfE's data-entry template to this workbook.")] = None,
    workbook: Annotated[Path | None, typer.Option(help="Write the pre-submission workbook to this file.")] = None,
) -> None:
    """Write the return as it stands, signed off or not, in any of its shapes. A draft: what counts is the sign-off."""
    from returns.blade import write_blade
    from returns.specification import read_specification
    from returns.standing import check_opened, open_return
    from returns.surveys import survey_of_year
    from returns.workbook import write_presubmission, write_template
    from returns.xml import write_xml
    from returns.xsd import validate

    if not (xml or blade or template or workbook):
        raise SendError("Say what to write: --xml FILE, --blade FOLDER, --template FILE or --workbook FILE.")
    home = Home.from_environment()
    with progress("Writing the return"), open_return(home.warehouse, home.temporary) as connection:
        (year,) = connection.execute("select year from sen2.sen2_header").fetchone() or (0,)
        known = read_specification(year)
        written_at = date_time or datetime.combine(survey_of_year(year).survey_day, datetime.min.time())
        stamp = _stamp(release, serial, written_at)
        writers: list[tuple[Path | None, Callable[[Path], object]]] = [
            (xml, lambda path: write_xml(connection, known, path, stamp)),
            (blade, lambda path: write_blade(connection, known, path, stamp, written_at.date())),
            (template, lambda path: write_template(connection, known, path, stamp)),
            (workbook, lambda path: write_presubmission(connection, known, path, stamp)),
        ]
        for target, write in writers:
            if target is not None:
                write(target)
        invalid = validate(xml, known) if xml else []
        errors = len(check_opened(connection, _store(home), home).errors)
    faults = [f"{errors:,} errors found by the rules"] * (errors > 0)
    faults += [f"{len(invalid):,} places that break the schema, the first at line {i.line:,}" for i in invalid[:1]]
    told = f", with {' and '.join(faults)}" if faults else ""
    Console(soft_wrap=True, highlight=False).print(f"Written{told}. Personal data: keep it where such data may be.")


@sen2.command()
def compare(
    was: Annotated[str, typer.Argument(help="A version's number, a file, a Blade folder, or standing.")],
    now: Annotated[str, typer.Argument(help="The same; by default the return as it stands.")] = "standing",
    year: Year = None,
    json_output: Json = False,
) -> None:
    """Compare two returns record by record and item by item: versions, last year's file, a Blade export."""
    from returns.comparison import compared

    home = Home.from_environment()
    with progress("Comparing", json_output):
        found = compared(home, was, now, _in_hand(year))
    if json_output:
        print_json([asdict(difference) for difference in found])
    else:
        rows = [(d.kind, d.module, d.person_id, d.requests_id, d.number, d.item, d.was, d.now) for d in found]
        print_rows("Differences", ["kind", "module", "person", "request", "number", "item", "was", "now"], rows)


@sen2.command("import")
def import_return(
    path: Annotated[Path, typer.Argument(help="An earlier year's XML, template or workbook, or Blade folder.")],
    year: Annotated[
        int | None, typer.Option(help="January of which year, where the file does not say; by default last year's.")
    ] = None,
    records: Annotated[
        Path | None,
        typer.Option(help="Also write its records to this workbook, the start of an ehc_case extract to complete."),
    ] = None,
    json_output: Json = False,
) -> None:
    """Take in an earlier year's return: this year's is held against it, and it can start a council's records."""
    import duckdb

    from returns.previous import SCHEMA, take_in
    from returns.records import write_records

    home = Home.from_environment()
    with progress("Taking in the return", json_output), home.lock(), duckdb.connect() as connection:
        reading = take_in(home, path, year or _in_hand(None) - 1, connection)
        started = write_records(connection, SCHEMA, reading.year, records) if records else None
    if json_output:
        print_json({"year": reading.year, "rows": reading.rows, "records": started and asdict(started)})
        return
    out = Console(soft_wrap=True, highlight=False)
    out.print(f"The return of {reading.year} is taken in: {reading.rows['sen2_person']:,} persons. Personal data.")
    if started:
        out.print(f"{records} holds {sum(started.rows.values()):,} records. In send.yml, below sources:")
        out.print(f"  ehc_case: {{kind: excel, path: {records}}}", markup=False)
        for table, column, count in started.to_complete:
            out.print(f"To complete: {table}.{column}, {count:,} times.")


@sen2.command("reproduce")
def reproduce_version(
    number: Annotated[int, typer.Argument(help="The version, for example 1.")],
    year: Year = None,
) -> None:
    """Rebuild a signed-off version from the landing and compare it with what was signed, byte for byte."""
    from returns.kept import signed_version
    from returns.versions import reproduce

    home = Home.from_environment()
    version = signed_version(home, _in_hand(year), number)
    with progress("Rebuilding the return"):
        content = reproduce(home, version)
    Console(soft_wrap=True, highlight=False).print(f"Version {number} is reproduced to the byte: SHA-256 {content}.")


@sen2.command()
def trace(
    person: Annotated[str, typer.Argument(help="The child id.")],
    item: Annotated[str | None, typer.Argument(help="One item's tag, for example ReceivedDate.")] = None,
    json_output: Json = False,
) -> None:
    """Show where each value of one person came from: models, source file and row. Shows personal data."""
    from returns.specification import read_specification
    from returns.standing import open_return
    from returns.trace import trace as traced

    home = Home.from_environment()
    with open_return(home.warehouse, home.temporary) as connection:
        (year,) = connection.execute("select year from sen2.sen2_header").fetchone() or (0,)
        found = traced(connection, read_specification(year), person, item)
    if json_output:
        print_json([asdict(step) for step in found])
    else:
        rows = [
            (t.table, t.record, t.tag, t.value, t.record_id, t.source_file, t.source_row, " < ".join(t.models))
            for t in found
        ]
        print_rows(person, ["table", "record", "item", "value", "source record", "file", "row", "made from"], rows)
        for corrected in dict.fromkeys(text for step in found for text in step.corrections):
            Console(soft_wrap=True, highlight=False).print(f"CORRECTED {corrected}", markup=False)
