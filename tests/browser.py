"""Pages in a real Chromium, Debian's own, that talks to this machine alone and tells what went wrong in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

SETTINGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
DESKTOP, PHONE, ZOOMED = (1280, 900), (320, 640), (640, 450)
"""Width and height in CSS pixels: a desktop, a small phone, and that desktop at 200% zoom."""

AXE_OPTIONS = {
    "resultTypes": ["violations"],
    "rules": {"target-size": {"enabled": True}, "css-orientation-lock": {"enabled": True}},
}
"""All of axe's rules that are on by default (WCAG A and AA, best practices) and those of WCAG 2.2 that are not."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium; skips where there is none, and fails where everything has to be tried.

    While it runs, nothing else in this thread can use asyncio: keep it to a module of tests and serve from elsewhere.
    """
    path = shutil.which("chromium")
    if path is None:
        why = "Chromium is not installed; make set-up-tests does that where it may"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(SETTINGS))
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Watched:
    """A page with what its console said was wrong, and the addresses off this machine that it asked for."""

    page: Page
    errors: list[str] = field(default_factory=list)
    off_machine: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._note_console)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", self._note_request)

    def _note_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def _note_request(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in ("data", "blob", "about", "file") and address.hostname != "127.0.0.1":
            self.off_machine.append(request.url)


class Opener:
    """Opens pages, each with a profile of its own, and watches them all."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self.opened: list[Watched] = []

    def __call__(self, *, size: tuple[int, int] = DESKTOP, has_scripts: bool = True) -> Watched:
        """A new empty page of this size in CSS pixels; with ``has_scripts`` off, pages run no scripts."""
        context = self._browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            java_script_enabled=has_scripts,
            reduced_motion="reduce",
            locale="en-GB",
            timezone_id="Europe/London",
        )
        context.set_default_timeout(15_000)
        self.opened.append(Watched(context.new_page()))
        return self.opened[-1]

    def close(self) -> None:
        """Closes every page, then fails if a console complained or a page asked for anything off this machine."""
        for watched in self.opened:
            watched.page.context.close()
        told = [text for watched in self.opened for text in (*watched.errors, *watched.off_machine)]
        self.opened.clear()
        assert told == []


def axe_violations(page: Page) -> list[str]:
    """What axe finds wrong with the page as it is now: rule, what it asks for, and the elements at fault."""
    violations = Axe().run(page, options=AXE_OPTIONS).response["violations"]
    return [
        f"{found['id']} ({found['impact']}): {found['help']}: {[node['target'] for node in found['nodes']]}"
        for found in violations
    ]


def is_scrolling_sideways(page: Page) -> bool:
    """Whether the page is wider than the window, so that a reader would have to scroll sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))
