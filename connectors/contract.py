"""The extract contracts: what each delivery must look like, read from ``connectors/contracts/*.yml``."""

from __future__ import annotations

import csv
import functools
import hashlib
import re
from pathlib import Path
from typing import Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from connectors.errors import ConfigurationError

CONTRACTS = Path(__file__).parent / "contracts"
CODE_SETS = Path(__file__).parents[1] / "dbt_project" / "seeds" / "code_sets.csv"

ColumnType = Literal["text", "code", "date", "datetime", "integer", "decimal", "boolean"]
ReaderKind = Literal["csv", "excel", "xml", "database", "zip"]
NAME = re.compile(r"[a-z][a-z0-9_]*")

SQL_TYPES: dict[ColumnType, str] = {
    "text": "varchar",
    "code": "varchar",
    "date": "date",
    "datetime": "timestamp",
    "integer": "bigint",
    "decimal": "decimal(18,2)",
    "boolean": "boolean",
}


def normalised_heading(text: str) -> str:
    """A heading as headings are compared: without case, spaces, underscores or punctuation."""
    return re.sub(r"[\W_]+", "", text.casefold())


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Column(_Strict):
    """One column: its type, whether a row needs it, and where the source has it.

    ``path``, ``or_path`` and ``parent_path`` are XML paths from the row's element, that element again where the
    first is empty, and its enclosing element; ``record_path`` starts at the record; ``header`` and ``container``
    columns are taken from the message.
    """

    type: ColumnType
    description: str
    required: bool = False
    code_set: str | None = None
    identifier: str | None = None
    personal: bool = False
    references: str | None = None
    heading: str | None = None
    synonyms: tuple[str, ...] = ()
    header: bool = False
    container: bool = False
    path: str | None = None
    or_path: str | None = None
    record_path: str | None = None
    parent_path: str | None = None

    @model_validator(mode="after")
    def _has_a_code_set(self) -> Self:
        if (self.type == "code") != (self.code_set is not None):
            raise ValueError("a column has a code_set if, and only if, its type is code")
        return self

    @property
    def sql_type(self) -> str:
        """The DuckDB type it lands as."""
        return SQL_TYPES[self.type]

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths inside the record, by whichever of the path settings."""
        return tuple(path for path in (self.path, self.or_path, self.record_path, self.parent_path) if path)


class Table(_Strict):
    """One table of an extract: its key, its columns in landing order, and for XML the element of a row."""

    description: str
    key: tuple[str, ...] = Field(min_length=1)
    columns: dict[str, Column]
    row: str | None = None
    optional: bool = False

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        for name in self.columns:
            if not NAME.fullmatch(name):
                raise ValueError(f"column name {name!r} is not lower-case letters, digits and underscores")
        for name in self.key:
            if name not in self.columns:
                raise ValueError(f"the key names {name!r}, which is no column")
        heard: dict[str, str] = {}
        for name, column in self.columns.items():
            for heading in {normalised_heading(text) for text in self.headings_of(name, column)}:
                if heading in heard:
                    raise ValueError(f"columns {heard[heading]!r} and {name!r} answer to the same heading")
                heard[heading] = name
        return self

    @staticmethod
    def headings_of(name: str, column: Column) -> tuple[str, ...]:
        """The headings a column answers to, the best first."""
        return (name, *([column.heading] if column.heading else []), *column.synonyms)

    @property
    def needed(self) -> tuple[str, ...]:
        """The columns no row can do without: those of the key first, then the others required."""
        others = (name for name, column in self.columns.items() if column.required and name not in self.key)
        return (*self.key, *others)


class CollectionMark(_Strict):
    """Where an XML message says which collection it is, and what it must say."""

    path: str
    value: str


class Container(_Strict):
    """The element that encloses records and whose own children all of them inherit."""

    element: str
    columns: dict[str, str]
    header_fallback: dict[str, str] = {}


class XmlShape(_Strict):
    """How an XML message is laid out."""

    root: str
    record: str
    collection: CollectionMark
    header: dict[str, str]
    container: Container | None = None


class PublishedFigures(_Strict):
    """Figures taken from one file of a release: its rows on one breakdown topic, and our name of each column."""

    file: str
    topic: str
    columns: dict[str, str] = Field(min_length=1)


class Statistics(_Strict):
    """How a release of DfE's statistics is laid out, and which of its figures are taken, at one geographic level."""

    level: str
    figures: tuple[PublishedFigures, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        topics = [(figures.file, figures.topic) for figures in self.figures]
        indicators = [indicator for figures in self.figures for indicator in figures.columns.values()]
        if len({*topics}) < len(topics) or len({*indicators}) < len(indicators):
            raise ValueError("a file's topic is taken once, and each figure has a name of its own")
        return self


class ExtractContract(_Strict):
    """The contract of one extract. ``contract_version`` is a short hash of its YAML text.

    ``whole_file`` says that each file of a table is all of it, so that a later file replaces an earlier of another
    name; else files delivered together are parts. ``passed_over`` are the files of a set that are not read, by name
    the headings that tell them.
    """

    extract: str
    title: str
    organisation: str
    owner: str
    cadence_days: int
    history: Literal["whole", "period", "latest"]
    readers: tuple[ReaderKind, ...]
    basis: str
    tables: dict[str, Table]
    contract_version: str
    period: tuple[str, ...] = ()
    whole_file: bool = False
    passed_over: dict[str, tuple[str, ...]] = {}
    xml: XmlShape | None = None
    statistics: Statistics | None = None

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if (self.history == "period") != bool(self.period):
            raise ValueError("period columns are given if, and only if, the history is period")
        if ("xml" in self.readers) != (self.xml is not None):
            raise ValueError("the xml shape is given if, and only if, xml is among the readers")
        if ("zip" in self.readers) != (self.statistics is not None):
            raise ValueError("the statistics are given if, and only if, zip is among the readers")
        if self.whole_file and self.history != "whole":
            raise ValueError("a file can be whole only where the history is whole")
        for table_name, table in self.tables.items():
            if not NAME.fullmatch(table_name):
                raise ValueError(f"table name {table_name!r} is not lower-case letters, digits and underscores")
            for name in self.period:
                if name not in table.columns:
                    raise ValueError(f"table {table_name!r} lacks the period column {name!r}")
            for name, column in table.columns.items():
                if column.references and column.references not in self.tables:
                    raise ValueError(f"{table_name}.{name} refers to {column.references!r}, which is no table")
                if column.code_set and column.code_set not in code_sets():
                    raise ValueError(f"{table_name}.{name} has code set {column.code_set!r}, not in {CODE_SETS.name}")
                self._check_message_column(table_name, name, column)
        return self

    def _check_message_column(self, table_name: str, name: str, column: Column) -> None:
        if self.xml is None:
            return
        if column.header and name not in self.xml.header:
            raise ValueError(f"{table_name}.{name} is a header column that the xml header does not place")
        if column.container and (self.xml.container is None or name not in self.xml.container.columns):
            raise ValueError(f"{table_name}.{name} is a container column that the xml container does not place")
        if not (column.header or column.container or column.paths):
            raise ValueError(f"{table_name}.{name} has no place in the xml message")


@functools.cache
def code_sets() -> dict[str, tuple[str, ...]]:
    """Every code set's codes, in the order of the seed; of whatever years."""
    found: dict[str, dict[str, None]] = {}
    with CODE_SETS.open(encoding="utf-8", newline="") as handle:
        for row in csv.DictReader(handle):
            found.setdefault(row["code_set"], {})[row["code"]] = None
    return {name: tuple(codes) for name, codes in found.items()}


def _what_is_wrong(error: ValidationError) -> str:
    return "; ".join(f"{'.'.join(str(part) for part in e['loc']) or 'it'}: {e['msg']}" for e in error.errors())


def contract_from_text(text: str, place: str) -> ExtractContract:
    """The contract written in ``text``. ``place`` is how messages call it. Raises ``ConfigurationError``."""
    try:
        written = yaml.load(text, Loader=yaml.CSafeLoader)
        version = hashlib.sha256(text.encode()).hexdigest()[:12]
        return ExtractContract.model_validate({**written, "contract_version": version})
    except ValidationError as error:
        raise ConfigurationError(f"The contract {place} cannot be followed: {_what_is_wrong(error)}.") from None
    except (yaml.YAMLError, TypeError) as error:
        raise ConfigurationError(f"The contract {place} is not readable YAML: {error}") from None


@functools.cache
def read_contract(name: str) -> ExtractContract:
    """The contract of the extract ``name``. Raises ``ConfigurationError`` where there is none or it is wrong."""
    path = CONTRACTS / f"{name}.yml"
    if not NAME.fullmatch(name) or not path.exists():
        known = ", ".join(sorted(path.stem for path in CONTRACTS.glob("*.yml")))
        raise ConfigurationError(f"There is no extract {name!r}. The extracts are: {known}.")
    contract = contract_from_text(path.read_text(encoding="utf-8"), path.name)
    if contract.extract != name:
        raise ConfigurationError(f"The contract {path.name} says it is of {contract.extract!r}; the two must agree.")
    return contract


def all_contracts() -> tuple[ExtractContract, ...]:
    """Every contract, by name. Raises ``ConfigurationError``."""
    return tuple(read_contract(path.stem) for path in sorted(CONTRACTS.glob("*.yml")))
