"""What the warehouse makes of the clean borough, as far as the rules on core and lists read it.

The tables have the columns and types of the dbt models; the rows are written here, so that a rule is tried without
the model that it watches over.
"""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import yaml

from checks.findings import FINDING_COLUMNS
from tests.checks.borough import NHS_NUMBER, PERSON, UPN, Step
from tests.checks.borough import add as add_landed

MODELS = Path(__file__).parents[2] / "dbt_project" / "models"

CHILD = {"child_id": "CH1"}
WHO = {**CHILD, "case_id": "C1", "upn": UPN, **PERSON}
FINDING: dict[str, Any] = {
    "finding_key": "f1",
    "rule_id": "cease_date_without_reason",
    "rule_name": "A plan that ceased says why",
    "severity": "error",
    "owner": "sen_team",
    "organisation": "education",
    "dataset": "landing/ehc_case__plan",
    "record_id": "P7",
    "item": "cease_reason",
    "remedy": "Enter the reason.",
    "first_seen_at": datetime(2026, 6, 1, 20),
    "state": "open",
}
DELIVERED = (
    "child",
    "request",
    "assessment",
    "advice",
    "plan",
    "placement",
    "need",
    "review",
    "caseworker",
    "plan_setting",
    "awaiting_provision",
    "visit",
)
DAY = date(2026, 1, 12)
OVERDUE = ("decisions", "plans", "advice", "reviews", "review_decisions", "amended_plans", "phase_transfers", "visits")
AGES = ("early_years", "primary", "secondary", "post_16", "19_to_25", "age_not_known")
OF_AN_EPISODE = {"reference_date": DAY, "la_child_id": "S1", "referral_date": DAY, "start_date": DAY}
LANDED: dict[str, tuple[str, dict[str, Any]]] = {
    "core.dim_caseworker": ("ehc_case__caseworker", {"id": "W1", "started": DAY}),
    "core.dim_local_authority": ("la_codes__local_authority", {"la_code": "883"}),
    "core.dim_term": ("term_dates__term", {"start_date": DAY}),
    "core.fct_child_protection_review": (
        "cin_census__child_protection_review",
        {"reference_date": DAY, "la_child_id": "S1", "plan_start_date": DAY, "review_date": DAY},
    ),
    "core.fct_cin_assessment": ("cin_census__assessment", OF_AN_EPISODE),
    "core.fct_cin_plan": ("cin_census__cin_plan", OF_AN_EPISODE),
    "core.fct_section_47": ("cin_census__section_47", OF_AN_EPISODE),
    "core.fct_improvement_action": ("improvement_plan__action", {"action_id": "A1.1"}),
    "core.fct_improvement_rating": ("improvement_plan__rating", {"action_id": "A1.1", "rated_date": DAY}),
    "core.fct_involvement": (
        "ssd__ssd_involvements",
        {"invo_involvements_id": "I1", "invo_person_id": "S1", "invo_involvement_start_date": DAY},
    ),
    "core.fct_looked_after_review": ("ssda903__review", {"child": "S1", "review_date": DAY}),
    "core.fct_missing_episode": ("ssda903__missing", {"child": "S1", "missing_from": DAY}),
    "core.fct_local_figure": ("local_figures__figure", {"figure": "population_0_to_25", "date": DAY}),
    "core.fct_target": ("targets__target", {"indicator": "plans_in_time", "period_start": DAY}),
    "core.fct_attainment": (
        "attainment__result",
        {"academic_year": "2024/25", "key_stage": "KS2", "upn": UPN, "subject": "reading"},
    ),
    "core.fct_audit": ("ehc_case__audit", {"audit_id": "AU1", "date": DAY}),
    "core.fct_awaiting_provision": ("ehc_case__awaiting_provision", {"case_id": "C1", "since": DAY}),
    "core.fct_census_need": (
        "school_census__need",
        {"census_date": DAY, "laestab": "8832001", "upn": UPN, "rank": 1},
    ),
    "core.fct_commissioned_places": (
        "commissioned_places__place",
        {"urn": "100001", "academic_year": "2025/26", "kind": "special_school"},
    ),
    "core.fct_complaint": ("ehc_case__complaint", {"id": "CO1", "received": DAY}),
    "core.fct_continuing_care": ("continuing_care__package", {"package_id": "CC1", "referral_date": DAY}),
    "core.fct_disability": (
        "cin_census__disability",
        {"reference_date": DAY, "la_child_id": "S1", "disability": "AUT"},
    ),
    "core.fct_early_notification": (
        "early_notifications__notification",
        {"notification_id": "EN1", "notified_date": DAY},
    ),
    "core.fct_ehe_cme": ("ehe_cme__register", {"register_id": "RG1", "start_date": DAY}),
    "core.fct_exclusion": (
        "school_census__exclusion",
        {"census_date": DAY, "laestab": "8832001", "upn": UPN, "start_date": DAY, "category": "SUSP"},
    ),
    "core.fct_health_advice": ("health_advice__advice", {"advice_ref": "HA1", "requested_date": DAY}),
    "core.fct_high_needs_spend": (
        "high_needs_spend__spend",
        {"placement_id": "PL1", "month": DAY, "kind": "top_up", "forecast": False},
    ),
    "core.fct_inspection": (
        "ofsted__inspection",
        {"urn": "100001", "inspection_start_date": DAY, "publication_date": DAY},
    ),
    "core.fct_looked_after_episode": ("ssda903__episode", {"child": "S1", "start_date": DAY, "start_reason": "S"}),
    "core.fct_mediation_appeal": ("ehc_case__mediation_appeal", {"id": "MA1", "lodged_date": DAY}),
    "core.fct_post_16_activity": ("nccis__client", {"period_end": DAY, "client_id": "N1"}),
    "core.fct_published_figure": (
        "dfe_ehc_plans__figure",
        {"la_code": "883", "time_period": "202425", "indicator": "plans", "breakdown": "All EHC plans"},
    ),
    "core.fct_short_break": (
        "short_breaks__break",
        {"social_care_id": "S1", "service": "overnight", "start_date": DAY},
    ),
    "core.fct_survey_response": ("ehc_case__survey_response", {"id": "SR1", "submitted": DAY}),
    "core.fct_visit": ("ehc_case__visit", {"visit_id": "V1", "date": DAY}),
    "core.fct_youth_justice": ("youth_justice__intervention", {"intervention_id": "YJ1", "start_date": DAY}),
}
"""The record landed of which a fact holds its row, beside what the clean borough has landed."""
CLEAN: dict[str, list[dict[str, Any]]] = {
    "landing.load_file": [
        {"extract": "ehc_case", "table": table, "file": f"{table}.csv", "status": "landed", "is_current": True}
        for table in DELIVERED
    ],
    "core.dim_child": [{**WHO, "nhs_number": NHS_NUMBER, "record_id": "C1"}],
    "core.dim_establishment": [{"urn": "100001", "record_id": "100001"}, {"urn": "100002", "record_id": "100002"}],
    "core.fct_request": [
        {
            **CHILD,
            "request_id": "R1",
            "record_id": "R1",
            "received_date": date(2024, 1, 8),
            "decision_start_date": date(2024, 1, 8),
            "decision_due_date": date(2024, 2, 19),
            "decision_stop_date": date(2024, 2, 12),
            "decision_days_taken": 35,
            "decision_status": "in time",
            "is_decision_within_limit": True,
        },
        {
            **CHILD,
            "request_id": "R2",
            "record_id": "R2",
            "received_date": date(2026, 6, 1),
            "decision_start_date": date(2026, 6, 1),
            "decision_due_date": date(2026, 7, 13),
            "decision_status": "running",
        },
    ],
    "core.fct_assessment": [
        {
            **CHILD,
            "assessment_id": "A1",
            "record_id": "A1",
            "plan_start_date": date(2024, 1, 8),
            "plan_due_date": date(2024, 5, 27),
            "plan_stop_date": date(2024, 5, 20),
            "plan_days_taken": 133,
            "plan_status": "in time",
            "is_plan_within_limit": True,
            "no_plan_start_date": date(2024, 1, 8),
            "no_plan_due_date": date(2024, 4, 29),
            "no_plan_stop_date": date(2024, 4, 30),
            "no_plan_days_taken": 113,
            "no_plan_status": "late",
            "is_no_plan_within_limit": False,
        }
    ],
    "core.fct_advice": [
        {
            **CHILD,
            "advice_id": "AD1",
            "record_id": "AD1",
            "advice_start_date": date(2024, 2, 13),
            "advice_due_date": date(2024, 3, 26),
            "advice_stop_date": date(2024, 3, 20),
            "advice_days_taken": 36,
            "advice_status": "in time",
            "is_advice_within_limit": True,
        }
    ],
    "core.fct_plan": [{**CHILD, "plan_id": "P1", "record_id": "P1", "is_active": True}],
    "core.fct_need": [
        {**CHILD, "plan_id": "P1", "need_rank": 1, "record_id": "P1|1"},
        {**CHILD, "plan_id": "P1", "need_rank": 2, "record_id": "P1|2"},
    ],
    "core.fct_placement": [
        {
            **CHILD,
            "placement_id": "PL1",
            "plan_id": "P1",
            "record_id": "PL1",
            "setting_rank": 1,
            "entry_date": date(2024, 9, 2),
            "is_current": True,
            "is_specialist": False,
            "is_in_education": True,
        }
    ],
    "core.fct_named_setting": [{**CHILD, "named_setting_id": "PS1", "plan_id": "P1", "record_id": "PS1"}],
    "core.fct_review": [
        {
            **CHILD,
            "review_id": "RV1",
            "record_id": "RV1",
            "decision_start_date": date(2025, 5, 12),
            "decision_due_date": date(2025, 6, 9),
            "decision_stop_date": date(2025, 6, 2),
            "decision_days_taken": 21,
            "decision_status": "in time",
            "is_decision_within_limit": True,
            "amended_plan_start_date": date(2025, 5, 12),
            "amended_plan_due_date": date(2025, 8, 4),
            "amended_plan_stop_date": date(2025, 8, 4),
            "amended_plan_days_taken": 84,
            "amended_plan_status": "in time",
            "is_amended_plan_within_limit": True,
        }
    ],
    "core.fct_census_enrolment": [
        {
            **CHILD,
            "census_date": date(2026, 1, 15),
            "laestab": "8832001",
            "upn": UPN,
            "record_id": f"2026-01-15|8832001|{UPN}",
        }
    ],
    "core.fct_cin_episode": [
        {**CHILD, "social_care_id": "S1", "referral_date": date(2025, 2, 3), "record_id": "2026-03-31|S1|2025-02-03"}
    ],
    "core.fct_child_protection_plan": [
        {**CHILD, "social_care_id": "S1", "start_date": date(2025, 3, 3), "record_id": "2026-03-31|S1|2025-03-03"}
    ],
    "core.fct_health_referral": [{**CHILD, "referral_id": "RF1", "record_id": "RF1"}],
    "core.dim_caseworker": [{"caseworker_id": "W1", "record_id": "W1"}],
    "core.fct_attainment": [
        {
            **CHILD,
            **LANDED["core.fct_attainment"][1],
            "record_id": f"2024/25|KS2|{UPN}|reading",
        }
    ],
    "core.fct_audit": [{**CHILD, "audit_id": "AU1", "record_id": "AU1"}],
    "core.fct_awaiting_provision": [
        {**CHILD, "case_id": "C1", "waiting_since_date": DAY, "record_id": f"C1|{DAY}"},
    ],
    "core.fct_census_need": [
        {
            **CHILD,
            "census_date": DAY,
            "laestab": "8832001",
            "upn": UPN,
            "need_rank": 1,
            "record_id": f"{DAY}|8832001|{UPN}|1",
        }
    ],
    "core.fct_commissioned_places": [
        {
            "urn": "100001",
            "academic_year": "2025/26",
            "place_kind": "special_school",
            "record_id": "100001|2025/26|special_school",
        }
    ],
    "core.fct_complaint": [{**CHILD, "complaint_id": "CO1", "record_id": "CO1"}],
    "core.fct_continuing_care": [{**CHILD, "package_id": "CC1", "record_id": "CC1"}],
    "core.fct_disability": [
        {**CHILD, "social_care_id": "S1", "disability": "AUT", "record_id": f"{DAY}|S1|AUT"},
    ],
    "core.fct_early_notification": [{**CHILD, "notification_id": "EN1", "record_id": "EN1"}],
    "core.fct_ehe_cme": [
        {**CHILD, "register_id": "RG1", "register_status": "EHE", "is_open": False, "record_id": "RG1"}
    ],
    "core.fct_exclusion": [
        {
            **CHILD,
            "laestab": "8832001",
            "upn": UPN,
            "start_date": DAY,
            "exclusion_category": "SUSP",
            "record_id": f"{DAY}|8832001|{UPN}|{DAY}|SUSP",
        }
    ],
    "core.fct_health_advice": [
        {
            **CHILD,
            "advice_ref": "HA1",
            "record_id": "HA1",
            "advice_start_date": date(2026, 1, 12),
            "advice_due_date": date(2026, 2, 23),
            "advice_stop_date": date(2026, 2, 16),
            "advice_days_taken": 35,
            "advice_status": "in time",
            "is_advice_within_limit": True,
        }
    ],
    "core.fct_high_needs_spend": [
        {
            **CHILD,
            "placement_id": "PL1",
            "spend_month": DAY,
            "spend_kind": "top_up",
            "record_id": f"PL1|{DAY}|top_up",
        }
    ],
    "core.fct_inspection": [{"urn": "100001", "inspection_start_date": DAY, "record_id": f"100001|{DAY}"}],
    "core.fct_looked_after_episode": [{**CHILD, "social_care_id": "S1", "start_date": DAY, "record_id": f"S1|{DAY}|S"}],
    "core.fct_mediation_appeal": [{**CHILD, "mediation_appeal_id": "MA1", "record_id": "MA1"}],
    "core.fct_post_16_activity": [{**CHILD, "period_end": DAY, "client_id": "N1", "record_id": f"{DAY}|N1"}],
    "core.fct_published_figure": [
        {
            "la_code": "883",
            "return_year": 2025,
            "indicator": "plans",
            "age": "all",
            "record_id": "883|202425|plans|All EHC plans",
        }
    ],
    "core.fct_short_break": [
        {
            **CHILD,
            "social_care_id": "S1",
            "service": "overnight",
            "start_date": DAY,
            "record_id": f"S1|overnight|{DAY}",
        }
    ],
    "core.fct_survey_response": [{"survey_response_id": "SR1", "record_id": "SR1"}],
    "core.fct_visit": [{**CHILD, "visit_id": "V1", "record_id": "V1"}],
    "core.dim_local_authority": [{"la_code": "883", "record_id": "883"}],
    "core.dim_term": [{"start_date": DAY, "record_id": str(DAY)}],
    "core.fct_child_protection_review": [
        {
            **CHILD,
            "social_care_id": "S1",
            "plan_start_date": DAY,
            "review_date": DAY,
            "record_id": f"{DAY}|S1|{DAY}|{DAY}",
        }
    ],
    **{
        f"core.{fact}": [
            {
                **CHILD,
                "social_care_id": "S1",
                "referral_date": DAY,
                "start_date": DAY,
                "record_id": f"{DAY}|S1|{DAY}|{DAY}",
            }
        ]
        for fact in ("fct_cin_assessment", "fct_cin_plan", "fct_section_47")
    },
    "core.fct_improvement_action": [{"action_id": "A1.1", "record_id": "A1.1"}],
    "core.fct_improvement_rating": [{"action_id": "A1.1", "rated_date": DAY, "record_id": f"A1.1|{DAY}"}],
    "core.fct_involvement": [{**CHILD, "involvement_id": "I1", "social_care_id": "S1", "record_id": "I1"}],
    "core.fct_local_figure": [
        {"figure": "population_0_to_25", "figure_date": DAY, "record_id": f"population_0_to_25|{DAY}"},
    ],
    "core.fct_looked_after_review": [
        {**CHILD, "social_care_id": "S1", "review_date": DAY, "record_id": f"S1|{DAY}"},
    ],
    "core.fct_missing_episode": [
        {**CHILD, "social_care_id": "S1", "missing_from_date": DAY, "record_id": f"S1|{DAY}"},
    ],
    "core.fct_target": [
        {"indicator": "plans_in_time", "period_start_date": DAY, "record_id": f"plans_in_time|{DAY}"},
    ],
    "core.fct_youth_justice": [{**CHILD, "intervention_id": "YJ1", "record_id": "YJ1"}],
    "lists.list_children_with_plans": [
        {
            **WHO,
            "plan_id": "P1",
            "record_id": "P1",
            "active_plans": 1,
            "next_review_due_date": date(2026, 5, 12),
            "is_review_overdue": True,
            "review_days_overdue": 49,
        }
    ],
    "lists.list_assessments_in_progress": [
        {
            **WHO,
            "request_id": "R2",
            "record_id": "R2",
            "received_date": date(2026, 6, 1),
            "statutory_day": 29,
            "plan_due_date": date(2026, 10, 19),
            "days_to_plan_due": 111,
            "is_plan_overdue": False,
            "advice_requested": 6,
            "advice_outstanding": 6,
            "advice_overdue": 1,
            **{
                f"advice_outstanding_{agency}": 1
                for agency in ("education", "ep", "health", "social_care", "sensory", "other")
            },
        }
    ],
    "lists.list_annual_reviews": [
        {**WHO, "plan_id": "P1", "cycle_number": 1, "record_id": "RV1", "is_open": False, "days_overdue": 0},
        {**WHO, "plan_id": "P1", "cycle_number": 2, "record_id": "P1", "is_open": True, "days_overdue": 49},
    ],
    "lists.list_advice_requests": [
        {
            **WHO,
            "advice_id": "AD1",
            "record_id": "AD1",
            "requested_date": date(2024, 2, 13),
            "due_date": date(2024, 3, 26),
            "returned_date": date(2024, 3, 20),
            "is_outstanding": False,
            "days_overdue": 0,
        },
        {
            **WHO,
            "health_advice_ref": "HA1",
            "record_id": "HA1",
            "requested_date": date(2026, 1, 12),
            "due_date": date(2026, 2, 23),
            "is_outstanding": True,
            "days_overdue": 127,
        },
    ],
    "lists.list_awaiting_specialist_provision": [
        {**WHO, "plan_id": "P1", "waiting_since_date": DAY, "weeks_waiting": 24, "record_id": f"C1|{DAY}"}
    ],
    "lists.list_caseload": [
        {
            "caseworker_id": "W1",
            "record_id": "W1",
            "children": 1,
            "plans": 1,
            "open_requests": 1,
            "open_assessments": 0,
            **{f"overdue_{what}": 1 for what in OVERDUE},
            "overdue_items": 8,
        }
    ],
    "lists.list_elective_home_education": [{**WHO, "plan_id": "P1", "record_id": "P1"}],
    "lists.list_missing_education": [
        {
            **WHO,
            "plan_id": "P1",
            "record_id": "P1",
            "has_plan": True,
            "is_on_cme_register": False,
            "missing_since_date": DAY,
            "days_missing": 169,
        }
    ],
    "lists.list_monitoring_visits": [
        {
            **WHO,
            "plan_id": "P1",
            "record_id": "P1",
            "is_home_educated": True,
            "last_visit_date": DAY,
            "next_visit_due_date": date(2027, 1, 12),
            "is_visit_overdue": False,
            "visit_days_overdue": 0,
        }
    ],
    "lists.list_places_commissioned": [
        {
            "establishment_urn": "100001",
            "academic_year": "2025/26",
            "place_kind": "special_school",
            "record_id": "100001|2025/26|special_school",
            "places_commissioned": 4,
            "places_filled": 6,
            "over_under": 2,
            "filled_of_need": 5,
            **{f"filled_{ages}": 1 for ages in AGES},
        }
    ],
    "lists.list_post_16": [
        {
            **WHO,
            "plan_id": "P1",
            "record_id": "P1",
            "age": 16,
            "activity_status": "in education, employment or training",
            "is_neet_or_unknown": False,
            "reviews_with_pfa_adviser": 0,
            "has_pfa_review": False,
        }
    ],
    "lists.list_records_to_correct": [FINDING],
    "checks.finding": [FINDING],
    "staging.stg_ehc_case__plan": [{"plan_id": "P1", "plan_start_date": date(2024, 5, 20)}],
    "identity.identity__record_child": [
        {"extract": "ehc_case", "table_name": "child", "record_id": "C1", **CHILD},
        {"extract": "ehc_case", "table_name": "plan", "record_id": "P1", **CHILD},
    ],
}


