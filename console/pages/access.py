"""The access log: who saw which child's record, when and why; for administrators."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import astuple, fields
from typing import Annotated, get_args

from fastapi import APIRouter, Query, Request
from starlette.responses import Response, StreamingResponse

from connectors.spreadsheets import safe_cell
from console.access import Administrator, console_of
from console.rendering import page
from operations.access_log import AccessEntry, AccessLog, Event

router = APIRouter()
SIZE = 100
Number = Annotated[int, Query(ge=1, le=1_000_000)]
Short = Annotated[str, Query(max_length=128)]


@router.get("/access-log")
def access_log(
    request: Request,
    visitor: Administrator,
    account: Short = "",
    child: Short = "",
    event: Short = "",
    number: Number = 1,
) -> Response:
    """The log, the newest lines first."""
    log = console_of(request).access_log
    wanted = {"account_name": account or None, "child_id": child or None, "event": event or None}
    total = log.count(**wanted)
    return page(
        request,
        "access_log.html",
        entries=log.entries(**wanted, offset=(number - 1) * SIZE, limit=SIZE),
        total=total,
        number=number,
        pages=max(1, -(-total // SIZE)),
        filters={"account": account, "child": child, "event": event},
        events=get_args(Event),
    )


@router.get("/access-log.csv")
def access_log_as_csv(request: Request, visitor: Administrator) -> Response:
    """The whole log as CSV, oldest first."""
    console = console_of(request)
    console.access_log.note(visitor.name, "exported", address=visitor.address, about="access log")
    headers = {"content-disposition": 'attachment; filename="access-log.csv"'}
    return StreamingResponse(_lines(console.access_log), media_type="text/csv; charset=utf-8", headers=headers)


def _lines(log: AccessLog) -> Iterator[str]:
    names = [field.name for field in fields(AccessEntry)]
    yield "\ufeff" + ",".join(names) + "\r\n"
    for entry in log.every_entry():
        line = io.StringIO()
        csv.writer(line).writerow([safe_cell(value) for value in astuple(entry)])
        yield line.getvalue()
