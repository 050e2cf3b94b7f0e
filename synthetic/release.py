"""What DfE would have published of the borough: a small release of "Education, health and care plans", as a zip.

It counts the children that the case system holds, so a return made from that agrees but for the year between.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import numpy as np

from returns.surveys import survey_of_year
from synthetic.case_system import PlanNeeds
from synthetic.days import NO_DAY, age_on
from synthetic.identifiers import IntArray
from synthetic.known import Known
from synthetic.published import NEEDS

FOLDER = "dfe_ehc_plans"
PUBLISHED_IN = (6, 30)
ZIPPED_AT = (1980, 1, 1, 0, 0, 0)
NOT_AVAILABLE, SCHOOL_YEAR, CALENDAR_YEAR = "x", "Academic year", "Calendar year"
PLACES = (
    *("time_period", "time_identifier", "geographic_level", "country_code", "country_name", "region_code"),
    *("region_name", "new_la_code", "old_la_code", "la_name", "breakdown_topic", "breakdown"),
)
ALL_PLANS = "All EHC plans"


def released_year(as_at: date) -> int:
    """January of the latest return published on a day: that of the year from the end of June on."""
    return as_at.year if (as_at.month, as_at.day) >= PUBLISHED_IN else as_at.year - 1


def file_name(as_at: date) -> str:
    """The zip below the extracts."""
    return f"{FOLDER}/education-health-and-care-plans-{released_year(as_at)}.zip"


def write_release(folder: Path, known: Known, needs: PlanNeeds) -> None:
    """Writes the zip below ``folder``: plans of each January by age and need, requests and new plans of each year."""
    latest = released_year(known.as_at)
    years = [latest - 1, latest]
    files = {"caseload": _caseload(known, years), "requests": _requests(known, years), "newplans": _new(known, years)}
    files["sen_needs_all_plans"] = _needs(known, needs, years[-1:])
    path = folder / file_name(known.as_at)
    path.parent.mkdir(parents=True, exist_ok=True)
    with ZipFile(path, "w") as packed:
        for name, rows in files.items():
            packed.writestr(_member(f"data/{name}.csv"), "\N{BYTE ORDER MARK}" + _csv(rows), ZIP_DEFLATED)


def _member(name: str) -> ZipInfo:
    member = ZipInfo(name, ZIPPED_AT)
    member.external_attr = 0o644 << 16
    return member


def _csv(rows: Sequence[Mapping[str, object]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _row(known: Known, period: str, topic: str, breakdown: str, figures: Mapping[str, object]) -> dict[str, object]:
    identifier = SCHOOL_YEAR if len(period) > 4 else CALENDAR_YEAR
    told = (period, identifier, "Local authority", "E92000001", "England", "", "", "", known.la_code, known.la_name)
    return {**dict(zip(PLACES, (*told, topic, breakdown), strict=True)), **figures}


def _school_year(january: int) -> str:
    return f"{january - 1}{january % 100:02d}"


def _holders(known: Known, january: int) -> tuple[IntArray, IntArray]:
    """The case children with a plan on the survey day, and how old each was."""
    day = survey_of_year(january).survey_day.toordinal()
    held = np.flatnonzero(known.has_plan(day)[: known.cases])
    return held, age_on(known.caseload.birth[held], np.full(len(held), day))


def _caseload(known: Known, years: Sequence[int]) -> list[dict[str, object]]:
    rows = []
    for january in years:
        _, ages = _holders(known, january)
        period = _school_year(january)
        rows.append(_row(known, period, ALL_PLANS, ALL_PLANS, {"ehcplans": len(ages), "neet": NOT_AVAILABLE}))
        for age, count in zip(*np.unique(np.maximum(ages, 2), return_counts=True), strict=True):
            label = "under 3" if age < 3 else f"age {age}"
            figures = {"ehcplans": int(count), "neet": NOT_AVAILABLE}
            rows.append(_row(known, period, "Child or young persons age", label, figures))
    return rows


def _needs(known: Known, needs: PlanNeeds, years: Sequence[int]) -> list[dict[str, object]]:
    rows = []
    for january in years:
        held, _ = _holders(known, january)
        of_holders = [needs.first[child].lower() for child in held.tolist()]
        counts: dict[str, object] = {f"number_{need}": of_holders.count(need) for need in NEEDS}
        rows.append(_row(known, _school_year(january), ALL_PLANS, ALL_PLANS, {**counts, "number_need_unknown": 0}))
    return rows


def _requests(known: Known, years: Sequence[int]) -> list[dict[str, object]]:
    topic = "All requests for EHC needs assessments"
    received = known.caseload.requests.received
    return [
        _row(known, str(january - 1), topic, topic, {"requests_received_in_year": _of_year(received, january - 1)})
        for january in years
    ]


def _new(known: Known, years: Sequence[int]) -> list[dict[str, object]]:
    topic = "New EHC plans"
    started = known.caseload.plan_start[known.caseload.transfer == NO_DAY]
    return [
        _row(known, str(january - 1), topic, topic, {"new_ehc_plans": _of_year(started, january - 1)})
        for january in years
    ]


def _of_year(days: IntArray, year: int) -> int:
    return int(((days >= date(year, 1, 1).toordinal()) & (days <= date(year, 12, 31).toordinal())).sum())
