"""``send dashboard`` on a published edition: what it shows, managers' comments, the pages made anew."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import pytest

from dashboard.edition import PRODUCT, SITES
from dashboard.publishing import write_pages
from dashboard.wording import day_name
from flows.dashboard import NoDashboard, UnknownIndicator, accept_fall, build_pages, comment_on, published_edition
from flows.summary import ProductLine, RunSummary
from operations.store import OperationsStore
from operations.triage import Filter, Triage
from tests.dashboard.invented import PUBLISHED_TABLES, invented_edition
from tests.flows.conftest import SendHome
from warehouse.build import PointInTime
from warehouse.home import Home
from warehouse.publication import publish, standing_publication

MOMENT = PointInTime(date(2026, 9, 2), datetime(2026, 9, 2, 3))
SAID = "Two psychologists left; both posts are filled."


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SendHome]:
    """A home with an edition published and its operations store, without a run."""
    home = Home(tmp_path_factory.mktemp("home"))
    home.create()
    building = "'" + str(home.building) + "'"
    with invented_edition(seed=7, months=14, monthly=60) as connection:
        connection.execute(f"attach {building} as building")
        connection.execute("create schema building.dashboard")
        connection.execute("update indicator_board set rag = 'red' where indicator_id = 'timeliness0'")
        for name in PUBLISHED_TABLES:
            connection.execute(f"create table building.dashboard.{name} as from memory.dashboard.{name}")
        connection.execute("detach building")
    publish(
        home,
        PRODUCT,
        PUBLISHED_TABLES,
        MOMENT,
        "20260902T030000-1",
        lambda folder: write_pages(folder, {}, home.drawings),
    )
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("SEND_OPERATIONS_URL", raising=False)
        yield SendHome(home.folder)


def test_the_commands_show_the_reds_take_a_comment_and_make_the_pages_anew(sent: SendHome) -> None:
    home = Home(sent.folder)
    site = home.published / PRODUCT / "site"
    before = standing_publication(home, PRODUCT)
    (red,) = sent.answer("dashboard", "show", "--red")
    assert (red["indicator"], red["period"], red["rating"]) == ("timeliness0", "August 2026", "Red")
    assert "is asked to comment on August 2026" in (site / "exceptions.html").read_text(encoding="utf-8")

    kept = sent.send(
        "dashboard", "comment", "timeliness0", "--month", "2026-08", "--text", SAID, "--by", "Head of SEND"
    )
    assert kept.returncode == 0, kept.stderr
    assert SAID not in (site / "exceptions.html").read_text(encoding="utf-8")
    assert sent.answer("dashboard", "build") == {"folder": str(site)}
    assert SAID in (site / "exceptions.html").read_text(encoding="utf-8")
    assert "is asked to comment" not in (site / "exceptions.html").read_text(encoding="utf-8")
    assert standing_publication(home, PRODUCT) == before


def test_a_comment_on_an_indicator_that_is_not_there_is_refused(sent: SendHome) -> None:
    with pytest.raises(UnknownIndicator, match="send dashboard show"):
        comment_on(Home(sent.folder), "no_such", date(2026, 8, 1), SAID, "Head of SEND")


def test_the_pack_and_the_workbook_are_given_out_as_published(sent: SendHome, tmp_path: Path) -> None:
    site = sent.folder / "published" / PRODUCT / "site"
    for command, name in (("pack", "board-pack.pdf"), ("workbook", "indicators.xlsx")):
        done = sent.send("dashboard", command, str(tmp_path / name))
        assert done.returncode == 0, done.stderr
        assert (tmp_path / name).read_bytes() == (site / name).read_bytes()


def test_the_public_edition_has_no_comment_and_no_plan(sent: SendHome) -> None:
    public = published_edition(Home(sent.folder), "public")
    assert not public.actions
    assert not any(indicator.comments for indicator in public.indicators)


def test_without_a_published_dashboard_it_is_said_how_to_get_one(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with pytest.raises(NoDashboard, match="send run"):
        published_edition(home)
    with pytest.raises(NoDashboard, match="send run"):
        build_pages(home)


@pytest.fixture(scope="module")
def halved(tmp_path_factory: pytest.TempPathFactory) -> tuple[SendHome, RunSummary, RunSummary]:
    """A borough whose dashboard was published, and then a night in which two plans in five were not in the extract."""
    home = SendHome(tmp_path_factory.mktemp("halved") / "home")
    assert home.send("demo", "--children", "700", "--faults", "none").returncode == 0
    whole = home.run_here()
    plans = home.folder / "borough" / "extracts" / "ehc_case" / "plan.csv"
    lines = plans.read_text(encoding="utf-8").splitlines(keepends=True)
    plans.write_text("".join(line for n, line in enumerate(lines) if n == 0 or n % 5 > 1), encoding="utf-8")
    time.sleep(1.1)  # a run's id is its second and its process
    return home, whole, home.run_here()


def product(summary: RunSummary) -> ProductLine:
    (line,) = [line for line in summary.products if line.product == PRODUCT]
    return line


def test_a_denominator_that_fell_holds_the_dashboard_and_the_old_one_stays_with_its_date(
    halved: tuple[SendHome, RunSummary, RunSummary],
) -> None:
    home, whole, after = halved
    assert (product(whole).status, product(after).status) == ("published", "held")
    assert any("A closed period keeps what it was counted from" in reason for reason in product(after).reasons)
    standing = standing_publication(Home(home.folder), PRODUCT)
    assert standing is not None
    assert standing.known_at == whole.known_at.replace(" ", "T")
    known_at = datetime.fromisoformat(whole.known_at)
    for site in SITES.values():
        page = (home.folder / "published" / PRODUCT / site / "about.html").read_text(encoding="utf-8")
        assert f"{known_at:%H:%M} UTC on {day_name(known_at.date())}" in page
        assert f"<p>As at {day_name(date.fromisoformat(whole.as_at))}</p>" in page


def test_the_findings_say_why_the_dashboard_is_held_and_what_to_do(
    halved: tuple[SendHome, RunSummary, RunSummary],
) -> None:
    home, _, _ = halved
    found = Triage(OperationsStore(f"sqlite:///{home.folder / 'operations.db'}")).all(
        Filter(rule="indicator_denominator_fell")
    )
    assert any((finding.record_id or "").startswith("active_plans|month|") for finding in found)
    assert {finding.owner for finding in found} == {"bi_team"}
    assert "send dashboard accept INDICATOR" in (found[0].remedy or "")


def test_what_is_no_indicator_or_unsigned_cannot_be_found_right(
    halved: tuple[SendHome, RunSummary, RunSummary],
) -> None:
    home, _, _ = halved
    refused = home.send("dashboard", "accept", "plans", "--because", "So it is.", "--by", "Head of SEND")
    assert refused.returncode == 2
    assert "There is no indicator 'plans'" in refused.stderr
    unsigned = home.send("dashboard", "accept", "active_plans", "--because", " ", "--by", "Head of SEND")
    assert "Say why the fall is right" in unsigned.stderr


def test_what_somebody_found_right_holds_the_next_dashboard_no_more(
    halved: tuple[SendHome, RunSummary, RunSummary],
) -> None:
    home, _, _ = halved
    store = Triage(OperationsStore(f"sqlite:///{home.folder / 'operations.db'}"))
    fallen = {
        str(finding.record_id).partition("|")[0] for finding in store.all(Filter(rule="indicator_denominator_fell"))
    }
    for indicator in fallen:
        accept_fall(Home(home.folder), indicator, "The plans moved to the new authority.", "Head of SEND")
    time.sleep(1.1)
    assert not any("keeps what it was counted from" in reason for reason in product(home.run_here()).reasons)
