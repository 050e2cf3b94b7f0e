"""An extract is late by its cadence, and a delivery unusual by those before it."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from connectors.freshness import freshness, usual_range, volumes
from tests.connectors.conftest import Delivery

Deliver = Callable[..., Delivery]
CHILD = "case_id,surname,forename,birth_date\n"


def children(count: int) -> str:
    return CHILD + "".join(f"K{number},Child,Ann,2015-01-02\n" for number in range(count))


def test_an_extract_is_late_a_little_after_its_day_and_not_before(deliver: Deliver) -> None:
    delivery = deliver()
    delivery.put("child.csv", children(3))
    delivery.load()
    landed = delivery.known_at(1)
    due = landed + timedelta(days=8)  # a weekly extract, and a day's grace
    (before,) = freshness(delivery.configuration, due)
    (after,) = freshness(delivery.configuration, due + timedelta(seconds=1))
    assert (before.is_late, after.is_late) == (False, True)
    assert after.as_text() == "last delivered 01 January 2026; one is due every 7 days"


def test_the_configuration_may_say_how_often_an_extract_comes(deliver: Deliver) -> None:
    delivery = deliver(cadence_days=31)
    delivery.put("child.csv", children(3))
    delivery.load()
    (state,) = freshness(delivery.configuration, delivery.known_at(1) + timedelta(days=30))
    assert (state.cadence_days, state.is_late) == (31, False)


def test_an_extract_that_never_came_is_late_at_once(deliver: Deliver) -> None:
    (state,) = freshness(deliver().configuration, datetime(2026, 1, 1))
    assert state.is_late and state.as_text() == "nothing of it has ever been delivered"


def test_the_same_rows_written_again_are_a_delivery(deliver: Deliver) -> None:
    delivery = deliver()
    delivery.put("child.csv", children(3))
    delivery.load()
    now = delivery.known_at(1) + timedelta(days=20)
    (state,) = freshness(delivery.configuration, now, {"ehc_case": now - timedelta(days=1)})
    assert not state.is_late


def test_what_had_not_landed_by_then_does_not_count(deliver: Deliver) -> None:
    delivery = deliver()
    delivery.put("child.csv", children(3))
    delivery.load()
    (state,) = freshness(delivery.configuration, delivery.known_at(1) - timedelta(days=1))
    assert state.delivered_at is None


def test_a_load_tells_when_the_newest_file_was_written_unless_that_is_in_the_future(deliver: Deliver) -> None:
    delivery = deliver()
    at = datetime(2025, 12, 30, 12)
    for name, moment in (("child.csv", at), ("plan.csv", datetime(2031, 1, 1))):
        path = delivery.put(name, children(3) if name == "child.csv" else "plan_id,case_id\nP1,K1\n")
        os.utime(path, (moment.timestamp(), moment.timestamp()))
    assert delivery.load().delivered_at == at


@pytest.mark.parametrize(("last", "is_unusual"), [(100, False), (109, False), (130, True), (60, True)])
def test_a_delivery_is_unusual_by_those_before_it(deliver: Deliver, last: int, is_unusual: bool) -> None:
    delivery = deliver()
    for rows in (100, 101, 99, 103, 102, last):
        delivery.put("child.csv", children(rows))
        delivery.load()
    (volume,) = volumes(delivery.configuration, delivery.known_at(6))
    assert (volume.rows, volume.is_unusual) == (last, is_unusual)


def test_too_few_deliveries_teach_nothing(deliver: Deliver) -> None:
    delivery = deliver()
    for rows in (100, 99, 103, 102, 300):
        delivery.put("child.csv", children(rows))
        delivery.load()
    assert volumes(delivery.configuration, delivery.known_at(5)) == []


def test_what_is_usual_widens_with_how_much_deliveries_differ() -> None:
    assert usual_range([100, 100, 100, 100, 100]) == (90, 110)
    assert usual_range([1000, 1000, 1000]) == (900, 1100)
    low, high = usual_range([60, 80, 100, 120, 140])
    assert low == 11 and high == 189
    assert usual_range([3, 3, 3]) == (0, 13)
