"""What every answer carries and every request must keep to (OWASP ASVS 14.4, 12.1), whichever page it is for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

FORM_BYTES = 1024 * 1024
CONTENT_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "content-security-policy": CONTENT_POLICY,
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "cache-control": "no-store",
}
"""Pages hold children's data or depend on who asks, so none is kept; the assets say otherwise for themselves."""
STRICT_TRANSPORT = "max-age=31536000"


class TooLarge(Exception):
    """A request is larger than any page of ours sends."""


class Protection:
    """Adds the headers to every answer, and stops a request whose body is larger than its path may take.

    What nobody foresaw ends here, answered by ``on_error``: the server outside would log its message, which may quote
    a child's data.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        is_secure: bool,
        larger: Mapping[str, int],
        on_error: Callable[[Request, Exception], Awaitable[Response]],
    ) -> None:
        self._app = app
        self._headers = {**HEADERS, **({"strict-transport-security": STRICT_TRANSPORT} if is_secure else {})}
        self._larger = larger
        self._on_error = on_error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = self._larger.get(scope["path"], FORM_BYTES)
        has_begun = False

        async def send_protected(message: Message) -> None:
            nonlocal has_begun
            if message["type"] == "http.response.start":
                has_begun = True
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                if "server" in headers:
                    del headers["server"]
            await send(message)

        received = 0

        async def receive_counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > most:
                raise TooLarge
            return message

        try:
            if _announced(scope) > most:
                raise TooLarge
            await self._app(scope, receive_counted, send_protected)
        except TooLarge:
            text = f"This is larger than the {most // 1024:,} KiB that may be sent here. Nothing was taken in."
            refusal: Response = PlainTextResponse(text, 413, headers={"connection": "close"})
        except Exception as error:
            refusal = await self._on_error(Request(scope), error)
        else:
            return
        if not has_begun:
            await refusal(scope, receive, send_protected)


def _announced(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else 0
    return 0
