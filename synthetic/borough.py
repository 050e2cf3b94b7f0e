"""An invented borough from a seed: every extract a council would deliver, and the truth about them."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

import numpy as np

from connectors.errors import ConfigurationError
from synthetic import corporate, education, health, safeguarding
from synthetic.case_system import CaseSystem, make_needs
from synthetic.caseload import HISTORY_YEARS, Caseload, make_caseload
from synthetic.census import (
    PUPILS_IN_A_FILE,
    SUPPORT_NEEDS,
    Corrections,
    FixedParts,
    Roll,
    make_pupils,
    make_roll,
    occasions,
    part_names,
    write_census,
)
from synthetic.days import school_year, years_before
from synthetic.dirt import DIRT, clear_dirt, plant_dirt
from synthetic.establishments import make_schools, write_register
from synthetic.faults import FAULTS, Extracts, plant_faults, plant_further_faults, write_truth
from synthetic.identifiers import IntArray, Texts
from synthetic.known import Known
from synthetic.people import People, make_people, make_twins
from synthetic.published import figures_of
from synthetic.records import write_table
from synthetic.release import file_name, write_release
from synthetic.sheets import Sheet, write_sheets
from synthetic.slips import plant_slips
from synthetic.social_care import make_children_in_need, reference_date, write_children_in_need
from synthetic.stays import make_stays, placements
from synthetic.truth import write_records

FEWEST_CHILDREN, MOST_CHILDREN = 50, 2_000_000
MOST_DIRT = 0.2
SLIPS_OF_LIFE, MOST_SLIPS = 0.04, 0.3
# Plans began in September 2014, and a borough has three years of history.
FIRST_DAY, LAST_DAY = date(2017, 9, 1), date(2099, 12, 31)
LIKE_883 = 45_000
REFERRALS, CHILDREN_IN_NEED = 9_000, 1_500
REFERRALS_A_PATIENT = 1.38
PEOPLE_AT_A_TIME = 100_000

# Postcode areas: Thurrock's own, elsewhere one that no place has.
AREAS = {"883": "RM"}
NO_AREA = "EA"


@dataclass(frozen=True)
class BoroughSummary:
    """What was made: counts only, no one's data."""

    folder: Path
    la_code: str
    la_name: str
    seed: int
    as_at: date
    pupils: dict[str, int]
    active_plans: int
    ceased_plans: int
    rows: dict[str, int]
    referrals: int
    children_in_need: int
    establishments: int
    planted: int
    dirt: int
    slips: int


