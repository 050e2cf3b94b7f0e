"""News: what newly fails and what is newly fixed, grouped by who can mend it; never the whole list again.

It is plain data and names children by ``child_id`` alone, with no value, record or file: it may be mailed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from connectors.manifest import write_whole
from operations.schema import CorrectionRecord, FindingEventRecord, FindingRecord
from operations.store import OperationsStore

CHILDREN_NAMED = 20
"""How many children a line names; the others are counted."""
TOLD = ("new", "reopened", "fixed")


@dataclass(frozen=True)
class NewsLine:
    """What became of one rule's findings in a run: how many, of how many children, the first of them by id."""

    rule_id: str
    rule_name: str
    severity: str
    extract: str | None
    remedy: str
    findings: int
    children: int
    child_ids: tuple[str, ...]


@dataclass(frozen=True)
class News:
    """What one owner is told of a run. ``corrections_lifted`` are the numbers of corrections that the run ended."""

    owner: str
    run_id: str
    new: tuple[NewsLine, ...]
    reopened: tuple[NewsLine, ...]
    fixed: tuple[NewsLine, ...]
    corrections_lifted: tuple[int, ...]
    standing: int

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to tell."""
        return not (self.new or self.reopened or self.fixed or self.corrections_lifted)

    def as_data(self) -> dict[str, Any]:
        """The news as plain values."""
        return asdict(self)

    def as_markdown(self) -> str:
        """The news as text for a person."""
        lines = [f"# {self.owner}: what changed in run {self.run_id}", ""]
        for heading, told in (
            ("Newly failing", self.new),
            ("Failing again", self.reopened),
            ("Newly fixed", self.fixed),
        ):
            if not told:
                continue
            lines += [f"## {heading}: {sum(line.findings for line in told):,}", ""]
            for line in told:
                more = line.children - len(line.child_ids)
                children = ", ".join(line.child_ids) + (f" and {more:,} more" if more else "")
                where = f" in {line.extract}" if line.extract else ""
                lines.append(f"- {line.findings:,} × {line.rule_name} ({line.severity}, `{line.rule_id}`{where})")
                lines += [f"  - children: {children}"] if children else []
                lines += [f"  - {line.remedy}"] if told is not self.fixed else []
            lines.append("")
        if self.corrections_lifted:
            numbers = ", ".join(str(number) for number in self.corrections_lifted)
            lines += [f"Corrections lifted by this run: {numbers}. See: send findings corrections --all", ""]
        lines.append(f"{self.standing:,} findings stand in all: send findings --owner {self.owner}")
        return "\n".join(lines) + "\n"


def news_of(store: OperationsStore, run_id: str) -> dict[str, News]:
    """What each owner is to be told of a run, by owner; those for whom nothing changed are left out."""
    turn, found = FindingEventRecord, FindingRecord
    of_rule = (found.owner, turn.event, found.rule_id, found.rule_name, found.severity, found.extract, found.remedy)
    told = (
        select(*of_rule, func.count().label("findings"), func.count(found.child_id.distinct()).label("children"))
        .join(found, found.finding_key == turn.finding_key)
        .where(turn.run_id == run_id, turn.event.in_(TOLD))
        .group_by(*of_rule)
        .order_by(found.severity, func.count().desc(), found.rule_id, found.extract)
    )
    # distinct children first, then the first few of each rule
    child = (
        select(found.owner, turn.event, found.rule_id, found.extract, found.child_id)
        .join(found, found.finding_key == turn.finding_key)
        .where(turn.run_id == run_id, turn.event.in_(TOLD), found.child_id.is_not(None))
        .distinct()
        .subquery()
    )
    number = func.row_number().over(
        partition_by=(child.c.owner, child.c.event, child.c.rule_id, child.c.extract), order_by=child.c.child_id
    )
    numbered = select(child, number.label("number")).subquery()
    named = select(numbered).where(numbered.c.number <= CHILDREN_NAMED).order_by(numbered.c.number)
    standing = select(found.owner, func.count()).where(found.state != "fixed").group_by(found.owner)
    lifted = (
        select(found.owner, CorrectionRecord.correction_id)
        .join(found, found.finding_key == CorrectionRecord.finding_key)
        .join(turn, turn.finding_key == found.finding_key)
        .where(turn.run_id == run_id, turn.event == "correction lifted", CorrectionRecord.lifted_at == turn.at)
        .distinct()
        .order_by(CorrectionRecord.correction_id)
    )
    with store.reading() as connection:
        lines = connection.execute(told).all()
        children: dict[tuple[Any, ...], list[str]] = {}
        for row in connection.execute(named):
            children.setdefault((row.owner, row.event, row.rule_id, row.extract), []).append(row.child_id)
        counts = {owner: int(count) for owner, count in connection.execute(standing)}
        corrections: dict[str, list[int]] = {}
        for owner, correction_id in connection.execute(lifted):
            corrections.setdefault(owner, []).append(correction_id)
    by_owner: dict[str, dict[str, list[NewsLine]]] = {}
    for row in lines:
        of_children = children.get((row.owner, row.event, row.rule_id, row.extract), [])
        line = NewsLine(
            *(row.rule_id, row.rule_name, row.severity, row.extract, row.remedy),
            *(int(row.findings), int(row.children), tuple(of_children)),
        )
        by_owner.setdefault(row.owner, {}).setdefault(row.event, []).append(line)
    owners = sorted({*by_owner, *corrections})
    return {
        owner: News(
            owner=owner,
            run_id=run_id,
            new=tuple(by_owner.get(owner, {}).get("new", ())),
            reopened=tuple(by_owner.get(owner, {}).get("reopened", ())),
            fixed=tuple(by_owner.get(owner, {}).get("fixed", ())),
            corrections_lifted=tuple(corrections.get(owner, ())),
            standing=counts.get(owner, 0),
        )
        for owner in owners
    }


def write_news(folder: Path, run_id: str, told: Mapping[str, News]) -> Path:
    """Writes a run's news as ``<folder>/<run_id>.json``, whole, for its owner alone; gives the file."""
    folder.mkdir(parents=True, exist_ok=True)
    written_at = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    content = {
        "run_id": run_id,
        "written_at": written_at.isoformat(),
        "news": {owner: news.as_data() for owner, news in told.items()},
    }
    path = folder / f"{run_id}.json"
    write_whole(path, (json.dumps(content, indent=2) + "\n").encode())
    return path
