"""The tables of the SEN2 return: which requests, assessments and plans are in it, and as what.

One warehouse of 10 February 2026, between the survey day and the deadline of SEN2 2026: the collection period is 2025,
the reference date 15 January 2026, and what happened since is already on record.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest

from tests.warehouse.conftest import Build, Warehouse
from tests.warehouse.landed import assessment, case, establishment, placement, plan, request, review

OLD = date(2015, 6, 1)
OF_OLD_PLANS = (
    "old", "ceased", "ceased-before", "ceased-since", "ceased-later", "transferred", "moved-out",
    "two-plans", "schooled", "reviewed", "leaver",
)  # fmt: skip
YES = {"outcome": "Y", "outcome_date": date(2025, 3, 3)}
YES_BEFORE = {"received_date": date(2024, 2, 3), "outcome": "Y", "outcome_date": date(2024, 3, 4)}
NO = {"outcome": "N", "outcome_date": date(2025, 3, 10)}
REQUESTS = [
    request("undecided", "undecided", received_date=date(2025, 12, 20)),
    request(
        "refused", "refused", received_date=date(2025, 2, 3), source="2", outcome="N", outcome_date=date(2025, 3, 10)
    ),
    request(
        "refused-before", "refused-before", received_date=date(2024, 2, 3), outcome="N", outcome_date=date(2024, 12, 31)
    ),
    # received before the period, decided in it; mediated
    request(
        "late-decision",
        "late-decision",
        received_date=date(2024, 12, 2),
        outcome="N",
        outcome_date=date(2025, 1, 1),
        mediation=True,
    ),
    request("after-period", "after-period", received_date=date(2026, 1, 2)),
    # the outcome is missing, though its date is not
    request("half-recorded", "half-recorded", received_date=date(2024, 6, 3), outcome_date=date(2024, 7, 8)),
    request("backdated", "backdated", received_date=date(2025, 2, 3), outcome="N", outcome_date=date(2024, 3, 10)),
    # decided between the reference date and today
    request("waiting", "waiting", received_date=date(2024, 6, 3), outcome="Y", outcome_date=date(2026, 2, 2)),
    request("moved", "moved", received_date=date(2025, 5, 6), exported_la="880"),
    request("moved-later", "moved-later", received_date=date(2025, 2, 3), exported_la="880", **YES),
    request("withdrawn", "withdrawn", received_date=date(2025, 5, 6), outcome="W", outcome_date=date(2025, 5, 20)),
    request("assessed", "assessed", received_date=date(2025, 2, 3), **YES),
    request("agreed-only", "agreed-only", **YES_BEFORE),
    request("issuing", "issuing", **YES_BEFORE),
    request("assessed-late", "assessed-late", **YES_BEFORE),
    request("issued", "issued", received_date=date(2025, 2, 3), **YES),
    request("new-plan", "new-plan", received_date=date(2025, 1, 6), **YES),
    request("started-since", "started-since", received_date=date(2025, 2, 3), **YES),
    request("unrecorded", "unrecorded", received_date=None),
    request("unrecorded-new", "unrecorded-new", received_date=None),
    *(request(name, name, received_date=OLD) for name in OF_OLD_PLANS),
    request("twice-1", "twice", received_date=date(2025, 1, 6), outcome="N", outcome_date=date(2025, 2, 6)),
    request("twice-2", "twice", received_date=date(2025, 9, 1)),
    *(request(name, name, received_date=date(2025, 11, 3)) for name in ("baby", "known", "older")),
]
ASSESSMENTS = [
    assessment("A-assessed", "assessed", agreed_date=date(2025, 3, 3), outcome="N", outcome_date=date(2025, 5, 26)),
    assessment("A-agreed-only", "agreed-only", agreed_date=date(2024, 3, 4)),
    assessment("A-issuing", "issuing", agreed_date=date(2024, 3, 4), outcome="Y"),
    assessment("A-moved-later", "moved-later", agreed_date=date(2025, 3, 3)),
    assessment("A-assessed-late", "assessed-late", outcome="N", outcome_date=date(2025, 1, 2)),
    assessment("A-started-since", "started-since", agreed_date=date(2025, 3, 3), outcome="Y"),
    assessment(
        "A-issued",
        "issued",
        agreed_date=date(2025, 3, 3),
        outcome="Y",
        week20_exception=True,
        other_tribunal=True,
    ),
]
PLANS = [
    plan("P-issued", "issued", assessment_id="A-issued", start_date=date(2025, 7, 1), issued_date=date(2025, 6, 30)),
    plan("P-old", "old", start_date=OLD),
    plan("P-new-plan", "new-plan", start_date=date(2025, 4, 7)),
    # a request without a day of receipt is none on record
    plan("P-unrecorded", "unrecorded", start_date=OLD),
    plan("P-unrecorded-new", "unrecorded-new", start_date=date(2025, 4, 7)),
    plan("P-ceased", "ceased", start_date=OLD, cease_date=date(2025, 1, 1), cease_reason="4", pb=True, dp="Education"),
    plan("P-ceased-before", "ceased-before", start_date=OLD, cease_date=date(2024, 12, 31), cease_reason="4"),
    plan("P-ceased-since", "ceased-since", start_date=OLD, cease_date=date(2026, 1, 15), cease_reason="2"),
    plan("P-ceased-later", "ceased-later", start_date=OLD, cease_date=date(2026, 1, 16), cease_reason="2"),
    plan("P-started-since", "started-since", assessment_id="A-started-since", start_date=date(2026, 1, 20)),
    plan("P-transferred", "transferred", start_date=OLD, transfer_in_la="880", transfer_in_date=date(2025, 9, 1)),
    plan("P-moved-out", "moved-out", start_date=OLD, cease_date=date(2025, 8, 31), cease_reason="5"),
    plan("P1-two-plans", "two-plans", start_date=OLD, cease_date=date(2025, 3, 31), cease_reason="2"),
    plan("P2-two-plans", "two-plans", start_date=date(2025, 4, 1)),
    plan("P-schooled", "schooled", start_date=OLD),
    plan("P-reviewed", "reviewed", start_date=OLD),
    plan("P-leaver", "leaver", start_date=OLD),
]
SETTINGS = [
    placement("N1", "P-schooled", rank=2, urn="100", ukprn="10000001", entry_date=None),
    placement("N2", "P-schooled", rank=1, ukprn="10000002", sen_unit=True, entry_date=None),
    placement("N3", "P-schooled", rank=1, urn="100", leaving_date=date(2025, 7, 31)),
    placement("N4", "P-schooled", rank=None, sen_setting="OLA"),
    placement("N5", "P-ceased", urn="100", leaving_date=date(2025, 1, 1)),
    placement("N6", "P-ceased", urn="200", leaving_date=date(2024, 7, 31)),
]
PLACEMENTS = [
    placement("T1", "P-schooled", rank=2, urn="100", entry_date=date(2025, 9, 1)),
    placement("T2", "P-schooled", urn="200", entry_date=date(2020, 9, 1), leaving_date=date(2025, 1, 1)),
    placement("T3", "P-schooled", urn="200", entry_date=date(2015, 9, 1), leaving_date=date(2024, 12, 31)),
    placement("T4", "P-schooled", sen_setting="EHE", entry_date=date(2025, 1, 6), leaving_date=date(2026, 1, 30)),
    placement("T5", "P-schooled", urn="200", entry_date=date(2026, 1, 31)),
    placement("T6", "P-ceased", urn="200", entry_date=date(2020, 9, 1)),
]
NEEDS = [
    {"plan_id": "P-schooled", "rank": 2, "sen_type": "SLCN"},
    {"plan_id": "P-schooled", "rank": 1, "sen_type": "ASD"},
    {"plan_id": "P-schooled", "rank": 3, "sen_type": "HI"},
    {"plan_id": "P-reviewed", "rank": 1, "sen_type": "NSA"},
    {"plan_id": "P-reviewed", "rank": 2, "sen_type": "DS"},
    {"plan_id": "P-ceased", "rank": 1, "sen_type": "ASD"},
]
REVIEWS = [
    review("V1", "P-reviewed", meeting_date=date(2024, 11, 4), decision="M", decision_date=date(2024, 11, 25)),
    review(
        "V2",
        "P-reviewed",
        meeting_date=date(2025, 11, 3),
        decision="A",
        decision_date=date(2025, 11, 24),
        draft_amended_date=date(2026, 1, 19),
    ),
    review("V3", "P-reviewed", meeting_date=date(2026, 2, 2), decision="M", decision_date=date(2026, 2, 9)),
    review("V4", "P-schooled", meeting_date=date(2026, 1, 12), decision="M", decision_date=date(2026, 1, 26)),
    review(
        "V5",
        "P-leaver",
        meeting_date=date(2025, 10, 6),
        decision="A",
        decision_date=date(2025, 10, 20),
        final_amended_date=date(2025, 12, 1),
    ),
]


@pytest.fixture(scope="module")
def returned(build: Build) -> Warehouse:
    young = {
        "baby": date(2020, 3, 9),
        "known": date(2020, 3, 9),
        "older": date(2020, 1, 15),
        "leaver": date(2014, 12, 9),
    }
    young["leaver"] = date(2014, 12, 9)
    names = dict.fromkeys(row["case_id"] for row in REQUESTS)
    children = [case(name, birth_date=young.get(name, date(2010, 3, 9))) for name in names]
    landing: dict[str, list[dict[str, Any]]] = {
        "ehc_case__child": [*children, case("known", upn="A8830000000A1", _delivery=2), case("not-asked")],
        "ehc_case__request": REQUESTS,
        "ehc_case__assessment": ASSESSMENTS,
        "ehc_case__plan": PLANS,
        "ehc_case__plan_setting": SETTINGS,
        "ehc_case__placement": PLACEMENTS,
        "ehc_case__need": NEEDS,
        "ehc_case__review": REVIEWS,
        "gias__establishment": [establishment("100"), establishment("300", ukprn="10000002")],
    }
    return build(landing, as_at=date(2026, 2, 10), known_at=datetime(2026, 2, 10, 20, 0))


def one(returned: Warehouse, table: str, requests_id: str) -> dict[str, Any]:
    return returned.row(f"from sen2.{table} where requests_id = ?", requests_id)


def ids(returned: Warehouse, table: str) -> set[str]:
    return set(returned.column(f"select requests_id from sen2.{table}"))


def outcomes(returned: Warehouse, requests_id: str) -> tuple[Any, ...]:
    """Outcome and date of the request, then of the assessment; two short where there is none."""
    asked = one(returned, "sen2_requests", requests_id)
    assessed = returned.rows(
        "select assessment_outcome, assessment_outcome_date from sen2.sen2_assessment where requests_id = ?",
        requests_id,
    )
    return (asked["request_outcome"], asked["request_outcome_date"], *(v for row in assessed for v in row.values()))


def test_the_header_names_the_survey_in_hand(returned: Warehouse) -> None:
    header = returned.row("from sen2.sen2_header")
    assert (header["collection"], header["year"], header["lea"]) == ("SEN2", 2026, "883")
    assert header["reference_date"] == date(2026, 1, 15)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("undecided", ("A", None)),
        ("refused", ("N", date(2025, 3, 10))),
        ("late-decision", ("N", date(2025, 1, 1))),
        ("waiting", ("A", None)),  # its decision came after the reference date
        ("half-recorded", ("A", None)),
        ("backdated", ("N", date(2024, 3, 10))),  # a rule finds it
        ("withdrawn", ("W", None)),
        ("moved", ("W", None)),  # to another LA, before the decision
        ("moved-later", ("Y", date(2025, 3, 3), "W", None)),
        ("assessed", ("Y", date(2025, 3, 3), "N", date(2025, 5, 26))),
        ("agreed-only", ("H", None, "A", None)),
        ("issuing", ("H", None, "Y", None)),  # decided, not issued
        ("assessed-late", ("H", None, "N", date(2025, 1, 2))),
        ("issued", ("Y", date(2025, 3, 3), "Y", date(2025, 6, 30))),
        ("new-plan", ("Y", date(2025, 3, 3), None, None)),  # no assessment on record, so a rule has to ask for it
        ("old", ("H", None, "H", None)),
        ("unrecorded", ("H", None, "H", None)),
        ("unrecorded-new", (None, None, None, None)),
        ("transferred", ("H", None, "H", None)),
    ],
)
def test_a_request_and_its_assessment_have_the_outcome_of_the_reference_date(
    returned: Warehouse, name: str, expected: tuple[Any, ...]
) -> None:
    assert outcomes(returned, name) == expected


def test_what_ended_before_the_period_or_began_after_it_is_not_in_the_return(returned: Warehouse) -> None:
    assert not {"refused-before", "ceased-before", "after-period"} & ids(returned, "sen2_requests")


def test_a_plan_that_starts_after_the_reference_date_is_still_an_assessment(returned: Warehouse) -> None:
    assert outcomes(returned, "started-since") == ("Y", date(2025, 3, 3), "Y", None)
    assert "started-since" not in ids(returned, "sen2_named_plan")


def test_a_person_is_in_the_return_only_with_a_request(returned: Warehouse) -> None:
    asking = set(returned.column("select person_id from sen2.sen2_requests"))
    assert set(returned.column("select person_id from sen2.sen2_person")) == asking
    assert returned.rows("from sen2.sen2_person where forename = 'not-asked'") == []


def test_two_requests_of_one_child_are_two_records_of_one_person(returned: Warehouse) -> None:
    assert (
        one(returned, "sen2_requests", "twice-1")["person_id"] == one(returned, "sen2_requests", "twice-2")["person_id"]
    )
    assert len(returned.rows("from sen2.sen2_person where forename = 'twice'")) == 1


def test_a_request_carries_who_asked_and_its_flags(returned: Warehouse) -> None:
    refused, mediated = one(returned, "sen2_requests", "refused"), one(returned, "sen2_requests", "late-decision")
    assert (refused["request_source"], refused["request_mediation"], refused["rya"]) == (2, False, False)
    assert mediated["request_mediation"] is True
    assert one(returned, "sen2_requests", "moved")["exported"] == "880"


def test_a_record_made_from_a_plan_knows_no_more_than_the_plan(returned: Warehouse) -> None:
    made = one(returned, "sen2_requests", "unrecorded")
    assert (made["received_date"], made["rya"], made["record_id"]) == (None, None, "P-unrecorded")
    assert one(returned, "sen2_assessment", "unrecorded")["week20"] is None


def test_an_assessment_carries_its_flags(returned: Warehouse) -> None:
    issued = one(returned, "sen2_assessment", "issued")
    flags = ("assessment_mediation", "assessment_tribunal", "other_mediation", "other_tribunal", "week20")
    assert [issued[flag] for flag in flags] == [False, False, False, True, True]


def test_a_plan_open_at_the_reference_date_is_active_however_old(returned: Warehouse) -> None:
    active = ids(returned, "sen2_active_plans")
    assert {"old", "unrecorded", "issued", "new-plan", "transferred", "ceased-later"} <= active
    assert not {"ceased", "ceased-since", "moved-out"} & active
    assert one(returned, "sen2_named_plan", "old")["start_date"] == OLD


@pytest.mark.parametrize(
    ("name", "day", "reason"),
    [
        ("ceased", date(2025, 1, 1), 4),
        ("ceased-since", date(2026, 1, 15), 2),
        ("moved-out", date(2025, 8, 31), 5),
        ("ceased-later", None, None),
    ],
)
def test_a_plan_that_ceased_since_the_period_began_says_when_and_why(
    returned: Warehouse, name: str, day: date | None, reason: int | None
) -> None:
    named = one(returned, "sen2_named_plan", name)
    assert (named["cease_date"], named["cease_reason"]) == (day, reason)


def test_a_personal_budget_not_recorded_is_none_and_its_parts_stay_open(returned: Warehouse) -> None:
    budgets = [one(returned, "sen2_named_plan", name) for name in ("ceased", "old")]
    assert [(b["pb"], b["oa"], b["dp"]) for b in budgets] == [(True, None, "Education"), (False, None, None)]


def test_a_plan_transferred_in_names_the_la_it_came_from(returned: Warehouse) -> None:
    assert one(returned, "sen2_active_plans", "transferred")["transfer_la"] == "880"
    assert one(returned, "sen2_active_plans", "old")["transfer_la"] is None


def test_a_second_plan_of_a_request_has_a_record_of_its_own(returned: Warehouse) -> None:
    assert one(returned, "sen2_named_plan", "two-plans")["cease_date"] == date(2025, 3, 31)
    assert "two-plans" not in ids(returned, "sen2_active_plans")
    assert one(returned, "sen2_named_plan", "two-plans P2-two-plans")["start_date"] == date(2025, 4, 1)
    assert "two-plans P2-two-plans" in ids(returned, "sen2_active_plans")


def test_every_plan_has_an_assessment_and_every_record_its_request(returned: Warehouse) -> None:
    requests = ids(returned, "sen2_requests")
    assert ids(returned, "sen2_named_plan") <= ids(returned, "sen2_assessment") <= requests
    assert ids(returned, "sen2_active_plans") <= ids(returned, "sen2_named_plan")


def test_a_plan_names_its_first_two_settings_by_urn_else_ukprn_else_kind(returned: Warehouse) -> None:
    details = returned.rows(
        "select plan_detail_number, record_id, urn, ukprn, sen_setting, sen_unit_indicator "
        "from sen2.sen2_plan_detail where requests_id = 'schooled' order by plan_detail_number"
    )
    assert [tuple(detail.values()) for detail in details] == [
        (1, "N2", "300", None, None, True),  # its UKPRN is that of one open school
        (2, "N1", "100", None, None, False),
    ]


def test_a_ceased_plan_names_the_settings_of_its_last_day(returned: Warehouse) -> None:
    assert returned.column("select record_id from sen2.sen2_plan_detail where requests_id = 'ceased'") == ["N5"]


def test_placements_are_those_of_the_reference_date_and_of_the_period(returned: Warehouse) -> None:
    places = returned.rows(
        "select placement_detail_number, record_id, placement_rank, leaving_date, sen_setting "
        "from sen2.sen2_placement_detail order by placement_detail_number"
    )
    assert [tuple(place.values()) for place in places] == [
        (1, "T4", 1, None, "EHE"),
        (2, "T1", 2, None, None),
        (3, "T2", 1, date(2025, 1, 1), None),
    ]


def test_needs_are_the_first_two_whatever_their_type(returned: Warehouse) -> None:
    needs = returned.rows(
        "select requests_id, sen_need_number, sen_type, sen_type_rank from sen2.sen2_sen_need "
        "order by requests_id desc, sen_need_number"
    )
    assert [tuple(need.values()) for need in needs] == [
        ("schooled", 1, "ASD", 1),
        ("schooled", 2, "SLCN", 2),
        ("reviewed", 1, "NSA", 1),  # of the school census: a rule finds it
        ("reviewed", 2, "DS", 2),
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("reviewed", (date(2025, 11, 3), "A", date(2025, 11, 24), None)),  # its draft came after the reference date
        ("schooled", (date(2026, 1, 12), None, None, None)),  # so did its decision
        ("old", (None, None, None, None)),
    ],
)
def test_the_review_is_the_latest_as_it_stood_on_the_reference_date(
    returned: Warehouse, name: str, expected: tuple[Any, ...]
) -> None:
    active = one(returned, "sen2_active_plans", name)
    assert (
        tuple(active[item] for item in ("review_meeting", "review_outcome", "last_review", "review_draft")) == expected
    )


def test_a_child_who_changes_phase_has_a_due_day_and_the_day_of_the_final_plan(returned: Warehouse) -> None:
    leaver = one(returned, "sen2_active_plans", "leaver")
    assert (leaver["phase_transfer_due_date"], leaver["phase_transfer_final_date"]) == (
        date(2026, 2, 15),
        date(2025, 12, 1),
    )


@pytest.mark.parametrize(("name", "reason"), [("baby", "UN1"), ("known", None), ("older", None)])
def test_only_a_child_under_six_without_a_number_has_a_reason_for_it(
    returned: Warehouse, name: str, reason: str | None
) -> None:
    assert returned.row("from sen2.sen2_person where forename = ?", name)["upn_unknown"] == reason


def test_before_the_survey_day_the_return_is_of_today(build: Build) -> None:
    warehouse = build(
        {
            "ehc_case__child": [case("K1"), case("K2")],
            "ehc_case__request": [
                request("R1", "K1", received_date=date(2025, 6, 2), outcome="Y", outcome_date=date(2025, 7, 7)),
                request("R2", "K2", received_date=date(2025, 7, 1)),
            ],
        },
        as_at=date(2025, 6, 30),
    )
    header = warehouse.row("from sen2.sen2_header")
    assert (header["year"], header["reference_date"]) == (2026, date(2025, 6, 30))
    assert warehouse.column("select requests_id from sen2.sen2_requests where request_outcome = 'A'") == ["R1"]
