"""The warehouse's clocks against the independent statement in ``rules``, on thousands of generated histories."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from dashboard.definitions import the_catalogue
from tests.warehouse import rules
from tests.warehouse.conftest import Build, Warehouse
from tests.warehouse.landed import establishment
from tests.warehouse.rules import Advice, History, Result, Review, Visit

HISTORIES = 3000
LEAVING_AGES = (7, 9, 10, 11, 12, 13, 16, 19)
ENDS = ((2, 15), (3, 31))
DAYS_ASKED = (date(2024, 2, 29), date(2025, 6, 30))

# Intervals crowd around the limits, because that is where a day is lost.
AROUND_LIMITS = st.one_of(
    st.sampled_from([weeks * 7 + slip for weeks in (4, 6, 12, 16, 20, 52) for slip in (-1, 0, 1)]),
    st.integers(-20, 700),
)


def maybe(days: st.SearchStrategy[int]) -> st.SearchStrategy[int | None]:
    return st.one_of(st.none(), days, days)


@st.composite
def histories(draw: st.DrawFn) -> History:
    received = date(2022, 6, 1) + timedelta(days=draw(st.integers(0, 1300)))

    def after(start: date | None) -> date | None:
        days = draw(maybe(AROUND_LIMITS))
        return None if start is None or days is None else start + timedelta(days=days)

    has_assessment = draw(st.booleans()) or draw(st.booleans())
    plan_start = after(received) if has_assessment else None
    advice: list[Advice] = []
    if has_assessment:
        for _ in range(draw(st.integers(0, 3))):
            requested = received + timedelta(days=draw(AROUND_LIMITS))
            advice.append(Advice(requested, after(requested)))
    reviews = []
    if plan_start is not None:
        for _ in range(draw(st.integers(0, 3))):
            meeting = after(plan_start)
            review = Review(meeting, draw(st.sampled_from([None, "M", "A", "A", "C"])), after(meeting), after(meeting))
            reviews.append(review)
    visits = []
    if plan_start is not None:
        for _ in range(draw(st.integers(0, 3))):
            day = plan_start + timedelta(days=draw(AROUND_LIMITS))
            visits.append(Visit(day, after(day)))
    return History(
        received=received,
        outcome=draw(st.sampled_from([None, "Y", "Y", "N", "A", "W", "H"])),
        outcome_date=after(received),
        is_exported=draw(st.integers(0, 9)) == 0,
        has_assessment=has_assessment,
        agreed=after(received),
        assessment_outcome=draw(st.sampled_from([None, "Y", "Y", "N", "A", "W", "H", "S"])),
        assessment_outcome_date=after(received),
        has_exception=draw(st.booleans()),
        exception_reason=draw(st.sampled_from([None, "c", "d", "m", "s"])),
        plan_start=plan_start,
        plan_issued=after(received) if plan_start else None,
        plan_ceased=after(plan_start),
        transferred_in=after(plan_start) if draw(st.booleans()) else None,
        birth=draw(st.dates(date(2005, 1, 1), date(2022, 12, 31))),
        leaving_age=draw(st.sampled_from([None, *LEAVING_AGES])),
        advice=tuple(advice),
        reviews=tuple(reviews),
        visits=tuple(visits),
    )


def generate() -> list[History]:
    """Histories drawn by hypothesis one at a time and loaded all at once, with ages spread over all years."""
    drawn: list[History] = []

    @settings(
        max_examples=HISTORIES,
        phases=[Phase.generate],
        database=None,
        derandomize=True,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(histories())
    def collect(history: History) -> None:
        drawn.append(history)

    collect()
    # What hypothesis favours differs with the modules at hand (it takes constants from them), so ages and the schools'
    # leaving ages are spread evenly: every move comes up.
    leaving = (None, *LEAVING_AGES)
    return [
        replace(
            history,
            birth=date(2005, 1, 1) + timedelta(days=7 * number % 6_574),
            leaving_age=leaving[number % len(leaving)],
        )
        for number, history in enumerate(drawn)
    ]


@pytest.fixture(scope="module")
def generated() -> list[History]:
    return generate()


def landing_of(generated: list[History]) -> dict[str, list[dict[str, Any]]]:
    landing: dict[str, list[dict[str, Any]]] = {
        f"ehc_case__{table}": []
        for table in ("child", "request", "assessment", "advice", "plan", "review", "placement", "visit")
    }
    # every school is outside the area, so that every child placed is to be visited
    landing["gias__establishment"] = [
        establishment(f"90{age}", la_code="880", statutory_high_age=age) for age in LEAVING_AGES
    ] + [establishment("900", la_code="880")]
    for number, history in enumerate(generated):
        landing["ehc_case__child"].append(
            {"case_id": f"K{number}", "surname": "S", "forename": f"F{number}", "birth_date": history.birth}
        )
        landing["ehc_case__request"].append(
            {
                "request_id": f"R{number}",
                "case_id": f"K{number}",
                "received_date": history.received,
                "outcome": history.outcome,
                "outcome_date": history.outcome_date,
                "exported_la": "880" if history.is_exported else None,
            }
        )
        if history.has_assessment:
            landing["ehc_case__assessment"].append(
                {
                    "assessment_id": f"A{number}",
                    "request_id": f"R{number}",
                    "agreed_date": history.agreed,
                    "outcome": history.assessment_outcome,
                    "outcome_date": history.assessment_outcome_date,
                    "week20_exception": history.has_exception,
                    "exception_reason": history.exception_reason,
                }
            )
        landing["ehc_case__advice"].extend(
            {
                "advice_id": f"V{number}-{index}",
                "assessment_id": f"A{number}",
                "requested_date": advice.requested,
                "returned_date": advice.returned,
            }
            for index, advice in enumerate(history.advice)
        )
        if history.plan_start:
            landing["ehc_case__plan"].append(
                {
                    "plan_id": f"P{number}",
                    "request_id": f"R{number}",
                    "assessment_id": f"A{number}",
                    "start_date": history.plan_start,
                    "issued_date": history.plan_issued,
                    "cease_date": history.plan_ceased,
                    "transfer_in_date": history.transferred_in,
                }
            )
            landing["ehc_case__placement"].append(
                {
                    "id": f"T{number}",
                    "plan_id": f"P{number}",
                    "urn": f"90{history.leaving_age or 0}",
                    "entry_date": history.plan_start,
                }
            )
        landing["ehc_case__visit"].extend(
            {"visit_id": f"S{number}-{index}", "case_id": f"K{number}", "date": visit.day, "next_due": visit.agreed}
            for index, visit in enumerate(history.visits)
        )
        landing["ehc_case__review"].extend(
            {
                "review_id": f"W{number}-{index}",
                "plan_id": f"P{number}",
                "meeting_date": review.meeting,
                "decision": review.decision,
                "decision_date": review.decision_date,
                "final_amended_date": review.final_amended,
            }
            for index, review in enumerate(history.reviews)
        )
    return landing


@pytest.fixture(scope="module", params=DAYS_ASKED, ids=str)
def asked(request: pytest.FixtureRequest, build: Build, generated: list[History]) -> tuple[date, Warehouse]:
    return request.param, build(landing_of(generated), as_at=request.param)


def clocks(warehouse: Warehouse, table: str, key: str, clock: str) -> dict[str, Result]:
    """A clock's results by record, as the warehouse has them."""
    rows = warehouse.connection.execute(
        f"select {key}, {clock}_due_date, {clock}_days_taken, {clock}_status, is_{clock}_within_limit from core.{table}"
    ).fetchall()
    return {record: Result(*result) for record, *result in rows}


