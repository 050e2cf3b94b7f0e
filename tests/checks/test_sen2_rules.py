"""Every rule on the SEN2 return: what it finds and what just does not break it. One change to the clean return each."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import yaml

from checks.findings import capture_findings
from checks.gates import RETURN_GATES, decide_gates, read_gates
from checks.rules import CONTRACTS, RETURN_LAYER, Rule, read_contracts, return_contract_paths
from checks.verification import Outcome, RuleResult, verify_contracts
from returns.surveys import SURVEYS
from tests.checks.returned import (
    CLOSED,
    COLLEGE,
    COLUMNS,
    LINEAGE,
    MAINSTREAM,
    OTHER_ULN,
    SPECIAL,
    ULN,
    WITH_PROVISION,
    WITH_UNIT,
    Step,
    add,
    change,
    children,
    earlier,
    figure,
    make_return,
    register,
    remove,
    today,
)

Connection = duckdb.DuckDBPyConnection
Steps = tuple[Step, ...]
Case = tuple[Steps, Steps]
"""What breaks the rule, and what just does not."""

MODELS = CONTRACTS.parents[1] / "dbt_project" / "models"

header, person, request, assessment, plan, active = (
    partial(change, f"sen2_{table}")
    for table in ("header", "person", "requests", "assessment", "named_plan", "active_plans")
)
need = partial(change, "sen2_sen_need", "sen_need_number = 1")
named = partial(change, "sen2_plan_detail", "plan_detail_number = 1")
placement = partial(change, "sen2_placement_detail", "placement_detail_number = 1")
NO_PLAN = remove("sen2_named_plan")
NO_ASSESSMENT = remove("sen2_assessment")
NOT_ACTIVE = remove("sen2_active_plans")
CEASED = plan(cease_date="2026-12-31", cease_reason=2)
BORN_16 = person(person_birth_date="2011-01-21")
BORN_15 = person(person_birth_date="2011-01-22")


LAST_YEARS_PLANS = earlier(range(1, 21), sen2_named_plan={"start_date": "2025-07-07"})
EXCEPTIONS = (LAST_YEARS_PLANS, children(range(2, 11), sen2_assessment={"week20": True}), children(range(11, 21)))
NIEO = {"urn": None, "sen_setting": "NIEO"}


def case(breaking: Step | Steps, near: Step | Steps) -> Case:
    return tuple(step if isinstance(step, tuple) else (step,) for step in (breaking, near))  # type: ignore[return-value]


HEADER: dict[str, Case] = {
    "header_not_single": case(add("sen2_header", year=2026), header(year=2026)),
    "collection_not_sen2": case(header(collection="SEN"), header(collection="SEN2")),
    "year_not_of_reference_date": case(header(year=2026), (header(reference_date="2026-11-02"))),
    "reference_date_not_survey_day": case(
        header(reference_date="2027-01-14"), (header(reference_date="2027-01-14"), today("2027-01-14"))
    ),
    "built_before_survey_day": case(header(reference_date="2027-01-20"), header(reference_date="2027-01-21")),
    "source_level_not_local_authority": case(header(source_level="S"), header(source_level="L")),
    "lea_not_a_code": case(header(lea="88"), header(lea="941")),
    "designated_officer_not_stated": case(header(dco=None), header(dmo="No", dco="No")),
    "social_care_officer_not_stated": case(header(dsco=None), header(dsco=None, year=2024)),
    "return_empty": case(remove("sen2_person"), change("sen2_person", surname="Other")),
    "new_plans_all_exceptions": case(
        (children(range(2, 7), sen2_assessment={"week20": True}), children(range(7, 11))),
        (children(range(2, 6), sen2_assessment={"week20": True}), children(range(6, 11))),
    ),
    "no_review_decision_date": case(
        (children(range(2, 11)), active(last_review=None)),
        (children(range(2, 11)), active("requests_id <> 'R1'", last_review=None)),
    ),
    "no_review_meeting": case(
        (children(range(2, 11)), plan(start_date="2026-01-20"), active(review_meeting=None, last_review=None)),
        (children(range(2, 11)), plan(start_date="2026-01-21"), active(review_meeting=None, last_review=None)),
    ),
    "placements_missing_for_many": case(
        children(range(2, 7), without=["sen2_placement_detail"]),
        children(range(2, 6), without=["sen2_placement_detail"]),
    ),
    "needs_missing_for_many": case(
        children(range(2, 7), without=["sen2_sen_need"]), children(range(2, 6), without=["sen2_sen_need"])
    ),
    "cease_reason_other_for_many": case(
        (children(range(2, 7), sen2_named_plan={"cease_date": "2026-12-01", "cease_reason": 9})),
        (children(range(2, 6), sen2_named_plan={"cease_date": "2026-12-01", "cease_reason": 9})),
    ),
    "request_source_other_for_many": case(
        children(range(2, 7), sen2_requests={"request_source": 5}),
        children(range(2, 6), sen2_requests={"request_source": 5}),
    ),
    "out_of_education_for_many": case(
        children(range(2, 12), sen2_placement_detail={"urn": None, "sen_setting": "NEET"}),
        children(range(2, 11), sen2_placement_detail={"urn": None, "sen_setting": "NEET"}),
    ),
    "review_dates_missing_for_many": case(
        (children(range(2, 11)), active("person_id <= 'P4'", last_review=None)),
        (children(range(2, 11)), active("person_id <= 'P3'", last_review=None)),
    ),
    "no_new_plan": case(
        (children(range(2, 51)), plan(start_date="2025-12-31")),
        (children(range(2, 51)), plan("requests_id <> 'R1'", start_date="2025-12-31")),
    ),
    "no_request": case(
        (children(range(2, 51)), request(received_date="2025-12-31")),
        (children(range(2, 51)), request("requests_id <> 'R1'", received_date="2025-12-31")),
    ),
    "ethnicity_missing_for_many": case(
        (children(range(2, 11)), person(ethnicity="NOBT")),
        (children(range(2, 11)), person("person_id <> 'P1'", ethnicity="NOBT")),
    ),
    "need_other_for_many": case(
        (children(range(2, 6)), need(sen_type="OTH")), (children(range(2, 5)), need(sen_type="OTH"))
    ),
    "work_based_for_many": case(
        (children(range(2, 11)), placement(wbp="A")), (children(range(2, 10)), placement(wbp="A"))
    ),
    "active_plans_unlike_last_year": case(earlier(range(1, 12)), earlier(range(1, 11))),
    "requests_unlike_last_year": case(
        earlier(range(1, 12), sen2_requests={"received_date": "2025-03-03"}),
        (
            earlier(range(1, 11), sen2_requests={"received_date": "2025-03-03"}),
            earlier(range(11, 31), sen2_requests={"received_date": "2024-12-31"}),
        ),
    ),
    "new_plans_unlike_last_year": case(
        earlier(range(1, 12), sen2_named_plan={"start_date": "2025-07-07"}),
        (
            earlier(range(1, 11), sen2_named_plan={"start_date": "2025-07-07"}),
            earlier(range(11, 31), sen2_named_plan={"start_date": "2024-12-31"}),
        ),
    ),
    "ceased_plans_unlike_last_year": case(
        earlier(range(1, 11), sen2_named_plan={"cease_date": "2025-07-07"}),
        earlier(range(1, 10), sen2_named_plan={"cease_date": "2025-07-07"}),
    ),
    "exceptions_unlike_last_year": case(
        (*EXCEPTIONS, assessment("requests_id = 'R1'", week20=True)),
        EXCEPTIONS,
    ),
    "out_of_education_unlike_last_year": case(
        (earlier(range(1, 21)), children(range(2, 12), sen2_placement_detail=NIEO)),
        (earlier(range(1, 21)), children(range(2, 11), sen2_placement_detail=NIEO)),
    ),
    "placements_missing_unlike_last_year": case(
        (earlier(range(1, 21)), children(range(2, 12), without=["sen2_placement_detail"])),
        (earlier(range(1, 21)), children(range(2, 11), without=["sen2_placement_detail"])),
    ),
    "active_plans_unlike_published": case(figure("plans", 11), figure("plans", 10)),
    "requests_unlike_published": case(figure("requests", 11), figure("requests", 10)),
    "new_plans_unlike_published": case(figure("new_plans", 11), figure("new_plans", 10)),
    "needs_unlike_published": case(
        (children(range(2, 101)), figure("need_asd", 95), figure("need_slcn", 5)),
        (children(range(2, 101)), figure("need_asd", 951), figure("need_slcn", 49)),
    ),
    "ages_unlike_published": case(
        (children(range(2, 101)), figure("plans_by_age", 95, age="15"), figure("plans_by_age", 5, age="20")),
        (children(range(2, 101)), figure("plans_by_age", 951, age="11"), figure("plans_by_age", 49, age="under 3")),
    ),
    "placements_unlike_published": case(
        (children(range(2, 101)), figure("plans_mainstream", 95), figure("plans_special", 5)),
        (children(range(2, 101)), figure("plans_mainstream", 951), figure("plans_special", 49)),
    ),
}

PERSON: dict[str, Case] = {
    "row_repeated": case(add("sen2_person"), add("sen2_person", person_id="P2")),
    "person_name_missing": case(person(forename=" "), person(forename="-")),
    "birth_date_missing": case(person(person_birth_date=None), person(person_birth_date="2027-01-21")),
    "birth_date_after_reference_date": case(
        person(person_birth_date="2027-01-22"), person(person_birth_date="2027-01-21")
    ),
    "person_aged_over_25": case(person(person_birth_date="2000-08-31"), person(person_birth_date="2000-09-01")),
    "person_aged_25": case(person(person_birth_date="2001-08-31"), person(person_birth_date="2001-09-01")),
    "sex_invalid": case(person(sex="U"), (person(sex=None), header(year=2023))),
    "ethnicity_invalid": case(person(ethnicity="WENG"), person(ethnicity="NOBT")),
    "postcode_missing": case(person(post_code=None), person(post_code="ZZ99 3VZ")),
    "postcode_not_uk": case(person(post_code="RM17 6S"), person(post_code="rm176sl")),
    "upn_invalid": case(person(upn="A883200512001"), person(upn=None)),
    "uln_invalid": case(person(unique_learner_number="1000000028"), person(unique_learner_number=OTHER_ULN)),
    "identifier_missing": case(
        person(upn=None, unique_learner_number=None), person(upn=None, unique_learner_number=None, upn_unknown="UN8")
    ),
    "identifier_reason_needless": case(
        person(upn_unknown="UN8"), person(upn=None, unique_learner_number=None, upn_unknown="UN8")
    ),
    "identifier_reason_invalid": case(person(upn_unknown="UN4"), person(upn_unknown="UN5")),
    "no_number_since_under_6_of_older": case(
        person(upn_unknown="UN1", person_birth_date="2021-01-21"),
        person(upn_unknown="UN1", person_birth_date="2021-01-22"),
    ),
    "no_number_aged_6_and_over": case(
        person(upn=None, unique_learner_number=None, person_birth_date="2021-01-21"),
        person(upn=None, unique_learner_number=None, person_birth_date="2021-01-22"),
    ),
    "no_number_as_young_person_of_child": case(
        (person(upn_unknown="UN9"), BORN_15), (person(upn_unknown="UN9"), BORN_16)
    ),
    "no_number_as_ended_with_active_plan": case(person(upn_unknown="UN10"), (person(upn_unknown="UN10"), NOT_ACTIVE)),
    "upn_repeated": case(
        (children([2]), person(upn="G883200512001")), (children([2]), person(upn=None, unique_learner_number=None))
    ),
    "uln_repeated": case(
        (children([2]), person(unique_learner_number=ULN)),
        (children([2]), person("person_id = 'P2'", unique_learner_number=OTHER_ULN)),
    ),
    "person_returned_twice": case(
        (children([2]), person(surname="Abara")),
        (children([2]), person(surname="Abara"), person("person_id = 'P2'", post_code="RM17 6SZ")),
    ),
    "person_without_request": case(remove("sen2_requests"), request(request_outcome="H")),
    "person_changed_since_last_year": case(
        earlier(sen2_person={"person_birth_date": "2011-05-02"}),
        (earlier(sen2_person={"upn": None}), earlier([1], sen2_person={"person_birth_date": "2011-05-02"})),
    ),
    "identifier_changed_since_last_year": case(
        earlier(sen2_person={"upn": "A883000000001"}),
        earlier(sen2_person={"upn": "A883000000001", "forename": "Ifeoma"}),
    ),
}

TRANSFERRED = active(transfer_la="301")
HISTORICAL = request(request_outcome="H", request_outcome_date=None)
REQUESTS: dict[str, Case] = {
    "row_repeated": case(add("sen2_requests"), add("sen2_requests", requests_id="R2")),
    "request_of_nobody": case(remove("sen2_person"), children([2])),
    "received_date_missing": case(request(received_date=None), (HISTORICAL, request(received_date=None))),
    "historical_request_without_received_date": case((HISTORICAL, request(received_date=None)), HISTORICAL),
    "received_after_reference_date": case(request(received_date="2027-01-22"), request(received_date="2027-01-21")),
    "received_before_birth": case(request(received_date="2011-04-30"), request(received_date="2011-05-01")),
    "received_after_period": case(
        (request(received_date="2027-01-01"), NOT_ACTIVE), (request(received_date="2026-12-31"), NOT_ACTIVE)
    ),
    "request_source_missing": case(request(request_source=None), (request(request_source=None), header(year=2025))),
    "request_source_invalid": case(request(request_source=6), request(request_source=5)),
    "request_outcome_missing": case(request(request_outcome=None), request(request_outcome="A")),
    "request_outcome_invalid": case(request(request_outcome="S"), request(request_outcome="W")),
    "request_decided_without_date": case(request(request_outcome_date=None), HISTORICAL),
    "request_undecided_with_date": case(
        request(request_outcome="A"), request(request_outcome="A", request_outcome_date=None)
    ),
    "request_date_not_wanted": case(
        request(request_outcome="W"), request(request_outcome="W", request_outcome_date=None)
    ),
    "request_outcome_before_received": case(
        request(request_outcome_date="2026-01-11"), request(request_outcome_date="2026-01-12")
    ),
    "request_outcome_after_reference_date": case(
        request(request_outcome_date="2027-01-22"), request(request_outcome_date="2027-01-21")
    ),
    "request_undecided_over_6_weeks": case(
        request(request_outcome="A", received_date="2026-12-09"),
        request(request_outcome="A", received_date="2026-12-10"),
    ),
    "request_outcome_not_historical": case(
        request(request_outcome_date="2025-12-31"), request(request_outcome_date="2026-01-01")
    ),
    "historical_request_of_period": case(
        (HISTORICAL, request(received_date="2026-01-01")), (HISTORICAL, request(received_date="2025-12-31"))
    ),
    "historical_request_alone": case((HISTORICAL, NO_ASSESSMENT, NOT_ACTIVE), (HISTORICAL, NO_ASSESSMENT)),
    "request_not_agreed_with_assessment": case(
        request(request_outcome="N"), request(request_outcome="N", request_tribunal=True)
    ),
    "request_refused_then_assessed": case(
        request(request_outcome="N", request_mediation=True),
        (request(request_outcome="N", request_mediation=True), NO_ASSESSMENT),
    ),
    "request_agreed_without_assessment": case(NO_ASSESSMENT, (NO_ASSESSMENT, request(exported="301"))),
    "request_agreed_with_dispute": case(
        request(request_tribunal=True), request(request_tribunal=True, request_outcome="N")
    ),
    "request_flag_missing": case(
        request(rya=None), request(request_outcome="W", rya=None, request_mediation=None, request_tribunal=None)
    ),
    "person_with_two_open_requests": case(
        (add("sen2_requests", requests_id="R2"), request(request_outcome="A")),
        (add("sen2_requests", requests_id="R2"), request("requests_id = 'R2'", request_outcome="A")),
    ),
    "request_returned_twice": case(
        add("sen2_requests", requests_id="R2"), add("sen2_requests", requests_id="R2", received_date="2026-01-13")
    ),
    "exported_to_own_authority": case(request(exported="883"), request(exported="882")),
    "exported_not_a_code": case(request(exported="E06000034"), request(exported="883")),
    "exported_with_plan": case(request(exported="301"), (request(exported="301"), NO_PLAN)),
    "open_request_gone_since_last_year": case(
        earlier(sen2_requests={"request_outcome": "A", "received_date": "2025-12-01"}),
        (
            earlier(sen2_requests={"request_outcome": "A"}),
            earlier([1], sen2_requests={"request_outcome": "N", "received_date": "2025-12-01"}),
        ),
    ),
}

ASSESSMENT: dict[str, Case] = {
    "row_repeated": case(add("sen2_assessment"), add("sen2_assessment", requests_id="R2")),
    "assessment_without_request": case(request(person_id="P2"), children([2])),
    "assessment_outcome_missing": case(assessment(assessment_outcome=None), assessment(assessment_outcome="A")),
    "assessment_outcome_invalid": case(assessment(assessment_outcome="X"), assessment(assessment_outcome="S")),
    "assessment_refused_without_date": case(
        assessment(assessment_outcome="N", assessment_outcome_date=None), assessment(assessment_outcome="N")
    ),
    "assessment_issued_without_date": case(
        assessment(assessment_outcome_date=None), (assessment(assessment_outcome_date=None), NO_PLAN)
    ),
    "assessment_undecided_with_date": case(
        assessment(assessment_outcome="A"), assessment(assessment_outcome="A", assessment_outcome_date=None)
    ),
    "assessment_date_not_wanted": case(
        assessment(assessment_outcome="H"), assessment(assessment_outcome="H", assessment_outcome_date=None)
    ),
    "assessment_outcome_before_request_outcome": case(
        assessment(assessment_outcome_date="2026-02-09"), assessment(assessment_outcome_date="2026-02-10")
    ),
    "assessment_outcome_after_reference_date": case(
        assessment(assessment_outcome_date="2027-01-22"), assessment(assessment_outcome_date="2027-01-21")
    ),
    "assessment_issued_without_plan": case(NO_PLAN, (NO_PLAN, assessment(assessment_outcome_date=None))),
    "assessment_not_issued_with_plan": case(
        assessment(assessment_outcome="N"), assessment(assessment_outcome="N", assessment_tribunal=True)
    ),
    "assessment_refused_then_issued": case(
        assessment(assessment_outcome="N", assessment_tribunal=True),
        (assessment(assessment_outcome="N", assessment_tribunal=True), NO_PLAN),
    ),
    "assessed_elsewhere_without_transfer": case(
        assessment(assessment_outcome="S"), (assessment(assessment_outcome="S"), TRANSFERRED)
    ),
    "transferred_assessment_not_historical": case(TRANSFERRED, (TRANSFERRED, assessment(assessment_outcome="H"))),
    "assessment_refused_after_16_weeks": case(
        assessment(assessment_outcome="N", assessment_outcome_date="2026-05-05"),
        assessment(assessment_outcome="N", assessment_outcome_date="2026-05-04"),
    ),
    "assessment_undecided_over_20_weeks": case(
        (assessment(assessment_outcome="A"), request(received_date="2026-09-02")),
        (assessment(assessment_outcome="A"), request(received_date="2026-09-03")),
    ),
    "exception_within_20_weeks": case(
        (assessment(week20=True), plan(start_date="2026-06-01")),
        (assessment(week20=True), plan(start_date="2026-06-02")),
    ),
    "assessment_flag_missing": case(assessment(week20=None), assessment(week20=None, assessment_outcome="N")),
    "assessment_agreed_with_dispute": case(
        assessment(assessment_mediation=True), assessment(other_mediation=True, other_tribunal=True)
    ),
    "assessment_outcome_not_historical": case(
        assessment(assessment_outcome_date="2025-12-31"), assessment(assessment_outcome_date="2026-01-01")
    ),
    "historical_assessment_without_plan": case(
        (assessment(assessment_outcome="H"), NO_PLAN), assessment(assessment_outcome="H")
    ),
    "historical_assessment_with_new_plan": case(
        (assessment(assessment_outcome="H"), plan(start_date="2026-01-01")),
        (assessment(assessment_outcome="H"), plan(start_date="2025-12-31")),
    ),
}

NAMED_PLAN: dict[str, Case] = {
    "row_repeated": case(add("sen2_named_plan"), add("sen2_named_plan", requests_id="R2")),
    "plan_without_assessment": case(NO_ASSESSMENT, children([2])),
    "plan_start_missing": case(plan(start_date=None), plan(start_date="2010-01-01")),
    "plan_start_after_reference_date": case(plan(start_date="2027-01-22"), plan(start_date="2027-01-21")),
    "plan_start_before_birth": case(plan(start_date="2011-04-30"), plan(start_date="2011-05-01")),
    "plan_start_before_assessment_outcome": case(
        plan(start_date="2026-05-19"), (plan(start_date="2026-05-19"), TRANSFERRED)
    ),
    "transferred_plan_start_before_outcome": case(
        (plan(start_date="2026-05-19"), assessment(assessment_outcome="S")), assessment(assessment_outcome="S")
    ),
    "plan_start_after_issue": case(
        plan(start_date="2026-05-21"), (plan(start_date="2026-05-21"), assessment(assessment_outcome="S"))
    ),
    "plan_start_before_request": case(plan(start_date="2026-01-11"), plan(start_date="2026-01-12")),
    "plan_ceased_before_start": case(plan(cease_date="2026-05-19"), plan(cease_date="2026-05-20")),
    "plan_ceased_without_reason": case(plan(cease_date="2026-12-31"), CEASED),
    "plan_reason_without_cease_date": case(plan(cease_reason=2), CEASED),
    "cease_reason_invalid": case(plan(cease_reason=10), plan(cease_reason=1)),
    "plan_ceased_before_period": case(plan(cease_date="2025-12-31"), plan(cease_date="2026-01-01")),
    "plan_ceased_after_reference_date": case(plan(cease_date="2027-01-22"), plan(cease_date="2027-01-21")),
    "ceased_by_age_under_19": case(
        plan(cease_date="2030-04-30", cease_reason=1), plan(cease_date="2030-05-01", cease_reason=1)
    ),
    "ceased_to_higher_education_under_17": case(
        plan(cease_date="2028-04-30", cease_reason=3), plan(cease_date="2028-05-01", cease_reason=3)
    ),
    "ceased_to_work_under_16": case(
        plan(cease_date="2027-04-30", cease_reason=6), plan(cease_date="2027-05-01", cease_reason=4)
    ),
    "ceased_for_other_reason": case(plan(cease_reason=9), plan(cease_reason=8)),
    "budget_unanswered": case(plan(pb=None), plan(pb=False, oa=None)),
    "budget_items_without_budget": case(plan(pb=False), plan(pb=False, oa=False)),
    "budget_without_items": case(plan(oa=False), plan(oa=False, dp="E")),
    "plan_residential_invalid": case(plan(plan_res="C"), (plan(plan_res="C"), header(year=2024))),
    "plan_work_based_under_16": case((plan(plan_wbp="SI"), BORN_15), (plan(plan_wbp="SI"), BORN_16)),
    "plan_without_setting": case(remove("sen2_plan_detail"), remove("sen2_plan_detail", "plan_detail_number = 2")),
    "plan_with_over_2_settings": case(add("sen2_plan_detail", plan_detail_number=3), plan(pb=False)),
    "open_plan_not_active": case(NOT_ACTIVE, (NOT_ACTIVE, plan(cease_date="2027-01-21"))),
    "plan_gone_since_last_year": case(
        earlier([1]), (earlier(), earlier([1], sen2_active_plans=None), CEASED, NOT_ACTIVE)
    ),
    "plan_start_changed_since_last_year": case(
        (earlier(sen2_named_plan={"start_date": "2024-03-04"}), plan(start_date="2025-12-31")),
        (earlier(sen2_named_plan={"start_date": "2024-03-04"}), plan(start_date="2026-01-01")),
    ),
    "ceased_plan_back_since_last_year": case(
        earlier(sen2_named_plan={"cease_date": "2026-06-01"}),
        (
            earlier(sen2_named_plan={"cease_date": "2026-06-01", "start_date": "2026-05-19"}),
            earlier([1], sen2_named_plan={"cease_date": "2026-06-01"}),
        ),
    ),
}

IN_UNIT: dict[str, Any] = {"sen_unit_indicator": True}


def of_settings(prefix: str, change_one: Any) -> dict[str, Case]:
    """The rules that named settings and placements share."""
    return {
        f"{prefix}_setting_missing": case(change_one(urn=None), change_one(urn=None, sen_setting="OLA")),
        f"{prefix}_setting_several": case(change_one(sen_setting="OLA"), change_one(urn=None, sen_setting="OLA")),
        f"{prefix}_urn_malformed": case(change_one(urn="1000010"), change_one(urn=SPECIAL)),
        f"{prefix}_ukprn_malformed": case(change_one(ukprn="20000001"), change_one(ukprn="10000001")),
        f"{prefix}_urn_unknown": case(change_one(urn="100009"), change_one(urn=CLOSED)),
        f"{prefix}_setting_type_unexpected": case(change_one(urn=COLLEGE), change_one(urn=SPECIAL)),
        f"{prefix}_setting_invalid": case(change_one(sen_setting="SCH"), change_one(sen_setting="EYP")),
        f"{prefix}_setting_without_note": case(
            change_one(sen_setting="OTH"), change_one(sen_setting="OTH", sen_setting_other="Hospital at home")
        ),
        f"{prefix}_note_without_setting": case(
            change_one(sen_setting_other="Hospital"), change_one(sen_setting="NIEO", sen_setting_other="Hospital")
        ),
        f"{prefix}_unit_and_provision": case(
            change_one(**IN_UNIT, resourced_provision_indicator=True), change_one(**IN_UNIT)
        ),
        f"{prefix}_unit_flag_missing": case(
            change_one(sen_unit_indicator=None), change_one(sen_unit_indicator=None, urn=None, sen_setting="EHE")
        ),
        f"{prefix}_unit_without_school": case(
            change_one(**IN_UNIT, urn=SPECIAL), change_one(**IN_UNIT, urn=MAINSTREAM)
        ),
        f"{prefix}_unit_not_in_register": case(
            change_one(**IN_UNIT, urn=WITH_PROVISION), change_one(**IN_UNIT, urn=WITH_UNIT)
        ),
        f"{prefix}_rank_invalid": case(change_one(placement_rank=3), change_one(placement_rank=2)),
    }


PLAN_DETAIL: dict[str, Case] = {
    "row_repeated": case(add("sen2_plan_detail"), add("sen2_plan_detail", plan_detail_number=3)),
    "plan_setting_without_plan": case(NO_PLAN, children([2])),
    **of_settings("plan", named),
    "plan_setting_closed": case(named(urn=CLOSED), (named(urn=CLOSED), register(CLOSED, close_date="2027-01-22"))),
    "plan_setting_out_of_education": case(named(sen_setting="NEET"), named(sen_setting="EHE")),
    "plan_rank_repeated": case(named(placement_rank=2), named(placement_rank=1)),
    "plan_rank_2_without_1": case(
        remove("sen2_plan_detail", "placement_rank = 1"), remove("sen2_plan_detail", "placement_rank = 2")
    ),
    "plan_setting_repeated": case(named(ukprn="10000001"), named(ukprn="10000002")),
    "plan_residential_at_day_school": case(plan(plan_res="B"), (plan(plan_res="B"), named(urn=SPECIAL))),
}

NOT_Y11 = person(person_birth_date="2012-05-01")
NO_TRANSFER = active(phase_transfer_due_date=None, phase_transfer_final_date=None)
SECOND_NEED = {"sen_need_number": 3, "sen_type": "HI", "sen_type_rank": 3}
ACTIVE_PLANS: dict[str, Case] = {
    "row_repeated": case(add("sen2_active_plans"), add("sen2_active_plans", requests_id="R2")),
    "active_plan_without_request": case(remove("sen2_requests"), children([2])),
    "active_plan_without_named_plan": case(NO_PLAN, plan(requests_id="R9")),
    "ceased_plan_active": case(plan(cease_date="2027-01-21"), plan(cease_date="2027-01-22")),
    "person_with_two_active_plans": case(add("sen2_active_plans", requests_id="R2"), children([2])),
    "active_plan_without_placement": case(
        change("sen2_placement_detail", leaving_date="2027-01-20"),
        change("sen2_placement_detail", leaving_date="2027-01-21"),
    ),
    "transferred_plan_without_placement": case(
        (TRANSFERRED, remove("sen2_placement_detail")), remove("sen2_placement_detail")
    ),
    "active_plan_without_need": case(remove("sen2_sen_need"), remove("sen2_sen_need", "sen_need_number = 2")),
    "active_plan_with_over_2_needs": case(add("sen2_sen_need", **SECOND_NEED), need(sen_type="HI")),
    "transferred_from_own_authority": case(active(transfer_la="883"), active(transfer_la="882")),
    "transferred_from_not_a_code": case(active(transfer_la="Essex"), active(transfer_la="881")),
    "review_meeting_after_reference_date": case(
        active(review_meeting="2027-01-22"), active(review_meeting="2027-01-21")
    ),
    "review_decision_after_reference_date": case(active(last_review="2027-01-22"), active(last_review="2027-01-21")),
    "review_decision_before_meeting": case(active(last_review="2026-11-01"), active(last_review="2026-11-02")),
    "review_decision_after_4_weeks": case(active(last_review="2026-12-01"), active(last_review="2026-11-30")),
    "review_outcome_invalid": case(active(review_outcome="Y"), (active(review_outcome="Y"), header(year=2023))),
    "review_outcome_without_date": case(active(last_review=None), active(last_review=None, review_outcome=None)),
    "review_date_without_outcome": case(active(review_outcome=None), active(last_review=None, review_outcome=None)),
    "review_decision_without_meeting": case(
        active(review_meeting=None), active(review_meeting=None, last_review=None, review_outcome=None)
    ),
    "review_before_plan": case(active(review_meeting="2026-05-19"), active(review_meeting="2026-05-20")),
    "review_overdue": case(
        (plan(start_date="2024-05-20"), active(last_review="2026-01-20")),
        (plan(start_date="2024-05-20"), active(last_review="2026-01-21")),
    ),
    "amendment_without_draft": case(
        active(review_draft=None, review_meeting="2026-12-23"), active(review_draft=None, review_meeting="2026-12-24")
    ),
    "draft_before_review": case(active(review_draft="2026-11-01"), active(review_draft="2026-11-02")),
    "draft_without_amendment": case(active(review_outcome="M"), active(review_outcome="M", review_draft=None)),
    "ceasing_plan_still_active": case(
        active(review_outcome="C", last_review="2026-11-20"), active(review_outcome="C", last_review="2026-11-21")
    ),
    "phase_transfer_due_day_wrong": case(
        (active(phase_transfer_due_date="2027-03-01"), NOT_Y11), active(phase_transfer_due_date="2027-03-01")
    ),
    "phase_transfer_due_day_unusual": case(
        active(phase_transfer_due_date="2027-03-01"), active(phase_transfer_due_date="2027-02-15")
    ),
    "phase_transfer_due_year": case(
        active(phase_transfer_due_date="2028-03-31"), active(phase_transfer_due_date="2026-03-31")
    ),
    "phase_transfer_due_missing": case(NO_TRANSFER, (NO_TRANSFER, NOT_Y11)),
    "phase_transfer_final_without_due": case(active(phase_transfer_due_date=None), NO_TRANSFER),
    "phase_transfer_final_late": case(
        active(phase_transfer_due_date="2027-01-14"), active(phase_transfer_due_date="2027-01-15")
    ),
    "phase_transfer_final_missing": case(
        active(phase_transfer_due_date="2027-01-20", phase_transfer_final_date=None),
        active(phase_transfer_due_date="2027-01-21", phase_transfer_final_date=None),
    ),
    "phase_transfer_final_after_reference_date": case(
        active(phase_transfer_final_date="2027-01-22"), active(phase_transfer_final_date="2027-01-21")
    ),
}

SECOND_MAIN = partial(add, "sen2_placement_detail", placement_detail_number=3, urn=SPECIAL)
SAME_SCHOOL = children(range(2, 6))
PLACEMENT_DETAIL: dict[str, Case] = {
    "row_repeated": case(add("sen2_placement_detail"), SECOND_MAIN()),
    "placement_without_active_plan": case(NOT_ACTIVE, children([2])),
    **of_settings("placement", placement),
    "placement_setting_closed": case(placement(urn=CLOSED), placement(urn=CLOSED, leaving_date="2026-12-31")),
    "placement_other_before_2024": case(
        (placement(sen_setting="OTH"), header(year=2023)), (placement(sen_setting="OTH"), header(year=2024))
    ),
    "placement_two_main": case(SECOND_MAIN(), SECOND_MAIN(leaving_date="2027-01-20")),
    "placement_second_without_main": case(placement(leaving_date="2027-01-20"), placement(leaving_date="2027-01-21")),
    "placement_start_missing": case(placement(entry_date=None), placement(entry_date="2013-05-01")),
    "placement_start_after_reference_date": case(
        placement(entry_date="2027-01-22"), placement(entry_date="2027-01-21")
    ),
    "placement_end_before_start": case(placement(leaving_date="2022-08-31"), placement(leaving_date="2022-09-01")),
    "placement_end_after_reference_date": case(
        placement(leaving_date="2027-01-22"), placement(leaving_date="2027-01-21")
    ),
    "placement_start_before_age_2": case(placement(entry_date="2013-04-30"), placement(entry_date="2013-05-01")),
    "placements_overlap": case(
        SECOND_MAIN(entry_date="2020-09-01", leaving_date="2022-09-02"),
        SECOND_MAIN(entry_date="2020-09-01", leaving_date="2022-09-01"),
    ),
    "neet_under_16": case((placement(sen_setting="NEET"), BORN_15), (placement(sen_setting="NEET"), BORN_16)),
    "out_of_education_at_school_age": case(
        (placement(sen_setting="NIEO"), person(person_birth_date="2010-09-01")),
        (placement(sen_setting="NIEO"), person(person_birth_date="2010-08-31")),
    ),
    "placement_residential_invalid": case(placement(res="C"), (placement(res="C"), header(year=2024))),
    "placement_residential_at_day_school": case(placement(res="A"), placement(res="A", urn=SPECIAL)),
    "placement_work_based_under_16": case((placement(wbp="SI"), BORN_15), (placement(wbp="SI"), BORN_16)),
    "unit_with_one_child": case(
        (SAME_SCHOOL, change("sen2_placement_detail", "requests_id = 'R2'", **IN_UNIT)),
        (SAME_SCHOOL, change("sen2_placement_detail", "requests_id in ('R2', 'R3')", **IN_UNIT)),
    ),
}

SEN_NEED: dict[str, Case] = {
    "row_repeated": case(add("sen2_sen_need"), add("sen2_sen_need", sen_need_number=3)),
    "need_without_active_plan": case(NOT_ACTIVE, children([2])),
    "need_type_invalid": case(need(sen_type="NSA"), need(sen_type="DS")),
    "need_down_syndrome_before_2025": case(
        (need(sen_type="DS"), header(year=2024)), (need(sen_type="DS"), header(year=2025))
    ),
    "need_rank_invalid": case(need(sen_type_rank=None), need(sen_type_rank=2)),
    "need_rank_repeated": case(need(sen_type_rank=2), need(sen_type_rank=1)),
    "need_type_repeated": case(need(sen_type="SLCN"), need(sen_type="SPLD")),
    "need_second_without_main": case(
        remove("sen2_sen_need", "sen_type_rank = 1"), remove("sen2_sen_need", "sen_type_rank = 2")
    ),
}

OF_TABLE = {
    "sen2_header": HEADER,
    "sen2_person": PERSON,
    "sen2_requests": REQUESTS,
    "sen2_assessment": ASSESSMENT,
    "sen2_named_plan": NAMED_PLAN,
    "sen2_plan_detail": PLAN_DETAIL,
    "sen2_active_plans": ACTIVE_PLANS,
    "sen2_placement_detail": PLACEMENT_DETAIL,
    "sen2_sen_need": SEN_NEED,
}
CASES = {f"{table}.{rule_id}": pair for table, pairs in OF_TABLE.items() for rule_id, pair in pairs.items()}

NEITHER_PLANS_NOR_PLACES = set(COLUMNS) - {"sen2_active_plans", "sen2_placement_detail"}

ALSO_FOUND: dict[str, Steps] = {
    "sen2_header.reference_date_not_survey_day": (header(reference_date="2027-01-22"), today("2027-01-22")),
    "sen2_plan_detail.plan_unit_not_in_register": (named(resourced_provision_indicator=True, urn=WITH_UNIT),),
    "sen2_plan_detail.plan_unit_without_school": (named(**IN_UNIT, urn=None, sen_setting="OLA"),),
    "sen2_requests.request_flag_missing": (request(request_tribunal=None),),
    "sen2_requests.request_not_agreed_with_assessment": (request(request_outcome="W"),),
    "sen2_named_plan.plan_start_before_assessment_outcome": (plan(start_date="2026-01-12"),),
    "sen2_named_plan.transferred_plan_start_before_outcome": (plan(start_date="2026-05-19"), TRANSFERRED),
    "sen2_active_plans.phase_transfer_due_missing": (
        NO_TRANSFER,
        person(person_birth_date="2015-10-01"),
        register(MAINSTREAM, statutory_high_age=11),
    ),
    "sen2_placement_detail.placement_setting_closed": (register(MAINSTREAM, open_date="2022-09-02"),),
    "sen2_plan_detail.plan_setting_closed": (named(urn=CLOSED), register(CLOSED, close_date="2026-05-19"), CEASED),
    "sen2_header.placements_missing_for_many": (
        children(range(2, 101), without=NEITHER_PLANS_NOR_PLACES),
        remove("sen2_placement_detail", "requests_id in ('R2', 'R3', 'R4', 'R5', 'R6')"),
    ),
    "sen2_header.return_empty": (*(remove(table) for table in COLUMNS if table != "sen2_header"),),
}
"""Further ways to break a rule that says several things."""
ALSO_LET_PASS: dict[str, Steps] = {
    "sen2_assessment.historical_assessment_with_new_plan": (assessment(assessment_outcome="H"), TRANSFERRED),
    "sen2_header.placements_missing_for_many": (
        children(range(2, 102), without=NEITHER_PLANS_NOR_PLACES),
        remove("sen2_placement_detail", "requests_id in ('R2', 'R3', 'R4', 'R5', 'R6')"),
    ),
    "sen2_header.new_plans_all_exceptions": (children(range(2, 10)), assessment(week20=True)),
    "sen2_plan_detail.plan_setting_closed": (named(urn=CLOSED), CEASED),
    "sen2_active_plans.ceased_plan_active": (
        add("sen2_named_plan", requests_id="R2"),
        plan("requests_id = 'R2'", cease_date="2026-06-01"),
    ),
    "sen2_requests.historical_request_of_period": (HISTORICAL, TRANSFERRED),
}
"""Further ways to come near a rule without breaking it."""

WITHOUT_LINEAGE = {"header_not_single", "row_repeated"}
"""Rules that count rows, so that no one file is to blame."""
OF_LAST_YEAR = {"plan_gone_since_last_year", "open_request_gone_since_last_year"}
"""Rules whose record stands in last year's return alone: that file has no rows, and its child may be nobody's here."""


NOTHING_KNOWN = pa.table(
    {
        "finding_key": pa.array([], pa.string()),
        "first_seen_at": pa.array([], pa.timestamp("us")),
        "state": pa.array([], pa.string()),
    }
)
"""Findings of earlier runs: none."""


@pytest.fixture(scope="module")
def clean_return() -> Iterator[Connection]:
    with duckdb.connect() as connection:
        make_return(connection)
        yield connection


@pytest.fixture
def returned(clean_return: Connection) -> Iterator[Connection]:
    clean_return.execute("begin")
    yield clean_return
    clean_return.execute("rollback")


@pytest.fixture(scope="module")
def rules() -> dict[str, Rule]:
    return {
        f"{contract.table}.{rule.rule_id}": rule
        for contract in read_contracts(return_contract_paths())
        for rule in contract.rules
    }


def found_by(rule: Rule, connection: Connection) -> list[dict[str, Any]]:
    cursor = connection.execute(str(rule.query))
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def after(steps: Steps, rule: Rule, connection: Connection) -> list[dict[str, Any]]:
    for step in steps:
        step(connection)
    return found_by(rule, connection)


@pytest.mark.parametrize("name", CASES)
def test_a_rule_finds_what_breaks_it(name: str, returned: Connection, rules: dict[str, Rule]) -> None:
    rule = rules[name]
    found = after(CASES[name][0], rule, returned)
    assert found
    for row in found:
        assert row["record_id"]
        assert row["item"] == rule.item
        if rule.rule_id in OF_LAST_YEAR:
            assert (row["source_file"], row["record_id"][:1]) == ("case.csv", "E")
            continue
        assert rule.rule_id in WITHOUT_LINEAGE or (row["source_file"], row["source_row"]) == ("case.csv", 7)
        assert rule.dataset == "sen2/sen2_header" or row["child_id"]


@pytest.mark.parametrize("name", CASES)
def test_a_rule_lets_pass_what_just_does_not_break_it(name: str, returned: Connection, rules: dict[str, Rule]) -> None:
    assert after(CASES[name][1], rules[name], returned) == []


@pytest.mark.parametrize("name", ALSO_FOUND)
def test_a_rule_finds_the_other_things_it_says(name: str, returned: Connection, rules: dict[str, Rule]) -> None:
    assert after(ALSO_FOUND[name], rules[name], returned)


@pytest.mark.parametrize("name", ALSO_LET_PASS)
def test_a_rule_lets_pass_what_is_like_it(name: str, returned: Connection, rules: dict[str, Rule]) -> None:
    assert after(ALSO_LET_PASS[name], rules[name], returned) == []


def test_every_rule_has_a_record_that_breaks_it_and_one_that_just_does_not(rules: dict[str, Rule]) -> None:
    assert {name for name, rule in rules.items() if rule.query is not None} == set(CASES)


def test_no_two_rules_of_the_return_share_an_id(rules: dict[str, Rule]) -> None:
    """An explanation is kept by the rule's id."""
    own = [rule.rule_id for rule in rules.values() if rule.rule_id not in ("columns_as_agreed", "row_repeated")]
    assert len(own) == len(set(own))


