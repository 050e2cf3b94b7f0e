"""What people do with findings, and what they ask of them: the worklist of the command line, workbook and console.

Every act names the version of each finding that its author saw. Where somebody else, or a run, has changed a finding
meanwhile, the act leaves it alone and the ``Acted`` it gives says who changed what and when; the others are done.
Every act is a turn in the finding's history, which is only ever added to.

::

    triage = Triage(store)                                   # an OperationsStore

    # asking: filters, order, paging and counting are the database's
    triage.page(Filter(owner="sen_team", states=OPEN_STATES), order="newest", page=1, size=50) -> Page
    triage.count(filter) -> int
    triage.counts(filter, by="state") -> dict[str, int]      # by any of GROUPS
    triage.finding(finding_key) -> Finding                   # raises NoSuchFinding
    triage.history(finding_key) -> list[Turn]
    triage.explanation(finding_key) -> Explanation | None
    triage.versions(filter) -> dict[str, int]                # what "all that match" saw, for an act

    # acting: ``seen`` is {finding_key: version as shown}
    triage.assign(seen, to="A. Steward", by="B. Manager", note=None) -> Acted        # to=None gives it back
    triage.explain(seen, because="...", by="...", return_year=None) -> Acted         # queries and warnings
    triage.propose_waiver(seen, until=date, reason="...", by="...") -> Acted
    triage.approve_waiver(seen, by="...") -> Acted           # a second person
    triage.refuse_waiver(seen, by="...", reason="...") -> Acted   # or its author takes it back
    triage.end_waiver(seen, by="...", reason="...") -> Acted
    triage.note(seen, note="...", by="...") -> Acted
    acted.done, acted.conflicts (second steward is told), acted.refused; str(conflict) is a sentence

    # telling: open by age, time to fix, open by owner and source, opened and fixed a day
    triage.ageing(filter, by="owner", now=None) -> list[AgeLine]
    triage.time_to_fix(by="owner", since=datetime, filter) -> list[FixLine]
    triage.standing(filter) -> list[StandingLine]
    triage.flow(since=datetime, filter) -> list[FlowLine]

States: ``new`` (found by the last run first), ``open``, ``assigned``, ``explained``, ``waived``, ``reopened``, and
``fixed`` (closed by the run that no longer found it). A waiver says that nobody need chase a finding until a day; it
takes nothing from what a gate counts, unless the gate's own data says so, and the return's errors always hold it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Row, and_, case, func, insert, or_, select, update
from sqlalchemy.orm import aliased

from checks.gates import GATES, INSPECTION_GATES, RETURN_GATES, read_gates
from connectors.errors import SendError
from operations.schema import ExplanationRecord, FindingEventRecord, FindingRecord
from operations.store import (
    FINDINGS_LOCK,
    KEYS_AT_A_TIME,
    NO_WAIVER,
    Explanation,
    OperationsStore,
    opened_at,
    write_explanations,
)
from returns.surveys import survey_in_hand

STATES = ("new", "open", "assigned", "explained", "waived", "reopened", "fixed")
OPEN_STATES = ("new", "open", "assigned", "explained", "waived", "reopened")
"""All that a run still finds."""
TO_DO_STATES = ("new", "open", "assigned", "reopened")
"""What somebody must still mend, explain or waive."""
GROUPS = ("state", "severity", "owner", "organisation", "extract", "rule_id", "dataset", "assignee")
AGE_BANDS = (7, 30, 90)
"""Upper bounds in days of the bands of age; the last band has none."""
LONGEST_WAIVER_DAYS = 366
LONGEST_TEXT = 4_000
MANY = 2_000
"""Findings that match from which on a page of them is soonest found by walking in their order."""

Order = Literal["newest", "oldest", "severity", "rule", "child"]
Group = Literal["state", "severity", "owner", "organisation", "extract", "rule_id", "dataset", "assignee"]


class NoSuchFinding(SendError):
    """The store knows no finding of that key."""


class ActRefused(SendError):
    """What was asked can be done to no finding: a name, reason or date is missing or cannot be."""


@dataclass(frozen=True)
class Filter:
    """Which findings: all given conditions hold together. Ages are in days since a finding opened or reopened.

    ``product`` keeps those of rules that its gate rests on; ``text`` is looked for, without case, in the rule, its
    words and remedy, the item, the file, the record's and the child's id, never in the value. ``assignee`` is compared
    without case; ``is_unassigned`` keeps those that nobody has, ``awaits_approval`` those with a waiver proposed.
    """

    states: tuple[str, ...] = ()
    owner: str | None = None
    rule: str | None = None
    dataset: str | None = None
    severity: str | None = None
    extract: str | None = None
    organisation: str | None = None
    assignee: str | None = None
    child_id: str | None = None
    product: str | None = None
    older_than_days: int | None = None
    younger_than_days: int | None = None
    text: str | None = None
    is_unassigned: bool = False
    awaits_approval: bool = False
    keys: tuple[str, ...] | None = None


EVERY = Filter()


@dataclass(frozen=True)
class Finding:
    """A finding as it stands. Times are UTC; ``value`` and ``record_id`` are personal data."""

    finding_key: str
    version: int
    state: str
    rule_id: str
    rule_name: str
    severity: str
    owner: str
    organisation: str
    dataset: str
    extract: str | None
    record_id: str | None
    child_id: str | None
    item: str | None
    value: str | None
    source_file: str | None
    source_row: int | None
    remedy: str
    first_seen_at: datetime
    reopened_at: datetime | None
    last_seen_at: datetime
    fixed_at: datetime | None
    last_run_id: str
    assignee: str | None
    waiver_until: date | None
    waiver_reason: str | None
    waiver_proposed_by: str | None
    waiver_approved_by: str | None

    @property
    def opened_at(self) -> datetime:
        """Since when it stands: first found, or found again."""
        return self.reopened_at or self.first_seen_at

    @property
    def awaits_approval(self) -> bool:
        """Whether a waiver is proposed that nobody has approved or refused."""
        return self.waiver_proposed_by is not None and self.waiver_approved_by is None


@dataclass(frozen=True)
class Page:
    """One page of the findings that match, and how many match in all."""

    findings: tuple[Finding, ...]
    total: int
    page: int
    size: int

    @property
    def pages(self) -> int:
        """How many pages there are, at least one."""
        return max(1, -(-self.total // self.size))


@dataclass(frozen=True)
class Turn:
    """One turn in a finding's history: by a run or a person (``by``), when (UTC), with what it names and why."""

    event: str
    by: str
    is_run: bool
    at: datetime
    detail: str | None
    note: str | None

    def __str__(self) -> str:
        who = f"the run {self.by}" if self.is_run else self.by
        named = f" ({self.detail})" if self.detail else ""
        return f"{self.event}{named} by {who} at {self.at:%Y-%m-%d %H:%M} UTC"


