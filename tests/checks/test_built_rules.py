"""Every rule on core and lists: what it finds and what it must let pass. One change to the clean warehouse each."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from checks.rules import CONTRACTS, Rule, contract_paths, read_contracts
from checks.verification import prepare, verify_contracts
from tests.checks import borough as landed
from tests.checks import built
from tests.checks.borough import AS_AT, UPN, Step
from tests.checks.built import add, change, like, remove, reshape
from warehouse.dictionary import DASHBOARD

Connection = duckdb.DuckDBPyConnection
Found = set[str]

YESTERDAY, TOMORROW = AS_AT - timedelta(days=1), AS_AT + timedelta(days=1)
BUILT = sorted(
    f"{path.parent.name}.{path.stem}" for layer in ("core", "lists") for path in CONTRACTS.glob(f"{layer}/*")
)
CHILDREN, ASSESSMENTS, REVIEWS, WORKLIST = (
    "lists.list_children_with_plans",
    "lists.list_assessments_in_progress",
    "lists.list_annual_reviews",
    "lists.list_records_to_correct",
)
CORRECTIONS = "lists.list_corrections"
ADVICE_LIST, AWAITING, CASELOAD, HOME, MISSING, MONITORING, PLACES, POST_16 = (
    "lists.list_advice_requests",
    "lists.list_awaiting_specialist_provision",
    "lists.list_caseload",
    "lists.list_elective_home_education",
    "lists.list_missing_education",
    "lists.list_monitoring_visits",
    "lists.list_places_commissioned",
    "lists.list_post_16",
)
DELIVERED_LISTS = [CHILDREN, ASSESSMENTS, REVIEWS]
DELIVERED_LISTS += [ADVICE_LIST, AWAITING, CASELOAD, HOME, MISSING, MONITORING, PLACES, POST_16]
ASSESSMENT, ADVICE, REQUEST, REVIEW = "core.fct_assessment", "core.fct_advice", "core.fct_request", "core.fct_review"

OF_A_CENSUS = (
    "core.fct_child_protection_review",
    "core.fct_cin_assessment",
    "core.fct_cin_plan",
    "core.fct_section_47",
)
"""Facts of the children in need census that keep a record of an older census until a later one has it."""

GRAIN = {
    "core.dim_child": "CH1",
    "core.dim_establishment": "100001",
    "core.fct_advice": "AD1",
    "core.fct_assessment": "A1",
    "core.fct_census_enrolment": f"2026-01-15|8832001|{UPN}",
    "core.fct_child_protection_plan": "S1|2025-03-03",
    "core.fct_cin_episode": "S1|2025-02-03",
    "core.fct_health_referral": "RF1",
    "core.fct_named_setting": "PS1",
    "core.fct_need": "P1|1",
    "core.fct_placement": "PL1",
    "core.fct_plan": "P1",
    "core.fct_request": "R1",
    "core.fct_review": "RV1",
    **{table: str(built.CLEAN[table][0]["record_id"]) for table in built.LANDED},
    "core.fct_disability": "S1|AUT",
    "core.fct_exclusion": f"8832001|{UPN}|{built.DAY}|SUSP",
    "core.fct_looked_after_episode": f"S1|{built.DAY}",
    **dict.fromkeys(OF_A_CENSUS, f"S1|{built.DAY}|{built.DAY}"),
    "core.fct_published_figure": "883|2025|plans|all",
    ADVICE_LIST: "AD1",
    AWAITING: "CH1|C1|P1",
    CASELOAD: "W1",
    HOME: "P1",
    MISSING: "CH1|P1",
    MONITORING: "P1",
    PLACES: "100001|2025/26|special_school",
    POST_16: "P1",
    ASSESSMENTS: "R2",
    REVIEWS: "P1|1",
    CORRECTIONS: "1",
    WORKLIST: "f1",
}
"""The first row of each table that has one row a key, as the rule on repeated rows names it."""

OF_A_CHILD = [table for table in GRAIN if table.startswith("core.fct_") and "child_id" in built.CLEAN[table][0]]

FIRST_ROW = {table: str(rows[0].get("record_id")) for table, rows in built.CLEAN.items()}

FIRST_RECORD = {
    table: FIRST_ROW[table]
    for table in GRAIN
    if table not in ("core.dim_child", "core.fct_cin_episode", "core.fct_child_protection_plan")
    and table.startswith("core.")
} | {"core.fct_cin_episode": "S1|2025-02-03", "core.fct_child_protection_plan": "S1|2025-03-03"}
for _table in ("core.fct_disability", "core.fct_exclusion", "core.fct_looked_after_episode", *OF_A_CENSUS):
    FIRST_RECORD[_table] = GRAIN[_table]
FIRST_RECORD["core.fct_published_figure"] = "883|202425|plans|All EHC plans"
"""The first record of each table that must hold every record delivered."""


BEGINS = [
    ("core.dim_caseworker", "started", "W1"),
    ("core.fct_audit", "date", "AU1"),
    ("core.fct_awaiting_provision", "since", "C1|{}"),
    ("core.fct_census_need", "census_date", f"{{}}|8832001|{UPN}|1"),
    ("core.fct_complaint", "received", "CO1"),
    ("core.fct_continuing_care", "referral_date", "CC1"),
    ("core.fct_early_notification", "notified_date", "EN1"),
    ("core.fct_ehe_cme", "start_date", "RG1"),
    ("core.fct_exclusion", "start_date", f"8832001|{UPN}|{{}}|SUSP"),
    ("core.fct_health_advice", "requested_date", "HA1"),
    ("core.fct_high_needs_spend", "month", "PL1|{}|top_up"),
    ("core.fct_inspection", "publication_date", f"100001|{built.DAY}"),
    ("core.fct_looked_after_episode", "start_date", "S1|{}"),
    ("core.fct_mediation_appeal", "lodged_date", "MA1"),
    ("core.fct_post_16_activity", "period_end", "{}|N1"),
    ("core.fct_short_break", "start_date", "S1|overnight|{}"),
    ("core.fct_survey_response", "submitted", "SR1"),
    ("core.fct_visit", "date", "V1"),
    ("core.fct_youth_justice", "start_date", "YJ1"),
    ("core.fct_child_protection_review", "review_date", f"S1|{built.DAY}|{{}}"),
    ("core.fct_cin_assessment", "start_date", f"S1|{built.DAY}|{{}}"),
    ("core.fct_cin_plan", "start_date", f"S1|{built.DAY}|{{}}"),
    ("core.fct_section_47", "start_date", f"S1|{built.DAY}|{{}}"),
    ("core.fct_improvement_rating", "rated_date", "A1.1|{}"),
    ("core.fct_local_figure", "date", "population_0_to_25|{}"),
    ("core.fct_involvement", "invo_involvement_start_date", "I1"),
    ("core.fct_looked_after_review", "review_date", "S1|{}"),
    ("core.fct_missing_episode", "missing_from", "S1|{}"),
]
"""What says from which day a record of the table counts, and the record's id with that day in it."""

