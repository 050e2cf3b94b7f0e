"""Returns made at random within the specification, put into DuckDB and read out of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any

import duckdb
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from returns.specification import Item, Module, Specification
from returns.tables import TYPES, Stamp, key_columns

Row = Mapping[str, Any]
Tables = dict[str, list[Row]]
"""The rows of each table by its name."""

STAMP = Stamp("SEND warehouse", "0.1.0", 1, datetime(2027, 2, 1, 9, 30))
NAMES = [
    "O'Neill",
    "Zoë-Løvisa",
    "Tom & Jerry",
    '<b>"x"</b>',
    "𝒜da 👩🏽",
    "\u200fשרה\u200e",
    " spaced ",
    "=1+1",
    "_x0041_",
    "']]>",
]

few = settings(
    max_examples=4,
    phases=[Phase.generate],
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)

texts = st.sampled_from(NAMES) | st.text(
    st.characters(exclude_categories=("Cc", "Cs", "Cn"), exclude_characters="\u2028\u2029"), min_size=1, max_size=12
)
dates = st.dates(date(2000, 1, 1), date(2027, 3, 1))


def _value(item: Item) -> st.SearchStrategy[Any]:
    """A value that the specification allows, or none."""
    made: st.SearchStrategy[Any]
    if item.codes is not None:
        made = st.sampled_from([int(code) if item.type == "integer" else code for code in item.codes.values])
    elif item.length is not None:
        made = st.text("A0123456789", min_size=item.length, max_size=item.length)
    elif item.type == "date":
        made = dates
    elif item.type == "boolean":
        made = st.booleans()
    elif item.type == "integer":
        made = st.integers(0, 9)
    else:
        made = texts
    return st.none() | made


@st.composite
def returns(draw: st.DrawFn, specification: Specification) -> Tables:
    """A return of up to three persons, keyed as the readers key one: in the order in which it is written."""
    tables: Tables = {module.table: [] for module in specification.modules}

    def add(module: Module, keys: Row, told: Row) -> None:
        items = {item.column: None if item.absent else draw(_value(item)) for item in module.columns}
        tables[module.table].append({**keys, **items, **told})
        for child in specification.children(module.name):
            if child.name == "requests":
                received = sorted(draw(st.lists(dates, min_size=1, max_size=2)))
                for number, day in enumerate(received, start=1):
                    add(child, {**keys, "requests_id": f"{keys['person_id']}-{number:03d}"}, {"received_date": day})
                continue
            for number in range(1, draw(st.integers(child.minimum, min(child.maximum or 2, 2))) + 1):
                add(child, {**keys, child.number: number} if child.number else keys, {})

    told = {"collection": "SEN2", "year": specification.year, "reference_date": date(2027, 1, 21), "lea": "883"}
    add(specification.module("header"), {}, told)
    for person in range(1, draw(st.integers(1, 3)) + 1):
        add(specification.module("person"), {"person_id": f"{person:09d}"}, {})
    return tables


def one_person(**person: Any) -> Tables:
    """A return of one person with one request, one assessment, a named plan and an active plan."""
    keys = {"requests_id": "r-1", "person_id": "c-1"}
    return {
        "sen2_header": [
            {"collection": "SEN2", "year": 2027, "reference_date": date(2027, 1, 21), "source_level": "L", "lea": "883"}
        ],
        "sen2_person": [{"person_id": "c-1", "surname": "Example", "forename": "Ada", "sex": "F", **person}],
        "sen2_requests": [{**keys, "received_date": date(2026, 1, 12), "rya": False}],
        "sen2_assessment": [{**keys, "assessment_outcome": "Y"}],
        "sen2_named_plan": [{**keys, "start_date": date(2026, 5, 29), "pb": True}],
        "sen2_plan_detail": [{**keys, "plan_detail_number": 1, "urn": "100001", "placement_rank": 1}],
        "sen2_active_plans": [keys],
        "sen2_placement_detail": [{**keys, "placement_detail_number": 1, "urn": "100001"}],
        "sen2_sen_need": [
            {**keys, "sen_need_number": 2, "sen_type": "SLCN"},
            {**keys, "sen_need_number": 1, "sen_type": "ASD"},
        ],
    }


def put(
    connection: duckdb.DuckDBPyConnection, specification: Specification, tables: Tables, schema: str = "sen2"
) -> None:
    """Makes the nine tables in ``schema``, with the lineage that the marts carry and nobody writes."""
    connection.execute(f"create schema if not exists {schema}")
    for module in specification.modules:
        columns = {name: "integer" if name == module.number else "varchar" for name in key_columns(module)}
        columns |= {item.column: TYPES[item.type] for item in module.columns}
        listed = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        connection.execute(f"create or replace table {schema}.{module.table} ({listed}, source_file varchar)")
        # Backwards, for no writer may lean on the order in which rows lie.
        for row in reversed(tables[module.table]):
            values = [row.get(name) for name in columns]
            marks = ", ".join("?" for _ in values)
            connection.execute(f"insert into {schema}.{module.table} values ({marks}, 'a.csv')", values)


def held(connection: duckdb.DuckDBPyConnection, specification: Specification, schema: str = "sen2") -> Tables:
    """The rows of the nine tables in ``schema``, in the order of their keys."""
    found: Tables = {}
    for module in specification.modules:
        names = [*key_columns(module), *(item.column for item in module.columns)]
        order = f"order by {', '.join(module.keys)}" if module.keys else ""
        rows = connection.execute(f"select {', '.join(names)} from {schema}.{module.table} {order}").fetchall()
        found[module.table] = [dict(zip(names, row, strict=True)) for row in rows]
    return found


def in_order(tables: Tables, specification: Specification) -> Tables:
    """The tables with their rows in the order of their keys."""
    keys = {module.table: module.keys for module in specification.modules}
    return {name: sorted(rows, key=lambda row: [row[key] for key in keys[name]]) for name, rows in tables.items()}


@contextmanager
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    """A database in memory."""
    with duckdb.connect() as connection:
        yield connection
