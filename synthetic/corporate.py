"""What the council keeps beside its children: the improvement plan, targets, term dates, and reference data."""

from __future__ import annotations

import csv
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from synthetic.days import school_year
from synthetic.education import academic_year, month_ends
from synthetic.known import Known
from synthetic.names import PLACES
from synthetic.sheets import NOBODY, Sheet, day_column, text_column

# DfE's and ONS's codes of the 153 local authorities, from DfE's release of January 2025 (Open Government Licence v3).
LOCAL_AUTHORITIES = Path(__file__).with_name("local_authorities.csv")
HOMES_IN_AN_AREA, AREAS_IN_A_WARD = 20, 5
RATED_MONTHS = 12
# Told apart by these, more wards than there are names of places
SIDES = ("", "North", "South", "East", "West", "Central", "Park", "Green", "Hill", "Bridge")
# Residents aged 0 to 25 for each pupil, and families in the parent carer forum for each; both grow a little each year.
RESIDENTS_A_PUPIL, FORUM_MEMBERS_A_PUPIL, GROWTH = 1.9, 0.006, 0.012
COUNTED_YEARS = 6

# Area, action, officer, indicators.
ACTIONS = (
    ("A1", "Every caseworker has a caseload of 160 or fewer", "Head of SEN", "caseload"),
    ("A1", "Assessments are tracked week by week against 20 weeks", "SEN manager", "plans_issued_in_20_weeks"),
    ("A2", "Post-16 destinations are recorded for every plan", "Post-16 lead", "neet_or_unknown_16_to_18"),
    ("A2", "Supported internships double", "Post-16 lead", "supported_internships"),
    ("A3", "Every child educated out of the area is visited yearly", "Head of SEN", "out_of_area_visited"),
    ("A4", "Records pass every check before the return", "Data manager", "records_passing_every_check"),
    ("A5", "Children missing education are seen within ten days", "Attendance lead", "missing_education"),
    ("B1", "A quality framework is used on new and amended plans", "Principal EP", "plans_meeting_framework"),
    ("B2", "Audits are moderated with health and social care", "Designated clinical officer", "plans_audited"),
    ("B3", "The board sees one dashboard each month", "Director of children's services", "indicators_refreshed"),
    ("B4", "Residential placements are monitored", "Head of SEN", "residential_visited"),
    ("B5", "Places are commissioned from plan data", "Commissioning manager", "places_filled"),
    ("C1", "Advice is chased before its sixth week", "SEN manager", "advice_in_6_weeks"),
    (
        "C1",
        "Social care advice is assured by a designated officer",
        "Designated social care officer",
        "advice_in_6_weeks",
    ),
    ("C2", "Annual reviews are planned a year ahead", "SEN manager", "reviews_on_time"),
    ("C2", "Amended plans follow within 12 weeks of the review", "SEN manager", "amended_plan_in_12_weeks"),
)
# Indicator, target in percent, and from where on it is amber.
TARGETS = (
    ("plans_issued_in_20_weeks", 75, 60),
    ("request_decided_in_6_weeks", 95, 85),
    ("advice_in_6_weeks", 90, 75),
    ("reviews_on_time", 90, 75),
    ("review_decision_in_4_weeks", 90, 70),
    ("amended_plan_in_12_weeks", 80, 60),
    ("plans_meeting_framework", 80, 65),
    ("out_of_area_visited", 100, 90),
    ("records_passing_every_check", 100, 97),
    ("neet_or_unknown_16_to_18", 4, 7),
)
RATINGS = ("red", "amber", "green", "blue")


