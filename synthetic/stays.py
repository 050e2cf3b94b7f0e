"""Where each child of the case system has been, from school to school, and where each is now."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date

import numpy as np

from synthetic.caseload import KIND, NO_KIND, BoolArray, Caseload
from synthetic.days import NO_DAY, academic_age, first_of, school_year
from synthetic.establishments import ACADEMY, FREE, MAINTAINED, Schools
from synthetic.identifiers import IntArray, Texts
from synthetic.published import PLACEMENT_KINDS

NOWHERE = -1
NO_GAP_WORTH_FILLING = 60


@dataclass
class Stays:
    """Spells at a place; one position a spell, by child and entry. Days are ordinals, ``leave`` none if there now.

    ``school`` is a position among the establishments, or ``NOWHERE`` where ``setting`` or ``ukprn`` says what it is.
    ``is_final`` marks where the child is at the end.
    """

    child: IntArray
    school: IntArray
    setting: Texts
    setting_other: Texts
    ukprn: Texts
    entry: IntArray
    leave: IntArray
    is_final: BoolArray
    sen_unit: BoolArray
    resourced: BoolArray

    def take(self, positions: IntArray | BoolArray) -> Stays:
        """Those stays alone."""
        return Stays(**{field.name: getattr(self, field.name)[positions] for field in fields(self)})


@dataclass(frozen=True)
class _Place:
    """Where a kind of placement is: establishments of a phase, or a setting code."""

    phase: str = ""
    types: tuple[str, ...] | None = None
    local: float = 1.0
    setting: str = ""
    other: str = ""


_PLACES: dict[str, _Place] = {
    "mainstream_independent": _Place("independent", None, 0.5),
    "special_la_maintained": _Place("special", ("07",), 0.9),
    "special_academy_free": _Place("special", ("44", "36"), 0.92),
    "special_independent": _Place("independent_special", None, 0.35),
    "special_non_maintained": _Place("special", ("08",), 0.0),
    "ap_pru_academy": _Place("ap", ("42",)),
    "ap_pru_free_school": _Place("ap", ("38",)),
    "ap_pru_la_maintained": _Place("ap", ("14",)),
    "general_fe_tertiary_colleges": _Place("fe", None, 0.75),
    "specialist_post_16_institutions": _Place("special_post_16", None, 0.5),
    "elective_home_education": _Place(setting="EHE"),
    "other_arrangements_la": _Place(setting="OLA"),
    "other_arrangements_parents": _Place(setting="OPA"),
    "online_provider": _Place(setting="OTH", other="Online provider"),
    "w_settings": _Place(setting="OTH", other="School in Wales"),
    "other_schools": _Place(setting="OTH", other="Other school"),
    "other_placement_settings": _Place(setting="OTH", other="Other setting"),
    "neet": _Place(setting="NEET"),
    "neet_ntci": _Place(setting="NIEC"),
    "neet_other": _Place(setting="NIEO", other="Not in education, other"),
    "neet_other_csa": _Place(setting="OTH", other="Between schools"),
    "nm_early_years": _Place(setting="EYP"),
}
for _name, _types in (("la_maintained", MAINTAINED), ("academy", ACADEMY), ("free_school", FREE)):
    for _suffix in ("", "_resourced_provision", "_senunit"):
        _PLACES[f"mainstream_{_name}{_suffix}"] = _Place("mainstream", _types, 0.96)

_LEAVERS = np.array([KIND[name] for name in ("neet", "neet_ntci", "neet_other")])
_COLLEGES = np.array(
    [KIND[name] for name in ("general_fe_tertiary_colleges", "specialist_post_16_institutions", "ukrlp_provider")]
)
_SPECIAL = np.array([KIND[name] for name in KIND if name.startswith("special_") and "post_16" not in name])
_MAINSTREAM = np.array([KIND[name] for name in _PLACES if _PLACES[name].phase == "mainstream"])


def pick(
    generator: np.random.Generator,
    schools: Schools,
    phase: str,
    count: int,
    *,
    local: bool = True,
    types: tuple[str, ...] | None = None,
) -> IntArray:
    """Establishments of a phase for so many children, each by its share; elsewhere or local where there is no other."""
    positions = schools.of(phase, local=local, types=types) or schools.of(phase, local=not local, types=types)
    return generator.choice(np.array(positions), size=count, p=schools.weights(positions)).astype(np.int64)


def _september(generator: np.random.Generator, years: IntArray) -> IntArray:
    return first_of(9, years) + generator.integers(1, 5, size=len(years))


def _july(generator: np.random.Generator, years: IntArray) -> IntArray:
    return first_of(7, years) + generator.integers(17, 22, size=len(years))


def make_stays(generator: np.random.Generator, caseload: Caseload, schools: Schools) -> Stays:
    """Every child's stays, from school age to the end, without those before school and those never begun."""
    count = len(caseload.birth)
    cohort = school_year(caseload.birth)
    end, age = caseload.end, academic_age(caseload.birth, caseload.end)
    final, setting, other, ukprn = _final_places(generator, caseload, schools, age)
    moved = _moves(generator, caseload, cohort, age, final, schools)

    nursery = generator.random(count) < 0.35
    primary_start = _september(generator, cohort + np.where(nursery, 4, 5))
    secondary_start = _september(generator, cohort + 12)
    post_16_start = _september(generator, cohort + 17)
    primary_end, secondary_end = _july(generator, cohort + 12), _july(generator, cohort + 17)
    primary = pick(generator, schools, "primary", count)
    secondary = pick(generator, schools, "secondary", count)
    college = pick(generator, schools, "fe", count)

    parts: list[tuple[BoolArray, IntArray, IntArray, IntArray]] = []
    was_elsewhere = caseload.kind != NO_KIND
    for school, start, finish in (
        (primary, primary_start, primary_end),
        (secondary, secondary_start, secondary_end),
    ):
        parts.append(
            (was_elsewhere & (start < moved - NO_GAP_WORTH_FILLING), school, start, np.minimum(finish, moved - 1))
        )
    has_gap = was_elsewhere & (age >= 16) & (moved - post_16_start > NO_GAP_WORTH_FILLING)
    parts.append((has_gap, college, post_16_start, moved - 1))

    before = [_spells(np.flatnonzero(chosen), school, start, leave) for chosen, school, start, leave in parts]
    here = np.flatnonzero(was_elsewhere)
    kinds = np.array(PLACEMENT_KINDS, dtype=object)[caseload.kind[here]]
    last = Stays(
        child=here,
        school=final[here],
        setting=setting[here],
        setting_other=other[here],
        ukprn=ukprn[here],
        entry=moved[here],
        leave=np.where(caseload.cease[here] > 0, end[here], NO_DAY),
        is_final=np.ones(len(here), dtype=bool),
        sen_unit=np.array([str(kind).endswith("senunit") for kind in kinds], dtype=bool),
        resourced=np.array([str(kind).endswith("resourced_provision") for kind in kinds], dtype=bool),
    )
    return _in_order([*before, last])