def assert_same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    """Compares record by record and shows the first few that differ."""
    different = {
        record: (found.get(record, "absent"), expected.get(record, "absent"))
        for record in sorted(found.keys() | expected.keys())
        if found.get(record, "absent") != expected.get(record, "absent")
    }
    assert not different, dict(list(different.items())[:3])


def test_enough_histories_are_compared(generated: list[History]) -> None:
    assert len(generated) >= 2000


def test_decision_whether_to_assess(asked: tuple[date, Warehouse], generated: list[History]) -> None:
    as_at, warehouse = asked
    expected = {
        f"R{number}": rules.decision_to_assess(history, as_at)
        for number, history in enumerate(generated)
        if history.received <= as_at
    }
    assert_same(clocks(warehouse, "fct_request", "request_id", "decision"), expected)


def begun_assessments(generated: list[History], as_at: date) -> dict[int, History]:
    return {
        number: history
        for number, history in enumerate(generated)
        if history.has_assessment and (history.agreed or history.outcome_date or history.received) <= as_at
    }


def test_final_plan_in_twenty_weeks(asked: tuple[date, Warehouse], generated: list[History]) -> None:
    as_at, warehouse = asked
    begun = begun_assessments(generated, as_at)
    expected = {f"A{number}": rules.final_plan(history, as_at) for number, history in begun.items()}
    assert_same(clocks(warehouse, "fct_assessment", "assessment_id", "plan"), expected)


