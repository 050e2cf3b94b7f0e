"""Findings: all of them with filters, one with the record as it was landed, and what people do with them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated, Any, Literal, get_args
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.responses import RedirectResponse, Response

from checks.rules import OWNERS, SEVERITIES
from connectors.spreadsheets import safe_cell
from console.access import Form, FormRefused, NotFound, Posted, Visitor, Worker, console_of
from console.landed import LandedRow
from console.rendering import address, page
from operations.accounts import ORGANISATION_OF
from operations.corrections import Correction
from operations.triage import OPEN_STATES, STATES, TO_DO_STATES, Acted, Filter, Finding, NoSuchFinding, Order

router = APIRouter()
SIZE = 50
MOST_AT_ONCE = 5_000
"""Findings that one act may change, so that nobody changes a whole borough by a slip."""
REASON_LENGTH = 500

StateChoice = Literal["to_do", "open", "all", "new", "assigned", "explained", "waived", "reopened", "fixed"]
STATE_CHOICES: dict[str, tuple[str, ...]] = {
    "to_do": TO_DO_STATES,
    "open": OPEN_STATES,
    "all": STATES,
    **{state: (state,) for state in STATES if state != "open"},
}
Act = Literal["assign", "explain", "propose_waiver", "approve_waiver", "refuse_waiver", "end_waiver", "note"]
ACTS: dict[str, str] = {
    "assign": "Assign",
    "explain": "Explain (queries and warnings)",
    "propose_waiver": "Propose a waiver until a day",
    "approve_waiver": "Approve the waiver proposed",
    "refuse_waiver": "Refuse the waiver proposed",
    "end_waiver": "End the waiver",
    "note": "Write a note",
}


class Choice(BaseModel):
    """What of the findings is wanted, as it stands in the address."""

    model_config = ConfigDict(extra="forbid", str_max_length=200)

    state: StateChoice = "to_do"
    owner: str = ""
    severity: str = ""
    rule: str = ""
    extract: str = ""
    assignee: str = ""
    child: str = ""
    text: str = ""
    older: Annotated[int | Literal[""], Query()] = ""
    waiting: Literal["", "yes"] = ""
    order: Order = "newest"
    number: int = 1

    def wanted(self, visitor: Visitor) -> Filter:
        """The filter; a steward's holds to their own organisation whatever the address says."""
        mine = self.assignee == "me"
        return Filter(
            states=STATE_CHOICES[self.state],
            owner=self.owner or None,
            severity=self.severity or None,
            rule=self.rule or None,
            extract=self.extract or None,
            organisation=visitor.organisation,
            assignee=visitor.name if mine else None if self.assignee in ("", "nobody") else self.assignee,
            is_unassigned=self.assignee == "nobody",
            child_id=self.child or None,
            older_than_days=self.older if isinstance(self.older, int) else None,
            awaits_approval=self.waiting == "yes",
            text=self.text or None,
        )

    def path(self, **changes: Any) -> str:
        """The address of this choice with some of it changed."""
        kept = {**self.model_dump(exclude_defaults=True), **changes}
        return address("/findings", **{name: value for name, value in kept.items() if value != 1 or name != "number"})


def _choice(request: Request) -> Choice:
    """The choice in the address, an empty field being none. Raises ``FormRefused``."""
    return _read_choice([(name, value) for name, value in request.query_params.multi_items() if name not in TOLD])


TOLD = ("done", "act")
"""What an address carries besides the choice, to tell what was just done."""


def _read_choice(given: Sequence[tuple[str, str]]) -> Choice:
    try:
        choice = Choice.model_validate({name: value for name, value in given if value != ""})
    except ValidationError as error:
        names = ", ".join(sorted({str(problem["loc"][0]) for problem in error.errors() if problem["loc"]}))
        raise FormRefused(f"The address holds a value that the list does not know ({names}). Choose again.") from None
    if not 1 <= choice.number <= 1_000_000 or (choice.older != "" and not 0 <= choice.older <= 36_500):
        raise FormRefused("The address holds a number that the list does not know. Choose again.")
    return choice


Chosen = Annotated[Choice, Depends(_choice)]


def assignees(visitor: Visitor, request: Request) -> list[str]:
    """Whom a finding can be given to: those who work on findings and may see what the visitor sees."""
    found = []
    for account in console_of(request).accounts.all():
        is_theirs = visitor.organisation is None or account.role != "steward"
        if (
            account.is_active
            and account.role != "viewer"
            and (is_theirs or account.organisation == visitor.organisation)
        ):
            found.append(account.name)
    return found


