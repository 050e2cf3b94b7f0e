"""The pages in a real Chromium, straight from a folder: legible, accessible, and asking nobody for anything."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import duckdb
import pytest
import yaml
from playwright.sync_api import Browser

from dashboard.edition import SITES, Comment
from dashboard.publishing import PagesNotMade, write_pages
from tests.browser import DESKTOP, PHONE, ZOOMED, Opener, axe_violations, is_scrolling_sideways
from tests.dashboard.invented import invented_edition, publish_tables

EXPOSURES = Path(__file__).parents[2] / "dbt_project" / "models" / "dashboard" / "exposures.yml"
SCREENSHOTS = Path(__file__).parents[2] / "screenshots" / "dashboard"
BOARD = ["index.html", "exceptions.html", "improvement.html", "quality.html", "about.html"]
BOARD += [f"indicators/{name}0.html" for name in ("timeliness", "issued", "active", "training")]
PUBLIC = ["index.html", "about.html", "indicators/timeliness0.html"]
PAGES = [("board", page) for page in BOARD] + [("public", page) for page in PUBLIC]
ONE_OF_EACH_KIND = [page for page in PAGES if "indicators/" not in page[1] or page[1].endswith("timeliness0.html")]
A4 = (718, 1000)
"""What a sheet holds between its margins, in CSS pixels."""
COMMENTS = {
    "timeliness0": [
        Comment(
            date(2026, 7, 1), "Two posts were vacant; <b>both</b> are filled.", "Head of SEND", datetime(2026, 8, 3)
        )
    ]
}


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The product's folder as it is published, with both sites."""
    folder = tmp_path_factory.mktemp("published")
    with invented_edition(seed=7, months=36, monthly=60) as connection:
        connection.execute("update indicator_board set rag = 'red' where indicator_id = 'timeliness0'")
        connection.execute(
            "update indicator_board set breakdown_value = 'Speech, language and communication needs' "
            "where breakdown = 'need' and breakdown_value = (select min(breakdown_value) from indicator_board "
            "where breakdown = 'need')"
        )
        connection.execute("delete from indicator_board where breakdown_value = 'HI' and period_kind = 'month'")
        connection.execute("update indicator_board set is_complete = false where indicator_id = 'training0'")
        publish_tables(connection, folder)
    write_pages(folder, COMMENTS, tmp_path_factory.mktemp("drawings"))
    return folder


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[Opener]:
    opener = Opener(chromium)
    yield opener
    opener.close()


