"""The worklist as an Excel workbook: it goes out to an owner, and what they wrote in it comes back as acts.

A row says which finding it is and which version was sent. What its reader may change is the status, the assignee, the
day a waiver ends and a note. A row nobody touched does nothing; a row that somebody else overtook is reported with who
did what, and stays in the workbook that it was written in: nothing is overwritten and nothing is lost.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import xlsxwriter

from connectors.errors import FileRefused, SendError
from connectors.readers.excel import open_workbook
from connectors.spreadsheets import ROW_BY_ROW, write_cell
from operations.triage import EVERY, Acted, ActRefused, Filter, Finding, Triage, required

SHEET = "Findings"
MOST_ROWS = 200_000
TO_READ = ("severity", "what is wrong", "what to do", "child", "extract", "record", "item", "file", "row", "since")
TO_WRITE = ("status", "assignee", "until", "note")
AS_SENT = ("finding", "version", "status as sent", "assignee as sent", "until as sent")
HEADINGS = (*TO_READ, *TO_WRITE, *AS_SENT)
WAITING = "waiver proposed"
"""How a row says that a waiver waits for a second person; writing ``waived`` there approves it."""
STATUSES = ("new", "open", "assigned", "explained", "waived", WAITING, "reopened")
WIDTHS = {"what is wrong": 45, "what to do": 60, "file": 28, "note": 50, "assignee": 20, "status": 16}

# Parts of a workbook that fetch or run something, and a formula in a sheet. None is in what was sent out.
REFUSED_PARTS = re.compile(r"externallinks/|connections\.xml|vbaproject|querytables/|activex/|embeddings/|macrosheets/")
FORMULA = re.compile(rb"<(?:[\w.-]+:)?f[\s/>]")
PIECE_BYTES = 2**20


class WorklistTooLong(SendError):
    """More findings than one workbook takes."""


@dataclass(frozen=True)
class RowProblem:
    """A row that was not done: which, of which finding, why, and what its author wanted."""

    row: int
    finding_key: str
    why: str
    wanted: str


@dataclass
class Imported:
    """What became of a workbook's rows: acts done, rows nobody touched, rows left alone and why."""

    done: int = 0
    untouched: int = 0
    problems: list[RowProblem] = field(default_factory=list)


def write_worklist(triage: Triage, wanted: Filter, out: Path, *, is_showing_records: bool = True) -> int:
    """Writes the findings that match, those to do first, to a workbook that its owner alone may read; gives how many.

    Raises ``WorklistTooLong``, and ``SendError`` where the file cannot be written.
    """
    count = triage.count(wanted)
    if count > MOST_ROWS:
        raise WorklistTooLong(
            f"{count:,} findings are more than the {MOST_ROWS:,} a workbook takes. Choose one owner, rule or extract."
        )
    found = triage.all(wanted, order="severity")
    try:
        out.touch(mode=0o600)
        out.chmod(0o600)
    except OSError as error:
        raise SendError(f"{out} cannot be written: {error.strerror}. Name another file.") from None
    with xlsxwriter.Workbook(str(out), ROW_BY_ROW) as book:
        _write_guide(book)
        sheet = book.add_worksheet(SHEET)
        sheet.activate()
        bold, to_fill = book.add_format({"bold": True}), book.add_format({"bold": True, "bg_color": "#FFF2CC"})
        for position, heading in enumerate(HEADINGS):
            is_hidden = {"hidden": True} if heading in AS_SENT[2:] else {}
            sheet.set_column(position, position, WIDTHS.get(heading, max(12, len(heading) + 2)), None, is_hidden)
            sheet.write_string(0, position, heading, to_fill if heading in TO_WRITE else bold)
        sheet.freeze_panes(1, 0)
        for number, finding in enumerate(found, start=1):
            for position, value in enumerate(_cells(finding, is_showing_records=is_showing_records)):
                write_cell(sheet, number, position, value)
        last = max(1, len(found))
        sheet.autofilter(0, 0, last, len(HEADINGS) - 1)
        column = HEADINGS.index("status")
        sheet.data_validation(1, column, last, column, {"validate": "list", "source": list(STATUSES)})
    return len(found)


def _write_guide(book: Any) -> None:
    sheet = book.add_worksheet("How to")
    sheet.set_column(0, 0, 110)
    for row, line in enumerate(
        (
            "Fill in the yellow columns of the sheet Findings; leave the others and the order of columns as they are.",
            "assignee: who has it. Empty it to give the finding back.",
            "status explained: a query that is right as it stands. The note is the explanation, and goes to DfE: no "
            "names.",
            "status waived: nobody need chase it until the day in the column until. The note is the reason. A second "
            "person approves it, by writing waived over 'waiver proposed'.",
            "status open, over waived or waiver proposed: the waiver is ended or refused. The note is the reason.",
            "note alone: it is written into the finding's history.",
            "A finding is fixed by mending the record in the source; the next run closes it.",
            "Then: send findings --import FILE --by NAME. Rows that somebody else has changed meanwhile are reported.",
            "Personal data: keep this file where such data may be.",
        )
    ):
        sheet.write_string(row, 0, line)


