"""The child lists of Annex A: who is on which, and what each column says of one child after another."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tests.warehouse.conftest import Build, Warehouse
from tests.warehouse.landed import (
    case,
    child_in_need,
    establishment,
    on_register,
    placement,
    plan,
    pupil,
    request,
    review,
)

AS_AT = date(2025, 6, 30)
SPRING, SUMMER = date(2025, 1, 16), date(2025, 5, 15)
BORN = date(2014, 3, 9)

PLANNED = (
    "whole", "plain", "amended", "moved", "second-only", "home", "registered", "nsa", "coded", "two-plans", "fallback",
)  # fmt: skip
UPN_OF = {name: f"U-{name}" for name in PLANNED}


def summer(upn: str, **columns: Any) -> dict[str, Any]:
    return pupil(upn, census_date=SUMMER, sen_provision="K", enrol_status="C", **columns)


def need(upn: str, sen_type: str, *, rank: int = 1, census_date: date = SUMMER) -> dict[str, Any]:
    return {"census_date": census_date, "laestab": "8832001", "upn": upn, "rank": rank, "sen_type": sen_type}


def excluded(upn: str, day: date, category: str = "SUSP") -> dict[str, Any]:
    return {"census_date": SUMMER, "laestab": "8832001", "upn": upn, "category": category, "start_date": day}


CASES = [
    case(name, upn=UPN_OF[name], sex="F", ethnicity="WBRI", social_care_id=f"S-{name}", uln=f"L-{name}")
    for name in PLANNED
]
CASES[PLANNED.index("coded")] |= {"sex": "X", "ethnicity": "ZZZZ"}

PHASES: list[tuple[str | None, dict[str, Any]]] = [
    ("Nursery", {"phase_of_education_name": "Nursery"}),
    ("Middle (deemed primary)", {"phase_of_education_name": "Middle deemed primary"}),
    ("Middle (deemed secondary)", {"phase_of_education_name": "Middle deemed secondary"}),
    ("Secondary", {"phase_of_education_name": "Secondary"}),
    ("All-through", {"phase_of_education_name": "All-through"}),
    ("FE college", {"phase_of_education_name": "16 plus", "type_of_establishment_name": "Further education"}),
    (
        "FE college",
        {"phase_of_education_name": "16 plus", "type_of_establishment_name": "Special post 16 institution"},
    ),
    (
        "Pupil referral unit/Alternative provision",
        {"type_of_establishment_name": "Free schools alternative provision"},
    ),
    ("Special", {"type_of_establishment_name": "Other independent special school"}),
    ("Primary", {"phase_of_education_name": "Not applicable", "statutory_high_age": 11}),
    ("Secondary", {"statutory_low_age": 11, "statutory_high_age": 18}),
    ("All-through", {"statutory_low_age": 3, "statutory_high_age": 18}),
    (None, {"phase_of_education_name": "Not applicable"}),
]
"""Each phase of Annex A with what the register says of such an establishment."""
NUMBERS = [str(number) for number in range(3001, 3001 + len(PHASES))]

PUPILS = [
    pupil(UPN_OF["whole"], census_date=SUMMER, sen_provision="E", enrol_status="M", pupil_premium=True),
    pupil(UPN_OF["whole"], census_date=SUMMER, sen_provision="E", enrol_status="S", laestab="8831100"),
    pupil(UPN_OF["fallback"], census_date=SUMMER, sen_provision="E", enrol_status="C"),
    # on SEN support
    summer("U-support", sex="M", ethnicity="MWAS", pupil_premium=False),
    summer("U-attending", sessions_possible=100, sessions_authorised=7, sessions_unauthorised=None),
    pupil("U-attending", sessions_possible=100, sessions_authorised=3, sessions_unauthorised=3),
    summer("U-old-attendance"),
    pupil(
        "U-old-attendance",
        census_date=date(2024, 5, 16),
        sessions_possible=80,
        sessions_authorised=10,
        sessions_unauthorised=10,
    ),
    summer("U-dual", laestab="8831100") | {"enrol_status": "S"},
    pupil("U-dual", census_date=SUMMER, sen_provision="K", enrol_status="M"),
    summer("U-subsidiary-only") | {"enrol_status": "S"},
    # not, or no longer
    summer("U-guest") | {"enrol_status": "G"},
    summer("U-left", leaving_date=date(2025, 5, 1)),
    summer("U-none") | {"sen_provision": "N"},
    summer("U-elsewhere") | {"sen_provision": "E"},
    pupil("U-gone", sen_provision="K"),
    pupil("U-changed", sen_provision="K"),
    pupil("U-changed", census_date=SUMMER, sen_provision="N"),
    # to another school, which has sent no summer census
    pupil("U-silent-school", laestab="8832002", sen_provision="K"),
    pupil("U-closed-school", laestab="8832003", census_date=date(2024, 5, 15), sen_provision="K"),
    summer("U-future") | {"census_date": date(2025, 7, 1)},
    summer(UPN_OF["plain"]),
    *(summer(f"N-{number}", laestab=f"883{number}") for number in NUMBERS),
]


@pytest.fixture(scope="module")
def annex(build: Build) -> Warehouse:
    return build(
        {
            "ehc_case__child": CASES,
            "ehc_case__request": [request(f"R-{name}", name) for name in PLANNED],
            "ehc_case__plan": [
                *(plan(f"P-{name}", f"R-{name}", issued_date=date(2024, 1, 25)) for name in PLANNED),
                plan("P-older", "R-two-plans", start_date=date(2020, 1, 1)),
                plan("P-ceased", "R-ceased", cease_date=date(2025, 6, 30)),
                plan("P-nobody", "R-nobody"),
            ],
            "ehc_case__need": [
                {"plan_id": "P-whole", "rank": 1, "sen_type": "ASD"},
                {"plan_id": "P-whole", "rank": 2, "sen_type": "SLCN"},
                {"plan_id": "P-nsa", "rank": 1, "sen_type": "NSA"},
            ],
            "ehc_case__placement": [
                placement("T1", "P-whole", urn="100"),
                placement("T2", "P-amended", urn="100", leaving_date=date(2025, 5, 1)),
                placement("T3", "P-amended", urn="200", entry_date=date(2025, 5, 2)),
                placement("T4", "P-amended", urn="300", rank=2),
                placement("T5", "P-second-only", urn="300", rank=2),
                placement("T6", "P-home", sen_setting="EHE"),
                placement("T7", "P-moved", urn="999"),
            ],
            "ehc_case__plan_setting": [placement("N1", "P-plain", urn="200")],
            "ehc_case__review": [
                review(
                    "V1",
                    "P-amended",
                    meeting_date=date(2024, 11, 4),
                    decision="A",
                    decision_date=date(2024, 11, 25),
                    final_amended_date=date(2025, 1, 20),
                ),
                review("V2", "P-amended", meeting_date=date(2025, 6, 2)),
                review("V3", "P-moved", decision="M", decision_date=date(2025, 2, 3)),
            ],
            "ehe_cme__register": [on_register("E1", "EHE", upn=UPN_OF["registered"], birth_date=BORN)],
            "gias__establishment": [
                establishment("100", phase_of_education_name="Primary"),
                establishment(
                    "200",
                    establishment_number="7001",
                    type_of_establishment_name="Community special school",
                    phase_of_education_name="Not applicable",
                ),
                establishment(
                    "300",
                    establishment_number="1100",
                    type_of_establishment_name="Pupil referral unit",
                    phase_of_education_name="Not applicable",
                ),
                establishment("101", establishment_status_code="2", close_date=date(2020, 8, 31)),
                *(
                    establishment(number, establishment_number=number, **columns)
                    for number, (_, columns) in zip(NUMBERS, PHASES, strict=True)
                ),
            ],
            "school_census__pupil": PUPILS,
            "school_census__need": [
                need("U-support", "SLCN", rank=2),
                need("U-support", "NSA"),
                need("U-attending", "SEMH", census_date=SPRING),
            ],
            "school_census__exclusion": [
                excluded("U-support", date(2024, 12, 31)),
                excluded("U-support", date(2024, 12, 30)),
                excluded("U-support", date(2025, 3, 3), "PERM"),
                excluded("U-support", date(2025, 3, 10)),
            ],
            "cin_census__child": [
                child_in_need("S-whole"),
                child_in_need("S-plain"),
                child_in_need("S-amended", reference_date=date(2024, 3, 31)),
                child_in_need("S-amended"),
                child_in_need("S-home", reference_date=date(2026, 3, 31)),
            ],
            "cin_census__disability": [
                {"reference_date": date(2025, 3, 31), "la_child_id": "S-whole", "disability": "AUT"},
                {"reference_date": date(2025, 3, 31), "la_child_id": "S-whole", "disability": "NONE"},
                {"reference_date": date(2025, 3, 31), "la_child_id": "S-plain", "disability": "NONE"},
                {"reference_date": date(2024, 3, 31), "la_child_id": "S-amended", "disability": "LD"},
                {"reference_date": date(2026, 3, 31), "la_child_id": "S-home", "disability": "LD"},
            ],
            "cin_census__cin_episode": [
                {"reference_date": date(2025, 3, 31), "la_child_id": "S-whole", "referral_date": date(2024, 11, 1)}
            ],
            "ssd__ssd_person": [{"pers_person_id": "S-moved", "pers_dob": BORN}],
            "ssd__ssd_disability": [
                {"disa_table_id": "1", "disa_person_id": "S-moved", "disa_disability_code": "hear "},
                {"disa_table_id": "2", "disa_person_id": "S-moved", "disa_disability_code": None},
            ],
            "ssda903__header": [{"child": "S-whole", "birth_date": BORN}],
            "ssda903__episode": [{"child": "S-whole", "start_date": date(2024, 11, 4), "start_reason": "S"}],
        },
        as_at=AS_AT,
    )


def planned(annex: Warehouse, name: str) -> dict[str, Any]:
    return annex.row("from annex_a.annex_a_list_1 where plan_id = ?", f"P-{name}")


def supported(annex: Warehouse, upn: str) -> dict[str, Any]:
    return annex.row("from annex_a.annex_a_list_2 where upn = ?", f"U-{upn}")


def test_list_1_holds_each_child_with_an_active_plan_once(annex: Warehouse) -> None:
    plans = annex.column("select plan_id from annex_a.annex_a_list_1 order by 1")
    assert plans == sorted([*(f"P-{name}" for name in PLANNED), "P-nobody"])


def test_list_2_holds_who_is_on_sen_support_at_the_last_census_and_has_no_plan(annex: Warehouse) -> None:
    upns = annex.column("select upn from annex_a.annex_a_list_2 where upn like 'U-%' order by 1")
    assert upns == [
        "U-attending", "U-dual", "U-old-attendance", "U-silent-school", "U-subsidiary-only", "U-support",
    ]  # fmt: skip


def test_a_child_with_a_plan_is_told_whole(annex: Warehouse) -> None:
    row = planned(annex, "whole")
    assert row["unique_id"] == row["child_id"]
    told = {name: row[name] for name in list(row)[1:21]}
    assert told == {
        "upn": "U-whole",
        "uln": "L-whole",
        "date_of_birth": BORN,
        "gender": "Female",
        "ethnicity": "WBRI",
        "date_initial_plan_issued": date(2024, 1, 25),
        "date_updated_plan_issued": None,
        "date_plan_last_reviewed": None,
        "sen_primary_need": "ASD",
        "main_establishment_urn": "100",
        "main_establishment_phase": "Primary",
        "subsidiary_establishment_phase": "Pupil referral unit/Alternative provision",
        "elective_home_education": "No",
        "suspensions": 0,
        "permanent_exclusions": 0,
        "absence": None,
        "pupil_premium": "Yes",
        "known_to_social_care": "Yes",
        "social_care_team": "Looked after children",
        "disability": "Yes",
    }


def test_a_plan_amended_after_its_review_says_when_and_where_the_child_is_now(annex: Warehouse) -> None:
    row = planned(annex, "amended")
    assert row["date_updated_plan_issued"] == date(2025, 1, 20)
    assert row["date_plan_last_reviewed"] == date(2025, 6, 2)
    assert (row["main_establishment_urn"], row["main_establishment_phase"]) == ("200", "Special")
    assert row["subsidiary_establishment_phase"] == "Pupil referral unit/Alternative provision"


def test_a_review_whose_meeting_nobody_recorded_is_of_its_decision(annex: Warehouse) -> None:
    assert planned(annex, "moved")["date_plan_last_reviewed"] == date(2025, 2, 3)


def test_an_establishment_the_register_has_not_keeps_its_urn_and_has_no_phase(annex: Warehouse) -> None:
    row = planned(annex, "moved")
    assert (row["main_establishment_urn"], row["main_establishment_phase"]) == ("999", None)


def test_a_second_placement_alone_is_no_main_establishment(annex: Warehouse) -> None:
    row = planned(annex, "second-only")
    assert row["main_establishment_urn"] is None
    assert row["subsidiary_establishment_phase"] == "Pupil referral unit/Alternative provision"


def test_without_a_placement_the_school_with_the_child_on_roll_is_the_main_one(annex: Warehouse) -> None:
    assert planned(annex, "fallback")["main_establishment_urn"] == "100"


def test_a_school_that_section_i_names_and_nobody_attends_is_no_main_establishment(annex: Warehouse) -> None:
    assert planned(annex, "registered")["main_establishment_urn"] is None


@pytest.mark.parametrize("name", ["home", "registered"])
def test_a_child_educated_at_home_by_either_source_is(annex: Warehouse, name: str) -> None:
    assert planned(annex, name)["elective_home_education"] == "Yes"


def test_a_type_of_need_that_no_plan_can_have_and_codes_of_no_code_set_are_left_empty(annex: Warehouse) -> None:
    assert planned(annex, "nsa")["sen_primary_need"] is None
    assert (planned(annex, "coded")["gender"], planned(annex, "coded")["ethnicity"]) == (None, None)


def test_of_two_plans_the_later_is_told(annex: Warehouse) -> None:
    assert planned(annex, "two-plans")["date_initial_plan_issued"] == date(2024, 1, 25)


def test_a_plan_whose_records_lead_to_no_child_stays_on_the_list_under_its_own_number(annex: Warehouse) -> None:
    row = planned(annex, "nobody")
    assert (row["unique_id"], row["child_id"], row["date_of_birth"]) == ("P-nobody", None, None)


@pytest.mark.parametrize(
    ("name", "disability"),
    [
        ("whole", "Yes"),  # one code besides NONE is enough
        ("plain", "No"),
        ("amended", None),  # recorded before, and no more in the last census
        ("home", None),  # recorded in days to come
        ("moved", "Yes"),  # the weekly dataset alone
        ("nsa", None),  # unknown to social care
    ],
)
def test_disability_is_what_social_care_last_said(annex: Warehouse, name: str, disability: str | None) -> None:
    assert planned(annex, name)["disability"] == disability


def test_a_child_social_care_does_nothing_for_is_not_known_to_it(annex: Warehouse) -> None:
    row = planned(annex, "plain")
    assert (row["known_to_social_care"], row["social_care_team"]) == ("No", None)


def test_a_pupil_on_sen_support_has_the_need_of_the_last_census_that_tells_one(annex: Warehouse) -> None:
    assert supported(annex, "support")["sen_primary_need"] == "NSA"
    assert supported(annex, "attending")["sen_primary_need"] == "SEMH"
    assert supported(annex, "dual")["sen_primary_need"] is None


def test_suspensions_are_those_of_six_months(annex: Warehouse) -> None:
    row = supported(annex, "support")
    assert (row["suspensions"], row["permanent_exclusions"]) == (2, 1)
    assert supported(annex, "dual")["suspensions"] == 0


def test_absence_is_of_the_censuses_of_six_months_or_the_last_there_is(annex: Warehouse) -> None:
    assert supported(annex, "attending")["absence"] == 6.5
    assert supported(annex, "old-attendance")["absence"] == 25.0
    assert supported(annex, "support")["absence"] is None


def test_a_dual_registration_has_both_establishments(annex: Warehouse) -> None:
    row = supported(annex, "dual")
    assert (row["main_establishment_urn"], row["main_establishment_phase"]) == ("100", "Primary")
    assert row["subsidiary_establishment_phase"] == "Pupil referral unit/Alternative provision"
    assert supported(annex, "subsidiary-only")["main_establishment_urn"] is None


def test_who_is_on_no_roll_has_nothing_that_only_a_census_says(annex: Warehouse) -> None:
    row = planned(annex, "home")
    assert (row["suspensions"], row["absence"], row["pupil_premium"]) == (None, None, None)


def test_six_months_end_with_the_newest_census_where_that_is_older(build: Build) -> None:
    later = build(
        {
            "school_census__pupil": [summer("U-support")],
            "school_census__exclusion": [
                excluded("U-support", day) for day in (date(2024, 11, 15), date(2024, 11, 16))
            ],
        },
        as_at=date(2025, 11, 15),
    ).row("from annex_a.annex_a_list_2")
    assert later["suspensions"] == 1
    # nobody of social care has delivered, so nobody can say no
    assert (later["known_to_social_care"], later["disability"]) == (None, None)


def test_a_phase_is_in_the_words_of_annex_a(annex: Warehouse) -> None:
    told = annex.column(
        "select main_establishment_phase from annex_a.annex_a_list_2 where main_establishment_urn >= '3001' order by "
        "main_establishment_urn"
    )
    assert told == [phase for phase, _ in PHASES]