def test_decision_to_issue_no_plan_in_sixteen_weeks(asked: tuple[date, Warehouse], generated: list[History]) -> None:
    as_at, warehouse = asked
    begun = begun_assessments(generated, as_at)
    expected = {f"A{number}": rules.decision_to_issue_none(history, as_at) for number, history in begun.items()}
    assert_same(clocks(warehouse, "fct_assessment", "assessment_id", "no_plan"), expected)


def test_advice_in_six_weeks(asked: tuple[date, Warehouse], generated: list[History]) -> None:
    as_at, warehouse = asked
    begun = begun_assessments(generated, as_at)
    expected = {}
    for number, history in enumerate(generated):
        for index, advice in enumerate(history.advice):
            if advice.requested <= as_at:
                wanted = rules.advice_back(history, advice, as_at)
                if number not in begun:
                    wanted = rules.run_clock(advice.requested, rules.happened(advice.returned, as_at), 6, as_at)
                expected[f"V{number}-{index}"] = wanted
    assert_same(clocks(warehouse, "fct_advice", "advice_id", "advice"), expected)


def begun_reviews(generated: list[History], as_at: date) -> dict[str, Review]:
    """Reviews of plans that have started, unless all their dates are still to come."""
    return {
        f"W{number}-{index}": review
        for number, history in enumerate(generated)
        if history.plan_start and history.plan_start <= as_at
        for index, review in enumerate(history.reviews)
        if min([d for d in (review.meeting, review.decision_date, review.final_amended) if d], default=as_at) <= as_at
    }


def test_decision_after_the_review_meeting(asked: tuple[date, Warehouse], generated: list[History]) -> None:
    as_at, warehouse = asked
    begun = begun_reviews(generated, as_at)
    expected = {record: rules.review_decision(review, as_at) for record, review in begun.items()}
    assert_same(clocks(warehouse, "fct_review", "review_id", "decision"), expected)


def test_final_amended_plan_after_the_review_meeting(asked: tuple[date, Warehouse], generated: list[History]) -> None:
    as_at, warehouse = asked
    begun = begun_reviews(generated, as_at)
    expected = {record: rules.amended_plan(review, as_at) for record, review in begun.items()}
    assert_same(clocks(warehouse, "fct_review", "review_id", "amended_plan"), expected)


def test_next_review_within_twelve_months(asked: tuple[date, Warehouse], generated: list[History]) -> None:
    as_at, warehouse = asked
    expected = {}
    for number, history in enumerate(generated):
        if history.plan_start and rules.is_active(history, as_at):
            decided = [r.decision_date for r in history.reviews if r.decision_date and r.decision_date <= as_at]
            due = rules.review_due(history.plan_start, decided, rules.happened(history.transferred_in, as_at))
            expected[f"P{number}"] = (due, max((as_at - due).days, 0))
    found = warehouse.rows(
        "select plan_id, next_review_due_date, review_days_overdue from lists.list_children_with_plans"
    )
    assert_same({row["plan_id"]: (row["next_review_due_date"], row["review_days_overdue"]) for row in found}, expected)


