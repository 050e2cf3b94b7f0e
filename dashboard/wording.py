"""How periods, units, ratings and changes are said to a reader."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import TYPE_CHECKING, Protocol

from dashboard.definitions import PEOPLE_BREAKDOWNS, Definition

if TYPE_CHECKING:
    from dashboard.edition import Figure, Indicator

UNITS = {
    "percent": "%",
    "count": "Number",
    "rate_per_10000": "Per 10,000",
    "weeks": "Weeks",
    "pounds": "£",
    "ratio": "Ratio",
}
KINDS = {
    "month": "Month",
    "quarter": "Quarter",
    "year_to_date": "Year to date",
    "calendar_year": "Calendar year",
    "academic_year": "Academic year",
}
RATINGS = {
    "red": "Red",
    "amber": "Amber",
    "green": "Green",
    "blue": "Blue",
    "none": "Not rated",
}
SIGNALS = {
    "improvement": "Improving",
    "concern": "Getting worse",
    "change": "Changing",
    "common cause": "No real change",
}
BREAKDOWNS = {
    "age_band": "Age",
    "need": "Primary need",
    "sex": "Sex",
    "ethnicity": "Ethnicity",
    "social_care_status": "Social care",
}

VALUES_IN_ORDER = {
    "age_band": ("Under 5", "5 to 10", "11 to 15", "16 to 18", "19 to 25"),
    "phase": ("Early years", "Primary", "Secondary", "Post-16"),
    "delay": ("Up to 3 months", "3 to 6 months", "6 to 12 months", "Over a year"),
    "grade": ("Outstanding", "Good", "Requires improvement", "Inadequate"),
}
"""The values of breakdowns that have an order other than the alphabet's."""
NAMED_BREAKDOWNS = {"mended_by", "source_extract"}
"""Breakdowns whose values are the names of teams or extracts."""
LAST_VALUES = ("Other", "Not known")
ABBREVIATIONS = {"bi", "cin", "cme", "dfe", "ehc", "ehe", "gias", "la", "nccis", "sen", "ssd", "ssda903"}


class Measure(Protocol):
    """What has a unit and a side that is good: an indicator of an edition or of the catalogue."""

    @property
    def unit(self) -> str:
        """A key of ``UNITS``."""

    @property
    def direction(self) -> str:
        """``higher`` or ``lower`` where one is better, else ``neither``."""


def unit_name(unit: str) -> str:
    """The unit as an axis or a heading says it."""
    return UNITS.get(unit, unit.replace("_", " ").capitalize())


def breakdown_name(breakdown: str) -> str:
    """The breakdown as a heading says it."""
    return BREAKDOWNS.get(breakdown, breakdown.replace("_", " ").capitalize())


def lacking_in_words(indicator: Definition) -> str:
    """What tells children apart and an indicator is not broken down by, with the reason; empty where it lacks none."""
    told = []
    for reason in dict.fromkeys(indicator.why_not.values()):
        lacking = [name for name in PEOPLE_BREAKDOWNS if indicator.why_not.get(name) == reason]
        first, *others = ["Any group of children"] if len(lacking) == len(PEOPLE_BREAKDOWNS) else lacking
        others = [breakdown_name(name).lower() for name in others]
        last = f" or {others.pop()}" if others else ""
        told.append(f"{', '.join([breakdown_name(first), *others])}{last}: {reason}")
    return " ".join(told)


def name_in_words(name: str) -> str:
    """A team's or an extract's name as people write it: SEN team, School census."""
    words = [word.upper() if word in ABBREVIATIONS else word for word in name.split("_")]
    return " ".join(words)[:1].upper() + " ".join(words)[1:]


def value_in_words(breakdown: str, value: str, areas: Mapping[str, str]) -> str:
    """A value of a breakdown as people write it; ``areas`` are the names of areas by their codes."""
    if breakdown == "area":
        return areas.get(value, value)
    if breakdown in NAMED_BREAKDOWNS:
        return name_in_words(value)
    return value[:1].upper() + value[1:]


