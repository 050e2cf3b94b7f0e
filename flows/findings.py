"""``send findings``: the records to correct, and what stewards do with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markdown import Markdown

from connectors.errors import SendError
from flows.terminal import Json, output, print_json, print_rows
from warehouse.home import Home

DAY_FORMATS = ["%Y-%m-%d", "%d/%m/%Y"]
TO_DO, STANDING, ALL = "todo", "open", "all"

findings = typer.Typer(
    name="findings",
    help="The records to correct: list them, take them up, explain, waive, correct.",
    invoke_without_command=True,
)

Keys = Annotated[list[str] | None, typer.Argument(help="Keys of findings, as listed.")]
Rule = Annotated[str | None, typer.Option(help="All of this rule that stand, in place of keys.")]
By = Annotated[str, typer.Option(help="Who acts.")]
Because = Annotated[str, typer.Option(help="Why.")]
Seen = Annotated[int | None, typer.Option(min=1, help="The version that was seen; refused where it has changed since.")]
Until = Annotated[datetime, typer.Option(formats=DAY_FORMATS, help="Its last day, a year away at most.")]


class LeftAlone(SendError):
    """Some of what was asked was not done, each with its reason."""


def _store(home: Home) -> Any:
    from operations.store import OperationsStore

    return OperationsStore(home.operations_url)


def _triage() -> Any:
    from operations.triage import Triage

    return Triage(_store(Home.from_environment()))


def _corrections() -> Any:
    from operations.corrections import Corrections

    return Corrections(_store(Home.from_environment()))


def _states(state: str) -> tuple[str, ...]:
    from operations.triage import OPEN_STATES, STATES, TO_DO_STATES

    groups = {TO_DO: TO_DO_STATES, STANDING: OPEN_STATES, ALL: STATES}
    if state not in (*groups, *STATES):
        raise SendError(f"{state!r} is no state. Ask for {', '.join((*groups, *STATES))}.")
    return groups.get(state, (state,))


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date | datetime) else value


@findings.callback()
def list_findings(
    context: typer.Context,
    rule: Annotated[str | None, typer.Option(help="Only this rule.")] = None,
    owner: Annotated[str | None, typer.Option(help="Only this owner's, for example sen_team.")] = None,
    state: Annotated[
        str, typer.Option(help="todo (still to mend), open (all that stand), all, or one state, such as waived.")
    ] = STANDING,
    severity: Annotated[str | None, typer.Option(help="error, query or warning.")] = None,
    extract: Annotated[str | None, typer.Option(help="Only from this source system's extract.")] = None,
    organisation: Annotated[str | None, typer.Option(help="education, health, social_care or reference.")] = None,
    assignee: Annotated[str | None, typer.Option(help="Only what this person has.")] = None,
    child: Annotated[str | None, typer.Option(help="Only this child's (child id).")] = None,
    product: Annotated[str | None, typer.Option(help="Only what this product's gate rests on.")] = None,
    text: Annotated[str | None, typer.Option(help="Words in rule, remedy, item, file or ids.")] = None,
    show_values: Annotated[bool, typer.Option(help="Show the values at fault: personal data.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="Findings to show.")] = 50,
    workbook: Annotated[Path | None, typer.Option("--xlsx", help="Write them to a workbook to be filled in.")] = None,
    filled: Annotated[Path | None, typer.Option("--import", help="Do what a filled-in workbook says.")] = None,
    by: Annotated[str | None, typer.Option(help="With --import: in whose name.")] = None,
    json_output: Json = False,
) -> None:
    """Show the records to correct: rule, child, file and row; or send them out as a workbook and take it back."""
    if context.invoked_subcommand is not None:
        return
    from operations.triage import Filter

    if filled is not None:
        _import(filled, by, json_output)
        return
    wanted = Filter(
        states=_states(state),
        rule=rule,
        owner=owner,
        severity=severity,
        extract=extract,
        organisation=organisation,
        assignee=assignee,
        child_id=child,
        product=product,
        text=text,
    )
    if workbook is not None:
        from operations.worklist import write_worklist

        count = write_worklist(_triage(), wanted, workbook)
        output().print(
            f"{count:,} findings are in {workbook}. Personal data: keep it where such data may be. Filled in: send "
            "findings --import FILE --by NAME",
            highlight=False,
        )
        return
    headings = ["finding_key", "rule_id", "severity", "owner", "child_id", "extract", "item", "source_file"]
    headings += ["source_row", "state", "assignee", "first_seen_at", "remedy"]
    if show_values:
        headings += ["record_id", "value"]
    page = _triage().page(wanted, size=limit)
    rows = [tuple(_plain(getattr(finding, heading)) for heading in headings) for finding in page.findings]
    if json_output:
        print_json([dict(zip(headings, row, strict=True)) for row in rows])
    else:
        print_rows("Findings", headings, rows)
        if page.total > len(rows):
            Console(stderr=True).print(f"{len(rows):,} of {page.total:,}; more with --limit.", highlight=False)


def _import(filled: Path, by: str | None, is_json: bool) -> None:
    from operations.worklist import read_worklist

    if not by:
        raise typer.BadParameter("Say in whose name: --by NAME.", param_hint="--import")
    imported = read_worklist(_triage(), filled, by=by)
    if is_json:
        print_json(asdict(imported))
    else:
        output().print(f"{imported.done:,} rows done, {imported.untouched:,} untouched.", highlight=False)
    if imported.problems:
        lines = [
            f"row {problem.row}, {problem.finding_key}: {problem.why} Wanted: {problem.wanted}"
            for problem in imported.problems
        ]
        left = "1 row was" if len(lines) == 1 else f"{len(lines):,} rows were"
        raise LeftAlone(f"{left} left alone; what was written stands in {filled}:\n" + "\n".join(lines))


def _seen_of(triage: Any, keys: list[str] | None, rule: str | None, seen: int | None = None) -> Mapping[str, int]:
    """What an act saw: the version given, else that which stands now."""
    from operations.triage import OPEN_STATES, Filter

    if bool(keys) == bool(rule):
        raise SendError("Name the findings by their keys, or all of a rule by --rule; one of the two.")
    if seen is not None:
        if keys is None or len(keys) != 1:
            raise SendError("A version is seen of one finding: name one key with --seen.")
        return {keys[0]: seen}
    if rule:
        found: Mapping[str, int] = triage.versions(Filter(states=OPEN_STATES, rule=rule))
        if not found:
            raise SendError(f"Nothing of {rule} stands.")
        return found
    return {key: triage.finding(key).version for key in keys or ()}


def _tell(acted: Any, what: str) -> None:
    """Says how many were done. Raises ``LeftAlone`` with each that was not."""
    done = "1 finding is" if len(acted.done) == 1 else f"{len(acted.done):,} findings are"
    output().print(f"{done} {what}.", highlight=False)
    left = [*map(str, acted.conflicts), *map(str, acted.refused)]
    if left:
        raise LeftAlone(f"{len(left):,} left alone:\n" + "\n".join(left))


@findings.command()
def show(
    key: Annotated[str, typer.Argument(help="Key of the finding.")],
    show_values: Annotated[bool, typer.Option(help="Show the record and its value: personal data.")] = False,
    json_output: Json = False,
) -> None:
    """Show one finding with its history."""
    triage = _triage()
    found, history = triage.finding(key), triage.history(key)
    hidden = () if show_values else ("record_id", "value")
    told = {name: _plain(value) for name, value in asdict(found).items() if name not in hidden}
    explanation = triage.explanation(key)
    told["explanation"] = explanation.explanation if explanation else None
    if json_output:
        turns = [{name: _plain(value) for name, value in asdict(turn).items()} for turn in history]
        print_json({**told, "history": turns})
        return
    print_rows(key, ["what", "value"], [(name, value) for name, value in told.items() if value is not None])
    rows = [(turn.at, turn.event, turn.by, turn.detail, turn.note) for turn in history]
    print_rows("History", ["when (UTC)", "what", "by", "detail", "note"], rows)


@findings.command()
def assign(
    by: By,
    keys: Keys = None,
    rule: Rule = None,
    to: Annotated[str | None, typer.Option(help="Who has it from now on; without it, nobody.")] = None,
    note: Annotated[str | None, typer.Option(help="A note for the history.")] = None,
    seen: Seen = None,
) -> None:
    """Give findings to somebody, or back to all."""
    triage = _triage()
    acted = triage.assign(_seen_of(triage, keys, rule, seen), to=to, by=by, note=note)
    _tell(acted, f"with {to}" if to else "given back")


@findings.command()
def explain(because: Because, by: By, keys: Keys = None, rule: Rule = None, seen: Seen = None) -> None:
    """Explain queries that are right as they stand; the explanation goes into the return's notes. No names."""
    triage = _triage()
    _tell(triage.explain(_seen_of(triage, keys, rule, seen), because=because, by=by), "explained")