@dataclass(frozen=True)
class Conflict:
    """An act left undone: the finding has changed since its author saw it. ``last`` is what changed it last."""

    finding_key: str
    seen: int
    version: int
    state: str
    last: Turn | None

    def __str__(self) -> str:
        what = f" It was {self.last}." if self.last else ""
        return f"{self.finding_key} has changed since you saw it.{what} Look at it again, then act."


@dataclass(frozen=True)
class Refusal:
    """An act left undone because the finding does not take it, and why."""

    finding_key: str
    why: str

    def __str__(self) -> str:
        return f"{self.finding_key}: {self.why}"


@dataclass
class Acted:
    """What became of an act on many findings: those done with their new version, and those left alone."""

    done: dict[str, int] = field(default_factory=dict)
    conflicts: list[Conflict] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)

    @property
    def is_all_done(self) -> bool:
        """Whether nothing was left alone."""
        return not (self.conflicts or self.refused)

    def take(self, other: Acted) -> None:
        """Adds what became of another act."""
        self.done |= other.done
        self.conflicts += other.conflicts
        self.refused += other.refused


@dataclass(frozen=True)
class AgeLine:
    """Open findings of one group by age: ``counts`` has a number a band of ``AGE_BANDS`` and one for all older."""

    group: str
    counts: tuple[int, ...]
    oldest: datetime

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.counts)


@dataclass(frozen=True)
class FixLine:
    """How long what was fixed had stood, in days: of one group, how many, the median and the ninth decile."""

    group: str
    fixed: int
    median_days: float
    ninth_decile_days: float


