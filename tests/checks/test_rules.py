"""Every rule on landed records: what it finds and what it must let pass. One change to the clean borough each."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import duckdb
import pytest
from stdnum.gb import nhs, upn

from checks.rules import CONTRACTS, Rule, contract_paths, read_contracts
from checks.verification import verify_contracts
from connectors.contract import all_contracts
from tests.checks.borough import (
    AS_AT,
    NHS_NUMBER,
    OTHER_NHS_NUMBER,
    OTHER_UPN,
    TEMPORARY_UPN,
    UPN,
    Step,
    add,
    change,
    like,
    refuse,
    remove,
    set_apart,
    unreadable,
)

Found = set[tuple[str, str]]
Connection = duckdb.DuckDBPyConnection

YESTERDAY, TOMORROW = AS_AT - timedelta(days=1), AS_AT + timedelta(days=1)
RECEIVED, STARTED, MET = date(2024, 1, 8), date(2024, 5, 20), date(2025, 5, 12)
SOMEBODY_ELSE = {"surname": "Nowak", "forename": "Cyra", "postcode": "RM16 2ES"}
NO_NUMBERS = {"upn": None, "nhs_number": None}

PUPIL = f"2026-01-15|8832001|{UPN}"
UNKNOWN_PUPIL = {"upn": OTHER_UPN, "surname": "Nowak", "forename": "Cyra"}

ANOTHER_CHILD = like("ehc_case__child", case_id="C2", upn=OTHER_UPN, nhs_number=OTHER_NHS_NUMBER, **SOMEBODY_ELSE)
ANOTHER_REQUEST = like("ehc_case__request", request_id="R2", case_id="C2")
ANOTHER_ASSESSMENT = like("ehc_case__assessment", assessment_id="A2", request_id="R2")
ANOTHER_PLAN = like("ehc_case__plan", plan_id="P2", request_id="R2", assessment_id="A2")
ANOTHER_PLACEMENT = like("ehc_case__placement", id="PL2", plan_id="P2")
PLACED_AT_CLOSED = change("ehc_case__placement", urn="100002")
REQUEST_TOMORROW = change("ehc_case__request", received_date=TOMORROW)

BREAKING: list[tuple[str, str, tuple[Step, ...], Found]] = [
    # files, values and rows
    (
        "load_file.file_refused",
        "a file of the wrong shape",
        (refuse("ehc_case", "plan", "plans.xlsx", "start_date is not among its columns"),),
        {("plans.xlsx", "file")},
    ),
    (
        "issue.value_unreadable",
        "a day that does not exist",
        (unreadable("ehc_case__plan", "issued_date", "unreadable_date", "31/02/2024"),),
        {("P1", "issued_date")},
    ),
    (
        "issue.value_unreadable",
        "a placeholder for no date",
        (unreadable("ehc_case__plan", "cease_date", "placeholder_date", "31/12/9999"),),
        {("P1", "cease_date")},
    ),
    (
        "issue.value_unreadable",
        "words for a number",
        (unreadable("ehc_case__placement", "cost_per_year", "unreadable_number", "about 50k"),),
        {("PL1", "cost_per_year")},
    ),
    (
        "issue.value_unreadable",
        "neither yes nor no",
        (unreadable("ehc_case__placement", "sen_unit", "unreadable_boolean", "perhaps"),),
        {("PL1", "sen_unit")},
    ),
    (
        "issue.code_unknown",
        "a need that is no SEN type",
        (unreadable("ehc_case__need", "sen_type", "unknown_code", "AUTISM", where="rank = 1"),),
        {("P1|1", "sen_type")},
    ),
    (
        "quarantine.row_quarantined",
        "a review without its plan",
        (set_apart("ehc_case__review", "plan_id"),),
        {("RV1", "plan_id")},
    ),
    (
        "quarantine.row_quarantined",
        "a row without its own number",
        (
            change("ehc_case__review", review_id=None),
            set_apart("ehc_case__review", "review_id"),
        ),
        {("", "review_id")},
    ),
    # advice
    (
        "ehc_case__advice.advice_returned_before_requested",
        "the day before",
        (change("ehc_case__advice", returned_date=date(2024, 2, 12)),),
        {("AD1", "returned_date")},
    ),
    (
        "ehc_case__advice.advice_for_unknown_assessment",
        "an assessment nobody sent",
        (change("ehc_case__advice", assessment_id="A9"),),
        {("AD1", "assessment_id")},
    ),
    # assessments
    (
        "ehc_case__assessment.assessment_outcome_without_date",
        "a plan to be issued, no day",
        (change("ehc_case__assessment", outcome_date=None),),
        {("A1", "outcome_date")},
    ),
    (
        "ehc_case__assessment.assessment_outcome_without_date",
        "no plan, no day",
        (change("ehc_case__assessment", outcome="N", outcome_date=None),),
        {("A1", "outcome_date")},
    ),
    (
        "ehc_case__assessment.assessment_outcome_before_request_received",
        "the day before",
        (change("ehc_case__assessment", outcome_date=date(2024, 1, 7)),),
        {("A1", "outcome_date")},
    ),
    (
        "ehc_case__assessment.assessment_outcome_before_request_received",
        "of a request received on the day itself",
        (change("ehc_case__request", received_date=AS_AT),),
        {("A1", "outcome_date")},
    ),
    (
        "ehc_case__assessment.assessment_after_refused_request",
        "assessed all the same",
        (change("ehc_case__request", outcome="N"),),
        {("A1", "request_id")},
    ),
    (
        "ehc_case__assessment.exception_reason_missing",
        "an exception without a reason",
        (change("ehc_case__assessment", week20_exception=True),),
        {("A1", "exception_reason")},
    ),
    (
        "ehc_case__assessment.assessment_for_unknown_request",
        "a request nobody sent",
        (change("ehc_case__assessment", request_id="R9"),),
        {("A1", "request_id")},
    ),
    # children
    (
        "ehc_case__child.upn_check_letter_wrong",
        "another letter",
        (change("ehc_case__child", upn="H" + UPN[1:]),),
        {("C1", "upn")},
    ),
    (
        "ehc_case__child.upn_check_letter_wrong",
        "two digits changed round",
        (change("ehc_case__child", upn="G883200521001"),),
        {("C1", "upn")},
    ),
    (
        "ehc_case__child.upn_check_letter_wrong",
        "a digit short",
        (change("ehc_case__child", upn=UPN[:-1]),),
        {("C1", "upn")},
    ),
    (
        "ehc_case__child.upn_shared_by_two_children",
        "two names, one UPN",
        (like("ehc_case__child", case_id="C2", nhs_number=None, **SOMEBODY_ELSE),),
        {("C1", "upn"), ("C2", "upn")},
    ),
    (
        "ehc_case__child.upn_shared_by_two_children",
        "alike, but for a postcode nobody knows",
        (like("ehc_case__child", case_id="C2", nhs_number=None, postcode=None),),
        {("C1", "upn"), ("C2", "upn")},
    ),
    (
        "ehc_case__child.nhs_number_check_digit_wrong",
        "another last digit",
        (change("ehc_case__child", nhs_number="9434765918"),),
        {("C1", "nhs_number")},
    ),
    (
        "ehc_case__child.nhs_number_shared_by_two_children",
        "two names, one NHS number",
        (like("ehc_case__child", case_id="C2", upn=None, **SOMEBODY_ELSE),),
        {("C1", "nhs_number"), ("C2", "nhs_number")},
    ),
    (
        "ehc_case__child.birth_date_in_future",
        "born tomorrow",
        (change("ehc_case__child", birth_date=TOMORROW),),
        {("C1", "birth_date")},
    ),
    (
        "ehc_case__child.birth_date_disagrees_between_sources",
        "day and month changed round",
        (change("ehc_case__child", birth_date=date(2012, 4, 5)),),
        {("C1", "birth_date")},
    ),
    (
        "ehc_case__child.same_person_two_cases",
        "written another way",
        (like("ehc_case__child", case_id="C2", surname="ABARA", forename="ife", postcode="rm176sl", **NO_NUMBERS),),
        {("C1", "case_id"), ("C2", "case_id")},
    ),
    (
        "ehc_case__child.birth_date_disagrees_between_sources",
        "born on the day itself",
        (change("ehc_case__child", birth_date=AS_AT),),
        {("C1", "birth_date")},
    ),
    (
        "ehc_case__child.birth_date_disagrees_between_sources",
        "born on the day itself, says the census",
        (change("school_census__pupil", birth_date=AS_AT),),
        {("C1", "birth_date")},
    ),
    # needs
    (
        "ehc_case__need.need_rank_repeated_or_type_repeated",
        "the same need twice",
        (change("ehc_case__need", where="rank = 2", sen_type="ASD"),),
        {("P1|2", "sen_type")},
    ),
    (
        "ehc_case__need.need_type_nsa_in_plan",
        "no specialist assessment",
        (change("ehc_case__need", where="rank = 2", sen_type="NSA"),),
        {("P1|2", "sen_type")},
    ),
    (
        "ehc_case__need.need_for_unknown_plan",
        "a plan nobody sent",
        (add("ehc_case__need", plan_id="P9", rank=1, sen_type="ASD"),),
        {("P9|1", "plan_id")},
    ),
    # placements
    (
        "ehc_case__placement.placement_without_setting",
        "nowhere",
        (change("ehc_case__placement", urn=None),),
        {("PL1", "urn")},
    ),
    (
        "ehc_case__placement.placement_urn_not_in_gias",
        "an establishment not in the register",
        (change("ehc_case__placement", urn="999999"),),
        {("PL1", "urn")},
    ),
    (
        "ehc_case__placement.placement_at_closed_establishment",
        "closed last summer",
        (PLACED_AT_CLOSED,),
        {("PL1", "urn")},
    ),
    (
        "ehc_case__placement.placement_at_closed_establishment",
        "closes on the day itself",
        (change("gias__establishment", where="urn = '100001'", close_date=AS_AT),),
        {("PL1", "urn")},
    ),
    (
        "ehc_case__placement.placement_at_closed_establishment",
        "closed, nobody says when",
        (PLACED_AT_CLOSED, change("gias__establishment", where="urn = '100002'", close_date=None)),
        {("PL1", "urn")},
    ),
    (
        "ehc_case__placement.placement_at_closed_establishment",
        "no day of entry, leaves tomorrow",
        (change("ehc_case__placement", urn="100002", entry_date=None, leaving_date=TOMORROW),),
        {("PL1", "urn")},
    ),
    (
        "ehc_case__placement.placement_at_closed_establishment",
        "the plan ceases tomorrow",
        (PLACED_AT_CLOSED, change("ehc_case__plan", cease_date=TOMORROW, cease_reason="2")),
        {("PL1", "urn")},
    ),
    (
        "ehc_case__placement.placement_leaving_before_entry",
        "the day before",
        (change("ehc_case__placement", leaving_date=date(2024, 9, 1)),),
        {("PL1", "leaving_date")},
    ),
    (
        "ehc_case__placement.placements_primary_overlap",
        "the first has not ended",
        (like("ehc_case__placement", id="PL2", entry_date=date(2025, 9, 1)),),
        {("PL2", "entry_date")},
    ),
    (
        "ehc_case__placement.placements_primary_overlap",
        "the first ends a day too late",
        (
            change("ehc_case__placement", leaving_date=date(2025, 9, 2)),
            like("ehc_case__placement", id="PL2", entry_date=date(2025, 9, 1)),
        ),
        {("PL2", "entry_date")},
    ),
    (
        "ehc_case__placement.placements_primary_overlap",
        "both begin on one day",
        (like("ehc_case__placement", id="PL2"),),
        {("PL2", "entry_date")},
    ),
    (
        "ehc_case__placement.placement_urn_and_setting_both",
        "a school and home education",
        (change("ehc_case__placement", sen_setting="EHE"),),
        {("PL1", "sen_setting")},
    ),
    (
        "ehc_case__placement.neet_under_16",
        "16 tomorrow",
        (
            change("ehc_case__placement", urn=None, sen_setting="NEET"),
            change("ehc_case__child", birth_date=date(2010, 7, 1)),
        ),
        {("PL1", "sen_setting")},
    ),
    (
        "ehc_case__placement.neet_under_16",
        "left the day before turning 16",
        (
            change("ehc_case__placement", urn=None, sen_setting="NEET", leaving_date=date(2025, 5, 3)),
            change("ehc_case__child", birth_date=date(2009, 5, 4)),
        ),
        {("PL1", "sen_setting")},
    ),
    (
        "ehc_case__placement.sen_unit_and_resourced_provision_both",
        "both",
        (change("ehc_case__placement", sen_unit=True, resourced_provision=True),),
        {("PL1", "sen_unit")},
    ),
    (
        "ehc_case__placement.placement_for_unknown_plan",
        "a plan nobody sent",
        (change("ehc_case__placement", plan_id="P9"),),
        {("PL1", "plan_id")},
    ),
    (
        "ehc_case__placement.placement_at_closed_establishment",
        "comes on the day itself",
        (change("ehc_case__placement", urn="100002", entry_date=AS_AT),),
        {("PL1", "urn")},
    ),
    (
        "ehc_case__placement.placements_primary_overlap",
        "the second lasts a day",
        (like("ehc_case__placement", id="PL2", entry_date=date(2025, 9, 1), leaving_date=date(2025, 9, 1)),),
        {("PL2", "entry_date")},
    ),
    (
        "ehc_case__placement.neet_under_16",
        "born on the day itself",
        (
            change("ehc_case__placement", urn=None, sen_setting="NEET"),
            change("ehc_case__child", birth_date=AS_AT),
        ),
        {("PL1", "sen_setting")},
    ),
    # plans
    *(
        (
            "ehc_case__plan.plan_without_issued_assessment",
            f"the assessment ended with {outcome}",
            (change("ehc_case__assessment", outcome=outcome),),
            {("P1", "assessment_id")},
        )
        for outcome in ("N", "A", "W", None)
    ),
    (
        "ehc_case__plan.plan_issued_before_request_received",
        "the day before",
        (change("ehc_case__plan", issued_date=date(2024, 1, 7)),),
        {("P1", "issued_date")},
    ),
    (
        "ehc_case__plan.cease_date_without_reason",
        "ceased, nobody says why",
        (change("ehc_case__plan", cease_date=YESTERDAY),),
        {("P1", "cease_reason")},
    ),
    (
        "ehc_case__plan.cease_reason_without_date",
        "ceased, nobody says when",
        (change("ehc_case__plan", cease_reason="2"),),
        {("P1", "cease_date")},
    ),
    (
        "ehc_case__plan.cease_date_before_start",
        "the day before",
        (change("ehc_case__plan", cease_date=date(2024, 5, 19), cease_reason="2"),),
        {("P1", "cease_date")},
    ),
    (
        "ehc_case__plan.plan_transferred_in_without_date",
        "from another LA, nobody says when",
        (change("ehc_case__plan", transfer_in_la="882"),),
        {("P1", "transfer_in_date")},
    ),
    (
        "ehc_case__plan.active_plan_without_placement",
        "none on record",
        (ANOTHER_PLACEMENT, remove("ehc_case__placement", where="id = 'PL1'")),
        {("P1", "placement")},
    ),
    (
        "ehc_case__plan.active_plan_without_placement",
        "left yesterday",
        (change("ehc_case__placement", leaving_date=YESTERDAY),),
        {("P1", "placement")},
    ),
    (
        "ehc_case__plan.active_plan_without_placement",
        "the plan began on the day itself",
        (change("ehc_case__plan", start_date=AS_AT), change("ehc_case__placement", leaving_date=YESTERDAY)),
        {("P1", "placement")},
    ),
    (
        "ehc_case__plan.active_plan_without_primary_need",
        "only a second need",
        (remove("ehc_case__need", where="rank = 1"),),
        {("P1", "need")},
    ),
    (
        "ehc_case__plan.active_plan_without_primary_need",
        "a primary need that says nothing",
        (change("ehc_case__need", where="rank = 1", sen_type=None),),
        {("P1", "need")},
    ),
    (
        "ehc_case__plan.two_open_plans_for_one_child",
        "a second plan",
        (like("ehc_case__plan", plan_id="P2"),),
        {("P1", "cease_date"), ("P2", "cease_date")},
    ),
    (
        "ehc_case__plan.two_open_plans_for_one_child",
        "the second ceases tomorrow",
        (like("ehc_case__plan", plan_id="P2", cease_date=TOMORROW, cease_reason="2"),),
        {("P1", "cease_date"), ("P2", "cease_date")},
    ),
    (
        "ehc_case__plan.plan_cease_reason_1_under_19",
        "19 the day after",
        (
            change("ehc_case__child", birth_date=date(2007, 5, 2)),
            change("ehc_case__plan", cease_date=date(2026, 5, 1), cease_reason="1"),
        ),
        {("P1", "cease_reason")},
    ),
    (
        "ehc_case__plan.plan_for_unknown_request",
        "a request nobody sent",
        (change("ehc_case__plan", request_id="R9"),),
        {("P1", "request_id")},
    ),
    *(
        (
            "ehc_case__plan.future_date",
            f"{item} tomorrow",
            (change("ehc_case__plan", **{item: TOMORROW}),),
            {("P1", item)},
        )
        for item in ("start_date", "issued_date", "transfer_in_date")
    ),
    (
        "ehc_case__plan.plan_issued_before_request_received",
        "of a request received on the day itself",
        (change("ehc_case__request", received_date=AS_AT),),
        {("P1", "issued_date")},
    ),
    (
        "ehc_case__plan.active_plan_without_placement",
        "came and left on one day",
        (change("ehc_case__placement", entry_date=date(2025, 1, 6), leaving_date=date(2025, 1, 6)),),
        {("P1", "placement")},
    ),
    (
        "ehc_case__plan.plan_cease_reason_1_under_19",
        "on the day it started",
        (change("ehc_case__plan", cease_date=STARTED, cease_reason="1"),),
        {("P1", "cease_reason")},
    ),
    (
        "ehc_case__plan.plan_cease_reason_1_under_19",
        "born on the day itself",
        (
            change("ehc_case__child", birth_date=AS_AT),
            change("ehc_case__plan", cease_date=AS_AT, cease_reason="1"),
        ),
        {("P1", "cease_reason")},
    ),
    # requests
    *(
        (
            "ehc_case__request.request_outcome_without_date",
            f"decided {outcome}, nobody says when",
            (change("ehc_case__request", outcome=outcome, outcome_date=None),),
            {("R1", "outcome_date")},
        )
        for outcome in ("Y", "N")
    ),
    *(
        (
            "ehc_case__request.request_outcome_date_without_outcome",
            f"a day, and for the decision {outcome}",
            (change("ehc_case__request", outcome=outcome),),
            {("R1", "outcome")},
        )
        for outcome in (None, "A")
    ),
    (
        "ehc_case__request.request_outcome_before_received",
        "the day before",
        (change("ehc_case__request", outcome_date=date(2024, 1, 7)),),
        {("R1", "outcome_date")},
    ),
    (
        "ehc_case__request.request_received_in_future",
        "tomorrow",
        (REQUEST_TOMORROW,),
        {("R1", "received_date")},
    ),
    (
        "ehc_case__request.request_for_unknown_child",
        "a case nobody sent",
        (change("ehc_case__request", case_id="C9"),),
        {("R1", "case_id")},
    ),
    (
        "ehc_case__request.assessment_missing_for_agreed_request",
        "only another child's assessment",
        (ANOTHER_ASSESSMENT, remove("ehc_case__assessment", where="assessment_id = 'A1'")),
        {("R1", "outcome")},
    ),
    (
        "ehc_case__request.future_date",
        "decided tomorrow",
        (change("ehc_case__request", outcome_date=TOMORROW),),
        {("R1", "outcome_date")},
    ),
    (
        "ehc_case__request.request_outcome_before_received",
        "received on the day itself",
        (change("ehc_case__request", received_date=AS_AT),),
        {("R1", "outcome_date")},
    ),
    (
        "ehc_case__request.assessment_missing_for_agreed_request",
        "received on the day itself",
        (
            change("ehc_case__request", received_date=AS_AT),
            change("ehc_case__assessment", request_id="R2"),
        ),
        {("R1", "outcome")},
    ),
    (
        "ehc_case__request.future_date",
        "received on the day itself, decided tomorrow",
        (change("ehc_case__request", received_date=AS_AT, outcome_date=TOMORROW),),
        {("R1", "outcome_date")},
    ),
    # reviews
    (
        "ehc_case__review.review_meeting_before_plan_start",
        "the day before",
        (change("ehc_case__review", meeting_date=date(2024, 5, 19)),),
        {("RV1", "meeting_date")},
    ),
    (
        "ehc_case__review.review_decision_without_date",
        "decided, nobody says when",
        (change("ehc_case__review", decision_date=None),),
        {("RV1", "decision_date")},
    ),
    (
        "ehc_case__review.review_decision_without_date",
        "nor when they met",
        (change("ehc_case__review", decision_date=None, meeting_date=None),),
        {("RV1", "decision_date")},
    ),
    (
        "ehc_case__review.review_decision_before_meeting",
        "the day before",
        (change("ehc_case__review", decision_date=date(2025, 5, 11)),),
        {("RV1", "decision_date")},
    ),
    (
        "ehc_case__review.review_decision_date_without_decision",
        "a day and no decision",
        (change("ehc_case__review", decision=None),),
        {("RV1", "decision")},
    ),
    (
        "ehc_case__review.review_decided_in_future",
        "they meet tomorrow",
        (change("ehc_case__review", meeting_date=TOMORROW),),
        {("RV1", "meeting_date")},
    ),
    (
        "ehc_case__review.review_for_unknown_plan",
        "a plan nobody sent",
        (change("ehc_case__review", plan_id="P9"),),
        {("RV1", "plan_id")},
    ),
    *(
        (
            "ehc_case__review.future_date",
            f"{item} tomorrow",
            (change("ehc_case__review", **{item: TOMORROW}),),
            {("RV1", item)},
        )
        for item in ("decision_date", "draft_amended_date", "final_amended_date")
    ),
    (
        "ehc_case__review.review_meeting_before_plan_start",
        "the plan starts on the day itself",
        (change("ehc_case__plan", start_date=AS_AT),),
        {("RV1", "meeting_date")},
    ),
    (
        "ehc_case__review.review_decision_without_date",
        "they met on the day itself",
        (change("ehc_case__review", meeting_date=AS_AT, decision_date=None),),
        {("RV1", "decision_date")},
    ),
    (
        "ehc_case__review.review_decision_before_meeting",
        "they met on the day itself",
        (change("ehc_case__review", meeting_date=AS_AT),),
        {("RV1", "decision_date")},
    ),
    *(
        (
            "ehc_case__review.future_date",
            f"they met on the day itself, {item} tomorrow",
            (change("ehc_case__review", meeting_date=AS_AT, **{item: TOMORROW}),),
            {("RV1", item)},
        )
        for item in ("decision_date", "draft_amended_date", "final_amended_date")
    ),
    # school census
    (
        "school_census__pupil.upn_check_letter_wrong",
        "another letter",
        (change("school_census__pupil", upn="H" + UPN[1:]),),
        {(f"2026-01-15|8832001|H{UPN[1:]}", "upn")},
    ),
    (
        "school_census__pupil.census_ehc_plan_without_case",
        "a pupil the case system does not know",
        (change("school_census__pupil", **UNKNOWN_PUPIL),),
        {(f"2026-01-15|8832001|{OTHER_UPN}", "sen_provision")},
    ),
    (
        "school_census__pupil.census_ehc_plan_without_case",
        "the plan ceased the day before the census",
        (change("ehc_case__plan", cease_date=date(2026, 1, 14), cease_reason="2"),),
        {(PUPIL, "sen_provision")},
    ),
    (
        "school_census__pupil.census_ehc_plan_without_case",
        "a case without a plan",
        (ANOTHER_PLAN, remove("ehc_case__plan", where="plan_id = 'P1'")),
        {(PUPIL, "sen_provision")},
    ),
    (
        "school_census__pupil.birth_date_in_future",
        "born tomorrow",
        (change("school_census__pupil", birth_date=TOMORROW),),
        {(PUPIL, "birth_date")},
    ),
    (
        "school_census__pupil.census_ehc_plan_without_case",
        "in a census of the day itself",
        (change("school_census__pupil", census_date=AS_AT, **UNKNOWN_PUPIL),),
        {(f"{AS_AT}|8832001|{OTHER_UPN}", "sen_provision")},
    ),
    (
        "school_census__pupil.census_ehc_plan_without_case",
        "the plan ceased on the day it started",
        (change("ehc_case__plan", cease_date=STARTED, cease_reason="2"),),
        {(PUPIL, "sen_provision")},
    ),
    *(
        (
            "school_census__pupil.census_ehc_plan_without_case",
            f"like the child with a plan but for UPN and {column}",
            (change("school_census__pupil", upn=OTHER_UPN, **{column: value}),),
            {(f"2026-01-15|8832001|{OTHER_UPN}", "sen_provision")},
        )
        for column, value in (("surname", "Nowak"), ("forename", "Obi"), ("birth_date", date(2012, 5, 5)))
    ),
    # children in need census
    (
        "cin_census__child.cin_upn_check_letter_wrong",
        "another letter",
        (change("cin_census__child", upn="H" + UPN[1:]),),
        {("2026-03-31|S1", "upn")},
    ),
    (
        "cin_census__child.birth_date_in_future",
        "born tomorrow",
        (change("cin_census__child", birth_date=TOMORROW),),
        {("2026-03-31|S1", "birth_date")},
    ),
    (
        "cin_census__cin_episode.cin_closure_before_referral",
        "the day before",
        (change("cin_census__cin_episode", closure_date=date(2025, 2, 2)),),
        {("2026-03-31|S1|2025-02-03", "closure_date")},
    ),
    (
        "cin_census__child_protection_plan.cp_plan_end_before_start",
        "the day before",
        (change("cin_census__child_protection_plan", end_date=date(2025, 3, 2)),),
        {("2026-03-31|S1|2025-03-03", "end_date")},
    ),
    # therapy waits
    (
        "therapy_waits__referral.nhs_number_check_digit_wrong",
        "two digits changed round",
        (change("therapy_waits__referral", nhs_number="9434756919"),),
        {("RF1", "nhs_number")},
    ),
    (
        "therapy_waits__referral.referral_contact_before_received",
        "the day before",
        (change("therapy_waits__referral", first_contact_date=date(2025, 3, 2)),),
        {("RF1", "first_contact_date")},
    ),
    (
        "therapy_waits__referral.referral_stopped_before_received",
        "the day before",
        (change("therapy_waits__referral", clock_stop_date=date(2025, 3, 2)),),
        {("RF1", "clock_stop_date")},
    ),
    (
        "therapy_waits__referral.birth_date_in_future",
        "born tomorrow",
        (change("therapy_waits__referral", birth_date=TOMORROW),),
        {("RF1", "birth_date")},
    ),
]

PASSING: list[tuple[str, str, tuple[Step, ...]]] = [
    # files, values and rows
    (
        "load_file.file_refused",
        "a delivery since that could be taken in",
        (refuse("ehc_case", "plan", "plans.xlsx", "start_date is not among its columns", is_current=False),),
    ),
    (
        "load_file.file_refused",
        "a file taken in",
        (
            lambda connection: connection.execute(
                "insert into landing.load_file values ('1', 'ehc_case', 'plans.csv', 'plan', 'landed', null, true)"
            ),
        ),
    ),
    (
        "issue.value_unreadable",
        "a code unknown is the other rule's",
        (unreadable("ehc_case__need", "sen_type", "unknown_code", "AUTISM", where="rank = 1"),),
    ),
    (
        "issue.code_unknown",
        "a date unreadable is the other rule's",
        (unreadable("ehc_case__plan", "issued_date", "unreadable_date", "31/02/2024"),),
    ),
    # advice
    (
        "ehc_case__advice.advice_returned_before_requested",
        "the same day",
        (change("ehc_case__advice", returned_date=date(2024, 2, 13)),),
    ),
    (
        "ehc_case__advice.advice_returned_before_requested",
        "nobody says when it was asked",
        (change("ehc_case__advice", requested_date=None),),
    ),
    (
        "ehc_case__advice.advice_for_unknown_assessment",
        "the assessment came but is set apart",
        (ANOTHER_ASSESSMENT, set_apart("ehc_case__assessment", "request_id", where="assessment_id = 'A1'")),
    ),
    (
        "ehc_case__advice.advice_for_unknown_assessment",
        "no assessments were sent at all",
        (remove("ehc_case__assessment"),),
    ),
    # assessments
    (
        "ehc_case__assessment.assessment_outcome_without_date",
        "a day that could not be read",
        (unreadable("ehc_case__assessment", "outcome_date", "unreadable_date", "20/O5/2024"),),
    ),
    *(
        (
            "ehc_case__assessment.assessment_outcome_without_date",
            f"{outcome} needs no day",
            (change("ehc_case__assessment", outcome=outcome, outcome_date=None),),
        )
        for outcome in ("A", "W", "H", "S", None)
    ),
    (
        "ehc_case__assessment.assessment_outcome_before_request_received",
        "the same day",
        (change("ehc_case__assessment", outcome_date=RECEIVED),),
    ),
    (
        "ehc_case__assessment.assessment_outcome_before_request_received",
        "received in the future is a rule of its own",
        (REQUEST_TOMORROW,),
    ),
    *(
        (
            "ehc_case__assessment.assessment_after_refused_request",
            f"the request ended with {outcome}",
            (change("ehc_case__request", outcome=outcome),),
        )
        for outcome in ("A", "W", "H", None)
    ),
    (
        "ehc_case__assessment.exception_reason_missing",
        "with its reason",
        (change("ehc_case__assessment", week20_exception=True, exception_reason="1"),),
    ),
    (
        "ehc_case__assessment.exception_reason_missing",
        "a reason that is no code is the code rule's",
        (
            change("ehc_case__assessment", week20_exception=True),
            unreadable("ehc_case__assessment", "exception_reason", "unknown_code", "holidays"),
        ),
    ),
    (
        "ehc_case__assessment.exception_reason_missing",
        "nobody says whether there is an exception",
        (change("ehc_case__assessment", week20_exception=None),),
    ),
    (
        "ehc_case__assessment.assessment_for_unknown_request",
        "the request came but is set apart",
        (ANOTHER_REQUEST, set_apart("ehc_case__request", "received_date", where="request_id = 'R1'")),
    ),
    (
        "ehc_case__assessment.assessment_for_unknown_request",
        "no requests were sent at all",
        (remove("ehc_case__request"),),
    ),
    # children
    *(
        ("ehc_case__child.upn_check_letter_wrong", f"the UPN {number}", (change("ehc_case__child", upn=number),))
        for number in (TEMPORARY_UPN, UPN.lower(), None)
    ),
    (
        "ehc_case__child.upn_shared_by_two_children",
        "one child with two cases is a rule of its own",
        (like("ehc_case__child", case_id="C2"),),
    ),
    (
        "ehc_case__child.upn_shared_by_two_children",
        "twins with their own",
        (like("ehc_case__child", case_id="C2", forename="Obi", upn=OTHER_UPN, nhs_number=OTHER_NHS_NUMBER),),
    ),
    (
        "ehc_case__child.upn_shared_by_two_children",
        "neither has one",
        (change("ehc_case__child", upn=None), like("ehc_case__child", case_id="C2", upn=None, **SOMEBODY_ELSE)),
    ),
    *(
        (
            "ehc_case__child.nhs_number_check_digit_wrong",
            f"the NHS number {number}",
            (change("ehc_case__child", nhs_number=number),),
        )
        for number in (OTHER_NHS_NUMBER, "943 476 5919", None)
    ),
    (
        "ehc_case__child.nhs_number_shared_by_two_children",
        "one child with two cases is a rule of its own",
        (like("ehc_case__child", case_id="C2"),),
    ),
    (
        "ehc_case__child.nhs_number_shared_by_two_children",
        "neither has one",
        (
            change("ehc_case__child", nhs_number=None),
            like("ehc_case__child", case_id="C2", nhs_number=None, **SOMEBODY_ELSE),
        ),
    ),
    ("ehc_case__child.birth_date_in_future", "born on the day itself", (change("ehc_case__child", birth_date=AS_AT),)),
    (
        "ehc_case__child.birth_date_disagrees_between_sources",
        "a case born in the future is a rule of its own",
        (change("ehc_case__child", birth_date=TOMORROW),),
    ),
    (
        "ehc_case__child.birth_date_disagrees_between_sources",
        "a pupil born in the future is a rule of its own",
        (change("school_census__pupil", birth_date=TOMORROW),),
    ),
    (
        "ehc_case__child.birth_date_disagrees_between_sources",
        "a UPN that two cases share names neither",
        (
            change("ehc_case__child", birth_date=date(2012, 4, 5)),
            like("ehc_case__child", case_id="C2", **SOMEBODY_ELSE),
        ),
    ),
    (
        "ehc_case__child.birth_date_disagrees_between_sources",
        "the census has no readable day",
        (unreadable("school_census__pupil", "birth_date", "unreadable_date", "2012-13-05"),),
    ),
    *(
        (
            "ehc_case__child.same_person_two_cases",
            f"alike but for the {', '.join(difference)}",
            (like("ehc_case__child", case_id="C2", **{**NO_NUMBERS, **difference}),),
        )
        for difference in (
            {"forename": "Obi"},
            {"surname": "Abari"},
            {"birth_date": date(2012, 5, 5)},
            {"postcode": "RM17 6SM"},
            {"postcode": None},
        )
    ),
    *(
        (
            f"ehc_case__child.{rule_id}",
            "a child whose postcode nobody knows",
            (change("ehc_case__child", postcode=None),),
        )
        for rule_id in ("upn_shared_by_two_children", "nhs_number_shared_by_two_children")
    ),
    # needs
    (
        "ehc_case__need.need_rank_repeated_or_type_repeated",
        "the same need in another plan",
        (add("ehc_case__need", plan_id="P2", rank=2, sen_type="ASD"),),
    ),
    (
        "ehc_case__need.need_rank_repeated_or_type_repeated",
        "the same rank twice is a repeated record",
        (add("ehc_case__need", plan_id="P1", rank=1, sen_type="ASD"),),
    ),
    (
        "ehc_case__need.need_type_nsa_in_plan",
        "another difficulty",
        (change("ehc_case__need", where="rank = 2", sen_type="OTH"),),
    ),
    (
        "ehc_case__need.need_for_unknown_plan",
        "the plan came but is set apart",
        (ANOTHER_PLAN, set_apart("ehc_case__plan", "start_date", where="plan_id = 'P1'")),
    ),
    ("ehc_case__need.need_for_unknown_plan", "no plans were sent at all", (remove("ehc_case__plan"),)),
    # placements
    (
        "ehc_case__placement.placement_without_setting",
        "a provider number alone",
        (change("ehc_case__placement", urn=None, ukprn="10001234"),),
    ),
    (
        "ehc_case__placement.placement_without_setting",
        "a setting type alone",
        (change("ehc_case__placement", urn=None, sen_setting="EHE"),),
    ),
    (
        "ehc_case__placement.placement_urn_not_in_gias",
        "the establishment's row is set apart",
        (set_apart("gias__establishment", "establishment_name", where="urn = '100001'"),),
    ),
    ("ehc_case__placement.placement_urn_not_in_gias", "the register was not sent", (remove("gias__establishment"),)),
    (
        "ehc_case__placement.placement_urn_not_in_gias",
        "no URN",
        (change("ehc_case__placement", urn=None, sen_setting="EHE"),),
    ),
    (
        "ehc_case__placement.placement_at_closed_establishment",
        "closes tomorrow",
        (change("gias__establishment", where="urn = '100001'", close_date=TOMORROW, establishment_status_code="2"),),
    ),
    *(
        (
            "ehc_case__placement.placement_at_closed_establishment",
            what,
            (change("ehc_case__placement", urn="100002", **dates),),
        )
        for what, dates in (
            ("left on the day itself", {"leaving_date": AS_AT}),
            ("comes tomorrow", {"entry_date": TOMORROW}),
        )
    ),
    (
        "ehc_case__placement.placement_at_closed_establishment",
        "left on a day that could not be read",
        (PLACED_AT_CLOSED, unreadable("ehc_case__placement", "leaving_date", "unreadable_date", "summer 2025")),
    ),
    *(
        (
            "ehc_case__placement.placement_at_closed_establishment",
            f"the plan {what}",
            (PLACED_AT_CLOSED, change("ehc_case__plan", **dates)),
        )
        for what, dates in (
            ("ceased on the day itself", {"cease_date": AS_AT, "cease_reason": "2"}),
            ("starts tomorrow", {"start_date": TOMORROW}),
            ("ceased on a day nobody knows", {"cease_reason": "2"}),
        )
    ),
    (
        "ehc_case__placement.placement_at_closed_establishment",
        "the plan ceased on a day that could not be read",
        (PLACED_AT_CLOSED, unreadable("ehc_case__plan", "cease_date", "unreadable_date", "Easter")),
    ),
    (
        "ehc_case__placement.placement_leaving_before_entry",
        "the same day",
        (change("ehc_case__placement", leaving_date=date(2024, 9, 2)),),
    ),
    (
        "ehc_case__placement.placement_leaving_before_entry",
        "nobody says when it began",
        (change("ehc_case__placement", entry_date=None, leaving_date=date(2024, 9, 1)),),
    ),
    *(
        (
            "ehc_case__placement.placements_primary_overlap",
            what,
            (
                change("ehc_case__placement", **first),
                like("ehc_case__placement", **{"id": "PL2", "entry_date": date(2025, 9, 1), **second}),
            ),
        )
        for what, first, second in (
            ("the first ends that day", {"leaving_date": date(2025, 9, 1)}, {}),
            ("the second is not primary", {"rank": 1}, {"rank": 2}),
            ("the second is of another plan", {"rank": 1}, {"plan_id": "P2"}),
            ("nobody says when the second began", {"rank": 1}, {"entry_date": None}),
            ("the second ends before it begins", {"rank": 1}, {"leaving_date": date(2025, 8, 31)}),
        )
    ),
    (
        "ehc_case__placement.placements_primary_overlap",
        "the first ended on a day that could not be read",
        (
            unreadable("ehc_case__placement", "leaving_date", "unreadable_date", "summer 2025"),
            like("ehc_case__placement", id="PL2", entry_date=date(2025, 9, 1)),
        ),
    ),
    *(
        (
            "ehc_case__placement.neet_under_16",
            what,
            (
                change("ehc_case__placement", urn=None, **placement),
                change("ehc_case__child", birth_date=birth_date),
            ),
        )
        for what, placement, birth_date in (
            ("16 on the day itself", {"sen_setting": "NEET"}, date(2010, 6, 30)),
            ("left on the 16th birthday", {"sen_setting": "NEET", "leaving_date": date(2025, 5, 4)}, date(2009, 5, 4)),
            ("under 16, and home educated", {"sen_setting": "EHE"}, date(2012, 5, 4)),
            ("born in the future is a rule of its own", {"sen_setting": "NEET"}, TOMORROW),
        )
    ),
    *(
        (
            "ehc_case__placement.sen_unit_and_resourced_provision_both",
            f"unit {unit}, resourced {resourced}",
            (change("ehc_case__placement", sen_unit=unit, resourced_provision=resourced),),
        )
        for unit, resourced in ((True, False), (False, True), (True, None))
    ),
    (
        "ehc_case__placement.placement_for_unknown_plan",
        "the plan came but is set apart",
        (ANOTHER_PLAN, set_apart("ehc_case__plan", "start_date", where="plan_id = 'P1'")),
    ),
    ("ehc_case__placement.placement_for_unknown_plan", "no plans were sent at all", (remove("ehc_case__plan"),)),
    # plans
    *(
        (
            "ehc_case__plan.plan_without_issued_assessment",
            f"the assessment ended with {outcome}",
            (change("ehc_case__assessment", outcome=outcome),),
        )
        for outcome in ("Y", "H", "S")
    ),
    (
        "ehc_case__plan.plan_without_issued_assessment",
        "the assessment is not on record",
        (remove("ehc_case__assessment"),),
    ),
    (
        "ehc_case__plan.plan_issued_before_request_received",
        "the same day",
        (change("ehc_case__plan", issued_date=RECEIVED),),
    ),
    (
        "ehc_case__plan.plan_issued_before_request_received",
        "issued by the LA the child came from",
        (
            change(
                "ehc_case__plan", issued_date=date(2023, 1, 9), transfer_in_la="882", transfer_in_date=date(2024, 1, 8)
            ),
        ),
    ),
    (
        "ehc_case__plan.plan_issued_before_request_received",
        "received in the future is a rule of its own",
        (REQUEST_TOMORROW,),
    ),
    (
        "ehc_case__plan.cease_date_without_reason",
        "with its reason",
        (change("ehc_case__plan", cease_date=YESTERDAY, cease_reason="2"),),
    ),
    (
        "ehc_case__plan.cease_reason_without_date",
        "with its day",
        (change("ehc_case__plan", cease_date=YESTERDAY, cease_reason="2"),),
    ),
    (
        "ehc_case__plan.cease_reason_without_date",
        "a day that could not be read",
        (
            change("ehc_case__plan", cease_reason="2"),
            unreadable("ehc_case__plan", "cease_date", "unreadable_date", "Easter"),
        ),
    ),
    (
        "ehc_case__plan.cease_date_before_start",
        "the same day",
        (change("ehc_case__plan", cease_date=STARTED, cease_reason="2"),),
    ),
    (
        "ehc_case__plan.plan_transferred_in_without_date",
        "with its day",
        (change("ehc_case__plan", transfer_in_la="882", transfer_in_date=STARTED),),
    ),
    (
        "ehc_case__plan.plan_transferred_in_without_date",
        "a day that could not be read",
        (
            change("ehc_case__plan", transfer_in_la="882"),
            unreadable("ehc_case__plan", "transfer_in_date", "unreadable_date", "Easter"),
        ),
    ),
    *(
        (
            "ehc_case__plan.active_plan_without_placement",
            what,
            (change("ehc_case__placement", **placement), change("ehc_case__plan", **plan)),
        )
        for what, placement, plan in (
            ("leaves on the day itself", {"leaving_date": AS_AT}, {"version": "1"}),
            ("left before coming is a rule of its own", {"leaving_date": date(2024, 9, 1)}, {"version": "1"}),
            ("the plan starts tomorrow", {"leaving_date": YESTERDAY}, {"start_date": TOMORROW}),
            ("the plan ceased", {"leaving_date": YESTERDAY}, {"cease_date": AS_AT, "cease_reason": "2"}),
        )
    ),
    (
        "ehc_case__plan.active_plan_without_placement",
        "no placements were sent at all",
        (remove("ehc_case__placement"),),
    ),
    (
        "ehc_case__plan.active_plan_without_primary_need",
        "the need came but is set apart",
        (set_apart("ehc_case__need", "sen_type", where="rank = 1"),),
    ),
    ("ehc_case__plan.active_plan_without_primary_need", "no needs were sent at all", (remove("ehc_case__need"),)),
    (
        "ehc_case__plan.active_plan_without_primary_need",
        "the plan ceased",
        (
            remove("ehc_case__need", where="rank = 1"),
            change("ehc_case__plan", cease_date=AS_AT, cease_reason="2"),
        ),
    ),
    *(
        ("ehc_case__plan.two_open_plans_for_one_child", what, (like("ehc_case__plan", plan_id="P2", **second),))
        for what, second in (
            ("the second ceased on the day itself", {"cease_date": AS_AT, "cease_reason": "2"}),
            ("the second starts tomorrow", {"start_date": TOMORROW}),
            ("the second ceased on a day nobody knows", {"cease_reason": "2"}),
        )
    ),
    (
        "ehc_case__plan.two_open_plans_for_one_child",
        "the second is another child's",
        (ANOTHER_CHILD, ANOTHER_REQUEST, ANOTHER_PLAN),
    ),
    *(
        (
            "ehc_case__plan.plan_cease_reason_1_under_19",
            what,
            (
                change("ehc_case__child", birth_date=birth_date),
                change("ehc_case__plan", cease_date=cease_date, cease_reason=reason),
            ),
        )
        for what, birth_date, cease_date, reason in (
            ("19 that day", date(2007, 5, 1), date(2026, 5, 1), "1"),
            ("another reason", date(2012, 5, 4), date(2026, 5, 1), "2"),
            ("ceased before it started is a rule of its own", date(2012, 5, 4), date(2024, 5, 19), "1"),
            ("born in the future is a rule of its own", TOMORROW, date(2026, 5, 1), "1"),
        )
    ),
    (
        "ehc_case__plan.plan_for_unknown_request",
        "the request came but is set apart",
        (ANOTHER_REQUEST, set_apart("ehc_case__request", "received_date", where="request_id = 'R1'")),
    ),
    ("ehc_case__plan.plan_for_unknown_request", "no requests were sent at all", (remove("ehc_case__request"),)),
    *(
        ("ehc_case__plan.future_date", f"{item} on the day itself", (change("ehc_case__plan", **{item: AS_AT}),))
        for item in ("start_date", "issued_date", "transfer_in_date")
    ),
    # requests
    (
        "ehc_case__request.request_outcome_without_date",
        "a day that could not be read",
        (unreadable("ehc_case__request", "outcome_date", "unreadable_date", "12/O2/2024"),),
    ),
    *(
        (
            "ehc_case__request.request_outcome_without_date",
            f"{outcome} needs no day",
            (change("ehc_case__request", outcome=outcome, outcome_date=None),),
        )
        for outcome in ("A", "W", "H", None)
    ),
    *(
        (
            "ehc_case__request.request_outcome_date_without_outcome",
            f"{outcome} may have a day",
            (change("ehc_case__request", outcome=outcome),),
        )
        for outcome in ("Y", "N", "W", "H")
    ),
    (
        "ehc_case__request.request_outcome_before_received",
        "the same day",
        (change("ehc_case__request", outcome_date=RECEIVED),),
    ),
    (
        "ehc_case__request.request_outcome_before_received",
        "received in the future is a rule of its own",
        (REQUEST_TOMORROW,),
    ),
    (
        "ehc_case__request.request_received_in_future",
        "on the day itself",
        (change("ehc_case__request", received_date=AS_AT),),
    ),
    (
        "ehc_case__request.request_for_unknown_child",
        "the child came but is set apart",
        (ANOTHER_CHILD, set_apart("ehc_case__child", "birth_date", where="case_id = 'C1'")),
    ),
    ("ehc_case__request.request_for_unknown_child", "no children were sent at all", (remove("ehc_case__child"),)),
    *(
        (
            "ehc_case__request.assessment_missing_for_agreed_request",
            what,
            (
                ANOTHER_ASSESSMENT,
                remove("ehc_case__assessment", where="assessment_id = 'A1'"),
                change("ehc_case__request", **request),
            ),
        )
        for what, request in (
            ("the child moved to another LA", {"exported_la": "882"}),
            ("refused", {"outcome": "N"}),
            ("not yet decided", {"outcome": None, "outcome_date": None}),
            ("received in the future is a rule of its own", {"received_date": TOMORROW}),
        )
    ),
    (
        "ehc_case__request.assessment_missing_for_agreed_request",
        "no assessments were sent at all",
        (remove("ehc_case__assessment"),),
    ),
    (
        "ehc_case__request.future_date",
        "decided on the day itself",
        (change("ehc_case__request", outcome_date=AS_AT),),
    ),
    (
        "ehc_case__request.future_date",
        "received in the future is a rule of its own",
        (change("ehc_case__request", received_date=TOMORROW, outcome_date=TOMORROW),),
    ),
    # reviews
    (
        "ehc_case__review.review_meeting_before_plan_start",
        "the same day",
        (change("ehc_case__review", meeting_date=STARTED),),
    ),
    (
        "ehc_case__review.review_meeting_before_plan_start",
        "a plan that starts in the future is a rule of its own",
        (change("ehc_case__plan", start_date=TOMORROW),),
    ),
    (
        "ehc_case__review.review_decision_without_date",
        "a day that could not be read",
        (unreadable("ehc_case__review", "decision_date", "unreadable_date", "June"),),
    ),
    (
        "ehc_case__review.review_decision_without_date",
        "decided before they meet is a rule of its own",
        (change("ehc_case__review", meeting_date=TOMORROW, decision_date=None),),
    ),
    (
        "ehc_case__review.review_decision_before_meeting",
        "the same day",
        (change("ehc_case__review", decision_date=MET),),
    ),
    (
        "ehc_case__review.review_decision_before_meeting",
        "decided before they meet is a rule of its own",
        (change("ehc_case__review", meeting_date=TOMORROW),),
    ),
    (
        "ehc_case__review.review_decision_date_without_decision",
        "neither",
        (change("ehc_case__review", decision=None, decision_date=None),),
    ),
    (
        "ehc_case__review.review_decided_in_future",
        "they met on the day itself",
        (change("ehc_case__review", meeting_date=AS_AT),),
    ),
    (
        "ehc_case__review.review_decided_in_future",
        "they meet tomorrow and nothing is decided",
        (change("ehc_case__review", meeting_date=TOMORROW, decision=None, decision_date=None),),
    ),
    (
        "ehc_case__review.review_for_unknown_plan",
        "the plan came but is set apart",
        (ANOTHER_PLAN, set_apart("ehc_case__plan", "start_date", where="plan_id = 'P1'")),
    ),
    ("ehc_case__review.review_for_unknown_plan", "no plans were sent at all", (remove("ehc_case__plan"),)),
    *(
        ("ehc_case__review.future_date", f"{item} {what}", (change("ehc_case__review", **{item: day}, **meeting),))
        for item in ("decision_date", "draft_amended_date", "final_amended_date")
        for what, day, meeting in (
            ("on the day itself", AS_AT, {}),
            ("decided before they meet is a rule of its own", TOMORROW, {"meeting_date": TOMORROW}),
        )
    ),
    # school census
    *(
        (
            "school_census__pupil.upn_check_letter_wrong",
            f"the UPN {number}",
            (change("school_census__pupil", upn=number),),
        )
        for number in (TEMPORARY_UPN, UPN.lower())
    ),
    *(
        ("school_census__pupil.census_ehc_plan_without_case", what, steps)
        for what, steps in (
            ("known by name and birth date", (change("school_census__pupil", upn=OTHER_UPN),)),
            ("known by UPN under another name", (change("school_census__pupil", surname="Nowak"),)),
            ("on SEN support", (change("school_census__pupil", **UNKNOWN_PUPIL, sen_provision="K"),)),
            (
                "in an earlier census",
                (like("school_census__pupil", census_date=date(2025, 10, 2), **UNKNOWN_PUPIL),),
            ),
            ("in a census to come", (change("school_census__pupil", **UNKNOWN_PUPIL, census_date=TOMORROW),)),
            (
                "the plan ceased on the day of the census",
                (change("ehc_case__plan", cease_date=date(2026, 1, 15), cease_reason="2"),),
            ),
            (
                "the plan's own dates contradict each other",
                (change("ehc_case__plan", cease_date=date(2024, 5, 19), cease_reason="2"),),
            ),
            ("no plans were sent at all", (remove("ehc_case__plan"),)),
        )
    ),
    (
        "school_census__pupil.birth_date_in_future",
        "born on the day itself",
        (change("school_census__pupil", birth_date=AS_AT),),
    ),
    # children in need census
    *(
        (
            "cin_census__child.cin_upn_check_letter_wrong",
            f"the UPN {number}",
            (change("cin_census__child", upn=number),),
        )
        for number in (TEMPORARY_UPN, None)
    ),
    (
        "cin_census__child.birth_date_in_future",
        "born on the day itself",
        (change("cin_census__child", birth_date=AS_AT),),
    ),
    (
        "cin_census__cin_episode.cin_closure_before_referral",
        "the same day",
        (change("cin_census__cin_episode", closure_date=date(2025, 2, 3)),),
    ),
    (
        "cin_census__child_protection_plan.cp_plan_end_before_start",
        "the same day",
        (change("cin_census__child_protection_plan", end_date=date(2025, 3, 3)),),
    ),
    # therapy waits
    *(
        (
            "therapy_waits__referral.nhs_number_check_digit_wrong",
            f"the NHS number {number}",
            (change("therapy_waits__referral", nhs_number=number),),
        )
        for number in ("943 476 5919", None)
    ),
    (
        "therapy_waits__referral.referral_contact_before_received",
        "the same day",
        (change("therapy_waits__referral", first_contact_date=date(2025, 3, 3)),),
    ),
    (
        "therapy_waits__referral.referral_stopped_before_received",
        "the same day",
        (change("therapy_waits__referral", clock_stop_date=date(2025, 3, 3)),),
    ),
    (
        "therapy_waits__referral.birth_date_in_future",
        "born on the day itself",
        (change("therapy_waits__referral", birth_date=AS_AT),),
    ),
]

TABLES = {
    f"{contract.extract}__{name}": table for contract in all_contracts() for name, table in contract.tables.items()
}
VALUES: dict[str, tuple[Any, Any]] = {
    "text": ("K1", "K2"),
    "code": ("K1", "K2"),
    "date": (date(2025, 1, 6), date(2025, 1, 7)),
    "integer": (1, 2),
}


def key_of(table: str, *, but_for_the_last: bool = False) -> dict[str, Any]:
    """The key of a record that the clean borough has not; or of one that differs from it in its last column."""
    *columns, last = TABLES[table].key
    values = {column: VALUES[TABLES[table].columns[column].type] for column in TABLES[table].key}
    return {column: values[column][0] for column in columns} | {last: values[last][but_for_the_last]}


NAMES_THE_LAST = {
    "attainment",
    "commissioned_places",
    "high_needs_spend",
    "improvement_plan",
    "nccis",
    "ofsted",
    "short_breaks",
    "ssd",
    "ssda903",
    "targets",
}
"""The extracts whose repeated keys are laid at the key's last column; elsewhere it is the first."""