@findings.command()
def waive(until: Until, because: Because, by: By, keys: Keys = None, rule: Rule = None, seen: Seen = None) -> None:
    """Propose that nobody need chase findings until a day; a second person approves it."""
    triage = _triage()
    seen_now = _seen_of(triage, keys, rule, seen)
    _tell(triage.propose_waiver(seen_now, until=until.date(), reason=because, by=by), "proposed to be waived")


@findings.command()
def approve(by: By, keys: Keys = None, rule: Rule = None, seen: Seen = None) -> None:
    """Approve proposed waivers: a second person's word."""
    from operations.triage import OPEN_STATES, Filter

    triage = _triage()
    if rule and not keys:
        waiting = triage.versions(Filter(states=OPEN_STATES, rule=rule, awaits_approval=True))
        if not waiting:
            raise SendError(f"No waiver of {rule} awaits approval.")
        acted = triage.approve_waiver(waiting, by=by)
    else:
        acted = triage.approve_waiver(_seen_of(triage, keys, rule, seen), by=by)
    _tell(acted, "waived")


@findings.command("end-waiver")
def end_waiver(because: Because, by: By, keys: Keys = None, rule: Rule = None) -> None:
    """End waivers before their day, or refuse those proposed."""
    from operations.triage import Acted, Filter

    triage = _triage()
    chosen = Filter(rule=rule, keys=tuple(keys) if keys else None)
    proposed = triage.versions(replace(chosen, awaits_approval=True))
    standing = {key: version for key, version in _seen_of(triage, keys, rule).items() if key not in proposed}
    if rule:
        standing = triage.versions(replace(chosen, states=("waived",)))
    acted = Acted()
    acted.take(triage.refuse_waiver(proposed, by=by, reason=because))
    acted.take(triage.end_waiver(standing, by=by, reason=because))
    _tell(acted, "waived no more")


