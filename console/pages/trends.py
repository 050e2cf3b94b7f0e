"""Trends: how old what stands is, how long mending takes, what comes and goes; by owner and by source system."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from itertools import pairwise

from fastapi import APIRouter, Request
from starlette.responses import Response

from console.access import Reader, console_of
from console.charts import Bars, Lines
from console.rendering import page, words
from operations.triage import AGE_BANDS, AgeLine, FlowLine

router = APIRouter()
WEEKS = 26
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


@router.get("/trends")
def trends(request: Request, visitor: Reader) -> Response:
    """Charts with a table beside each; figures only."""
    console = console_of(request)
    triage = console.triage
    now = console.clock()
    first = (now - timedelta(weeks=WEEKS) + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    by_owner, by_source = triage.ageing(by="owner", now=now), triage.ageing(by="extract", now=now)
    weeks = _weeks(triage.flow(since=first), first.date())
    flow = Lines(
        "Records found and fixed a week",
        tuple(week for week, _, _ in weeks),
        (("found", tuple(float(n) for _, n, _ in weeks)), ("fixed", tuple(float(n) for _, _, n in weeks))),
        "records",
    )
    fixes = {
        "owner": triage.time_to_fix(by="owner", since=first),
        "extract": triage.time_to_fix(by="extract", since=first),
    }
    return page(
        request,
        "trends.html",
        bands=BANDS,
        by_owner=by_owner,
        by_source=by_source,
        owner_chart=_ages("Open records by age and owner", by_owner),
        source_chart=_ages("Open records by age and source system", by_source),
        weeks=weeks,
        flow=flow,
        fixes=fixes,
        fix_charts={
            by: Bars(
                f"Median days until fixed, by {'owner' if by == 'owner' else 'source system'}",
                ("median",),
                tuple((words(line.group) or "no source", (line.median_days,)) for line in lines),
                "days",
            )
            for by, lines in fixes.items()
        },
        since=first,
    )