def item_of_key(table: str) -> str:
    return TABLES[table].key[-1 if table.partition("__")[0] in NAMES_THE_LAST else 0]


REPEATED: list[tuple[str, str, tuple[Step, ...], Found]] = [
    (
        f"{table}.duplicate_key",
        "the same key in two rows",
        (add(table, **key_of(table)), add(table, **key_of(table))),
        {("|".join(str(value) for value in key_of(table).values()), item_of_key(table))},
    )
    for table in TABLES
]
NOT_REPEATED: list[tuple[str, str, tuple[Step, ...]]] = [
    (f"{table}.duplicate_key", what, (add(table, **key_of(table)), second))
    for table in TABLES
    for what, second in (
        ("the same key in the next delivery", add(table, **key_of(table), _delivery=2)),
        ("a key that differs in its last column", add(table, **key_of(table, but_for_the_last=True))),
    )
]

ALL_BREAKING = [*BREAKING, *REPEATED]
FIRST_BREAKING = {name: steps for name, _, steps, _ in reversed(ALL_BREAKING)}


def apply(steps: tuple[Step, ...], connection: Connection) -> None:
    for step in steps:
        step(connection)


def named(rules: tuple[Rule, ...], name: str) -> Rule:
    dataset, _, rule_id = name.partition(".")
    return next(rule for rule in rules if rule.dataset == f"landing/{dataset}" and rule.rule_id == rule_id)


