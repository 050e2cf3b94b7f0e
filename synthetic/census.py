"""The termly school census: who is on roll where, and the messages that say so."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from datetime import date
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from synthetic.caseload import BoolArray, Caseload, CodeArray
from synthetic.days import NO_DAY, first_of, iso_days, nth_thursday, school_year
from synthetic.establishments import Schools
from synthetic.identifiers import AnyInts, IntArray, ShortArray
from synthetic.people import People
from synthetic.stays import Stays, census_schools, pick

YEAR_12, YEAR_13, NURSERY = 0.035, 0.028, 0.02
EVERY_OTHER_YEAR = (1 - YEAR_12 - YEAR_13 - NURSERY) / 12
STAYING = 0.94
MOST_YEARS = 14
ONE_DUAL_IN, ONE_PERMANENT_IN = 40, 12
"""Of pupils on SEN support in secondary school, who is registered at two; of exclusions, which is permanent."""

# Messages of more are written in several files, as no reader takes one without end.
PUPILS_IN_A_FILE = 400_000
PUPILS_AT_A_TIME = 20_000

TERMS = (("spring", "SPR", 1, 3), ("summer", "SUM", 5, 3), ("autumn", "AUT", 10, 1))
SESSIONS = {"SPR": 140, "SUM": 118, "AUT": 120}
EXCLUSION_REASONS = ("PP", "PA", "VP", "VA", "DB", "DM", "MT")
SUPPORT_NEEDS = {
    "SLCN": 0.27,
    "SEMH": 0.23,
    "MLD": 0.15,
    "SPLD": 0.14,
    "ASD": 0.1,
    "NSA": 0.04,
    "OTH": 0.03,
    "HI": 0.015,
    "PD": 0.015,
    "VI": 0.01,
}


@dataclass(frozen=True)
class Occasion:
    """One census: its day, its term's code, and the name of its file."""

    day: date
    term: str
    name: str

    @property
    def ordinal(self) -> int:
        """The day as an ordinal."""
        return self.day.toordinal()


def occasions(as_at: date) -> tuple[Occasion, ...]:
    """The last three spring censuses before a day, and those since the last of them."""
    every = [
        Occasion(nth_thursday(year, month, nth), code, f"{year}-{name}.xml")
        for year in range(as_at.year - 4, as_at.year + 1)
        for name, code, month, nth in TERMS
    ]
    past = [census for census in every if census.day <= as_at]
    springs = [census for census in past if census.term == "SPR"][-3:]
    return tuple(sorted({*springs, *(c for c in past if c.day > springs[-1].day)}, key=lambda census: census.day))


@dataclass
class Pupils:
    """Pupils who are not in the case system; one position a pupil. Days are ordinals.

    They are on roll from ``join`` until ``leave``, while of age; in Year 12 and 13 only if they stay on, and in
    nursery only if they went.
    """

    cohort: IntArray
    birth: IntArray
    primary: IntArray
    secondary: IntArray
    stays_on: BoolArray
    went_to_nursery: BoolArray
    join: IntArray
    leave: IntArray
    support_start: IntArray
    support_end: IntArray


@dataclass
class Roll:
    """Everyone on roll at one census, in the order of the message; ``school`` is a position among establishments.

    ``status`` is C for a single registration; who is registered at two is there twice, M at the main school and S at
    the other.
    """

    census: Occasion
    person: ShortArray
    school: ShortArray
    nc: ShortArray
    entry: ShortArray
    provision: CodeArray
    provision_start: ShortArray
    sen_unit: BoolArray
    resourced: BoolArray
    status: CodeArray

    def parts(self) -> list[tuple[str, int, int]]:
        """The files the message is written in, school by school: the name, the first and the last position but one."""
        count = len(self.person)
        schools = np.flatnonzero(np.diff(self.school, prepend=-1))
        wanted = np.arange(PUPILS_IN_A_FILE, count, PUPILS_IN_A_FILE)
        ends = np.unique(schools[np.searchsorted(schools, wanted, side="right") - 1]) if count else np.zeros(0)
        bounds = [0, *(int(end) for end in ends if end > 0), count]
        names = part_names(self.census, len(bounds) - 1)
        return list(zip(names, bounds[:-1], bounds[1:], strict=True))

    def place(self, position: int) -> tuple[str, int]:
        """The file of the pupil at a position, and the ordinal in it, from 1."""
        name, start = next((name, start) for name, start, end in self.parts() if start <= position < end)
        return name, position - start + 1

    def taken(self, start: int, end: int) -> Roll:
        """The part of the roll between two positions."""
        held = {f.name: getattr(self, f.name)[start:end] for f in fields(self) if f.name != "census"}
        return Roll(census=self.census, **held)