@dataclass(frozen=True)
class StandingLine:
    """How many findings stand with an owner from one source system, by severity and state."""

    owner: str
    organisation: str
    extract: str | None
    severity: str
    state: str
    count: int


@dataclass(frozen=True)
class FlowLine:
    """What the runs of one day (UTC) found newly or again, and what they closed, of one owner."""

    day: date
    owner: str
    opened: int
    reopened: int
    fixed: int


_COLUMNS: list[Any] = [getattr(FindingRecord, f.name) for f in fields(Finding)]
_SEVERITY = case({"error": 0, "query": 1}, value=FindingRecord.severity, else_=2)
_ORDERS: dict[str, tuple[Any, ...]] = {
    "newest": (FindingRecord.first_seen_at.desc(), FindingRecord.rule_id.desc(), FindingRecord.finding_key.desc()),
    "oldest": (FindingRecord.first_seen_at, FindingRecord.rule_id, FindingRecord.finding_key),
    "severity": (_SEVERITY, FindingRecord.first_seen_at, FindingRecord.finding_key),
    "rule": (FindingRecord.rule_id, FindingRecord.dataset, FindingRecord.finding_key),
    "child": (FindingRecord.child_id, FindingRecord.finding_key),
}
_SEARCHED = ("item", "source_file", "record_id", "child_id")

Change = dict[str, Any]
Decide = Callable[[Finding], "Change | str"]
"""Gives the columns to change of a finding, or why it does not take the act."""


def now() -> datetime:
    """The moment, in UTC without zone and whole seconds, as the store counts time."""
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)


def is_same_person(one: str, other: str) -> bool:
    """Whether two names are one person's, whatever their case and spaces."""
    return " ".join(one.split()).casefold() == " ".join(other.split()).casefold()


def required(text: str | None, what: str) -> str:
    """The text without spaces around it and control characters. Raises ``ActRefused`` where none is left, or too much.

    ``what`` is how the message calls it.
    """
    cleaned = "".join(c for c in (text or "") if c.isprintable() or c == "\n").strip()
    if not cleaned:
        raise ActRefused(f"{what} is missing.")
    if len(cleaned) > LONGEST_TEXT:
        raise ActRefused(f"{what} is longer than {LONGEST_TEXT:,} characters.")
    return cleaned


def require_end(until: date, today: date) -> None:
    """Refuses an end that has passed or is more than a year away, counted from ``today``. Raises ``ActRefused``."""
    if not today <= until <= today + timedelta(days=LONGEST_WAIVER_DAYS):
        raise ActRefused(
            f"{until} cannot be its last day: choose one from {today} to "
            f"{today + timedelta(days=LONGEST_WAIVER_DAYS)}, a year at most."
        )