def make_warehouse(connection: duckdb.DuckDBPyConnection) -> None:
    """Makes core and lists of the clean borough beside its landing, and what their rules read besides."""
    for step in (
        add_landed("ehc_case__plan_setting", id="PS1", plan_id="P1", entry_date=date(2024, 9, 2)),
        add_landed("ehc_case__request", request_id="R2", case_id="C1", received_date=date(2026, 6, 1)),
        *(add_landed(table, **row) for table, row in LANDED.values()),
    ):
        step(connection)
    for schema in ("core", "lists", "staging", "identity"):
        connection.execute(f"create schema {schema}")
    for path in sorted([*(MODELS / "core").glob("*.yml"), *(MODELS / "lists").glob("list_*.yml")]):
        for model in yaml.safe_load(path.read_text(encoding="utf-8")).get("models", []):
            columns = ", ".join(f'"{column["name"]}" {column["data_type"]}' for column in model["columns"])
            connection.execute(f"create table {path.parent.name}.{model['name']} ({columns})")
    connection.execute("create table staging.stg_ehc_case__plan (plan_id varchar, plan_start_date date)")
    connection.execute(
        "create table identity.identity__record_child "
        "(extract varchar, table_name varchar, record_id varchar, child_id varchar)"
    )
    connection.execute(f"create table checks.finding ({', '.join(f'{n} {t}' for n, t in FINDING_COLUMNS.items())})")
    for table, rows in CLEAN.items():
        for row in rows:
            add(table, **row)(connection)


def add(table: str, /, **columns: Any) -> Step:
    """One more row of a table."""
    names, marks = ", ".join(f'"{name}"' for name in columns), ", ".join("?" * len(columns))
    return lambda connection: connection.execute(
        f"insert into {table} ({names}) values ({marks})", list(columns.values())
    )


def like(table: str, /, **columns: Any) -> Step:
    """One more row, like the table's first but for these columns."""
    return add(table, **{**CLEAN[table][0], **columns})


def change(table: str, *, where: Any = "true", **columns: Any) -> Step:
    """Other values in the rows of a table; ``where`` picks among several."""
    values = ", ".join(f'"{name}" = ?' for name in columns)
    return lambda connection: connection.execute(f"update {table} set {values} where {where}", list(columns.values()))


def remove(table: str, *, where: str = "true") -> Step:
    """Rows taken out of a table."""
    return lambda connection: connection.execute(f"delete from {table} where {where}")


def reshape(table: str, what: str) -> Step:
    """Another shape of a table: ``drop column``, ``rename column``, ``add column``."""
    return lambda connection: connection.execute(f"alter table {table} {what}")
