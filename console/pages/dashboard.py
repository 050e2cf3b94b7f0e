"""The dashboard's pages, as the run published them: aggregates only, so for everyone signed in."""

from __future__ import annotations

import mimetypes

from fastapi import APIRouter, Request
from starlette.responses import FileResponse, RedirectResponse, Response

from console.access import NotFound, Reader, console_of
from console.rendering import page

router = APIRouter()


@router.get("/dashboard")
def dashboard_root(request: Request, visitor: Reader) -> Response:
    """Leads to the first page."""
    return RedirectResponse("/dashboard/", status_code=303)


@router.get("/dashboard/{path:path}")
def dashboard(request: Request, visitor: Reader, path: str) -> Response:
    """A page or picture of the published dashboard."""
    site = (console_of(request).home.published / "dashboard" / "site").resolve()
    if not site.is_dir():
        message = "No dashboard is published yet. The next run publishes one when its gate passes."
        return page(request, "refused.html", status=404, title="No dashboard yet", message=message)
    if "\0" in path or any(part.startswith(".") for part in path.split("/")):
        raise NotFound("There is no such page of the dashboard.")
    wanted = (site / path).resolve()
    wanted = wanted / "index.html" if wanted.is_dir() else wanted
    if not wanted.is_relative_to(site) or not wanted.is_file():
        raise NotFound("There is no such page of the dashboard.")
    kind = mimetypes.guess_type(wanted.name)[0] or "application/octet-stream"
    return FileResponse(wanted, media_type=kind)