class Triage:
    """Asks and acts on the findings of an open store."""

    def __init__(self, store: OperationsStore) -> None:
        self._store = store

    @property
    def today(self) -> date:
        """The day the findings are of: the last run's; before the first run the calendar's."""
        last = self._store.last_run()
        return last.as_at if last else now().date()

    # Asking

    def page(self, wanted: Filter = EVERY, *, order: Order = "newest", page: int = 1, size: int = 50) -> Page:
        """One page (from 1) of the findings that match. Raises ``SendError`` for an order there is not."""
        if order not in _ORDERS:
            raise SendError(f"{order!r} is no order. Ask for one of {', '.join(_ORDERS)}.")
        page, size = max(1, page), max(1, size)
        with self._store.reading() as connection:
            keys, total = _keys_of_page(connection, wanted, order, (page - 1) * size, size)
            rows = connection.execute(
                select(*_COLUMNS).where(FindingRecord.finding_key.in_(keys)).order_by(*_ORDERS[order])
            )
            return Page(tuple(_finding(row) for row in rows), total, page, size)

    def count(self, wanted: Filter = EVERY) -> int:
        """How many findings match."""
        with self._store.reading() as connection:
            query = select(func.count()).select_from(FindingRecord).where(*_conditions(connection, wanted))
            return int(connection.execute(query).scalar_one())

    def counts(self, wanted: Filter = EVERY, *, by: Group) -> dict[str, int]:
        """How many of those that match there are of each value of ``by``; what has none is counted under ``""``."""
        column = _group(by)
        with self._store.reading() as connection:
            conditions = _conditions(connection, wanted)
            rows: Any = connection.execute(
                select(column, func.count()).where(*conditions).group_by(column).order_by(column)
            )
            return {str(value): int(count) for value, count in rows}

    def versions(self, wanted: Filter) -> dict[str, int]:
        """The key and version of every finding that matches, to act on all of them."""
        with self._store.reading() as connection:
            query = select(FindingRecord.finding_key, FindingRecord.version).where(*_conditions(connection, wanted))
            return {row.finding_key: row.version for row in connection.execute(query)}

    def finding(self, finding_key: str) -> Finding:
        """One finding. Raises ``NoSuchFinding``."""
        with self._store.reading() as connection:
            row = connection.execute(select(*_COLUMNS).where(FindingRecord.finding_key == finding_key)).first()
        if row is None:
            raise NoSuchFinding(f"There is no finding {finding_key}. The keys are in: send findings --json")
        return _finding(row)

    def all(self, wanted: Filter = EVERY, *, order: Order = "rule") -> list[Finding]:
        """Every finding that matches."""
        with self._store.reading() as connection:
            query = select(*_COLUMNS).where(*_conditions(connection, wanted)).order_by(*_ORDERS[order])
            return [_finding(row) for row in connection.execute(query)]

    def history(self, finding_key: str) -> list[Turn]:
        """What became of a finding, in order."""
        with self._store.reading() as connection:
            return _turns(connection, [finding_key])[finding_key]

    def explanation(self, finding_key: str) -> Explanation | None:
        """The explanation that stands for a finding."""
        query = (
            select(ExplanationRecord.__table__)
            .where(ExplanationRecord.finding_key == finding_key)
            .order_by(ExplanationRecord.explanation_id.desc())
            .limit(1)
        )
        with self._store.reading() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        return Explanation(row.finding_key, row.rule_id, row.return_year, row.explanation, row.author, row.at)

    # Acting

    def assign(self, seen: Mapping[str, int], *, to: str | None, by: str, note: str | None = None) -> Acted:
        """Gives findings to somebody, or with ``to`` None back to all of their owner's."""
        assignee = None if to is None else required(to, "Whom it is assigned to")

        def decide(finding: Finding) -> Change | str:
            state = finding.state
            if state in TO_DO_STATES:
                state = "assigned" if assignee else "open"
            return {"assignee": assignee, "state": state}

        event = "assigned" if assignee else "given back"
        return self._act(seen, event, by, decide, detail=assignee, note=_optional(note))

    def explain(self, seen: Mapping[str, int], *, because: str, by: str, return_year: int | None = None) -> Acted:
        """Explains queries: the same explanation that the return's notes carry. Errors must be mended.

        ``return_year`` is the return it is written for, by default that of the survey in hand.
        """
        explanation, author = required(because, "The explanation"), required(by, "Who explains")
        year = return_year or survey_in_hand(self.today).year

        def write(connection: Connection, changed: Sequence[tuple[Finding, Change]]) -> None:
            rules = {finding.finding_key: finding.rule_id for finding, _ in changed}
            write_explanations(connection, rules, year, explanation, author)

        def decide(finding: Finding) -> Change | str:
            if finding.severity == "error":
                return f"an error takes no explanation. {finding.remedy}"
            return {}

        return self._act(seen, "explained", author, decide, write=write)

    def propose_waiver(self, seen: Mapping[str, int], *, until: date, reason: str, by: str) -> Acted:
        """Proposes that nobody need chase findings until a day (its last); a second person approves it."""
        why, proposer = required(reason, "The reason"), required(by, "Who proposes")
        require_end(until, self.today)

        def decide(finding: Finding) -> Change | str:
            if finding.state == "waived":
                return f"it is waived until {finding.waiver_until}."
            if finding.awaits_approval:
                return f"{finding.waiver_proposed_by} has proposed a waiver until {finding.waiver_until}."
            return {"waiver_until": until, "waiver_reason": why, "waiver_proposed_by": proposer}

        return self._act(seen, "waiver proposed", proposer, decide, detail=until.isoformat(), note=why)

    def approve_waiver(self, seen: Mapping[str, int], *, by: str, note: str | None = None) -> Acted:
        """Approves proposed waivers; whoever proposed one cannot."""
        approver, today = required(by, "Who approves"), self.today

        def decide(finding: Finding) -> Change | str:
            if not finding.awaits_approval or finding.waiver_until is None:
                return "no waiver is proposed."
            if is_same_person(finding.waiver_proposed_by or "", approver):
                return f"{finding.waiver_proposed_by} proposed this waiver; a second person approves it."
            if finding.waiver_until < today:
                return f"the waiver proposed would have ended on {finding.waiver_until}; propose it anew."
            return {"state": "waived", "waiver_approved_by": approver}

        return self._act(
            seen, "waiver approved", approver, decide, detail=lambda f: str(f.waiver_until), note=_optional(note)
        )

    def refuse_waiver(self, seen: Mapping[str, int], *, by: str, reason: str) -> Acted:
        """Refuses proposed waivers; who proposed one takes it back so."""
        why = required(reason, "The reason")

        def decide(finding: Finding) -> Change | str:
            return dict(NO_WAIVER) if finding.awaits_approval else "no waiver is proposed."

        return self._act(seen, "waiver refused", by, decide, note=why)

    def end_waiver(self, seen: Mapping[str, int], *, by: str, reason: str) -> Acted:
        """Ends waivers before their day: the findings are to be chased again."""
        why = required(reason, "The reason")

        def decide(finding: Finding) -> Change | str:
            if finding.state != "waived":
                return "it is not waived."
            return {"state": "assigned" if finding.assignee else "open", **NO_WAIVER}

        return self._act(seen, "waiver ended", by, decide, note=why)

    def note(self, seen: Mapping[str, int], *, note: str, by: str) -> Acted:
        """Writes a note into the history of findings, fixed ones too."""
        return self._act(seen, "noted", by, lambda _finding: {}, note=required(note, "The note"), is_for_fixed_too=True)

    def _act(
        self,
        seen: Mapping[str, int],
        event: str,
        by: str,
        decide: Decide,
        *,
        detail: str | Callable[[Finding], str] | None = None,
        note: str | None = None,
        write: Callable[[Connection, Sequence[tuple[Finding, Change]]], None] | None = None,
        is_for_fixed_too: bool = False,
    ) -> Acted:
        """Does one act to all the findings seen that still are as seen, in one transaction.

        ``write`` writes change and turn itself; without it the columns that ``decide`` gives are changed.
        """
        actor, acted = required(by, "Who acts (by)"), Acted()
        at = now()
        with self._store.writing(FINDINGS_LOCK, is_shared=True) as connection:
            for keys in _in_chunks(sorted(seen)):
                found = {
                    row.finding_key: _finding(row)
                    for row in connection.execute(
                        select(*_COLUMNS)
                        .where(FindingRecord.finding_key.in_(keys))
                        .order_by(FindingRecord.finding_key)
                        .with_for_update()
                    )
                }
                acted.refused += [Refusal(key, "there is no such finding.") for key in keys if key not in found]
                stale = [key for key in found if found[key].version != seen[key]]
                acted.conflicts += _conflicts(connection, [found[key] for key in stale], seen)
                changed: list[tuple[Finding, Change]] = []
                for key, finding in found.items():
                    if key in stale:
                        continue
                    if finding.state == "fixed" and not is_for_fixed_too:
                        acted.refused.append(Refusal(key, "it is fixed: the run no longer finds it."))
                        continue
                    decided = decide(finding)
                    if isinstance(decided, str):
                        acted.refused.append(Refusal(key, decided))
                    else:
                        changed.append((finding, decided))
                        acted.done[key] = finding.version + 1
                if not changed:
                    continue
                if write is not None:
                    write(connection, changed)
                    continue
                _change(connection, changed)
                turns = [
                    {
                        **{"finding_key": finding.finding_key, "event": event, "at": at, "actor": actor, "note": note},
                        "detail": detail(finding) if callable(detail) else detail,
                    }
                    for finding, _ in changed
                ]
                connection.execute(insert(FindingEventRecord), turns)
        return acted

    # Telling

    def ageing(self, wanted: Filter = EVERY, *, by: Group = "owner", now: datetime | None = None) -> list[AgeLine]:
        """Open findings by age in bands of days (``AGE_BANDS``), a line a value of ``by``, as of ``now`` (UTC)."""
        moment = now or datetime.now(UTC).replace(tzinfo=None)
        bounds = [moment - timedelta(days=days) for days in AGE_BANDS]
        band: ColumnElement[int] = case(
            *((opened_at() >= bound, number) for number, bound in enumerate(bounds)), else_=len(bounds)
        )
        group = _group(by)
        with self._store.reading() as connection:
            rows: Sequence[Any] = connection.execute(
                select(group, band, func.count(), func.min(opened_at()))
                .where(FindingRecord.state != "fixed", *_conditions(connection, wanted))
                .group_by(group, band)
            ).all()
        counts: dict[str, list[int]] = defaultdict(lambda: [0] * (len(bounds) + 1))
        oldest: dict[str, datetime] = {}
        for name, number, count, first in rows:
            counts[name][number] = int(count)
            oldest[name] = min(first, oldest.get(name, first))
        return [AgeLine(name, tuple(counts[name]), oldest[name]) for name in sorted(counts)]

    def time_to_fix(
        self, wanted: Filter = EVERY, *, by: Group = "owner", since: datetime | None = None
    ) -> list[FixLine]:
        """How long what runs have closed (since ``since``) had stood, a line a value of ``by``."""
        group = _group(by)
        query = (
            select(group, FindingEventRecord.open_since, FindingEventRecord.at, func.count())
            .join(FindingRecord, FindingRecord.finding_key == FindingEventRecord.finding_key)
            .where(FindingEventRecord.event == "fixed", FindingEventRecord.open_since.is_not(None))
            .group_by(group, FindingEventRecord.open_since, FindingEventRecord.at)
        )
        if since is not None:
            query = query.where(FindingEventRecord.at >= since)
        with self._store.reading() as connection:
            rows: Sequence[Any] = connection.execute(query.where(*_conditions(connection, wanted))).all()
        spans: dict[str, Counter[float]] = defaultdict(Counter)
        for name, opened, closed, count in rows:
            spans[name][(closed - opened).total_seconds() / 86_400] += int(count)
        return [
            FixLine(name, counted.total(), _quantile(counted, 0.5), _quantile(counted, 0.9))
            for name, counted in sorted(spans.items())
        ]

    def standing(self, wanted: Filter = EVERY) -> list[StandingLine]:
        """How many findings stand, by owner, organisation, source system (extract), severity and state."""
        columns = (
            FindingRecord.owner,
            FindingRecord.organisation,
            FindingRecord.extract,
            FindingRecord.severity,
            FindingRecord.state,
        )
        with self._store.reading() as connection:
            rows = connection.execute(
                select(*columns, func.count())
                .where(FindingRecord.state != "fixed", *_conditions(connection, wanted))
                .group_by(*columns)
                .order_by(*columns)
            )
            return [StandingLine(*row[:5], int(row[5])) for row in rows]

    def flow(self, wanted: Filter = EVERY, *, since: datetime) -> list[FlowLine]:
        """What runs opened and closed a day and owner, from ``since`` (UTC) on."""
        turn = FindingEventRecord
        query = (
            select(turn.at, turn.owner, turn.event, func.count())
            .where(turn.event.in_(("new", "reopened", "fixed")), turn.at >= since)
            .group_by(turn.at, turn.owner, turn.event)
        )
        if wanted.owner is not None:
            query = query.where(turn.owner == wanted.owner)
        if wanted.organisation is not None:
            query = query.where(turn.organisation == wanted.organisation)
        with self._store.reading() as connection:
            if replace(wanted, owner=None, organisation=None) != EVERY:  # what the history itself does not say
                query = query.join(FindingRecord, FindingRecord.finding_key == turn.finding_key)
                query = query.where(*_conditions(connection, wanted))
            rows: Sequence[Any] = connection.execute(query).all()
        counted: dict[tuple[date, str], Counter[str]] = defaultdict(Counter)
        for at, owner, event, count in rows:
            counted[at.date(), owner][event] += int(count)
        return [
            FlowLine(day, owner, events["new"], events["reopened"], events["fixed"])
            for (day, owner), events in sorted(counted.items())
        ]


