"""The yearly SEN2 surveys: which one a day belongs to, its survey day, its collection period and its deadline."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import yaml

SURVEYS = Path(__file__).with_name("specification") / "surveys.yml"
THURSDAY = 3


@dataclass(frozen=True)
class Survey:
    """One year's survey. ``is_verified`` says whether its days were read in a publication or only supposed."""

    year: int
    survey_day: date
    deadline: date
    is_verified: bool
    source: str

    @property
    def period_start(self) -> date:
        """First day of the calendar year whose requests, assessments and plans are returned."""
        return date(self.year - 1, 1, 1)

    @property
    def period_end(self) -> date:
        """Last day of that year."""
        return date(self.year - 1, 12, 31)


def _thursday(year: int, month: int, number: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(THURSDAY - first.weekday()) % 7 + 7 * (number - 1))


@cache
def _listed() -> dict[int, Survey]:
    entries = yaml.safe_load(SURVEYS.read_text(encoding="utf-8"))
    return {
        entry["year"]: Survey(
            year=entry["year"],
            survey_day=entry["survey_day"],
            deadline=entry["deadline"] or _thursday(entry["year"], 3, 2),
            is_verified=entry["verified"] and entry["deadline"] is not None,
            source=entry["source"],
        )
        for entry in entries
    }


def survey_of_year(year: int) -> Survey:
    """The survey of January ``year``, such as 2027; one not announced is supposed on its usual days."""
    listed = _listed().get(year)
    return listed or Survey(
        year, _thursday(year, 1, 3), _thursday(year, 3, 2), is_verified=False, source="supposed from earlier years"
    )


def survey_in_hand(day: date) -> Survey:
    """The survey a council works towards on ``day``: this year's until its deadline has passed, then the next."""
    this_year = survey_of_year(day.year)
    return this_year if day <= this_year.deadline else survey_of_year(day.year + 1)
