"""Landed rows with the least a record needs; a test states only what it is about."""

from __future__ import annotations

from datetime import date
from typing import Any

Row = dict[str, Any]


def case(case_id: str, **columns: Any) -> Row:
    person = {"surname": f"Family of {case_id}", "forename": case_id, "birth_date": date(2014, 3, 9)}
    return {"case_id": case_id, **person, **columns}


def pupil(upn: str, **columns: Any) -> Row:
    person = {"surname": "Abara", "forename": "Ife", "birth_date": date(2014, 3, 9)}
    return {"census_date": date(2025, 1, 16), "laestab": "8832001", "upn": upn, **person, **columns}


def referral(referral_id: str, **columns: Any) -> Row:
    received = {"referral_received_date": date(2025, 2, 1), "service": "SALT"}
    return {"referral_id": referral_id, "local_patient_id": f"L-{referral_id}", **received, **columns}


def child_in_need(la_child_id: str, **columns: Any) -> Row:
    return {"reference_date": date(2025, 3, 31), "la_child_id": la_child_id, "birth_date": date(2014, 3, 9), **columns}


def request(request_id: str, case_id: str, **columns: Any) -> Row:
    return {"request_id": request_id, "case_id": case_id, "received_date": date(2023, 9, 4), **columns}


def assessment(assessment_id: str, request_id: str, **columns: Any) -> Row:
    return {"assessment_id": assessment_id, "request_id": request_id, "agreed_date": date(2023, 10, 9), **columns}


def advice(advice_id: str, assessment_id: str, **columns: Any) -> Row:
    return {"advice_id": advice_id, "assessment_id": assessment_id, "requested_date": date(2025, 6, 2), **columns}


def plan(plan_id: str, request_id: str, **columns: Any) -> Row:
    return {"plan_id": plan_id, "request_id": request_id, "start_date": date(2024, 1, 22), **columns}


def review(review_id: str, plan_id: str, **columns: Any) -> Row:
    return {"review_id": review_id, "plan_id": plan_id, **columns}


def establishment(urn: str, **columns: Any) -> Row:
    return {
        "urn": urn,
        "la_code": "883",
        "establishment_number": "2001",
        "establishment_name": "Thameside Primary School",
        "type_of_establishment_code": "1",
        "type_of_establishment_name": "Community school",
        "establishment_status_code": "1",
        **columns,
    }
