"""My work: what is the visitor's to do, first of all pages."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from console.access import Reader, console_of
from console.rendering import page
from operations.triage import TO_DO_STATES, Filter

router = APIRouter()
SHOWN = 15
OLD_DAYS = 30


@router.get("/")
def my_work(request: Request, visitor: Reader) -> Response:
    """What is assigned to the visitor, what nobody of their team has taken, and what waits for a second person."""
    if not visitor.is_working:
        return RedirectResponse("/products", status_code=303)
    triage = console_of(request).triage
    scope = Filter(organisation=visitor.organisation, states=TO_DO_STATES)
    owner = visitor.account.owner
    mine = Filter(organisation=visitor.organisation, states=TO_DO_STATES, assignee=visitor.name)
    free = Filter(organisation=visitor.organisation, states=TO_DO_STATES, owner=owner, is_unassigned=True)
    waiting = Filter(organisation=visitor.organisation, awaits_approval=True)
    old = Filter(organisation=visitor.organisation, states=TO_DO_STATES, owner=owner, older_than_days=OLD_DAYS)
    return page(
        request,
        "work.html",
        mine=triage.page(mine, order="severity", size=SHOWN),
        free=triage.page(free, order="severity", size=SHOWN),
        waiting=triage.page(waiting, order="oldest", size=SHOWN),
        old=triage.count(old),
        old_days=OLD_DAYS,
        by_severity=triage.counts(scope, by="severity"),
        owner=owner,
    )