def _status(finding: Finding) -> str:
    return WAITING if finding.awaits_approval else finding.state


def _cells(finding: Finding, *, is_showing_records: bool) -> tuple[Any, ...]:
    as_sent = (_status(finding), finding.assignee, finding.waiver_until)
    return (
        *(finding.severity, finding.rule_name, finding.remedy, finding.child_id, finding.extract),
        *(finding.record_id if is_showing_records else None, finding.item, finding.source_file, finding.source_row),
        *(finding.opened_at.date(), *as_sent, None, finding.finding_key, finding.version, *as_sent),
    )


@dataclass(frozen=True)
class _Row:
    """A row as it came back."""

    place: int
    finding_key: str
    version: int
    status: str
    assignee: str
    until: str
    note: str
    was: tuple[str, str, str]

    @property
    def is_touched(self) -> bool:
        return bool(self.note) or (self.status, self.assignee, self.until) != self.was

    @property
    def is_said_by_assignee(self) -> bool:
        """Whether the status follows from the assignee, so that there is nothing more to do."""
        follows = self.status == ("assigned" if self.assignee else "open")
        return follows and self.assignee != self.was[1] and self.until == self.was[2]

    @property
    def wanted(self) -> str:
        """What its author wanted, in words."""
        changes = zip(("status", "assignee", "until"), (self.status, self.assignee, self.until), self.was, strict=True)
        wanted = [f"{name} {now or 'empty'}" for name, now, was in changes if now != was]
        return "; ".join([*wanted, *([f"note: {self.note}"] if self.note else [])])


def read_worklist(triage: Triage, path: Path, *, by: str, allowed: Filter = EVERY) -> Imported:
    """Does what a workbook says, in the name of ``by``; only on findings that match ``allowed``.

    Raises ``FileRefused`` for what is no such workbook, or holds formulas, links or macros; then nothing is done.
    """
    actor = required(by, "Who imports (by)")
    rows = list(_rows(path))
    imported = Imported()
    touched: dict[str, _Row] = {}
    for row in rows:
        if not row.is_touched:
            imported.untouched += 1
        elif row.finding_key in touched:
            first = touched[row.finding_key].place
            _left(imported, row, f"the finding is in row {first} already.")
        else:
            touched[row.finding_key] = row
    permitted = triage.versions(allowed) if touched and allowed != EVERY else None
    for key, row in list(touched.items()):
        if permitted is not None and key not in permitted:
            _left(imported, touched.pop(key), "it is not among the findings you may work on.")
        elif row.status not in STATUSES:
            _left(imported, touched.pop(key), f"the status {row.status!r} is none of {', '.join(STATUSES)}.")
    _Acting(triage, actor, touched, imported).act()
    imported.problems.sort(key=lambda problem: problem.row)
    return imported


def _left(imported: Imported, row: _Row, why: str) -> None:
    imported.problems.append(RowProblem(row.place, row.finding_key, why, row.wanted))


class _Acting:
    """Turns touched rows into acts, those alike together: first who has it, then the status, then the note."""

    def __init__(self, triage: Triage, by: str, rows: dict[str, _Row], imported: Imported) -> None:
        self._triage = triage
        self._by = by
        self._rows = rows
        self._versions = {key: row.version for key, row in rows.items()}
        self._imported = imported
        self._noted: set[str] = set()

    def act(self) -> None:
        moved = [row for row in self._rows.values() if row.assignee != row.was[1]]
        self._together(moved, lambda row: (row.assignee or None,), self._assign)
        changed = [row for row in self._standing() if (row.status, row.until) != (row.was[0], row.was[2])]
        changed = [row for row in changed if not row.is_said_by_assignee]
        self._together(changed, lambda row: (row.status, row.was[0], row.until, row.note), self._decide)
        noted = [row for row in self._standing() if row.note and row.finding_key not in self._noted]
        self._together(noted, lambda row: (row.note,), self._note)
        self._imported.done = len(self._standing())

    def _standing(self) -> list[_Row]:
        """The rows that nothing has gone against yet."""
        left = {problem.row for problem in self._imported.problems}
        return [row for row in self._rows.values() if row.place not in left]

    def _together(
        self, rows: Iterable[_Row], alike: Callable[[_Row], tuple[Any, ...]], act: Callable[[list[_Row]], Acted]
    ) -> None:
        groups: dict[tuple[Any, ...], list[_Row]] = defaultdict(list)
        for row in rows:
            groups[alike(row)].append(row)
        for members in groups.values():
            try:
                acted = act(members)
            except SendError as error:
                for row in members:
                    _left(self._imported, row, str(error))
                continue
            self._versions |= acted.done
            whys = {c.finding_key: str(c) for c in acted.conflicts} | {r.finding_key: r.why for r in acted.refused}
            for row in members:
                if row.finding_key in whys:
                    _left(self._imported, row, whys[row.finding_key])

    def _seen(self, rows: Sequence[_Row]) -> Mapping[str, int]:
        return {row.finding_key: self._versions[row.finding_key] for row in rows}

    def _assign(self, rows: list[_Row]) -> Acted:
        return self._triage.assign(self._seen(rows), to=rows[0].assignee or None, by=self._by)

    def _note(self, rows: list[_Row]) -> Acted:
        return self._triage.note(self._seen(rows), note=rows[0].note, by=self._by)

    def _decide(self, rows: list[_Row]) -> Acted:
        """A change of status; the rows are alike in what they were sent as and what they say now."""
        row, seen = rows[0], self._seen(rows)
        self._noted |= {row.finding_key for row in rows}
        was = row.was[0]
        if row.status == "explained":
            return self._triage.explain(seen, because=row.note, by=self._by)
        if row.status == "waived" and was == WAITING and row.until == row.was[2]:
            return self._triage.approve_waiver(seen, by=self._by, note=row.note or None)
        if row.status in ("waived", WAITING) and was not in ("waived", WAITING):
            return self._triage.propose_waiver(seen, until=_day(row.until), reason=row.note, by=self._by)
        if row.status == "open" and was == WAITING:
            return self._triage.refuse_waiver(seen, by=self._by, reason=row.note)
        if row.status == "open" and was == "waived":
            return self._triage.end_waiver(seen, by=self._by, reason=row.note)
        if row.until != row.was[2] and row.status == was:
            raise ActRefused(
                "the day alone was changed: to waive it, write waived as the status and the reason as note."
            )
        raise ActRefused(f"from {was} it does not become {row.status} by writing so.")


