"""The SEN2 return as it stands: rows, what its rules find, what holds it, and the versions signed off."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from console.access import Officer, console_of
from console.rendering import page
from operations.accounts import utc_now
from returns.kept import signed_versions
from returns.standing import counts_by_rule
from returns.surveys import survey_in_hand, survey_of_year

router = APIRouter()


@router.get("/return")
def sen2_return(request: Request, visitor: Officer) -> Response:
    """The return as last checked; while a newer check is going on it says so."""
    console = console_of(request)
    state = console.standing_return.state()
    year = state.checked.year if state.checked else survey_in_hand(utc_now().date()).year
    return page(
        request,
        "return.html",
        state=state,
        year=year,
        survey=survey_of_year(year),
        rules=counts_by_rule(state.checked.findings) if state.checked else [],
        versions=signed_versions(console.home, year),
    )
