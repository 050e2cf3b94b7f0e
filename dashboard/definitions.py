"""The catalogue of indicators as its YAML files state it: what each one asks, counts, compares with and whose it is.

One file a theme in ``dashboard/catalogue/``. A theme has populations (SQL over ``core``: one row per thing counted and
day) and indicators (which of a population's rows make the numerator, which the denominator).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from connectors.errors import ConfigurationError

CATALOGUE = Path(__file__).with_name("catalogue")
PEOPLE_BREAKDOWNS = (
    "area",
    "age_band",
    "phase",
    "sex",
    "ethnicity",
    "need",
    "placement",
    "social_care_status",
)
"""What an indicator of children may be broken down by; ``breakdowns.sql`` says what each means."""

Unit = Literal["percent", "count", "rate_per_10000", "weeks", "pounds", "ratio"]
PERIOD_KINDS = ("month", "quarter", "calendar_year", "academic_year", "year_to_date")
NAME = r"^[a-z][a-z0-9_]*$"
Text = Annotated[str, Field(min_length=3)]


class CatalogueUnreadable(ConfigurationError):
    """A file of the catalogue cannot be followed; no indicator is computed."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Population(_Strict):
    """What is counted: one row per thing and day, by SQL over ``core`` that gives a column ``day``.

    ``flow`` is what happens on a day, so months add up to years. ``stock`` is what stands at the end of each month, as
    far as the records' dates tell; it reads ``month_end`` (``month``, ``day``), and a year is as its last month.
    ``delivered`` is a stock too, but only of the months whose figures were delivered. ``today`` is what stands on the
    day of the run, since the records do not tell of days before: its past is what earlier runs published. ``shared``
    is counted itself by no indicator: populations below it read it.
    """

    description: Text
    kind: Literal["flow", "stock", "delivered", "today", "shared"]
    sql: Text
    breakdowns: tuple[str, ...] = ()
    periods: tuple[str, ...] = PERIOD_KINDS
    is_steady: bool = False
    is_after_checks: bool = False


class Benchmark(_Strict):
    """Which of DfE's published figures make up the same share, by their names in ``dfe_ehc_plans.yml``.

    The figures are added up; one with a minus before it is taken away.
    """

    numerator: tuple[str, ...]
    denominator: tuple[str, ...] = ()
    source: Text


class Definition(_Strict):
    """One indicator. ``numerator`` and ``denominator`` are conditions on the population's rows; the ``_sum`` forms add
    up an expression instead. Both may read the population's columns and, where it is of children, ``age`` and
    ``nc_year`` on the day. Without a denominator the numerator is the value.

    Of what counts no children but is about them (sessions of school, pounds spent), ``children`` is the condition on
    the rows that stand for one child each, or ``children_sum`` adds up how many each row is of: a figure about too few
    of them is withheld. Where a child's rows differ in a breakdown, ``children_by`` gives the condition that does so in
    each of its values.

    ``not_broken_down`` says for a reader why ``breakdowns`` lacks any of ``PEOPLE_BREAKDOWNS``: one reason for all that
    it lacks, or one each.
    """

    id: Annotated[str, Field(pattern=NAME)]
    name: Text
    question: Text
    definition: Text
    plain_english: Text
    population: str
    numerator: str | None = None
    numerator_sum: str | None = None
    numerator_definition: Text
    denominator: str | None = None
    denominator_sum: str | None = None
    denominator_definition: str | None = None
    unit: Unit
    direction: Literal["higher", "lower", "neither"]
    target: float | None = None
    amber_tolerance: float | None = None
    owner: Text
    cadence: Literal["weekly", "monthly", "quarterly", "termly", "yearly"]
    audience: Literal["public", "board"]
    source: Text
    statutory_basis: Text
    benchmark: Benchmark | None = None
    breakdowns: tuple[str, ...] = ()
    not_broken_down: Text | dict[str, Text] = {}
    is_person_count: bool = True
    children: str | None = None
    children_sum: str | None = None
    children_by: dict[str, str] = {}

    @model_validator(mode="after")
    def _adds_up(self) -> Definition:
        if (self.numerator is None) == (self.numerator_sum is None):
            raise ValueError(f"{self.id} needs a numerator or a numerator_sum, and not both")
        if self.denominator is not None and self.denominator_sum is not None:
            raise ValueError(f"{self.id} has both a denominator and a denominator_sum")
        if self.has_denominator != (self.denominator_definition is not None):
            raise ValueError(f"{self.id} must say its denominator in words if, and only if, it has one")
        if self.unit != "pounds" and self.has_denominator == (self.unit == "count"):
            needed = "has no" if self.has_denominator else "needs a"
            raise ValueError(f"{self.id} is a {self.unit}, which {needed} denominator")
        if (self.amber_tolerance is None) != (self.target is None):
            raise ValueError(f"{self.id} has a target and an amber_tolerance together or neither")
        if self.target is not None and self.direction == "neither":
            raise ValueError(f"{self.id} has a target, so it must say whether higher or lower is better")
        is_of_others = self.unit in ("percent", "ratio") or (self.unit == "pounds" and not self.has_denominator)
        if self.children is not None and self.children_sum is not None:
            raise ValueError(f"{self.id} has both children and children_sum")
        if self.is_about_children and (self.is_person_count or not is_of_others):
            raise ValueError(
                f"{self.id} tells by children how many it is of, so it is a percentage, a ratio or a sum of pounds and "
                "is_person_count is false"
            )
        if self.children is None and self.children_by:
            raise ValueError(f"{self.id} has children_by and so needs children")
        if set(self.children_by) - set(self.breakdowns):
            raise ValueError(f"{self.id} tells children_by a breakdown that it is not shown by")
        lacking = set(PEOPLE_BREAKDOWNS) - set(self.breakdowns)
        if lacking != set(self.why_not):
            wrong = ", ".join(sorted(lacking ^ set(self.why_not)))
            raise ValueError(
                f"{self.id} must be broken down by everything that tells children apart, or not_broken_down says why "
                f"not: {wrong}"
            )
        if self.benchmark is not None and bool(self.benchmark.denominator) != self.has_denominator:
            raise ValueError(f"{self.id} and its benchmark have a denominator both or neither")
        return self

    @property
    def why_not(self) -> dict[str, str]:
        """Of what tells children apart, what it is not broken down by, and why."""
        if isinstance(self.not_broken_down, str):
            return {name: self.not_broken_down for name in PEOPLE_BREAKDOWNS if name not in self.breakdowns}
        return self.not_broken_down

    @property
    def is_about_children(self) -> bool:
        """Whether it counts something else of children's, and says of how many it is."""
        return self.children is not None or self.children_sum is not None

    @property
    def has_denominator(self) -> bool:
        """Whether it is a part of something, and not a plain count."""
        return self.denominator is not None or self.denominator_sum is not None


