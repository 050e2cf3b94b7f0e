"""The specification of the SEN2 return by year, read from ``returns/specification/sen2_<year>.yml``.

Each entry says where it was seen and whether that verifies it. An earlier year ``extends`` the year after it and holds
only what differs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from connectors.errors import ConfigurationError

FOLDER = Path(__file__).with_name("specification")
ItemType = Literal["date", "text", "integer", "boolean", "datetime"]
MANDATORY = "M"


class _Entry(BaseModel):
    """What every entry says of itself: where it was seen, and whether that verifies it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str = Field(min_length=1)
    verified: bool


class Statement(_Entry):
    """Something true of the whole return, or supposed to be; with ``this_year_only`` not of the years before."""

    what: str
    this_year_only: bool = False


class Codes(_Entry):
    """The values an item may take, each with its meaning."""

    values: dict[str, str] = Field(min_length=1)

    @field_validator("values", mode="before")
    @classmethod
    def _as_text(cls, values: Any) -> Any:
        return {str(code): meaning for code, meaning in values.items()} if isinstance(values, dict) else values


class Item(_Entry):
    """One item of a module, that is one element of the XML.

    ``mandatory`` is M, C (where a condition holds) or O. ``within`` is the element of the header that holds it.
    ``stamp`` marks what is said of the file and not of the return. An ``absent`` item was not asked for in that year:
    its column is there and empty. ``also`` are spellings that are read and never written.
    """

    tag: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9]*$")
    column: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    type: ItemType
    mandatory: Literal["M", "C", "O"]
    label: str
    codes: Codes | None = None
    pattern: str | None = None
    length: int | None = None
    from_year: int = 2023
    within: str | None = None
    also: tuple[str, ...] = ()
    stamp: bool = False
    absent: bool = False


class Module(_Entry):
    """One module: a table of the warehouse, an element of the XML, a file of the Blade, a sheet of the workbooks.

    It stands ``minimum`` to ``maximum`` times in its ``parent``. ``number`` is the column that counts it there, where
    it may stand more than once and has no key of its own.
    """

    name: str
    table: str
    tag: str
    blade: str
    title: str
    sheet: str | None = None
    parent: str | None = None
    number: str | None = None
    minimum: int
    maximum: int | None = None
    all_items: tuple[Item, ...] = Field(alias="items")

    @property
    def items(self) -> tuple[Item, ...]:
        """The items asked for in the year, in the order in which they are written."""
        return tuple(item for item in self.all_items if not item.absent)

    @property
    def columns(self) -> tuple[Item, ...]:
        """The items that are columns of the table: those of other years too, which stay empty."""
        return tuple(item for item in self.all_items if not item.stamp)

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns that tell one record from the others."""
        if self.name in ("header", "person"):
            return () if self.name == "header" else ("person_id",)
        return ("requests_id", self.number) if self.number else ("requests_id",)


class Specification(BaseModel):
    """One year's return: its modules from the header downwards, each after its parent."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    year: int
    version: str
    statements: tuple[Statement, ...] = ()
    modules: tuple[Module, ...]

    def module(self, name: str) -> Module:
        """The module of that name. Raises ``KeyError``."""
        return next(module for module in self.modules if module.name == name)

    def children(self, parent: str) -> tuple[Module, ...]:
        """The modules that stand in the one named, in order."""
        return tuple(module for module in self.modules if module.parent == parent)

    @property
    def records(self) -> tuple[Module, ...]:
        """The modules that hold records: all but the header."""
        return self.modules[1:]


@dataclass(frozen=True)
class Unverified:
    """Something of the specification that no source read confirms. ``place`` is a module, a tag, or the return."""

    place: str
    what: str
    why: str


def years() -> list[int]:
    """The years whose return is specified, the earliest first."""
    return sorted(int(path.stem.removeprefix("sen2_")) for path in FOLDER.glob("sen2_*.yml"))


@cache
def read_specification(year: int) -> Specification:
    """The specification of the return of January ``year``. Raises ``ConfigurationError``, with the file and place."""
    path = FOLDER / f"sen2_{year}.yml"
    try:
        return Specification.model_validate(_resolved(path))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(f"{path.name}, {place}: {first['msg']}") from None


def _resolved(path: Path) -> dict[str, Any]:
    """The file's content with that of the year it extends, as if each year stood alone."""
    if not path.exists():
        known = ", ".join(str(year) for year in years())
        raise ConfigurationError(f"There is no {path.name}: the return is specified for {known}.")
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{path.name} is not YAML: {error}") from None
    if not isinstance(content, dict):
        raise ConfigurationError(f"{path.name} holds no specification.")
    extended = content.pop("extends", None)
    if extended is None:
        return content
    if extended <= content.get("year", 0):
        raise ConfigurationError(f"{path.name} extends {extended}, which is not a later year.")
    whole = _resolved(path.with_name(f"sen2_{extended}.yml"))
    kept = [statement for statement in whole.get("statements", []) if not statement.get("this_year_only")]
    whole |= {"year": content["year"], "version": content.get("version", whole.get("version"))}
    whole["statements"] = [*content.get("statements", []), *kept]
    for change in content.get("changes", []):
        _apply(change, whole["modules"], path.name)
    return whole


def _apply(change: dict[str, Any], modules: list[dict[str, Any]], file: str) -> None:
    change = dict(change)
    name, before, tag = change.pop("module", None), change.pop("before", None), change.get("tag")
    module = next((module for module in modules if module["name"] == name), None)
    if module is None or not {"source", "verified"} <= change.keys():
        raise ConfigurationError(f"{file}: the change of {name}.{tag} needs a known module, a source and verified.")
    items = module["items"]
    place = next((place for place, item in enumerate(items) if item["tag"] == tag), None)
    if place is not None:
        items[place] = items[place] | change
        return
    at = next((place for place, item in enumerate(items) if item["tag"] == before), len(items))
    items.insert(at, change)


def unverified(specification: Specification) -> list[Unverified]:
    """What of the year's specification is not verified, and why: what is true of it all first, then by module."""
    return list(_unverified(specification))


def _unverified(specification: Specification) -> Iterator[Unverified]:
    for statement in specification.statements:
        if not statement.verified:
            yield Unverified("the return", statement.what, statement.source)
    for module in specification.modules:
        if not module.verified:
            yield Unverified(module.tag, "the module and how often it stands in its parent", module.source)
        for item in module.items:
            if not item.verified:
                yield Unverified(f"{module.tag}/{item.tag}", "the item", item.source)
            if item.codes is not None and not item.codes.verified:
                yield Unverified(f"{module.tag}/{item.tag}", "its codes", item.codes.source)
