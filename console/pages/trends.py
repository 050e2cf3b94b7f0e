"""Trends: how old what stands is, how long mending takes, what comes and goes; by owner and by source system."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise

from fastapi import APIRouter, Request
from starlette.responses import Response

from console.access import Reader, console_of
from console.charts import Bars, Lines
from console.context import Console
from console.rendering import page, words
from operations.triage import AGE_BANDS, AgeLine, FixLine, FlowLine, Group

router = APIRouter()
WEEKS = 26
GROUPS: dict[str, Group] = {"owner": "owner", "source system": "extract"}
BANDS = (
    f"up to {AGE_BANDS[0]} days",
    *(f"{low} to {high} days" for low, high in pairwise(AGE_BANDS)),
    f"over {AGE_BANDS[-1]} days",
)


def _ages(title: str, lines: Sequence[AgeLine]) -> Bars:
    rows = tuple((words(line.group) or "no source", tuple(float(count) for count in line.counts)) for line in lines)
    return Bars(title, BANDS, rows, "records")


def _weeks(lines: Sequence[FlowLine], first: date) -> tuple[tuple[str, int, int], ...]:
    """What was found (newly or again) and what was fixed, a line a week, weeks without either too."""
    found: Counter[int] = Counter()
    fixed: Counter[int] = Counter()
    for line in lines:
        week = (line.day - first).days // 7
        found[week] += line.opened + line.reopened
        fixed[week] += line.fixed
    return tuple((f"{first + timedelta(weeks=week):%d %b %Y}", found[week], fixed[week]) for week in range(WEEKS))


@dataclass(frozen=True)
class Figures:
    """What the page tells: ages and times to fix by owner and by source, and weeks since ``since`` (UTC)."""

    since: datetime
    ages: dict[str, list[AgeLine]]
    fixes: dict[str, list[FixLine]]
    weeks: tuple[tuple[str, int, int], ...]


def _figures(console: Console) -> Figures:
    triage, now = console.triage, console.clock()
    first = (now - timedelta(weeks=WEEKS) + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return Figures(
        since=first,
        ages={name: triage.ageing(by=by, now=now) for name, by in GROUPS.items()},
        fixes={name: triage.time_to_fix(by=by, since=first) for name, by in GROUPS.items()},
        weeks=_weeks(triage.flow(since=first), first.date()),
    )


@router.get("/trends")
def trends(request: Request, visitor: Reader) -> Response:
    """Charts with a table beside each; figures only."""
    console = console_of(request)
    figures = console.since_the_last_run.get("trends", lambda: _figures(console))
    found, fixed = (tuple(float(week[position]) for week in figures.weeks) for position in (1, 2))
    return page(
        request,
        "trends.html",
        bands=BANDS,
        figures=figures,
        age_charts={name: _ages(f"Open records by age and {name}", lines) for name, lines in figures.ages.items()},
        flow=Lines(
            "Records found and fixed a week",
            tuple(week[0] for week in figures.weeks),
            (("found", found), ("fixed", fixed)),
            "records",
        ),
        fix_charts={
            name: Bars(
                f"Median days until fixed, by {name}",
                ("median",),
                tuple((words(line.group) or "no source", (line.median_days,)) for line in lines),
                "days",
            )
            for name, lines in figures.fixes.items()
        },
    )