def active_plans(generated: list[History], as_at: date) -> dict[str, History]:
    return {f"P{number}": history for number, history in enumerate(generated) if rules.is_active(history, as_at)}


def test_notice_of_a_transfer_in_six_weeks(asked: tuple[date, Warehouse], generated: list[History]) -> None:
    as_at, warehouse = asked
    plans = active_plans(generated, as_at)
    expected = {plan: rules.transfer_notice_due(history, as_at) for plan, history in plans.items()}
    found = warehouse.rows("select plan_id, transfer_notice_due_date from intermediate.int_plan_review_due")
    assert_same({row["plan_id"]: row["transfer_notice_due_date"] for row in found}, expected)


def test_phase_transfers_by_their_deadline(asked: tuple[date, Warehouse], generated: list[History]) -> None:
    as_at, warehouse = asked
    plans = active_plans(generated, as_at)
    transfers = {plan: rules.phase_transfer(history, as_at) for plan, history in plans.items()}
    rows = warehouse.connection.execute(
        "select plan_id, phase_transfer, phase_transfer_deadline, phase_transfer_finalised_date, "
        "phase_transfer_days_overdue from intermediate.int_phase_transfers"
    ).fetchall()
    assert_same(
        {plan: tuple(transfer) for plan, *transfer in rows},
        {plan: transfer for plan, transfer in transfers.items() if transfer},
    )
    assert len({transfer[0] for transfer in transfers.values() if transfer}) >= 5
    deadlines = {(transfer[1].month, transfer[1].day) for transfer in transfers.values() if transfer and transfer[1]}
    assert {(2, 15), (3, 31)} <= deadlines


def test_the_dashboard_counts_the_phase_transfers_of_past_years_by_the_same_rule(
    asked: tuple[date, Warehouse], generated: list[History]
) -> None:
    as_at, warehouse = asked
    deadlines = [date(year, month, day) for year in range(as_at.year - 5, as_at.year + 1) for month, day in ENDS]
    expected = Counter(
        (day, transfer[0], transfer[2] is not None)
        for day in deadlines
        if day < as_at
        for history in active_plans(generated, day).values()
        if (transfer := rules.phase_transfer(history, day)) and transfer[1] == day
    )
    populations = the_catalogue().populations
    cursor = warehouse.connection.cursor()
    cursor.execute(f"create or replace temp table plan_settings as {populations['plan_settings'].sql}")
    found = cursor.execute(f"select day, lower(transfer), is_in_time from ({populations['phase_transfers'].sql})")
    assert Counter(found.fetchall()) == expected
    assert len({transfer for _, transfer, _ in expected}) >= 5


def test_the_next_visit_within_a_year(asked: tuple[date, Warehouse], generated: list[History]) -> None:
    as_at, warehouse = asked
    expected = {}
    for plan, history in active_plans(generated, as_at).items():
        assert history.plan_start
        due = rules.visit_due(history, history.plan_start, as_at)
        expected[plan] = (due, max((as_at - due).days, 0))
    found = warehouse.rows("select plan_id, next_visit_due_date, visit_days_overdue from lists.list_monitoring_visits")
    assert_same({row["plan_id"]: (row["next_visit_due_date"], row["visit_days_overdue"]) for row in found}, expected)


def test_an_exception_is_reported_and_never_changes_the_count(
    asked: tuple[date, Warehouse], generated: list[History]
) -> None:
    as_at, warehouse = asked
    expected = {
        f"A{number}": (history.exception_reason or "unstated") if history.has_exception else None
        for number, history in begun_assessments(generated, as_at).items()
        if history.received <= as_at
    }
    found = warehouse.rows(
        "select assessment_id, plan_exception from core.fct_assessment where plan_status != 'not applicable'"
    )
    assert_same({row["assessment_id"]: row["plan_exception"] for row in found}, expected)
