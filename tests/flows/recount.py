"""What DfE publishes of a return, recounted from the XML; and the same figures of the warehouse.

The reader knows the XML and the register of schools as anybody receives them, and none of our code.
"""

from __future__ import annotations

import csv
from collections import Counter
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
from lxml import etree

from returns.specification import read_specification
from returns.standing import open_return
from returns.tables import Stamp
from returns.xml import write_xml
from warehouse.home import Home

Figures = dict[str, int]
OUT_OF_EDUCATION = ("NEET", "NIEC", "NIEO")
ELSEWHERE = ("EHE", "OLA", "OPA", "OTH", *OUT_OF_EDUCATION)


def day(element: Any, tag: str) -> date | None:
    text = None if element is None else element.findtext(tag)
    return date.fromisoformat(text) if text else None


def text_of(element: Any, tag: str) -> str:
    return "" if element is None else element.findtext(tag) or ""


def age_on(birth: date, then: date) -> int:
    return then.year - birth.year - ((then.month, then.day) < (birth.month, birth.day))


class Recount:
    """Counts a return as DfE's published tables do, person by person."""

    def __init__(self, path: Path, special_schools: set[str]) -> None:
        self.special_schools = special_schools
        self.figures: Counter[str] = Counter()
        message = etree.parse(str(path), etree.XMLParser(resolve_entities=False, no_network=True)).getroot()
        header = message.find("Header/CollectionDetails")
        self.year = int(text_of(header, "Year")) - 1
        self.survey_day = date.fromisoformat(text_of(header, "ReferenceDate"))
        for person in message.iterfind("Persons/Person"):
            birth = day(person, "PersonBirthDate")
            for request in person.iterfind("Requests"):
                self.request(request)
                self.plan(request)
                for active in request.iterfind("ActivePlans"):
                    self.active(active, birth)

    @property
    def told(self) -> Figures:
        """The figures that are not nought."""
        return {name: count for name, count in self.figures.items() if count}

    def count(self, name: str, is_so: bool = True) -> None:
        self.figures[name] += is_so

    def request(self, request: Any) -> None:
        received, outcome = day(request, "ReceivedDate"), request.findtext("RequestOutcome")
        if received is not None and received.year == self.year and outcome != "H":
            self.count("requests")
            self.count(f"requests {outcome}")
            decided = day(request, "RequestOutcomeDate")
            self.count("requests in 6 weeks", decided is not None and (decided - received).days <= 42)

    def plan(self, request: Any) -> None:
        assessment = request.find("Assessment")
        received, decided = day(request, "ReceivedDate"), day(assessment, "AssessmentOutcomeDate")
        outcome, week20 = text_of(assessment, "AssessmentOutcome"), text_of(assessment, "Week20")
        if outcome == "N" and decided is not None and decided.year == self.year:
            self.count("no plan")
            self.count("no plan in 16 weeks", received is not None and (decided - received).days <= 112)
        plan = None if assessment is None else assessment.find("NamedPlan")
        start, ceased = day(plan, "StartDate"), day(plan, "CeaseDate")
        if start is not None and start.year == self.year:
            self.count("new plans")
            if outcome == "Y" and received is not None:
                in_time, is_exception = (start - received).days <= 140, week20 in ("1", "true")
                self.count("timely of")
                self.count("timely", in_time)
                self.count("timely of, without exceptions", not is_exception)
                self.count("timely, without exceptions", in_time and not is_exception)
        if ceased is not None and ceased.year == self.year:
            self.count("ceased")
            self.count(f"ceased {text_of(plan, 'CeaseReason')}")

    def active(self, active: Any, birth: date | None) -> None:
        self.count("plans")
        if birth is not None:
            self.count(f"age {age_on(birth, self.survey_day)}")
        for need in active.iterfind("SENneed"):
            if need.findtext("SENtypeRank") == "1":
                self.count(f"need {need.findtext('SENtype')}")
        for placement in active.iterfind("PlacementDetail"):
            left = day(placement, "LeavingDate")
            if placement.findtext("PlacementRank") == "1" and (left is None or left > self.survey_day):
                self.count(f"placed {self.kind(placement)}")
        meeting, decision = day(active, "ReviewMeeting"), day(active, "LastReview")
        if meeting is not None and meeting.year == self.year:
            self.count("reviews")
            self.count("reviews in 4 weeks", decision is not None and (decision - meeting).days <= 28)

    def kind(self, placement: Any) -> str:
        setting = placement.findtext("SENSetting")
        if setting:
            return "elsewhere" if setting in ELSEWHERE else "early years"
        return "special" if placement.findtext("URN") in self.special_schools else "other"