def test_every_rule_says_what_it_reads_and_rests_on(rules: dict[str, Rule]) -> None:
    for name, rule in rules.items():
        assert rule.severity in ("error", "query"), name
        assert rule.items or rule.rule_id in ("columns_as_agreed", "row_repeated"), name
        assert all((rule.basis, rule.why, rule.remedy)), name
        assert rule.first_year is None or rule.last_year is None or rule.first_year <= rule.last_year, name


OF_SOME_YEARS = {
    name: year
    for contract in read_contracts(return_contract_paths())
    for rule in contract.rules
    for name in [f"{contract.table}.{rule.rule_id}"]
    for year in [rule.first_year - 1 if rule.first_year else rule.last_year + 1 if rule.last_year else None]
    if year
}
"""The rules that hold for some years, each with the nearest year for which it does not."""


@pytest.mark.parametrize("name", OF_SOME_YEARS)
def test_a_rule_says_nothing_of_a_year_it_does_not_hold_for(
    name: str, returned: Connection, rules: dict[str, Rule]
) -> None:
    assert after((*CASES[name][0], header(year=OF_SOME_YEARS[name])), rules[name], returned) == []


def test_the_clean_return_raises_nothing(clean_return: Connection, rules: dict[str, Rule]) -> None:
    """As Soda runs the contracts."""
    results = verify_contracts(clean_return, return_contract_paths())
    assert {result.rule for result in results} == set(rules.values())
    assert {result.rule_id: result.outcome for result in results if result.outcome != "passed"} == {}