def screenshot(audience: str, page: str, how: str = "") -> Path:
    """Where a page's picture is kept; ``how`` says in what it was opened, where not on a desktop."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    return SCREENSHOTS / f"{audience}-{page.replace('/', '-')}{f'-{how}' if how else ''}.png"


def address(published: Path, audience: str, page: str) -> str:
    return (published / SITES[audience] / page).as_uri()


@pytest.mark.parametrize(("audience", "page"), PAGES)
def test_a_page_opens_from_a_folder_and_axe_finds_nothing(
    published: Path, open_page: Opener, audience: str, page: str
) -> None:
    """What the console says, and any request off the folder, fails the test when the page is closed."""
    opened = open_page(size=DESKTOP).page
    opened.goto(address(published, audience, page))
    assert axe_violations(opened) == []
    opened.screenshot(path=screenshot(audience, page), full_page=True)


@pytest.mark.parametrize("size", [PHONE, ZOOMED])
def test_nothing_scrolls_sideways_on_a_phone_or_when_magnified(
    published: Path, open_page: Opener, size: tuple[int, int]
) -> None:
    opened = open_page(size=size, has_scripts=False).page
    sideways = []
    for audience, page in PAGES:
        opened.goto(address(published, audience, page))
        if is_scrolling_sideways(opened):
            sideways.append((audience, page))
        if (audience, page) in ONE_OF_EACH_KIND:
            opened.screenshot(path=screenshot(audience, page, str(size[0])), full_page=True)
    assert sideways == []


@pytest.mark.parametrize(("audience", "page"), ONE_OF_EACH_KIND)
def test_axe_finds_nothing_on_a_phone(published: Path, open_page: Opener, audience: str, page: str) -> None:
    opened = open_page(size=PHONE).page
    opened.goto(address(published, audience, page))
    assert axe_violations(opened) == []


def test_nothing_of_a_page_is_cut_off_when_it_is_printed_on_a4(published: Path, open_page: Opener) -> None:
    opened = open_page(size=A4, has_scripts=False).page
    opened.emulate_media(media="print")
    wide = []
    for audience, page in ONE_OF_EACH_KIND:
        opened.goto(address(published, audience, page))
        if is_scrolling_sideways(opened):
            wide.append((audience, page))
        opened.screenshot(path=screenshot(audience, page, "print"), full_page=True)
    assert wide == []


def test_a_page_prints_without_its_navigation_and_with_its_charts(published: Path, open_page: Opener) -> None:
    opened = open_page().page
    opened.goto(address(published, "board", "indicators/timeliness0.html"))
    opened.emulate_media(media="print")
    assert not opened.locator("nav.site").is_visible()
    assert opened.locator("svg.chart").first.is_visible()
    assert len(opened.pdf(path=SCREENSHOTS / "board-indicator.pdf", format="A4")) > 10_000


def test_every_link_leads_to_a_file_of_the_same_folder(published: Path) -> None:
    broken = []
    for site in SITES.values():
        root = (published / site).resolve()
        for page in root.rglob("*.html"):
            for link in re.findall(r'href="([^"#]+)"', page.read_text(encoding="utf-8")):
                target = (page.parent / link).resolve()
                if not link.startswith("data:") and not (target.is_relative_to(root) and target.exists()):
                    broken.append((page.name, link))
    assert broken == []


def test_every_page_pack_and_workbook_is_one_exposure_of_the_warehouse(published: Path) -> None:
    exposures = yaml.safe_load(EXPOSURES.read_text(encoding="utf-8"))["exposures"]
    pages = [each["config"]["meta"]["page"] for each in exposures if "config" in each]
    sites = [path for site in SITES.values() for path in (published / site).rglob("*")]
    made = [path.relative_to(published) for path in sites if path.suffix in (".html", ".pdf", ".xlsx")]
    assert [str(path) for path in made if sum(path.match(page) for page in pages) != 1] == []
    assert [page for page in pages if not any(path.match(page) for path in made)] == []


def test_no_label_of_a_chart_is_cut_off_by_the_edge_of_it(published: Path, open_page: Opener) -> None:
    """Also where the reader's computer has not the font that the chart was measured in."""
    opened = open_page(size=DESKTOP).page
    opened.goto(address(published, "board", "indicators/active0.html"))
    cut = opened.evaluate(
        """() => [...document.querySelectorAll('svg.chart')].flatMap(chart => {
            const edge = chart.getBoundingClientRect();
            return [...chart.querySelectorAll('text')].filter(text => {
                const place = text.getBoundingClientRect();
                return place.left < edge.left || place.right > edge.right;
            }).map(text => text.textContent);
        })"""
    )
    assert cut == []
    assert "Speech, language" in (opened.locator("svg.chart").last.text_content() or "")


def test_each_chart_is_an_image_with_a_name_and_a_description(published: Path, open_page: Opener) -> None:
    opened = open_page().page
    opened.goto(address(published, "board", "indicators/timeliness0.html"))
    charts = opened.get_by_role("img")
    assert charts.count() == 2
    assert re.search("last [0-9.]+%", charts.first.locator("desc").text_content() or "")


def test_of_a_group_with_nothing_a_number_is_0_and_a_share_is_not_available(published: Path) -> None:
    said = {}
    for name in ("issued0", "timeliness0"):
        page = (published / "site" / "indicators" / f"{name}.html").read_text(encoding="utf-8")
        said[name] = re.findall(r'<th scope="row">HI</th>\s*<td class="number">([^<]*)<', page)
    assert said == {"issued0": ["0"], "timeliness0": ["[x]"]}


def test_a_chart_of_groups_says_of_which_period_it_is(published: Path) -> None:
    """It may be another than that of the headline, of which too little can be shown by group."""
    for name in ("timeliness0", "active0"):
        page = (published / "site" / "indicators" / f"{name}.html").read_text(encoding="utf-8")
        (caption,) = re.findall("<figcaption>([^<]*), by group", page)
        kinds = re.findall(r'<th scope="col" class="number">[^<]+<br>([^<]+)</th>', page)
        assert caption in kinds