def sources_in_words(sources: str) -> str:
    """The extracts an indicator is made of: EHC case, GIAS."""
    return ", ".join(name_in_words(source) for source in sources.split(", "))


def dataset_in_words(dataset: str) -> str:
    """The table a check is of, without its layer: EHC case, child; looked after episode."""
    table = re.sub(r"^(dim|fct|int|list|sen2)_", "", dataset.rpartition("/")[2])
    extract, _, of_extract = table.partition("__")
    return ", ".join([name_in_words(extract), *([of_extract.replace("_", " ")] if of_extract else [])])


def values_in_order(breakdown: str, values: Iterable[str]) -> list[str]:
    """The values of a breakdown as a reader looks for them: the youngest first, what is not known last."""
    known = VALUES_IN_ORDER.get(breakdown, ())

    def place(value: str) -> tuple[int, int, str]:
        if value in LAST_VALUES:
            return 1, LAST_VALUES.index(value), value
        return 0, known.index(value) if value in known else len(known), value

    return sorted(values, key=place)


def day_name(day: date | None) -> str:
    """A day in full: 2 November 2026."""
    return f"{day.day} {day:%B %Y}" if day else "–"


def period_name(figure: Figure) -> str:
    """The period in words: September 2026, July to September 2026, 2025, 2024/25."""
    start, end = figure.period_start, figure.period_end
    match figure.period_kind:
        case "month":
            return f"{start:%B %Y}"
        case "calendar_year" if start.month == 1:
            return f"{start.year}"
        case "academic_year":
            return f"{start.year}/{(start.year + 1) % 100:02d}"
        case _:
            return f"{start:%B} to {end:%B %Y}" if start.month != end.month else f"{start:%B %Y}"


def change_in_words(indicator: Indicator, change: float | None) -> str:
    """A change with its sign and unit, percentages in points; a dash where it is not known."""
    if change is None:
        return "–"
    amount = abs(round(change)) if indicator.unit in ("count", "pounds") else abs(round(change, 1))
    if not amount:
        return "no change"
    sign = "+" if change > 0 else "−"
    match indicator.unit:
        case "percent":
            return f"{sign}{amount:.1f} points"
        case "count":
            return f"{sign}{amount:,}"
        case "pounds":
            return f"{sign}£{amount:,}"
        case _:
            return f"{sign}{amount:.1f}"


def target_in_words(measure: Measure, target: float | None) -> str:
    """The target in its unit, with which side of it is good where there is more than one."""
    if target is None:
        return "–"
    number = f"{target:,.0f}" if float(target).is_integer() else f"{target:,.1f}"
    text = {"percent": f"{number}%", "pounds": f"£{number}"}.get(measure.unit, number)
    if (measure.direction == "lower" and not target) or (measure.unit == "percent" and target >= 100):
        return text
    return text + {"higher": " or more", "lower": " or less"}.get(measure.direction, "")


def of_how_many(figure: Figure) -> str:
    """Numerator and denominator, where both may be told and there is anybody."""
    if figure.numerator is None or not figure.denominator:
        return ""
    return f"{figure.numerator:,} of {figure.denominator:,}"


def interval(figure: Figure) -> str:
    """Wilson's 95 % interval of a percentage."""
    if figure.lower is None or figure.upper is None:
        return "–"
    return f"{figure.lower:.1f}% to {figure.upper:.1f}%"


def amount_in_words(indicator: Indicator, amount: float | None) -> str:
    """A figure of another area in the indicator's unit."""
    if amount is None:
        return "–"
    match indicator.unit:
        case "percent":
            return f"{amount:.1f}%"
        case "count":
            return f"{amount:,.0f}"
        case "pounds":
            return f"£{amount:,.0f}"
        case _:
            return f"{amount:,.1f}"


def rating_of(rating: str | None) -> str:
    """A rating of the improvement plan as a page shows it."""
    return rating if rating in RATINGS else "none"