def part_names(census: Occasion, count: int) -> list[str]:
    """What the files of a message are called that is written in so many."""
    if count == 1:
        return [census.name]
    return [census.name.replace(".xml", f"-part{number}.xml") for number in range(1, count + 1)]


def year_codes(nc: AnyInts) -> list[str]:
    """National curriculum years as the census writes them, from -2 (first year of nursery) and 0 (Reception)."""
    early = {-2: "N1", -1: "N2", 0: "R"}
    return [early.get(year, str(year)) for year in nc.tolist()]


def _case_roll(stays: Stays, caseload: Caseload, schools: Schools, census: Occasion) -> tuple[IntArray, IntArray]:
    """Positions in ``stays`` of the case children on roll at a census, and their NC years."""
    day = census.ordinal
    counted = np.array([e.is_in_census for e in schools.all] + [False], dtype=bool)
    nc = school_year(np.full(len(stays.child), day)) - school_year(caseload.birth)[stays.child] - 5
    there = (stays.entry <= day) & ((stays.leave == NO_DAY) | (stays.leave > day)) & counted[stays.school]
    there &= (nc >= -2) & (nc <= MOST_YEARS)
    positions = np.flatnonzero(there)
    return positions, nc[positions]


def make_pupils(
    generator: np.random.Generator,
    children: int,
    censuses: Sequence[Occasion],
    stays: Stays,
    caseload: Caseload,
    schools: Schools,
) -> Pupils:
    """As many other pupils as make up, with those of the case system, about ``children`` in each census."""
    first_day, last_day = censuses[0].ordinal, censuses[-1].ordinal
    years = {census: int(school_year(np.array([census.ordinal]))[0]) for census in censuses}
    needed: dict[int, list[tuple[int, float]]] = {}
    for census in censuses:
        _, case_nc = _case_roll(stays, caseload, schools, census)
        for nc in range(-1, MOST_YEARS):
            share = {-1: NURSERY, 12: YEAR_12, 13: YEAR_13}.get(nc, EVERY_OTHER_YEAR)
            short = max(0.0, children * share - float((case_nc == nc).sum()))
            needed.setdefault(years[census] - nc - 5, []).append((nc, short))
    cohorts: list[int] = []
    stays_on_chance: list[float] = []
    nursery_chance: list[float] = []
    for year, wanted in sorted(needed.items()):
        main = [short for nc, short in wanted if 0 <= nc <= 11]
        staying = [short for nc, short in wanted if nc >= 12]
        nursing = [short for nc, short in wanted if nc < 0]
        of_main = float(np.mean(main)) if main else max([*staying, *nursing])
        count = round(of_main / STAYING)
        cohorts += [year] * count
        stays_on_chance += [min(1.0, float(np.mean(staying)) / max(of_main, 1)) if staying else 0.0] * count
        nursery_chance += [min(1.0, float(np.mean(nursing)) / max(of_main, 1)) if nursing else 0.0] * count
    cohort = np.array(cohorts, dtype=np.int64)
    count = len(cohort)
    birth = first_of(9, cohort) + generator.integers(0, 365, size=count)
    secondary = pick(generator, schools, "secondary", count)
    sixth_forms = [i for i in schools.of("secondary", local=True) if schools.all[i].has_sixth_form]
    stays_on = generator.random(count) < np.array(stays_on_chance)
    if sixth_forms and count:
        lacks = stays_on & ~np.isin(secondary, sixth_forms)
        secondary[lacks] = generator.choice(np.array(sixth_forms), size=int(lacks.sum()))
    excluded = generator.random(count) < 0.003
    secondary[excluded] = pick(generator, schools, "ap", int(excluded.sum()))

    span = last_day - first_day + 120
    moves = generator.random(count)
    day = first_day - 60 + (generator.random(count) * span).astype(np.int64)
    join = np.where(moves < 0.06, day, NO_DAY)
    leave = np.where(moves > STAYING, day, NO_DAY)
    reception = first_of(9, cohort + 5)
    lasts = np.minimum(first_of(7, cohort + 17), last_day)
    support = generator.random(count) < 0.175
    start = reception + 30 + (generator.random(count) ** 1.6 * np.maximum(1, lasts - reception)).astype(np.int64)
    ends = generator.random(count) < 0.25
    return Pupils(
        cohort=cohort,
        birth=birth,
        primary=pick(generator, schools, "primary", count),
        secondary=secondary,
        stays_on=stays_on,
        went_to_nursery=generator.random(count) < np.array(nursery_chance),
        join=join,
        leave=leave,
        support_start=np.where(support, start, NO_DAY),
        support_end=np.where(support & ends, start + generator.integers(200, 900, size=count), NO_DAY),
    )


