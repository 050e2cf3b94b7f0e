"""The day asked about: what lies after it has not happened, and what begins after it does not exist."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tests.warehouse.conftest import LISTS, Build, Warehouse
from tests.warehouse.landed import advice, assessment, case, establishment, plan, referral, request, review


def placement(record: str, urn: str, entry: str, leaving: str) -> dict[str, Any]:
    dates = {"entry_date": date.fromisoformat(entry), "leaving_date": date.fromisoformat(leaving)}
    return {"id": record, "plan_id": "P1", "urn": urn, "rank": 1, **dates}


STORY: dict[str, list[dict[str, Any]]] = {
    "gias__establishment": [establishment("100"), establishment("200", la_code="880", close_date=date(2025, 3, 31))],
    "ehc_case__child": [case("K1", nhs_number="9990000018")],
    "ehc_case__request": [
        request("R1", "K1", received_date=date(2024, 1, 8), outcome="Y", outcome_date=date(2024, 2, 12))
    ],
    "ehc_case__assessment": [
        assessment(
            "A1",
            "R1",
            agreed_date=date(2024, 2, 12),
            draft_plan_date=date(2024, 4, 29),
            outcome="Y",
            outcome_date=date(2024, 5, 20),
        )
    ],
    "ehc_case__advice": [
        advice("V1", "A1", agency="ep", requested_date=date(2024, 2, 14), returned_date=date(2024, 3, 20)),
        advice("V2", "A1", agency="health", requested_date=date(2024, 2, 14), returned_date=date(2024, 4, 10)),
    ],
    "ehc_case__plan": [
        plan(
            "P1",
            "R1",
            assessment_id="A1",
            start_date=date(2024, 5, 20),
            cease_date=date(2025, 6, 2),
            cease_reason="2",
        )
    ],
    "ehc_case__placement": [
        {
            "id": "T1",
            "plan_id": "P1",
            "urn": "100",
            "rank": 1,
            "entry_date": "2024-06-03",
            "leaving_date": "2024-09-02",
        },
        {
            "id": "T2",
            "plan_id": "P1",
            "urn": "200",
            "rank": 1,
            "entry_date": "2024-09-03",
            "leaving_date": "2025-06-02",
        },
    ],
    "ehc_case__review": [
        review("W1", "P1", meeting_date=date(2025, 4, 1), decision="C", decision_date=date(2025, 4, 22)),
    ],
    "therapy_waits__referral": [
        referral(
            "H1",
            nhs_number="9990000018",
            birth_date=date(2014, 3, 9),
            referral_received_date=date(2024, 3, 1),
            discharge_date=date(2025, 1, 10),
        )
    ],
}

IN_PROGRESS = "select stage from lists.list_assessments_in_progress"
WITH_PLANS = "select * from lists.list_children_with_plans"
STAGES = [
    (date(2024, 1, 7), []),
    (date(2024, 1, 8), ["deciding whether to assess"]),
    (date(2024, 2, 12), ["gathering advice"]),
    (date(2024, 4, 9), ["gathering advice"]),
    (date(2024, 4, 10), ["drafting"]),
    (date(2024, 4, 29), ["draft sent"]),
    (date(2024, 5, 20), []),
]


@pytest.mark.parametrize(("as_at", "stages"), STAGES, ids=[str(day) for day, _ in STAGES])
def test_an_assessment_passes_through_its_stages(build: Build, as_at: date, stages: list[str]) -> None:
    assert build(STORY, as_at=as_at).column(IN_PROGRESS) == stages


@pytest.fixture(scope="module")
def autumn(build: Build) -> Warehouse:
    """The story as it stood on 1 October 2024."""
    return build(STORY, as_at=date(2024, 10, 1))


def test_a_plan_is_on_the_list_from_its_first_day(autumn: Warehouse) -> None:
    assert autumn.column("select plan_id from lists.list_children_with_plans") == ["P1"]


def test_a_plan_leaves_the_list_on_the_day_it_ceases(build: Build) -> None:
    assert build(STORY, as_at=date(2025, 6, 2)).rows(WITH_PLANS) == []


def test_a_cease_date_still_to_come_is_not_known(autumn: Warehouse) -> None:
    assert autumn.row("select cease_date, cease_reason, is_active from core.fct_plan") == {
        "cease_date": None,
        "cease_reason": None,
        "is_active": True,
    }


def test_the_placement_of_that_day_is_shown(autumn: Warehouse) -> None:
    row = autumn.row(WITH_PLANS)
    assert (row["establishment_urn"], row["placement_start_date"], row["is_in_area"]) == (
        "200",
        date(2024, 9, 3),
        False,
    )


def test_a_placement_that_begins_later_does_not_exist(build: Build) -> None:
    assert build(STORY, as_at=date(2024, 7, 1)).column("select placement_id from core.fct_placement") == ["T1"]


def test_a_review_still_to_be_held_does_not_exist(autumn: Warehouse) -> None:
    assert autumn.rows("select review_id from core.fct_review") == []


def test_a_decision_still_to_come_leaves_the_review_undecided(build: Build) -> None:
    row = build(STORY, as_at=date(2025, 4, 10)).row("from lists.list_annual_reviews")
    assert (row["decision"], row["decision_date"], row["cycle_status"]) == (None, None, "decision awaited")


def test_age_is_that_of_the_day(autumn: Warehouse) -> None:
    assert autumn.row(WITH_PLANS)["age"] == 10


def test_a_referral_was_open_then(autumn: Warehouse) -> None:
    assert autumn.row(WITH_PLANS)["open_health_referrals"] == 1


def test_an_establishment_was_open_then(autumn: Warehouse) -> None:
    assert autumn.column("select is_open from core.dim_establishment where urn = '200'") == [True]


def test_a_child_between_two_places_is_missing_education_on_that_day_only(build: Build, autumn: Warehouse) -> None:
    missing = "select plan_id, missing_since_date, reason from lists.list_missing_education"
    assert build(STORY, as_at=date(2024, 9, 2)).rows(missing) == [
        {"plan_id": "P1", "missing_since_date": date(2024, 9, 2), "reason": "no placement recorded"}
    ]
    assert autumn.rows(missing) == []


def test_a_child_is_monitored_while_it_is_placed_away(build: Build, autumn: Warehouse) -> None:
    monitored = "select next_visit_due_date from lists.list_monitoring_visits"
    assert autumn.column(monitored) == [date(2025, 9, 3)]
    assert build(STORY, as_at=date(2024, 7, 1)).column(monitored) == []


def test_advice_asked_for_by_the_day_is_listed_as_it_then_stood(build: Build) -> None:
    rows = build(STORY, as_at=date(2024, 3, 27)).rows(
        "select advice_id, is_outstanding, advice_status from lists.list_advice_requests"
    )
    assert [tuple(row.values()) for row in rows] == [("V2", True, "running"), ("V1", False, "in time")]


def test_a_plan_is_on_the_caseload_from_its_first_day(build: Build) -> None:
    work = "select plans, open_assessments from lists.list_caseload"
    assert build(STORY, as_at=date(2024, 5, 19)).rows(work) == [{"plans": 0, "open_assessments": 1}]
    assert build(STORY, as_at=date(2024, 5, 20)).rows(work) == [{"plans": 1, "open_assessments": 0}]


def test_the_same_day_asked_twice_gives_the_same_lists(autumn: Warehouse, build: Build) -> None:
    again = build(STORY, as_at=date(2024, 10, 1))
    for name in LISTS:
        assert again.rows(f"from lists.{name}") == autumn.rows(f"from lists.{name}")