def found_by(rule: Rule, connection: Connection) -> list[tuple[str, str]]:
    """The record and item of each failing row."""
    return connection.execute(f"select record_id, item from ({rule.query})").fetchall()


def test_every_rule_has_a_breaking_example(landing_rules: tuple[Rule, ...]) -> None:
    assert set(FIRST_BREAKING) == {f"{rule.dataset.partition('/')[2]}.{rule.rule_id}" for rule in landing_rules}


def test_no_rule_finds_anything_in_the_clean_borough(borough: Connection, landing_rules: tuple[Rule, ...]) -> None:
    assert {rule.rule_id: rows for rule in landing_rules if (rows := found_by(rule, borough))} == {}


@pytest.mark.parametrize(
    ("name", "steps", "found"),
    [pytest.param(name, steps, found, id=f"{name}: {what}") for name, what, steps, found in ALL_BREAKING],
)
def test_the_rule_finds(
    name: str, steps: tuple[Step, ...], found: Found, borough: Connection, landing_rules: tuple[Rule, ...]
) -> None:
    apply(steps, borough)
    rows = found_by(named(landing_rules, name), borough)
    assert set(rows) == found
    assert len(rows) == len(found)


@pytest.mark.parametrize(
    ("name", "steps"),
    [pytest.param(name, steps, id=f"{name}: {what}") for name, what, steps in [*PASSING, *NOT_REPEATED]],
)
def test_the_rule_lets_pass(
    name: str, steps: tuple[Step, ...], borough: Connection, landing_rules: tuple[Rule, ...]
) -> None:
    apply(steps, borough)
    assert found_by(named(landing_rules, name), borough) == []


