"""The least borough in which no rule finds anything: one child with a plan, known to every service.

A test changes what it is about and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import duckdb

from connectors.contract import all_contracts, read_contract
from connectors.corrections import register_corrections
from connectors.typing_rules import ISSUES_TYPE, record_id_sql

AS_AT = date(2026, 6, 30)
KNOWN_AT = datetime(2026, 6, 30, 18, 0)
UPN, OTHER_UPN, TEMPORARY_UPN = "G883200512001", "W883200512002", "T88320051200A"
NHS_NUMBER, OTHER_NHS_NUMBER = "9434765919", "9434765870"

Step = Callable[[duckdb.DuckDBPyConnection], object]

PERSON = {"surname": "Abara", "forename": "Ife", "birth_date": date(2012, 5, 4)}
CLEAN: dict[str, list[dict[str, Any]]] = {
    "ehc_case__child": [{"case_id": "C1", "upn": UPN, "nhs_number": NHS_NUMBER, "postcode": "RM17 6SL", **PERSON}],
    "ehc_case__request": [
        {
            "request_id": "R1",
            "case_id": "C1",
            "received_date": date(2024, 1, 8),
            "outcome": "Y",
            "outcome_date": date(2024, 2, 12),
        }
    ],
    "ehc_case__assessment": [
        {
            "assessment_id": "A1",
            "request_id": "R1",
            "agreed_date": date(2024, 2, 12),
            "outcome": "Y",
            "outcome_date": date(2024, 5, 20),
            "week20_exception": False,
        }
    ],
    "ehc_case__advice": [
        {
            "advice_id": "AD1",
            "assessment_id": "A1",
            "requested_date": date(2024, 2, 13),
            "returned_date": date(2024, 3, 20),
        }
    ],
    "ehc_case__plan": [
        {
            "plan_id": "P1",
            "assessment_id": "A1",
            "request_id": "R1",
            "start_date": date(2024, 5, 20),
            "issued_date": date(2024, 5, 20),
        }
    ],
    "ehc_case__placement": [
        {"id": "PL1", "plan_id": "P1", "urn": "100001", "rank": 1, "entry_date": date(2024, 9, 2), "sen_unit": False}
    ],
    "ehc_case__need": [
        {"plan_id": "P1", "rank": 1, "sen_type": "ASD"},
        {"plan_id": "P1", "rank": 2, "sen_type": "SLCN"},
    ],
    "ehc_case__review": [
        {
            "review_id": "RV1",
            "plan_id": "P1",
            "meeting_date": date(2025, 5, 12),
            "decision": "M",
            "decision_date": date(2025, 6, 2),
        }
    ],
    "school_census__pupil": [
        {"census_date": date(2026, 1, 15), "laestab": "8832001", "upn": UPN, "sen_provision": "E", **PERSON}
    ],
    "therapy_waits__referral": [
        {
            "referral_id": "RF1",
            "local_patient_id": "L1",
            "nhs_number": NHS_NUMBER,
            "service": "SALT",
            "referral_received_date": date(2025, 3, 3),
            "first_contact_date": date(2025, 5, 6),
            "clock_stop_date": date(2025, 5, 6),
            **PERSON,
        }
    ],
    "cin_census__child": [
        {
            "reference_date": date(2026, 3, 31),
            "la_child_id": "S1",
            "upn": UPN,
            "birth_date": PERSON["birth_date"],
        }
    ],
    "cin_census__cin_episode": [
        {"reference_date": date(2026, 3, 31), "la_child_id": "S1", "referral_date": date(2025, 2, 3)}
    ],
    "cin_census__child_protection_plan": [
        {
            "reference_date": date(2026, 3, 31),
            "la_child_id": "S1",
            "referral_date": date(2025, 2, 3),
            "start_date": date(2025, 3, 3),
        }
    ],
    "gias__establishment": [
        {"urn": "100001", "establishment_name": "Thameside School", "establishment_status_code": "1"},
        {
            "urn": "100002",
            "establishment_name": "Old Thameside School",
            "establishment_status_code": "2",
            "close_date": date(2025, 8, 31),
        },
    ],
}


def make_borough(connection: duckdb.DuckDBPyConnection) -> None:
    """Makes the schema ``landing`` as the connectors register it, with the clean borough in it."""
    connection.execute("create schema landing")
    connection.execute("create table landing.run (as_at date, known_at timestamp, la_code varchar)")
    connection.execute("insert into landing.run values (?, ?, '883')", [AS_AT, KNOWN_AT])
    connection.execute(
        'create table landing.quarantine (extract varchar, "table" varchar, load_id varchar, file varchar, '
        "row bigint, reason varchar, column_name varchar, problem varchar, record_id varchar)"
    )
    connection.execute(
        'create table landing.load_file (load_id varchar, extract varchar, file varchar, "table" varchar, '
        "status varchar, reason varchar, is_current boolean)"
    )
    register_corrections(connection, ())
    issues = []
    for contract in all_contracts():
        for table_name, table in contract.tables.items():
            name = f"{contract.extract}__{table_name}"
            columns = ", ".join(f'"{column}" {settings.sql_type}' for column, settings in table.columns.items())
            connection.execute(
                f"create table landing.{name} ({columns}, _load_id varchar, _file varchar, _row bigint, "
                f"_issues {ISSUES_TYPE}, _delivery bigint, _landed_at timestamp)"
            )
            for row in CLEAN.get(name, []):
                add(name, **row)(connection)
            issues.append(
                f"select '{contract.extract}' as extract, '{table_name}' as \"table\", "
                f'{record_id_sql(table)} as record_id, issue."column" as column_name, issue.problem, issue.value, '
                f"_file, _row from (select *, unnest(_issues) as issue from landing.{name})"
            )
    connection.execute(f"create view landing.issue as {' union all '.join(issues)}")


def add(table: str, **columns: Any) -> Step:
    """One more row of a table, from the delivery's file at the next row."""

    def step(connection: duckdb.DuckDBPyConnection) -> object:
        (rows,) = connection.execute(f"select count(*) from landing.{table}").fetchone() or (0,)
        columns_and_place = {"_file": f"{table}.csv", "_row": rows + 2, "_issues": [], "_delivery": 1, **columns}
        names = ", ".join(f'"{name}"' for name in columns_and_place)
        marks = ", ".join("?" * len(columns_and_place))
        return connection.execute(
            f"insert into landing.{table} ({names}) values ({marks})", list(columns_and_place.values())
        )

    return step


