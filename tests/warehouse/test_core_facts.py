"""What the facts of core make of the extracts: whose they are, what is open, and what had not happened by the day."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tests.warehouse.conftest import Build, Warehouse
from tests.warehouse.landed import (
    child_in_need,
    client,
    establishment,
    logged_advice,
    on_register,
    placement,
    pupil,
    visit,
    with_plans,
)

AS_AT = date(2025, 6, 30)
BEFORE, AFTER = date(2025, 6, 2), date(2025, 7, 1)
BORN = date(2014, 3, 9)
CENSUS = date(2025, 3, 31)
OF_A_REFERRAL = {"reference_date": CENSUS, "la_child_id": "S1", "referral_date": date(2024, 2, 5)}

STORY: dict[str, list[dict[str, Any]]] = with_plans("K1", upn="A1", nhs_number="9990000018", social_care_id="S1") | {
    "gias__establishment": [establishment("100"), establishment("99", close_date=BEFORE)],
    "gias__link": [
        {"urn": "99", "link_urn": urn, "link_type": kind, "link_established_date": day}
        for urn, kind, day in (
            ("98", "Predecessor", date(2010, 9, 1)),
            ("97", "Successor - merged", date(2020, 9, 1)),
            ("100", "Successor", BEFORE),
            ("101", "Successor", AFTER),
        )
    ],
    "ehc_case__placement": [placement("T1", "P-K1", urn="100")],
    "ehc_case__visit": [visit("begun", "K1", BEFORE), visit("to come", "K1", AFTER)],
    "ehc_case__awaiting_provision": [{"case_id": "K1", "since": BEFORE}, {"case_id": "K1", "since": AFTER}],
    "ehc_case__mediation_appeal": [
        {"id": "begun", "case_id": "K1", "lodged_date": BEFORE, "closed_date": AFTER, "outcome": "Upheld"},
        {"id": "to come", "case_id": "K1", "lodged_date": AFTER},
    ],
    "ehc_case__complaint": [
        {"id": "begun", "case_id": "K1", "received": BEFORE, "closed": AFTER, "upheld": True},
        {"id": "to come", "case_id": "K1", "received": AFTER},
    ],
    "ehc_case__audit": [
        {"audit_id": "begun", "plan_id": "P-K1", "date": BEFORE},
        {"audit_id": "to come", "date": AFTER},
    ],
    "ehc_case__survey_response": [{"id": "begun", "submitted": BEFORE}, {"id": "to come", "submitted": AFTER}],
    "ehc_case__caseworker": [{"id": "begun", "started": BEFORE, "left": AFTER}, {"id": "to come", "started": AFTER}],
    "school_census__pupil": [pupil("A1"), pupil("A1", census_date=date(2025, 5, 15))],
    "school_census__exclusion": [
        {"census_date": day, "laestab": "8832001", "upn": "A1", "category": "SUSP", "start_date": start, "sessions": 2}
        for day, start in (
            (date(2025, 1, 16), date(2024, 11, 4)),
            (date(2025, 5, 15), date(2024, 11, 4)),
            (date(2025, 5, 15), AFTER),
        )
    ],
    "dfe_ehc_plans__figure": [
        {"la_code": "883", "time_period": period, "indicator": indicator, "breakdown": breakdown, "value": value}
        for period, indicator, breakdown, value in (
            ("202425", "plans", "All EHC plans", 2508),
            ("202425", "plans_by_age", "age 10", 212),
            ("202425", "plans_by_age", "under 3", 4),
            ("2024", "new_plans", "New EHC plans", 320),
            ("in June", "new_plans", "New EHC plans", 7),
        )
    ],
    "nccis__client": [
        client("begun", "610", upn="A1", birth_date=BORN),
        client("begun", "230", upn="A1", birth_date=BORN, period_end=date(2025, 4, 30)),
        client("begun", "310", upn="A1", birth_date=BORN, period_end=AFTER),
    ],
    "ehe_cme__register": [
        on_register("begun", "EHE", upn="A1", closed_date=AFTER, last_visit_date=AFTER, last_seen_date=BEFORE),
        on_register("to come", "EHE", upn="A1", start_date=AFTER),
    ],
    "ofsted__inspection": [
        {"urn": "100", "inspection_start_date": date(2019, 1, 8), "overall_effectiveness": "3"},
        {
            "urn": "100",
            "inspection_start_date": date(2025, 3, 4),
            "publication_date": BEFORE,
            "quality_of_education": "2",
        },
        {"urn": "100", "inspection_start_date": date(2025, 6, 3), "publication_date": AFTER},
    ],
    "high_needs_spend__spend": [
        {"placement_id": "T1", "month": date(2025, 6, 1), "kind": "Top-up", "amount": 900},
        {"placement_id": "T1", "month": AFTER, "kind": "Top-up", "amount": 900},
        {"placement_id": "T1", "month": AFTER, "kind": "Transport", "amount": 100, "forecast": True},
    ],
    "health_advice__advice": [
        logged_advice("begun", "9990000018", returned_date=AFTER),
        logged_advice("to come", "9990000018", requested_date=AFTER),
    ],
    "continuing_care__package": [
        {"package_id": name, "nhs_number": "9990000018", "birth_date": BORN, "referral_date": day, "start_date": day}
        for name, day in (("begun", BEFORE), ("to come", AFTER))
    ],
    "early_notifications__notification": [
        {"notification_id": name, "nhs_number": "9990000018", "birth_date": BORN, "notified_date": day}
        for name, day in (("begun", BEFORE), ("to come", AFTER))
    ],
    "cin_census__child": [child_in_need("S1")],
    "cin_census__cin_episode": [
        {"reference_date": CENSUS, "la_child_id": "S1", "referral_date": day, "primary_need": "N1", **more}
        for day, more in (
            (date(2023, 5, 2), {"closure_date": date(2023, 9, 4)}),
            (date(2024, 2, 5), {"closure_reason": "RC1"}),
            (date(2025, 1, 13), {}),
        )
    ],
    "ssd__ssd_cin_episodes": [
        {"cine_referral_id": name, "cine_person_id": "S1", "cine_referral_date": day, **more}
        for name, day, more in (
            ("both, closed since", date(2024, 2, 5), {"cine_close_date": BEFORE, "cine_cin_primary_need_code": "N4"}),
            ("both", date(2025, 1, 13), {"cine_close_date": AFTER}),
            ("new", BEFORE, {"cine_cin_primary_need_code": "N2"}),
            ("to come", AFTER, {}),
        )
    ]
    + [{"cine_referral_id": "of nobody", "cine_person_id": "S9", "cine_referral_date": BEFORE}],
    "cin_census__child_protection_plan": [
        {
            "reference_date": CENSUS,
            "la_child_id": "S1",
            "referral_date": date(2025, 1, 13),
            "start_date": date(2025, 2, 3),
            "initial_category": "NEG",
            "latest_category": "NEG",
            "previous_plans": 1,
        }
    ],
    "cin_census__assessment": [
        {**OF_A_REFERRAL, "start_date": BEFORE, "authorisation_date": AFTER},
        {**OF_A_REFERRAL, "start_date": AFTER},
    ],
    "cin_census__cin_plan": [
        {**OF_A_REFERRAL, "reference_date": date(2024, 3, 31), "start_date": date(2024, 1, 8)},
        {**OF_A_REFERRAL, "reference_date": date(2024, 3, 31), "start_date": BEFORE, "end_date": BEFORE},
        {**OF_A_REFERRAL, "start_date": BEFORE, "end_date": AFTER},
        {**OF_A_REFERRAL, "start_date": AFTER},
    ],
    "cin_census__section_47": [
        {**OF_A_REFERRAL, "start_date": BEFORE, "conference_target_date": AFTER, "initial_conference_date": AFTER},
        {**OF_A_REFERRAL, "start_date": AFTER},
    ],
    "cin_census__child_protection_review": [
        {"reference_date": CENSUS, "la_child_id": "S1", "plan_start_date": date(2025, 2, 3), "review_date": day}
        for day in (BEFORE, AFTER)
    ],
    "ssda903__review": [{"child": "S1", "review_date": day, "review_code": "PN1"} for day in (BEFORE, AFTER)],
    "ssda903__missing": [
        {"child": "S1", "kind": "M", "missing_from": BEFORE, "missing_to": AFTER},
        {"child": "S1", "kind": "A", "missing_from": AFTER},
    ],
    "ssd__ssd_involvements": [
        {
            "invo_involvements_id": name,
            "invo_person_id": "S1",
            "invo_professional_id": "W1",
            "invo_involvement_start_date": day,
            "invo_involvement_end_date": AFTER,
        }
        for name, day in (("begun", BEFORE), ("to come", AFTER))
    ],
    "improvement_plan__action": [{"action_id": name, "area": "A", "action": "Mend it"} for name in ("A1", "A2")],
    "improvement_plan__rating": [
        {"action_id": "A1", "rated_date": day, "rating": rating}
        for day, rating in ((date(2025, 1, 6), "red"), (BEFORE, "amber"), (AFTER, "green"))
    ],
    "targets__target": [{"indicator": "plans_in_time", "period_start": AFTER, "target": 60, "amber_from": 50}],
    "term_dates__term": [{"start_date": AFTER, "end_date": AFTER, "academic_year": "2024/25"}],
    "la_codes__local_authority": [{"la_code": "883", "la_name": "Thurrock", "gss_code": "E06000034"}],
    "ssd__ssd_cp_plans": [
        {
            "cppl_cp_plan_id": name,
            "cppl_person_id": "S1",
            "cppl_referral_id": referral,
            "cppl_cp_plan_start_date": day,
            "cppl_cp_plan_end_date": end,
            "cppl_cp_plan_latest_category": "EMO",
        }
        for name, referral, day, end in (
            ("both", "both", date(2025, 2, 3), BEFORE),
            ("new", "new", BEFORE, None),
            ("to come", None, AFTER, None),
        )
    ],
    "ssda903__header": [{"child": "S1", "birth_date": BORN}],
    "ssda903__episode": [
        {"child": "S1", "start_date": date(2024, 3, 4), "start_reason": "S", "legal_status": "C1"},
        {"child": "S1", "start_date": date(2024, 9, 2), "start_reason": "P", "legal_status": "C2"},
        {"child": "S1", "start_date": date(2024, 9, 2), "start_reason": "S", "end_date": date(2024, 9, 2)},
    ],
    "ssd__ssd_person": [{"pers_person_id": "S1", "pers_dob": BORN}],
    "ssd__ssd_cla_episodes": [
        {
            "clae_cla_episode_id": "E1",
            "clae_person_id": "S1",
            "clae_cla_episode_start_date": date(2024, 3, 4),
            "clae_cla_episode_ceased_date": date(2024, 9, 2),
        },
        {"clae_cla_episode_id": "E2", "clae_person_id": "S1", "clae_cla_episode_start_date": BEFORE},
        {"clae_cla_episode_id": "E3", "clae_person_id": "S1", "clae_cla_episode_start_date": AFTER},
        {
            "clae_cla_episode_id": "E4",
            "clae_person_id": "S1",
            "clae_cla_episode_start_date": BEFORE,
            "clae_cla_episode_ceased_date": BEFORE,
        },
    ],
    "short_breaks__break": [
        {"social_care_id": "S1", "service": "begun", "start_date": BEFORE, "end_date": AFTER},
        {"social_care_id": "S1", "service": "to come", "start_date": AFTER},
    ],
    "youth_justice__intervention": [
        {"intervention_id": "begun", "person_id": "J1", "birth_date": BORN, "start_date": BEFORE},
        {"intervention_id": "to come", "person_id": "J1", "birth_date": BORN, "start_date": AFTER},
    ],
    "attainment__result": [
        {"academic_year": "2023/24", "key_stage": "KS2", "upn": "A1", "subject": "Reading", "birth_date": BORN},
        {"academic_year": "2024/25", "key_stage": "KS2", "upn": "A1", "subject": "Reading", "birth_date": BORN},
        {"academic_year": "2023/24", "key_stage": "KS2", "upn": "A9", "subject": "Reading"},
        {"academic_year": "2023/24", "key_stage": "KS1", "upn": "A1", "subject": "x", "birth_date": date(2010, 1, 1)},
    ],
}


@pytest.fixture(scope="module")
def story(build: Build) -> Warehouse:
    return build(STORY, as_at=AS_AT)


BEGUN = [
    ("fct_visit", "visit_id"),
    ("fct_mediation_appeal", "mediation_appeal_id"),
    ("fct_complaint", "complaint_id"),
    ("fct_audit", "audit_id"),
    ("fct_ehe_cme", "register_id"),
    ("fct_health_advice", "advice_ref"),
    ("fct_continuing_care", "package_id"),
    ("fct_early_notification", "notification_id"),
    ("fct_short_break", "service"),
    ("fct_involvement", "involvement_id"),
]


@pytest.mark.parametrize(("fact", "key"), BEGUN)
def test_a_record_that_begins_later_does_not_exist_and_the_others_are_the_childs(
    story: Warehouse, fact: str, key: str
) -> None:
    child_id = story.row("select child_id from core.dim_child where case_id = 'K1'")["child_id"]
    assert story.rows(f"select {key} as key, child_id from core.{fact}") == [{"key": "begun", "child_id": child_id}]


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ("fct_survey_response", "survey_response_id"),
        ("dim_caseworker", "caseworker_id"),
        ("fct_youth_justice", "intervention_id"),
    ],
)
def test_what_is_of_no_known_child_is_cut_at_the_day_too(story: Warehouse, table: str, key: str) -> None:
    assert story.column(f"select {key} from core.{table}") == ["begun"]


@pytest.mark.parametrize(
    "fact",
    [
        "fct_mediation_appeal",
        "fct_complaint",
        "fct_ehe_cme",
        "fct_continuing_care",
        "fct_short_break",
        "fct_involvement",
    ],
)
def test_what_ends_later_is_open(story: Warehouse, fact: str) -> None:
    assert story.column(f"select is_open from core.{fact}") == [True]


def test_an_outcome_that_comes_later_is_not_known(story: Warehouse) -> None:
    assert story.column("select outcome from core.fct_mediation_appeal") == [None]
    assert story.column("select is_upheld from core.fct_complaint") == [None]
    assert story.column("select returned_date from core.fct_health_advice") == [None]


def test_a_caseworker_who_leaves_later_is_at_work(story: Warehouse) -> None:
    assert story.row("select left_date, is_at_work from core.dim_caseworker") == {"left_date": None, "is_at_work": True}


def test_last_seen_is_the_latest_day_that_has_come(story: Warehouse) -> None:
    row = story.row("select last_visit_date, last_seen_date from core.fct_ehe_cme")
    assert row == {"last_visit_date": None, "last_seen_date": BEFORE}


def test_an_exclusion_that_two_censuses_report_is_one(story: Warehouse) -> None:
    row = story.row(
        "select start_date, sessions_lost, census_date, child_id is not null as is_known from core.fct_exclusion"
    )
    assert row == {
        "start_date": date(2024, 11, 4),
        "sessions_lost": 2,
        "census_date": date(2025, 5, 15),
        "is_known": True,
    }


def test_the_latest_month_reported_by_the_day_is_marked(story: Warehouse) -> None:
    rows = story.rows("select activity_code, is_neet from core.fct_post_16_activity where is_latest")
    assert rows == [{"activity_code": "610", "is_neet": True}]


def test_an_inspection_counts_from_its_report(story: Warehouse) -> None:
    rows = story.rows(
        "select inspection_start_date as day, is_below_good, is_latest from core.fct_inspection order by day"
    )
    assert rows == [
        {"day": date(2019, 1, 8), "is_below_good": True, "is_latest": False},
        {"day": date(2025, 3, 4), "is_below_good": False, "is_latest": True},
    ]


def test_spend_of_months_to_come_is_forecast_only(story: Warehouse) -> None:
    rows = story.rows("select spend_kind, is_forecast, establishment_urn from core.fct_high_needs_spend order by 1")
    assert rows == [
        {"spend_kind": "Top-up", "is_forecast": False, "establishment_urn": "100"},
        {"spend_kind": "Transport", "is_forecast": True, "establishment_urn": "100"},
    ]


def test_an_episode_that_the_return_and_the_dataset_hold_is_one_and_each_adds_what_it_knows(story: Warehouse) -> None:
    rows = story.rows(
        "select start_date, end_date, legal_status, is_open, source_extract "
        "from core.fct_looked_after_episode order by start_date"
    )
    assert [tuple(row.values()) for row in rows] == [
        (date(2024, 3, 4), date(2024, 9, 2), "C1", False, "ssda903"),
        (date(2024, 9, 2), None, "C2", True, "ssda903"),
        (BEFORE, None, None, True, "ssd"),
    ]


@pytest.mark.parametrize("start", [date(2024, 9, 2), BEFORE], ids=["of the return", "of the dataset"])
def test_of_two_episodes_begun_on_one_day_the_open_one_counts(story: Warehouse, start: date) -> None:
    row = story.row("select end_date, is_open from core.fct_looked_after_episode where start_date = ?", start)
    assert row == {"end_date": None, "is_open": True}


def test_a_child_in_need_of_the_census_and_of_the_dataset_is_one_episode_and_the_dataset_knows_first_that_it_ended(
    story: Warehouse,
) -> None:
    rows = story.rows(
        "select referral_date, primary_need, closure_date, is_open, source_extract, child_id is not null as is_known "
        "from core.fct_cin_episode order by referral_date, social_care_id"
    )
    assert [tuple(row.values()) for row in rows] == [
        (date(2023, 5, 2), "N1", date(2023, 9, 4), False, "cin_census", True),
        (date(2024, 2, 5), "N1", BEFORE, False, "cin_census", True),
        (date(2025, 1, 13), "N1", None, True, "cin_census", True),
        (BEFORE, "N2", None, True, "ssd", True),
        (BEFORE, None, None, True, "ssd", False),
    ]


def test_a_protection_plan_of_the_census_and_of_the_dataset_is_one(story: Warehouse) -> None:
    rows = story.rows(
        "select start_date, referral_date, end_date, initial_category, latest_category, previous_plans, is_open, "
        "source_extract from core.fct_child_protection_plan order by start_date"
    )
    assert [tuple(row.values()) for row in rows] == [
        (date(2025, 2, 3), date(2025, 1, 13), BEFORE, "NEG", "EMO", 1, False, "cin_census"),
        (BEFORE, BEFORE, None, None, "EMO", None, True, "ssd"),
    ]


@pytest.mark.parametrize(
    ("fact", "begin"),
    [
        ("fct_cin_assessment", "start_date"),
        ("fct_section_47", "start_date"),
        ("fct_child_protection_review", "review_date"),
        ("fct_looked_after_review", "review_date"),
        ("fct_missing_episode", "missing_from_date"),
    ],
)
def test_what_social_care_did_later_does_not_exist_and_the_rest_is_the_childs(
    story: Warehouse, fact: str, begin: str
) -> None:
    child_id = story.row("select child_id from core.dim_child where case_id = 'K1'")["child_id"]
    assert story.rows(f"select {begin} as begun, child_id from core.{fact}") == [
        {"begun": BEFORE, "child_id": child_id}
    ]


def test_what_social_care_ended_later_is_not_known(story: Warehouse) -> None:
    assessment = story.row("select authorisation_date, is_authorised from core.fct_cin_assessment")
    assert assessment == {"authorisation_date": None, "is_authorised": False}
    enquiry = story.row("select conference_target_date, initial_conference_date from core.fct_section_47")
    assert enquiry == {"conference_target_date": AFTER, "initial_conference_date": None}
    assert story.row("select missing_to_date, is_open from core.fct_missing_episode") == {
        "missing_to_date": None,
        "is_open": True,
    }


def test_a_plan_of_a_child_in_need_is_as_the_latest_census_has_it_and_one_that_dropped_out_is_not_open(
    story: Warehouse,
) -> None:
    rows = story.rows("select start_date, end_date, is_open, census_reference_date from core.fct_cin_plan order by 1")
    assert [tuple(row.values()) for row in rows] == [
        (date(2024, 1, 8), None, False, date(2024, 3, 31)),
        (BEFORE, None, True, CENSUS),
    ]


def test_an_action_has_its_latest_rating_by_the_day(story: Warehouse) -> None:
    rows = story.rows("select action_id, latest_rating, latest_rated_date from core.fct_improvement_action order by 1")
    assert [tuple(row.values()) for row in rows] == [("A1", "amber", BEFORE), ("A2", None, None)]
    assert story.column("select rating from core.fct_improvement_rating order by rated_date") == ["red", "amber"]


def test_what_is_set_ahead_is_there_before_its_day(story: Warehouse) -> None:
    assert story.rows("select indicator, period_start_date, target from core.fct_target") == [
        {"indicator": "plans_in_time", "period_start_date": AFTER, "target": 60}
    ]
    assert story.column("select start_date from core.dim_term") == [AFTER]
    assert story.column("select la_name from core.dim_local_authority") == ["Thurrock"]


def test_a_school_that_closed_names_the_latest_that_took_over_by_the_day(story: Warehouse) -> None:
    rows = story.rows("select urn, successor_urn from core.dim_establishment order by urn")
    assert [tuple(row.values()) for row in rows] == [("100", None), ("99", "100")]


def test_results_exist_from_july_of_their_year(story: Warehouse, build: Build) -> None:
    years = "select distinct academic_year from core.fct_attainment order by 1"
    assert story.column(years) == ["2023/24"]
    assert build(STORY, as_at=AFTER).column(years) == ["2023/24", "2024/25"]


def test_a_result_belongs_to_the_one_child_with_its_upn_and_birth_date(story: Warehouse) -> None:
    rows = story.rows("select upn, key_stage, child_id is not null as is_known from core.fct_attainment order by 1, 2")
    assert [tuple(row.values()) for row in rows] == [("A1", "KS1", False), ("A1", "KS2", True), ("A9", "KS2", False)]


def test_every_fact_holds_its_records_whichever_day_is_asked(build: Build, story: Warehouse) -> None:
    later = build(STORY, as_at=date(2025, 12, 31))
    for fact, _ in BEGUN:
        (now,) = story.column(f"select count(*) from core.{fact}")
        (then,) = later.column(f"select count(*) from core.{fact}")
        assert (now, then) == (1, 2), fact


def test_a_published_figure_is_of_the_return_it_comes_of_and_of_an_age_or_all(story: Warehouse) -> None:
    assert story.rows(
        "select return_year, indicator, age, value::integer as value from core.fct_published_figure order by all"
    ) == [
        {"return_year": 2025, "indicator": "new_plans", "age": "all", "value": 320},
        {"return_year": 2025, "indicator": "plans", "age": "all", "value": 2508},
        {"return_year": 2025, "indicator": "plans_by_age", "age": "10", "value": 212},
        {"return_year": 2025, "indicator": "plans_by_age", "age": "under 3", "value": 4},
    ]