def make_borough(
    folder: Path,
    *,
    seed: int = 883,
    la_code: str = "883",
    published: Path | None = None,
    children: int = LIKE_883,
    as_at: date = date(2026, 11, 2),
    faults: Literal["default", "none"] = "default",
    dirt: float = 0.0,
    kinds: Mapping[str, float] | None = None,
    slips: float = SLIPS_OF_LIFE,
    progress: Callable[[str], None] | None = None,
) -> BoroughSummary:
    """Writes the extracts of an invented borough below ``folder/extracts`` and the truth below ``folder/truth``.

    ``children`` is about how many pupils each school census holds; all else follows from it and from the published
    figures of ``la_code`` (those of 883 are kept here; ``published`` is the path of DfE's zip for any other). The same
    arguments give the same bytes. ``slips`` is the share of its children that each service writes down wrong (see
    ``slips``). With ``dirt`` that share of rows and files is spoiled afterwards (see ``dirt``); ``kinds`` gives kinds
    of faults and dirt, by name, shares of their own.

    Raises ``ConfigurationError`` for arguments that cannot be followed, and where
    ``folder`` holds another borough's files.
    """
    if not FEWEST_CHILDREN <= children <= MOST_CHILDREN:
        raise ConfigurationError(f"Give between {FEWEST_CHILDREN} and {MOST_CHILDREN:,} children, not {children:,}.")
    if faults not in ("default", "none"):
        raise ConfigurationError(f"Faults are 'default' or 'none', not {faults!r}.")
    if not 0 <= dirt <= MOST_DIRT:
        raise ConfigurationError(f"Dirt is a share from 0 to {MOST_DIRT}, not {dirt}.")
    _check_kinds(kinds := dict(kinds or {}))
    if not 0 <= slips <= MOST_SLIPS:
        raise ConfigurationError(f"Slips are a share from 0 to {MOST_SLIPS}, not {slips}.")
    if seed < 0:
        raise ConfigurationError(f"The seed is a whole number from 0, not {seed}.")
    if not FIRST_DAY <= as_at <= LAST_DAY:
        raise ConfigurationError(f"Give a day from {FIRST_DAY:%d/%m/%Y} to {LAST_DAY:%d/%m/%Y}, not {as_at:%d/%m/%Y}.")
    figures = figures_of(la_code, published)
    censuses = occasions(as_at)
    most_parts = 2 + 2 * children // PUPILS_IN_A_FILE
    names = {
        f"extracts/school_census/{name}"
        for census in censuses
        for count in range(1, most_parts + 1)
        for name in part_names(census, count)
    }
    cin_day = reference_date(as_at)
    cin_name, waits_name = f"{cin_day.year}.xml", f"{as_at:%Y-%m}.csv"
    further = {*education.file_names(as_at), *health.file_names(as_at), file_name(as_at)}
    own = {*names, f"extracts/cin_census/{cin_name}", f"extracts/therapy_waits/{waits_name}"}
    clear_dirt(folder)
    _check_folder(folder, own | {f"extracts/{name}" for name in further})
    tell = progress or (lambda _: None)

    today, opening = as_at.toordinal(), years_before(as_at, HISTORY_YEARS).toordinal()
    streams = iter(np.random.SeedSequence([seed, int(la_code)]).spawn(40))

    def chance() -> np.random.Generator:
        return np.random.default_rng(next(streams))

    tell("inventing children and schools")
    area = AREAS.get(la_code, NO_AREA)
    caseload = make_caseload(chance(), figures, children, as_at)
    schools = make_schools(
        chance(), la_code=la_code, la_name=figures.la_name, area=area, children=children, as_at=as_at
    )
    stays = make_stays(chance(), caseload, schools)
    pupils = make_pupils(chance(), children, censuses, stays, caseload, schools)
    cases, pupil_count = len(caseload.birth), len(pupils.birth)
    births, twin = _births(chance(), caseload, pupils.birth, _young(chance(), children, cin_day))
    caseload.birth, pupils.birth = births[:cases], births[cases : cases + pupil_count]
    both = np.flatnonzero(
        (twin[cases : cases + pupil_count] >= cases) & (twin[cases : cases + pupil_count] < cases + pupil_count)
    )
    other = twin[cases + both] - cases
    first = np.minimum(both, other)
    pupils.primary[both], pupils.secondary[both] = pupils.primary[first], pupils.secondary[first]

    generator = chance()
    supported = generator.random(cases) < 0.85
    rolls = [
        make_roll(
            census,
            census == censuses[-1],
            pupils=pupils,
            first_pupil=cases,
            stays=stays,
            caseload=caseload,
            schools=schools,
            supported_before=supported,
        )
        for census in censuses
    ]
    generator = chance()
    is_girl = generator.random(len(births)) < np.where(np.arange(len(births)) < cases, 0.27, 0.49)
    people = make_people(generator, births, twin, is_girl, la_code=la_code, area=area)
    stayed = pupils.leave == 0
    others = np.concatenate([cases + np.flatnonzero(stayed), np.arange(cases + pupil_count, len(births))])
    known_to_health, patients, local_ids = _patients(chance(), people, caseload, others, children, today)
    in_need, care_ids = _known_to_social_care(chance(), people, caseload, others, children, cin_day)
    of_case = np.full(len(births), "", dtype=object)
    of_case[in_need] = care_ids

    tell("filling the case system")
    ever = np.zeros(len(births), dtype=bool)
    for roll in rolls:
        ever[roll.person] = True
    needs = make_needs(chance(), figures, cases)
    system = CaseSystem(
        chance(),
        figures,
        caseload,
        people,
        placements(stays, caseload, schools),
        schools,
        needs,
        today=today,
        opening=opening,
        is_ever_on_roll=ever[:cases],
        known_to_health=known_to_health,
        social_care_ids=of_case[:cases],
    )
    tables = system.tables()
    referrals = health.make_referrals(
        chance(), people, patients, local_ids, file=waits_name, opening=opening, today=today
    )
    generator = chance()
    is_disabled = np.where(in_need < cases, generator.random(len(in_need)) < 0.6, generator.random(len(in_need)) < 0.08)
    care_children = make_children_in_need(generator, people, in_need, care_ids, cin_day, is_disabled)
    extracts = Extracts(
        generator=chance(),
        as_at=as_at,
        people=people,
        caseload=caseload,
        schools=schools,
        tables=tables,
        referrals=referrals,
        rolls=rolls,
        corrections=Corrections(),
        children_in_need=care_children,
        cin_day=cin_day,
        cin_file=cin_name,
    )
    case_ids = {record.person: record["case_id"] for record in tables["child"].records}
    known = Known(
        as_at=as_at,
        opening=opening,
        la_code=la_code,
        la_name=figures.la_name,
        children=children,
        people=people,
        caseload=caseload,
        pupils=pupils,
        schools=schools,
        stays=stays,
        tables=tables,
        in_need=in_need,
        care_ids=care_ids,
        care_children=care_children,
        cin_day=cin_day,
        patients=patients,
    )
    register_chance, census_chance = chance(), chance()
    sheets = _further_sheets(known, chance, has_totals=faults == "default")
    plant_faults(extracts, kinds, is_every_kind=faults == "default")
    if faults == "default":
        plant_further_faults(extracts, sheets)
    slipped = plant_slips(np.random.default_rng([seed, int(la_code), 7]), extracts, sheets, slips)

    tell("writing the case system, the register, health and social care")
    for table in tables.values():
        write_table(folder / "extracts" / table.extract / table.file, table)
    write_table(folder / "extracts" / referrals.extract / referrals.file, referrals)
    write_children_in_need(folder / "extracts" / "cin_census" / cin_name, care_children, la_code=la_code, day=cin_day)
    sizes = _sizes(rolls[-1], people, extracts)
    (postcodes,) = [sheet for sheet in sheets if sheet.extract == "postcodes"]
    wards = corporate.ward_of(postcodes)
    inspections = write_register(folder / "extracts" / "gias", schools, sizes, wards, register_chance, as_at)
    sheets.append(education.make_inspections(chance(), known, inspections))
    tell("writing the other extracts")
    write_sheets(folder / "extracts", sheets)
    write_release(folder / "extracts", known, needs)
    generator = census_chance
    fixed = FixedParts(people, generator, cases + pupil_count)
    need_types = np.array(list(SUPPORT_NEEDS), dtype=object)
    shares = np.array(list(SUPPORT_NEEDS.values()))
    drawn = generator.choice(len(need_types), size=(2, cases + pupil_count), p=shares / shares.sum())
    has_second = (generator.random(cases + pupil_count) < 0.18) & (drawn[0] != drawn[1])
    support = (need_types[drawn[0]].tolist(), np.where(has_second, need_types[drawn[1]], "").tolist())
    postcodes = people.postcode.tolist()
    for number, roll in enumerate(rolls):
        for name, start, end in roll.parts():
            tell(f"writing the census {name}")
            write_census(
                folder / "extracts" / "school_census" / name,
                number,
                roll.taken(start, end),
                offset=start,
                la_code=la_code,
                fixed=fixed,
                postcodes=postcodes,
                needs=support,
                plan_needs=(needs.first, needs.second),
                schools=schools,
                generator=generator,
                corrections=extracts.corrections,
            )
    tell("writing the truth")
    write_truth(folder / "truth" / "faults.csv", extracts)
    write_records(folder / "truth" / "records.parquet", extracts, sheets)
    _write_people(folder / "truth" / "people.csv", people, case_ids, extracts.more_cases, patients, local_ids, of_case)
    pieces = 0
    kinds_of_dirt = {kind: rate for kind, rate in kinds.items() if kind in DIRT}
    if dirt or kinds_of_dirt:
        tell("planting dirt")
        pieces = plant_dirt(folder, rate=dirt, kinds=kinds_of_dirt, seed=seed, as_at=as_at)
    return BoroughSummary(
        folder=folder,
        la_code=la_code,
        la_name=figures.la_name,
        seed=seed,
        as_at=as_at,
        pupils={roll.census.name: len(roll.person) for roll in rolls},
        active_plans=int(caseload.has_active_plan.sum()),
        ceased_plans=int((caseload.cease > 0).sum()),
        rows={name: len(table.records) for name, table in tables.items()} | _sizes_of(sheets),
        referrals=len(referrals.records),
        children_in_need=len(care_children),
        establishments=len(schools.all),
        planted=len(extracts.planted),
        dirt=pieces,
        slips=slipped,
    )


