"""Signing in and out, by a password of one's own or through the council's provider, and setting a password."""

from __future__ import annotations

import secrets

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from connectors.errors import SendError
from console.access import (
    Anyone,
    Form,
    NotFound,
    Reader,
    address_of,
    console_of,
    halfway_of,
    keep_guest,
    keep_session,
    own_path,
    visitor_of,
)
from console.openid import Provider
from console.rendering import address, page
from operations.accounts import Account, AccountRefused, SignInRefused, TooManyAttempts
from operations.passwords import PasswordRefused

router = APIRouter()
PROVIDER_COOKIE_SECONDS = 600


def _begin_session(request: Request, account: Account, response: Response) -> Response:
    """Signs in under a new session; one that the browser held before ends.

    That of a local account waits for its second factor.
    """
    console = console_of(request)
    before = visitor_of(request) or halfway_of(request)
    if before is not None:
        console.sessions.end(before.secret)
    if account.subject is not None:
        console.access_log.note(account.name, "signed_in", address=address_of(request))
    keep_session(response, console, console.sessions.begin(account))
    response.delete_cookie(console.guest_cookie, path="/", secure=console.is_secure, httponly=True, samesite="strict")
    return response


def _sign_in_page(
    request: Request, *, next_path: str, status: int = 200, problem: str = "", name: str = ""
) -> Response:
    response = page(
        request,
        "sign_in.html",
        status=status,
        next=next_path,
        problem=problem,
        name=name,
        has_provider=request.app.state.provider is not None,
        is_empty=console_of(request).accounts.is_empty(),
    )
    keep_guest(response, request)
    return response


@router.get("/sign-in")
def sign_in_page(request: Request, visitor: Anyone, next: str = "/") -> Response:
    """Asks for name and password."""
    if visitor is not None:
        return RedirectResponse(own_path(next), status_code=303)
    return _sign_in_page(request, next_path=own_path(next))


@router.post("/sign-in")
def sign_in(request: Request, visitor: Anyone, form: Form) -> Response:
    """Takes name and password, and goes on to the second factor."""
    console, next_path = console_of(request), own_path(form.text("next"))
    name = form.text("name")
    try:
        account = console.accounts.sign_in(name, form.secret("password"), address_of(request))
    except SignInRefused as refusal:
        known = console.accounts.by_name(name)
        who = known.name if known else "(no such account)"
        console.access_log.note(who, "sign_in_refused", address=address_of(request))
        status = 429 if isinstance(refusal, TooManyAttempts) else 403
        return _sign_in_page(request, next_path=next_path, status=status, problem=str(refusal), name=name)
    step = "/sign-in/code" if account.factor_since else "/sign-in/set-up"
    going_on = address(step, next=next_path if next_path != "/" else None)
    return _begin_session(request, account, RedirectResponse(going_on, status_code=303))


@router.post("/sign-out")
def sign_out(request: Request, visitor: Reader, form: Form) -> Response:
    """Ends the session."""
    console = console_of(request)
    console.sessions.end(visitor.secret)
    console.access_log.note(visitor.name, "signed_out", address=visitor.address)
    response = RedirectResponse("/sign-in", status_code=303)
    response.delete_cookie(console.session_cookie, path="/", secure=console.is_secure, httponly=True, samesite="strict")
    response.headers["clear-site-data"] = '"cache", "storage"'
    return response


def _provider(request: Request) -> Provider:
    provider: Provider | None = request.app.state.provider
    if provider is None:
        raise NotFound("Nobody signs in through a provider here. Use your name and password.")
    return provider


def _provider_cookie(request: Request) -> str:
    return "__Host-send-provider" if console_of(request).is_secure else "send-provider"