def make_roll(
    census: Occasion,
    is_latest: bool,
    *,
    pupils: Pupils,
    first_pupil: int,
    stays: Stays,
    caseload: Caseload,
    schools: Schools,
    supported_before: BoolArray,
) -> Roll:
    """Everyone on roll at a census. A pupil's number as a person is the position plus ``first_pupil``.

    A case child has provision E from the start of the plan; at the latest census only where the plan is still active.
    """
    day = census.ordinal
    at, case_nc = _case_roll(stays, caseload, schools, census)
    child = stays.child[at]
    start, cease = caseload.plan_start[child], caseload.cease[child]
    has_plan = (start > 0) & (start <= day) & ((cease == NO_DAY) | ((cease > day) & (not is_latest)))
    request = np.full(len(caseload.birth), day, dtype=np.int64)
    np.minimum.at(request, caseload.requests.child, caseload.requests.received)
    support_since = np.maximum(stays.entry[at], request[child] - 250)
    is_supported = supported_before[child] & (support_since <= day)
    case_provision = np.where(has_plan, "E", np.where(is_supported, "K", "N"))
    case_since = np.where(has_plan, start, np.where(is_supported, support_since, NO_DAY))

    year = int(school_year(np.array([day]))[0])
    nc = year - pupils.cohort - 5
    there = (pupils.join <= day) & ((pupils.leave == NO_DAY) | (pupils.leave > day))
    there &= (
        ((nc >= 0) & (nc <= 11)) | ((nc == -1) & pupils.went_to_nursery) | ((nc >= 12) & (nc <= 13) & pupils.stays_on)
    )
    those = np.flatnonzero(there)
    nc = nc[those]
    school = np.where(nc <= 6, pupils.primary[those], pupils.secondary[those])
    began = np.where(
        nc >= 7, pupils.cohort[those] + 12, pupils.cohort[those] + np.where(pupils.went_to_nursery[those], 4, 5)
    )
    entry = np.minimum(np.maximum(first_of(9, began) + 2, pupils.join[those]), day)
    since, until = pupils.support_start[those], pupils.support_end[those]
    is_supported = (since > 0) & (since <= day) & ((until == NO_DAY) | (until > day))

    # some on SEN support are taught in alternative provision besides, and are registered at both
    other_schools = np.array(schools.of("ap", local=True), dtype=np.int64)
    is_dual = is_supported & (nc >= 7) & (those % ONE_DUAL_IN == 0) & (len(other_schools) > 0)
    is_dual &= ~np.isin(school, other_schools)
    dual = np.flatnonzero(is_dual)
    others = other_schools[those[dual] % max(1, len(other_schools))] if len(dual) else dual

    standing = census_schools(schools, census.day)
    no = np.zeros(len(those) + len(dual), dtype=bool)
    whole_school = standing[np.concatenate([stays.school[at], school, others])]
    whole_entry = np.concatenate([stays.entry[at], entry, entry[dual]])
    person = np.concatenate([child, those + first_pupil, those[dual] + first_pupil])
    provision = np.where(is_supported, "K", "N")
    provision_start = np.where(is_supported, since, NO_DAY)
    status = np.concatenate([np.full(len(child), "C"), np.where(is_dual, "M", "C"), np.full(len(dual), "S")])
    order = np.lexsort((person, whole_school))
    return Roll(
        census=census,
        person=person[order].astype(np.int32),
        school=whole_school[order].astype(np.int32),
        nc=np.concatenate([case_nc, nc, nc[dual]])[order].astype(np.int32),
        entry=whole_entry[order].astype(np.int32),
        provision=np.concatenate([case_provision, provision, provision[dual]])[order],
        provision_start=np.concatenate([case_since, provision_start, provision_start[dual]])[order].astype(np.int32),
        sen_unit=np.concatenate([stays.sen_unit[at], no])[order],
        resourced=np.concatenate([stays.resourced[at], no])[order],
        status=status[order],
    )