def like(table: str, **columns: Any) -> Step:
    """One more row, like the table's first but for these columns."""
    return add(table, **{**CLEAN[table][0], **columns})


def change(table: str, *, where: Any = "true", **columns: Any) -> Step:
    """Other values in the rows of a table; ``where`` picks among several."""
    values = ", ".join(f'"{name}" = ?' for name in columns)
    return lambda connection: connection.execute(
        f"update landing.{table} set {values} where {where}", list(columns.values())
    )


def remove(table: str, *, where: str = "true") -> Step:
    """Rows taken out of a table; a row of nobody stays so that the table counts as delivered."""

    def step(connection: duckdb.DuckDBPyConnection) -> object:
        return connection.execute(f"delete from landing.{table} where {where}")

    return step


def unreadable(table: str, column: str, problem: str, text: str, *, where: str = "true") -> Step:
    """A value that could not be read: it landed empty, or as it was where it is an unknown code."""
    landed = text if problem == "unknown_code" else None
    issue = [{"column": column, "problem": problem, "value": text}]
    return change(table, where=where, _issues=issue, **{column: landed})


def set_apart(table: str, column: str, *, where: str = "true") -> Step:
    """Rows that came without a value they cannot do without: they are in quarantine and not in the table."""
    extract, _, name = table.partition("__")
    record_id = record_id_sql(read_contract(extract).tables[name])

    def step(connection: duckdb.DuckDBPyConnection) -> object:
        connection.execute(
            "insert into landing.quarantine "
            f"select '{extract}', '{name}', _load_id, _file, _row, '{column} is missing', '{column}', "
            f"'missing_required', {record_id} from landing.{table} where {where}"
        )
        return connection.execute(f"delete from landing.{table} where {where}")

    return step


def refuse(extract: str, table: str, file: str, reason: str, *, is_current: bool = True) -> Step:
    """A file that could not be taken in."""
    return lambda connection: connection.execute(
        "insert into landing.load_file values ('000002', ?, ?, ?, 'refused', ?, ?)",
        [extract, file, table, reason, is_current],
    )
