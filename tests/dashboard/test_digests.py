"""Each who has something to do is told what, for which case, and when it is due; nobody is told a child's name."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from dashboard.digests import Digest, digests_of, write_digests

TODAY = date(2026, 11, 2)
PAST, SOON, LATER = TODAY - timedelta(days=10), TODAY + timedelta(days=10), TODAY + timedelta(days=30)
TABLES = """
    create table list_assessments_in_progress (
        case_id varchar, surname varchar, caseworker_name varchar, team varchar, assessment_id varchar,
        decision_date date, decision_due_date date, plan_due_date date, stage varchar, has_exception boolean
    );
    create table list_advice_requests (
        case_id varchar, surname varchar, caseworker_name varchar, team varchar, agency varchar, service varchar,
        service_manager varchar, due_date date, escalation_level integer, chased_date date, is_outstanding boolean
    );
    create table list_annual_reviews (
        case_id varchar, surname varchar, caseworker_name varchar, team varchar, cycle_status varchar,
        decision_due_date date, amended_plan_due_date date, review_due_date date, is_open boolean,
        phase_transfer varchar, phase_transfer_finalised_date date, phase_transfer_deadline date
    );
    create table list_monitoring_visits (
        case_id varchar, surname varchar, caseworker_name varchar, team varchar, next_visit_due_date date,
        is_residential boolean, is_out_of_area boolean, is_home_educated boolean
    );
"""
CASE = {"case_id": "S100", "surname": "Okafor", "caseworker_name": "A. Brown", "team": "Primary"}


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    path = tmp_path / "lists.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(TABLES)
    return path


def add(lists: Path, table: str, **values: object) -> None:
    row = {**CASE, **values}
    with duckdb.connect(str(lists)) as connection:
        marks = ", ".join("?" * len(row))
        connection.execute(f"insert into list_{table} ({', '.join(row)}) values ({marks})", list(row.values()))


def told(lists: Path, kind: str) -> dict[str, list[tuple[str, str, int, str]]]:
    return {
        digest.recipient: [(i.task, i.case_reference, i.days_overdue, i.note) for i in digest.items]
        for digest in digests_of(lists, TODAY)
        if digest.recipient_kind == kind
    }


def test_a_caseworker_is_told_what_is_overdue_and_what_is_due_soon(lists: Path) -> None:
    add(lists, "assessments_in_progress", decision_due_date=PAST, plan_due_date=LATER)
    add(lists, "annual_reviews", cycle_status="to be held", review_due_date=SOON, is_open=True)
    add(lists, "annual_reviews", cycle_status="to be held", review_due_date=LATER, is_open=True)
    assert told(lists, "caseworker") == {
        "A. Brown": [("Decide whether to assess", "S100", 10, ""), ("Hold the annual review", "S100", -10, "")]
    }


def test_a_plan_past_its_twenty_weeks_is_told_with_its_stage(lists: Path) -> None:
    add(
        lists,
        "assessments_in_progress",
        assessment_id="A1",
        decision_date=PAST,
        decision_due_date=PAST,
        plan_due_date=PAST,
        stage="drafting",
        has_exception=True,
    )
    assert told(lists, "caseworker") == {
        "A. Brown": [("Issue the final plan", "S100", 10, "drafting; exception claimed")]
    }


@pytest.mark.parametrize(
    ("status", "task"),
    [
        ("meeting overdue", "Hold the annual review"),
        ("decision awaited", "Decide after the review"),
        ("amended plan awaited", "Issue the amended plan"),
    ],
)
def test_a_review_is_due_by_the_step_that_is_awaited(lists: Path, status: str, task: str) -> None:
    dates = dict.fromkeys(("review_due_date", "decision_due_date", "amended_plan_due_date"), PAST)
    add(lists, "annual_reviews", cycle_status=status, is_open=True, **dates)
    assert told(lists, "caseworker") == {"A. Brown": [(task, "S100", 10, "")]}


def test_a_phase_transfer_is_due_until_the_plan_is_final(lists: Path) -> None:
    add(lists, "annual_reviews", is_open=False, phase_transfer="secondary", phase_transfer_deadline=SOON)
    add(
        lists,
        "annual_reviews",
        is_open=False,
        phase_transfer="secondary",
        phase_transfer_deadline=SOON,
        phase_transfer_finalised_date=PAST,
    )
    assert told(lists, "caseworker") == {"A. Brown": [("Finalise the phase transfer", "S100", -10, "secondary")]}


def test_a_visit_is_told_with_why_it_is_due(lists: Path) -> None:
    add(lists, "monitoring_visits", next_visit_due_date=PAST, is_residential=True, is_out_of_area=True)
    assert told(lists, "caseworker") == {"A. Brown": [("Visit", "S100", 10, "residential; out of area")]}


def advice(lists: Path, **values: object) -> None:
    asked = {
        "agency": "health",
        "service": "Community paediatrics",
        "due_date": PAST,
        "escalation_level": 3,
        "service_manager": "Designated clinical officer",
        "is_outstanding": True,
    }
    add(lists, "advice_requests", **{**asked, **values})


def test_overdue_advice_goes_to_the_service_and_its_manager(lists: Path) -> None:
    advice(lists)
    note = "Community paediatrics; escalated to Designated clinical officer"
    item = ("Give advice", "S100", 10, note)
    assert told(lists, "service") == {"Community paediatrics": [item]}
    assert told(lists, "service manager") == {"Designated clinical officer": [item]}


def test_advice_in_time_is_no_matter_for_the_manager(lists: Path) -> None:
    advice(lists, due_date=SOON, escalation_level=0)
    assert told(lists, "service manager") == {}
    assert list(told(lists, "service")) == ["Community paediatrics"]


def test_no_school_is_told_of_another_schools_cases(lists: Path) -> None:
    advice(lists, agency="education", service="School")
    assert told(lists, "service") == {}
    assert list(told(lists, "caseworker")) == ["A. Brown"]


def test_a_supervisor_is_told_what_is_overdue_and_whose_it_is(lists: Path) -> None:
    add(lists, "monitoring_visits", next_visit_due_date=PAST)
    add(lists, "monitoring_visits", next_visit_due_date=SOON)
    assert told(lists, "supervisor") == {"Primary": [("Visit", "S100", 10, "A. Brown")]}


def test_a_case_of_nobodys_is_told_apart(lists: Path) -> None:
    add(lists, "monitoring_visits", next_visit_due_date=PAST, caseworker_name=None, team=None)
    assert list(told(lists, "caseworker")) == ["No caseworker"]


def test_no_digest_names_a_child(lists: Path) -> None:
    add(lists, "monitoring_visits", next_visit_due_date=PAST)
    advice(lists)
    assert not any("Okafor" in digest.as_text() + digest.subject for digest in digests_of(lists, TODAY))


def test_each_digest_is_a_file_and_those_of_the_same_day_are_replaced(lists: Path, tmp_path: Path) -> None:
    add(lists, "monitoring_visits", next_visit_due_date=PAST)
    first = digests_of(lists, TODAY)
    write_digests([*first, Digest("caseworker", "Gone", TODAY, ())], tmp_path / "digests")
    written = write_digests(first, tmp_path / "digests")
    assert sorted(path.name for path in (tmp_path / "digests" / "2026-11-02").iterdir()) == [
        "caseworker-a-brown.md",
        "supervisor-primary.md",
    ]
    assert written[0].read_text(encoding="utf-8") == first[0].as_text()
    assert "- Visit, case S100: 10 days overdue" in first[0].as_text()
