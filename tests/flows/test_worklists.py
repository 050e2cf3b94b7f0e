"""The weekly worklists are of the lists as published, on the day that those are of."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from connectors.errors import SendError
from flows.worklists import NoLists, digests_now, tell_what_is_due
from operations.notices import standing_notices
from operations.store import OperationsStore
from tests.dashboard.test_digests import CASE, TABLES
from tests.flows.conftest import Channel, SendHome, keep
from warehouse.build import PointInTime
from warehouse.home import Home, HomeBusy
from warehouse.publication import publish

CONFIGURATION = 'la_code: "883"\nla_name: Invented borough\n'
MONDAY = datetime(2026, 1, 19, 6, tzinfo=UTC)
LISTS = ("assessments_in_progress", "advice_requests", "annual_reviews", "monitoring_visits")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home whose published lists have one visit overdue: for A. Brown, and for the supervisor of the team."""
    home = Home(tmp_path)
    home.create()
    home.configuration.write_text(CONFIGURATION)
    with duckdb.connect(str(home.building)) as connection:
        connection.execute("create schema lists; set schema = 'lists'")
        connection.execute(TABLES)
        row = {**CASE, "next_visit_due_date": date(2026, 1, 10)}
        connection.execute(
            f"insert into list_monitoring_visits ({', '.join(row)}) values (?, ?, ?, ?, ?)", list(row.values())
        )
    tables = {f"list_{name}": "lists" for name in LISTS}
    publish(home, "lists", tables, PointInTime(date(2026, 1, 15), datetime(2026, 1, 15, 6)), "20260115T060000-1")
    return home


def test_what_is_due_is_reckoned_on_the_day_of_the_published_lists(home: Home) -> None:
    digests = digests_now(home)
    assert [(d.recipient_kind, d.recipient, d.as_at, d.overdue) for d in digests] == [
        ("caseworker", "A. Brown", date(2026, 1, 15), 1),
        ("supervisor", "Primary", date(2026, 1, 15), 1),
    ]
    assert digests[0].items[0].days_overdue == 5


def test_without_lists_it_is_said_how_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(NoLists, match="send run"):
        digests_now(Home(tmp_path))


def addressed(home: Home, caseworker: str, supervisor: str) -> None:
    home.configuration.write_text(
        CONFIGURATION
        + f"worklists:\n  caseworker: {{A. Brown: notice-address/{caseworker}}}\n"
        + f"  supervisor: {{Primary: notice-address/{supervisor}}}\n"
    )


def test_without_an_address_a_digest_is_a_file(home: Home) -> None:
    told = tell_what_is_due(home, MONDAY)
    assert (told.written, told.sent) == ({"caseworker": 1, "supervisor": 1}, 0)
    assert {path.name for path in home.digests.glob("2026-01-15/*")} == {
        "caseworker-a-brown.md",
        "supervisor-primary.md",
    }


def test_a_digest_goes_to_its_recipient_once_a_week(home: Home, channel: Channel) -> None:
    home.configuration.write_text(CONFIGURATION + "worklists: {caseworker: {A. Brown: notice-address/send-team}}\n")
    assert tell_what_is_due(home, MONDAY).sent == 1
    again = tell_what_is_due(home, MONDAY + timedelta(days=6))
    assert (again.sent, again.sent_before) == (0, 1)
    (digest,) = channel
    assert digest["title"].startswith("SEND: 1 overdue")
    assert "case S100: 5 days overdue" in digest["message"] and "Okafor" not in str(channel)
    assert tell_what_is_due(home, MONDAY + timedelta(days=7)).sent == 1


def test_a_digest_that_cannot_be_sent_is_told_stops_no_other_and_is_sent_later(home: Home, channel: Channel) -> None:
    addressed(home, caseworker="nobody", supervisor="send-team")
    told = tell_what_is_due(home, MONDAY)
    assert (told.sent, told.not_reached) == (1, {"notice-address/nobody": 1})
    (standing,) = standing_notices(OperationsStore(home.operations_url))
    assert standing.notice.kind == "digest_not_sent"
    (notice,) = home.notices.glob("*.md")
    assert "1 of the weekly digests could not be sent" in notice.read_text() and "Brown" not in notice.read_text()
    keep("nobody", channel.address)
    later = tell_what_is_due(home, MONDAY + timedelta(hours=1))
    assert (later.sent, later.sent_before, later.not_reached) == (1, 1, {})
    assert len(channel) == 2
    assert standing_notices(OperationsStore(home.operations_url)) == []


def test_two_at_once_do_not_both_send(home: Home) -> None:
    with home.lock("worklists"), pytest.raises(HomeBusy):
        tell_what_is_due(home, MONDAY)


def test_by_hand_it_is_said_which_could_not_be_sent(home: Home, channel: Channel) -> None:
    addressed(home, caseworker="nobody", supervisor="send-team")
    done = SendHome(home.folder, os.environ["PREFECT_API_URL"]).send("dashboard", "digests")
    assert done.returncode == 2 and "2 digests are written, 1 sent, 1 could not be sent." in done.stdout
    assert "send dashboard digests" in done.stderr
    assert len(channel) == 1


def test_an_address_is_the_name_of_a_block(home: Home) -> None:
    home.configuration.write_text(CONFIGURATION + "worklists: {caseworker: {A. Brown: a.brown@example.org}}\n")
    with pytest.raises(SendError, match="is no block"):
        tell_what_is_due(home, MONDAY)