UNDATED = [(table, column, record) for table, column, record in BEGINS if record == GRAIN[table]]
"""Those whose record keeps its id when the day changes."""


def dated(day: date) -> dict[str, tuple[Step, str]]:
    """What makes the first record of a table one of this day, and the record's id then."""
    return {
        "core.fct_advice": (landed.change("ehc_case__advice", requested_date=day), "AD1"),
        "core.fct_assessment": (landed.change("ehc_case__assessment", agreed_date=day), "A1"),
        "core.fct_census_enrolment": (
            landed.change("school_census__pupil", census_date=day),
            f"{day}|8832001|{UPN}",
        ),
        "core.fct_child_protection_plan": (
            landed.change("cin_census__child_protection_plan", start_date=day),
            f"S1|{day}",
        ),
        "core.fct_cin_episode": (landed.change("cin_census__cin_episode", referral_date=day), f"S1|{day}"),
        "core.fct_health_referral": (landed.change("therapy_waits__referral", referral_received_date=day), "RF1"),
        "core.fct_named_setting": (landed.change("ehc_case__plan_setting", entry_date=day), "PS1"),
        "core.fct_placement": (landed.change("ehc_case__placement", entry_date=day), "PL1"),
        "core.fct_plan": (landed.change("ehc_case__plan", start_date=day), "P1"),
        "core.fct_request": (landed.change("ehc_case__request", where="request_id = 'R1'", received_date=day), "R1"),
        "core.fct_review": (landed.change("ehc_case__review", meeting_date=day), "RV1"),
        **{
            table: (landed.change(built.LANDED[table][0], **{column: day}), record.format(day))
            for table, column, record in BEGINS
        },
    }


PLAN_OF_TODAY = change("staging.stg_ehc_case__plan", plan_start_date=AS_AT)
PLAN_TO_COME = change("staging.stg_ehc_case__plan", plan_start_date=TOMORROW)
OF_A_PLAN = {"core.fct_named_setting": "PS1", "core.fct_need": "P1|1", "core.fct_placement": "PL1", REVIEW: "RV1"}
LATER_DELIVERY = landed.like("ehc_case__plan", cease_date=AS_AT, cease_reason="2", _delivery=2)

NOT_COMMISSIONED: dict[str, Any] = {"places_commissioned": None, "over_under": None}
SPECIALIST = {"is_current": True, "is_specialist": True, "entry_date": built.DAY}


def at_home(connection: Connection) -> None:
    """The child's first placement is its home."""
    change("core.fct_placement", sen_setting="EHE")(connection)
    change(CHILDREN, establishment_type="Other setting")(connection)


def clock_faults(table: str, clock: str, record_id: str) -> list[tuple[str, str, tuple[Step, ...], Found]]:
    """Each way in which a clock of the table can contradict its own dates."""
    row = next(row for row in built.CLEAN[table] if row["record_id"] == record_id)
    start, due = row[f"{clock}_start_date"], row[f"{clock}_due_date"]
    day = timedelta(days=1)

    def stopped(on: date, *, is_within: bool) -> dict[str, object]:
        return {
            f"{clock}_stop_date": on,
            f"{clock}_days_taken": (on - start).days,
            f"is_{clock}_within_limit": is_within,
        }

    faults = {
        "days that its dates do not give": {f"{clock}_days_taken": row[f"{clock}_days_taken"] + 1},
        "stopped before it started": {**stopped(start - day, is_within=True), f"{clock}_status": "in time"},
        "due before it started": {f"{clock}_due_date": start - day, **stopped(due, is_within=False)},
        "in time, a day late": stopped(due + day, is_within=True),
        "late, on the last day": stopped(due, is_within=False),
    }
    where = f"record_id = '{record_id}'"
    return [
        (f"{table}.clock_inconsistent", f"{clock} {what}", (change(table, where=where, **columns),), {record_id})
        for what, columns in faults.items()
    ]


def true_clocks(table: str, clock: str, record_id: str) -> list[tuple[str, str, tuple[Step, ...]]]:
    """Clocks that may look wrong and are not."""
    row = next(row for row in built.CLEAN[table] if row["record_id"] == record_id)
    start, due = row[f"{clock}_start_date"], row[f"{clock}_due_date"]
    day = timedelta(days=1)
    clocks = {
        "in time on the last day": (due, True, "in time"),
        "late the day after": (due + day, False, "late"),
        "over on the day it started": (start, True, "in time"),
        "known to be unreliable": (start - day, None, "unreliable"),
    }
    return [
        (
            f"{table}.clock_inconsistent",
            f"{clock} {what}",
            (
                change(
                    table,
                    where=f"record_id = '{record_id}'",
                    **{
                        f"{clock}_stop_date": stop,
                        f"{clock}_days_taken": (stop - start).days,
                        f"is_{clock}_within_limit": is_within,
                        f"{clock}_status": status,
                    },
                ),
            ),
        )
        for what, (stop, is_within, status) in clocks.items()
    ]


CLOCKS = [
    (REQUEST, "decision", "R1"),
    (ASSESSMENT, "plan", "A1"),
    (ASSESSMENT, "no_plan", "A1"),
    (ADVICE, "advice", "AD1"),
    ("core.fct_health_advice", "advice", "HA1"),
    (REVIEW, "decision", "RV1"),
    (REVIEW, "amended_plan", "RV1"),
]