def _done(request: Request) -> tuple[int, str] | None:
    """What was just done, told by the address: how many and which act."""
    number, act = request.query_params.get("done", ""), request.query_params.get("act", "")
    return (int(number), ACTS[act]) if number.isdecimal() and len(number) < 9 and act in ACTS else None


@router.get("/findings")
def findings(request: Request, visitor: Worker, choice: Chosen) -> Response:
    """The findings that match the address, a page at a time."""
    triage = console_of(request).triage
    wanted = choice.wanted(visitor)
    shown = triage.page(wanted, order=choice.order, page=choice.number, size=SIZE)
    owners = [o for o in OWNERS if visitor.organisation in (None, ORGANISATION_OF[o])]
    scope = Filter(organisation=visitor.organisation, states=OPEN_STATES)
    extracts = console_of(request).since_the_last_run.get(
        f"extracts of {visitor.organisation}",
        lambda: sorted(name for name in triage.counts(scope, by="extract") if name),
    )
    return page(
        request,
        "findings.html",
        choice=choice,
        shown=shown,
        owners=owners,
        severities=SEVERITIES,
        states=list(STATE_CHOICES),
        extracts=extracts,
        orders=get_args(Order),
        acts=ACTS,
        assignees=assignees(visitor, request),
        most=MOST_AT_ONCE,
        done=_done(request),
    )


def finding_of(request: Request, visitor: Visitor, key: str) -> Finding:
    """The finding, if the visitor may see it. Raises ``NotFound``, not saying which of the two it is."""
    try:
        found = console_of(request).triage.finding(key)
    except NoSuchFinding:
        raise NotFound("There is no such finding, or it is another organisation's.") from None
    if not visitor.may_see(found.organisation):
        raise NotFound("There is no such finding, or it is another organisation's.")
    return found


@dataclass(frozen=True)
class Acting:
    """An act as it was sent: on which findings, by which versions, and what goes with it."""

    act: str
    seen: dict[str, int]
    assignee: str
    text: str
    until: date | None


@router.get("/findings/{key}")
def finding(request: Request, visitor: Worker, key: str) -> Response:
    """One finding: the record as it was landed, the rule in plain words, the child's other findings, its history."""
    console = console_of(request)
    found = finding_of(request, visitor, key)
    console.access_log.note(
        visitor.name,
        "viewed",
        address=visitor.address,
        child_ids=[found.child_id],
        about=f"finding {found.finding_key}",
        reason=f"working on finding {found.finding_key}",
    )
    record = landed_row(request, found)
    corrections: list[Correction] = []
    if record is not None and record.is_same and record.record_id is not None:
        corrections = console.corrections.of_record(record.extract, record.table, record.record_id)
    others: tuple[Finding, ...] = ()
    if found.child_id:
        of_child = Filter(child_id=found.child_id, states=OPEN_STATES, organisation=visitor.organisation)
        others = tuple(f for f in console.triage.page(of_child, size=SIZE).findings if f.finding_key != key)
    return page(
        request,
        "finding.html",
        finding=found,
        record=record,
        corrections=corrections,
        rule=console.rules.get(f"{found.dataset}:{found.rule_id}"),
        others=others,
        history=console.triage.history(key),
        explanation=console.triage.explanation(key),
        acts=ACTS,
        assignees=assignees(visitor, request),
        done=_done(request),
    )


def landed_row(request: Request, found: Finding) -> LandedRow | None:
    """The record as landed, None where the finding is about no single one."""
    if not (found.extract and found.source_file and found.source_row is not None):
        return None
    layer, _, name = found.dataset.partition("/")
    return console_of(request).landing.record(
        extract=found.extract,
        file=found.source_file,
        row=found.source_row,
        record_id=found.record_id,
        table=name.partition("__")[2] if layer == "landing" and "__" in name else None,
        item=found.item,
    )


@router.post("/findings/act")
def act(request: Request, visitor: Worker, form: Form) -> Response:
    """Does one act to the findings chosen; those that somebody changed meanwhile are left alone, and told."""
    back = form.text("query")
    choice = _read_choice(parse_qsl(back, max_num_fields=30))
    sent = _acting(request, visitor, form, choice)
    acted = _do(request, visitor, sent)
    one = form.text("back_to")
    path = f"/findings/{one}" if one in sent.seen else choice.path()
    if acted.is_all_done:
        told = f"{'&' if '?' in path else '?'}done={len(acted.done)}&act={sent.act}"
        return RedirectResponse(path + told, status_code=303)
    status = 409 if acted.conflicts else 422
    return page(request, "acted.html", status=status, acted=acted, act=ACTS[sent.act], back=path)


