"""Fixtures that any test may ask for."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests import browser

SHARED_DATA = Path(os.environ.get("SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))


LONGEST_FIRST = (
    "flows/test_interruption.py",
    "flows/test_truth.py",
    "flows/test_sen2.py",
    "flows/test_command_line.py",
    "flows/test_fault_drill.py",
    "docs/test_commands.py",
    "warehouse/test_known_at.py",
    "flows/test_stewards.py",
    "flows/test_privacy.py",
)
"""Files of minutes each: begun last, one of them would keep one process busy while the other has nothing to do."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the tests of the longest files first; each file's tests stay together and in their order."""
    places = {f"tests/{name}": place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: places.get(item.nodeid.partition("::")[0], len(places)))


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """The path of a real public file, skipping the test where it is absent."""

    def path_of(name: str) -> Path:
        path = SHARED_DATA / name
        if not path.exists():
            pytest.skip(f"{name} is not in {SHARED_DATA}; set SHARED_DATA to its folder to run this test")
        return path

    return path_of


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A real Chromium for the tests of one module."""
    with browser.chromium() as started:
        yield started


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[browser.Opener]:
    """Opens pages; afterwards the test fails if a console complained or a page asked for anything off this machine.

    A test that means to see a refusal clears the page's ``errors`` itself.
    """
    opener = browser.Opener(chromium)
    yield opener
    opener.close()