BREAKING: list[tuple[str, str, tuple[Step, ...], Found]] = [
    *((f"{table}.row_repeated", "twice", (like(table),), {record}) for table, record in GRAIN.items()),
    *(
        (
            f"{table}.child_unknown",
            "a child the warehouse has not",
            (change(table, where=f"record_id = '{FIRST_ROW[table]}'", child_id="CH9"),),
            {FIRST_ROW[table]},
        )
        for table in OF_A_CHILD
    ),
    *(
        (
            f"{table}.record_lost",
            "delivered and not there",
            (remove(table, where=f"record_id = '{FIRST_ROW[table]}'"),),
            {record},
        )
        for table, record in FIRST_RECORD.items()
    ),
    *(fault for table, clock, record in CLOCKS for fault in clock_faults(table, clock, record)),
    # core
    ("core.dim_child.case_without_child", "the child is not there", (remove("core.dim_child"),), {"C1"}),
    (
        "core.dim_child.case_without_child",
        "identity gave it none",
        (remove("identity.identity__record_child", where="table_name = 'child'"),),
        {"C1"},
    ),
    (
        "core.dim_child.case_of_two_children",
        "two ids",
        (like("identity.identity__record_child", child_id="CH2"),),
        {"C1"},
    ),
    (
        "core.fct_plan.ceased_plan_active",
        "ceased and active",
        (change("core.fct_plan", cease_date=YESTERDAY),),
        {"P1"},
    ),
    (
        "core.fct_plan.ceased_plan_active",
        "neither ceased nor active",
        (change("core.fct_plan", is_active=False),),
        {"P1"},
    ),
    (
        "core.fct_placement.record_lost",
        "nobody says when it began",
        (landed.change("ehc_case__placement", entry_date=None), remove("core.fct_placement")),
        {"PL1"},
    ),
    *(
        (
            f"{table}.record_lost",
            "a record of the day itself",
            (today, remove(table, where=f"record_id = '{FIRST_ROW[table]}'")),
            {record},
        )
        for table, (today, record) in dated(AS_AT).items()
    ),
    *(
        (
            f"{table}.record_lost",
            "its plan starts on the day itself",
            (PLAN_OF_TODAY, remove(table, where=f"record_id = '{record}'")),
            {record},
        )
        for table, record in OF_A_PLAN.items()
    ),
    (
        "core.fct_cin_episode.record_lost",
        "a second episode of the child",
        (landed.like("cin_census__cin_episode", referral_date=date(2025, 2, 4)),),
        {"S1|2025-02-04"},
    ),
    (
        "core.fct_cin_episode.record_lost",
        "an episode that only the safeguarding dataset holds",
        (
            landed.add(
                "ssd__ssd_cin_episodes", cine_referral_id="E1", cine_person_id="S2", cine_referral_date=built.DAY
            ),
        ),
        {f"S2|{built.DAY}"},
    ),
    (
        "core.fct_child_protection_plan.record_lost",
        "a plan that only the safeguarding dataset holds",
        (
            landed.add(
                "ssd__ssd_cp_plans", cppl_cp_plan_id="L1", cppl_person_id="S2", cppl_cp_plan_start_date=built.DAY
            ),
        ),
        {f"S2|{built.DAY}"},
    ),
    (
        "core.fct_child_protection_plan.record_lost",
        "a second plan of the child",
        (landed.like("cin_census__child_protection_plan", start_date=date(2025, 3, 4)),),
        {"S1|2025-03-04"},
    ),
    *(
        (
            f"{table}.record_lost",
            "nobody says when",
            (landed.change(built.LANDED[table][0], **{column: None}), remove(table)),
            {record},
        )
        for table, column, record in UNDATED
    ),
    (
        "core.fct_attainment.record_lost",
        "a year that cannot be read",
        (landed.change("attainment__result", academic_year="last year"),),
        {f"last year|KS2|{UPN}|reading"},
    ),
    (
        "core.fct_continuing_care.record_lost",
        "decided on the day itself, nobody says when it was asked for",
        (
            landed.change("continuing_care__package", referral_date=None, decision_date=AS_AT),
            remove("core.fct_continuing_care"),
        ),
        {"CC1"},
    ),
    *(
        ("core.fct_disability.record_lost", what, (step, remove("core.fct_disability")), {record})
        for what, step, record in (
            (
                "recorded on the day itself",
                landed.change("cin_census__disability", reference_date=AS_AT),
                "S1|AUT",
            ),
            (
                "in the standard safeguarding dataset alone",
                lambda connection: (
                    landed.remove("cin_census__disability")(connection),
                    landed.add(
                        "ssd__ssd_disability", disa_table_id="D1", disa_person_id="S2", disa_disability_code=" ld"
                    )(connection),
                ),
                "S2|LD",
            ),
        )
    ),
    (
        "core.fct_high_needs_spend.record_lost",
        "a forecast of a month to come",
        (landed.change("high_needs_spend__spend", month=TOMORROW, forecast=True),),
        {f"PL1|{TOMORROW}|top_up"},
    ),
    (
        "core.fct_looked_after_episode.record_lost",
        "an episode that the standard safeguarding dataset alone has",
        (
            landed.add(
                "ssd__ssd_cla_episodes",
                clae_cla_episode_id="E1",
                clae_person_id="S2",
                clae_cla_episode_start_date=AS_AT,
            ),
        ),
        {f"S2|{AS_AT}"},
    ),
    *(
        (
            "core.dim_child.case_without_child",
            what,
            (change("identity.identity__record_child", where="table_name = 'child'", **columns),),
            {"C1"},
        )
        for what, columns in (
            ("a plan of the same number has one", {"table_name": "plan"}),
            ("another case has one", {"record_id": "C9"}),
        )
    ),
    # lists
    *(
        (
            f"{table}.source_not_delivered",
            what,
            (step,),
            {"child"},
        )
        for table in DELIVERED_LISTS
        for what, step in (
            ("never delivered", remove("landing.load_file", where="\"table\" = 'child'")),
            ("refused", change("landing.load_file", where="\"table\" = 'child'", status="refused")),
        )
    ),
    (
        f"{CHILDREN}.active_plan_not_listed",
        "the child is not there",
        (remove(CHILDREN),),
        {"P1"},
    ),
    (
        f"{CHILDREN}.active_plan_not_listed",
        "ceases tomorrow",
        (landed.change("ehc_case__plan", cease_date=TOMORROW), remove(CHILDREN)),
        {"P1"},
    ),
    *(
        (
            f"{CHILDREN}.active_plan_not_listed",
            what,
            (
                change(CHILDREN, plan_id="P7"),
                change("identity.identity__record_child", where="table_name = 'plan'", **columns),
            ),
            {"P1"},
        )
        for what, columns in (
            ("only another child is there", {"child_id": "CH2"}),
            ("the child there is that of a need of the same number", {"table_name": "need"}),
            ("the child there is that of another plan", {"record_id": "P9"}),
        )
    ),
    *(
        (
            rule,
            "a plan that starts on the day itself",
            (landed.change("ehc_case__plan", start_date=AS_AT), remove(table)),
            {"P1"},
        )
        for rule, table in (
            (f"{CHILDREN}.active_plan_not_listed", CHILDREN),
            (f"{REVIEWS}.active_plan_without_review_cycle", REVIEWS),
        )
    ),
    (f"{CHILDREN}.child_listed_twice", "twice", (like(CHILDREN, plan_id="P2"),), {"P1"}),
    *(
        (f"{table}.listed_plan_not_active", what, (step,), {"P1"})
        for table in (CHILDREN, MONITORING)
        for what, step in (
            ("ceased on the day itself", landed.change("ehc_case__plan", cease_date=AS_AT)),
            ("starts tomorrow", landed.change("ehc_case__plan", start_date=TOMORROW)),
            ("ceased in the last delivery", LATER_DELIVERY),
        )
    ),
    (
        f"{CHILDREN}.active_plans_do_not_add_up",
        "one more than delivered",
        (change(CHILDREN, active_plans=2),),
        {"list_children_with_plans"},
    ),
    (
        f"{CHILDREN}.active_plans_do_not_add_up",
        "one less than delivered",
        (landed.like("ehc_case__plan", plan_id="P2"),),
        {"list_children_with_plans"},
    ),
    (
        f"{CHILDREN}.active_plans_do_not_add_up",
        "an empty list",
        (remove(CHILDREN),),
        {"list_children_with_plans"},
    ),
    *(
        (f"{CHILDREN}.overdue_days_inconsistent", what, (change(CHILDREN, **columns),), {"P1"})
        for what, columns in (
            ("a day too many", {"review_days_overdue": 50}),
            ("less than nothing", {"review_days_overdue": -1, "next_review_due_date": TOMORROW}),
            ("overdue and not said so", {"is_review_overdue": False}),
            ("due on the day itself and called overdue", {"next_review_due_date": AS_AT, "review_days_overdue": 0}),
        )
    ),
    (
        f"{ASSESSMENTS}.open_request_not_listed",
        "not on the list",
        (remove(ASSESSMENTS),),
        {"R2"},
    ),
    (
        f"{ASSESSMENTS}.open_request_not_listed",
        "undecided, in so many words",
        (landed.change("ehc_case__request", where="request_id = 'R2'", outcome="A"), remove(ASSESSMENTS)),
        {"R2"},
    ),
    (
        f"{ASSESSMENTS}.open_request_not_listed",
        "received on the day itself",
        (landed.change("ehc_case__request", where="request_id = 'R2'", received_date=AS_AT), remove(ASSESSMENTS)),
        {"R2"},
    ),
    *(
        (f"{ASSESSMENTS}.statutory_day_inconsistent", what, (change(ASSESSMENTS, **columns),), {"R2"})
        for what, columns in (
            ("a day too many", {"statutory_day": 30}),
            ("before it was received", {"statutory_day": -1, "received_date": TOMORROW}),
            ("a day too many to the plan", {"days_to_plan_due": 112}),
            ("overdue too early", {"is_plan_overdue": True}),
            ("overdue on the day it is due", {"plan_due_date": AS_AT, "days_to_plan_due": 0, "is_plan_overdue": True}),
            ("overdue and not said so", {"plan_due_date": YESTERDAY, "days_to_plan_due": -1}),
        )
    ),
    *(
        (f"{ASSESSMENTS}.advice_counts_inconsistent", what, (change(ASSESSMENTS, **columns),), {"R2"})
        for what, columns in (
            ("more outstanding than asked for", {"advice_requested": 5}),
            ("more overdue than outstanding", {"advice_overdue": 7}),
            *(
                (f"{agency} left out", {f"advice_outstanding_{agency}": 0})
                for agency in ("education", "ep", "health", "social_care", "sensory", "other")
            ),
        )
    ),
    (f"{REVIEWS}.active_plan_without_review_cycle", "no cycle", (remove(REVIEWS),), {"P1"}),
    (
        f"{REVIEWS}.overdue_days_negative",
        "less than nothing",
        (change(REVIEWS, where="cycle_number = 2", days_overdue=-1),),
        {"P1"},
    ),
    (
        f"{REVIEWS}.overdue_days_negative",
        "overdue and over",
        (change(REVIEWS, where="cycle_number = 1", days_overdue=1),),
        {"RV1"},
    ),
    # lists of advice, provision, places and visits
    (f"{ADVICE_LIST}.advice_not_listed", "not on the list", (remove(ADVICE_LIST, where="advice_id = 'AD1'"),), {"AD1"}),
    (
        f"{ADVICE_LIST}.advice_not_listed",
        "asked for on the day itself",
        (
            landed.change("ehc_case__advice", requested_date=AS_AT),
            remove(ADVICE_LIST, where="advice_id = 'AD1'"),
        ),
        {"AD1"},
    ),
    (
        f"{ADVICE_LIST}.advice_not_listed",
        "in the health log only",
        (remove(ADVICE_LIST, where="health_advice_ref = 'HA1'"),),
        {"HA1"},
    ),
    *(
        (
            f"{ADVICE_LIST}.overdue_days_inconsistent",
            what,
            (change(ADVICE_LIST, where=f"record_id = '{record}'", **columns),),
            {record},
        )
        for what, record, columns in (
            ("a day too many", "HA1", {"days_overdue": 128}),
            ("due a day late", "HA1", {"due_date": date(2026, 2, 24), "days_overdue": 126}),
            ("due a day early", "HA1", {"due_date": date(2026, 2, 22), "days_overdue": 128}),
            ("outstanding and returned", "HA1", {"returned_date": date(2026, 2, 16)}),
            ("returned and overdue", "AD1", {"days_overdue": 1}),
            (
                "overdue on the day it is due",
                "HA1",
                {"requested_date": AS_AT - timedelta(days=42), "due_date": AS_AT, "days_overdue": 1},
            ),
        )
    ),
    *(
        (
            f"{AWAITING}.waiting_child_not_listed",
            what,
            (change("core.fct_placement", **columns), remove(AWAITING)),
            {f"C1|{built.DAY}"},
        )
        for what, columns in (
            ("not on the list", {"is_specialist": False}),
            ("in a specialist place since the day before", {**SPECIALIST, "entry_date": built.DAY - timedelta(days=1)}),
            ("in a place that is not specialist", {**SPECIALIST, "is_specialist": False}),
            ("in a specialist place no more", {**SPECIALIST, "is_current": False}),
            ("another child in a specialist place", {**SPECIALIST, "child_id": "CH2"}),
        )
    ),
    *(
        (f"{AWAITING}.weeks_waiting_inconsistent", what, (change(AWAITING, **columns),), {f"C1|{built.DAY}"})
        for what, columns in (
            ("a week too many", {"weeks_waiting": 25}),
            ("a week a day early", {"waiting_since_date": AS_AT - timedelta(days=6), "weeks_waiting": 1}),
            ("a wait that begins tomorrow", {"waiting_since_date": TOMORROW, "weeks_waiting": 0}),
        )
    ),
    *(
        (f"{CASELOAD}.caseload_plans_do_not_add_up", what, steps, {"list_caseload"})
        for what, steps in (
            ("one more than active", (change(CASELOAD, plans=2),)),
            ("one less than active", (change(CHILDREN, active_plans=2),)),
            ("an empty caseload", (remove(CASELOAD),)),
            ("no child with a plan", (remove(CHILDREN),)),
        )
    ),
    *(
        (f"{CASELOAD}.caseload_assessments_do_not_add_up", what, steps, {"list_caseload"})
        for what, steps in (
            ("a request too many", (change(CASELOAD, open_requests=2),)),
            ("an assessment too many", (change(CASELOAD, open_assessments=1),)),
            ("one less than in progress", (like(ASSESSMENTS, request_id="R3"),)),
            ("an empty caseload", (remove(CASELOAD),)),
        )
    ),
    *(
        (f"{CASELOAD}.overdue_items_do_not_add_up", what, (change(CASELOAD, **columns),), {"W1"})
        for what, columns in (
            ("one too many", {"overdue_items": 9}),
            *((f"{kind} left out", {f"overdue_{kind}": 2}) for kind in built.OVERDUE),
        )
    ),
    (f"{HOME}.home_educated_child_not_listed", "not on the list", (remove(HOME),), {"P1"}),
    (
        f"{HOME}.home_educated_child_not_listed",
        "only another child is there",
        (change(HOME, plan_id="P2"),),
        {"P1"},
    ),
    (
        f"{HOME}.home_educated_child_not_listed",
        "on the register only",
        (change("core.fct_ehe_cme", is_open=True), remove(MONITORING), remove(HOME)),
        {"RG1"},
    ),
    *(
        (
            f"{MISSING}.child_without_place_not_listed",
            what,
            (change("core.fct_placement", **columns), remove(MISSING), remove(HOME)),
            {"P1"},
        )
        for what, columns in (
            ("its place is over", {"is_current": False}),
            ("its place is no education", {"is_in_education": False}),
            ("only a part-time place", {"attendance_pattern": "P"}),
            ("only another plan has a place", {"plan_id": "P2"}),
        )
    ),
    (
        f"{MISSING}.registered_child_not_listed",
        "on the register only",
        (change("core.fct_ehe_cme", is_open=True, register_status="CME"), remove(MISSING)),
        {"RG1"},
    ),
    (
        f"{MISSING}.registered_child_not_listed",
        "only another child is there",
        (change("core.fct_ehe_cme", is_open=True, register_status="CME"), change(MISSING, child_id="CH2")),
        {"RG1"},
    ),
    *(
        (f"{MISSING}.days_missing_inconsistent", what, (change(MISSING, **columns),), {"P1"})
        for what, columns in (
            ("a day too many", {"days_missing": 170}),
            ("missing from tomorrow", {"missing_since_date": TOMORROW, "days_missing": -1}),
            ("neither a plan nor on the register", {"has_plan": False}),
        )
    ),
    *(
        (f"{MONITORING}.monitored_child_not_listed", what, (step, remove(MONITORING)), {record})
        for what, step, record in (
            ("placed residential", change(CHILDREN, is_residential=True), "P1"),
            ("placed out of the area", change(CHILDREN, is_in_area=False), "P1"),
            ("only at home", at_home, "P1"),
        )
    ),
    (
        f"{MONITORING}.monitored_child_not_listed",
        "only another child is there",
        (change(CHILDREN, is_residential=True), change(MONITORING, plan_id="P2")),
        {"P1"},
    ),
    *(
        (f"{MONITORING}.visit_due_inconsistent", what, (change(MONITORING, **columns),), {"P1"})
        for what, columns in (
            ("due a day after a year", {"next_visit_due_date": date(2027, 1, 13)}),
            ("called overdue too early", {"is_visit_overdue": True}),
            ("days too early", {"visit_days_overdue": 1}),
            ("overdue on the day it is due", {"next_visit_due_date": AS_AT, "is_visit_overdue": True}),
            ("overdue and not said so", {"next_visit_due_date": YESTERDAY, "visit_days_overdue": 1}),
            ("overdue, by no days", {"next_visit_due_date": YESTERDAY, "is_visit_overdue": True}),
        )
    ),
    (
        f"{PLACES}.commissioned_place_not_listed",
        "not on the list",
        (remove(PLACES),),
        {"100001|2025/26|special_school"},
    ),
    *(
        (f"{PLACES}.places_do_not_add_up", what, (change(PLACES, **columns),), {"100001|2025/26|special_school"})
        for what, columns in (
            ("one too many", {"places_filled": 7, "over_under": 3}),
            *((f"{ages} left out", {f"filled_{ages}": 2}) for ages in built.AGES),
            ("over by one too many", {"over_under": 3}),
            ("more of the need than filled", {"filled_of_need": 7}),
            ("not commissioned, and nothing says why", NOT_COMMISSIONED),
        )
    ),
    *(
        (
            f"{POST_16}.young_person_not_listed",
            what,
            (change(CHILDREN, birth_date=born), remove(POST_16)),
            {"P1"},
        )
        for what, born in (("16 on the day itself", date(2010, 6, 30)), ("26 tomorrow", date(2000, 7, 1)))
    ),
    *(
        (f"{POST_16}.activity_inconsistent", what, (change(POST_16, **columns),), {"P1"})
        for what, columns in (
            ("younger", {"age": 15}),
            ("older", {"age": 26}),
            ("NEET and not said so", {"activity_status": "NEET"}),
            ("not known and not said so", {"activity_status": "not known"}),
            ("called NEET", {"is_neet_or_unknown": True}),
            ("a review that no adviser came to", {"has_pfa_review": True}),
            ("an adviser came and no review is said of it", {"reviews_with_pfa_adviser": 1}),
        )
    ),
    (f"{CORRECTIONS}.correction_not_listed", "not on the list", (remove(CORRECTIONS),), {"1"}),
    (
        f"{CORRECTIONS}.correction_by_one_person",
        "approved by whoever proposed it",
        (change(CORRECTIONS, approved_by=" a. steward"),),
        {"1"},
    ),
    (f"{WORKLIST}.finding_not_listed", "not on the list", (remove(WORKLIST),), {"f1"}),
    *(
        (f"{WORKLIST}.finding_incomplete", f"no {column}", (change(WORKLIST, **{column: None}),), {"f1"})
        for column in ("rule_id", "severity", "owner", "remedy", "state", "first_seen_at")
    ),
]

