"""Corrections: a value laid over one cell of a landed record, proposed by one person and approved by another."""

from __future__ import annotations

from datetime import date
from typing import Literal

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from connectors.contract import read_contract
from connectors.corrections import landed_record
from connectors.errors import ConfigurationError
from console.access import Form, FormRefused, NotFound, Visitor, Worker, console_of
from console.pages.findings import finding_of, landed_row
from console.rendering import page
from operations.corrections import Correction, NoSuchCorrection

router = APIRouter()
State = Literal["", "proposed", "approved", "refused", "lifted"]
STATES = ("proposed", "approved", "refused", "lifted")
ACTS = ("approve", "refuse", "lift")


def may_see(visitor: Visitor, correction: Correction) -> bool:
    """Whether the record corrected is of the visitor's own organisation."""
    try:
        return visitor.may_see(read_contract(correction.extract).organisation)
    except ConfigurationError:
        return visitor.is_working and visitor.organisation is None


@router.get("/corrections")
def corrections(request: Request, visitor: Worker, state: State = "") -> Response:
    """The corrections that wait or stand, or those of one state; without their values."""
    states = (state,) if state else ("proposed", "approved")
    found = [one for one in console_of(request).corrections.all(states) if may_see(visitor, one)]
    return page(request, "corrections.html", corrections=found, state=state, states=STATES)


def _correction(request: Request, visitor: Visitor, number: int) -> Correction:
    try:
        found = console_of(request).corrections.get(number) if 0 < number < 2**63 else None
    except NoSuchCorrection:
        found = None
    if found is None or not may_see(visitor, found):
        raise NotFound("There is no such correction, or it is another organisation's.")
    return found


@router.get("/corrections/{number}")
def correction(request: Request, visitor: Worker, number: int) -> Response:
    """One correction with both values, to be approved, refused or lifted."""
    console, found = console_of(request), _correction(request, visitor, number)
    child = None
    if found.finding_key:
        child = finding_of(request, visitor, found.finding_key).child_id
    console.access_log.note(
        visitor.name,
        "viewed",
        address=visitor.address,
        child_ids=[child],
        about=f"correction {number}",
        reason=f"working on correction {number}",
    )
    return page(request, "correction.html", correction=found)


@router.post("/corrections/{number}")
def decide(request: Request, visitor: Worker, form: Form, number: int) -> Response:
    """Approves, refuses or lifts a correction as it was seen."""
    kept, found = console_of(request).corrections, _correction(request, visitor, number)
    act, version, reason = form.text("act"), form.text("version"), form.text("reason")
    if act not in ACTS or not version.isdecimal() or len(version) > 9:
        raise FormRefused("Choose what is to be done.")
    if act == "approve":
        kept.approve(found.correction_id, version=int(version), by=visitor.name)
    elif act == "refuse":
        kept.refuse(found.correction_id, version=int(version), by=visitor.name, reason=reason)
    else:
        kept.lift(found.correction_id, version=int(version), by=visitor.name, reason=reason)
    return RedirectResponse(f"/corrections/{number}", status_code=303)


@router.post("/findings/{key}/correction")
def propose(request: Request, visitor: Worker, form: Form, key: str) -> Response:
    """Proposes a value for one cell of the record that a finding is about."""
    console, found = console_of(request), finding_of(request, visitor, key)
    row = landed_row(request, found)
    if row is None or row.record_id is None:
        raise FormRefused("The finding is about no landed record, so there is nothing to correct.")
    landed = landed_record(console.home.warehouse, row.extract, row.table, row.record_id)
    column, version = form.text("column"), form.text("version")
    if column not in landed.values or not version.isdecimal() or len(version) > 9:
        raise FormRefused("Choose the column that is to be corrected.")
    try:
        until = date.fromisoformat(form.text("until"))
    except ValueError:
        raise FormRefused("Give the last day of the correction, such as 2027-01-31.") from None
    proposed = console.corrections.propose(
        landed,
        column=column,
        value=form.text("value") or None,
        until=until,
        reason=form.text("reason"),
        by=visitor.name,
        finding=(found.finding_key, int(version)),
    )
    return RedirectResponse(f"/corrections/{proposed.correction_id}", status_code=303)
