"""The web console as an application: its pages, what protects them, and what is said when something is refused."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from connectors.errors import SendError
from connectors.unforeseen import told_without_data
from console.access import (
    UPLOAD_BYTES,
    Allow,
    AllowAnyone,
    AllowHalfway,
    FormRefused,
    NotAllowed,
    NotFound,
    NotSignedIn,
    PasswordFirst,
    posted_form,
)
from console.context import Console
from console.openid import Provider, ProviderRefused
from console.pages import PAGES
from console.protection import Protection
from console.rendering import FOLDER, address, page
from operations.accounts import SignInRefused, TooManyAttempts
from operations.corrections import CorrectionChanged

LOG = logging.getLogger("send.console")
STATUS: dict[type[SendError], int] = {
    NotAllowed: 403,
    NotFound: 404,
    TooManyAttempts: 429,
    SignInRefused: 403,
    ProviderRefused: 403,
    FormRefused: 400,
    CorrectionChanged: 409,
}
"""The status of an answer that refuses; any other refusal is 422: understood, and not possible as asked."""
TITLES = {403: "Not allowed", 404: "Not found", 409: "Changed meanwhile", 429: "Too many attempts"}


RULES = Allow | AllowAnyone | AllowHalfway


class RouteWithoutRule(RuntimeError):
    """A route does not say who may use it, or takes a form without asking where it comes from."""


class Assets(StaticFiles):
    """Style sheet, script and pictures: the same for all, so they may be kept for a while."""

    def file_response(self, *arguments: Any, **settings: Any) -> Response:
        """The file, to be kept for an hour."""
        response = super().file_response(*arguments, **settings)
        response.headers["cache-control"] = "public, max-age=3600"
        return response


def create_app(console: Console) -> FastAPI:
    """The application on this console. Raises ``RouteWithoutRule`` for a page that states no rule of access."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.state.console = console
    app.state.provider = _provider(console)
    for router in PAGES:
        app.router.routes.extend(router.routes)  # as they are, so that each can be asked for its rule
    for route in app.routes:
        _check_rule(route)
    app.mount("/static", Assets(directory=FOLDER / "static"), name="static")
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=console.hosts, www_redirect=False)
    app.add_middleware(
        Protection, is_secure=console.is_secure, larger={"/workbook": UPLOAD_BYTES}, on_error=_unforeseen
    )
    app.add_exception_handler(SendError, _refused)
    app.add_exception_handler(RequestValidationError, _not_understood)
    app.add_exception_handler(HTTPException, _not_there)
    return app


def _provider(console: Console) -> Provider | None:
    settings = console.settings
    if settings.openid is None:
        return None
    public = (settings.address or "").rstrip("/")
    return Provider(settings.openid, f"{public}/sign-in/provider/return")


def roles_of(route: APIRoute) -> frozenset[str]:
    """The roles that a route lets in.

    "nobody" is among them where it asks for no one to be signed in, "halfway" where a password is enough.
    """
    rules = [part.call for part in route.dependant.dependencies if isinstance(part.call, RULES)]
    if len(rules) != 1:
        raise RouteWithoutRule(f"{route.path} states {len(rules)} rules of access and not one.")
    return rules[0].roles


def _check_rule(route: Any) -> None:
    if not isinstance(route, APIRoute):
        raise RouteWithoutRule(f"{getattr(route, 'path', route)} is no page of ours and states no rule of access.")
    roles_of(route)
    is_asking = any(part.call is posted_form for part in route.dependant.dependencies)
    if ((route.methods or set()) - {"GET", "HEAD"}) and not is_asking:
        raise RouteWithoutRule(f"{route.path} takes a form without asking where it comes from.")


async def _refused(request: Request, error: Exception) -> Response:
    if isinstance(error, PasswordFirst) and request.method == "GET":
        return RedirectResponse("/sign-in", status_code=303)
    if isinstance(error, NotSignedIn) and request.method == "GET":
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(address("/sign-in", next=target if target != "/" else None), status_code=303)
    if isinstance(error, NotSignedIn):
        return page(request, "refused.html", status=401, title="Sign in first", message=str(error))
    status = getattr(error, "status", None) or next((STATUS[t] for t in type(error).__mro__ if t in STATUS), 422)
    return page(
        request, "refused.html", status=status, title=TITLES.get(status, "This cannot be done"), message=str(error)
    )


async def _not_understood(request: Request, error: Exception) -> Response:
    message = "The address holds a value that this page does not know. Go back and choose again."
    return page(request, "refused.html", status=400, title="This cannot be done", message=message)


async def _not_there(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        message = "There is no such page, or it is not for you to see."
    elif error.status_code == 405:
        message = "This page does not take that kind of request."
    else:
        message = "The request cannot be read. Go back and send it again."
    return page(
        request,
        "refused.html",
        status=error.status_code,
        title=TITLES.get(error.status_code, "Refused"),
        message=message,
    )


async def _unforeseen(request: Request, error: Exception) -> Response:
    LOG.error(told_without_data(f"{request.method} {_route_path(request)}", error))
    message = "Something unforeseen happened; it has been noted without any data. Tell the BI team what you were doing."
    return page(request, "refused.html", status=500, title="Something went wrong", message=message)


def _route_path(request: Request) -> str:
    """The path as the route writes it, so that no child, name or key comes into the log."""
    route = request.scope.get("route")
    return str(getattr(route, "path", "a page"))
