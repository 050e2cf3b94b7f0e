"""The least SEN2 return in which no rule finds anything: one child with everything, at the survey day of 2027.

The nine tables are written here, so that a rule is tried without the models it watches over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import duckdb

from checks.verification import prepare
from returns.previous import empty_previous, know_persons
from returns.specification import read_specification
from tests.checks.borough import UPN

Step = Callable[[duckdb.DuckDBPyConnection], object]

SURVEY_DAY = "2027-01-21"
ULN, OTHER_ULN = "1000000027", "1000000043"

COLUMNS = {
    "sen2_header": "collection varchar, year integer, reference_date date, source_level varchar, lea varchar, "
    "dmo varchar, dco varchar, dsco varchar",
    "sen2_person": "person_id varchar, surname varchar, forename varchar, person_birth_date date, sex varchar, "
    "ethnicity varchar, post_code varchar, upn varchar, unique_learner_number varchar, upn_unknown varchar",
    "sen2_requests": "requests_id varchar, person_id varchar, received_date date, request_source integer, rya boolean, "
    "request_outcome_date date, request_outcome varchar, request_mediation boolean, request_tribunal boolean, "
    "exported varchar",
    "sen2_assessment": "requests_id varchar, person_id varchar, assessment_outcome varchar, "
    "assessment_outcome_date date, assessment_mediation boolean, assessment_tribunal boolean, "
    "other_mediation boolean, other_tribunal boolean, week20 boolean",
    "sen2_named_plan": "requests_id varchar, person_id varchar, start_date date, plan_res varchar, plan_wbp varchar, "
    "pb boolean, oa boolean, dp varchar, cease_date date, cease_reason integer",
    "sen2_plan_detail": "requests_id varchar, plan_detail_number integer, person_id varchar, urn varchar, "
    "ukprn varchar, sen_setting varchar, sen_setting_other varchar, placement_rank integer, "
    "sen_unit_indicator boolean, resourced_provision_indicator boolean",
    "sen2_active_plans": "requests_id varchar, person_id varchar, transfer_la varchar, review_meeting date, "
    "review_outcome varchar, last_review date, review_draft date, phase_transfer_due_date date, "
    "phase_transfer_final_date date",
    "sen2_placement_detail": "requests_id varchar, placement_detail_number integer, person_id varchar, urn varchar, "
    "ukprn varchar, sen_setting varchar, sen_setting_other varchar, placement_rank integer, entry_date date, "
    "leaving_date date, sen_unit_indicator boolean, resourced_provision_indicator boolean, res varchar, wbp varchar",
    "sen2_sen_need": "requests_id varchar, sen_need_number integer, person_id varchar, sen_type varchar, "
    "sen_type_rank integer",
}
LINEAGE = "record_id varchar, source_file varchar, source_row bigint"

OF_REQUEST = {"requests_id": "R1", "person_id": "P1"}
NO_UNIT = {"sen_unit_indicator": False, "resourced_provision_indicator": False}
CLEAN: dict[str, list[dict[str, Any]]] = {
    "sen2_header": [
        {
            "collection": "SEN2",
            "year": 2027,
            "reference_date": SURVEY_DAY,
            "source_level": "L",
            "lea": "883",
            "dmo": "Yes",
            "dco": "Yes",
            "dsco": "No",
        }
    ],
    "sen2_person": [
        {
            "person_id": "P1",
            "surname": "Abara",
            "forename": "Ife",
            "person_birth_date": "2011-05-01",
            "sex": "F",
            "ethnicity": "BAFR",
            "post_code": "RM17 6SL",
            "upn": UPN,
            "unique_learner_number": ULN,
        }
    ],
    "sen2_requests": [
        {
            **OF_REQUEST,
            "received_date": "2026-01-12",
            "request_source": 2,
            "rya": False,
            "request_outcome_date": "2026-02-10",
            "request_outcome": "Y",
            "request_mediation": False,
            "request_tribunal": False,
        }
    ],
    "sen2_assessment": [
        {
            **OF_REQUEST,
            "assessment_outcome": "Y",
            "assessment_outcome_date": "2026-05-20",
            "assessment_mediation": False,
            "assessment_tribunal": False,
            "other_mediation": False,
            "other_tribunal": False,
            "week20": False,
        }
    ],
    "sen2_named_plan": [{**OF_REQUEST, "start_date": "2026-05-20", "pb": True, "oa": True}],
    "sen2_plan_detail": [
        {**OF_REQUEST, "plan_detail_number": 1, "urn": "100001", "placement_rank": 1, **NO_UNIT},
        {**OF_REQUEST, "plan_detail_number": 2, "ukprn": "10000001", "placement_rank": 2, **NO_UNIT},
    ],
    "sen2_active_plans": [
        {
            **OF_REQUEST,
            "review_meeting": "2026-11-02",
            "review_outcome": "A",
            "last_review": "2026-11-20",
            "review_draft": "2026-11-20",
            "phase_transfer_due_date": "2027-03-31",
            "phase_transfer_final_date": "2027-01-15",
        }
    ],
    "sen2_placement_detail": [
        {
            **OF_REQUEST,
            "placement_detail_number": 1,
            "urn": "100001",
            "placement_rank": 1,
            "entry_date": "2022-09-01",
            **NO_UNIT,
        },
        {
            **OF_REQUEST,
            "placement_detail_number": 2,
            "ukprn": "10000001",
            "placement_rank": 2,
            "entry_date": "2026-09-02",
            **NO_UNIT,
        },
    ],
    "sen2_sen_need": [
        {**OF_REQUEST, "sen_need_number": 1, "sen_type": "ASD", "sen_type_rank": 1},
        {**OF_REQUEST, "sen_need_number": 2, "sen_type": "SLCN", "sen_type_rank": 2},
    ],
}
MAINSTREAM, SPECIAL, COLLEGE, CLOSED, WITH_UNIT, WITH_PROVISION = "100001 100002 100003 100004 100005 100006".split()
REGISTER = [
    (MAINSTREAM, "Community school", "1990-09-01", None, False, 18, "Not applicable", "Not a boarding school"),
    (SPECIAL, "Community special school", "1990-09-01", None, True, 19, "Not applicable", "Boarding school"),
    (COLLEGE, "University technical college", "2012-09-01", None, False, 19, None, None),
    (CLOSED, "Community school", "1990-09-01", "2026-12-31", False, 11, None, None),
    (WITH_UNIT, "Community school", "1990-09-01", None, False, 11, "SEN unit", None),
    (WITH_PROVISION, "Community school", "1990-09-01", None, False, 11, "Resourced provision", None),
]


def make_return(connection: duckdb.DuckDBPyConnection) -> None:
    """The nine tables with the one child, the register of schools, and what rules share."""
    for schema in ("landing", "core", "sen2"):
        connection.execute(f"create schema {schema}")
    connection.execute(f"create table landing.run as select date '{SURVEY_DAY}' as as_at")
    connection.execute('create table landing.quarantine (extract varchar, "table" varchar, record_id varchar)')
    connection.execute(
        "create table core.dim_establishment (urn varchar, establishment_type varchar, open_date date, "
        "close_date date, is_special boolean, statutory_high_age integer)"
    )
    connection.execute(
        "create table landing.gias__establishment (urn varchar, type_of_resourced_provision_name varchar, "
        "boarding_establishment_name varchar, _delivery varchar, _file varchar, _row bigint)"
    )
    for urn, kind, opened, closed, is_special, high_age, provision, boarding in REGISTER:
        connection.execute(
            "insert into core.dim_establishment values (?, ?, ?, ?, ?, ?)",
            [urn, kind, opened, closed, is_special, high_age],
        )
        connection.execute(
            "insert into landing.gias__establishment values (?, ?, ?, 'd1', 'gias.csv', 1)", [urn, provision, boarding]
        )
    for table, columns in COLUMNS.items():
        connection.execute(f"create table sen2.{table} ({columns}, {LINEAGE})")
        for row in CLEAN[table]:
            _insert(connection, table, row)
    connection.execute(
        "create table core.fct_published_figure (la_code varchar, return_year integer, indicator varchar, "
        "age varchar, value decimal(18, 2), source_file varchar, source_row bigint)"
    )
    for indicator in ("plans", "requests", "new_plans", "need_asd", "plans_by_age", "plans_special"):
        figure(indicator, 1, age="15" if indicator == "plans_by_age" else "all", year=2025)(connection)
    empty_previous(connection, read_specification(2026))
    know_persons(connection)
    connection.execute("insert into sen2_previous.origin values (2026, 'case.csv')")
    connection.execute("insert into sen2_previous.sen2_header (year, reference_date) values (2026, date '2026-01-15')")
    prepare(connection)


def _insert(connection: duckdb.DuckDBPyConnection, table: str, row: dict[str, Any]) -> None:
    row = {"record_id": "C1", "source_file": "case.csv", "source_row": 7, **row}
    holders = ", ".join("?" * len(row))
    connection.execute(f"insert into sen2.{table} ({', '.join(row)}) values ({holders})", list(row.values()))


def change(table: str, where: str = "true", **values: Any) -> Step:
    """The rows of the table, or those that ``where`` picks, with other values."""
    settings = ", ".join(f"{column} = ?" for column in values)
    return lambda connection: connection.execute(
        f"update sen2.{table} set {settings} where {where}", list(values.values())
    )


def add(table: str, **values: Any) -> Step:
    """One more row: the first of the clean return but for these values."""
    return lambda connection: _insert(connection, table, {**CLEAN[table][0], **values})


def remove(table: str, where: str = "true") -> Step:
    """The table without these rows."""
    return lambda connection: connection.execute(f"delete from sen2.{table} where {where}")


def children(numbers: Iterable[int], without: Iterable[str] = (), **changes: dict[str, Any]) -> Step:
    """More children like the first, each with the changes given by table and without the tables named."""

    def step(connection: duckdb.DuckDBPyConnection) -> None:
        for number in numbers:
            own = {"person_id": f"P{number}", "requests_id": f"R{number}"}
            for table in COLUMNS:
                if table == "sen2_header" or table in without:
                    continue
                row = {**CLEAN[table][0], **{key: own[key] for key in own if key in CLEAN[table][0]}}
                if table == "sen2_person":
                    row |= {"surname": f"Other{number}", "upn": None, "unique_learner_number": None}
                _insert(connection, table, {**row, **changes.get(table, {})})

    return step


def today(day: str) -> Step:
    """The day the warehouse is of."""
    return lambda connection: connection.execute("update landing.run set as_at = ?", [day])


def register(urn: str, **values: Any) -> Step:
    """The school of the register with other values."""
    settings = ", ".join(f"{column} = ?" for column in values)
    return lambda connection: connection.execute(
        f"update core.dim_establishment set {settings} where urn = '{urn}'", list(values.values())
    )


def figure(indicator: str, value: int, *, age: str = "all", year: int = 2026) -> Step:
    """One more figure that DfE published of the authority."""
    return lambda connection: connection.execute(
        "insert into core.fct_published_figure values ('883', ?, ?, ?, ?, 'case.csv', 7)", [year, indicator, age, value]
    )


def earlier(numbers: Iterable[int] = (0,), **changes: dict[str, Any] | None) -> Step:
    """Children of last year's return: like the one of this year's, the first of them the same person.

    Each has the changes given by table; a table given as None has no row of theirs.
    """

    def step(connection: duckdb.DuckDBPyConnection) -> None:
        for number in numbers:
            own = {"person_id": f"E{number}", "requests_id": f"E{number}-1"}
            for table in COLUMNS:
                changed = changes.get(table, {})
                if table == "sen2_header" or changed is None:
                    continue
                row = {**CLEAN[table][0], **{key: own[key] for key in own if key in CLEAN[table][0]}}
                if table == "sen2_person" and number:
                    row |= {"surname": f"Before{number}", "upn": None, "unique_learner_number": None}
                row |= changed
                holders = ", ".join("?" * len(row))
                connection.execute(
                    f"insert into sen2_previous.{table} ({', '.join(row)}) values ({holders})", list(row.values())
                )

    return step