def test_soda_says_what_the_queries_say_and_each_finding_names_its_child(
    returned: Connection, rules: dict[str, Rule]
) -> None:
    """Many faults at once, through Soda and into the findings."""
    for step in (
        person(sex="U", post_code="nowhere"),
        request(request_source=9),
        plan(cease_reason=9),
        need(sen_type="NSA"),
        placement(urn="100009"),
        children(range(2, 7), without=["sen2_placement_detail"]),
    ):
        step(returned)
    results = verify_contracts(returned, return_contract_paths())
    assert {result.rule_id: result.failed_rows for result in results if result.outcome != "passed"} == {
        rule.rule_id: len(found) for rule in rules.values() if rule.query and (found := found_by(rule, returned))
    }
    captured = capture_findings(returned, results, NOTHING_KNOWN, seen_at=datetime(2027, 1, 21))
    assert captured == results
    needs = returned.execute(
        "select record_id, child_id, value, source_file, source_row from checks.finding "
        "where rule_id = 'need_type_invalid'"
    ).fetchall()
    assert needs == [("C1", "P1", "NSA", "case.csv", 7)]


def test_two_placements_of_one_request_that_break_one_rule_are_two_findings(returned: Connection) -> None:
    """Each with the record, the file and the row it is mended in."""
    change("sen2_placement_detail", urn="100009", ukprn=None)(returned)
    for number in (1, 2):
        place = {"record_id": f"L{number}", "source_file": f"{number}.csv", "source_row": number}
        change("sen2_placement_detail", f"placement_detail_number = {number}", **place)(returned)
    results = verify_contracts(returned, [CONTRACTS / RETURN_LAYER / "sen2_placement_detail.yml"])
    capture_findings(returned, results, NOTHING_KNOWN, seen_at=datetime(2027, 1, 21))
    assert returned.execute(
        "select record_id, source_file, source_row, child_id from checks.finding "
        "where rule_id = 'placement_urn_unknown' order by record_id"
    ).fetchall() == [("L1", "1.csv", 1, "P1"), ("L2", "2.csv", 2, "P1")]


