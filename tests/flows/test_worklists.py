"""The weekly worklists are of the lists as published, on the day that those are of."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import duckdb
import pytest

from flows.worklists import NoLists, digests_now
from tests.dashboard.test_digests import CASE, TABLES
from warehouse.build import PointInTime
from warehouse.home import Home
from warehouse.publication import publish

LISTS = ("assessments_in_progress", "advice_requests", "annual_reviews", "monitoring_visits")


def test_what_is_due_is_reckoned_on_the_day_of_the_published_lists(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.create()
    with duckdb.connect(str(home.building)) as connection:
        connection.execute("create schema lists; set schema = 'lists'")
        connection.execute(TABLES)
        row = {**CASE, "next_visit_due_date": date(2026, 1, 10)}
        connection.execute(
            f"insert into list_monitoring_visits ({', '.join(row)}) values (?, ?, ?, ?, ?)", list(row.values())
        )
    tables = {f"list_{name}": "lists" for name in LISTS}
    publish(home, "lists", tables, PointInTime(date(2026, 1, 15), datetime(2026, 1, 15, 6)), "20260115T060000-1")
    digests = digests_now(home)
    assert [(d.recipient_kind, d.recipient, d.as_at, d.overdue) for d in digests] == [
        ("caseworker", "A. Brown", date(2026, 1, 15), 1),
        ("supervisor", "Primary", date(2026, 1, 15), 1),
    ]
    assert digests[0].items[0].days_overdue == 5


def test_without_lists_it_is_said_how_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(NoLists, match="send run"):
        digests_now(Home(tmp_path))
