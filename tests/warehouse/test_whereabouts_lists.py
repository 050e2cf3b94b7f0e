"""The lists of where children are: visits, home education, missing education, awaiting specialist provision."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tests.warehouse.conftest import Build, Warehouse
from tests.warehouse.landed import case, establishment, on_register, placement, plan, request, visit, with_plans

AS_AT = date(2025, 6, 30)
SPECIAL = {"type_of_establishment_name": "Community special school"}
SCHOOLS = [
    establishment("100"),
    establishment("200", la_code="880", establishment_name="Hill School"),
    establishment("300", establishment_name="Beacon School", **SPECIAL),
]


def listed(warehouse: Warehouse, name: str) -> list[Any]:
    return warehouse.column(f"select case_id from lists.{name} order by case_id")


def row_of(warehouse: Warehouse, name: str, case_id: str) -> dict[str, Any]:
    return warehouse.row(f"from lists.{name} where case_id = ?", case_id)


@pytest.fixture(scope="module")
def visits(build: Build) -> Warehouse:
    names = ("near", "away", "boarding", "home", "registered", "never", "agreed", "qa", "lapsed")
    landing = with_plans(*names)
    landing["ehc_case__child"][4] |= {"upn": "A4"}
    return build(
        landing
        | {
            "gias__establishment": SCHOOLS,
            "ehc_case__placement": [
                placement("T1", "P-near", urn="100"),
                placement("T2", "P-away", urn="200"),
                placement("T3", "P-boarding", urn="100", res="A"),
                placement("T4", "P-home", sen_setting="EHE"),
                placement("T5", "P-registered", urn="100"),
                placement("T6", "P-never", urn="200", entry_date=date(2024, 3, 4)),
                placement("T7", "P-agreed", urn="100", res="B"),
                placement("T8", "P-qa", urn="200"),
                placement("T9", "P-lapsed", urn="100", res="A"),
            ],
            "ehc_case__visit": [
                visit("V1", "away", date(2024, 2, 29), kind="welfare"),
                visit("V2", "away", date(2024, 7, 1), kind="qa", next_due=date(2026, 1, 1)),
                visit("V3", "agreed", date(2025, 2, 3), next_due=date(2025, 5, 5)),
                visit("V4", None, date(2025, 4, 7), urn="200", kind="qa"),
                visit("V5", None, date(2025, 5, 5), urn="200", kind="welfare"),
                visit("V6", "lapsed", date(2024, 6, 29)),
                visit("V7", "near", date(2025, 1, 6)),
                visit("V8", "boarding", date(2025, 7, 1)),
            ],
            "ehe_cme__register": [
                on_register("E1", "EHE", upn="A4", last_visit_date=date(2025, 3, 3), tracked_by="Sol Marsh"),
                on_register("E2", "EHE", upn="A4", start_date=date(2022, 1, 1), closed_date=date(2023, 1, 1)),
            ],
        },
        as_at=AS_AT,
    )


def test_children_residential_out_of_area_and_at_home_are_monitored(visits: Warehouse) -> None:
    assert listed(visits, "list_monitoring_visits") == [
        "agreed",
        "away",
        "boarding",
        "home",
        "lapsed",
        "never",
        "qa",
        "registered",
    ]


@pytest.mark.parametrize(
    ("case_id", "why"),
    [
        ("away", (False, True, False)),
        ("boarding", (True, False, False)),
        ("home", (False, False, True)),
        ("registered", (False, False, True)),
    ],
)
def test_the_list_says_why_a_child_is_monitored(visits: Warehouse, case_id: str, why: tuple[bool, ...]) -> None:
    row = row_of(visits, "list_monitoring_visits", case_id)
    assert (row["is_residential"], row["is_out_of_area"], row["is_home_educated"]) == why


def test_welfare_and_quality_assurance_visits_are_shown_apart(visits: Warehouse) -> None:
    row = row_of(visits, "list_monitoring_visits", "away")
    assert row["last_welfare_visit_date"] == date(2024, 2, 29)


def test_a_quality_assurance_visit_to_the_establishment_counts_for_each_child_there(visits: Warehouse) -> None:
    row = row_of(visits, "list_monitoring_visits", "qa")
    assert (row["last_qa_visit_date"], row["last_welfare_visit_date"]) == (date(2025, 4, 7), None)
    assert row["next_visit_due_date"] == date(2026, 4, 7)


def test_a_child_never_visited_is_due_a_year_from_its_first_day_there(build: Build) -> None:
    landing = with_plans("never")
    warehouse = build(
        landing
        | {
            "gias__establishment": SCHOOLS,
            "ehc_case__placement": [placement("T6", "P-never", urn="200", entry_date=date(2024, 3, 4))],
        },
        as_at=AS_AT,
    )
    row = row_of(warehouse, "list_monitoring_visits", "never")
    assert (row["last_visit_date"], row["next_visit_due_date"]) == (None, date(2025, 3, 4))
    assert (row["visit_days_overdue"], row["is_visit_overdue"]) == (118, True)


def test_a_visit_is_overdue_the_day_after_a_year(visits: Warehouse) -> None:
    row = row_of(visits, "list_monitoring_visits", "lapsed")
    assert (row["next_visit_due_date"], row["visit_days_overdue"]) == (date(2025, 6, 29), 1)


def test_a_day_agreed_for_the_next_visit_may_be_sooner_than_a_year(visits: Warehouse) -> None:
    assert row_of(visits, "list_monitoring_visits", "agreed")["next_visit_due_date"] == date(2025, 5, 5)


def test_a_visit_still_to_come_has_not_been_made(visits: Warehouse) -> None:
    assert row_of(visits, "list_monitoring_visits", "boarding")["last_visit_date"] is None


def test_the_most_overdue_visit_comes_first(visits: Warehouse) -> None:
    overdue = visits.column("select visit_days_overdue from lists.list_monitoring_visits")
    assert overdue == sorted(overdue, reverse=True)


def test_children_at_home_by_the_case_system_or_by_the_register_are_listed(visits: Warehouse) -> None:
    assert listed(visits, "list_elective_home_education") == ["home", "registered"]


def test_home_education_shows_the_visit_and_the_officer_of_the_register(visits: Warehouse) -> None:
    row = row_of(visits, "list_elective_home_education", "registered")
    assert (row["recorded_by"], row["tracked_by"]) == ("register", "Sol Marsh")
    assert (row["home_educated_since_date"], row["last_monitoring_visit_date"]) == (date(2025, 1, 6), date(2025, 3, 3))


def test_a_delivered_register_is_not_said_to_be_missing(visits: Warehouse) -> None:
    for name in ("list_monitoring_visits", "list_elective_home_education"):
        assert row_of(visits, name, "home")["source_missing"] is None


def test_a_list_says_that_the_register_was_not_delivered(build: Build) -> None:
    landing = with_plans("home", "nowhere")
    warehouse = build(
        landing | {"ehc_case__placement": [placement("T4", "P-home", sen_setting="EHE")]},
        as_at=AS_AT,
    )
    assert row_of(warehouse, "list_elective_home_education", "home")["source_missing"] == "ehe_cme"
    assert row_of(warehouse, "list_monitoring_visits", "home")["source_missing"] == "ehe_cme"
    assert row_of(warehouse, "list_missing_education", "nowhere")["source_missing"] == "ehe_cme"


@pytest.fixture(scope="module")
def missing(build: Build) -> Warehouse:
    landing = with_plans(
        "full", "nowhere", "left", "part", "part-and-full", "neet", "otherwise", "at-home", "absent", caseworker="W1"
    )
    landing["ehc_case__child"][7] |= {"upn": "A7"}
    landing["ehc_case__child"][8] |= {"upn": "A8"}
    return build(
        landing
        | {
            "ehc_case__caseworker": [{"id": "W1", "name": "Grace Mensah"}],
            "ehc_case__placement": [
                placement("T1", "P-full", urn="100", attendance_pattern="F"),
                placement("T2", "P-left", urn="100", leaving_date=date(2025, 3, 28)),
                placement("T3", "P-part", urn="100", attendance_pattern="P"),
                placement("T4", "P-part-and-full", urn="100", attendance_pattern="P", rank=2),
                placement("T5", "P-part-and-full", urn="200"),
                placement("T6", "P-neet", sen_setting="NEET", entry_date=date(2025, 2, 3)),
                placement("T7", "P-otherwise", sen_setting="OLA"),
                placement("T9", "P-absent", urn="100"),
            ],
            "ehc_case__visit": [visit("V1", "left", date(2025, 4, 28))],
            "ehe_cme__register": [
                on_register("C1", "CME", upn="A8", last_seen_date=date(2025, 5, 6), tracked_by="Sol Marsh"),
                on_register("C2", "CME", upn="B1"),
                on_register("C3", "CME", upn="B2", closed_date=date(2025, 6, 30)),
                on_register("C4", "EHE", upn="A7"),
                on_register("C5", "CME"),
            ],
        },
        as_at=AS_AT,
    )


def test_children_without_a_full_time_place_or_on_the_register_are_missing(missing: Warehouse) -> None:
    named = [case_id for case_id in listed(missing, "list_missing_education") if case_id]
    assert named == ["absent", "left", "neet", "nowhere", "part"]


def test_a_child_on_the_register_without_a_plan_is_missing_too(missing: Warehouse) -> None:
    rows = missing.rows("from lists.list_missing_education where not has_plan")
    assert {(row["record_id"], row["upn"], row["is_on_cme_register"]) for row in rows} == {
        ("C2", "B1", True),
        ("C5", None, True),
    }


@pytest.mark.parametrize(
    ("case_id", "reason", "since"),
    [
        ("nowhere", "no placement recorded", date(2024, 1, 22)),
        ("left", "no placement recorded", date(2025, 3, 28)),
        ("part", "part-time place only", date(2024, 9, 2)),
        ("neet", "not in education", date(2025, 2, 3)),
        ("absent", "on the register", date(2025, 1, 6)),
    ],
)
def test_the_list_says_why_and_since_when(missing: Warehouse, case_id: str, reason: str, since: date) -> None:
    row = row_of(missing, "list_missing_education", case_id)
    assert (row["reason"], row["missing_since_date"]) == (reason, since)
    assert row["days_missing"] == (AS_AT - since).days


def test_the_officer_on_the_register_tracks_the_child_else_the_caseworker(missing: Warehouse) -> None:
    assert row_of(missing, "list_missing_education", "absent")["tracked_by"] == "Sol Marsh"
    assert row_of(missing, "list_missing_education", "nowhere")["tracked_by"] == "Grace Mensah"


def test_last_seen_is_by_the_register_or_at_a_visit(missing: Warehouse) -> None:
    assert row_of(missing, "list_missing_education", "absent")["last_seen_date"] == date(2025, 5, 6)
    assert row_of(missing, "list_missing_education", "left")["last_seen_date"] == date(2025, 4, 28)
    assert row_of(missing, "list_missing_education", "nowhere")["last_seen_date"] is None


def test_compulsory_school_age_ends_on_the_last_friday_in_june(build: Build) -> None:
    born: dict[str, date | None] = {
        "five by 31 March": date(2020, 3, 31),
        "five after it": date(2020, 4, 1),
        "in Year 10": date(2009, 9, 1),
        "in Year 11": date(2009, 8, 31),
        "not known": None,
    }
    landing = with_plans(*born)
    for child in landing["ehc_case__child"]:
        child["birth_date"] = born[child["case_id"]]
    warehouse = build(landing, as_at=date(2025, 6, 28))
    rows = warehouse.rows("select case_id, is_of_compulsory_school_age as is_of_age from lists.list_missing_education")
    assert {row["case_id"]: row["is_of_age"] for row in rows} == {
        "five by 31 March": True,
        "five after it": False,
        "in Year 10": True,
        "in Year 11": False,
        "not known": None,
    }


@pytest.fixture(scope="module")
def awaiting(build: Build) -> Warehouse:
    landing = with_plans("agreed", "placed-since", "moves-on", "named", "named-and-there", "unit", "mainstream")
    landing["ehc_case__child"].append(case("assessing"))
    landing["ehc_case__request"].append(request("R-assessing", "assessing", received_date=date(2025, 3, 3)))
    return build(
        landing
        | {
            "gias__establishment": SCHOOLS,
            "ehc_case__need": [{"plan_id": "P-agreed", "rank": 1, "sen_type": "ASD"}],
            "ehc_case__plan_setting": [
                placement("N1", "P-named", urn="300", entry_date=date(2025, 1, 6)),
                placement("N2", "P-named-and-there", urn="300"),
                placement("N3", "P-unit", urn="100", sen_unit=True, entry_date=None),
                placement("N4", "P-mainstream", urn="100"),
            ],
            "ehc_case__placement": [
                placement("T1", "P-agreed", urn="100"),
                placement("T2", "P-placed-since", urn="300", entry_date=date(2025, 4, 28)),
                placement("T3", "P-moves-on", urn="300", entry_date=date(2023, 9, 4)),
                placement("T4", "P-named-and-there", urn="300"),
                placement("T5", "P-unit", urn="100"),
            ],
            "ehc_case__awaiting_provision": [
                {
                    "case_id": "agreed",
                    "since": date(2025, 6, 16),
                    "kind": "Special school",
                    "interim_arrangement": "Tuition",
                },
                {"case_id": "agreed", "since": date(2025, 6, 23), "kind": "Resourced provision"},
                {"case_id": "placed-since", "since": date(2025, 1, 6), "kind": "Special school"},
                {"case_id": "moves-on", "since": date(2025, 1, 6), "kind": "Residential school"},
                {"case_id": "assessing", "since": date(2025, 6, 1), "kind": "Special nursery"},
                {"case_id": "assessing", "since": date(2025, 7, 1), "kind": "to come"},
                {"case_id": "quarantined", "since": date(2025, 5, 1), "kind": "Special school"},
            ],
        },
        as_at=AS_AT,
    )


def test_children_named_or_agreed_without_a_specialist_place_wait(awaiting: Warehouse) -> None:
    assert listed(awaiting, "list_awaiting_specialist_provision") == [
        "agreed",
        "assessing",
        "moves-on",
        "named",
        "quarantined",
        "unit",
    ]


def test_a_wait_counts_whole_weeks_from_its_first_record(awaiting: Warehouse) -> None:
    row = row_of(awaiting, "list_awaiting_specialist_provision", "agreed")
    assert (row["waiting_basis"], row["waiting_since_date"], row["weeks_waiting"]) == ("agreed", date(2025, 6, 16), 2)


def test_the_list_says_what_is_awaited_and_what_the_child_has_meanwhile(awaiting: Warehouse) -> None:
    row = row_of(awaiting, "list_awaiting_specialist_provision", "agreed")
    assert (row["provision_awaited"], row["interim_arrangement"], row["primary_need"]) == (
        "Special school",
        "Tuition",
        "ASD",
    )


def test_a_special_school_named_and_not_attended_is_awaited_since_it_was_named(awaiting: Warehouse) -> None:
    row = row_of(awaiting, "list_awaiting_specialist_provision", "named")
    assert (row["waiting_basis"], row["waiting_since_date"]) == ("named", date(2025, 1, 6))
    assert (row["named_establishment_name"], row["interim_arrangement"]) == ("Beacon School", None)


def test_a_unit_named_is_awaited_while_the_child_is_in_the_mainstream_of_the_school(awaiting: Warehouse) -> None:
    row = row_of(awaiting, "list_awaiting_specialist_provision", "unit")
    assert (row["provision_awaited"], row["waiting_since_date"]) == ("SEN unit", date(2024, 1, 22))
    assert row["interim_arrangement"] == "Thameside Primary School"


def test_a_child_without_a_plan_yet_waits_too(awaiting: Warehouse) -> None:
    row = row_of(awaiting, "list_awaiting_specialist_provision", "assessing")
    assert (row["plan_id"], row["waiting_since_date"]) == (None, date(2025, 6, 1))


def test_a_second_plan_does_not_list_a_child_twice(build: Build) -> None:
    landing = with_plans("twice")
    landing["ehc_case__plan"].append(plan("P-later", "R-twice", start_date=date(2025, 1, 6)))
    warehouse = build(
        landing
        | {
            "gias__establishment": SCHOOLS,
            "ehc_case__placement": [placement("T1", "P-twice", urn="200"), placement("T2", "P-later", urn="200")],
            "ehc_case__plan_setting": [placement("N1", "P-twice", urn="300"), placement("N2", "P-later", urn="300")],
        },
        as_at=AS_AT,
    )
    for name in ("list_monitoring_visits", "list_awaiting_specialist_provision"):
        assert warehouse.column(f"select plan_id from lists.{name}") == ["P-later"]