@pytest.mark.parametrize("table", COLUMNS)
def test_the_columns_agreed_are_those_of_the_table(table: str) -> None:
    (contract,) = read_contracts([CONTRACTS / RETURN_LAYER / f"{table}.yml"])
    assert contract.columns == tuple(types_here(table))


@pytest.mark.parametrize("table", COLUMNS)
def test_the_table_tried_here_is_the_one_the_warehouse_makes(table: str) -> None:
    path = MODELS / "marts" / "sen2" / f"{table}.yml"
    if not path.exists():
        pytest.skip("the warehouse makes no tables of the return yet")
    (model,) = yaml.safe_load(path.read_text(encoding="utf-8"))["models"]
    assert {column["name"]: column["data_type"] for column in model["columns"]} == types_here(table)


def types_here(table: str) -> dict[str, str]:
    """Each column with its type, those of the record it comes from last."""
    return dict(column.split() for column in f"{COLUMNS[table]}, {LINEAGE}".split(", "))


def test_what_there_is_nothing_to_compare_with_is_not_applicable_and_holds_nothing(
    returned: Connection, rules: dict[str, Rule]
) -> None:
    returned.execute("drop schema sen2_previous cascade")
    returned.execute("delete from core.fct_published_figure where indicator = 'plans' or return_year < 2025")
    returned.execute("update core.fct_published_figure set return_year = 2024 where indicator = 'requests'")
    results = verify_contracts(returned, return_contract_paths())
    outcomes = {result.rule_id: result.outcome for result in results}
    needy = {rule.rule_id for rule in rules.values() if rule.needs == "previous_return"}
    assert len(needy) >= 10
    assert {rule_id for rule_id, outcome in outcomes.items() if outcome == "not_applicable"} == {
        *needy,
        "active_plans_unlike_published",
        "requests_unlike_published",
    }
    assert {*outcomes.values()} == {"passed", "not_applicable"}
    assert held_by(results) == ()