@pytest.mark.parametrize("dataset", sorted({name.partition(".")[0] for name in FIRST_BREAKING}))
def test_soda_says_what_the_query_says(dataset: str, borough: Connection, landing_rules: tuple[Rule, ...]) -> None:
    """The contract as Soda runs it, for the first breaking example of each of its rules in turn."""
    for rule in (rule for rule in landing_rules if rule.dataset == f"landing/{dataset}"):
        borough.execute("rollback")
        borough.execute("begin")
        apply(FIRST_BREAKING[f"{dataset}.{rule.rule_id}"], borough)
        results = verify_contracts(borough, [CONTRACTS / "landing" / f"{dataset}.yml"])
        (result,) = [result for result in results if result.rule == rule]
        assert (result.outcome, result.failed_rows) == ("failed", len(found_by(rule, borough))), rule.rule_id


def test_soda_passes_the_clean_borough(borough: Connection) -> None:
    results = verify_contracts(borough, sorted((CONTRACTS / "landing").glob("*.yml")))
    assert len(results) == len(FIRST_BREAKING)
    assert {result.rule_id for result in results if result.outcome != "passed"} == set()


@pytest.mark.parametrize(
    "number", [UPN, OTHER_UPN, TEMPORARY_UPN, "B801200005001", "A801200005001", "H883200512001", "G88320051200", ""]
)
def test_a_upn_is_judged_as_the_standard_library_of_numbers_does(number: str, borough: Connection) -> None:
    assert borough.execute("select checks.is_upn(?)", [number]).fetchone() == (upn.is_valid(number),)


