"""Education's further extracts: inspections, client caseload, home education, results, places and spend."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from synthetic.days import NO_DAY, academic_age, first_of, school_year, weekday
from synthetic.establishments import Inspection
from synthetic.identifiers import IntArray, Texts
from synthetic.known import Known
from synthetic.names import PROFESSIONALS
from synthetic.published import PLACEMENT_KINDS
from synthetic.sheets import NOBODY, Sheet, day_column, flag_column, same_column, text_column
from synthetic.stays import census_schools, pick

CLIENT_MONTHS, RESULT_YEARS = 6, 3
UK_DAY = "%d/%m/%Y"
# Ofsted gives no overall effectiveness to state-funded schools since.
NO_OVERALL_SINCE = date(2024, 9, 1).toordinal()
GRADES = {"Outstanding": 1, "Good": 2, "Requires improvement": 3, "Inadequate": 4}

NEET, NOT_AVAILABLE, UNKNOWN = "610", "620", "810"
SCHOOL, COLLEGE, SPECIALIST = "210", "230", "280"
LEARNING = (SCHOOL, COLLEGE, SPECIALIST)
ACTIVITY_OF_KIND = {
    "general_fe_tertiary_colleges": COLLEGE,
    "specialist_post_16_institutions": SPECIALIST,
    "ukrlp_provider": "410",
    "neet": NEET,
    "neet_ntci": NOT_AVAILABLE,
    "neet_other": NOT_AVAILABLE,
    "neet_other_csa": NEET,
    "elective_home_education": "270",
}
WORK_BASED = {"SI": "340", "APP": "310", "TRA": "350"}
ACTIVITY_AFTER_PLAN = {"3": "240", "4": "330", "6": NEET, "2": COLLEGE, "9": COLLEGE}
LEAVERS = ((COLLEGE, "220", "310", "320", "330", NEET, UNKNOWN), (0.66, 0.12, 0.07, 0.03, 0.05, 0.04, 0.03))

KEY_STAGE_2, KEY_STAGE_4, KEY_STAGE_5 = 6, 11, 13
SUBJECTS = {
    KEY_STAGE_2: ("Reading", "Writing", "Mathematics"),
    KEY_STAGE_4: ("English language", "Mathematics", "Attainment 8"),
    KEY_STAGE_5: ("Average points",),
}
STAGES = {KEY_STAGE_2: "KS2", KEY_STAGE_4: "KS4", KEY_STAGE_5: "KS5"}

HOME_REASONS = ("Philosophical", "Mental health", "Dissatisfied with the school", "SEND provision", "Lifestyle", "")
MISSING_REASONS = ("Left school, whereabouts not known", "Not arrived at the new school", "Between schools")
OFFICERS = PROFESSIONALS[:6]
SPEND_KINDS = ("fees", "top-up", "transport")


def month_ends(as_at: date, months: int) -> list[date]:
    """The last days of so many months, ending with the last month that is over."""
    ends = []
    day = as_at + timedelta(days=1)
    for _ in range(months):
        day = day.replace(day=1) - timedelta(days=1)
        ends.append(day)
    return ends[::-1]


def academic_year(first: int) -> str:
    """A school year by the year it began in, for example 2025/26."""
    return f"{first}/{(first + 1) % 100:02d}"


def result_years(as_at: date) -> list[int]:
    """The years in which the last school years with results began."""
    last = int(school_year(np.array([as_at.toordinal()]))[0]) - 1
    return list(range(last - RESULT_YEARS + 1, last + 1))


def file_names(as_at: date) -> set[str]:
    """Every file this module makes that is named after a day."""
    names = {f"nccis/nccis-{day:%Y-%m}.csv" for day in month_ends(as_at, CLIENT_MONTHS)}
    names |= {f"attainment/{stage.lower()}-{year + 1}.csv" for stage in STAGES.values() for year in result_years(as_at)}
    return names | {
        f"ofsted/management-information-{as_at:%Y-%m}.csv",
        f"ehe_cme/ehe-cme-register-{as_at:%Y-%m-%d}.xlsx",
    }


def _texts(values: tuple[str, ...] | list[str], chosen: IntArray) -> Texts:
    return np.array(values, dtype=object)[chosen]


def _urns(known: Known) -> Texts:
    """URNs by position, with none for nowhere (the last)."""
    return np.array([*(e.urn for e in known.schools.all), ""], dtype=object)


def make_inspections(generator: np.random.Generator, known: Known, latest: dict[str, Inspection]) -> Sheet:
    """Ofsted's management information: each school's latest inspection, as the register has it, and some before."""
    urn, day, grade = [], [], []
    for school, inspection in latest.items():
        urn.append(school)
        day.append(inspection.day.toordinal())
        grade.append(GRADES[inspection.grade])
    n = len(urn)
    earlier = np.flatnonzero(generator.random(n) < 0.5)
    urns = np.array(urn, dtype=object)[np.concatenate([np.arange(n), earlier])]
    before = np.array(day)[earlier] - generator.integers(1000, 1900, size=len(earlier))
    days = weekday(np.concatenate([np.array(day), before]))
    grades = np.concatenate(
        [np.array(grade), np.clip(np.array(grade)[earlier] + generator.integers(-1, 2, len(earlier)), 1, 4)]
    )
    order = np.lexsort((days, urns.astype(str)))
    urns, days, grades = urns[order], days[order], grades[order]
    m = len(days)

    def judged() -> pa.Array:
        return pa.array(np.clip(grades + generator.choice((-1, 0, 0, 0, 1), size=m), 1, 4).astype(str))

    overall = np.where(days < NO_OVERALL_SINCE, grades, 9).astype(str)
    return Sheet(
        "ofsted",
        "inspection",
        f"management-information-{known.as_at:%Y-%m}.csv",
        np.full(m, NOBODY),
        {
            "urn": text_column(urns),
            "inspection_start_date": day_column(days),
            "publication_date": day_column(np.minimum(days + 35, known.today)),
            "overall_effectiveness": pa.array(overall),
            "quality_of_education": judged(),
            "behaviour_and_attitudes": judged(),
            "personal_development": judged(),
            "leadership_and_management": judged(),
            "safeguarding_is_effective": flag_column(grades < 4),
        },
        headings={
            "urn": "URN",
            "inspection_start_date": "Inspection start date",
            "publication_date": "Publication date",
            "overall_effectiveness": "Overall effectiveness",
            "quality_of_education": "Quality of education",
            "behaviour_and_attitudes": "Behaviour and attitudes",
            "personal_development": "Personal development",
            "leadership_and_management": "Effectiveness of leadership and management",
            "safeguarding_is_effective": "Safeguarding is effective?",
        },
        day_format=UK_DAY,
    )


def _activities(
    generator: np.random.Generator, known: Known, person: IntArray, age: IntArray
) -> tuple[Texts, IntArray]:
    """What each young person does today, and at which establishment: a position, or nowhere."""
    held = known.caseload
    n = len(person)
    activity = np.full(n, "", dtype=object)
    school = np.full(n, -1, dtype=np.int64)
    is_case = person < known.cases
    case = person[is_case]
    of_kind = np.array([ACTIVITY_OF_KIND.get(kind, SCHOOL) for kind in PLACEMENT_KINDS] + [COLLEGE], dtype=object)
    chosen = of_kind[held.kind[case]]
    ceased = held.cease[case] != NO_DAY
    after = np.array([ACTIVITY_AFTER_PLAN.get(reason, COLLEGE) for reason in held.cease_reason[case]], dtype=object)
    chosen = np.where(ceased, after, chosen)
    work = {record.person: record["plan_wbp"] for record in known.tables["plan"].records if record["plan_wbp"]}
    based = [WORK_BASED[work[one]] if one in work else "" for one in case.tolist()]
    chosen = np.where(np.array(based, dtype=object) != "", np.array(based, dtype=object), chosen)
    activity[is_case] = chosen
    school[is_case] = np.where(np.isin(chosen.astype(str), LEARNING), known.case_schools(known.today)[case], -1)

    pupil = person[~is_case] - known.cases
    stays = known.pupils.stays_on[pupil] & (age[~is_case] <= 17)
    codes, shares = LEAVERS
    drawn = _texts(list(codes), generator.choice(len(codes), size=len(pupil), p=shares))
    activity[~is_case] = np.where(stays, SCHOOL, drawn)
    college = pick(generator, known.schools, "fe", len(pupil))
    at = np.where(stays, known.pupils.secondary[pupil], np.where(drawn == COLLEGE, college, -1))
    school[~is_case] = at
    return activity, school


def make_clients(generator: np.random.Generator, known: Known) -> list[Sheet]:
    """The client caseload month by month: everyone of 16 to 18, and to 25 those with a plan.

    One in ten changed what they do in these months.
    """
    people, today = known.people, known.today
    age = academic_age(people.birth, np.full(len(people), today))
    plan = known.has_plan(today)
    wanted = known.living_here() & (age >= 16) & ((age <= 18) | (plan & (age <= 25)))
    wanted[known.first_young :] = False
    person = np.flatnonzero(wanted)
    n, age = len(person), age[person]
    activity, school = _activities(generator, known, person, age)
    september = first_of(9, school_year(np.full(n, today)))
    is_learning = np.isin(activity.astype(str), LEARNING)
    moved = generator.random(n) < 0.1
    since = np.where(is_learning & ~moved, september, today - generator.integers(5, 330, size=n))
    since = np.maximum(since, first_of(9, school_year(people.birth[person]) + 17))
    before = np.where(generator.random(n) < 0.5, COLLEGE, np.where(generator.random(n) < 0.6, UNKNOWN, NEET))
    level = np.where(plan[person], "E", np.where(known.has_support(today)[person], "K", "N"))
    client = np.array([f"YP{number:07d}" for number in (generator.permutation(n) + 1).tolist()], dtype=object)
    uln = np.where(generator.random(n) < 0.95, people.uln[person], "")
    upn = np.where(generator.random(n) < 0.9, people.upn[person], "")
    urns = _urns(known)[school]
    lapse = generator.integers(20, 300, size=n)
    fixed = {
        "client_id": text_column(client),
        "uln": text_column(uln),
        "upn": text_column(upn),
        "surname": text_column(people.surname[person]),
        "forename": text_column(people.forename[person]),
        "birth_date": day_column(people.birth[person]),
        "sex": text_column(np.where(people.is_girl[person], "F", "M").astype(object)),
        "postcode": text_column(people.postcode[person]),
        "send_level": text_column(level.astype(object)),
    }
    made = []
    for end in month_ends(known.as_at, CLIENT_MONTHS):
        day = end.toordinal()
        here = np.flatnonzero(academic_age(people.birth[person], np.full(n, day)) >= 16)
        is_now = since[here] <= day
        does = np.where(is_now, activity[here], before[here])
        start = np.where(is_now, since[here], np.minimum(since[here] - 200, day))
        start = np.maximum(start, first_of(9, school_year(people.birth[person[here]]) + 17))
        is_neet = np.isin(does.astype(str), (NEET, NOT_AVAILABLE))
        m = len(here)
        columns = {name: column.take(pa.array(here)) for name, column in fixed.items()}
        ends = np.where(np.isin(does.astype(str), LEARNING), first_of(7, school_year(np.full(m, day)) + 1) + 20, NO_DAY)
        made.append(
            Sheet(
                "nccis",
                "client",
                f"nccis-{end:%Y-%m}.csv",
                person[here],
                {
                    "period_end": day_column(np.full(m, day)),
                    **columns,
                    "activity_code": text_column(does),
                    "activity_start_date": day_column(start),
                    "neet_start_date": day_column(np.where(is_neet, start, NO_DAY)),
                    "due_to_lapse_date": day_column(day + lapse[here]),
                    "establishment_urn": text_column(np.where(is_now, urns[here], "")),
                    "predicted_end_date": day_column(ends),
                },
                headings={
                    "period_end": "Extract Date",
                    "client_id": "Young Person's ID",
                    "uln": "ULN",
                    "upn": "UPN",
                    "surname": "Family Name",
                    "forename": "Given Name",
                    "birth_date": "Date of Birth",
                    "sex": "Gender",
                    "postcode": "Postcode",
                    "send_level": "Level of Need",
                    "activity_code": "Current Activity Code",
                    "neet_start_date": "NEET Start",
                    "due_to_lapse_date": "Due to Lapse",
                },
                day_format=UK_DAY,
            )
        )
    return made


def make_register(generator: np.random.Generator, known: Known, *, has_total: bool) -> Sheet:
    """The workbook of children educated at home or missing education: case children and pupils who left the roll."""
    people, today, stays = known.people, known.today, known.stays
    home = stays.is_final & ((stays.setting == "EHE") | (stays.setting_other == "Between schools"))
    of_cases = stays.child[home]
    pupils = known.pupils
    left = np.flatnonzero((pupils.leave > 0) & (pupils.leave <= today))
    left = left[academic_age(pupils.birth[left], pupils.leave[left]) <= 15]
    luck = generator.random(len(left))
    is_chosen = luck < 0.19
    person = np.concatenate([of_cases, known.cases + left[is_chosen]])
    is_missing = np.concatenate([stays.setting[home] != "EHE", luck[is_chosen] < 0.025])
    start = np.concatenate([stays.entry[home], pupils.leave[left[is_chosen]]])
    leave = np.concatenate([stays.leave[home], np.full(int(is_chosen.sum()), NO_DAY)])
    n = len(person)
    too_old = first_of(7, school_year(people.birth[person]) + 17) - 3
    back = start + generator.integers(40, 500, size=n)
    is_back = (generator.random(n) < np.where(is_missing, 0.6, 0.2)) & (person >= known.cases)
    closed = np.where(leave > 0, leave, np.where(is_back, np.minimum(back, too_old), too_old))
    closed = np.where((closed <= today) & (closed > start), closed, NO_DAY)
    until = np.where(closed > 0, closed, today)
    contact = np.maximum(start, until - generator.integers(3, 240, size=n))
    visit = np.where(generator.random(n) < 0.7, np.maximum(start, contact - generator.integers(0, 200, size=n)), NO_DAY)
    visits: dict[int, int] = {}
    for record in known.tables["visit"].records:
        if not record["urn"]:
            day = date.fromisoformat(record["date"]).toordinal()
            visits[record.person] = max(day, visits.get(record.person, NO_DAY))
    noted = np.array([visits.get(one, NO_DAY) for one in person.tolist()], dtype=np.int64)
    visit = np.where(person < known.cases, noted, np.where(is_missing, NO_DAY, visit))
    contact = np.maximum(contact, visit)
    order = np.lexsort((person, start))
    outcome = np.where(
        closed == too_old, "Over compulsory school age", np.where(is_missing, "Found", "Back at a school")
    )
    reason = np.where(
        is_missing,
        _texts(MISSING_REASONS, generator.integers(0, len(MISSING_REASONS), size=n)),
        _texts(HOME_REASONS, generator.integers(0, len(HOME_REASONS), size=n)),
    )
    who, upn = person[order], np.where(generator.random(n) < 0.92, people.upn[person], "")
    return Sheet(
        "ehe_cme",
        "register",
        f"ehe-cme-register-{known.as_at:%Y-%m-%d}.xlsx",
        who,
        {
            "register_id": pa.array([f"EC{number:05d}" for number in range(1, n + 1)]),
            "surname": text_column(people.surname[who]),
            "forename": text_column(people.forename[who]),
            "birth_date": day_column(people.birth[who]),
            "upn": text_column(upn[order]),
            "sex": text_column(np.where(people.is_girl[who], "F", "M").astype(object)),
            "postcode": text_column(people.postcode[who]),
            "status": text_column(np.where(is_missing, "CME", "EHE").astype(object)[order]),
            "start_date": day_column(start[order]),
            "reason": text_column(reason[order]),
            "last_contact_date": day_column(contact[order]),
            "last_visit_date": day_column(visit[order]),
            "last_seen_date": day_column(np.where(is_missing, start, np.maximum(visit, start))[order]),
            "tracked_by": text_column(_texts(list(OFFICERS), generator.integers(0, len(OFFICERS), size=n))),
            "outcome": text_column(np.where(closed > 0, outcome, "").astype(object)[order]),
            "closed_date": day_column(closed[order]),
        },
        headings={
            "register_id": "Ref",
            "surname": "Surname",
            "forename": "First name",
            "birth_date": "DOB",
            "upn": "UPN",
            "sex": "Gender",
            "postcode": "Postcode",
            "status": "EHE or CME",
            "start_date": "Date started",
            "reason": "Reason",
            "last_contact_date": "Last contact",
            "last_visit_date": "Last visit",
            "last_seen_date": "Child last seen",
            "tracked_by": "Officer",
            "outcome": "Outcome",
            "closed_date": "Date closed",
        },
        title=(
            f"{known.la_name}: elective home education and children missing education",
            f"As at {known.as_at:{UK_DAY}}",
        ),
        has_total=has_total,
    )


def make_results(generator: np.random.Generator, known: Known) -> list[Sheet]:
    """Results at the end of key stages 2, 4 and 5 of the last three school years, a file a stage and year."""
    made = []
    people, pupils = known.people, known.pupils
    cohort = school_year(people.birth)
    laying = _urns(known)
    for year in result_years(known.as_at):
        day = date(year + 1, 6, 1).toordinal()
        standing = np.append(census_schools(known.schools, date(year + 1, 6, 1)), -1)
        school = np.full(len(people), -1, dtype=np.int64)
        school[: known.cases] = known.case_schools(day)
        nc = year - cohort - 5
        of_pupils = np.where(nc[known.cases : known.first_young] <= 6, pupils.primary, pupils.secondary)
        school[known.cases : known.first_young] = np.where(known.pupils_on(day), of_pupils, -1)
        plan, support = known.has_plan(day), known.has_support(day)
        for stage, name in STAGES.items():
            takes = (nc == stage) & (school >= 0)
            if stage == KEY_STAGE_5:
                takes[known.cases : known.first_young] &= pupils.stays_on
                takes[: known.cases] &= generator.random(known.cases) < 0.2
            person = np.flatnonzero(takes)
            subjects = SUBJECTS[stage]
            n = len(person) * len(subjects)
            who = np.repeat(person, len(subjects))
            below = np.where(plan[who], 2.2, np.where(support[who], 1.1, 0.0))
            ability = (
                np.repeat(generator.normal(size=len(person)), len(subjects)) * 0.8 + generator.normal(size=n) * 0.6
            )
            result, points, met = _marks(stage, ability - below, len(subjects))
            made.append(
                Sheet(
                    "attainment",
                    "result",
                    f"{name.lower()}-{year + 1}.csv",
                    who,
                    {
                        "academic_year": same_column(academic_year(year), n),
                        "key_stage": same_column(name, n),
                        "upn": text_column(people.upn[who]),
                        "birth_date": day_column(people.birth[who]),
                        "urn": text_column(laying[standing[school[who]]]),
                        "subject": text_column(np.tile(np.array(subjects, dtype=object), len(person))),
                        "result": text_column(result),
                        "points": pa.array(np.round(points, 1)),
                        "met_expected": met,
                    },
                )
            )
    return made


def _marks(
    stage: int, ability: np.ndarray[tuple[int, ...], np.dtype[np.float64]], subjects: int
) -> tuple[Texts, IntArray, pa.Array]:
    """Result, points and whether the standard was met, for marks that spread about nought."""
    n = len(ability)
    if stage == KEY_STAGE_2:
        points = np.clip(np.rint(104 + 6.5 * ability), 80, 120)
        met = points >= 100
        return np.where(met, "EXS", "WTS").astype(object), points, flag_column(met)
    if stage == KEY_STAGE_4:
        grade = np.clip(np.rint(5 + 1.9 * ability), 0, 9)
        is_measure = np.arange(n) % subjects == subjects - 1
        points = np.where(is_measure, np.clip(46 + 17 * ability, 0, 90), grade)
        result = np.where(grade == 0, "U", grade.astype(np.int64).astype(str))
        met = pa.array(np.where(is_measure, "", np.where(grade >= 4, "Yes", "No")).astype(object), pa.string())
        return np.where(is_measure, "", result).astype(object), points, text_column(met)
    points = np.clip(34 + 9 * ability, 0, 60)
    return np.full(n, "", dtype=object), points, pa.nulls(n, pa.string())


def make_places(generator: np.random.Generator, known: Known) -> Sheet:
    """Places commissioned at each establishment that has children with plans beyond a mainstream class."""
    stays, schools = known.stays, known.schools
    now = stays.is_final & (stays.leave == NO_DAY) & (stays.school >= 0) & known.caseload.has_active_plan[stays.child]
    count = np.bincount(stays.school[now], minlength=len(schools.all))
    in_unit = np.bincount(stays.school[now & (stays.sen_unit | stays.resourced)], minlength=len(schools.all))
    this_year = int(school_year(np.array([known.today]))[0])
    needs = ("ASD", "SEMH", "SLCN", "SLD", "MLD", "HI")
    kinds = {
        "special": ("special_school", 10_000, "all-through"),
        "ap": ("alternative_provision", 10_000, "secondary"),
        "fe": ("post_16", 6_000, "post-16"),
        "special_post_16": ("post_16", 10_000, "post-16"),
        "independent_special": ("independent", 62_000, "all-through"),
        "primary": ("resourced_provision", 6_000, "primary"),
        "secondary": ("resourced_provision", 6_000, "secondary"),
    }
    rows: list[tuple[str, str, str, int, int, int, str, str]] = []
    for position, e in enumerate(schools.all):
        if e.closed or e.phase not in kinds:
            continue
        kind, cost, phase = kinds[e.phase]
        filled = int(in_unit[position] if e.phase in ("primary", "secondary") else count[position])
        if not filled:
            continue
        kind = "sen_unit" if e.resourced == "SEN unit" and kind == "resourced_provision" else kind
        need = needs[int(generator.integers(len(needs)))]
        for year in (this_year - 1, this_year):
            places = max(1, round(filled * float(generator.uniform(0.92, 1.12))))
            offered = int(generator.integers(0, 3)) if year == this_year else 0
            rows.append((e.urn, academic_year(year), kind, places, offered, cost, need, phase))
    names = ("urn", "academic_year", "kind", "places", "offered", "cost_per_place", "primary_need", "phase")
    types = (pa.string(), pa.string(), pa.string(), pa.int64(), pa.int64(), pa.int64(), pa.string(), pa.string())
    held = list(zip(*rows, strict=True)) or [()] * len(names)
    columns = {name: pa.array(values, kind) for name, values, kind in zip(names, held, types, strict=True)}
    return Sheet("commissioned_places", "place", "places.csv", np.full(len(rows), NOBODY), columns)


def make_spend(generator: np.random.Generator, known: Known) -> Sheet:
    """The high needs ledger of the financial year: what each placement costs a month, forecast from today on."""
    as_at = known.as_at
    first = as_at.year if as_at.month >= 4 else as_at.year - 1
    months = np.array([date(first + (month > 12), (month - 1) % 12 + 1, 1).toordinal() for month in range(4, 16)])
    paid = [record for record in known.tables["placement"].records if record["cost_per_year"]]
    ids = np.array([record["id"] for record in paid], dtype=object)
    person = np.array([record.person for record in paid], dtype=np.int64)
    entry = np.array([date.fromisoformat(record["entry_date"]).toordinal() for record in paid], dtype=np.int64)
    until = [record["leaving_date"] or "9999-01-01" for record in paid]
    leave = np.array([date.fromisoformat(day).toordinal() for day in until], dtype=np.int64)
    cost = np.array([float(record["cost_per_year"]) for record in paid])
    travels = np.where(generator.random(len(paid)) < 0.22, generator.integers(2_500, 14_000, size=len(paid)), 0)
    there = (entry[:, None] <= months + 27) & (leave[:, None] >= months)
    at, month = np.nonzero(there)
    kind = np.where(cost[at] >= 40_000, 0, 1)
    rides = travels[at] > 0
    at, month, kind = (
        np.concatenate([at, at[rides]]),
        np.concatenate([month, month[rides]]),
        np.concatenate([kind, np.full(int(rides.sum()), 2)]),
    )
    order = np.lexsort((kind, at, month))
    at, month, kind = at[order], month[order], kind[order]
    amount = np.where(kind == 2, travels[at], cost[at]) / 12
    return Sheet(
        "high_needs_spend",
        "spend",
        "ledger.csv",
        person[at],
        {
            "placement_id": text_column(ids[at]),
            "month": day_column(months[month]),
            "kind": text_column(_texts(SPEND_KINDS, kind)),
            "amount": pa.array(np.round(amount, 2)),
            "forecast": flag_column(months[month] > known.today),
        },
    )