def _check_kinds(kinds: Mapping[str, float]) -> None:
    unknown = sorted(set(kinds) - {*DIRT, *FAULTS})
    if unknown:
        raise ConfigurationError(f"There is no kind of dirt called {', '.join(unknown)}. See: send demo --list-dirt")
    for kind, rate in kinds.items():
        if not 0 < rate <= MOST_DIRT:
            raise ConfigurationError(f"Give {kind} a share above 0 and up to {MOST_DIRT}, not {rate}.")


def _sizes_of(sheets: list[Sheet]) -> dict[str, int]:
    """Rows by extract and table."""
    rows: dict[str, int] = {}
    for sheet in sheets:
        name = f"{sheet.extract}.{sheet.table}"
        rows[name] = rows.get(name, 0) + len(sheet)
    return rows


def _further_sheets(known: Known, chance: Callable[[], np.random.Generator], *, has_totals: bool) -> list[Sheet]:
    """Every file that is made from what is settled, before any fault; the inspections come with the register."""
    looked_after = safeguarding.make_looked_after(chance(), known)
    return [
        *education.make_clients(chance(), known),
        education.make_register(chance(), known, has_total=has_totals),
        *education.make_results(chance(), known),
        education.make_places(chance(), known),
        education.make_spend(chance(), known),
        *corporate.make_improvement_plan(chance(), known),
        corporate.make_targets(known),
        corporate.make_local_figures(known),
        corporate.make_terms(known),
        corporate.make_authorities(),
        corporate.make_postcodes(chance(), known),
        health.make_advice_log(chance(), known),
        health.make_continuing_care(chance(), known),
        health.make_notifications(chance(), known),
        *safeguarding.make_return(chance(), known, looked_after),
        *safeguarding.make_tables(chance(), known, looked_after),
        safeguarding.make_short_breaks(chance(), known),
        safeguarding.make_youth_justice(chance(), known),
    ]