class Theme(_Strict):
    """One file of the catalogue; its ``defaults`` have been given to the indicators that do not say otherwise."""

    theme: Text
    priority: Text
    populations: dict[Annotated[str, Field(pattern=NAME)], Population]
    indicators: tuple[Definition, ...]


class Catalogue(_Strict):
    """Every theme, in the order of their files."""

    themes: tuple[Theme, ...]

    @property
    def indicators(self) -> tuple[Definition, ...]:
        """Every indicator, in the catalogue's order."""
        return tuple(indicator for theme in self.themes for indicator in theme.indicators)

    @property
    def populations(self) -> dict[str, Population]:
        """Every population by name, in the catalogue's order."""
        return {name: population for theme in self.themes for name, population in theme.populations.items()}

    def counted(self, *, is_after_checks: bool) -> Catalogue:
        """The catalogue with what is counted before the checks alone, or with what is counted after them alone."""
        themes = []
        for theme in self.themes:
            populations = {n: p for n, p in theme.populations.items() if p.is_after_checks == is_after_checks}
            indicators = tuple(indicator for indicator in theme.indicators if indicator.population in populations)
            themes.append(theme.model_copy(update={"populations": populations, "indicators": indicators}))
        return Catalogue(themes=tuple(themes))

    def theme_of(self, indicator: Definition) -> Theme:
        """The theme an indicator stands in."""
        return next(theme for theme in self.themes if indicator in theme.indicators)

    @model_validator(mode="after")
    def _hangs_together(self) -> Catalogue:
        names = [name for theme in self.themes for name in theme.populations]
        _refuse_repeated("population", names)
        _refuse_repeated("indicator", [indicator.id for indicator in self.indicators])
        populations = self.populations
        for indicator in self.indicators:
            population = populations.get(indicator.population)
            if population is None or population.kind == "shared":
                raise ValueError(f"{indicator.id} counts the population {indicator.population!r}, which there is not")
            unknown = set(indicator.breakdowns) - {*PEOPLE_BREAKDOWNS, *population.breakdowns}
            if unknown:
                raise ValueError(f"{indicator.id} is broken down by {', '.join(sorted(unknown))}, which nothing gives")
        for name, population in populations.items():
            unknown = set(population.periods) - set(PERIOD_KINDS)
            if unknown:
                raise ValueError(f"{name} has the periods {', '.join(sorted(unknown))}, which there are not")
        return self


def _refuse_repeated(what: str, names: Sequence[str]) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"two of the catalogue's {what}s have the name {', '.join(repeated)}")


def _theme(path: Path) -> Theme:
    """One file, with its defaults given to each indicator; ``people`` among the breakdowns stands for all of them."""
    written = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    defaults = written.pop("defaults", {})
    for indicator in written["indicators"]:
        for key, value in defaults.items():
            indicator.setdefault(key, value)
        breakdowns = indicator.get("breakdowns", ())
        indicator["breakdowns"] = [
            name for listed in breakdowns for name in (PEOPLE_BREAKDOWNS if listed == "people" else (listed,))
        ]
    return Theme.model_validate(written)


def read_catalogue(folder: Path = CATALOGUE) -> Catalogue:
    """The catalogue in ``folder``. Raises ``CatalogueUnreadable`` naming the file and what is wrong with it."""
    themes = []
    for path in sorted(folder.glob("*.yml")):
        try:
            themes.append(_theme(path))
        except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
            raise CatalogueUnreadable(f"dashboard/catalogue/{path.name} cannot be followed: {_told(error)}") from None
    try:
        return Catalogue(themes=tuple(themes))
    except ValidationError as error:
        raise CatalogueUnreadable(f"dashboard/catalogue cannot be followed: {_told(error)}") from None


def _told(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return f"{type(error).__name__}: {error}"
    return "; ".join(f"{'.'.join(str(part) for part in e['loc'])}: {e['msg']}" for e in error.errors())


@cache
def the_catalogue() -> Catalogue:
    """The catalogue shipped with the code, read once a process."""
    return read_catalogue()