@findings.command()
def note(
    text: Annotated[str, typer.Option(help="The note. No names: it stays in the history.")],
    by: By,
    keys: Keys = None,
    rule: Rule = None,
) -> None:
    """Write a note into the history of findings."""
    triage = _triage()
    _tell(triage.note(_seen_of(triage, keys, rule), note=text, by=by), "noted")


@findings.command()
def correct(
    until: Until,
    because: Because,
    by: By,
    key: Annotated[str | None, typer.Argument(help="Key of the finding that it mends.")] = None,
    record: Annotated[
        str | None, typer.Option(help="In place of a key, the record: EXTRACT.TABLE:ID, as in ehc_case.request:R1.")
    ] = None,
    column: Annotated[str | None, typer.Option(help="The column; by default the finding's item.")] = None,
    value: Annotated[str | None, typer.Option(help="What it should be.")] = None,
    empty: Annotated[bool, typer.Option("--empty", help="It should be empty.")] = False,
) -> None:
    """Propose a value for one cell of one record, until the source is mended; a second person approves it."""
    from connectors.corrections import landed_record

    if (value is None) != empty:
        raise SendError("Say what it should be: --value VALUE, or --empty for nothing at all.")
    if (key is None) == (record is None):
        raise SendError("Name the finding by its key, or a record by --record EXTRACT.TABLE:ID; one of the two.")
    home, seen = Home.from_environment(), None
    if key is not None:
        found = _triage().finding(key)
        extract, table, record_id = found.extract, found.dataset.partition("__")[2], found.record_id
        seen = (key, found.version)
        column = column or found.item
        if not (found.dataset.startswith("landing/") and extract and table and record_id):
            raise SendError(f"{key} is of no landed record. Name the record: --record EXTRACT.TABLE:ID --column NAME")
    else:
        place, _, record_id = (record or "").partition(":")
        extract, _, table = place.partition(".")
    if not column:
        raise SendError("Say which column: --column NAME")
    landed = landed_record(home.warehouse, extract, table, record_id)
    made = _corrections().propose(
        landed, column=column, value=value, until=until.date(), reason=because, by=by, finding=seen
    )
    output().print(
        f"Correction {made.correction_id} is proposed. A second person: send findings approve-correction "
        f"{made.correction_id} --by NAME",
        highlight=False,
    )