def _check_folder(folder: Path, own: set[str]) -> None:
    """Another borough's censuses, left beside this one's, would be read with them."""
    for name in sorted({file.split("/")[1] for file in own}):
        for path in sorted((folder / "extracts" / name).glob("*")):
            if str(path.relative_to(folder)) not in own:
                raise ConfigurationError(
                    f"{folder} holds {path.relative_to(folder)}, which is not of this borough. Give an empty folder, "
                    "or remove that file."
                )


def _young(generator: np.random.Generator, children: int, cin_day: date) -> IntArray:
    """Births of children too young for school whom health or social care may know."""
    count = max(4, round(children * 0.045))
    return cin_day.toordinal() - generator.integers(60, 3 * 365, size=count)


def _births(
    generator: np.random.Generator, caseload: Caseload, pupils: IntArray, young: IntArray
) -> tuple[IntArray, IntArray]:
    """Everyone's births in the order cases, pupils, the young; with twins among the cases and among all."""
    births = np.concatenate([caseload.birth, pupils, young])
    cohort = school_year(births)
    is_case = np.arange(len(births)) < len(caseload.birth)
    births, twin = make_twins(generator, births, np.where(is_case, cohort, -1), share=0.02)
    births, more = make_twins(generator, births, np.where(twin < 0, cohort, -1))
    return births, np.where(twin >= 0, twin, more)


