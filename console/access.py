"""Who is asking, whether they may, and whether a form comes from our own pages.

Every route states who may use it by the type of its ``visitor``: ``Anyone``, ``Halfway``, ``Reader``, ``Worker``,
``Officer`` or ``Administrator``. A route without one stops the application from starting.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request
from starlette.datastructures import FormData, UploadFile
from starlette.responses import Response

from connectors.errors import SendError
from console.context import Console
from operations.accounts import ADMINISTRATOR, RETURN_OFFICER, ROLES, STEWARD, VIEWER, Account
from operations.sessions import ABSOLUTE, Session

LONGEST_TEXT = 4_000
"""Characters of a field of a form; notes that go into a return are far shorter."""
MOST_FIELDS = 1_500
UPLOAD_BYTES = 20 * 1024 * 1024


class NotSignedIn(SendError):
    """Nobody is signed in, or their session has ended."""


class PasswordFirst(NotSignedIn):
    """A second factor is given or set up only between the password and the pages."""


class NotAllowed(SendError):
    """The role of whoever is signed in does not allow this."""


class FormRefused(SendError):
    """A form does not come from our own pages, or holds what no page of ours would send."""


class NotFound(SendError):
    """What was asked for is not there, or not for this reader; it is not said which."""


@dataclass(frozen=True)
class Visitor:
    """Someone signed in, or halfway there, with the secret of their session and the address they come from."""

    session: Session
    secret: str
    address: str

    @property
    def account(self) -> Account:
        """Their account as it is now."""
        return self.session.account

    @property
    def name(self) -> str:
        """The name they sign in with."""
        return self.account.name

    @property
    def role(self) -> str:
        """Their role."""
        return self.account.role

    @property
    def is_working(self) -> bool:
        """Whether they see and work on findings."""
        return self.role in WORKERS

    @property
    def organisation(self) -> str | None:
        """The one organisation whose findings they see; None for all of them."""
        return self.account.organisation if self.role == STEWARD else None

    def may_see(self, organisation: str) -> bool:
        """Whether records of that organisation are theirs to see."""
        return self.is_working and self.organisation in (None, organisation)


WORKERS = (STEWARD, RETURN_OFFICER, ADMINISTRATOR)


def console_of(request: Request) -> Console:
    """What the pages work on."""
    console: Console = request.app.state.console
    return console


def address_of(request: Request) -> str:
    """The address the request comes from; behind a proxy that is trusted, the one it names."""
    return request.client.host[:64] if request.client else "unknown"


def visitor_of(request: Request) -> Visitor | None:
    """Whoever holds a session that has not ended; looked up once a request."""
    if not hasattr(request.state, "visitor"):
        console = console_of(request)
        secret = request.cookies.get(console.session_cookie, "")
        session = console.sessions.find(secret) if secret else None
        request.state.visitor = Visitor(session, secret, address_of(request)) if session else None
    found: Visitor | None = request.state.visitor
    return found


def halfway_of(request: Request) -> Visitor | None:
    """Whoever has given their password and not yet their second factor: nobody, but to the pages that ask for it."""
    if not hasattr(request.state, "halfway"):
        console = console_of(request)
        secret = request.cookies.get(console.session_cookie, "")
        session = console.sessions.find_half(secret) if secret else None
        request.state.halfway = Visitor(session, secret, address_of(request)) if session else None
    found: Visitor | None = request.state.halfway
    return found


class Allow:
    """Lets those with one of the roles in."""

    def __init__(self, *roles: str) -> None:
        self.roles = frozenset(roles)

    def __call__(self, request: Request) -> Visitor:
        """The visitor. Raises ``NotSignedIn`` and ``NotAllowed``."""
        visitor = visitor_of(request)
        if visitor is None:
            raise NotSignedIn("Sign in first; a session ends after half an hour without use.")
        if visitor.role not in self.roles:
            raise NotAllowed(f"Your role, {visitor.role.replace('_', ' ')}, does not allow this.")
        return visitor


class AllowAnyone:
    """Lets everybody in, signed in or not: for pages that hold no data."""

    roles = frozenset({*ROLES, "nobody", "halfway"})

    def __call__(self, request: Request) -> Visitor | None:
        """The visitor, if they are signed in."""
        return visitor_of(request)


class AllowHalfway:
    """Lets in those who have given their password and not yet their second factor, and nobody else."""

    roles = frozenset({"halfway"})

    def __call__(self, request: Request) -> Visitor:
        """Who they are. Raises ``PasswordFirst``."""
        halfway = halfway_of(request)
        if halfway is None:
            raise PasswordFirst("Give your name and password first; the code is asked for within ten minutes of them.")
        return halfway


Anyone = Annotated[Visitor | None, Depends(AllowAnyone())]
Halfway = Annotated[Visitor, Depends(AllowHalfway())]
Reader = Annotated[Visitor, Depends(Allow(VIEWER, *WORKERS))]
Worker = Annotated[Visitor, Depends(Allow(*WORKERS))]
Officer = Annotated[Visitor, Depends(Allow(RETURN_OFFICER, ADMINISTRATOR))]
Administrator = Annotated[Visitor, Depends(Allow(ADMINISTRATOR))]


def csrf_token(secret: str) -> str:
    """What a form sends along to show that it comes from a page of the holder of ``secret``."""
    return hmac.new(secret.encode(), b"form", "sha256").hexdigest()


def form_secret(request: Request) -> str:
    """The secret that forms on this request's page are bound to: the session's, or a guest's own."""
    visitor = visitor_of(request) or halfway_of(request)
    if visitor is not None:
        return visitor.secret
    if not hasattr(request.state, "guest"):
        request.state.guest = request.cookies.get(console_of(request).guest_cookie) or secrets.token_urlsafe(32)
    guest: str = request.state.guest
    return guest


