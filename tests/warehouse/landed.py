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


def placement(record: str, plan_id: str, **columns: Any) -> Row:
    return {"id": record, "plan_id": plan_id, "rank": 1, "entry_date": date(2024, 9, 2), **columns}


def visit(visit_id: str, case_id: str | None, day: date, **columns: Any) -> Row:
    return {"visit_id": visit_id, "case_id": case_id, "date": day, "kind": "welfare", **columns}


def on_register(register_id: str, status: str, **columns: Any) -> Row:
    person = {"surname": "Abara", "forename": "Ife", "birth_date": date(2014, 3, 9)}
    return {"register_id": register_id, "status": status, "start_date": date(2025, 1, 6), **person, **columns}


def client(client_id: str, activity_code: str, **columns: Any) -> Row:
    person = {"birth_date": date(2007, 3, 9), "period_end": date(2025, 5, 31)}
    return {"client_id": client_id, "activity_code": activity_code, **person, **columns}


def logged_advice(advice_ref: str, nhs_number: str | None, **columns: Any) -> Row:
    person = {"child_name": "Ife Abara", "birth_date": date(2014, 3, 9), "nhs_number": nhs_number}
    return {"advice_ref": advice_ref, "requested_date": date(2025, 6, 2), **person, **columns}


def commissioned(urn: str, kind: str, places: int, **columns: Any) -> Row:
    return {"urn": urn, "kind": kind, "places": places, "academic_year": "2024/25", **columns}


def with_plans(*names: str, **columns: Any) -> dict[str, list[Row]]:
    """A case, an agreed request and a plan of 22 January 2024 for each name."""
    return {
        "ehc_case__child": [case(name, **columns) for name in names],
        "ehc_case__request": [
            request(f"R-{name}", name, outcome="Y", outcome_date=date(2023, 10, 9)) for name in names
        ],
        "ehc_case__plan": [plan(f"P-{name}", f"R-{name}") for name in names],
    }
