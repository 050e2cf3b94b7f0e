"""What the lists say of one child after another."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tests.warehouse.conftest import Build, Warehouse
from tests.warehouse.landed import (
    advice,
    assessment,
    case,
    child_in_need,
    establishment,
    placement,
    plan,
    referral,
    request,
    review,
    with_plans,
)

AS_AT = date(2025, 6, 30)
AGREED = date(2023, 10, 9)


def in_need(**columns: Any) -> dict[str, Any]:
    return {"reference_date": date(2025, 3, 31), "referral_date": date(2024, 11, 1), **columns}


def cases_with_plans(*names: str) -> dict[str, list[dict[str, Any]]]:
    """As ``with_plans``, each child with a number in social care."""
    landing = with_plans(*names)
    for child in landing["ehc_case__child"]:
        child["social_care_id"] = f"S-{child['case_id']}"
    return landing


@pytest.fixture(scope="module")
def plans(build: Build) -> Warehouse:
    landing = cases_with_plans(
        "near", "far", "home", "named", "nowhere", "ukprn", "protected", "needy", "two-plans", "looked-after", "breaks"
    )
    landing["ehc_case__child"][0] |= {"nhs_number": "9990000018", "caseworker": "W1", "nc_year": "6", "upn": "A1"}
    landing["ehc_case__plan"] += [
        plan("P-older", "R-two-plans", start_date=date(2022, 3, 1)),
        plan("P-lost", "R-quarantined"),
    ]
    return build(
        landing
        | {
            "ehc_case__caseworker": [{"id": "W1", "name": "Grace Mensah", "team": "South"}],
            "gias__establishment": [
                establishment("100"),
                establishment("200", la_code="880", ukprn="10000200", establishment_name="Hill School"),
            ],
            "ehc_case__placement": [
                placement("T1", "P-near", urn="100"),
                placement("T1-second", "P-near", urn="200", rank=2, entry_date=date(2025, 1, 6)),
                placement("T2", "P-far", urn="200", res="B"),
                placement("T3", "P-home", sen_setting="EHE"),
                placement("T4", "P-named", urn="100", leaving_date=date(2025, 3, 1)),
                placement("T6", "P-ukprn", ukprn="10000200"),
            ],
            "ehc_case__plan_setting": [placement("N4", "P-named", urn="200")],
            "ehc_case__need": [
                {"plan_id": "P-near", "rank": 2, "sen_type": "SLCN"},
                {"plan_id": "P-near", "rank": 1, "sen_type": "ASD"},
            ],
            "therapy_waits__referral": [
                referral("H1", nhs_number="9990000018"),
                referral("H2", nhs_number="9990000018", discharge_date=date(2025, 5, 1)),
            ],
            "cin_census__child": [child_in_need("S-protected"), child_in_need("S-needy"), child_in_need("S-far")],
            "ssda903__header": [{"child": "S-looked-after", "birth_date": date(2014, 3, 9)}],
            "ssda903__episode": [
                {"child": "S-looked-after", "start_date": date(2024, 11, 4), "start_reason": "S"},
                {
                    "child": "S-far",
                    "start_date": date(2024, 3, 4),
                    "start_reason": "S",
                    "end_date": date(2024, 5, 6),
                },
            ],
            "short_breaks__break": [
                {"social_care_id": "S-breaks", "service": "Respite", "start_date": date(2025, 1, 6)}
            ],
            "continuing_care__package": [
                {
                    "package_id": "C1",
                    "nhs_number": "9990000018",
                    "birth_date": date(2014, 3, 9),
                    "start_date": date(2025, 3, 3),
                }
            ],
            "cin_census__cin_episode": [
                in_need(la_child_id="S-protected"),
                in_need(la_child_id="S-needy"),
                in_need(la_child_id="S-far", closure_date=date(2025, 2, 1)),
                in_need(la_child_id="S-home", reference_date=date(2024, 3, 31), referral_date=date(2023, 11, 1)),
            ],
            "cin_census__child_protection_plan": [in_need(la_child_id="S-protected", start_date=date(2025, 1, 20))],
        },
        as_at=AS_AT,
    )


def of_plan(plans: Warehouse, plan_id: str) -> dict[str, Any]:
    return plans.row("from lists.list_children_with_plans where plan_id = ?", plan_id)


def test_a_child_is_shown_with_its_caseworker_need_and_year(plans: Warehouse) -> None:
    row = of_plan(plans, "P-near")
    assert row["caseworker_name"] == "Grace Mensah"
    assert row["team"] == "South"
    assert (row["primary_need"], row["primary_need_name"]) == ("ASD", "Autistic spectrum disorder")
    assert (row["nc_year"], row["age"]) == ("6", 11)


def test_the_primary_placement_is_shown_before_a_later_secondary_one(plans: Warehouse) -> None:
    row = of_plan(plans, "P-near")
    assert (row["establishment_name"], row["establishment_type"]) == ("Thameside Primary School", "Community school")
    assert (row["placement_basis"], row["is_in_area"], row["is_residential"]) == ("attended", True, False)


def test_a_placement_outside_the_area_and_residential(plans: Warehouse) -> None:
    row = of_plan(plans, "P-far")
    assert (row["is_in_area"], row["establishment_la_code"], row["is_residential"]) == (False, "880", True)


def test_another_setting_is_shown_in_words(plans: Warehouse) -> None:
    row = of_plan(plans, "P-home")
    assert (row["establishment_name"], row["establishment_type"]) == ("Elective home education", "Other setting")
    assert row["is_in_area"] is None


def test_the_named_setting_stands_in_for_a_placement_that_ended(plans: Warehouse) -> None:
    row = of_plan(plans, "P-named")
    assert (row["placement_basis"], row["establishment_name"]) == ("named", "Hill School")


def test_a_child_without_any_setting_stays_on_the_list(plans: Warehouse) -> None:
    row = of_plan(plans, "P-nowhere")
    assert (row["placement_basis"], row["establishment_name"]) == ("none recorded", None)


def test_an_establishment_is_found_by_ukprn(plans: Warehouse) -> None:
    assert of_plan(plans, "P-ukprn")["establishment_urn"] == "200"


def test_a_child_with_two_open_plans_has_one_row_for_the_later(plans: Warehouse) -> None:
    rows = plans.rows("from lists.list_children_with_plans where case_id = 'two-plans'")
    assert [(row["plan_id"], row["active_plans"]) for row in rows] == [("P-two-plans", 2)]


def test_a_plan_whose_request_is_not_known_stays_on_the_list(plans: Warehouse) -> None:
    row = of_plan(plans, "P-lost")
    assert (row["child_id"], row["next_review_due_date"]) == (None, date(2025, 1, 22))


def test_health_knows_the_child(plans: Warehouse) -> None:
    row = of_plan(plans, "P-near")
    assert (row["is_known_to_health"], row["open_health_referrals"]) == (True, 1)


@pytest.mark.parametrize(
    ("plan_id", "status"),
    [
        ("P-looked-after", "looked after"),
        ("P-protected", "child protection plan"),
        ("P-needy", "child in need"),
        ("P-far", "none known"),
    ],
)
def test_social_care_status(plans: Warehouse, plan_id: str, status: str) -> None:
    assert of_plan(plans, plan_id)["social_care_status"] == status


def test_short_breaks_are_social_cares_involvement_too(plans: Warehouse) -> None:
    row = of_plan(plans, "P-breaks")
    assert (row["has_short_breaks"], row["is_known_to_social_care"], row["social_care_status"]) == (
        True,
        True,
        "none known",
    )


def test_continuing_care_is_healths_involvement(plans: Warehouse) -> None:
    assert of_plan(plans, "P-near")["has_continuing_care"] is True
    assert of_plan(plans, "P-far")["is_known_to_health"] is False


def test_every_row_leads_back_to_its_file_and_row(plans: Warehouse) -> None:
    row = of_plan(plans, "P-near")
    assert (row["record_id"], row["source_file"], row["source_row"]) == ("P-near", "ehc_case__plan.csv", 2)


def test_the_most_overdue_review_comes_first(plans: Warehouse) -> None:
    overdue = plans.column("select review_days_overdue from lists.list_children_with_plans")
    assert overdue == sorted(overdue, reverse=True)


@pytest.fixture(scope="module")
def assessments(build: Build) -> Warehouse:
    received = date(2025, 4, 21)
    agreed = {"outcome": "Y", "outcome_date": date(2025, 5, 30)}
    return build(
        {
            "ehc_case__child": [case("K1"), case("K2"), case("K3"), case("K4")],
            "ehc_case__request": [
                request("undecided", "K1", received_date=received),
                request("assessing", "K2", received_date=received, **agreed),
                request("unrecorded", "K3", received_date=received, **agreed),
                request("refused", "K4", received_date=received, outcome="N", outcome_date=date(2025, 5, 30)),
                request("withdrawn", "K4", received_date=received, outcome="W", outcome_date=date(2025, 5, 30)),
                request("moved", "K4", received_date=received, exported_la="880"),
            ],
            "ehc_case__assessment": [
                assessment(
                    "A2", "assessing", agreed_date=date(2025, 5, 30), week20_exception=True, exception_reason="c"
                ),
                assessment("A9", "quarantined", agreed_date=date(2025, 5, 30)),
            ],
            "ehc_case__advice": [
                advice("V1", "A2", agency="ep", requested_date=date(2025, 5, 15)),
                advice("V2", "A2", agency="health", requested_date=date(2025, 6, 2)),
                advice("V3", "A2", agency="education", requested_date=date(2025, 6, 2), returned_date=date(2025, 6, 9)),
                advice("V4", "A2", agency=None, requested_date=date(2025, 6, 2)),
            ],
        },
        as_at=AS_AT,
    )


def in_progress(assessments: Warehouse, request_id: str) -> dict[str, Any]:
    return assessments.row("from lists.list_assessments_in_progress where request_id = ?", request_id)


def test_only_open_requests_and_assessments_are_listed(assessments: Warehouse) -> None:
    found = assessments.column("select request_id from lists.list_assessments_in_progress")
    assert found == ["quarantined", "assessing", "undecided", "unrecorded"]


def test_a_request_counts_its_statutory_days(assessments: Warehouse) -> None:
    row = in_progress(assessments, "undecided")
    assert (row["stage"], row["statutory_day"]) == ("deciding whether to assess", 70)
    assert (row["decision_due_date"], row["is_decision_within_limit"]) == (date(2025, 6, 2), False)
    assert (row["no_plan_due_date"], row["plan_due_date"]) == (date(2025, 8, 11), date(2025, 9, 8))
    assert (row["days_to_plan_due"], row["is_plan_overdue"]) == (70, False)


def test_advice_outstanding_is_counted_by_agency(assessments: Warehouse) -> None:
    row = in_progress(assessments, "assessing")
    agencies = ("education", "ep", "health", "social_care", "sensory", "other")
    assert [row[f"advice_outstanding_{agency}"] for agency in agencies] == [0, 1, 1, 0, 0, 1]
    assert (row["advice_requested"], row["advice_outstanding"], row["advice_overdue"]) == (4, 3, 1)
    assert row["next_advice_due_date"] == date(2025, 6, 26)


def test_the_forecast_adds_eight_weeks_to_the_last_advice_due(assessments: Warehouse) -> None:
    row = in_progress(assessments, "assessing")
    assert (row["forecast_finish_date"], row["is_forecast_in_time"]) == (date(2025, 9, 8), True)


def test_the_forecast_of_a_request_still_undecided_runs_from_today(assessments: Warehouse) -> None:
    row = in_progress(assessments, "undecided")
    assert (row["forecast_finish_date"], row["is_forecast_in_time"]) == (date(2025, 10, 6), False)


def test_the_exception_claimed_is_shown(assessments: Warehouse) -> None:
    row = in_progress(assessments, "assessing")
    assert (row["has_exception"], row["exception_reason"]) == (True, "c")


def test_an_agreed_request_without_assessment_is_not_lost(assessments: Warehouse) -> None:
    assert in_progress(assessments, "unrecorded")["stage"] == "agreed but no assessment recorded"


def test_a_request_with_a_plan_and_no_assessment_is_over(build: Build) -> None:
    assert build(cases_with_plans("transferred"), as_at=AS_AT).rows("from lists.list_assessments_in_progress") == []


def test_an_assessment_whose_request_was_quarantined_is_not_lost(assessments: Warehouse) -> None:
    row = in_progress(assessments, "quarantined")
    assert (row["assessment_id"], row["statutory_day"], row["record_id"]) == ("A9", None, "A9")


@pytest.fixture(scope="module")
def reviews(build: Build) -> Warehouse:
    landing = cases_with_plans("none", "undecided", "amending", "done", "planned")
    landing["ehc_case__child"].append(case("transferring", birth_date=date(2014, 1, 1)))
    landing["ehc_case__request"].append(request("R-transferring", "transferring"))
    landing["ehc_case__plan"].append(plan("P-transferring", "R-transferring"))
    landing["ehc_case__review"] = [
        review("W-undecided", "P-undecided", meeting_date=date(2025, 5, 1)),
        review(
            "W-amending", "P-amending", meeting_date=date(2025, 3, 3), decision="A", decision_date=date(2025, 3, 31)
        ),
        review(
            "W-done",
            "P-done",
            meeting_date=date(2025, 1, 6),
            decision="A",
            decision_date=date(2025, 2, 10),
            final_amended_date=date(2025, 3, 31),
        ),
        review("W-planned", "P-planned", due_date=date(2025, 1, 20), kind="annual"),
        review(
            "W-transfer",
            "P-transferring",
            kind="phase_transfer",
            meeting_date=date(2024, 11, 4),
            decision="A",
            decision_date=date(2024, 11, 25),
            final_amended_date=date(2025, 2, 20),
        ),
    ]
    return build(landing, as_at=AS_AT)


def cycles(reviews: Warehouse, name: str) -> list[dict[str, Any]]:
    return reviews.rows("from lists.list_annual_reviews where plan_id = ? order by cycle_number", f"P-{name}")


def test_a_plan_never_reviewed_has_one_cycle_and_its_meeting_is_overdue(reviews: Warehouse) -> None:
    (row,) = cycles(reviews, "none")
    assert (row["cycle_number"], row["cycle_status"], row["review_id"]) == (1, "meeting overdue", None)
    assert (row["review_due_date"], row["days_overdue"]) == (date(2025, 1, 22), 159)


def test_a_meeting_without_decision_awaits_it(reviews: Warehouse) -> None:
    (row,) = cycles(reviews, "undecided")
    assert (row["cycle_status"], row["decision_due_date"], row["days_overdue"]) == (
        "decision awaited",
        date(2025, 5, 29),
        32,
    )


def test_an_amendment_awaits_the_final_plan_while_the_next_cycle_runs(reviews: Warehouse) -> None:
    now, following = cycles(reviews, "amending")
    assert (now["cycle_status"], now["amended_plan_due_date"], now["days_overdue"]) == (
        "amended plan awaited",
        date(2025, 5, 26),
        35,
    )
    assert (following["cycle_status"], following["review_due_date"]) == ("to be held", date(2026, 3, 31))


def test_a_finished_cycle_is_concluded_and_keeps_its_clocks(reviews: Warehouse) -> None:
    done, following = cycles(reviews, "done")
    assert (done["cycle_status"], done["is_open"], done["days_overdue"]) == ("concluded", False, 0)
    assert (done["is_decision_within_limit"], done["decision_days_taken"]) == (False, 35)
    assert (done["is_amended_plan_within_limit"], done["amended_plan_days_taken"]) == (True, 84)
    assert following["cycle_start_date"] == date(2025, 2, 10)


def test_a_review_planned_in_the_case_system_is_the_one_to_come(reviews: Warehouse) -> None:
    (row,) = cycles(reviews, "planned")
    assert (row["review_id"], row["review_kind"], row["cycle_status"]) == ("W-planned", "annual", "meeting overdue")


def test_a_phase_transfer_shows_its_deadline_on_the_review_that_prepares_it(reviews: Warehouse) -> None:
    prepared, following = cycles(reviews, "transferring")
    assert (prepared["phase_transfer"], prepared["phase_transfer_deadline"]) == (
        "primary to secondary",
        date(2025, 2, 15),
    )
    assert (prepared["phase_transfer_finalised_date"], prepared["phase_transfer_days_overdue"]) == (
        date(2025, 2, 20),
        5,
    )
    assert following["phase_transfer_deadline"] is None


def test_the_most_overdue_open_cycle_comes_first(reviews: Warehouse) -> None:
    order = reviews.rows("select is_open, days_overdue from lists.list_annual_reviews")
    assert order == sorted(order, key=lambda row: (not row["is_open"], -row["days_overdue"]))