def keep_session(response: Response, console: Console, secret: str) -> None:
    """Gives the browser its session; no script and no other site can use it."""
    response.set_cookie(
        console.session_cookie,
        secret,
        max_age=int(ABSOLUTE.total_seconds()),
        path="/",
        secure=console.is_secure,
        httponly=True,
        samesite="strict",
    )


def keep_guest(response: Response, request: Request) -> None:
    """Gives a browser that nobody is signed in on what its forms are bound to; any other has its session's secret."""
    if visitor_of(request) is not None or halfway_of(request) is not None:
        return
    console = console_of(request)
    response.set_cookie(
        console.guest_cookie,
        form_secret(request),
        path="/",
        secure=console.is_secure,
        httponly=True,
        samesite="strict",
    )


@dataclass(frozen=True)
class Posted:
    """A form from one of our own pages."""

    form: FormData

    def text(self, name: str) -> str:
        """The field without blanks around it, empty where it was not sent. Raises ``FormRefused``."""
        value = self.form.get(name, "")
        return _text(name, value).strip()

    def secret(self, name: str) -> str:
        """The field as it was typed. Raises ``FormRefused``."""
        return _text(name, self.form.get(name, ""))

    def texts(self, name: str) -> list[str]:
        """The field as often as it was sent. Raises ``FormRefused``."""
        return [_text(name, value).strip() for value in self.form.getlist(name)]

    def file(self, name: str) -> UploadFile:
        """The uploaded file. Raises ``FormRefused`` where there is none."""
        value = self.form.get(name)
        if not isinstance(value, UploadFile) or not value.filename:
            raise FormRefused("No file was chosen. Choose the workbook, then send it.")
        return value


def _text(name: str, value: str | UploadFile) -> str:
    if not isinstance(value, str):
        raise FormRefused(f"The field {name} holds a file where a text belongs.")
    if len(value) > LONGEST_TEXT:
        raise FormRefused(f"The field {name} has more than {LONGEST_TEXT:,} characters. Shorten it.")
    if any(character < " " and character not in "\r\n\t" for character in value):
        raise FormRefused(f"The field {name} holds characters that no text has. Type it again.")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise FormRefused(f"The field {name} holds characters that no text has. Type it again.") from None
    return value


async def posted_form(request: Request) -> Posted:
    """The form, if it comes from a page of ours. Raises ``FormRefused``.

    Two independent signs are asked for: the browser's own word on where it comes from, and the page's token.
    """
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise FormRefused("The form was sent from another site.")
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise FormRefused("The form was sent from another site.")
    form = await request.form(max_files=1, max_fields=MOST_FIELDS, max_part_size=64 * 1024)
    token = form.get("csrf", "")
    if not isinstance(token, str) or not hmac.compare_digest(
        token.encode(errors="replace"), csrf_token(form_secret(request)).encode()
    ):
        raise FormRefused("The page was too old to be sent. Open it again and send it once more.")
    return Posted(form)


Form = Annotated[Posted, Depends(posted_form)]


def own_path(text: str) -> str:
    """A path of this console to go on to; the start page for anything that might lead elsewhere."""
    split = urlsplit(text.replace("\\", "/"))
    is_ours = text.startswith("/") and not text.startswith(("//", "/\\")) and not split.scheme and not split.netloc
    return text if is_ours and text.isprintable() and len(text) <= LONGEST_TEXT else "/"