def _day(text: str) -> date:
    for form in ("%Y-%m-%d", "%d/%m/%Y"):
        try:
            return datetime.strptime(text, form).date()
        except ValueError:
            continue
    raise ActRefused(f"{text or 'nothing'} is no day such as 31/12/2026; a waiver needs its last day in until.")


def _rows(path: Path) -> Iterator[_Row]:
    """The workbook's rows. Raises ``FileRefused``."""
    if not path.is_file():
        raise FileRefused(f"There is no file {path}.")
    try:
        book = open_workbook(path)
        _refuse_active_content(path)
        if SHEET not in book.sheet_names:
            raise FileRefused(f"It has no sheet {SHEET}: it is no worklist. Make one: send findings --xlsx FILE")
        cells = book.get_sheet_by_name(SHEET).to_python(skip_empty_area=False)
    except FileRefused as refused:
        raise FileRefused(f"{path.name} is not read, and nothing was done: {refused}") from None
    headings = [str(cell).strip().lower() for cell in cells[0]] if cells else []
    absent = [heading for heading in (*TO_WRITE, *AS_SENT) if headings.count(heading) != 1]
    if absent:
        raise FileRefused(
            f"{path.name} is not read, and nothing was done: it lacks the columns {', '.join(absent)}, or has one "
            "twice. Write into a workbook as it was sent."
        )
    at = {heading: headings.index(heading) for heading in (*TO_WRITE, *AS_SENT)}
    for place, row in enumerate(cells[1:], start=2):
        texts = {heading: _text(row[position]) for heading, position in at.items()}
        if not texts["finding"]:
            if any(texts.values()):
                raise FileRefused(
                    f"{path.name} is not read, and nothing was done: row {place} does not say which finding it is of."
                )
            continue
        if not texts["version"].isdigit() or len(texts["version"]) > 9:
            raise FileRefused(
                f"{path.name} is not read, and nothing was done: row {place} has no version. Write into a workbook as "
                "it was sent."
            )
        yield _Row(
            place=place,
            finding_key=texts["finding"],
            version=int(texts["version"]),
            status=texts["status"].lower(),
            assignee=texts["assignee"],
            until=texts["until"],
            note=texts["note"],
            was=(texts["status as sent"], texts["assignee as sent"], texts["until as sent"]),
        )


def _text(cell: Any) -> str:
    if isinstance(cell, datetime):
        return cell.date().isoformat()
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()


def _refuse_active_content(path: Path) -> None:
    """Refuses formulas, links, queries and macros: what was sent out had none. Raises ``FileRefused``."""
    try:
        with ZipFile(path) as packed:
            for part in packed.infolist():
                name = part.filename.lower()
                if REFUSED_PARTS.search(name):
                    raise FileRefused("It holds links to other files, queries, macros or embedded objects.")
                if not (name.startswith("xl/worksheets/") and name.endswith(".xml")):
                    continue
                with packed.open(part) as sheet:
                    before = b""
                    while piece := sheet.read(PIECE_BYTES):
                        if FORMULA.search(before[-64:] + piece):
                            raise FileRefused("It holds formulas. Put their values in their place, and send it again.")
                        before = piece
    except (BadZipFile, OSError, ValueError, RuntimeError):
        raise FileRefused("It is no workbook of the kind .xlsx. Save it as .xlsx.") from None
