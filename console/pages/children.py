"""What the checks find of one child; opened with a reason, which is asked once a session."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from console.access import Form, FormRefused, NotFound, Visitor, Worker, console_of
from console.pages.findings import REASON_LENGTH
from console.rendering import page
from operations.triage import Filter

router = APIRouter()
MOST = 200


def _known(request: Request, visitor: Visitor, child_id: str) -> None:
    """Raises ``NotFound`` where nothing that the visitor may see is known of the child."""
    if not console_of(request).triage.count(Filter(child_id=child_id, organisation=visitor.organisation)):
        raise NotFound("Nothing is found of such a child, or nothing of your organisation.")


@router.get("/children/{child_id}")
def child(request: Request, visitor: Worker, child_id: str) -> Response:
    """Every finding of the child, open and fixed."""
    console = console_of(request)
    _known(request, visitor, child_id)
    reason = console.sessions.reason(visitor.session, child_id)
    if reason is None:
        return page(request, "child_reason.html", child_id=child_id, problem="")
    console.access_log.note(
        visitor.name, "viewed", address=visitor.address, child_ids=[child_id], about="child", reason=reason
    )
    wanted = Filter(child_id=child_id, organisation=visitor.organisation)
    return page(
        request,
        "child.html",
        child_id=child_id,
        shown=console.triage.page(wanted, order="newest", size=MOST),
        reason=reason,
    )


@router.post("/children/{child_id}/reason")
def give_reason(request: Request, visitor: Worker, form: Form, child_id: str) -> Response:
    """Keeps why the visitor looks at the child, for this session."""
    _known(request, visitor, child_id)
    reason = form.text("reason")
    if not reason:
        problem = "Say why you look at this child's records."
        return page(request, "child_reason.html", status=422, child_id=child_id, problem=problem)
    if len(reason) > REASON_LENGTH:
        raise FormRefused(f"Say it in at most {REASON_LENGTH} characters.")
    console_of(request).sessions.give_reason(visitor.session, child_id, reason)
    return RedirectResponse(f"/children/{child_id}", status_code=303)
