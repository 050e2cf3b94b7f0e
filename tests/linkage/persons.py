"""Persons of the sources as the linkage compares them; a test states only what it is about."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import duckdb
import pyarrow

from warehouse.build import MEMORY

PRIORITY = {"case": 1, "upn": 2, "nhs": 3, "cin": 4, "patient": 5, "nccis": 6, "ehe_cme": 7, "health_advice": 8}
SCHEMA = pyarrow.schema(
    [
        *((name, pyarrow.string()) for name in ("record_key", "anchor_kind", "anchor")),
        ("priority", pyarrow.int32()),
        ("surname", pyarrow.string()),
        ("surname_parts", pyarrow.list_(pyarrow.string())),
        *((name, pyarrow.string()) for name in ("forename", "forenames", "forename_group", "birth_text", "sex")),
        ("postcode", pyarrow.string()),
        ("postcodes", pyarrow.list_(pyarrow.string())),
        *((name, pyarrow.string()) for name in ("upn", "uln", "nhs_number")),
        *((name, pyarrow.bool_()) for name in ("has_permanent_upn", "has_valid_nhs_number")),
        *(
            (name, pyarrow.string())
            for name in ("surname_start", "forename_start", "sector", "name_pair", "content_hash")
        ),
        ("birth_year", pyarrow.int64()),
        ("birth_date", pyarrow.string()),
    ]
)
RECORDS, SURE, SCORED, ANSWERS = "identity.record", "identity.sure_link", "identity.scored_pair", "identity.answer"


def person(kind: str, anchor: str, **said: Any) -> dict[str, Any]:
    """One person: Ife Abara, born on 9 March 2014 in RM17 6AB, but for what is ``said``."""
    known: dict[str, Any] = {
        "forename": "IFE",
        "surname": "ABARA",
        "birth_text": "20140309",
        "sex": "F",
        "postcode": "RM176AB",
        "upn": anchor if kind == "upn" else None,
        "nhs_number": anchor if kind == "nhs" else None,
        "uln": None,
        **said,
    }
    forename, surname, upn = known["forename"], known["surname"], known["upn"]
    group = known.pop("group", forename)
    parts = surname.split(" ") if surname else None
    joined = surname.replace(" ", "") if surname else None
    return {
        **known,
        "record_key": f"{kind}:{anchor}",
        "anchor_kind": kind,
        "anchor": anchor,
        "priority": PRIORITY[kind],
        "surname": joined,
        "surname_parts": parts,
        "forenames": forename,
        "forename_group": group,
        "postcodes": [known["postcode"]] if known["postcode"] else None,
        "has_permanent_upn": bool(upn) and upn[-1].isdigit(),
        "has_valid_nhs_number": known["nhs_number"] is not None,
        "surname_start": joined[:2] if joined else None,
        "forename_start": forename[:1] if forename else None,
        "sector": known["postcode"][:-2] if known["postcode"] else None,
        "name_pair": " ".join(sorted((group, joined))) if group and joined else None,
        "birth_year": int(known["birth_text"][:4]) if known["birth_text"] else None,
        "birth_date": known["birth_text"],
        "content_hash": repr(sorted(known.items(), key=str)),
    }


def opened(persons: Iterable[dict[str, Any]] = ()) -> duckdb.DuckDBPyConnection:
    """A database with the tables that the linkage reads, holding the persons."""
    connection = duckdb.connect()
    connection.execute("create schema identity")
    for table, columns in MEMORY.items():
        connection.execute(f"create table identity.{table} ({columns})")
    text = "anchor_kind varchar, anchor varchar, to_kind varchar, to_anchor varchar, basis varchar"
    connection.execute(f"create table {SURE} ({text})")
    connection.execute(f"create table {SCORED} as from identity.scored limit 0")
    hold(connection, persons)
    return connection


def hold(connection: duckdb.DuckDBPyConnection, persons: Iterable[dict[str, Any]]) -> None:
    """Puts the persons in the place of those held."""
    connection.register("persons", pyarrow.Table.from_pylist(list(persons), schema=SCHEMA))
    number = "row_number() over (order by priority, record_key)"
    connection.execute(f"create or replace table {RECORDS} as select {number} as record_number, * from persons")
    connection.unregister("persons")


def sure(connection: duckdb.DuckDBPyConnection, one: str, other: str) -> None:
    """Says that a sure key leads from the one person to the other, by their keys."""
    connection.execute(f"insert into {SURE} values (?, ?, ?, ?, 'upn')", [*one.split(":"), *other.split(":")])


def said(connection: duckdb.DuckDBPyConnection, one: str, other: str, verdict: str) -> None:
    """Says what a steward answered of two persons."""
    moment = "2025-06-30 12:00"
    connection.execute(
        f"insert into {ANSWERS} values (?, ?, ?, ?, ?, ?)", [*one.split(":"), *other.split(":"), verdict, moment]
    )
