"""What the SEN2 return must show of the faults planted in a borough: which rule finds each that reaches it."""

from __future__ import annotations

import csv
from collections.abc import Iterator

import duckdb

from operations.store import OperationsStore
from returns.standing import Finding, check_return
from warehouse.home import Home

OF_RECORD = "select 1 from sen2.{table} as held, sen2.sen2_header as header where held.record_id = $record and ({when})"
OF_REVIEW = (
    "select 1 from sen2.sen2_active_plans as held inner join landing.ehc_case__review as review "
    "on held.record_id = review.plan_id and held.review_meeting is not distinct from review.meeting_date "
    "where review.review_id = $record and ({when})"
)
OF_OTHER_PERSON = "exists (select 1 from sen2.sen2_person as other where other.person_id <> held.person_id and {same})"
OF_ASSESSMENT = (
    "(select assessment_outcome from sen2.sen2_assessment as made where made.requests_id = held.requests_id)"
)
OF_REQUEST = "(select request_outcome from sen2.sen2_requests as made where made.requests_id = held.requests_id)"
START_OF_PLAN = "(select start_date from sen2.sen2_named_plan as made where made.requests_id = held.requests_id)"
OVERLAPPING = (
    "exists (select 1 from sen2.sen2_placement_detail as other where other.requests_id = held.requests_id "
    "and other.placement_detail_number <> held.placement_detail_number and other.placement_rank = 1 "
    "and other.entry_date < coalesce(held.leaving_date, header.reference_date) "
    "and held.entry_date < coalesce(other.leaving_date, header.reference_date))"
)
SAME_WHO = (
    "(other.surname, other.person_birth_date, other.post_code) = (held.surname, held.person_birth_date, held.post_code)"
)

Findings = tuple[Finding, ...]
Shown = tuple[str, str, str]
"""The rules of which one must find it, the table (or ``review``), and when the fault reaches the return."""
SHOWN: dict[str, Shown] = {
    "upn_check_letter_wrong": ("upn_invalid", "sen2_person", "held.upn is not null"),
    "upn_shared_by_two_children": ("upn_repeated", "sen2_person", OF_OTHER_PERSON.format(same="other.upn = held.upn")),
    "birth_date_in_future": (
        "birth_date_after_reference_date",
        "sen2_person",
        "held.person_birth_date > header.reference_date",
    ),
    "child_ethnicity_unknown": ("ethnicity_invalid", "sen2_person", "true"),
    "same_person_two_cases": ("person_returned_twice", "sen2_person", OF_OTHER_PERSON.format(same=SAME_WHO)),
    "request_outcome_without_date": (
        "request_decided_without_date",
        "sen2_requests",
        "held.request_outcome in ('Y', 'N')",
    ),
    "request_outcome_date_without_outcome": (
        "request_undecided_over_6_weeks",
        "sen2_requests",
        "held.request_outcome = 'A' and held.received_date < header.reference_date - 42",
    ),
    "request_outcome_before_received": (
        "request_outcome_before_received",
        "sen2_requests",
        "held.request_outcome_date is not null",
    ),
    "request_source_unknown": ("request_source_invalid", "sen2_requests", "true"),
    "assessment_missing_for_agreed_request": (
        "request_agreed_without_assessment",
        "sen2_requests",
        "held.request_outcome = 'Y' and held.exported is null",
    ),
    "assessment_after_refused_request": (
        "request_not_agreed_with_assessment",
        "sen2_assessment",
        f"{OF_REQUEST} <> 'H'",
    ),
    "assessment_outcome_without_date": (
        "assessment_refused_without_date assessment_issued_without_date",
        "sen2_assessment",
        "held.assessment_outcome in ('Y', 'N') and held.assessment_outcome_date is null",
    ),
    "assessment_outcome_before_request_received": (
        "assessment_outcome_before_request_outcome historical_assessment_with_new_plan",
        "sen2_assessment",
        f"held.assessment_outcome_date is not null or year({START_OF_PLAN}) = header.year - 1",
    ),
    "plan_without_issued_assessment": (
        "assessment_not_issued_with_plan",
        "sen2_named_plan",
        f"{OF_ASSESSMENT} not in ('Y', 'S', 'H')",
    ),
    "cease_date_without_reason": ("plan_ceased_without_reason", "sen2_named_plan", "true"),
    "cease_reason_without_date": ("plan_reason_without_cease_date", "sen2_named_plan", "true"),
    "cease_date_before_start": ("plan_ceased_before_start", "sen2_named_plan", "true"),
    "plan_cease_reason_1_under_19": ("ceased_by_age_under_19", "sen2_named_plan", "true"),
    "active_plan_without_placement": (
        "active_plan_without_placement transferred_plan_without_placement",
        "sen2_active_plans",
        "true",
    ),
    "active_plan_without_primary_need": (
        "active_plan_without_need need_second_without_main",
        "sen2_active_plans",
        "true",
    ),
    "two_open_plans_for_one_child": ("person_with_two_active_plans", "sen2_active_plans", "true"),
    "placement_without_setting": ("placement_setting_missing", "sen2_placement_detail", "true"),
    "placement_urn_not_in_gias": ("placement_urn_unknown", "sen2_placement_detail", "true"),
    "placement_at_closed_establishment": ("placement_setting_closed", "sen2_placement_detail", "true"),
    "placement_urn_and_setting_both": ("placement_setting_several", "sen2_placement_detail", "true"),
    "placement_leaving_before_entry": (
        "placement_end_before_start",
        "sen2_placement_detail",
        "held.leaving_date is not null",
    ),
    "placements_primary_overlap": ("placements_overlap placement_two_main", "sen2_placement_detail", OVERLAPPING),
    "neet_under_16": ("neet_under_16", "sen2_placement_detail", "true"),
    "sen_unit_and_resourced_provision_both": ("placement_unit_and_provision", "sen2_placement_detail", "true"),
    "need_rank_repeated_or_type_repeated": ("need_type_repeated need_rank_repeated", "sen2_sen_need", "true"),
    "need_type_nsa_in_plan": ("need_type_invalid", "sen2_sen_need", "true"),
    "need_sen_type_unknown": ("need_type_invalid", "sen2_sen_need", "true"),
    "review_meeting_before_plan_start": ("review_before_plan", "review", "review.meeting_date is not null"),
    "review_decision_before_meeting": ("review_decision_before_meeting", "review", "held.last_review is not null"),
    "review_decision_without_date": ("review_outcome_without_date", "review", "held.review_outcome is not null"),
    "review_decision_date_without_decision": ("review_date_without_outcome", "review", "held.last_review is not null"),
}
NOT_SHOWN = {
    "the record, or the day that is wrong, is not yet of the return": {
        *("request_received_in_future", "request_decided_in_future", "review_decided_in_future"),
        *("plan_issued_in_future", "plan_amended_in_future"),
    },
    "the row was set apart, so nothing of it reaches the return": {
        *("child_without_birth_date", "request_without_received_date", "review_without_plan", "ragged_row"),
    },
    "it belongs to nobody, so nobody returns it": {"request_for_unknown_child", "advice_for_unknown_assessment"},
    "what it is about is no item of the return": {
        *("nhs_number_check_digit_wrong", "nhs_number_shared_by_two_children", "exception_reason_missing"),
        *("advice_returned_before_requested", "quality_rating_unreadable", "cost_per_year_unreadable"),
        *("due_date_unreadable", "plan_issued_before_request_received", "birth_date_disagrees_between_sources"),
    },
    "the return has room for one, and takes the last": {"child_twice", "review_twice", "advice_twice"},
    "without the day of the transfer nobody can say that it was this year": {"plan_transferred_in_without_date"},
    "an empty answer is returned as no, an empty day as none": {"pb_unreadable", "date_is_a_placeholder"},
}