def test_columns_in_another_order_are_those_agreed(clean_return: Connection) -> None:
    """What reads the tables reads them by name."""
    clean_return.execute("alter table sen2.sen2_sen_need rename to need")
    clean_return.execute("create view sen2.sen2_sen_need as select sen_type, * exclude (sen_type) from sen2.need")
    try:
        results = verify_contracts(clean_return, [CONTRACTS / RETURN_LAYER / "sen2_sen_need.yml"])
    finally:
        clean_return.execute("drop view sen2.sen2_sen_need")
        clean_return.execute("alter table sen2.need rename to sen2_sen_need")
    assert {result.outcome for result in results} == {"passed"}


def test_the_survey_days_announced_are_those_the_rule_takes(returned: Connection, rules: dict[str, Rule]) -> None:
    for survey in yaml.safe_load(SURVEYS.read_text(encoding="utf-8")):
        header(year=survey["year"], reference_date=survey["survey_day"])(returned)
        assert found_by(rules["sen2_header.reference_date_not_survey_day"], returned) == []


@pytest.fixture(scope="module")
def all_passed(rules: dict[str, Rule]) -> list[RuleResult]:
    return [RuleResult(rule, "passed") for rule in rules.values()]


def held_by(results: list[RuleResult], contracts: Path = CONTRACTS) -> tuple[str, ...]:
    (decision,) = decide_gates(results, read_gates(RETURN_GATES), contracts)
    assert decision.product == "sen2_return"
    return decision.reasons


