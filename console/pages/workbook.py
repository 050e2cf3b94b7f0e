"""The worklist as an Excel workbook: it goes out to who can mend what is in it, and what they wrote comes back."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from fastapi import APIRouter, Request
from starlette.responses import Response

from checks.rules import OWNERS
from connectors.errors import SendError
from console.access import Form, FormRefused, Visitor, Worker, console_of
from console.pages.findings import REASON_LENGTH
from console.rendering import page
from operations.accounts import ORGANISATION_OF
from operations.triage import OPEN_STATES, Filter
from operations.worklist import read_worklist, write_worklist

router = APIRouter()
KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def _theirs(visitor: Visitor) -> Filter:
    """What the visitor may work on."""
    return Filter(organisation=visitor.organisation)


def _page(request: Request, visitor: Visitor, *, problem: str = "", status: int = 200) -> Response:
    owners = [owner for owner in OWNERS if visitor.organisation in (None, ORGANISATION_OF[owner])]
    return page(request, "workbook.html", owners=owners, owner=visitor.account.owner, problem=problem, status=status)


@router.get("/workbook")
def workbook(request: Request, visitor: Worker) -> Response:
    """Where a workbook is fetched and sent back."""
    return _page(request, visitor)


@router.post("/workbook/download")
def download(request: Request, visitor: Worker, form: Form) -> Response:
    """The open findings of an owner as a workbook; each child in it is noted in the access log."""
    console, owner, reason = console_of(request), form.text("owner"), form.text("reason")
    if owner and owner not in OWNERS:
        raise FormRefused("There is no such owner of findings.")
    if not reason or len(reason) > REASON_LENGTH:
        raise FormRefused(f"Say in at most {REASON_LENGTH} characters what the workbook is for.")
    wanted = replace(_theirs(visitor), states=OPEN_STATES, owner=owner or None)
    children = sorted({one.child_id for one in console.triage.all(wanted) if one.child_id})
    console.access_log.note(
        visitor.name,
        "exported",
        address=visitor.address,
        child_ids=children or [None],
        about=f"workbook of {owner or 'all owners'}",
        reason=reason,
    )
    with TemporaryDirectory() as folder:
        path = Path(folder) / "worklist.xlsx"
        write_worklist(console.triage, wanted, path)
        contents = path.read_bytes()
    headers = {"content-disposition": f'attachment; filename="worklist-{owner or "all"}.xlsx"'}
    return Response(contents, media_type=KIND, headers=headers)


@router.post("/workbook")
def send_back(request: Request, visitor: Worker, form: Form) -> Response:
    """Does what a workbook says in the visitor's name; rows left alone are listed, with what they wanted."""
    uploaded = form.file("workbook")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "sent-back.xlsx"
        with path.open("wb") as handle:
            shutil.copyfileobj(uploaded.file, handle)
        try:
            imported = read_worklist(console_of(request).triage, path, by=visitor.name, allowed=_theirs(visitor))
        except SendError as refusal:
            return _page(request, visitor, problem=str(refusal), status=422)
    return page(request, "workbook_read.html", imported=imported, status=409 if imported.problems else 200)