def _group(by: str) -> ColumnElement[Any]:
    """The column to count by, its gaps as an empty text. Raises ``SendError`` for what is none of ``GROUPS``."""
    if by not in GROUPS:
        raise SendError(f"{by!r} is nothing to count by. Ask for one of {', '.join(GROUPS)}.")
    column: ColumnElement[Any] = func.coalesce(getattr(FindingRecord, by), "")
    return column


def _optional(text: str | None) -> str | None:
    return required(text, "The note") if text and text.strip() else None


def _finding(row: Row[Any]) -> Finding:
    return Finding(**row._mapping)


def _in_chunks(keys: Sequence[str]) -> Iterable[Sequence[str]]:
    return (keys[start : start + KEYS_AT_A_TIME] for start in range(0, len(keys), KEYS_AT_A_TIME))


def _turns(connection: Connection, keys: Sequence[str]) -> dict[str, list[Turn]]:
    """The history of each of these findings, at most a chunk of them."""
    turn = FindingEventRecord
    turns: dict[str, list[Turn]] = {key: [] for key in keys}
    rows = connection.execute(
        select(turn.finding_key, turn.event, turn.run_id, turn.actor, turn.at, turn.detail, turn.note)
        .where(turn.finding_key.in_(keys))
        .order_by(turn.event_id)
    )
    for key, event, run_id, actor, at, detail, note in rows:
        turns[key].append(Turn(event, actor or run_id or "", actor is None, at, detail, note))
    return turns


