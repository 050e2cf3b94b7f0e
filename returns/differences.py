"""Two returns compared record by record and item by item.

A Blade export carries COLLECT's keys and not ours, so a person is known again by UPN, else by ULN, else by names and
date of birth; a request by the day it was received. What a resubmission changes is told in the same way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import duckdb

from connectors.errors import SendError
from returns.specification import Item, Module, Specification, read_specification
from returns.tables import quoted

Kind = Literal["added", "removed", "changed"]
KNOWN_BY = (
    "nullif(upn, '')",
    "nullif(unique_learner_number, '')",
    "concat_ws('|', lower(trim(surname)), lower(trim(forename)), person_birth_date)",
)
PERSONS, REQUESTS = "temp.compared_persons", "temp.compared_requests"


@dataclass(frozen=True)
class Difference:
    """A record that only one of the returns holds, or an item that differs.

    ``person_id`` and ``requests_id`` are those of the later return where it holds the record. ``was`` and ``now`` are
    as text and may be personal data: they are for the officer's eyes, never for a log.
    """

    kind: Kind
    module: str
    person_id: str | None
    requests_id: str | None
    number: int | None
    item: str | None
    was: str | None
    now: str | None


def differences(connection: duckdb.DuckDBPyConnection, was: str, now: str) -> list[Difference]:
    """What differs between the returns in the schemas ``was`` and ``now``, by module, person and request.

    The items are those of the year of ``now``. Raises ``SendError`` where either schema holds no return.
    """
    found = connection.execute(
        "select count(*) from information_schema.tables where table_name = 'sen2_header' and table_schema in (?, ?)",
        [was, now],
    ).fetchall()
    if found != [(len({was, now}),)]:
        raise SendError(f"{was} and {now} do not both hold a return. Build or read them first.")
    years = connection.execute(f"select year from {quoted(now)}.sen2_header").fetchall()
    if len(years) != 1:
        raise SendError(f"{now}.sen2_header has {len(years):,} rows; a return has one.")
    specification = read_specification(years[0][0])
    try:
        _know_again(connection, was, now)
        return list(_differences(connection, specification, was, now))
    finally:
        connection.execute(f"drop table if exists {PERSONS}")
        connection.execute(f"drop table if exists {REQUESTS}")


def _know_again(connection: duckdb.DuckDBPyConnection, was: str, now: str) -> None:
    """Pairs the persons of the two returns, then their requests; one without a pair stands alone."""
    connection.execute("create or replace temp table compared_persons (was varchar, now varchar)")
    for key in KNOWN_BY:
        sides = [
            f"(select person_id, {key} as known_by, row_number() over (partition by {key} order by person_id) as place "
            f"from {quoted(schema)}.sen2_person where {key} is not null "
            f"and person_id not in (select {side} from {PERSONS}))"
            for schema, side in ((was, "was"), (now, "now"))
        ]
        connection.execute(
            f"insert into {PERSONS} select earlier.person_id, later.person_id "
            f"from {sides[0]} as earlier join {sides[1]} as later using (known_by, place)"
        )
    for schema, side in ((was, "was"), (now, "now")):
        connection.execute(
            f"insert into {PERSONS} ({side}) select person_id from {quoted(schema)}.sen2_person "
            f"anti join {PERSONS} on {side} = person_id"
        )
    requests = [
        f"(select compared_persons.rowid as person, requests_id, received_date, row_number() over "
        f"(partition by person_id, received_date order by requests_id) as place from {quoted(schema)}.sen2_requests "
        f"join {PERSONS} on {side} = person_id)"
        for schema, side in ((was, "was"), (now, "now"))
    ]
    connection.execute(
        "create or replace temp table compared_requests as "
        "select earlier.requests_id as was, later.requests_id as now "
        f"from {requests[0]} as earlier full join {requests[1]} as later on earlier.person = later.person "
        "and earlier.received_date is not distinct from later.received_date and earlier.place = later.place"
    )


def _differences(
    connection: duckdb.DuckDBPyConnection, specification: Specification, was: str, now: str
) -> Iterator[Difference]:
    for module in specification.modules:
        items = [item for item in module.columns if _is_held(connection, module, item, (was, now))]
        pairs = f"from {_pairs(module, was, now)}"
        record = ", ".join(
            f"coalesce(later.{key}, earlier.{key})" if key else "null"
            for key in (
                "person_id" if module.name != "header" else None,
                "requests_id" if module.name not in ("header", "person") else None,
                quoted(module.number) if module.number else None,
            )
        )
        parts = [
            f"select {record}, 0, case when earlier.is_there is null then 'added' else 'removed' end, null, null, null "
            f"{pairs} where earlier.is_there is null or later.is_there is null"
        ]
        for place, item in enumerate(items, start=1):
            earlier, later = (f"nullif({side}.{quoted(item.column)}::varchar, '')" for side in ("earlier", "later"))
            parts.append(
                f"select {record}, {place}, 'changed', '{item.tag}', {earlier}, {later} {pairs} "
                f"where earlier.is_there and later.is_there and {earlier} is distinct from {later}"
            )
        rows = connection.execute(" union all ".join(parts) + " order by 1, 2, 3, 4, 5").fetchall()
        for person_id, requests_id, number, _, kind, item_tag, before, after in rows:
            yield Difference(kind, module.tag, person_id, requests_id, number, item_tag, before, after)


def _is_held(connection: duckdb.DuckDBPyConnection, module: Module, item: Item, schemas: tuple[str, str]) -> bool:
    """Whether both returns have the item's column: another year's may not."""
    rows = connection.execute(
        "select distinct table_schema from information_schema.columns "
        "where table_name = ? and column_name = ? and table_schema in (?, ?)",
        [module.table, item.column, *schemas],
    ).fetchall()
    return len(rows) == len(set(schemas))


def _pairs(module: Module, was: str, now: str) -> str:
    """SQL for the records of both returns side by side; ``is_there`` tells that a side has one."""
    if module.name == "header":
        sides = [f"(select *, true as is_there from {quoted(schema)}.{quoted(module.table)})" for schema in (was, now)]
        return f"{sides[0]} as earlier full join {sides[1]} as later on true"
    key, paired = ("person_id", PERSONS) if module.name == "person" else ("requests_id", REQUESTS)
    sides = [
        f"(select record.*, true as is_there, pair.rowid as pair "
        f"from {quoted(schema)}.{quoted(module.table)} as record join {paired} as pair on pair.{side} = record.{key})"
        for schema, side in ((was, "was"), (now, "now"))
    ]
    number = f" and earlier.{quoted(module.number)} = later.{quoted(module.number)}" if module.number else ""
    return f"{sides[0]} as earlier full join {sides[1]} as later on earlier.pair = later.pair{number}"
