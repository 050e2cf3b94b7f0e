"""The ``send`` command.

Exit codes: 0 all published, 1 a gate held a product, 2 the run failed, 64 wrong usage.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.markdown import Markdown

from connectors.errors import SendError
from connectors.unforeseen import told_without_data
from flows.backfilling import backfill
from flows.console import console
from flows.dashboard import dashboard
from flows.findings import findings
from flows.identity import identity
from flows.operations import operations
from flows.protection import retention, subject_access
from flows.publishing import publish
from flows.regions import region
from flows.sen2 import sen2
from flows.serving import automations, serve
from flows.settings import LONDON, prepare_environment
from flows.terminal import Json, output, print_json, print_rows, progress
from flows.upkeep import docs, notices
from warehouse.home import Home

HELD, FAILED, WRONG_USAGE = 1, 2, 64
_TYPER_WRONG_USAGE = 2  # our own failures are SendErrors, so this code always means a mistyped command

app = typer.Typer(
    name="send",
    help="The SEND warehouse of an English local authority: extracts in, checked lists out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.add_typer(sen2)
app.add_typer(identity)
app.add_typer(findings)
app.add_typer(operations)
app.add_typer(console)
app.add_typer(dashboard)
app.command()(publish)
app.command()(backfill)
app.add_typer(region)
app.command()(retention)
app.command("subject-access")(subject_access)
app.command()(serve)
app.command()(automations)
app.add_typer(notices)
app.command()(docs)

DAY_FORMATS = ["%Y-%m-%d", "%d/%m/%Y"]


def _moment(text: str) -> datetime:
    """A moment in UTC; a bare day is its last second in London, so that all of that day was known."""
    for day_format in DAY_FORMATS:
        with suppress(ValueError):
            day = datetime.strptime(text, day_format).replace(hour=23, minute=59, second=59, tzinfo=LONDON)
            return day.astimezone(UTC).replace(tzinfo=None)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no day such as 2026-01-20 and no time such as 2026-01-20T18:00:00."
        ) from None
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _dirt_of(texts: list[str]) -> tuple[float, dict[str, float]]:
    """The overall share of dirt, and the shares of kinds by name."""
    overall, kinds = 0.0, {}
    for text in texts:
        kind, is_named, share = text.rpartition("=")
        try:
            value = float(share)
        except ValueError:
            raise typer.BadParameter(
                f"{text!r} is no share such as 0.05 and none of a kind such as utf_16=0.2."
            ) from None
        if not 0 <= value <= 0.2:
            raise typer.BadParameter(f"{text!r} is not a share from 0 to 0.2.")
        if is_named:
            kinds[kind] = value
        else:
            overall = value
    return overall, kinds


@app.command()
def demo(
    seed: Annotated[int, typer.Option(help="The number the borough is made from.")] = 883,
    la: Annotated[str, typer.Option(help="Three-digit code of the LA whose published figures shape it.")] = "883",
    published: Annotated[
        Path | None, typer.Option(help="DfE's education, health and care plans release (zip), for any LA.")
    ] = None,
    children: Annotated[int, typer.Option(min=50, help="Pupils in the borough.")] = 45_000,
    as_at: Annotated[datetime, typer.Option(formats=DAY_FORMATS, help="The borough's today.")] = datetime(2026, 11, 2),
    faults: Annotated[Literal["default", "none"], typer.Option(help="Which faults to plant.")] = "default",
    dirt: Annotated[
        list[str] | None,
        typer.Option(
            help="Share of rows and files to spoil, such as 0.05 for all kinds together; or of one kind, such as "
            "utf_16=0.2. May be repeated.",
        ),
    ] = None,
    list_dirt: Annotated[bool, typer.Option("--list-dirt", help="Only say which kinds of dirt there are.")] = False,
    slips: Annotated[
        float,
        typer.Option(min=0, max=0.3, help="Share of children that each service gets wrong in name, date or number."),
    ] = 0.04,
    if_absent: Annotated[bool, typer.Option(help="Do nothing where the home has a configuration already.")] = False,
    json_output: Json = False,
) -> None:
    """Make an invented borough with its extracts, the truth beside them, and a configuration to run on."""
    from flows.configuring import refuse_foreign_configuration, write_demo_configuration
    from synthetic.borough import make_borough
    from synthetic.dirt import DIRT
    from synthetic.faults import FAULTS

    if list_dirt:
        if json_output:
            print_json({"dirt": DIRT, "faults": FAULTS})
        else:
            rows = [*DIRT.items(), *FAULTS.items()]
            print_rows("What send demo --dirt NAME=SHARE can plant", ["name", "what it is"], rows)
        return
    overall, kinds = _dirt_of(dirt or [])
    home = Home.from_environment()
    if home.configuration.exists():
        if if_absent:
            return
        refuse_foreign_configuration(home)
    home.create()
    today = as_at.date()
    with progress("Making the borough", json_output) as tell:
        made = make_borough(
            home.folder / "borough",
            seed=seed,
            la_code=la,
            published=published,
            children=children,
            as_at=today,
            faults=faults,
            dirt=overall,
            kinds=kinds,
            slips=slips,
            progress=tell,
        )
    write_demo_configuration(home, la, today)
    if json_output:
        print_json({"folder": str(home.folder / "borough"), "borough": vars(made)})
    else:
        output().print(f"An invented borough of {children:,} pupils is in {home.folder / 'borough'}; now: send run")


@app.command()
def init(
    la: Annotated[str, typer.Option(help="Three-digit code of this LA, for example 883.")],
    name: Annotated[str, typer.Option(help="Name of this LA.")] = "",
) -> None:
    """Write a commented configuration for this LA, to be filled in with where its extracts are."""
    from flows.configuring import write_first_configuration

    home = Home.from_environment()
    home.create()
    write_first_configuration(home, la, name)
    output().print(f"{home.configuration} is written. Say there where your extracts are, then: send doctor")


@app.command()
def doctor(json_output: Json = False) -> None:
    """Check the configuration, the sources, the versions, the disk and that telemetry is off."""
    from flows.doctor import examine

    findings = examine(Home.from_environment())
    if json_output:
        print_json([vars(finding) for finding in findings])
    else:
        rows = [("ok" if item.is_ok else "MEND", item.what, item.found) for item in findings]
        print_rows("send doctor", ["", "what", "found"], rows)
    if not all(item.is_ok for item in findings):
        raise SendError("send doctor found something to mend; the lines marked MEND say what.")


@app.command()
def run(
    as_at: Annotated[
        datetime | None, typer.Option(formats=DAY_FORMATS, help="The lists of this day; by default today's.")
    ] = None,
    known_at: Annotated[
        datetime | None,
        typer.Option(parser=_moment, help="Only what was known then: a day, or a time in UTC. Loads nothing."),
    ] = None,
    only: Annotated[str | None, typer.Option(help="Load this one extract alone, for example ehc_case.")] = None,
    json_output: Json = False,
) -> None:
    """Load what is new, build, check, and publish what passes its gate."""
    from flows.start import run_nightly

    home = Home.from_environment()
    with progress("Starting", json_output) as tell:
        day = as_at.date() if as_at else None
        summary = run_nightly(home, as_at=day, known_at=known_at, tell=tell, only=only)
    if json_output:
        print_json(summary.as_data())
    elif sys.stdout.isatty():
        output().print(Markdown(summary.as_markdown()))
    else:
        sys.stdout.write(summary.as_markdown() + "\n")
    if summary.is_any_product_held:
        raise typer.Exit(HELD)


@app.command()
def status(
    past: Annotated[int | None, typer.Option("--history", min=1, help="Tell the last so many runs instead.")] = None,
    json_output: Json = False,
) -> None:
    """Say whether it is fresh, whether it is right, and who must act."""
    from flows.reading import current_status, history

    if past is not None:
        runs = history(Home.from_environment(), past)
        if json_output:
            print_json([vars(run) for run in runs])
        else:
            headings = ["run", "as at", "outcome", "started (UTC)", "seconds", "rows loaded", "not loaded"]
            print_rows("Runs", headings, [run.as_row() for run in runs])
        return
    state = current_status(Home.from_environment())
    if json_output:
        print_json(state.as_data())
    else:
        output().print(Markdown(state.as_markdown()) if sys.stdout.isatty() else state.as_markdown())
    if state.is_any_product_held:
        raise typer.Exit(HELD)


@app.command()
def lists(
    name: Annotated[str | None, typer.Argument(help="Which list, for example children-with-plans.")] = None,
    csv_file: Annotated[Path | None, typer.Option("--csv", help="Write the list to this CSV file.")] = None,
    workbook: Annotated[Path | None, typer.Option("--xlsx", help="Write the list to this Excel workbook.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Rows to show.")] = 20,
    json_output: Json = False,
) -> None:
    """Show the published lists, or one of them."""
    from flows.reading import list_names, list_rows, write_list_csv, write_list_workbook

    home = Home.from_environment()
    if name is None:
        available = list_names(home)
        if json_output:
            print_json([{"list": list_name, "rows": rows} for list_name, rows in available])
        else:
            print_rows("Published lists", ["list", "rows"], list(available))
        return
    if csv_file is not None or workbook is not None:
        for out, write in ((csv_file, write_list_csv), (workbook, write_list_workbook)):
            if out is not None:
                count = write(home, name, out)
                output().print(f"{count:,} rows of {name} are in {out}. Personal data: keep it where such data may be.")
        return
    headings, rows = list_rows(home, name, limit)
    if json_output:
        print_json([dict(zip(headings, row, strict=True)) for row in rows])
    else:
        print_rows(name, headings, rows)


@app.command("annex-a")
def annex_a(
    workbook: Annotated[Path | None, typer.Option("--xlsx", help="Write both lists to this Excel workbook.")] = None,
    draft: Annotated[
        bool, typer.Option("--draft", help="With --xlsx: the lists of the last run, though a rule holds them.")
    ] = False,
    records: Annotated[bool, typer.Option(help="Show each record that a rule objects to.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="Records to show.")] = 50,
    json_output: Json = False,
) -> None:
    """Show or write the child lists of Annex A that inspectors ask for: children with plans, and on SEN support."""
    from flows.annex_a import ListsHeld, checked_lists, counts_by_rule, lists_as_data, standing_lists, write_annex_a

    home = Home.from_environment()
    errors = Console(stderr=True, soft_wrap=True, highlight=False)
    if draft and workbook is None:
        raise typer.BadParameter("Say where the draft goes: --xlsx FILE.", param_hint="--draft")
    if workbook is not None:
        try:
            line, counts = write_annex_a(home, workbook, is_draft=draft)
        except ListsHeld as held:
            errors.print(f"send: {held}", markup=False)
            raise typer.Exit(HELD) from None
        rows = " and ".join(f"{count:,} rows of {sheet}" for sheet, count in counts.items())
        what = "a draft of the last run" if draft else f"as at {line.as_at}"
        output().print(f"{rows}, {what}, are in {workbook}. Personal data: keep it where such data may be.")
    else:
        line, checked = standing_lists(home), checked_lists(home)
        if json_output:
            print_json(lists_as_data(line, checked))
        elif records:
            headings = ["severity", "rule", "list", "child_id", "item", "source_file", "source_row", "remedy"]
            found = [
                (f.severity, f.rule_id, f.table, f.child_id, f.item, f.source_file, f.source_row, f.remedy)
                for f in checked.findings[:limit]
            ]
            print_rows("Annex A", headings, found)
        else:
            print_rows("Annex A", ["severity", "rule", "list", "what it says", "found"], counts_by_rule(checked))
    if line.status == "held":
        stands = f"those of {line.as_at} stand" if line.as_at else "nothing is published yet"
        errors.print(f"The lists are HELD ({stands}):", markup=False)
        for reason in line.reasons:
            errors.print(f"- {reason}", markup=False)
        raise typer.Exit(HELD)
    errors.print(f"The lists are {line.status}{f', as at {line.as_at}' if line.as_at else ''}.", markup=False)


def main() -> None:
    """Runs the command line and ends the process with the exit code of the module's docstring."""
    prepare_environment(Home.from_environment())
    try:
        app()
    except SystemExit as stop:
        sys.exit(WRONG_USAGE if stop.code == _TYPER_WRONG_USAGE else stop.code)
    except SendError as error:
        Console(stderr=True, soft_wrap=True, highlight=False).print(f"send: {error}", markup=False)
        sys.exit(FAILED)
    except Exception as error:
        Console(stderr=True, soft_wrap=True, highlight=False).print(told_without_data("send", error), markup=False)
        sys.exit(FAILED)


if __name__ == "__main__":
    main()