def _spells(child: IntArray, school: IntArray, entry: IntArray, leave: IntArray) -> Stays:
    count = len(child)
    blank = np.full(count, "", dtype=object)
    no = np.zeros(count, dtype=bool)
    return Stays(child, school[child], blank, blank, blank, entry[child], leave[child], no, no, no)


def _in_order(parts: list[Stays]) -> Stays:
    joined = Stays(
        **{field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Stays)}
    )
    return joined.take(np.lexsort((joined.entry, joined.child)))


def _final_places(
    generator: np.random.Generator, caseload: Caseload, schools: Schools, age: IntArray
) -> tuple[IntArray, Texts, Texts, Texts]:
    """The establishment, or else the setting or UKPRN, where each child is at the end."""
    count = len(age)
    final = np.full(count, NOWHERE, dtype=np.int64)
    setting, other, ukprn = (np.full(count, "", dtype=object) for _ in range(3))
    for name, kind in KIND.items():
        for is_primary in (True, False):
            here = np.flatnonzero((caseload.kind == kind) & ((age < 11) == is_primary))
            if not len(here):
                continue
            if name == "ukrlp_provider":
                ukprn[here] = [f"{10_980_001 + n}" for n in generator.integers(0, 12, size=len(here)).tolist()]
                continue
            place = _PLACES[name]
            if not place.phase:
                setting[here], other[here] = place.setting, place.other
                continue
            phase = place.phase
            if phase == "mainstream":
                phase = "primary" if is_primary else "secondary"
            is_local = generator.random(len(here)) < place.local
            for local in (True, False):
                those = here[is_local == local]
                final[those] = pick(generator, schools, phase, len(those), local=local, types=place.types)
            if phase == "secondary":
                _stay_on(generator, schools, final, here[age[here] >= 16])
    return final, setting, other, ukprn


def _stay_on(generator: np.random.Generator, schools: Schools, final: IntArray, those: IntArray) -> None:
    """Those past 16 who are still at school are at one with a sixth form, where the borough has one."""
    with_sixth_form = [i for i in schools.of("secondary", local=True) if schools.all[i].has_sixth_form]
    lacks = np.array([not schools.all[i].has_sixth_form for i in final[those].tolist()], dtype=bool)
    if with_sixth_form and lacks.any():
        final[those[lacks]] = generator.choice(np.array(with_sixth_form), size=int(lacks.sum()))