def ended(results: list[RuleResult], rule_id: str, outcome: Outcome) -> list[RuleResult]:
    return [replace(r, outcome=outcome, failed_rows=1) if r.rule_id == rule_id else r for r in results]


def test_the_return_goes_out_where_every_rule_passed(all_passed: list[RuleResult]) -> None:
    assert held_by(all_passed) == ()


def test_an_error_holds_the_return_and_a_query_does_not(all_passed: list[RuleResult]) -> None:
    assert held_by(ended(all_passed, "person_aged_25", "failed")) == ()
    (reason,) = held_by(ended(all_passed, "person_aged_over_25", "failed"))
    assert reason.endswith("does not hold for 1 row of sen2/sen2_person (person_aged_over_25)")


@pytest.mark.parametrize("outcome", ["crashed", "skipped"])
@pytest.mark.parametrize("rule_id", ["person_aged_25", "person_aged_over_25"])
def test_a_rule_that_did_not_run_holds_the_return(rule_id: str, outcome: Outcome, all_passed: list[RuleResult]) -> None:
    (reason,) = held_by(ended(all_passed, rule_id, outcome))
    assert reason.endswith(f"did not run: {rule_id}")


def test_a_table_of_the_return_without_its_contract_holds_it(all_passed: list[RuleResult], tmp_path: Path) -> None:
    contracts = Path(shutil.copytree(CONTRACTS, tmp_path / "contracts"))
    (contracts / RETURN_LAYER / "sen2_sen_need.yml").unlink()
    assert held_by(all_passed, contracts) == ("The table sen2_sen_need has no check contract in this gate",)


def test_a_column_that_is_gone_holds_the_return(clean_return: Connection, all_passed: list[RuleResult]) -> None:
    """The rules that read it crash, and say nothing of the data."""
    clean_return.execute("alter table sen2.sen2_sen_need rename sen_type to kind")
    try:
        results = verify_contracts(clean_return, [CONTRACTS / RETURN_LAYER / "sen2_sen_need.yml"])
    finally:
        clean_return.execute("alter table sen2.sen2_sen_need rename kind to sen_type")
    others = [result for result in all_passed if result.dataset != "sen2/sen2_sen_need"]
    did_not_run, not_as_agreed = held_by([*others, *results])
    assert "need_type_invalid" in did_not_run
    assert not_as_agreed.endswith("(columns_as_agreed)")


def test_the_return_holds_no_nightly_product(all_passed: list[RuleResult]) -> None:
    assert {gate.product for gate in read_gates()}.isdisjoint({gate.product for gate in read_gates(RETURN_GATES)})
    assert not any(pattern.startswith(RETURN_LAYER) for gate in read_gates() for pattern in gate.contracts)