def _nobody(count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    return np.full(count, NOBODY)


def make_improvement_plan(generator: np.random.Generator, known: Known) -> list[Sheet]:
    """The plan's actions, and a rating of each a month; they get better more often than worse."""
    ids: list[str] = []
    for area, *_ in ACTIONS:
        ids.append(f"{area}.{1 + sum(known_id.startswith(f'{area}.') for known_id in ids)}")
    n = len(ACTIONS)
    due = known.today + generator.integers(-120, 400, size=n)
    areas, actions, officers, indicators = zip(*ACTIONS, strict=True)
    action = {
        "action_id": pa.array(ids),
        "area": pa.array(areas),
        "action": pa.array(actions),
        "officer": pa.array(officers),
        "due_date": day_column(due),
        "indicators": pa.array(indicators),
    }
    state = generator.integers(0, 2, size=n)
    rows: list[tuple[str, int, str, str]] = []
    for end in month_ends(known.as_at, RATED_MONTHS):
        luck = generator.random(n)
        state = np.clip(state + (luck < 0.16).astype(np.int64) - (luck > 0.95), 0, 3)
        for action_id, held, is_told in zip(ids, state.tolist(), (luck < 0.3).tolist(), strict=True):
            rows.append((action_id, end.toordinal(), RATINGS[held], "Reported to the board." if is_told else ""))
    rated, days, ratings, comments = zip(*rows, strict=True)
    rating = {
        "action_id": pa.array(rated),
        "rated_date": day_column(np.array(days)),
        "rating": pa.array(ratings),
        "comment": text_column(list(comments)),
    }
    return [
        Sheet("improvement_plan", "action", "action.csv", _nobody(n), action),
        Sheet("improvement_plan", "rating", "rating.csv", _nobody(len(rows)), rating),
    ]


def make_targets(known: Known) -> Sheet:
    """A target an indicator and calendar year, last year's and this year's."""
    year = known.as_at.year
    rows = [
        (name, date(of, 1, 1), date(of, 12, 31), target, amber)
        for of in (year - 1, year)
        for name, target, amber in TARGETS
    ]
    names, starts, ends, targets, ambers = zip(*rows, strict=True)
    columns = {
        "indicator": pa.array(names),
        "period_start": pa.array(starts),
        "period_end": pa.array(ends),
        "target": pa.array(targets),
        "amber_from": pa.array(ambers),
    }
    return Sheet("targets", "target", "targets.csv", _nobody(len(rows)), columns)


def make_local_figures(known: Known) -> Sheet:
    """Residents aged 0 to 25 at each mid-year, and the parent carer forum's members at the end of each quarter."""
    rows: list[tuple[str, date, int, str]] = []
    for ago in range(COUNTED_YEARS, -1, -1):
        grown = known.children * (1 - GROWTH) ** ago
        year = known.as_at.year - ago
        estimate = ("population_0_to_25", date(year, 6, 30), round(grown * RESIDENTS_A_PUPIL), "ONS mid-year estimate")
        members = max(5, round(grown * FORUM_MEMBERS_A_PUPIL))
        quarters = [date(year, 3, 31), date(year, 6, 30), date(year, 9, 30), date(year, 12, 31)]
        counts = [("parent_forum_members", day, members + n, "Forum's own count") for n, day in enumerate(quarters)]
        rows += [row for row in (estimate, *counts) if row[1] <= known.as_at]
    figures, days, values, origins = zip(*rows, strict=True)
    columns = {
        "figure": pa.array(figures),
        "date": pa.array(days),
        "value": pa.array(values),
        "origin": pa.array(origins),
    }
    return Sheet("local_figures", "figure", "local_figures.csv", _nobody(len(rows)), columns)


def make_terms(known: Known) -> Sheet:
    """Six stretches of school days a year, of the last, this and the next school year."""
    this = int(school_year(np.array([known.today]))[0])
    rows: list[tuple[str, str, date, date]] = []
    for first in (this - 1, this, this + 1):
        for term, (month, day), (last_month, last_day) in (
            ("Autumn, first half", (9, 2), (10, 24)),
            ("Autumn, second half", (11, 3), (12, 19)),
            ("Spring, first half", (1, 5), (2, 13)),
            ("Spring, second half", (2, 23), (3, 27)),
            ("Summer, first half", (4, 13), (5, 22)),
            ("Summer, second half", (6, 1), (7, 21)),
        ):
            year = first if month >= 9 else first + 1
            start, end = date(year, month, day), date(year, last_month, last_day)
            start += timedelta(days=(7 - start.weekday()) % 7 if start.weekday() >= 5 else 0)
            end -= timedelta(days=max(0, end.weekday() - 4))
            rows.append((academic_year(first), term, start, end))
    years, terms, starts, ends = zip(*rows, strict=True)
    columns = {
        "academic_year": pa.array(years),
        "term": pa.array(terms),
        "start_date": pa.array(starts),
        "end_date": pa.array(ends),
    }
    return Sheet("term_dates", "term", "term_dates.csv", _nobody(len(rows)), columns, day_format="%d/%m/%Y")


def _authorities() -> list[dict[str, str]]:
    with LOCAL_AUTHORITIES.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def make_authorities() -> Sheet:
    """The codes of England's local authorities."""
    held = _authorities()
    columns = {name: pa.array([authority[name] for authority in held]) for name in held[0]}
    headings = {
        "la_code": "Old LA code",
        "gss_code": "New LA code",
        "la_name": "Local authority",
        "region": "Region name",
    }
    return Sheet("la_codes", "local_authority", "la_codes.csv", _nobody(len(held)), columns, headings=headings)


def _ward_code(number: int) -> str:
    return f"E0599{number:04d}"


def _ward_name(number: int) -> str:
    side, place = divmod(number, len(PLACES))
    return f"{PLACES[place]} {SIDES[side % len(SIDES)]}".strip()


def ward_of(postcodes: Sheet) -> dict[str, tuple[str, str]]:
    """Code and name of the ward that each postcode of the directory lies in."""
    numbers = [int(code.removeprefix("E0599")) for code in postcodes.columns["ward"].to_pylist()]
    wards = [(_ward_code(number), _ward_name(number)) for number in numbers]
    return dict(zip(postcodes.columns["postcode"].to_pylist(), wards, strict=True))


def make_postcodes(generator: np.random.Generator, known: Known) -> Sheet:
    """The directory of every postcode of the borough's people and schools: neighbours share an area, areas a ward."""
    of_schools = pa.array([e.postcode for e in known.schools.all], pa.string())
    codes = pa.concat_arrays([pa.array(known.people.postcode, pa.string()), of_schools]).unique()
    codes = codes.take(pc.sort_indices(codes))
    n = len(codes)
    gss = next((a["gss_code"] for a in _authorities() if a["la_code"] == known.la_code), "")
    area = np.arange(n) // HOMES_IN_AN_AREA
    areas = int(area.max(initial=0)) + 1
    decile = np.clip(np.rint(5.5 + 2.6 * generator.normal(size=areas)), 1, 10).astype(np.int64)
    columns = {
        "postcode": codes,
        "lsoa": pa.array([f"E0199{number:04d}" for number in range(areas)]).take(pa.array(area)),
        "ward": pa.array([_ward_code(number) for number in range(areas)]).take(pa.array(area // AREAS_IN_A_WARD)),
        "la_gss_code": pa.repeat(pa.scalar(gss), n),
        "idaci_decile": pa.array(decile[area]),
    }
    headings = {
        "postcode": "pcds",
        "lsoa": "lsoa21",
        "ward": "osward",
        "la_gss_code": "oslaua",
        "idaci_decile": "idaci",
    }
    return Sheet("postcodes", "postcode", "postcodes.csv", _nobody(n), columns, headings=headings)