@pytest.mark.parametrize(
    "number", [NHS_NUMBER, OTHER_NHS_NUMBER, "9434765918", "943 476 5919", "94347659190", "n/a", ""]
)
def test_an_nhs_number_is_judged_as_the_standard_library_of_numbers_does(number: str, borough: Connection) -> None:
    assert borough.execute("select checks.is_nhs_number(?)", [number]).fetchone() == (nhs.is_valid(number),)


@pytest.mark.parametrize(
    ("birth_date", "on_date", "age"),
    [
        (date(2012, 5, 4), date(2026, 5, 3), 13),
        (date(2012, 5, 4), date(2026, 5, 4), 14),
        (date(2012, 2, 29), date(2026, 2, 28), 13),
        (date(2012, 2, 29), date(2026, 3, 1), 14),
        (date(2012, 2, 29), date(2028, 2, 29), 16),
    ],
)
def test_age_is_in_whole_years(birth_date: date, on_date: date, age: int, borough: Connection) -> None:
    assert borough.execute("select checks.age_on(?, ?)", [birth_date, on_date]).fetchone() == (age,)


def test_a_total_row_is_no_finding(borough: Connection, landing_rules: tuple[Rule, ...]) -> None:
    borough.execute(
        "insert into landing.quarantine values ('ehe_cme', 'register', '1', 'r.xlsx', 9, 'total row', null, "
        "'not_a_record', null)"
    )
    query = named(landing_rules, "quarantine.row_quarantined").query
    assert borough.execute(f"from ({query})").fetchall() == []


def test_what_is_found_in_a_landed_record_goes_to_the_owner_its_extract_names() -> None:
    owners = {contract.extract: (contract.owner, contract.organisation) for contract in all_contracts()}
    first, _ = contract_paths()
    landed = [rule for contract in read_contracts(first) for rule in contract.rules if rule.layer == "landing"]
    of_extracts = [(rule, owners.get(rule.dataset.partition("/")[2].partition("__")[0])) for rule in landed]
    assert sum(owner is not None for _, owner in of_extracts) > 100
    assert [
        f"{r.dataset}.{r.rule_id}" for r, owner in of_extracts if owner not in (None, (r.owner, r.organisation))
    ] == []


def test_what_is_set_apart_goes_to_the_owner_of_its_extract(
    borough: Connection, landing_rules: tuple[Rule, ...]
) -> None:
    set_apart("therapy_waits__referral", "service")(borough)
    query = named(landing_rules, "quarantine.row_quarantined").query
    assert borough.execute(f"select record_id, owner, organisation from ({query})").fetchall() == [
        ("RF1", "health_steward", "health")
    ]
