"""Pages from templates: everything put into one is escaped, and nothing undefined passes as empty."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from console.access import WORKERS, Visitor, csrf_token, form_secret, visitor_of
from operations.accounts import ADMINISTRATOR, RETURN_OFFICER, ROLES

FOLDER = Path(__file__).parent
LONDON = ZoneInfo("Europe/London")
EVERYONE = tuple(ROLES)

MENU: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("/", "My work", WORKERS),
    ("/findings", "Findings", WORKERS),
    ("/corrections", "Corrections", WORKERS),
    ("/workbook", "Workbook", WORKERS),
    ("/products", "Products", EVERYONE),
    ("/runs", "Runs and loads", EVERYONE),
    ("/trends", "Trends", EVERYONE),
    ("/dashboard/", "Dashboard", EVERYONE),
    ("/return", "SEN2 return", (RETURN_OFFICER, ADMINISTRATOR)),
    ("/accounts", "Accounts", (ADMINISTRATOR,)),
    ("/access-log", "Access log", (ADMINISTRATOR,)),
)
"""The pages of the menu and the roles that see them there; whether a page opens is for its own route to say."""


def day(moment: date | datetime | None) -> str:
    """A day as people write it; a time is UTC and told as London's day."""
    if moment is None:
        return ""
    if isinstance(moment, datetime):
        moment = moment.replace(tzinfo=UTC).astimezone(LONDON)
    return f"{moment.day} {moment:%b %Y}"


def moment(at: datetime | None) -> str:
    """A time (UTC) as people in London write it."""
    if at is None:
        return ""
    local = at.replace(tzinfo=UTC).astimezone(LONDON)
    return f"{local.day} {local:%b %Y}, {local:%H:%M}"


def count(number: int | float | None) -> str:
    """A number with its thousands apart."""
    return "" if number is None else f"{number:,}"


def words(name: str | None) -> str:
    """A name of ours as words: ``health_steward`` is health steward."""
    return (name or "").replace("_", " ").replace("-", " ")


def address(path: str, **fields: Any) -> str:
    """A path with the fields that are not empty."""
    given = [(name, value) for name, value in fields.items() if value not in (None, "", False)]
    return f"{path}?{urlencode(given)}" if given else path


ENVIRONMENT = Environment(
    loader=FileSystemLoader(FOLDER / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
ENVIRONMENT.filters.update(day=day, moment=moment, count=count, words=words)
ENVIRONMENT.globals.update(address=address)


def page(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """The page of a template for whoever asks."""
    visitor: Visitor | None = visitor_of(request)
    text = ENVIRONMENT.get_template(template).render(
        visitor=visitor,
        council=request.app.state.console.configuration.la_name,
        menu=[(path, title) for path, title, roles in MENU if visitor and visitor.role in roles],
        path=request.url.path,
        csrf=csrf_token(form_secret(request)),
        **values,
    )
    return HTMLResponse(text, status_code=status)