def findings_of(home: Home) -> Findings:
    """What the rules of the return find in the warehouse that stands."""
    return check_return(home, OperationsStore(home.operations_url)).findings


def planted(home: Home) -> list[dict[str, str]]:
    """The faults planted in the case system, of which the return is made."""
    with (home.folder / "borough" / "truth" / "faults.csv").open(encoding="utf-8", newline="") as handle:
        return [fault for fault in csv.DictReader(handle) if fault["extract"] == "ehc_case"]


def reaching(home: Home) -> Iterator[tuple[dict[str, str], set[str]]]:
    """The planted faults that reach the return, each with the rules of which one must find it."""
    known = {fault for faults in NOT_SHOWN.values() for fault in faults}
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        for fault in planted(home):
            assert fault["fault"] in SHOWN or fault["fault"] in known, f"say what the return shows of {fault['fault']}"
            if fault["fault"] not in SHOWN:
                continue
            rules, table, when = SHOWN[fault["fault"]]
            query = OF_REVIEW if table == "review" else OF_RECORD
            asked = query.format(table=table, when=when)
            if connection.execute(asked, {"record": fault["record_id"]}).fetchone():
                yield fault, set(rules.split())


def children_of(home: Home, faults: list[dict[str, str]]) -> set[str]:
    """The children in whose records the faults were planted."""
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        rows = connection.execute(
            "select extract, table_name, record_id, child_id from identity.identity__record_child"
        ).fetchall()
    touched = {(fault["extract"], fault["table"], fault["record_id"]) for fault in faults}
    return {str(child) for *record, child in rows if tuple(record) in touched}


def missed(home: Home, findings: Findings) -> list[tuple[str, str]]:
    """The faults that reach the return and that none of their rules finds, each with its record."""
    found = {(finding.rule_id, finding.child_id) for finding in findings}
    return [
        (fault["fault"], fault["record_id"])
        for fault, rules in reaching(home)
        if not any((rule, child) in found for rule in rules for child in children_of(home, [fault]))
    ]


def errors_of_clean_records(home: Home, findings: Findings) -> list[tuple[str, str | None]]:
    """The errors in the return of children none of whose records has a fault, each with its rule and record."""
    touched = children_of(home, planted(home))
    return [
        (finding.rule_id, finding.record_id)
        for finding in findings
        if finding.severity == "error" and finding.child_id not in touched
    ]