def _moves(
    generator: np.random.Generator,
    caseload: Caseload,
    cohort: IntArray,
    age: IntArray,
    final: IntArray,
    schools: Schools,
) -> IntArray:
    """The day each child came to where it is at the end; never after the end, and for leavers never before 16."""
    count = len(cohort)
    end, start = caseload.end, caseload.plan_start
    luck = generator.random(count)
    reception = _september(generator, cohort + np.where(age == 3, 4, 5))
    secondary = _september(generator, cohort + 12)
    post_16 = _september(generator, cohort + 17)
    phase = np.where(age < 11, reception, secondary)

    after_plan = start + generator.integers(10, 150, size=count)
    after_plan = np.where(after_plan > end - 20, start, after_plan)
    no_plan = start == NO_DAY
    after_plan = np.where(no_plan, end - generator.integers(20, 300, size=count), after_plan)
    school_age = first_of(9, cohort + 5) + 1
    is_all_through = np.isin(caseload.kind, _SPECIAL)
    other = np.select([is_all_through & (luck < 0.35), is_all_through & (luck < 0.5)], [phase, reception], after_plan)
    other = np.where(age >= 4, np.maximum(other, school_age), after_plan)

    later = first_of(9, cohort + 17 + (luck * np.maximum(1, age - 15)).astype(np.int64)) + 3
    college = np.where((luck < 0.7) | (age < 17), post_16, later)
    leaver = np.maximum(post_16, first_of(9, cohort + 17) + 5)
    leaver = leaver + (generator.random(count) * np.maximum(0, end - leaver)).astype(np.int64)
    early = np.maximum(np.where(no_plan, end, start) - generator.integers(5, 200, size=count), caseload.birth + 300)

    kind = caseload.kind
    mainstream = np.where((age >= 16) & (luck < 0.15), post_16, phase)
    is_primary_phase = np.array([e.phase == "primary" for e in schools.all], dtype=bool)
    mainstream = np.where((age >= 11) & (final >= 0) & is_primary_phase[final], reception, mainstream)
    moved = np.select(
        [
            np.isin(kind, _MAINSTREAM),
            np.isin(kind, _COLLEGES),
            np.isin(kind, _LEAVERS),
            kind == KIND["nm_early_years"],
        ],
        [mainstream, college, leaver, early],
        other,
    )
    return np.asarray(np.minimum(moved, end), dtype=np.int64)


def placements(stays: Stays, caseload: Caseload, schools: Schools) -> Stays:
    """The stays that fall in the time of a plan, split where the school became an academy meanwhile."""
    start = caseload.plan_start[stays.child]
    in_plan = stays.take((start > 0) & ((stays.leave == NO_DAY) | (stays.leave >= start)))
    taken_over = {
        position: (predecessor, closed.toordinal())
        for position in range(len(schools.all))
        if (predecessor := schools.predecessor_of(position)) is not None
        and (closed := schools.all[predecessor].closed) is not None
    }
    closing = np.zeros(len(schools.all) + 1, dtype=np.int64)
    former = np.full(len(schools.all) + 1, NOWHERE, dtype=np.int64)
    for position, (predecessor, day) in taken_over.items():
        closing[position], former[position] = day, predecessor
    closed_on = closing[in_plan.school]
    began_before = (closed_on > 0) & (in_plan.entry <= closed_on)
    until = began_before & ((in_plan.leave == NO_DAY) | (in_plan.leave > closed_on))
    first = in_plan.take(began_before)
    first.school = former[first.school]
    first.leave = np.where(until[began_before], closed_on[began_before], first.leave)
    first.is_final = first.is_final & ~until[began_before]
    rest = in_plan.take(~began_before | until)
    rest.entry = np.where(until[~began_before | until], closed_on[~began_before | until] + 1, rest.entry)
    rejoined = _in_order([first, rest])
    # The part of a split stay that ended before the plan began is no placement under it.
    starts = caseload.plan_start[rejoined.child]
    return rejoined.take((rejoined.leave == NO_DAY) | (rejoined.leave >= starts))


def census_schools(schools: Schools, day: date) -> IntArray:
    """For each establishment's position, the one that stood in its place on a day: itself or its predecessor."""
    standing = np.arange(len(schools.all))
    for position in range(len(schools.all)):
        predecessor = schools.predecessor_of(position)
        closed = None if predecessor is None else schools.all[predecessor].closed
        if closed is not None and predecessor is not None and day <= closed:
            standing[position] = predecessor
    return standing