PASSING: list[tuple[str, str, tuple[Step, ...]]] = [
    *(
        (f"{table}.child_unknown", "its references lead to no child", (change(table, child_id=None),))
        for table in OF_A_CHILD
    ),
    *(
        (
            f"{table}.record_lost",
            "a record of a day to come",
            (to_come, remove(table, where=f"record_id = '{FIRST_ROW[table]}'")),
        )
        for table, (to_come, _) in dated(TOMORROW).items()
    ),
    *(
        (f"{table}.record_lost", "its plan starts in days to come", (PLAN_TO_COME, remove(table)))
        for table in OF_A_PLAN
    ),
    *(
        (
            f"{table}.clock_inconsistent",
            f"{clock} due and over on the day it started",
            (
                change(
                    table,
                    where=f"record_id = '{record}'",
                    **dict.fromkeys((f"{clock}_{end}_date" for end in ("start", "due", "stop")), AS_AT),
                    **{f"{clock}_days_taken": 0, f"is_{clock}_within_limit": True},
                ),
            ),
        )
        for table, clock, record in CLOCKS
    ),
    *(clock for table, name, record in CLOCKS for clock in true_clocks(table, name, record)),
    # core
    *(
        (
            f"{table}.record_lost",
            "of a day to come, says the last delivery",
            (
                landed.add(built.LANDED[table][0], **{**built.LANDED[table][1], column: TOMORROW}, _delivery=2),
                remove(table),
            ),
        )
        for table, column, _ in UNDATED
    ),
    (
        "core.fct_attainment.record_lost",
        "a year whose results are to come",
        (landed.change("attainment__result", academic_year="2025/26"), remove("core.fct_attainment")),
    ),
    (
        "core.fct_continuing_care.record_lost",
        "to be decided, nobody says when it was asked for",
        (
            landed.change("continuing_care__package", referral_date=None, decision_date=TOMORROW),
            remove("core.fct_continuing_care"),
        ),
    ),
    (
        "core.fct_disability.record_lost",
        "recorded in days to come",
        (landed.change("cin_census__disability", reference_date=TOMORROW), remove("core.fct_disability")),
    ),
    (
        "core.fct_disability.record_lost",
        "an entry that says nothing",
        (landed.add("ssd__ssd_disability", disa_table_id="D1", disa_person_id="S2", disa_disability_code=" "),),
    ),
    (
        "core.fct_inspection.record_lost",
        "in days to come, nobody says when it is published",
        (
            landed.change("ofsted__inspection", inspection_start_date=TOMORROW, publication_date=None),
            remove("core.fct_inspection"),
        ),
    ),
    (
        "core.fct_looked_after_episode.record_lost",
        "one episode in both sources",
        (
            landed.add(
                "ssd__ssd_cla_episodes",
                clae_cla_episode_id="E1",
                clae_person_id="S1",
                clae_cla_episode_start_date=built.DAY,
            ),
        ),
    ),
    (
        "core.fct_review.record_lost",
        "nobody says when they met",
        (landed.change("ehc_case__review", meeting_date=None), remove(REVIEW)),
    ),
    (
        "core.dim_child.case_without_child",
        "two cases of one child",
        (
            landed.like("ehc_case__child", case_id="C2"),
            like("identity.identity__record_child", record_id="C2"),
        ),
    ),
    ("core.dim_child.case_of_two_children", "one id given twice", (like("identity.identity__record_child"),)),
    (
        "core.dim_child.case_of_two_children",
        "a number that is another extract's too",
        (like("identity.identity__record_child", extract="cin_census", child_id="CH2"),),
    ),
    (
        "core.dim_child.case_of_two_children",
        "a number that is a plan's too",
        (like("identity.identity__record_child", table_name="plan", child_id="CH2"),),
    ),
    (
        "core.fct_plan.ceased_plan_active",
        "ceased and not active",
        (change("core.fct_plan", cease_date=YESTERDAY, is_active=False),),
    ),
    # lists
    *(
        (
            f"{table}.source_not_delivered",
            "delivered, and once refused",
            (like("landing.load_file", file="child_2.csv", status="refused"),),
        )
        for table in DELIVERED_LISTS
    ),
    (
        f"{CHILDREN}.active_plan_not_listed",
        "listed with another of the child's plans",
        (change(CHILDREN, plan_id="P7"),),
    ),
    *(
        (f"{CHILDREN}.active_plan_not_listed", what, (step, remove(CHILDREN)))
        for what, step in (
            ("ceased on the day itself", landed.change("ehc_case__plan", cease_date=AS_AT)),
            ("starts tomorrow", landed.change("ehc_case__plan", start_date=TOMORROW)),
            ("ceased in the last delivery", LATER_DELIVERY),
        )
    ),
    (
        f"{CHILDREN}.child_listed_twice",
        "two rows that belong to no child",
        (change(CHILDREN, child_id=None), like(CHILDREN, child_id=None, plan_id="P2")),
    ),
    (
        f"{CHILDREN}.active_plans_do_not_add_up",
        "two plans of one child",
        (change(CHILDREN, active_plans=2), landed.like("ehc_case__plan", plan_id="P2")),
    ),
    *(
        (
            f"{CHILDREN}.{rule_id}",
            "a plan that starts on the day itself",
            (landed.change("ehc_case__plan", start_date=AS_AT),),
        )
        for rule_id in ("listed_plan_not_active", "active_plans_do_not_add_up")
    ),
    (
        f"{CHILDREN}.active_plans_do_not_add_up",
        "ceased on the day itself and counted no more",
        (landed.change("ehc_case__plan", cease_date=AS_AT), change(CHILDREN, active_plans=0)),
    ),
    (f"{ASSESSMENTS}.advice_counts_inconsistent", "all overdue", (change(ASSESSMENTS, advice_overdue=6),)),
    (
        f"{CHILDREN}.overdue_days_inconsistent",
        "due on the day itself",
        (change(CHILDREN, next_review_due_date=AS_AT, review_days_overdue=0, is_review_overdue=False),),
    ),
    (
        f"{CHILDREN}.overdue_days_inconsistent",
        "due yesterday",
        (change(CHILDREN, next_review_due_date=YESTERDAY, review_days_overdue=1, is_review_overdue=True),),
    ),
    *(
        (
            f"{ASSESSMENTS}.open_request_not_listed",
            what,
            (landed.change("ehc_case__request", where="request_id = 'R2'", **columns), remove(ASSESSMENTS)),
        )
        for what, columns in (
            ("decided", {"outcome": "N"}),
            ("the child moved to another LA", {"exported_la": "882"}),
            ("received tomorrow", {"received_date": TOMORROW}),
        )
    ),
    (
        f"{ASSESSMENTS}.open_request_not_listed",
        "being assessed",
        (landed.like("ehc_case__assessment", assessment_id="A2", request_id="R2"), remove(ASSESSMENTS)),
    ),
    (
        f"{ASSESSMENTS}.statutory_day_inconsistent",
        "received on the day itself",
        (change(ASSESSMENTS, received_date=AS_AT, statutory_day=0),),
    ),
    (
        f"{ASSESSMENTS}.row_repeated",
        "one request, two assessments",
        (change(ASSESSMENTS, assessment_id="A2"), like(ASSESSMENTS, assessment_id="A3")),
    ),
    (
        f"{REVIEWS}.active_plan_without_review_cycle",
        "the plan ceased",
        (landed.change("ehc_case__plan", cease_date=AS_AT), remove(REVIEWS)),
    ),
    # lists of advice, provision, places and visits
    (
        f"{ADVICE_LIST}.advice_not_listed",
        "asked for tomorrow",
        (
            landed.change("ehc_case__advice", requested_date=TOMORROW),
            remove(ADVICE_LIST, where="advice_id = 'AD1'"),
        ),
    ),
    (
        f"{ADVICE_LIST}.advice_not_listed",
        "both in one row",
        (
            change(ADVICE_LIST, where="advice_id = 'AD1'", health_advice_ref="HA1"),
            remove(ADVICE_LIST, where="advice_id is null"),
        ),
    ),
    *(
        (
            f"{ADVICE_LIST}.overdue_days_inconsistent",
            what,
            (
                change(
                    ADVICE_LIST,
                    where="record_id = 'HA1'",
                    requested_date=due - timedelta(days=42),
                    due_date=due,
                    days_overdue=days,
                ),
            ),
        )
        for what, due, days in (("due on the day itself", AS_AT, 0), ("due yesterday", YESTERDAY, 1))
    ),
    *(
        (f"{AWAITING}.waiting_child_not_listed", what, steps)
        for what, steps in (
            ("listed with another case of the child", (change(AWAITING, case_id="C2"),)),
            ("listed as a case that leads to no child", (change(AWAITING, child_id=None),)),
            (
                "in a specialist place since the day the wait began",
                (change("core.fct_placement", **SPECIALIST), remove(AWAITING)),
            ),
        )
    ),
    *(
        (
            f"{AWAITING}.weeks_waiting_inconsistent",
            f"{days} days",
            (change(AWAITING, waiting_since_date=AS_AT - timedelta(days=days), weeks_waiting=weeks),),
        )
        for days, weeks in ((0, 0), (6, 0), (7, 1))
    ),
    *(
        (
            f"{CASELOAD}.{rule_id}",
            "shared by two, of whom one is nobody",
            (
                change(CASELOAD, plans=0, open_requests=0),
                like(CASELOAD, caseworker_id=None, record_id=None, open_requests=0, open_assessments=1),
            ),
        )
        for rule_id in ("caseload_plans_do_not_add_up", "caseload_assessments_do_not_add_up")
    ),
    (
        f"{CASELOAD}.caseload_plans_do_not_add_up",
        "nothing on either",
        (remove(CASELOAD), remove(CHILDREN)),
    ),
    *(
        (f"{HOME}.home_educated_child_not_listed", what, (*steps, remove(HOME)))
        for what, steps in (
            ("monitored, but not at home", (change(MONITORING, is_home_educated=False),)),
            ("no more on the register", (remove(MONITORING),)),
            (
                "missing education",
                (change("core.fct_ehe_cme", is_open=True, register_status="CME"), remove(MONITORING)),
            ),
            ("no plan", (change("core.fct_ehe_cme", is_open=True), remove(MONITORING), remove(CHILDREN))),
        )
    ),
    *(
        (f"{MISSING}.child_without_place_not_listed", what, steps)
        for what, steps in (
            ("in a full-time place", (remove(MISSING), remove(HOME))),
            (
                "full-time, in so many words",
                (change("core.fct_placement", attendance_pattern="F"), remove(MISSING), remove(HOME)),
            ),
            (
                "a part-time place and a full-time one",
                (like("core.fct_placement", attendance_pattern="P"), remove(MISSING), remove(HOME)),
            ),
            ("educated at home", (remove("core.fct_placement"), remove(MISSING))),
        )
    ),
    *(
        (
            f"{MISSING}.registered_child_not_listed",
            what,
            (change("core.fct_ehe_cme", is_open=is_open, register_status=status), remove(MISSING)),
        )
        for what, is_open, status in (("no more", False, "CME"), ("educated at home", True, "EHE"))
    ),
    *(
        (f"{MISSING}.days_missing_inconsistent", what, (change(MISSING, **columns),))
        for what, columns in (
            ("from the day itself", {"missing_since_date": AS_AT, "days_missing": 0}),
            ("on the register without a plan", {"has_plan": False, "is_on_cme_register": True}),
        )
    ),
    *(
        (f"{MONITORING}.monitored_child_not_listed", what, (*steps, remove(MONITORING)))
        for what, steps in (
            ("at a day school in the area", (change(CHILDREN, is_residential=False, is_in_area=True),)),
            ("at home no more", (at_home, change("core.fct_placement", is_current=False))),
            ("at home besides its school", (at_home, change("core.fct_placement", setting_rank=2))),
            ("the school counts for more", (at_home, change(CHILDREN, establishment_type="Academy"))),
        )
    ),
    (
        f"{MONITORING}.listed_plan_not_active",
        "a plan that starts on the day itself",
        (landed.change("ehc_case__plan", start_date=AS_AT),),
    ),
    *(
        (f"{MONITORING}.visit_due_inconsistent", what, (change(MONITORING, **columns),))
        for what, columns in (
            ("due on the day itself", {"next_visit_due_date": AS_AT}),
            (
                "due yesterday",
                {"next_visit_due_date": YESTERDAY, "is_visit_overdue": True, "visit_days_overdue": 1},
            ),
            ("never visited", {"last_visit_date": None}),
        )
    ),
    *(
        (f"{PLACES}.places_do_not_add_up", what, (change(PLACES, **columns),))
        for what, columns in (
            ("all of the need", {"filled_of_need": 6}),
            ("fewer than commissioned", {"places_commissioned": 8, "over_under": -2}),
            (
                "the places commissioned were not delivered",
                {**NOT_COMMISSIONED, "source_missing": "commissioned_places"},
            ),
            (
                "a year to come",
                {
                    "places_filled": None,
                    "over_under": None,
                    "filled_of_need": None,
                    **{f"filled_{ages}": None for ages in built.AGES},
                },
            ),
        )
    ),
    *(
        (f"{POST_16}.young_person_not_listed", what, (change(CHILDREN, birth_date=born), remove(POST_16)))
        for what, born in (("16 tomorrow", date(2010, 7, 1)), ("26 on the day itself", date(2000, 6, 30)))
    ),
    *(
        (f"{POST_16}.activity_inconsistent", what, (change(POST_16, **columns),))
        for what, columns in (
            ("25", {"age": 25}),
            ("NEET", {"activity_status": "NEET", "is_neet_or_unknown": True}),
            ("no source says", {"activity_status": "not known", "is_neet_or_unknown": None}),
            ("reviewed with an adviser", {"reviews_with_pfa_adviser": 1, "has_pfa_review": True}),
        )
    ),
    (
        f"{CORRECTIONS}.correction_not_listed",
        "the source has changed",
        (change("landing.correction", is_applied=False), remove(CORRECTIONS)),
    ),
    (f"{WORKLIST}.finding_not_listed", "nothing found", (remove("checks.finding"), remove(WORKLIST))),
    (
        f"{WORKLIST}.finding_incomplete",
        "a finding of no record and no child",
        (change(WORKLIST, record_id=None, child_id=None, item=None, value=None, source_file=None),),
    ),
]