@dataclass
class Corrections:
    """What a fault writes in place of the truth: by census and person, element and text; and each one's position."""

    texts: dict[tuple[int, int], list[tuple[str, str]]] = field(default_factory=dict)
    positions: dict[tuple[int, int], int] = field(default_factory=dict)


def _with_text(record: str, element: str, text: str) -> str:
    return re.sub(f"<{element}>[^<]*</{element}>", f"<{element}>{text}</{element}>", record, count=1)


def _header(census: Occasion, la_code: str) -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Message>\n<Header><CollectionDetails><Collection>SC</Collection>'
        f"<Term>{census.term}</Term><Year>{census.day.year}</Year><ReferenceDate>{census.day.isoformat()}</ReferenceDate>"
        f"</CollectionDetails><Source><SourceLevel>L</SourceLevel><LEA>{la_code}</LEA>"
        "<SoftwareCode>Synthetic</SoftwareCode><SerialNo>001</SerialNo></Source></Header>\n"
    )


class FixedParts:
    """The part of a pupil's record that is the same in every census, of the first ``count`` people."""

    def __init__(self, people: People, generator: np.random.Generator, count: int) -> None:
        cohort = school_year(people.birth[:count])
        has_meals = generator.random(count) < 0.24
        self._people = people
        self._meals = np.where(has_meals, first_of(9, cohort + 4) + 3, NO_DAY)
        self._has_uln = cohort <= int(cohort.max(initial=0)) - 14

    def of(self, persons: AnyInts) -> list[str]:
        """Those of some people, in their order."""
        people = self._people
        return [
            f"<UPN>{upn}</UPN>{f'<ULN>{uln}</ULN>' if uln else ''}<Surname>{surname}</Surname>"
            f"<Forename>{forename}</Forename>{f'<MiddleNames>{middle}</MiddleNames>' if middle else ''}"
            f"<DOB>{born}</DOB><Sex>{'F' if is_girl else 'M'}</Sex><Ethnicity>{ethnicity}</Ethnicity>"
            f"<Language>{language}</Language>{f'<FSMstart>{meal}</FSMstart>' if meal else ''}"
            f"<PupilPremium>{'1' if meal else '0'}</PupilPremium>"
            for upn, uln, surname, forename, middle, born, is_girl, ethnicity, language, meal in zip(
                people.upn[persons].tolist(),
                np.where(self._has_uln[persons], people.uln[persons], "").tolist(),
                people.surname[persons].tolist(),
                people.forename[persons].tolist(),
                people.middle[persons].tolist(),
                iso_days(people.birth[persons]),
                people.is_girl[persons].tolist(),
                people.ethnicity[persons].tolist(),
                people.language[persons].tolist(),
                iso_days(self._meals[persons]),
                strict=True,
            )
        ]