def test_groups_of_a_period_that_is_not_over_are_told_to_be(published: Path) -> None:
    """Nothing of the staff has a complete period in this edition."""
    page = (published / "site" / "indicators" / "training0.html").read_text(encoding="utf-8")
    headings = re.findall(r'<th scope="col" class="number">Month<br>([^<]+)</th>', page)
    assert set(headings) == {"August 2026 (not complete)"}
    assert "<figcaption>August 2026 (not complete), by group." in page


def test_a_page_says_what_its_indicator_is_not_broken_down_by_and_why(published: Path) -> None:
    page = (published / "site" / "indicators" / "training0.html").read_text(encoding="utf-8")
    assert "<dt>Not broken down by</dt><dd>Area or sex: Staff are counted, not children.</dd>" in page


def test_a_red_indicator_shows_its_managers_comment_or_asks_for_one(published: Path) -> None:
    page = (published / "site" / "exceptions.html").read_text(encoding="utf-8")
    assert "Head of SEND is asked to comment on August 2026" in page
    assert "Two posts were vacant; &lt;b&gt;both&lt;/b&gt; are filled." in page


def test_the_public_site_has_no_comment_no_officer_and_no_board_indicator(published: Path) -> None:
    pages = {path.name: path.read_text(encoding="utf-8") for path in (published / "public").rglob("*.html")}
    assert "training0.html" not in pages
    assert not any("Two posts were vacant" in text or "Improvement plan" in text for text in pages.values())
    assert not (published / "public" / "board-pack.pdf").exists()


def test_the_public_pages_hold_no_figure_that_the_public_table_does_not(published: Path) -> None:
    """A page of the public is made of the public's table alone: its download is that table."""
    with duckdb.connect(str(published / "dashboard.duckdb"), read_only=True) as connection:
        download = published / "public" / "data" / "issued0.csv"
        different = connection.execute(
            f"""
            select count(*) from (
                select period_kind, period_start, period_end, breakdown, breakdown_value, numerator, shown
                from read_csv('{download}')
                except
                select period_kind, period_start, period_end, breakdown, breakdown_value, numerator, shown
                from indicator_public where indicator_id = 'issued0'
            )
            """
        ).fetchall()
    assert different == [(0,)]


def test_drawings_made_before_are_used_again_and_give_the_same_pages(
    published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dashboard.duckdb").hardlink_to(published / "dashboard.duckdb")
    drawings = tmp_path / "drawings"
    write_pages(tmp_path, COMMENTS, drawings)
    first = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*.html")}
    monkeypatch.setattr("dashboard.charts.vlc.vega_to_svg", lambda _chart: pytest.fail("drawn anew"))
    write_pages(tmp_path, COMMENTS, drawings)
    assert {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*.html")} == first


def test_a_process_of_its_own_makes_the_same_pages_for_the_public_without_comments(
    published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dashboard.duckdb").hardlink_to(published / "dashboard.duckdb")
    monkeypatch.setattr("dashboard.publishing.WORTH_A_PROCESS", 0)
    write_pages(tmp_path, COMMENTS, tmp_path / "drawings")
    made, wanted = (
        {
            path.relative_to(folder): path.read_bytes()
            for site in SITES.values()
            for path in (folder / site).rglob("*.*")
        }
        for folder in (tmp_path, published)
    )
    assert made.keys() == wanted.keys()
    assert [path for path in made if made[path] != wanted[path] and path.suffix in (".html", ".csv")] == []


def test_pages_that_its_process_cannot_make_are_told_without_data(
    published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dashboard.duckdb").hardlink_to(published / "dashboard.duckdb")
    (tmp_path / "public").write_text("in the way")
    monkeypatch.setattr("dashboard.publishing.WORTH_A_PROCESS", 0)
    with pytest.raises(PagesNotMade, match=r"write_pages stopped on an unforeseen FileExistsError at .*pages\.py"):
        write_pages(tmp_path, {}, tmp_path / "drawings")