WAREHOUSE = """
with request as (
    select
        exported_la, if(outcome_date > $day, 'A', coalesce(outcome, 'A')) as outcome,
        datediff('day', received_date, outcome_date) as days
    from core.fct_request
    where year(received_date) = $year and child_id is not null and coalesce(outcome, 'A') <> 'H'
),

told as (
    select days, if(exported_la is not null and outcome = 'A', 'W', outcome) as answer
    from request
),

refused as (
    select *, datediff('day', received_date, outcome_date) as days from core.fct_assessment
    where outcome = 'N' and year(outcome_date) = $year and child_id is not null
),

begun as (
    select
        plan.plan_start_date, assessment.outcome, assessment.outcome_date, request.received_date,
        coalesce(assessment.has_exception, false) as is_exception,
        datediff('day', request.received_date, plan.plan_start_date) as days
    from core.fct_plan as plan
    left join core.fct_assessment as assessment on plan.assessment_id = assessment.assessment_id
    left join core.fct_request as request on coalesce(assessment.request_id, plan.request_id) = request.request_id
    where year(plan.plan_start_date) = $year
),

-- an assessment decided before the year is historical, and its plan is in nobody's rate
timely as (
    select * from begun
    where outcome = 'Y' and received_date is not null and coalesce(year(outcome_date) = $year, true)
),

ceased as (select * from core.fct_plan where year(cease_date) = $year and child_id is not null),

active as (
    select plan.*, child.birth_date
    from core.fct_plan as plan inner join core.dim_child as child on plan.child_id = child.child_id
    where plan.plan_start_date <= $day and coalesce(plan.cease_date > $day, true)
),

placed as (
    select case
        when placement.sen_setting in ('EHE', 'OLA', 'OPA', 'OTH', 'NEET', 'NIEC', 'NIEO') then 'elsewhere'
        when placement.sen_setting is not null then 'early years'
        when establishment.is_special then 'special'
        else 'other' end as kind
    from core.fct_placement as placement
    inner join active on placement.plan_id = active.plan_id
    left join core.dim_establishment as establishment on placement.urn = establishment.urn
    where placement.setting_rank = 1 and coalesce(placement.entry_date <= $day, true)
        and coalesce(placement.leaving_date > $day, true)
),

reviewed as (
    select review.*, datediff('day', review.meeting_date, review.decision_date) as days
    from core.fct_review as review inner join active on review.plan_id = active.plan_id
    where coalesce(review.meeting_date, review.decision_date) <= $day
    qualify row_number() over (
        partition by review.plan_id
        order by coalesce(review.meeting_date, review.decision_date) desc, review.review_id desc
    ) = 1
)

select 'requests', count(*) from told
union all select 'requests ' || answer, count(*) from told group by all
union all select 'requests in 6 weeks', count(*) from told where answer in ('Y', 'N') and days <= 42
union all select 'no plan', count(*) from refused
union all select 'no plan in 16 weeks', count(*) from refused where days <= 112
union all select 'new plans', count(*) from begun
union all select 'timely of', count(*) from timely
union all select 'timely', count(*) from timely where days <= 140
union all select 'timely of, without exceptions', count(*) from timely where not is_exception
union all select 'timely, without exceptions', count(*) from timely where not is_exception and days <= 140
union all select 'ceased', count(*) from ceased
union all select concat('ceased ', cease_reason), count(*) from ceased group by all
union all select 'plans', count(*) from active
union all select concat('age ', datesub('year', birth_date, $day)), count(*) from active group by all
union all
    select 'need ' || need.sen_type, count(*)
    from core.fct_need as need inner join active on need.plan_id = active.plan_id
    where need.need_rank = 1 group by all
union all select 'placed ' || kind, count(*) from placed group by all
union all select 'reviews', count(*) from reviewed where year(meeting_date) = $year
union all select 'reviews in 4 weeks', count(*) from reviewed where year(meeting_date) = $year and days <= 28
"""


def recounted(home: Home, path: Path) -> Recount:
    """The return of a home, written to ``path`` and counted anew."""
    with open_return(home.warehouse, home.temporary) as connection:
        (year,) = connection.execute("select year from sen2.sen2_header").fetchone() or (0,)
        write_xml(connection, read_specification(year), path, Stamp("test", "1", 1, datetime(year, 2, 1, 9, 30)))
    register = home.folder / "borough" / "extracts" / "gias" / "edubasealldata.csv"
    with register.open(encoding="cp1252", newline="") as handle:
        rows = csv.DictReader(handle)
        special = {row["URN"] for row in rows if "special" in row["TypeOfEstablishment (name)"].lower()}
    return Recount(path, special)


def of_warehouse(home: Home, recount: Recount) -> Figures:
    """The same figures from the facts of the warehouse, without the return's own tables."""
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        counted = connection.execute(WAREHOUSE, {"year": recount.year, "day": recount.survey_day}).fetchall()
    return {str(name): int(count) for name, count in counted if count}


ON_THE_DASHBOARD: dict[str, tuple[str, str | None]] = {
    "requests_received": ("requests", None),
    "plans_issued": ("timely of", None),
    "plans_issued_in_20_weeks": ("timely", "timely of"),
    "plans_issued_in_20_weeks_without_exceptions": ("timely, without exceptions", "timely of, without exceptions"),
    "plans_ceased": ("ceased", None),
    "active_plans": ("plans", None),
}
"""Indicators that count what the return counts: the names of the recount's figures."""


def of_dashboard(home: Home, recount: Recount) -> Figures:
    """The same figures as the dashboard's indicators of the return's year have them."""
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        rows = connection.execute(
            "select indicator_id, numerator, denominator from dashboard.indicator "
            "where period_kind = 'calendar_year' and year(period_start) = ? and breakdown = 'all'",
            [recount.year],
        ).fetchall()
    return {
        name: value
        for indicator, *counts in rows
        for name, value in zip(ON_THE_DASHBOARD.get(indicator, (None, None)), counts, strict=True)
        if name is not None
    }