def write_census(
    path: Path,
    number: int,
    roll: Roll,
    *,
    offset: int,
    la_code: str,
    fixed: FixedParts,
    postcodes: list[str],
    needs: tuple[list[str], list[str]],
    plan_needs: tuple[list[str], list[str]],
    schools: Schools,
    generator: np.random.Generator,
    corrections: Corrections,
) -> None:
    """Writes one message. ``needs`` are each person's first and second type of need, ``plan_needs`` a plan's.

    ``number`` is the census's place among all, by which ``corrections`` name it; ``offset`` is the position in the
    whole roll at which this part of it begins.
    """
    count = len(roll.person)
    day = roll.census.ordinal
    possible = generator.integers(SESSIONS[roll.census.term] - 6, SESSIONS[roll.census.term] + 1, size=count)
    authorised = np.minimum(possible, generator.geometric(0.14, size=count) - 1)
    unauthorised = np.minimum(possible - authorised, (generator.geometric(0.35, size=count) - 1) // 2)
    luck = generator.random(count)
    rate = np.where(roll.nc >= 7, 0.03, 0.003) * np.where(roll.provision == "N", 1, 3)
    is_suspended = luck < rate
    excluded_on = np.where(is_suspended, np.maximum(day - generator.integers(8, 95, size=count), roll.entry), NO_DAY)
    part_time = generator.random(count) < np.where(roll.nc < 0, 0.6, 0.004)
    laestabs = [e.laestab for e in schools.all]
    corrected = {person for census, person in corrections.texts if census == number}

    def pupils(at: slice) -> Iterator[tuple[Any, ...]]:
        """What is written of the pupils at those positions. Texts are made for a few at a time, for they are heavy."""
        return zip(
            roll.person[at].tolist(),
            fixed.of(roll.person[at]),
            roll.school[at].tolist(),
            year_codes(roll.nc[at]),
            iso_days(roll.entry[at]),
            roll.provision[at].tolist(),
            iso_days(roll.provision_start[at]),
            roll.sen_unit[at].tolist(),
            roll.resourced[at].tolist(),
            roll.status[at].tolist(),
            iso_days(excluded_on[at]),
            part_time[at].tolist(),
            possible[at].tolist(),
            authorised[at].tolist(),
            unauthorised[at].tolist(),
            strict=True,
        )

    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="\n") as handle:
        handle.write(_header(roll.census, la_code))
        handle.write("<Schools>\n")
        lines: list[str] = []
        last = -1
        batches = (pupils(slice(start, start + PUPILS_AT_A_TIME)) for start in range(0, count, PUPILS_AT_A_TIME))
        for ordinal, (
            person,
            always,
            school,
            code,
            entered,
            provision,
            started,
            unit,
            resourced,
            status,
            suspended,
            part,
            total,
            away,
            truant,
        ) in enumerate(chain.from_iterable(batches), start=1):
            if school != last:
                lines.append(f"{'</School>' if last >= 0 else ''}\n<School><LAESTAB>{laestabs[school]}</LAESTAB>\n")
                last = school
                handle.write("".join(lines))
                lines.clear()
            sen = f"<SENprovision>{provision}</SENprovision>"
            if provision != "N":
                first, second = plan_needs if provision == "E" else needs
                sen += (
                    f"<SENprovisionStartDate>{started}</SENprovisionStartDate>"
                    f"<SENunitIndicator>{int(unit)}</SENunitIndicator>"
                    f"<ResourcedProvisionIndicator>{int(resourced)}</ResourcedProvisionIndicator><SENneeds>"
                    f"<SENneed><SENtypeRank>1</SENtypeRank><SENtype>{first[person]}</SENtype></SENneed>"
                )
                if second[person]:
                    sen += f"<SENneed><SENtypeRank>2</SENtypeRank><SENtype>{second[person]}</SENtype></SENneed>"
                sen += "</SENneeds>"
            record = (
                f"<Pupil>{always}{sen}<NCyearActual>{code}</NCyearActual><EnrolStatus>{status}</EnrolStatus>"
                f"<EntryDate>{entered}</EntryDate><PartTime>{int(part)}</PartTime><Boarder>N</Boarder>"
                f"<Postcode>{postcodes[person]}</Postcode><Attendance><SessionsPossible>{total}</SessionsPossible>"
                f"<SessionsAuthorised>{away}</SessionsAuthorised>"
                f"<SessionsUnauthorised>{truant}</SessionsUnauthorised></Attendance>"
            )
            if suspended:
                reason = EXCLUSION_REASONS[ordinal % len(EXCLUSION_REASONS)]
                category = "SUSP" if person % ONE_PERMANENT_IN else "PERM"
                record += (
                    f"<Exclusions><Exclusion><Category>{category}</Category><Reason>{reason}</Reason>"
                    f"<StartDate>{suspended}</StartDate><Sessions>{2 + ordinal % 7}</Sessions></Exclusion></Exclusions>"
                )
            if person in corrected:
                corrections.positions[number, person] = offset + ordinal - 1
                for element, text in corrections.texts[number, person]:
                    record = _with_text(record, element, text)
            lines.append(record + "</Pupil>\n")
        lines.append("</School>\n" if last >= 0 else "")
        handle.write("".join(lines))
        handle.write("</Schools>\n</Message>\n")
