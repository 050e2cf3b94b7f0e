"""The way of one value: from the return's item back through the models to the file and row it came from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import duckdb

from connectors.errors import SendError
from returns.specification import Specification
from returns.standing import corrected_cells

MODELS = Path(__file__).parents[1] / "dbt_project" / "models"
_REFERENCE = re.compile(r"ref\(\s*'([^']+)'\s*\)|source\(\s*'([^']+)'\s*,\s*'([^']+)'\s*\)")


class NoSuchPerson(SendError):
    """The return has nobody of that number."""


@dataclass(frozen=True)
class Traced:
    """One item of one record: its value, its record, the file and row, and the models it came through."""

    table: str
    record: str
    tag: str
    value: str | None
    record_id: str | None
    source_file: str | None
    source_row: int | None
    models: tuple[str, ...]
    corrections: tuple[str, ...]
    """What stewards' corrections change of this person's records, whichever item it reaches."""


@cache
def models_behind(model: str) -> tuple[str, ...]:
    """The models and landed tables that a model is made from, nearest first, each once."""
    found: list[str] = []
    waiting = [model]
    while waiting:
        name = waiting.pop(0)
        if name in found:
            continue
        found.append(name)
        for path in MODELS.rglob(f"{name}.sql"):
            text = path.read_text(encoding="utf-8")
            waiting += [model or f"{schema}.{table}" for model, schema, table in _REFERENCE.findall(text)]
    return tuple(found)


def trace(
    connection: duckdb.DuckDBPyConnection, specification: Specification, person: str, item: str | None = None
) -> list[Traced]:
    """Every item of a person (child id), or those of one tag, with where each came from.

    ``connection`` is one from ``open_return``. Raises ``NoSuchPerson``, or ``SendError`` for an unknown tag.
    """
    if item and item not in {known.tag for module in specification.modules for known in module.items}:
        raise SendError(f"The return of {specification.year} has no item {item}. See: send sen2 specification")
    traced = list(_items(connection, specification, person, item))
    if not traced:
        raise NoSuchPerson(f"The return has nobody of the number {person}.")
    return traced


def _items(
    connection: duckdb.DuckDBPyConnection, specification: Specification, person: str, item: str | None
) -> Iterator[Traced]:
    corrections = tuple(str(cell) for cell in corrected_cells(connection) if cell.child_id == person)
    for module in specification.modules:
        columns = {row[0] for row in connection.execute(f"describe sen2.{module.table}").fetchall()}
        if "person_id" not in columns:
            continue
        answer = connection.execute(f"from sen2.{module.table} where person_id = ? order by all", [person])
        names = [column[0] for column in answer.description or []]
        for values in answer.fetchall():
            row = dict(zip(names, values, strict=True))
            for known in module.items:
                if item in (None, known.tag) and known.column in columns:
                    value = row[known.column]
                    yield Traced(
                        table=module.table,
                        record=str(row.get("requests_id") or row["person_id"]),
                        tag=known.tag,
                        value=None if value is None else str(value),
                        record_id=row.get("record_id"),
                        source_file=row.get("source_file"),
                        source_row=row.get("source_row"),
                        models=models_behind(module.table),
                        corrections=corrections,
                    )