FIRST_BREAKING = {name: steps for name, _, steps, _ in reversed(BREAKING)}


def apply(steps: tuple[Step, ...], connection: Connection) -> None:
    for step in steps:
        step(connection)


def named(rules: tuple[Rule, ...], name: str) -> Rule:
    table, _, rule_id = name.rpartition(".")
    return next(rule for rule in rules if rule.dataset == table.replace(".", "/") and rule.rule_id == rule_id)


def found_by(rule: Rule, connection: Connection) -> list[str]:
    """The record of each failing row."""
    return [record for (record,) in connection.execute(f"select record_id from ({rule.query})").fetchall()]


def path_of(table: str) -> Path:
    return CONTRACTS / f"{table.replace('.', '/')}.yml"


def test_every_rule_has_a_breaking_example(built_rules: tuple[Rule, ...]) -> None:
    stated = {f"{rule.dataset.replace('/', '.')}.{rule.rule_id}" for rule in built_rules}
    assert {*FIRST_BREAKING, *(f"{table}.columns_as_agreed" for table in BUILT)} == stated


def test_only_the_agreed_columns_are_checked_without_a_query(built_rules: tuple[Rule, ...]) -> None:
    assert {rule.rule_id for rule in built_rules if rule.query is None} == {"columns_as_agreed"}