def _acting(request: Request, visitor: Visitor, form: Posted, choice: Choice) -> Acting:
    """The act as sent, on findings that the visitor may see. Raises ``FormRefused`` and ``NotFound``."""
    name = form.text("act")
    if name not in ACTS:
        raise FormRefused("Choose what is to be done.")
    until = None
    if name == "propose_waiver":
        try:
            until = date.fromisoformat(form.text("until"))
        except ValueError:
            raise FormRefused("Give the last day of the waiver, such as 2027-01-31.") from None
    assignee = form.text("assignee")
    if name == "assign" and assignee and assignee not in assignees(visitor, request):
        raise FormRefused("There is nobody of that name who works on these findings.")
    return Acting(name, _seen(request, visitor, form, choice), assignee, form.text("note"), until)


def _seen(request: Request, visitor: Visitor, form: Posted, choice: Choice) -> dict[str, int]:
    triage = console_of(request).triage
    if form.text("everything") == "yes":
        wanted = choice.wanted(visitor)
        if triage.count(wanted) > MOST_AT_ONCE:
            raise FormRefused(f"More than {MOST_AT_ONCE:,} findings match. Narrow the list first.")
        return triage.versions(wanted)
    seen: dict[str, int] = {}
    for text in form.texts("seen"):
        key, _, version = text.partition(":")
        if not version.isdecimal() or len(version) > 9:
            raise FormRefused("The page sent a finding that cannot be read. Open the list again.")
        seen[key] = int(version)
    if not seen:
        raise FormRefused("No finding was chosen. Tick those that the act is for.")
    theirs = triage.versions(Filter(keys=tuple(seen), organisation=visitor.organisation))
    if set(seen) - set(theirs):
        raise NotFound("One of these findings does not exist, or is another organisation's. Nothing was done.")
    return seen


def _do(request: Request, visitor: Visitor, sent: Acting) -> Acted:
    """Carries the act out in the visitor's name."""
    triage, by, text = console_of(request).triage, visitor.name, sent.text
    if sent.act == "assign":
        return triage.assign(sent.seen, to=sent.assignee or None, by=by, note=text or None)
    if sent.act == "explain":
        return triage.explain(sent.seen, because=text, by=by)
    if sent.act == "propose_waiver" and sent.until is not None:
        return triage.propose_waiver(sent.seen, until=sent.until, reason=text, by=by)
    if sent.act == "approve_waiver":
        return triage.approve_waiver(sent.seen, by=by, note=text or None)
    if sent.act == "refuse_waiver":
        return triage.refuse_waiver(sent.seen, by=by, reason=text)
    if sent.act == "end_waiver":
        return triage.end_waiver(sent.seen, by=by, reason=text)
    return triage.note(sent.seen, note=text, by=by)


EXPORTED = (
    *("finding_key", "state", "severity", "rule_id", "rule_name", "owner", "assignee", "child_id", "extract"),
    *("record_id", "item", "value", "source_file", "source_row", "first_seen_at", "remedy"),
)


@router.post("/findings/export")
def export(request: Request, visitor: Worker, form: Form) -> Response:
    """The findings that match as CSV, with the values at fault; each child in it is noted in the access log."""
    console = console_of(request)
    choice = _read_choice(parse_qsl(form.text("query"), max_num_fields=30))
    reason = form.text("reason")
    if not reason or len(reason) > REASON_LENGTH:
        raise FormRefused(f"Say in at most {REASON_LENGTH} characters what the file is for; the access log keeps it.")
    found = console.triage.all(replace(choice.wanted(visitor)), order=choice.order)
    children: list[str | None] = [*sorted({one.child_id for one in found if one.child_id})]
    console.access_log.note(
        visitor.name,
        "exported",
        address=visitor.address,
        child_ids=children or [None],
        about=f"findings: {choice.path()}",
        reason=reason,
    )
    headers = {"content-disposition": 'attachment; filename="findings.csv"'}
    return Response("".join(_csv(found)), media_type="text/csv; charset=utf-8", headers=headers)


def _csv(found: Sequence[Finding]) -> Iterator[str]:
    yield "\ufeff" + ",".join(EXPORTED) + "\r\n"
    for one in found:
        line = io.StringIO()
        csv.writer(line).writerow([safe_cell(getattr(one, name)) for name in EXPORTED])
        yield line.getvalue()
