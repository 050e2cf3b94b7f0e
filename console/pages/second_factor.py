"""The second factor: asked for after the password, set up at the first sign-in, and changed by its holder."""

from __future__ import annotations

import segno
from fastapi import APIRouter, Request
from markupsafe import Markup
from pyotp import TOTP
from starlette.responses import RedirectResponse, Response

from console.access import Form, Halfway, NotFound, Reader, Visitor, console_of, keep_session, own_path
from console.rendering import address, page
from operations.accounts import SignInRefused, TooManyAttempts
from operations.factors import Proof

router = APIRouter()


def _status(refusal: SignInRefused) -> int:
    return 429 if isinstance(refusal, TooManyAttempts) else 403


def _path(step: str, next_path: str) -> str:
    return address(step, next=next_path if next_path != "/" else None)


def _refused(request: Request, visitor: Visitor) -> None:
    console_of(request).access_log.note(visitor.name, "factor_refused", address=visitor.address)


def _proved(request: Request, visitor: Visitor, code: str) -> Proof:
    """Takes a code and notes how it went. Raises ``SignInRefused``."""
    console = console_of(request)
    try:
        proof = console.factors.prove(visitor.account, code, visitor.address)
    except SignInRefused:
        _refused(request, visitor)
        raise
    if proof == "recovery_code":
        left = f"{console.factors.codes_left(visitor.account)} left"
        console.access_log.note(visitor.name, "recovery_code_used", address=visitor.address, about=left)
    return proof


def _let_in(request: Request, halfway: Visitor, response: Response) -> Response:
    console = console_of(request)
    keep_session(response, console, console.sessions.complete(halfway.session))
    console.access_log.note(halfway.name, "signed_in", address=halfway.address)
    return response


def _code_page(request: Request, next_path: str, *, status: int = 200, problem: str = "") -> Response:
    return page(request, "code.html", status=status, next=next_path, problem=problem)


@router.get("/sign-in/code")
def code_page(request: Request, visitor: Halfway, next: str = "/") -> Response:
    """Asks for a code of the authenticator app."""
    if not visitor.account.factor_since:
        return RedirectResponse(_path("/sign-in/set-up", own_path(next)), status_code=303)
    return _code_page(request, own_path(next))


@router.post("/sign-in/code")
def give_code(request: Request, visitor: Halfway, form: Form) -> Response:
    """Signs in whoever gives a code of their app, or a recovery code."""
    next_path = own_path(form.text("next"))
    try:
        proof = _proved(request, visitor, form.text("code"))
    except SignInRefused as refusal:
        return _code_page(request, next_path, status=_status(refusal), problem=str(refusal))
    # Whoever has lost their app is led to where they set up another.
    return _let_in(
        request, visitor, RedirectResponse(next_path if proof == "app" else "/second-factor", status_code=303)
    )


def _app_page(
    request: Request,
    visitor: Visitor,
    secret: str,
    *,
    action: str,
    next_path: str,
    status: int = 200,
    problem: str = "",
) -> Response:
    council = console_of(request).configuration.la_name
    label = TOTP(secret).provisioning_uri(name=visitor.name, issuer_name=f"SEND {council}".replace(":", " "))
    picture = segno.make(label, micro=False, error="m").svg_inline(omitsize=True, svgclass=None, lineclass=None)
    return page(
        request,
        "app.html",
        status=status,
        action=action,
        next=next_path,
        problem=problem,
        name=visitor.name,
        is_first=visitor.account.factor_since is None,
        picture=Markup(picture),  # of our own making: black squares, no text
        secret=" ".join(secret[start : start + 4] for start in range(0, len(secret), 4)),
    )


def _codes_page(request: Request, codes: tuple[str, ...], next_path: str) -> Response:
    return page(request, "recovery_codes.html", codes=codes, next=next_path)


@router.get("/sign-in/set-up")
def set_up_page(request: Request, visitor: Halfway, next: str = "/") -> Response:
    """Shows the secret of a new authenticator app, as picture and as text."""
    if visitor.account.factor_since:
        return RedirectResponse(_path("/sign-in/code", own_path(next)), status_code=303)
    factors = console_of(request).factors
    secret = factors.offered(visitor.session) or factors.offer(visitor.session)
    return _app_page(request, visitor, secret, action="/sign-in/set-up", next_path=own_path(next))