@pytest.mark.parametrize(
    ("name", "steps", "found"),
    [pytest.param(name, steps, found, id=f"{name}: {what}") for name, what, steps, found in BREAKING],
)
def test_the_rule_finds(
    name: str, steps: tuple[Step, ...], found: Found, warehouse: Connection, built_rules: tuple[Rule, ...]
) -> None:
    apply(steps, warehouse)
    rows = found_by(named(built_rules, name), warehouse)
    assert set(rows) == found
    assert len(rows) == len(found)


@pytest.mark.parametrize(
    ("name", "steps"), [pytest.param(name, steps, id=f"{name}: {what}") for name, what, steps in PASSING]
)
def test_the_rule_lets_pass(
    name: str, steps: tuple[Step, ...], warehouse: Connection, built_rules: tuple[Rule, ...]
) -> None:
    apply(steps, warehouse)
    assert found_by(named(built_rules, name), warehouse) == []


def test_soda_passes_the_clean_warehouse(warehouse: Connection, built_rules: tuple[Rule, ...]) -> None:
    results = verify_contracts(warehouse, [path_of(table) for table in BUILT])
    assert {result.rule for result in results} == set(built_rules)
    assert {result.rule_id for result in results if result.outcome != "passed"} == set()


@pytest.mark.parametrize("table", BUILT)
def test_soda_says_what_the_query_says(table: str, warehouse: Connection, built_rules: tuple[Rule, ...]) -> None:
    """The contract as Soda runs it, for the first breaking example of each of its rules in turn."""
    for rule in built_rules:
        if rule.dataset == table.replace(".", "/") and rule.query is not None:
            warehouse.execute("rollback")
            warehouse.execute("begin")
            apply(FIRST_BREAKING[f"{table}.{rule.rule_id}"], warehouse)
            results = verify_contracts(warehouse, [path_of(table)])
            (result,) = [result for result in results if result.rule == rule]
            assert (result.outcome, result.failed_rows) == ("failed", len(found_by(rule, warehouse))), rule.rule_id