Number = Annotated[int, typer.Argument(help="The correction's number.")]


@findings.command("approve-correction")
def approve_correction(number: Number, by: By) -> None:
    """Approve a proposed correction: a second person's word. It stands from the next run on."""
    corrections = _corrections()
    kept = corrections.approve(number, version=corrections.get(number).version, by=by)
    output().print(f"Correction {number} stands from the next run on, until {kept.until}.", highlight=False)


@findings.command()
def lift(number: Number, because: Because, by: By) -> None:
    """Take a correction away, or refuse one that is proposed."""
    corrections = _corrections()
    kept = corrections.get(number)
    act = corrections.refuse if kept.state == "proposed" else corrections.lift
    act(number, version=kept.version, by=by, reason=because)
    output().print(f"Correction {number} is {'refused' if kept.state == 'proposed' else 'lifted'}.", highlight=False)


@findings.command("corrections")
def list_corrections(
    every: Annotated[bool, typer.Option("--all", help="Those refused and lifted too.")] = False,
    show_values: Annotated[bool, typer.Option(help="Show records and values: personal data.")] = False,
    json_output: Json = False,
) -> None:
    """Show the corrections proposed and in force."""
    states = ("proposed", "approved", "refused", "lifted") if every else ("proposed", "approved")
    headings = ["correction_id", "state", "extract", "table_name", "column_name", "until", "reason", "proposed_by"]
    headings += ["decided_by", "lifted_because", "finding_key"]
    if show_values:
        headings += ["record_id", "landed_value", "value"]
    rows = [tuple(_plain(getattr(kept, name)) for name in headings) for kept in _corrections().all(states)]
    if json_output:
        print_json([dict(zip(headings, row, strict=True)) for row in rows])
    else:
        print_rows("Corrections", headings, rows)


@findings.command()
def news(
    owner: Annotated[str | None, typer.Option(help="Only this owner's.")] = None,
    run_id: Annotated[str | None, typer.Option("--run", help="Of this run; by default the last.")] = None,
    json_output: Json = False,
) -> None:
    """Show what the last run found newly and what it found fixed, by who can mend it."""
    from operations.news import news_of

    store = _store(Home.from_environment())
    last = store.last_run()
    if last is None:
        raise SendError("No run yet. Start one: send run")
    told = news_of(store, run_id or last.run_id)
    chosen = {name: its for name, its in told.items() if owner in (None, name)}
    if json_output:
        print_json({name: its.as_data() for name, its in chosen.items()})
        return
    text = "\n".join(its.as_markdown() for its in chosen.values()) or "Nothing has changed.\n"
    out = output()
    out.print(Markdown(text) if out.is_terminal else text.rstrip("\n"), markup=False, highlight=False)


@findings.command()
def statistics(
    by: Annotated[str, typer.Option(help="owner, organisation or extract.")] = "owner",
    json_output: Json = False,
) -> None:
    """Show open findings by age and the time it took to fix the others."""
    from operations.triage import AGE_BANDS

    triage = _triage()
    ages, fixes = triage.ageing(by=by), {line.group: line for line in triage.time_to_fix(by=by)}
    bands = [f"up to {days} days" for days in AGE_BANDS] + ["older"]
    headings = [by, *bands, "fixed", "median days to fix", "9 in 10 within"]
    groups = sorted({line.group for line in ages} | set(fixes))
    of_age = {line.group: line.counts for line in ages}
    rows = []
    for group in groups:
        fixed = fixes.get(group)
        spans = (fixed.fixed, fixed.median_days, fixed.ninth_decile_days) if fixed else (0, None, None)
        rows.append((group, *of_age.get(group, (0,) * len(bands)), *spans))
    if json_output:
        print_json([dict(zip(headings, row, strict=True)) for row in rows])
    else:
        print_rows("Findings by age, and time to fix", headings, rows)
