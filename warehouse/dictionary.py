"""What a published table and its columns mean, in what unit, and whether they are personal: read from the models."""

from __future__ import annotations

import csv
import functools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from connectors.errors import ConfigurationError

ROOT = Path(__file__).parents[1]
MODELS, DASHBOARD = ROOT / "dbt_project" / "models", ROOT / "dashboard" / "tables.yml"
HEADINGS = ("table", "column", "type", "description", "unit", "source", "personal_data")
_UNIT_AND_SOURCE = re.compile(r"(?P<text>.*\S)\s*\((?P<unit>[^();]+);\s*(?P<source>[^()]+)\)\s*", re.DOTALL)


@dataclass(frozen=True)
class DescribedColumn:
    """A column: what it says, in which unit, where it comes from, whether it is personal data or never empty."""

    name: str
    data_type: str
    description: str
    unit: str
    source: str
    is_personal: bool
    is_required: bool = False


@dataclass(frozen=True)
class DescribedTable:
    """A table as its model describes it; no two of its rows share their ``key``."""

    name: str
    description: str
    is_personal: bool
    columns: tuple[DescribedColumn, ...]
    key: tuple[str, ...] = ()


@functools.cache
def _model_files() -> dict[str, Path]:
    """Where each table is described: a model beside its SQL, what the dashboard makes itself in a file of its own."""
    described = {model["name"]: DASHBOARD for model in _models_in(DASHBOARD)}
    return {**described, **{path.stem: path for path in sorted(MODELS.rglob("*.yml"))}}


def _models_in(path: Path) -> list[dict[str, Any]]:
    """The models that a YAML file describes. Raises ``ConfigurationError``."""
    try:
        return list(yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader).get("models", []))
    except (OSError, yaml.YAMLError, AttributeError) as error:
        raise ConfigurationError(f"{path.name} cannot be read ({type(error).__name__}).") from None


@functools.cache
def _written(table: str) -> DescribedTable | None:
    """The table as its YAML describes it; None where it is no table of ours."""
    path = _model_files().get(table)
    if path is None:
        return None
    try:
        model = next(model for model in _models_in(path) if model["name"] == table)
        columns = tuple(_column(column) for column in model["columns"])
        return DescribedTable(table, _one_line(model["description"]), _meta(model), columns, _key(model))
    except (StopIteration, KeyError, AttributeError) as error:
        raise ConfigurationError(f"{path.name} does not describe {table} ({type(error).__name__}).") from None


def _meta(described: dict[str, Any]) -> bool:
    """Whether it is personal; what does not say so is taken to be."""
    return bool(described.get("config", {}).get("meta", {}).get("personal_data", True))


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _key(model: dict[str, Any]) -> tuple[str, ...]:
    """The columns that tell its rows apart: none where it holds one row."""
    constraints = model.get("constraints", ())
    return next((tuple(c["columns"]) for c in constraints if c.get("expression") == "unique"), ())


def _column(written: dict[str, Any]) -> DescribedColumn:
    text, unit, source = _one_line(written["description"]), "", ""
    match = _UNIT_AND_SOURCE.fullmatch(text)
    if match is not None:
        text, unit, source = match["text"], match["unit"], match["source"]
    is_required = any(constraint["type"] == "not_null" for constraint in written.get("constraints", ()))
    data_type = written.get("data_type", "")
    return DescribedColumn(written["name"], data_type, text, unit, source, _meta(written), is_required)


def described_tables(folder: str) -> tuple[DescribedTable, ...]:
    """Every table described below a folder of the models, by name: ``core``, ``marts/sen2``.

    ``dashboard`` has also what the dashboard makes of its marts after the checks. Raises ``ConfigurationError``.
    """
    names = {path.stem for path in (MODELS / folder).rglob("*.yml") if _models_in(path)}
    if folder == DASHBOARD.parent.name:
        names |= {model["name"] for model in _models_in(DASHBOARD)}
    return tuple(table for table in map(_written, sorted(names)) if table is not None)


@functools.cache
def _exposures() -> tuple[tuple[str, frozenset[str]], ...]:
    """The exposures beside the models: the label of each, and what it depends on."""
    exposures = []
    for path in sorted(MODELS.rglob("exposures.yml")):
        try:
            written = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)["exposures"]
            exposures += [(each["label"], frozenset(each["depends_on"])) for each in written]
        except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
            raise ConfigurationError(f"{path.name} cannot be read ({type(error).__name__}).") from None
    return tuple(exposures)


def readers_of(model: str) -> tuple[str, ...]:
    """What reads a model outside the warehouse, by the labels of the exposures. Raises ``ConfigurationError``."""
    return tuple(label for label, depends_on in _exposures() if f"ref('{model}')" in depends_on)


def describe_table(table: str, columns: Sequence[tuple[str, str]]) -> DescribedTable:
    """The table with these columns (name and type, as they are in the file), each as its model describes it.

    A table or column that no model describes is taken to be personal. Raises ``ConfigurationError``.
    """
    written = _written(table)
    known = {column.name: column for column in written.columns} if written else {}
    found = tuple(
        replace(column, data_type=sql_type)
        if (column := known.get(name))
        else DescribedColumn(name, sql_type, "", "", "", True)
        for name, sql_type in columns
    )
    is_personal = written is None or written.is_personal or any(column.is_personal for column in found)
    return DescribedTable(
        table, written.description if written else "", is_personal, found, written.key if written else ()
    )


def write_dictionary(tables: Iterable[DescribedTable], out: Path) -> None:
    """Writes the data dictionary as CSV (UTF-8 with BOM, as Excel reads it): one line a column."""
    with out.open("w", encoding="utf-8-sig", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(HEADINGS)
        for table in tables:
            writer.writerow([table.name, "", "", table.description, "", "", "yes" if table.is_personal else "no"])
            for column in table.columns:
                writer.writerow(
                    [
                        *(table.name, column.name, column.data_type, column.description, column.unit, column.source),
                        "yes" if column.is_personal else "no",
                    ]
                )
