"""The lists by which work is overseen: post-16, advice, caseload, places commissioned."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tests.warehouse.conftest import Build, Warehouse
from tests.warehouse.landed import (
    advice,
    assessment,
    case,
    client,
    commissioned,
    establishment,
    logged_advice,
    placement,
    plan,
    request,
    review,
    visit,
    with_plans,
)

AS_AT = date(2025, 6, 30)
SPECIAL = {"type_of_establishment_name": "Community special school", "phase_of_education_name": "Not applicable"}
SCHOOLS = [
    establishment("100"),
    establishment("200", la_code="880", establishment_name="Hill School"),
    establishment("300", establishment_name="Beacon School", **SPECIAL),
    establishment("400", establishment_name="South College", phase_of_education_name="16 plus"),
]


def row_of(warehouse: Warehouse, name: str, case_id: str) -> dict[str, Any]:
    return warehouse.row(f"from lists.{name} where case_id = ?", case_id)


def young_people(*names: str) -> dict[str, list[dict[str, Any]]]:
    landing = with_plans(*names, birth_date=date(2007, 3, 9))
    for child in landing["ehc_case__child"]:
        child["upn"] = f"A-{child['case_id']}"
    return landing


@pytest.fixture(scope="module")
def post_16(build: Build) -> Warehouse:
    landing = young_people("learning", "neet", "unknown", "intern", "apprentice", "not-on-nccis", "nowhere", "sixteen")
    children = {child["case_id"]: child for child in landing["ehc_case__child"]}
    children["sixteen"]["birth_date"] = date(2009, 6, 30)
    for name, born in (
        ("fifteen", date(2009, 7, 1)),
        ("twenty-five", date(1999, 7, 1)),
        ("twenty-six", date(1999, 6, 30)),
    ):
        landing["ehc_case__child"].append(case(name, birth_date=born))
        landing["ehc_case__request"].append(request(f"R-{name}", name))
        landing["ehc_case__plan"].append(plan(f"P-{name}", f"R-{name}"))
    return build(
        landing
        | {
            "gias__establishment": SCHOOLS,
            "ehc_case__placement": [
                placement("T1", "P-learning", urn="300"),
                placement("T2", "P-not-on-nccis", urn="400"),
                placement("T3", "P-apprentice", urn="400", wbp="Apprenticeship"),
            ],
            "nccis__client": [
                client("N1", "230", upn="A-learning", establishment_urn="400", predicted_end_date=date(2025, 7, 18)),
                client("N1", "610", upn="A-learning", period_end=date(2025, 4, 30)),
                client("N1", "810", upn="A-learning", period_end=date(2025, 7, 31)),
                client("N2", "610", upn="A-neet", neet_start_date=date(2025, 2, 3)),
                client("N3", "810", upn="A-unknown"),
                client("N4", "340", upn="A-intern"),
            ],
            "ehc_case__review": [
                review("W1", "P-learning", meeting_date=date(2020, 8, 31), pfa_adviser=True),
                review("W2", "P-learning", meeting_date=date(2021, 9, 1), pfa_adviser=True),
                review("W3", "P-learning", meeting_date=date(2024, 11, 4), pfa_adviser=False),
                review("W4", "P-neet", meeting_date=date(2020, 8, 31), pfa_adviser=True),
            ],
        },
        as_at=AS_AT,
    )


def test_young_people_from_16_to_25_with_a_plan_are_listed(post_16: Warehouse) -> None:
    listed = post_16.column("select case_id from lists.list_post_16")
    assert {"sixteen", "twenty-five", "learning"} <= set(listed)
    assert not {"fifteen", "twenty-six"} & set(listed)


@pytest.mark.parametrize(
    ("case_id", "source", "status", "is_neet_or_unknown"),
    [
        ("learning", "NCCIS", "in education, employment or training", False),
        ("neet", "NCCIS", "NEET", True),
        ("unknown", "NCCIS", "not known", True),
        ("not-on-nccis", "case system", "in education, employment or training", False),
        ("nowhere", "none", "not known", True),
    ],
)
def test_activity_is_what_nccis_says_else_the_case_system(
    post_16: Warehouse, case_id: str, source: str, status: str, is_neet_or_unknown: bool
) -> None:
    row = row_of(post_16, "list_post_16", case_id)
    assert (row["activity_source"], row["activity_status"]) == (source, status)
    assert row["is_neet_or_unknown"] is is_neet_or_unknown


def test_the_latest_month_reported_counts(post_16: Warehouse) -> None:
    row = row_of(post_16, "list_post_16", "learning")
    assert (row["activity_name"], row["activity_as_of_date"]) == ("Further education", date(2025, 5, 31))


def test_the_destination_is_where_nccis_says_that_the_young_person_learns(post_16: Warehouse) -> None:
    row = row_of(post_16, "list_post_16", "learning")
    assert (row["destination_name"], row["predicted_end_date"]) == ("South College", date(2025, 7, 18))


def test_internship_and_apprenticeship_are_told_by_nccis_else_by_the_placement(post_16: Warehouse) -> None:
    flags = ("is_supported_internship", "is_apprenticeship")
    assert [row_of(post_16, "list_post_16", "intern")[flag] for flag in flags] == [True, False]
    assert [row_of(post_16, "list_post_16", "apprentice")[flag] for flag in flags] == [False, True]


def test_only_reviews_from_year_9_on_count_for_the_adviser(post_16: Warehouse) -> None:
    row = row_of(post_16, "list_post_16", "learning")
    assert (row["reviews_from_year_9"], row["reviews_with_pfa_adviser"]) == (2, 1)
    assert (row["has_pfa_review"], row["last_pfa_review_date"]) == (True, date(2021, 9, 1))
    assert row_of(post_16, "list_post_16", "neet")["has_pfa_review"] is False


def test_without_nccis_nothing_is_said_of_those_of_whom_nothing_is_known(build: Build) -> None:
    warehouse = build(young_people("nowhere"), as_at=AS_AT)
    row = row_of(warehouse, "list_post_16", "nowhere")
    assert (row["source_missing"], row["activity_code"], row["is_neet_or_unknown"]) == ("nccis", None, None)


@pytest.fixture(scope="module")
def requests(build: Build) -> Warehouse:
    return build(
        {
            "ehc_case__child": [case("K1", nhs_number="9990000018"), case("K2")],
            "ehc_case__request": [request("R1", "K1"), request("R2", "K2")],
            "ehc_case__assessment": [assessment("A1", "R1"), assessment("A2", "R2", outcome="N")],
            "ehc_case__advice": [
                advice("V-late", "A1", agency="ep", requested_date=date(2025, 5, 1)),
                advice("V-chased", "A1", agency="ep", requested_date=date(2025, 5, 2), chased_date=date(2025, 6, 20)),
                advice(
                    "V-escalated",
                    "A1",
                    agency="social_care",
                    service="MASH",
                    requested_date=date(2025, 5, 3),
                    escalated_to="Ola Reyes",
                ),
                advice("V-same-service", "A1", agency="social_care", service="MASH"),
                advice("V-running", "A1", agency="ep", requested_date=date(2025, 5, 19)),
                advice("V-back", "A1", agency="ep", requested_date=date(2025, 5, 1), returned_date=date(2025, 6, 12)),
                advice("V-health", "A1", agency="health", requested_date=date(2025, 6, 2)),
                advice("V-over", "A2", agency="ep", requested_date=date(2025, 5, 1)),
            ],
            "health_advice__advice": [
                logged_advice("D1", "9990000018", returned_date=date(2025, 6, 20)),
                logged_advice("D2", "9990000018", requested_date=date(2025, 4, 7), service="CAMHS"),
                logged_advice("D3", "9990000034"),
            ],
        },
        as_at=AS_AT,
    )


def of_advice(requests: Warehouse, advice_id: str) -> dict[str, Any]:
    return requests.row("from lists.list_advice_requests where advice_id = ?", advice_id)


def test_advice_is_due_six_weeks_from_being_asked(requests: Warehouse) -> None:
    row = of_advice(requests, "V-late")
    assert (row["due_date"], row["days_overdue"], row["advice_status"]) == (date(2025, 6, 12), 18, "overdue")
    row = of_advice(requests, "V-running")
    assert (row["due_date"], row["days_overdue"], row["advice_status"]) == (date(2025, 6, 30), 0, "running")


@pytest.mark.parametrize(
    ("advice_id", "level"),
    [("V-running", 0), ("V-late", 1), ("V-chased", 2), ("V-escalated", 3), ("V-back", 0), ("V-over", 0)],
)
def test_the_escalation_level(requests: Warehouse, advice_id: str, level: int) -> None:
    assert of_advice(requests, advice_id)["escalation_level"] == level


def test_the_service_manager_is_whom_it_was_or_would_be_escalated_to(requests: Warehouse) -> None:
    assert of_advice(requests, "V-escalated")["service_manager"] == "Ola Reyes"
    assert of_advice(requests, "V-same-service")["service_manager"] == "Ola Reyes"
    assert of_advice(requests, "V-late")["service_manager"] is None


def test_advice_returned_in_time_is_not_outstanding(requests: Warehouse) -> None:
    row = of_advice(requests, "V-back")
    assert (row["is_outstanding"], row["is_within_limit"], row["returned_date"]) == (False, True, date(2025, 6, 12))


def test_healths_own_log_is_shown_beside_the_request_of_that_day(requests: Warehouse) -> None:
    row = of_advice(requests, "V-health")
    assert (row["recorded_by"], row["health_advice_ref"]) == ("both", "D1")
    assert (row["is_outstanding"], row["health_log_returned_date"]) == (True, date(2025, 6, 20))


def test_what_only_health_recorded_for_a_child_with_a_case_has_its_row(requests: Warehouse) -> None:
    row = requests.row("from lists.list_advice_requests where recorded_by = 'health log'")
    assert (row["health_advice_ref"], row["case_id"], row["service"]) == ("D2", "K1", "CAMHS")
    assert (row["advice_id"], row["days_overdue"], row["source_extract"]) == (None, 42, "health_advice")


def test_the_list_says_that_healths_log_was_not_delivered(build: Build) -> None:
    landing = {
        "ehc_case__child": [case("K1")],
        "ehc_case__request": [request("R1", "K1")],
        "ehc_case__assessment": [assessment("A1", "R1")],
        "ehc_case__advice": [advice("V1", "A1", agency="health")],
    }
    row = build(landing, as_at=AS_AT).row("from lists.list_advice_requests")
    assert (row["source_missing"], row["health_log_returned_date"]) == ("health_advice", None)


@pytest.fixture(scope="module")
def caseload(build: Build) -> Warehouse:
    landing = with_plans("one", "two", "nobody's", birth_date=date(2012, 3, 9))
    one, two, _ = landing["ehc_case__child"]
    one["caseworker"] = two["caseworker"] = "W1"
    landing["ehc_case__child"] += [
        case("three", caseworker="W1"),
        case("four", caseworker="W2"),
        case("five", caseworker="W9"),
    ]
    landing["ehc_case__request"] += [
        request("R-three", "three", received_date=date(2025, 5, 1)),
        request("R-four", "four", received_date=date(2025, 1, 6), outcome="Y", outcome_date=date(2025, 2, 3)),
        request("R-five", "five", received_date=date(2025, 6, 2)),
    ]
    return build(
        landing
        | {
            "ehc_case__caseworker": [
                {"id": "W1", "name": "Grace Mensah", "team": "South", "fte": 0.5},
                {"id": "W2", "name": "Sol Marsh", "left": date(2025, 5, 30)},
                {"id": "W3", "name": "Ola Reyes"},
                {"id": "W4", "name": "Gone", "left": date(2025, 5, 30)},
                {"id": "W5", "name": "To come", "started": date(2025, 7, 1)},
            ],
            "ehc_case__training": [
                {"worker": "W1", "course": "Law", "completed": date(2023, 1, 9), "expires": date(2025, 1, 9)},
            ],
            "gias__establishment": SCHOOLS,
            "ehc_case__assessment": [assessment("A-four", "R-four", agreed_date=date(2025, 2, 3))],
            "ehc_case__advice": [advice("V1", "A-four", agency="ep", requested_date=date(2025, 2, 4))],
            "ehc_case__placement": [placement("T1", "P-one", urn="200", entry_date=date(2024, 1, 22))],
            "ehc_case__visit": [visit("V1", "one", date(2024, 5, 6))],
            "ehc_case__review": [
                review("W1", "P-one", meeting_date=date(2025, 1, 6), decision="M", decision_date=date(2025, 1, 20)),
                review("W2", "P-two", meeting_date=date(2025, 5, 1)),
            ],
        },
        as_at=AS_AT,
    )


def of_worker(caseload: Warehouse, caseworker_id: str | None) -> dict[str, Any]:
    return caseload.row("from lists.list_caseload where caseworker_id is not distinct from ?", caseworker_id)


def test_a_caseworkers_open_work_is_counted(caseload: Warehouse) -> None:
    row = of_worker(caseload, "W1")
    assert (row["caseworker_name"], row["team"], row["children"]) == ("Grace Mensah", "South", 3)
    assert (row["plans"], row["open_requests"], row["open_assessments"]) == (2, 1, 0)


def test_what_is_overdue_is_counted_by_kind_and_adds_up(caseload: Warehouse) -> None:
    row = of_worker(caseload, "W1")
    overdue = {name: count for name, count in row.items() if name.startswith("overdue_") and count}
    assert overdue == {
        "overdue_decisions": 1,
        "overdue_review_decisions": 1,
        "overdue_visits": 1,
        "overdue_items": 3,
    }


def test_assessments_and_advice_overdue_are_counted(caseload: Warehouse) -> None:
    row = of_worker(caseload, "W2")
    assert (row["open_assessments"], row["overdue_plans"], row["overdue_advice"]) == (1, 1, 1)


def test_plans_are_set_against_a_full_post(caseload: Warehouse) -> None:
    assert of_worker(caseload, "W1")["plans_per_full_post"] == 4


def test_cases_without_a_caseworker_have_a_row(caseload: Warehouse) -> None:
    row = of_worker(caseload, None)
    assert (row["caseworker_name"], row["plans"], row["overdue_reviews"]) == ("No caseworker", 1, 1)


def test_those_at_work_and_those_with_open_cases_are_listed(caseload: Warehouse) -> None:
    found = caseload.column("select caseworker_id from lists.list_caseload order by 1 nulls last")
    assert found == ["W1", "W2", "W3", "W9", None]
    assert of_worker(caseload, "W2")["is_at_work"] is False


def test_a_caseworkers_training_that_ran_out_is_counted(caseload: Warehouse) -> None:
    row = caseload.row("from core.dim_caseworker where caseworker_id = 'W1'")
    assert (row["courses_completed"], row["courses_expired"]) == (1, 1)


@pytest.fixture(scope="module")
def places(build: Build) -> Warehouse:
    names = ("a", "b", "c", "older", "unit", "unmet", "gone")
    landing = with_plans(*names)
    landing["ehc_case__child"][3]["birth_date"] = date(2005, 8, 31)
    return build(
        landing
        | {
            "gias__establishment": SCHOOLS,
            "ehc_case__need": [
                {"plan_id": "P-a", "rank": 1, "sen_type": "ASD"},
                {"plan_id": "P-b", "rank": 1, "sen_type": "SEMH"},
            ],
            "ehc_case__placement": [
                placement("T1", "P-a", urn="300"),
                placement("T2", "P-b", urn="300"),
                placement("T3", "P-c", urn="300", entry_date=date(2023, 9, 4), leaving_date=date(2024, 7, 19)),
                placement("T4", "P-older", urn="400"),
                placement("T5", "P-unit", urn="100", resourced_provision=True),
                placement("T6", "P-unmet", urn="200", resourced_provision=True),
                placement("T7", "P-gone", urn="300", leaving_date=date(2025, 6, 30)),
            ],
            "commissioned_places__place": [
                commissioned("300", "special_school", 1, primary_need="ASD", phase="Primary", offered=2),
                commissioned("300", "special_school", 4, academic_year="2023/24"),
                commissioned("300", "special_school", 4, academic_year="2025/26"),
                commissioned("400", "post_16", 3),
                commissioned("100", "sen_unit", 1),
            ],
        },
        as_at=AS_AT,
    )


def of_place(places: Warehouse, urn: str, year: str = "2024/25") -> dict[str, Any]:
    return places.row(
        "from lists.list_places_commissioned where establishment_urn = ? and academic_year = ?", urn, year
    )


def test_places_filled_are_set_against_those_commissioned(places: Warehouse) -> None:
    row = of_place(places, "300")
    assert (row["places_commissioned"], row["places_filled"], row["places_offered"]) == (1, 2, 2)
    assert (row["over_under"], row["over_under_status"]) == (1, "over")


def test_the_need_and_phase_the_places_are_for_are_shown(places: Warehouse) -> None:
    row = of_place(places, "300")
    assert (row["primary_need"], row["phase"], row["filled_of_need"], row["filled_primary"]) == ("ASD", "Primary", 1, 2)


def test_young_people_from_19_are_shown_apart(places: Warehouse) -> None:
    row = of_place(places, "400")
    assert (row["places_filled"], row["filled_19_to_25"], row["filled_post_16"]) == (1, 1, 0)
    assert row["over_under_status"] == "under"


def test_a_year_gone_by_is_counted_on_its_last_day(places: Warehouse) -> None:
    row = of_place(places, "300", "2023/24")
    assert (row["counted_on_date"], row["places_filled"]) == (date(2024, 8, 31), 0)


def test_a_year_to_come_has_no_places_filled_yet(places: Warehouse) -> None:
    row = of_place(places, "300", "2025/26")
    assert (row["over_under_status"], row["places_filled"], row["over_under"]) == ("year to come", None, None)


def test_either_kind_of_unit_fills_the_one_that_is_commissioned(places: Warehouse) -> None:
    row = of_place(places, "100")
    assert (row["place_kind"], row["places_filled"], row["over_under_status"]) == ("sen_unit", 1, "as commissioned")


def test_places_filled_where_none_are_commissioned_have_a_row(places: Warehouse) -> None:
    row = of_place(places, "200")
    assert (row["places_commissioned"], row["places_filled"], row["over_under_status"]) == (0, 1, "not commissioned")


def test_without_the_register_of_places_the_list_says_so(build: Build) -> None:
    landing = with_plans("a")
    warehouse = build(
        landing | {"gias__establishment": SCHOOLS, "ehc_case__placement": [placement("T1", "P-a", urn="300")]},
        as_at=AS_AT,
    )
    row = of_place(warehouse, "300")
    assert (row["source_missing"], row["places_commissioned"], row["over_under"]) == ("commissioned_places", None, None)
    assert (row["places_filled"], row["over_under_status"]) == (1, "commissioned places not delivered")
