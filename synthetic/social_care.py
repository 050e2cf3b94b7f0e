"""The children in need census: who social care knows, in the yearly message's shape."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np

from synthetic.days import NO_DAY, iso_days
from synthetic.identifiers import IntArray, Texts
from synthetic.people import People

EXTRACT = "cin_census"
PRIMARY_NEEDS = ("N1", "N2", "N3", "N4", "N5", "N6", "N7", "N8")
NEED_SHARES = (0.5, 0.14, 0.04, 0.12, 0.14, 0.03, 0.01, 0.02)
SOURCES = ("1A", "1B", "2A", "2B", "3A", "3E", "5A", "6", "7", "8", "10")
CATEGORIES = ("NEG", "EMO", "PHY", "SAB", "MUL")
CLOSURES = ("RC1", "RC3", "RC4", "RC5", "RC8", "RC9")
DISABILITIES = ("AUT", "LD", "COMM", "BEH", "MOB", "PC", "HEAR", "VIS")
UPN_UNKNOWN = ("UN1", "UN2", "UN3", "UN5")


@dataclass
class CinChild:
    """One child of the census: the person (a position in ``People``) and the texts a fault may change.

    Dates are ISO, empty where there is none. ``protection`` is the child protection plan's start, end, category and
    number of plans before; empty for most.
    """

    person: int
    la_child_id: str
    upn: str
    upn_unknown: str
    birth: str
    sex: str
    ethnicity: str
    disabilities: list[str]
    referral: str
    source: str
    primary_need: str
    closure: str
    closure_reason: str
    assessment: tuple[str, str]
    plan: tuple[str, str]
    section_47: tuple[str, str, str]
    conference: str
    protection: dict[str, str] = field(default_factory=dict)
    reviews: list[str] = field(default_factory=list)


def reference_date(as_at: date) -> date:
    """The last 31 March, the day of the census."""
    return date(as_at.year if as_at >= date(as_at.year, 3, 31) else as_at.year - 1, 3, 31)


def make_children_in_need(
    generator: np.random.Generator, people: People, persons: IntArray, ids: Texts, day: date, is_disabled: Texts
) -> list[CinChild]:
    """The children in need of the year to ``day``; ``ids`` are theirs in social care, in order.

    One in three was on a child protection plan at some time; half of those are still.
    """
    count, today = len(persons), day.toordinal()
    born = people.birth[persons]
    low = np.maximum(today - 900, born + 5)
    referred = low + (generator.random(count) ** 0.7 * np.maximum(1, today - 12 - low)).astype(np.int64)
    lasts = generator.integers(40, 500, size=count)
    year_opens = today - 364
    closes = np.maximum(referred + lasts, np.maximum(year_opens, referred + 10))
    is_closed = closes <= today
    assessed = referred + generator.integers(1, 8, size=count)
    authorised = assessed + generator.integers(12, 46, size=count)
    is_authorised = authorised <= np.where(is_closed, closes, today)
    plan_from = authorised + 1
    has_plan = is_authorised & (generator.random(count) < 0.55) & (plan_from < np.where(is_closed, closes, today))
    protected = is_authorised & ~has_plan & (generator.random(count) < 0.7)
    enquired = np.maximum(assessed, authorised - 10)
    conference = enquired + generator.integers(8, 15, size=count)
    until = np.where(is_closed, closes, today)
    protected &= conference + 5 <= until
    ends = conference + generator.integers(60, 420, size=count)
    is_over = protected & ((ends < until) | is_closed)
    ends = np.where(ends < until, ends, until)
    reviewed = conference + 85
    has_upn = (born < today - 4 * 366) & (generator.random(count) < 0.93)

    def days(values: IntArray, held: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> list[str]:
        return iso_days(np.where(held, values, NO_DAY))

    always = np.ones(count, dtype=bool)
    texts = zip(
        days(born, always),
        days(referred, always),
        days(closes, is_closed),
        days(assessed, always),
        days(authorised, is_authorised),
        days(plan_from, has_plan),
        days(closes, has_plan & is_closed),
        days(enquired, protected),
        days(conference, protected),
        days(ends, is_over),
        days(reviewed, protected & (reviewed <= np.where(is_over, ends, until))),
        days(enquired + 15, protected),
        strict=True,
    )
    needs = generator.choice(len(PRIMARY_NEEDS), size=count, p=NEED_SHARES).tolist()
    luck = generator.integers(0, 10**6, size=count).tolist()
    children = []
    for at, (
        birth,
        referral,
        closure,
        start,
        authorisation,
        planned,
        plan_end,
        s47,
        cpc,
        over,
        review,
        target,
    ) in enumerate(texts):
        person, chance = int(persons[at]), luck[at]
        child = CinChild(
            person=person,
            la_child_id=str(ids[at]),
            upn=str(people.upn[person]) if has_upn[at] else "",
            upn_unknown="" if has_upn[at] else UPN_UNKNOWN[chance % 4 if birth < "2020" else 0],
            birth=birth,
            sex="F" if people.is_girl[person] else "M",
            ethnicity=str(people.ethnicity[person]),
            disabilities=[DISABILITIES[chance % 8]] if is_disabled[at] else ["NONE"],
            referral=referral,
            source=SOURCES[chance % len(SOURCES)],
            primary_need=PRIMARY_NEEDS[needs[at]],
            closure=closure,
            closure_reason=CLOSURES[chance % len(CLOSURES)] if closure else "",
            assessment=(start, authorisation),
            plan=(planned, plan_end),
            section_47=(s47, target, cpc),
            conference=cpc,
        )
        if cpc:
            category = CATEGORIES[chance % len(CATEGORIES)]
            child.protection = {
                "CPPstartDate": cpc,
                "CPPendDate": over,
                "InitialCategoryOfAbuse": category,
                "LatestCategoryOfAbuse": category,
                "NumberOfPreviousCPP": str(chance % 7 // 5),
            }
            child.reviews = [review] if review else []
        children.append(child)
    return children


def _element(name: str, content: str) -> str:
    return f"<{name}>{content}</{name}>" if content else ""


def _elements(pairs: dict[str, str]) -> str:
    return "".join(_element(name, text) for name, text in pairs.items())


def _child_xml(child: CinChild) -> str:
    identifiers = _elements(
        {
            "LAchildID": child.la_child_id,
            "UPN": child.upn,
            "UPNunknown": child.upn_unknown,
            "PersonBirthDate": child.birth,
            "Sex": child.sex,
        }
    )
    disabilities = "".join(_element("Disability", code) for code in child.disabilities)
    started, authorised = child.assessment
    planned, plan_end = child.plan
    enquired, target, conference = child.section_47
    protection = _elements(child.protection)
    protection += "".join(_element("Reviews", _element("CPPreviewDate", day)) for day in child.reviews)
    details = _elements(
        {
            "CINreferralDate": child.referral,
            "ReferralSource": child.source,
            "PrimaryNeedCode": child.primary_need,
            "CINclosureDate": child.closure,
            "ReasonForClosure": child.closure_reason,
            "DateOfInitialCPC": child.conference,
            "Assessments": _elements({"AssessmentActualStartDate": started, "AssessmentAuthorisationDate": authorised}),
            "CINPlanDates": _elements({"CINPlanStartDate": planned, "CINPlanEndDate": plan_end}),
            "Section47": _elements(
                {
                    "S47ActualStartDate": enquired,
                    "InitialCPCtarget": target,
                    "DateOfInitialCPC": conference,
                    "ICPCnotRequired": "false" if enquired else "",
                }
            ),
            "ReferralNFA": "false",
            "ChildProtectionPlans": protection,
        }
    )
    return (
        f"<Child><ChildIdentifiers>{identifiers}</ChildIdentifiers><ChildCharacteristics>"
        f"<Ethnicity>{child.ethnicity}</Ethnicity><Disabilities>{disabilities}</Disabilities></ChildCharacteristics>"
        f"<CINdetails>{details}</CINdetails></Child>\n"
    )


def write_children_in_need(path: Path, children: list[CinChild], *, la_code: str, day: date) -> None:
    """Writes the census message."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Message>\n<Header><CollectionDetails><Collection>CIN</Collection>'
        f"<Year>{day.year}</Year><ReferenceDate>{day.isoformat()}</ReferenceDate></CollectionDetails><Source>"
        f"<SourceLevel>L</SourceLevel><LEA>{la_code}</LEA><SoftwareCode>Synthetic</SoftwareCode>"
        "<SerialNo>001</SerialNo></Source></Header>\n<Children>\n"
    )
    with path.open("w", encoding="utf-8", newline="\n") as handle:
        handle.write(header)
        handle.writelines(_child_xml(child) for child in children)
        handle.write("</Children>\n</Message>\n")
