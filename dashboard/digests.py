"""Weekly digests: what is due and overdue, one for each caseworker, supervisor, partner service and service manager.

A digest names a child by the case reference alone, so that it may go by the post that a council has.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from pathlib import Path

import duckdb

from connectors.manifest import write_whole
from dashboard.wording import day_name

DUE = Path(__file__).with_name("digests.sql")
DAYS_AHEAD = 14
"""A digest tells what falls due within two weeks, so that a week's notice is left when the next one comes."""
GREETINGS = {
    "caseworker": "Your cases",
    "supervisor": "Overdue in your team",
    "service": "Advice asked of your service",
    "service manager": "Advice of your service that is overdue",
}


@dataclass(frozen=True)
class DueItem:
    """One thing to do: which case it is of, and when it is due. ``days_overdue`` is negative while there is time."""

    task: str
    case_reference: str
    due_date: date
    days_overdue: int
    note: str


@dataclass(frozen=True)
class Digest:
    """What one recipient is told. ``recipient_kind`` is caseworker, supervisor, service or service manager."""

    recipient_kind: str
    recipient: str
    as_at: date
    items: tuple[DueItem, ...]

    @property
    def name(self) -> str:
        """A name for a file: the kind and the recipient, in letters, digits and hyphens."""
        return re.sub(r"[^a-z0-9]+", "-", f"{self.recipient_kind} {self.recipient}".lower()).strip("-")

    @property
    def overdue(self) -> int:
        """How many of the items are overdue."""
        return sum(item.days_overdue > 0 for item in self.items)

    @property
    def subject(self) -> str:
        """A line that says how much there is, and names nobody."""
        return f"SEND: {self.overdue} overdue, {len(self.items) - self.overdue} due by {self._until}"

    @property
    def _until(self) -> str:
        last = max((item.due_date for item in self.items), default=self.as_at)
        return day_name(max(last, self.as_at))

    def as_text(self) -> str:
        """The digest as a person reads it, the longest overdue first."""
        lines = [f"# {GREETINGS[self.recipient_kind]}: {self.recipient}", "", f"As at {day_name(self.as_at)}.", ""]
        counts = Counter(item.task for item in self.items if item.days_overdue > 0)
        if counts:
            lines += ["Overdue: " + ", ".join(f"{task} {count}" for task, count in sorted(counts.items())), ""]
        for heading, is_overdue in (("Overdue", True), ("Due soon", False)):
            items = [item for item in self.items if (item.days_overdue > 0) == is_overdue]
            if is_overdue is False:
                items.sort(key=lambda item: (item.due_date, item.task, item.case_reference))
            if items:
                lines += [f"## {heading}", "", *(_line(item) for item in items), ""]
        return "\n".join(lines)


def _line(item: DueItem) -> str:
    when = f"{item.days_overdue} days overdue" if item.days_overdue > 0 else f"due {day_name(item.due_date)}"
    return f"- {item.task}, case {item.case_reference}: {when}" + (f" ({item.note})" if item.note else "")


def digests_of(lists: Path, as_at: date, days_ahead: int = DAYS_AHEAD) -> list[Digest]:
    """The digest of every recipient who has anything due, from the published lists (a DuckDB file)."""
    with duckdb.connect(str(lists.resolve()), read_only=True, config={"threads": "2"}) as connection:
        rows = connection.execute(
            DUE.read_text(encoding="utf-8"), {"as_at": as_at, "days_ahead": days_ahead}
        ).fetchall()
    return [
        Digest(kind, recipient, as_at, tuple(DueItem(row[2], row[3], row[4], row[5], row[6] or "") for row in items))
        for (kind, recipient), items in groupby(rows, key=lambda row: (row[0], row[1]))
    ]


def write_digests(digests: Sequence[Digest], folder: Path) -> list[Path]:
    """Writes each digest to a file of its own in a folder of the day, in place of those written that day before."""
    written = []
    taken: Counter[str] = Counter()
    for digest in digests:
        taken[digest.name] += 1
        same = f"-{taken[digest.name]}" if taken[digest.name] > 1 else ""
        path = folder / digest.as_at.isoformat() / f"{digest.name}{same}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, digest.as_text().encode())
        written.append(path)
    for leftover in {path.parent for path in written}:
        for path in leftover.glob("*.md"):
            if path not in written:
                path.unlink()
    return written