@router.post("/sign-in/set-up")
def set_up(request: Request, visitor: Halfway, form: Form) -> Response:
    """Makes the app the account's second factor, signs in, and shows the recovery codes, once."""
    if visitor.account.factor_since:
        return RedirectResponse("/sign-in/code", status_code=303)
    console, next_path = console_of(request), own_path(form.text("next"))
    secret = console.factors.offered(visitor.session)
    if secret is None:
        return RedirectResponse(_path("/sign-in/set-up", next_path), status_code=303)
    try:
        codes = console.factors.enrol(visitor.session, form.text("code"), visitor.address)
    except SignInRefused as refusal:
        _refused(request, visitor)
        return _app_page(
            request,
            visitor,
            secret,
            action="/sign-in/set-up",
            next_path=next_path,
            status=_status(refusal),
            problem=str(refusal),
        )
    console.access_log.note(visitor.name, "factor_enrolled", address=visitor.address)
    return _let_in(request, visitor, _codes_page(request, codes, next_path))


def _own_page(request: Request, visitor: Visitor, *, status: int = 200, problem: str = "") -> Response:
    left = console_of(request).factors.codes_left(visitor.account)
    return page(request, "second_factor.html", status=status, codes_left=left, problem=problem)


def _local(visitor: Visitor) -> None:
    if visitor.account.subject is not None:
        raise NotFound("Your second factor is your provider's; change it there.")


@router.get("/second-factor")
def second_factor(request: Request, visitor: Reader) -> Response:
    """Since when one's app is set up, and how many recovery codes are left."""
    _local(visitor)
    return _own_page(request, visitor)


@router.post("/second-factor/recovery-codes")
def new_recovery_codes(request: Request, visitor: Reader, form: Form) -> Response:
    """Shows new recovery codes, once, to whoever gives a code."""
    _local(visitor)
    console = console_of(request)
    try:
        _proved(request, visitor, form.text("code"))
        codes = console.factors.make_codes(visitor.account)
    except SignInRefused as refusal:
        return _own_page(request, visitor, status=_status(refusal), problem=str(refusal))
    console.access_log.note(visitor.name, "recovery_codes_made", address=visitor.address)
    return _codes_page(request, codes, "/second-factor")


@router.post("/second-factor/app")
def begin_other_app(request: Request, visitor: Reader, form: Form) -> Response:
    """Offers the secret of another app to whoever gives a code of the one before, or a recovery code."""
    _local(visitor)
    try:
        _proved(request, visitor, form.text("code"))
    except SignInRefused as refusal:
        return _own_page(request, visitor, status=_status(refusal), problem=str(refusal))
    console_of(request).factors.offer(visitor.session)
    return RedirectResponse("/second-factor/app", status_code=303)


@router.get("/second-factor/app")
def other_app_page(request: Request, visitor: Reader) -> Response:
    """Shows the secret of the other app, once a code has been given for it."""
    secret = console_of(request).factors.offered(visitor.session)
    if secret is None:
        return RedirectResponse("/second-factor", status_code=303)
    return _app_page(request, visitor, secret, action="/second-factor/app/code", next_path="/second-factor")


@router.post("/second-factor/app/code")
def other_app(request: Request, visitor: Reader, form: Form) -> Response:
    """Puts the other app in the place of the one before, and shows its recovery codes, once."""
    console = console_of(request)
    secret = console.factors.offered(visitor.session)
    if secret is None:
        return RedirectResponse("/second-factor", status_code=303)
    try:
        codes = console.factors.enrol(visitor.session, form.text("code"), visitor.address)
    except SignInRefused as refusal:
        _refused(request, visitor)
        return _app_page(
            request,
            visitor,
            secret,
            action="/second-factor/app/code",
            next_path="/second-factor",
            status=_status(refusal),
            problem=str(refusal),
        )
    console.access_log.note(visitor.name, "factor_enrolled", address=visitor.address, about="another app")
    return _codes_page(request, codes, "/second-factor")
