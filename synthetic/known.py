"""What is settled about the borough once its children, schools and cases are: what the further extracts are made of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from synthetic.caseload import BoolArray, Caseload
from synthetic.census import Pupils
from synthetic.days import NO_DAY
from synthetic.establishments import Schools
from synthetic.identifiers import IntArray, Texts
from synthetic.people import People
from synthetic.records import Table
from synthetic.social_care import CinChild
from synthetic.stays import NOWHERE, Stays


@dataclass(frozen=True)
class Known:
    """The borough before any fault. People are cases, then pupils, then the young; ``children`` is its size.

    ``in_need`` are people, with ``care_ids`` and ``care_children`` in the same order; ``patients`` are people.
    """

    as_at: date
    opening: int
    la_code: str
    la_name: str
    children: int
    people: People
    caseload: Caseload
    pupils: Pupils
    schools: Schools
    stays: Stays
    tables: dict[str, Table]
    in_need: IntArray
    care_ids: Texts
    care_children: list[CinChild]
    cin_day: date
    patients: IntArray

    @property
    def today(self) -> int:
        """The day the data are of."""
        return self.as_at.toordinal()

    @property
    def cases(self) -> int:
        """How many are in the case system; the first pupil's position."""
        return len(self.caseload.birth)

    @property
    def first_young(self) -> int:
        """The position of the first who is too young for school."""
        return self.cases + len(self.pupils.birth)

    def of_size(self, like_883: int, least: int = 1) -> int:
        """A number for this borough, from one for 45,000 pupils."""
        return max(least, round(like_883 * self.children / 45_000))

    def pupils_on(self, day: int) -> BoolArray:
        """Which pupils live in the borough on a day."""
        pupils = self.pupils
        return np.asarray((pupils.join <= day) & ((pupils.leave == NO_DAY) | (pupils.leave > day)), dtype=bool)

    def living_here(self) -> BoolArray:
        """Which people live in the borough today: no pupil who left, no case that ceased because the family moved."""
        gone = np.isin(self.caseload.cease_reason, ("5", "7", "8"))
        young = np.ones(len(self.people) - self.first_young, dtype=bool)
        return np.concatenate([~gone, self.pupils_on(self.today), young])

    def case_schools(self, day: int) -> IntArray:
        """Where each case child is on a day: a position among the establishments, or nowhere."""
        stays = self.stays
        there = (stays.entry <= day) & ((stays.leave == NO_DAY) | (stays.leave > day))
        school = np.full(self.cases, NOWHERE, dtype=np.int64)
        school[stays.child[there]] = stays.school[there]
        return school

    def has_plan(self, day: int) -> BoolArray:
        """Which people have a plan on a day."""
        held = self.caseload
        mask = np.zeros(len(self.people), dtype=bool)
        mask[: self.cases] = (held.plan_start > 0) & (held.plan_start <= day)
        mask[: self.cases] &= (held.cease == NO_DAY) | (held.cease > day)
        return mask

    def has_support(self, day: int) -> BoolArray:
        """Which people are on SEN support on a day."""
        pupils = self.pupils
        mask = np.zeros(len(self.people), dtype=bool)
        supported = (pupils.support_start > 0) & (pupils.support_start <= day)
        supported &= (pupils.support_end == NO_DAY) | (pupils.support_end > day)
        mask[self.cases : self.first_young] = supported
        mask[: self.cases] = ~self.has_plan(day)[: self.cases]
        return mask