@router.get("/sign-in/provider")
def ask_provider(request: Request, visitor: Anyone) -> Response:
    """Sends the browser to the provider."""
    flow = secrets.token_urlsafe(32)
    response = RedirectResponse(_provider(request).address(flow), status_code=303)
    # Lax, since the provider's answer comes from another site; the session's own cookie stays strict.
    response.set_cookie(
        _provider_cookie(request),
        flow,
        max_age=PROVIDER_COOKIE_SECONDS,
        path="/",
        secure=console_of(request).is_secure,
        httponly=True,
        samesite="lax",
    )
    return response


@router.get("/sign-in/provider/return")
def provider_answered(request: Request, visitor: Anyone, state: str = "", code: str = "") -> Response:
    """Signs in whom the provider vouches for.

    The page goes on by itself: a browser that comes from another site sends a strict cookie only from our own page on.
    """
    console, provider = console_of(request), _provider(request)
    flow = request.cookies.get(_provider_cookie(request), "")
    if not flow or not code:
        raise SignInRefused("The provider did not sign you in. Sign in again.")
    vouched = provider.answer(flow, state, code)
    try:
        account = console.accounts.sign_in_by_provider(vouched.subject, vouched.name, vouched.role, vouched.owner)
    except SendError:
        console.access_log.note(vouched.name[:128], "sign_in_refused", address=address_of(request))
        raise
    response = _begin_session(request, account, page(request, "signed_in.html"))
    response.delete_cookie(_provider_cookie(request), path="/", secure=console.is_secure, httponly=True)
    return response


def _welcome_page(request: Request, name: str, status: int = 200, problem: str = "") -> HTMLResponse:
    response = page(request, "welcome.html", status=status, name=name, problem=problem)
    keep_guest(response, request)
    return response


@router.get("/welcome/{secret}")
def welcome_page(request: Request, visitor: Anyone, secret: str) -> Response:
    """Asks whoever was invited for a password."""
    account = console_of(request).accounts.invited(secret)
    if account is None:
        raise NotFound("The invitation has been used or has ended. Ask an administrator for another.")
    return _welcome_page(request, account.name)


@router.post("/welcome/{secret}")
def welcome(request: Request, visitor: Anyone, form: Form, secret: str) -> Response:
    """Sets the first password of whoever was invited."""
    console = console_of(request)
    invited = console.accounts.invited(secret)
    if invited is None:
        raise NotFound("The invitation has been used or has ended. Ask an administrator for another.")
    try:
        _same_twice(form.secret("password"), form.secret("again"))
        account = console.accounts.accept(secret, form.secret("password"))
    except PasswordRefused as refusal:
        return _welcome_page(request, invited.name, 422, str(refusal))
    console.access_log.note(account.name, "password_set", address=address_of(request))
    return RedirectResponse("/sign-in", status_code=303)


def _same_twice(password: str, again: str) -> None:
    if password != again:
        raise PasswordRefused("The two passwords differ. Type the same twice.")


@router.get("/password")
def password_page(request: Request, visitor: Reader) -> Response:
    """Asks for the current password and a new one."""
    if not visitor.account.has_password:
        raise AccountRefused("Your password is your provider's; change it there.")
    return page(request, "password.html", problem="")


@router.post("/password")
def change_password(request: Request, visitor: Reader, form: Form) -> Response:
    """Sets a new password; every session of the account ends, so that one signs in again."""
    console = console_of(request)
    try:
        # The attempt counts like one to sign in, so that nobody guesses here what they may not guess there.
        console.accounts.sign_in(visitor.name, form.secret("current"), visitor.address)
        _same_twice(form.secret("password"), form.secret("again"))
        console.accounts.set_password(visitor.account.account_id, form.secret("password"))
    except (SignInRefused, PasswordRefused) as refusal:
        problem = str(refusal) if type(refusal) is not SignInRefused else "The current password is not right."
        return page(request, "password.html", status=422, problem=problem)
    console.accounts.forget_attempts(visitor.account)
    console.access_log.note(visitor.name, "password_set", address=visitor.address)
    return RedirectResponse("/sign-in", status_code=303)