def _conflicts(connection: Connection, stale: Sequence[Finding], seen: Mapping[str, int]) -> list[Conflict]:
    if not stale:
        return []
    turns = _turns(connection, [finding.finding_key for finding in stale])
    return [
        Conflict(f.finding_key, seen[f.finding_key], f.version, f.state, next(reversed(turns[f.finding_key]), None))
        for f in stale
    ]


def _change(connection: Connection, changed: Sequence[tuple[Finding, Change]]) -> None:
    """Writes the changes, those alike together, and counts each finding's version up."""
    alike: dict[tuple[tuple[str, Any], ...], list[str]] = defaultdict(list)
    for finding, change in changed:
        alike[tuple(sorted(change.items()))].append(finding.finding_key)
    for values, keys in alike.items():
        connection.execute(
            update(FindingRecord)
            .where(FindingRecord.finding_key.in_(keys))
            .values({**dict(values), "version": FindingRecord.version + 1})
            .execution_options(synchronize_session=False)
        )


def _conditions(connection: Connection, wanted: Filter, *, is_led_by_state: bool = True) -> list[ColumnElement[bool]]:
    """The filter as conditions on ``finding``; those on the state may be kept from choosing the index."""
    unknown = set(wanted.states) - set(STATES)
    if unknown:
        raise SendError(f"{', '.join(sorted(unknown))} is no state. Ask for {', '.join(STATES)}.")
    found = FindingRecord
    equal = {
        "owner": wanted.owner,
        "rule_id": wanted.rule,
        "dataset": wanted.dataset,
        "severity": wanted.severity,
        "extract": wanted.extract,
        "organisation": wanted.organisation,
        "child_id": wanted.child_id,
    }
    conditions: list[ColumnElement[bool]] = [
        getattr(found, column) == value for column, value in equal.items() if value is not None
    ]
    if wanted.states:
        state = found.state if is_led_by_state else func.coalesce(found.state, "")
        is_all_standing = set(wanted.states) == set(OPEN_STATES)
        conditions.append(state != "fixed" if is_all_standing else state.in_(wanted.states))
    if wanted.assignee is not None:
        spelt = func.lower(found.assignee) == func.lower(wanted.assignee.strip())
        conditions.append(
            found.assignee.in_(select(found.assignee).where(found.assignee.is_not(None), spelt).distinct())
        )
    if wanted.is_unassigned:
        conditions.append(found.assignee.is_(None))
    if wanted.awaits_approval:
        conditions.append(and_(found.waiver_proposed_by.is_not(None), found.waiver_approved_by.is_(None)))
    moment = datetime.now(UTC).replace(tzinfo=None)
    if wanted.older_than_days is not None:
        conditions.append(opened_at() < moment - timedelta(days=wanted.older_than_days))
    if wanted.younger_than_days is not None:
        conditions.append(opened_at() >= moment - timedelta(days=wanted.younger_than_days))
    if wanted.text and wanted.text.strip():
        words = wanted.text.strip()
        told = found.rule_id.in_(_rules_that_say(connection, words))
        conditions.append(or_(told, *(_says(connection, getattr(found, name), words) for name in _SEARCHED)))
    if wanted.product is not None:
        conditions.append(found.dataset.in_(_datasets_of(connection, wanted.product)))
    if wanted.keys is not None:
        conditions.append(found.finding_key.in_(wanted.keys))
    return conditions