@pytest.mark.parametrize(
    ("what", "tables"),
    [
        ("drop column source_row", BUILT[0::3]),
        ("rename column source_row to row_number", BUILT[1::3]),
        ("add column shoe_size integer", BUILT[2::3]),
    ],
)
def test_a_table_of_another_shape_is_not_as_agreed(what: str, tables: list[str]) -> None:
    """Outside a transaction, as in a run: the rules that read the column are stopped and stop no other."""
    with duckdb.connect() as connection:
        landed.make_borough(connection)
        prepare(connection)
        built.make_warehouse(connection)
        for table in tables:
            reshape(table, what)(connection)
        results = verify_contracts(connection, [path_of(table) for table in tables])
    agreed = {result.dataset: result.outcome for result in results if result.rule_id == "columns_as_agreed"}
    assert agreed == {table.replace(".", "/"): "failed" for table in tables}


def test_the_columns_agreed_are_those_of_the_model() -> None:
    first, last = contract_paths()
    described = yaml.safe_load(DASHBOARD.read_text(encoding="utf-8"))["models"]
    written_after_checks = {table["name"]: tuple(column["name"] for column in table["columns"]) for table in described}
    for contract in read_contracts(first + last):
        layer, _, table = contract.dataset.partition("/")
        if layer == "dashboard" and table in written_after_checks:
            assert contract.columns == written_after_checks[table], contract.dataset
        elif layer != "landing":
            (model,) = yaml.safe_load((built.MODELS / layer / f"{table}.yml").read_text(encoding="utf-8"))["models"]
            assert contract.columns == tuple(column["name"] for column in model["columns"]), contract.dataset


def test_a_record_of_another_key_is_no_repetition(warehouse: Connection, built_rules: tuple[Rule, ...]) -> None:
    add("core.fct_need", plan_id="P2", need_rank=1, record_id="P2|1")(warehouse)
    assert found_by(named(built_rules, "core.fct_need.row_repeated"), warehouse) == []