def _patients(
    generator: np.random.Generator, people: People, caseload: Caseload, others: IntArray, children: int, today: int
) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.bool_]], IntArray, Texts]:
    """Which case children health knows, all its patients, and the numbers it gives them."""
    cases = len(caseload.birth)
    known = generator.random(cases) < np.where(caseload.plan_start > 0, 0.6, 0.45)
    known &= people.birth[:cases] > today - 21 * 365
    wanted = round(REFERRALS * children / LIKE_883 / REFERRALS_A_PATIENT)
    of_age = others[people.birth[others] > today - 18 * 365]
    more = generator.permutation(of_age)[: max(5, wanted - int(known.sum()))]
    patients = np.sort(np.concatenate([np.flatnonzero(known), more]))
    numbers = generator.permutation(len(patients))
    return known, patients, np.array([f"{500_001 + number:08d}" for number in numbers.tolist()], dtype=object)


def _known_to_social_care(
    generator: np.random.Generator, people: People, caseload: Caseload, others: IntArray, children: int, day: date
) -> tuple[IntArray, Texts]:
    """The children in need of the year, and social care's numbers for them."""
    cases = len(caseload.birth)
    of_age = day.toordinal() - 17 * 365
    known = generator.random(cases) < np.where(caseload.has_active_plan, 0.11, 0.05)
    known &= (people.birth[:cases] > of_age) & (people.birth[:cases] < day.toordinal() - 60)
    wanted = max(5, round(CHILDREN_IN_NEED * children / LIKE_883))
    free = others[(people.birth[others] > of_age) & (people.birth[others] < day.toordinal() - 60)]
    more = generator.permutation(free)[: max(4, wanted - int(known.sum()))]
    persons = generator.permutation(np.concatenate([np.flatnonzero(known), more]))
    return persons, np.array([f"CS{700_001 + number}" for number in range(len(persons))], dtype=object)


def _sizes(roll: Roll, people: People, extracts: Extracts) -> dict[str, tuple[int, int]]:
    """Boys and girls on roll at the latest census, by LAESTAB."""
    girls = np.bincount(roll.school[people.is_girl[roll.person]], minlength=len(extracts.schools.all))
    everyone = np.bincount(roll.school, minlength=len(extracts.schools.all))
    return {
        e.laestab: (int(everyone[i] - girls[i]), int(girls[i]))
        for i, e in enumerate(extracts.schools.all)
        if e.is_in_census and not e.closed
    }


def _write_people(
    path: Path,
    people: People,
    case_ids: dict[int, str],
    more_cases: list[tuple[int, str]],
    patients: IntArray,
    local_ids: Texts,
    care_ids: Texts,
) -> None:
    """Writes ``people.csv``: who is who, with everyone's true identifiers."""
    of_patient = dict(zip(patients.tolist(), local_ids.tolist(), strict=True))
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(["person_id", "case_id", "upn", "nhs_number", "la_child_id", "local_patient_id"])
        for start in range(0, len(people), PEOPLE_AT_A_TIME):
            at = slice(start, start + PEOPLE_AT_A_TIME)
            identifiers = zip(people.upn[at], people.nhs_number[at], care_ids[at], strict=True)
            for person, known in enumerate(identifiers, start):
                writer.writerow([person, case_ids.get(person, ""), *known, of_patient.get(person, "")])
        for person, case_id in more_cases:
            identifiers_of = (people.upn[person], people.nhs_number[person], care_ids[person])
            writer.writerow([person, case_id, *identifiers_of, of_patient.get(person, "")])