def _keys_of_page(
    connection: Connection, wanted: Filter, order: Order, offset: int, size: int
) -> tuple[Sequence[str], int]:
    """The keys of one page of the findings that match, and how many match in all.

    Where many match, walking in their order finds a page of them soonest: the state is then kept from leading the
    search. Looking for words reads the findings from one end of the table to the other, and few of them but once.
    """
    has_words = bool(wanted.text and wanted.text.strip())
    conditions = _conditions(connection, wanted, is_led_by_state=not has_words)
    keys = select(FindingRecord.finding_key)
    if has_words:
        found = connection.execute(keys.where(*conditions).limit(MANY + 1)).scalars().all()
        if len(found) <= MANY:
            page = keys.where(FindingRecord.finding_key.in_(found)).order_by(*_ORDERS[order])
            return connection.execute(page.limit(size).offset(offset)).scalars().all(), len(found)
    count = select(func.count()).select_from(FindingRecord)
    total = int(connection.execute(count.where(*conditions)).scalar_one())
    if total <= offset:
        return (), total
    if total > MANY and order != "severity":
        conditions = _conditions(connection, wanted, is_led_by_state=False)
    page = keys.where(*conditions).order_by(*_ORDERS[order])
    return connection.execute(page.limit(size).offset(offset)).scalars().all(), total


