"""Corrections from proposal to lifting, by two people and by runs; each on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import duckdb
import pytest

from connectors.corrections import CorrectionRefused, LandedRecord, register_corrections
from operations.corrections import Correction, CorrectionChanged, Corrections, NoSuchCorrection
from operations.store import OperationsStore
from operations.triage import ActRefused, Triage
from tests.operations.nights import AS_AT, Nights, finding

WEEK = timedelta(days=7)
LANDED = LandedRecord("ehc_case", "request", "R1", {"received_date": "2026-01-05", "outcome": None}, "request.csv", 2)
LATER = datetime(2100, 1, 1)


@pytest.fixture
def corrections(nights: Nights) -> Corrections:
    nights.run(finding("a"))
    return Corrections(nights.store)


def proposed(corrections: Corrections, value: str = "2026-01-06", column: str = "received_date") -> Correction:
    return corrections.propose(
        LANDED, column=column, value=value, until=AS_AT + WEEK, reason="The form says so.", by="A. Steward"
    )


def approved(corrections: Corrections) -> Correction:
    return corrections.approve(proposed(corrections).correction_id, version=1, by="B. Manager")


@pytest.fixture
def warehouse_of_a_run() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("create schema landing")
        yield connection


def test_a_correction_stands_once_a_second_person_approves_it(corrections: Corrections) -> None:
    first = proposed(corrections, "6/1/2026")
    assert (first.value, first.landed_value, first.state) == ("2026-01-06", "2026-01-05", "proposed")
    assert corrections.standing(AS_AT, LATER) == []
    second = corrections.approve(first.correction_id, version=1, by="B. Manager")
    assert corrections.standing(AS_AT, LATER) == [second]
    assert (second.state, second.decided_by) == ("approved", "B. Manager")


def test_who_proposed_a_correction_cannot_approve_it(corrections: Corrections) -> None:
    first = proposed(corrections)
    with pytest.raises(ActRefused, match="a second person approves it"):
        corrections.approve(first.correction_id, version=1, by="a. STEWARD ")
    assert corrections.get(first.correction_id).state == "proposed"


def test_the_second_to_decide_is_told_who_came_first(corrections: Corrections) -> None:
    first = approved(corrections)
    with pytest.raises(CorrectionChanged, match=r"it was approved by B\. Manager at"):
        corrections.refuse(first.correction_id, version=1, by="C. Manager", reason="Not so.")


def test_one_cell_has_one_correction_at_a_time(corrections: Corrections) -> None:
    first = proposed(corrections)
    with pytest.raises(ActRefused, match=r"of the same cell was proposed by A\. Steward"):
        proposed(corrections, "2026-01-07")
    corrections.refuse(first.correction_id, version=1, by="A. Steward", reason="A slip.")
    assert proposed(corrections, "2026-01-07").state == "proposed"


def test_what_cannot_be_proposed_is_refused(corrections: Corrections) -> None:
    with pytest.raises(ActRefused, match="says so itself already"):
        proposed(corrections, "05/01/2026")
    with pytest.raises(CorrectionRefused, match="holds one of the codes"):
        proposed(corrections, "Q", column="outcome")
    with pytest.raises(ActRefused, match="a year at most"):
        corrections.propose(
            LANDED, column="outcome", value="Y", until=AS_AT - WEEK, reason="The form says so.", by="A. Steward"
        )
    with pytest.raises(NoSuchCorrection):
        corrections.get(99)


def test_what_stood_is_known_of_every_moment(corrections: Corrections) -> None:
    kept = approved(corrections)
    assert kept.decided_at is not None
    lifted = corrections.lift(kept.correction_id, version=2, by="B. Manager", reason="Mended.")
    assert lifted.lifted_at is not None
    before = kept.decided_at - timedelta(seconds=1)
    assert corrections.standing(AS_AT, before) == []
    assert corrections.standing(AS_AT, LATER) == []
    assert [c.correction_id for c in corrections.standing(AS_AT + WEEK, lifted.lifted_at - timedelta(seconds=1))] in (
        [kept.correction_id],
        [],  # approved and lifted within one second: it never stood
    )


def test_a_correction_ends_with_its_last_day(corrections: Corrections) -> None:
    approved(corrections)
    assert len(corrections.standing(AS_AT + WEEK, LATER)) == 1
    assert corrections.standing(AS_AT + WEEK + timedelta(days=1), LATER) == []


@pytest.mark.parametrize(
    ("source_says", "days", "because"),
    [
        ("2026-01-06", 1, "The source says so itself now."),
        ("2026-01-09", 1, "The source has changed to something else."),
        ("2026-01-05", 8, "Its last day has passed."),
    ],
)
def test_a_run_lifts_what_is_settled_and_says_why(
    source_says: str, days: int, because: str, corrections: Corrections, warehouse_of_a_run: duckdb.DuckDBPyConnection
) -> None:
    kept = approved(corrections)
    register_corrections(warehouse_of_a_run, [kept])
    warehouse_of_a_run.execute(
        "update landing.correction set source_value = $1, is_in_landing = true, is_applied = ($1 = landed_value)",
        [source_says],
    )
    day = AS_AT + timedelta(days=days)
    (lifted,) = corrections.lift_settled(warehouse_of_a_run, run_id="run-2", as_at=day, known_at=LATER)
    assert (lifted.state, lifted.lifted_because, lifted.lifted_by, lifted.lifted_at) == ("lifted", because, None, LATER)
    assert corrections.lift_settled(warehouse_of_a_run, run_id="run-2", as_at=day, known_at=LATER) == []


def test_a_correction_that_applies_or_whose_record_is_away_is_left(
    corrections: Corrections, warehouse_of_a_run: duckdb.DuckDBPyConnection
) -> None:
    register_corrections(warehouse_of_a_run, [approved(corrections)])
    assert corrections.lift_settled(warehouse_of_a_run, run_id="run-2", as_at=AS_AT, known_at=LATER) == []


def test_the_finding_it_mends_tells_its_story_without_the_values(
    store: OperationsStore, corrections: Corrections
) -> None:
    triage = Triage(store)
    first = corrections.propose(
        LANDED,
        column="received_date",
        value="2026-01-06",
        until=AS_AT + WEEK,
        reason="The form says so.",
        by="A. Steward",
        finding=("a", 1),
    )
    corrections.approve(first.correction_id, version=1, by="B. Manager")
    turns = triage.history("a")
    assert [turn.event for turn in turns] == ["new", "correction proposed", "correction approved"]
    assert {turn.detail for turn in turns[1:]} == {"correction 1 of request.received_date"}
    assert triage.finding("a").version == 2
    with pytest.raises(CorrectionChanged):
        corrections.propose(
            LANDED, column="outcome", value="Y", until=AS_AT, reason="The form says so.", by="C.", finding=("a", 1)
        )
