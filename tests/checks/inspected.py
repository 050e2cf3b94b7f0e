"""The lists of Annex A with one child each, of whom no rule finds anything; a test changes what it is about."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import yaml

from checks.verification import prepare

MODELS = Path(__file__).parents[2] / "dbt_project" / "models"
LISTS = ("annex_a_list_1", "annex_a_list_2")
CORE = ("dim_child", "fct_plan", "fct_census_enrolment")
TABLES = (*(f"marts/annex_a/{table}" for table in LISTS), *(f"core/{table}" for table in CORE))
AS_AT = date(2026, 6, 30)
KNOWN_AT = datetime(2026, 6, 30, 18, 0)
UPN, OTHER_UPN = "G883200512001", "W883200512002"
DELIVERED = {"ehc_case": ("child", "plan", "placement", "need", "review"), "school_census": ("pupil", "need")}

Step = Callable[[duckdb.DuckDBPyConnection], object]

CHILD: dict[str, Any] = {
    "upn": UPN,
    "date_of_birth": date(2012, 5, 4),
    "gender": "Female",
    "ethnicity": "WBRI",
    "sen_primary_need": "ASD",
    "main_establishment_urn": "100001",
    "main_establishment_phase": "Primary",
    "suspensions": 0,
    "permanent_exclusions": 0,
    "absence": 6.5,
    "pupil_premium": "No",
    "known_to_social_care": "No",
    "disability": "No",
    "source_file": "case.csv",
    "source_row": 7,
}
CLEAN: dict[str, dict[str, Any]] = {
    "annex_a.annex_a_list_1": {
        **CHILD,
        "unique_id": "CH1",
        "child_id": "CH1",
        "plan_id": "P1",
        "record_id": "P1",
        "date_initial_plan_issued": date(2024, 5, 20),
        "date_updated_plan_issued": date(2025, 6, 30),
        "date_plan_last_reviewed": date(2026, 5, 11),
        "elective_home_education": "No",
    },
    "annex_a.annex_a_list_2": {**CHILD, "unique_id": "CH2", "child_id": "CH2", "upn": OTHER_UPN, "record_id": "E2"},
    "core.dim_child": {"child_id": "CH1", "source_file": "person.csv", "source_row": 3},
    "core.fct_plan": {
        "plan_id": "P1",
        "child_id": "CH1",
        "is_active": True,
        "record_id": "P1",
        "source_file": "case.csv",
        "source_row": 7,
    },
    "core.fct_census_enrolment": {
        "child_id": "CH2",
        "census_date": date(2026, 5, 21),
        "sen_provision": "K",
        "enrol_status": "C",
        "record_id": "E2",
        "source_file": "case.csv",
        "source_row": 7,
    },
}


def columns_of(model: str) -> dict[str, str]:
    """The columns and types of a dbt model, by its path among the models."""
    (written,) = yaml.safe_load((MODELS / f"{model}.yml").read_text(encoding="utf-8"))["models"]
    return {column["name"]: column["data_type"] for column in written["columns"]}


def make_lists(connection: duckdb.DuckDBPyConnection) -> None:
    """Makes both lists as the warehouse has them, and what their rules read besides."""
    for schema in ("landing", "core", "annex_a", "identity"):
        connection.execute(f"create schema {schema}")
    connection.execute("create table landing.run (as_at date, known_at timestamp)")
    connection.execute("insert into landing.run values (?, ?)", [AS_AT, KNOWN_AT])
    connection.execute(
        "create table identity.identity__record_child "
        "(extract varchar, table_name varchar, record_id varchar, child_id varchar)"
    )
    connection.execute('create table landing.quarantine (extract varchar, "table" varchar, record_id varchar)')
    connection.execute('create table landing.load_file (extract varchar, "table" varchar, status varchar)')
    for extract, tables in DELIVERED.items():
        for table in tables:
            connection.execute("insert into landing.load_file values (?, ?, 'landed')", [extract, table])
    for model in TABLES:
        name = model.removeprefix("marts/").replace("/", ".")
        columns = ", ".join(f'"{column}" {sql_type}' for column, sql_type in columns_of(model).items())
        connection.execute(f"create table {name} ({columns})")
        add(name)(connection)
    prepare(connection)


def add(table: str, **columns: Any) -> Step:
    """One more row, like the table's first but for these columns."""
    row = {**CLEAN[table], **columns}
    names, marks = ", ".join(row), ", ".join("?" * len(row))
    return lambda connection: connection.execute(f"insert into {table} ({names}) values ({marks})", list(row.values()))


def change(table: str, **columns: Any) -> Step:
    """Other values in every row of a table."""
    values = ", ".join(f"{name} = ?" for name in columns)
    return lambda connection: connection.execute(f"update {table} set {values}", list(columns.values()))


def remove(table: str) -> Step:
    """No row at all in a table."""
    return lambda connection: connection.execute(f"delete from {table}")