def _says(connection: Connection, column: Any, words: str) -> ColumnElement[bool]:
    """Whether a text has these words, whatever their case. SQLite's ``like`` needs no help with that."""
    is_sqlite = connection.dialect.name == "sqlite"
    said: ColumnElement[bool] = (column.contains if is_sqlite else column.icontains)(words, autoescape=True)
    return said


def _rules_that_say(connection: Connection, words: str) -> list[str]:
    """The rules with findings whose id, name or remedy has these words: one finding of each is looked at."""
    rule = select(FindingRecord.rule_id).distinct().subquery()
    one = aliased(FindingRecord)
    texts = [
        select(column).where(one.rule_id == rule.c.rule_id).limit(1).scalar_subquery()
        for column in (one.rule_name, one.remedy)
    ]
    wanted = words.casefold()
    return [
        row[0]
        for row in connection.execute(select(rule.c.rule_id, *texts))
        if any(wanted in str(text).casefold() for text in row)
    ]


def _datasets_of(connection: Connection, product: str) -> list[str]:
    """The datasets with findings that the product's gate rests on. Raises ``SendError`` for no such product."""
    gates = {gate.product: gate for path in (GATES, INSPECTION_GATES, RETURN_GATES) for gate in read_gates(path)}
    if product not in gates:
        raise SendError(f"There is no product {product!r}. The products are: {', '.join(gates)}.")
    patterns = gates[product].contracts
    return [
        dataset
        for dataset in connection.execute(select(FindingRecord.dataset).distinct()).scalars()
        if any(fnmatchcase(dataset, pattern) for pattern in patterns)
    ]


def _quantile(counted: Counter[float], share: float) -> float:
    """The least span that at least ``share`` of those counted do not pass."""
    wanted, so_far = share * counted.total(), 0
    for span, count in sorted(counted.items()):
        so_far += count
        if so_far >= wanted:
            return round(span, 2)
    return 0.0
