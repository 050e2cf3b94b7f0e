"""The browser of the tests tells what is wrong with a page, so that its silence means something."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser import PHONE, Opener, Watched, axe_violations, is_scrolling_sideways


@pytest.fixture
def watched(open_page: Opener) -> Iterator[Watched]:
    page = open_page(size=PHONE)
    yield page
    page.errors.clear()
    page.off_machine.clear()


def test_an_error_in_a_script_is_told(watched: Watched) -> None:
    watched.page.set_content("<script>throw new Error('broken')</script>")
    assert watched.errors == ["broken"]


def test_an_address_off_this_machine_is_told_and_not_reached(watched: Watched) -> None:
    watched.page.set_content("<img src='https://example.org/picture.png' alt=''>")
    assert watched.off_machine == ["https://example.org/picture.png"]


def test_axe_names_what_is_not_accessible(watched: Watched) -> None:
    watched.page.set_content("<html lang='en'><title>t</title><main><h1>h</h1><input></main></html>")
    (violation,) = axe_violations(watched.page)
    assert violation.startswith("label (critical)")


def test_a_page_wider_than_the_window_is_told(watched: Watched) -> None:
    watched.page.set_content("<div style='width: 2000px'>wide</div>")
    assert is_scrolling_sideways(watched.page)
    watched.page.set_content("<p>narrow</p>")
    assert not is_scrolling_sideways(watched.page)
