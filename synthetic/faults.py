"""Faults planted in an otherwise clean borough, one function a kind, each on children no other fault touches.

Every function takes the borough's extracts, changes a few records and tells the truth of it: the rule that must find
each, the record, the item, and, once the files are written, the file and the row. A kind for which no child is left,
as in a tiny borough, is left out.
"""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from synthetic.caseload import Caseload
from synthetic.census import Corrections, Roll
from synthetic.establishments import Schools
from synthetic.identifiers import with_wrong_check_digit, with_wrong_check_letter
from synthetic.people import People
from synthetic.records import Record, Table
from synthetic.sheets import Sheet
from synthetic.social_care import CinChild

TRUTH_COLUMNS = ("fault", "rule_id", "extract", "table", "record_id", "item", "file", "row")
UNKNOWN_URN = 100_001
NEXT_NUMBER = 990_001


@dataclass(frozen=True)
class _CensusPlace:
    """A pupil's record in one census."""

    census: int
    person: int


@dataclass(frozen=True)
class _SheetPlace:
    """A row of a further extract's file."""

    sheet: Sheet
    row: int


@dataclass(frozen=True)
class Planted:
    """What a rule must find: one line of ``faults.csv`` but for the row, which is known once the files are written."""

    fault: str
    rule_id: str
    extract: str
    table: str
    record_id: str
    item: str
    place: Record | _CensusPlace | _SheetPlace | CinChild


@dataclass
class Extracts:
    """Everything about to be written, and what has been planted in it.

    ``children_in_need`` are in the order of their census; ``more_cases`` are second case numbers of the same people.
    ``rate`` is the share of the records that can have the kind being planted; none for the few of the default.
    """

    generator: np.random.Generator
    as_at: date
    people: People
    caseload: Caseload
    schools: Schools
    tables: dict[str, Table]
    referrals: Table
    rolls: list[Roll]
    corrections: Corrections
    children_in_need: list[CinChild]
    cin_day: date
    cin_file: str
    planted: list[Planted] = field(default_factory=list)
    used: set[int] = field(default_factory=set)
    more_cases: list[tuple[int, str]] = field(default_factory=list)
    rate: float | None = None

    def __post_init__(self) -> None:
        cases = len(self.caseload.birth)
        self.cases = cases
        self.has_plan = set(np.flatnonzero(self.caseload.plan_start > 0).tolist())
        self.active = set(np.flatnonzero(self.caseload.has_active_plan).tolist())
        self.on_roll = {person for roll in self.rolls for person in roll.person[roll.person < cases].tolist()}
        latest = self.rolls[-1]
        self.provision = np.full(len(self.people), "", dtype=latest.provision.dtype)
        self.provision[latest.person] = latest.provision
        self.school = np.full(len(self.people), -1, dtype=np.int64)
        self.school[latest.person] = latest.school
        self.in_need = {child.person for child in self.children_in_need}
        self.referred = Counter(record.person for record in self.referrals.records)
        # of who is on two rolls a fault would stand in two records
        self.used.update(latest.person[latest.status != "C"].tolist())
        self.twins = set(np.flatnonzero(self.people.has_twin).tolist())
        asked = Counter(record.person for record in self.tables["request"].records)
        self.asked_once = {person for person, times in asked.items() if times == 1}
        self.assessment_of = {record["request_id"]: record for record in self.tables["assessment"].records}
        self.request = {record["request_id"]: record for record in self.tables["request"].records}
        self.plan = {record["plan_id"]: record for record in self.tables["plan"].records}
        self.placements: dict[int, list[Record]] = defaultdict(list)
        for record in self.tables["placement"].records:
            self.placements[record.person].append(record)
        self.needs: dict[int, list[Record]] = defaultdict(list)
        for record in self.tables["need"].records:
            self.needs[record.person].append(record)

    def is_free(self, person: int) -> bool:
        """Whether no fault touches the person yet."""
        return person >= 0 and person not in self.used and person not in self.twins

    def choose(self, records: Iterable[Record], fits: Callable[[Record], bool], count: int) -> list[Record]:
        """At most so many fitting records of different free children, by chance; the children are used from now on.

        Where a rate is given it is that share of them, and not fewer.
        """
        found: dict[int, Record] = {}
        for record in records:
            if self.is_free(record.person) and record.person not in found and fits(record):
                found[record.person] = record
        people = list(found)
        chosen = self.generator.permutation(len(people))[: self._times(count, len(people))].tolist()
        self.used.update(people[position] for position in chosen)
        return [found[people[position]] for position in chosen]

    def _times(self, count: int, available: int) -> int:
        return count if self.rate is None or not count else max(count, round(self.rate * available))

    def choose_pupils(self, provision: str, count: int) -> list[int]:
        """People on roll at the latest census with that provision, unknown to the case system and social care."""
        latest = self.rolls[-1]
        free = [
            person
            for person in latest.person[(latest.provision == provision) & (latest.person >= self.cases)].tolist()
            if person not in self.in_need and self.is_free(person)
        ]
        times = self._times(count, len(free))
        chosen = [free[position] for position in self.generator.permutation(len(free))[:times].tolist()]
        self.used.update(chosen)
        return chosen

    def choose_in_need(self, fits: Callable[[CinChild], bool], count: int) -> list[CinChild]:
        """Children in need who are not in the case system."""
        free = [c for c in self.children_in_need if c.person >= self.cases and self.is_free(c.person) and fits(c)]
        times = self._times(count, len(free))
        chosen = [free[position] for position in self.generator.permutation(len(free))[:times].tolist()]
        self.used.update(child.person for child in chosen)
        return chosen

    def tell(
        self, fault: str, rule_id: str, table: str, record: Record, item: str, record_id: str | None = None
    ) -> None:
        """Notes what a rule must find in a table of the case system or in the referrals."""
        held = self.referrals if table == "referral" else self.tables[table]
        record_id = held.record_id(record) if record_id is None else record_id
        self.planted.append(Planted(fault, rule_id, held.extract, table, record_id, item, record))

    def correct_pupil(self, fault: str, rule_id: str, person: int, item: str, element: str, text: str) -> None:
        """Writes a text into a pupil's record of the latest census and notes what a rule must find."""
        census = len(self.rolls) - 1
        self.corrections.texts.setdefault((census, person), []).append((element, text))
        upn = text if element == "UPN" else str(self.people.upn[person])
        laestab = self.schools.all[self.school[person]].laestab
        record_id = f"{self.rolls[-1].census.day.isoformat()}|{laestab}|{upn}"
        place = _CensusPlace(census, person)
        self.planted.append(Planted(fault, rule_id, "school_census", "pupil", record_id, item, place))

    def tell_in_need(self, fault: str, rule_id: str, table: str, child: CinChild, item: str, *key: str) -> None:
        """Notes what a rule must find in the children in need census."""
        record_id = "|".join((self.cin_day.isoformat(), child.la_child_id, *key))
        self.planted.append(Planted(fault, rule_id, "cin_census", table, record_id, item, child))

    def day(self, after: int) -> str:
        """The day so many days after ``as_at``."""
        return (self.as_at + timedelta(days=after)).isoformat()

    def rows_of(self, table: str) -> list[Record]:
        """The records of a table of the case system."""
        return self.tables[table].records


def _shifted(day: str, days: int) -> str:
    return (date.fromisoformat(day) + timedelta(days=days)).isoformat()


def _uk(day: str) -> str:
    return f"{day[8:]}/{day[5:7]}/{day[:4]}"


def _shifted_uk(day: str, days: int) -> str:
    return _uk(_shifted(f"{day[6:]}-{day[3:5]}-{day[:2]}", days))


def _is_refused(x: Extracts) -> Callable[[Record], bool]:
    """The only request of a child without a plan, refused."""
    return lambda r: r["outcome"] == "N" and r.person in x.asked_once and r.person not in x.has_plan


def _is_only_health(x: Extracts) -> Callable[[Record], bool]:
    """The only referral of someone who is not in the case system."""
    return lambda r: r.person >= x.cases and x.referred[r.person] == 1


def _is_current(record: Record) -> bool:
    return record["rank"] == "1" and not record["leaving_date"]


def _is_at_school(x: Extracts) -> Callable[[Record], bool]:
    """The current primary placement, at an establishment, of a child with an active plan."""
    return lambda r: _is_current(r) and bool(r["urn"]) and r.person in x.active


def upn_check_letter_wrong(x: Extracts) -> None:
    """The UPN's check letter is another, in the case system and in the latest census."""
    name = "upn_check_letter_wrong"
    for record in x.choose(x.rows_of("child"), lambda r: bool(r["upn"]) and x.provision[r.person] != "E", 2):
        record["upn"] = with_wrong_check_letter(record["upn"])
        x.tell(name, name, "child", record, "upn")
    for person in x.choose_pupils("N", 2):
        wrong = with_wrong_check_letter(str(x.people.upn[person]))
        x.correct_pupil("census_upn_check_letter_wrong", name, person, "upn", "UPN", wrong)


def upn_shared_by_two_children(x: Extracts) -> None:
    """One child's UPN is written on another too; neither is in a census."""
    name = "upn_shared_by_two_children"
    chosen = x.choose(
        x.rows_of("child"), lambda r: bool(r["upn"]) and r.person not in x.on_roll and r.person not in x.in_need, 2
    )
    for pair in zip(chosen[::2], chosen[1::2], strict=False):
        pair[1]["upn"] = pair[0]["upn"]
        for record in pair:
            x.tell(name, name, "child", record, "upn")


def nhs_number_check_digit_wrong(x: Extracts) -> None:
    """The NHS number's check digit is another, in the case system and at the provider."""
    name = "nhs_number_check_digit_wrong"
    for record in x.choose(x.rows_of("child"), lambda r: bool(r["nhs_number"]), 2):
        record["nhs_number"] = with_wrong_check_digit(record["nhs_number"])
        x.tell(name, name, "child", record, "nhs_number")
    fits = _is_only_health(x)
    for record in x.choose(x.referrals.records, lambda r: fits(r) and bool(r["nhs_number"]), 2):
        record["nhs_number"] = with_wrong_check_digit(record["nhs_number"])
        x.tell("referral_nhs_number_check_digit_wrong", name, "referral", record, "nhs_number")


def nhs_number_shared_by_two_children(x: Extracts) -> None:
    """One child's NHS number is written on another too."""
    name = "nhs_number_shared_by_two_children"
    chosen = x.choose(x.rows_of("child"), lambda r: bool(r["nhs_number"]), 2)
    for pair in zip(chosen[::2], chosen[1::2], strict=False):
        pair[1]["nhs_number"] = pair[0]["nhs_number"]
        for record in pair:
            x.tell(name, name, "child", record, "nhs_number")


def birth_date_in_future(x: Extracts) -> None:
    """A date of birth lies after the day the data are of."""
    name = "birth_date_in_future"
    for record in x.choose(x.rows_of("child"), lambda r: r.person not in x.has_plan and r.person not in x.on_roll, 2):
        record["birth_date"] = x.day(45)
        x.tell(name, name, "child", record, "birth_date")
    for record in x.choose(x.referrals.records, _is_only_health(x), 1):
        record["birth_date"] = _uk(x.day(60))
        x.tell("referral_birth_date_in_future", name, "referral", record, "birth_date")


def birth_date_disagrees_between_sources(x: Extracts) -> None:
    """The case system's date of birth is not the school census's."""
    name = "birth_date_disagrees_between_sources"
    for record in x.choose(
        x.rows_of("child"), lambda r: bool(r["upn"]) and r.person in x.on_roll and r.person not in x.has_plan, 3
    ):
        record["birth_date"] = _shifted(record["birth_date"], -40)
        x.tell(name, name, "child", record, "birth_date")


def value_unreadable(x: Extracts) -> None:
    """A value that is not needed cannot be read as what it should be, or stands for nothing."""
    rule = "value_unreadable"
    at_school = _is_at_school(x)
    plans: tuple[tuple[str, str, str, Callable[[Record], bool]], ...] = (
        ("review", "due_date", "31/02/2026", lambda r: bool(r["meeting_date"])),
        ("plan", "pb", "maybe", lambda r: r.person in x.active),
        ("advice", "quality_rating", "good", lambda r: bool(r["returned_date"])),
        ("placement", "cost_per_year", "tbc", at_school),
        ("placement", "leaving_date", "9999-12-31", at_school),
    )
    for table, item, text, fits in plans:
        for record in x.choose(x.rows_of(table), fits, 1):
            record[item] = text
            fault = "date_is_a_placeholder" if item == "leaving_date" else f"{item}_unreadable"
            x.tell(fault, rule, table, record, item)
    for person in x.choose_pupils("N", 1):
        x.correct_pupil("entry_date_unreadable", rule, person, "entry_date", "EntryDate", "2021-13-45")
    fits = _is_only_health(x)
    for record in x.choose(x.referrals.records, lambda r: fits(r) and not r["discharge_date"], 1):
        record["discharge_date"] = "n/k"
        x.tell("discharge_date_unreadable", rule, "referral", record, "discharge_date")


def code_unknown(x: Extracts) -> None:
    """A code that is in no code set."""
    rule = "code_unknown"
    kinds: tuple[tuple[str, str, str, Callable[[Record], bool]], ...] = (
        ("child", "ethnicity", "ZZZZ", lambda r: True),
        ("request", "source", "9", lambda r: bool(r["source"])),
        ("need", "sen_type", "ADHD", lambda r: r["rank"] == "2"),
    )
    for table, item, text, fits in kinds:
        for record in x.choose(x.rows_of(table), fits, 1):
            record[item] = text
            x.tell(f"{table}_{item}_unknown", rule, table, record, item)
    for person in x.choose_pupils("N", 1):
        x.correct_pupil("pupil_ethnicity_unknown", rule, person, "ethnicity", "Ethnicity", "XXXX")
    for record in x.choose(x.referrals.records, _is_only_health(x), 1):
        record["sex"] = "Z"
        x.tell("referral_sex_unknown", rule, "referral", record, "sex")
    for child in x.choose_in_need(lambda c: True, 1):
        child.primary_need = "X1"
        x.tell_in_need("cin_primary_need_unknown", rule, "cin_episode", child, "primary_need", child.referral)


def row_quarantined(x: Extracts) -> None:
    """A needed value is missing or unreadable, or the row has a cell too many: it cannot be let in."""
    rule = "row_quarantined"
    refused = _is_refused(x)
    refused_only = {r.person for r in x.rows_of("request") if refused(r)}
    for record in x.choose(x.rows_of("child"), lambda r: r.person in refused_only, 1):
        record["birth_date"] = "not known"
        x.tell("child_without_birth_date", rule, "child", record, "birth_date")
    for record in x.choose(x.rows_of("request"), refused, 1):
        record["received_date"] = ""
        x.tell("request_without_received_date", rule, "request", record, "received_date")
    for record in x.choose(x.rows_of("review"), lambda r: bool(r["meeting_date"]), 1):
        record["plan_id"] = ""
        x.tell("review_without_plan", rule, "review", record, "plan_id")
    for record in x.choose(x.rows_of("advice"), lambda r: bool(r["returned_date"]), 1):
        record.extra = ("see file",)
        x.tell("ragged_row", rule, "advice", record, "", record_id="")
    for person in x.choose_pupils("N", 1):
        x.correct_pupil("pupil_without_birth_date", rule, person, "birth_date", "DOB", "")
    for record in x.choose(x.referrals.records, _is_only_health(x), 1):
        record["referral_received_date"] = ""
        x.tell("referral_without_received_date", rule, "referral", record, "referral_received_date")


def request_outcome_without_date(x: Extracts) -> None:
    """A decision whether to assess has no date."""
    name = "request_outcome_without_date"
    refused = x.choose(x.rows_of("request"), _is_refused(x), 2)
    agreed = x.choose(x.rows_of("request"), lambda r: r["outcome"] == "Y" and r.person in x.asked_once, 1)
    for record in refused + agreed:
        record["outcome_date"] = ""
        x.tell(name, name, "request", record, "outcome_date")


def request_outcome_date_without_outcome(x: Extracts) -> None:
    """A decision whether to assess has a date and no outcome."""
    name = "request_outcome_date_without_outcome"
    for record in x.choose(x.rows_of("request"), _is_refused(x), 2):
        record["outcome"] = ""
        x.tell(name, name, "request", record, "outcome")


def request_outcome_before_received(x: Extracts) -> None:
    """A request was decided before it came."""
    name = "request_outcome_before_received"
    for record in x.choose(x.rows_of("request"), _is_refused(x), 2):
        record["outcome_date"] = _shifted(record["received_date"], -10)
        x.tell(name, name, "request", record, "outcome_date")


def request_received_in_future(x: Extracts) -> None:
    """A request comes after the day the data are of."""
    name = "request_received_in_future"
    for record in x.choose(x.rows_of("request"), lambda r: not r["outcome_date"] and r.person in x.asked_once, 2):
        record["received_date"] = x.day(12)
        x.tell(name, name, "request", record, "received_date")


def request_for_unknown_child(x: Extracts) -> None:
    """A request is for a case number that no child has."""
    name = "request_for_unknown_child"
    for number, record in enumerate(x.choose(x.rows_of("request"), _is_refused(x), 2)):
        record["case_id"] = f"S{NEXT_NUMBER + number}"
        x.tell(name, name, "request", record, "case_id")


def assessment_outcome_without_date(x: Extracts) -> None:
    """An assessment's outcome has no date."""
    name = "assessment_outcome_without_date"
    for outcome in ("Y", "N"):
        for record in x.choose(x.rows_of("assessment"), lambda r, o=outcome: r["outcome"] == o, 1):  # type: ignore[misc]
            record["outcome_date"] = ""
            x.tell(name, name, "assessment", record, "outcome_date")


def assessment_outcome_before_request_received(x: Extracts) -> None:
    """An assessment ended before the request for it came."""
    name = "assessment_outcome_before_request_received"
    for record in x.choose(x.rows_of("assessment"), lambda r: r["outcome"] in ("Y", "N"), 2):
        record["outcome_date"] = _shifted(x.request[record["request_id"]]["received_date"], -5)
        x.tell(name, name, "assessment", record, "outcome_date")


def assessment_after_refused_request(x: Extracts) -> None:
    """There is an assessment though the request was refused."""
    name = "assessment_after_refused_request"
    for record in x.choose(x.rows_of("assessment"), lambda r: r["outcome"] in ("", "A"), 2):
        x.request[record["request_id"]]["outcome"] = "N"
        x.tell(name, name, "assessment", record, "request_id")


def assessment_missing_for_agreed_request(x: Extracts) -> None:
    """The LA agreed to assess and there is no assessment."""
    name = "assessment_missing_for_agreed_request"
    for record in x.choose(x.rows_of("request"), _is_refused(x), 2):
        record["outcome"] = "Y"
        x.tell(name, name, "request", record, "outcome")


def exception_reason_missing(x: Extracts) -> None:
    """An exception to the 20 weeks is claimed and no reason given."""
    name = "exception_reason_missing"
    for record in x.choose(x.rows_of("assessment"), lambda r: r["outcome"] == "Y", 2):
        record["week20_exception"], record["exception_reason"] = "1", ""
        x.tell(name, name, "assessment", record, "exception_reason")


def plan_without_issued_assessment(x: Extracts) -> None:
    """A plan comes from an assessment that ended without one."""
    name = "plan_without_issued_assessment"
    by_id = {record["assessment_id"]: record for record in x.rows_of("assessment")}
    for record in x.choose(
        x.rows_of("plan"), lambda r: r["assessment_id"] in by_id and by_id[r["assessment_id"]]["outcome"] == "Y", 2
    ):
        by_id[record["assessment_id"]]["outcome"] = "N"
        x.tell(name, name, "plan", record, "assessment_id")


def plan_issued_before_request_received(x: Extracts) -> None:
    """A plan was issued before the request for it came."""
    name = "plan_issued_before_request_received"
    for record in x.choose(x.rows_of("plan"), lambda r: bool(r["assessment_id"]) and not r["transfer_in_la"], 2):
        record["issued_date"] = _shifted(x.request[record["request_id"]]["received_date"], -30)
        x.tell(name, name, "plan", record, "issued_date")


def cease_date_without_reason(x: Extracts) -> None:
    """A plan ceased and nobody said why."""
    name = "cease_date_without_reason"
    for record in x.choose(x.rows_of("plan"), lambda r: bool(r["cease_date"]), 2):
        record["cease_reason"] = ""
        x.tell(name, name, "plan", record, "cease_reason")


def cease_reason_without_date(x: Extracts) -> None:
    """There is a reason for ceasing and no date."""
    name = "cease_reason_without_date"
    for record in x.choose(x.rows_of("plan"), lambda r: r.person in x.active, 2):
        record["cease_reason"] = "9"
        x.tell(name, name, "plan", record, "cease_date")


def cease_date_before_start(x: Extracts) -> None:
    """A plan ceased before it began."""
    name = "cease_date_before_start"
    for record in x.choose(x.rows_of("plan"), lambda r: bool(r["cease_date"]) and r["cease_reason"] != "1", 2):
        record["cease_date"] = _shifted(record["start_date"], -20)
        x.tell(name, name, "plan", record, "cease_date")


def plan_transferred_in_without_date(x: Extracts) -> None:
    """A plan came from another LA and nobody wrote when."""
    name = "plan_transferred_in_without_date"
    for record in x.choose(x.rows_of("plan"), lambda r: bool(r["transfer_in_la"]), 2):
        record["transfer_in_date"] = ""
        x.tell(name, name, "plan", record, "transfer_in_date")


def active_plan_without_placement(x: Extracts) -> None:
    """A child with an active plan is nowhere: the last placement has ended, or there is none."""
    name = "active_plan_without_placement"
    latest = x.day(-60)

    def has_one(record: Record) -> bool:
        held = x.placements[record.person]
        return record.person in x.active and len(held) == 1 and held[0]["entry_date"] < latest

    chosen = x.choose(x.rows_of("plan"), has_one, 2)
    for position, record in enumerate(chosen):
        (placement,) = x.placements[record.person]
        if position == 0:
            placement["leaving_date"] = x.day(-40)
        else:
            x.rows_of("placement").remove(placement)
        x.tell(name, name, "plan", record, "placement")


def active_plan_without_primary_need(x: Extracts) -> None:
    """A child's plan has no primary need: none at all, or only a secondary one."""
    name = "active_plan_without_primary_need"
    chosen = x.choose(x.rows_of("plan"), lambda r: r.person in x.active and len(x.needs[r.person]) == 1, 2)
    for position, record in enumerate(chosen):
        (need,) = x.needs[record.person]
        if position == 0:
            need["rank"] = "2"
        else:
            x.rows_of("need").remove(need)
        x.tell(name, name, "plan", record, "need")


def two_open_plans_for_one_child(x: Extracts) -> None:
    """A child has a second open plan, with a placement and a need of its own."""
    name = "two_open_plans_for_one_child"
    at_school = _is_at_school(x)
    for number, placement in enumerate(x.choose(x.rows_of("placement"), at_school, 2)):
        plan = x.plan[placement["plan_id"]]
        more = plan.with_texts(plan_id=f"P{NEXT_NUMBER + number}", assessment_id="")
        x.rows_of("plan").append(more)
        own = {"id": f"L{NEXT_NUMBER + number}", "plan_id": more["plan_id"], "rank": "2"}
        x.rows_of("placement").append(placement.with_texts(**own))
        need = x.needs[plan.person][0]
        x.rows_of("need").append(need.with_texts(plan_id=more["plan_id"], rank="1"))
        for record in (plan, more):
            x.tell(name, name, "plan", record, "cease_date")


def plan_cease_reason_1_under_19(x: Extracts) -> None:
    """A plan ceased for having reached the highest age, before 19."""
    name = "plan_cease_reason_1_under_19"

    def is_young(record: Record) -> bool:
        cease = record["cease_date"]
        if not cease:
            return False
        return date.fromisoformat(cease).toordinal() - int(x.people.birth[record.person]) < 18 * 365

    for record in x.choose(x.rows_of("plan"), is_young, 2):
        record["cease_reason"] = "1"
        x.tell(name, name, "plan", record, "cease_reason")


def placement_without_setting(x: Extracts) -> None:
    """A placement does not say where."""
    name = "placement_without_setting"
    for record in x.choose(x.rows_of("placement"), _is_at_school(x), 2):
        record["urn"] = ""
        x.tell(name, name, "placement", record, "urn")


def placement_urn_not_in_gias(x: Extracts) -> None:
    """A placement is at a URN the register does not know."""
    name = "placement_urn_not_in_gias"
    for number, record in enumerate(x.choose(x.rows_of("placement"), _is_at_school(x), 2)):
        record["urn"] = str(UNKNOWN_URN + number)
        x.tell(name, name, "placement", record, "urn")


def placement_at_closed_establishment(x: Extracts) -> None:
    """A child is said to be at a school that has closed."""
    name = "placement_at_closed_establishment"
    closed = x.schools.closed
    for number, record in enumerate(x.choose(x.rows_of("placement"), _is_at_school(x), 2 if closed else 0)):
        record["urn"] = closed[number % len(closed)].urn
        x.tell(name, name, "placement", record, "urn")


def _past_placements(x: Extracts) -> list[tuple[Record, Record]]:
    """The last two primary placements of each active plan that has so many: the one before and the present one."""
    found = []
    for person in x.placements:
        held = [record for record in x.placements[person] if record["rank"] == "1"]
        held.sort(key=lambda record: record["entry_date"])
        if person in x.active and len(held) >= 2 and not held[-1]["leaving_date"]:
            found.append((held[-2], held[-1]))
    return found


def placement_leaving_before_entry(x: Extracts) -> None:
    """A child left a placement before coming to it."""
    name = "placement_leaving_before_entry"
    for record in x.choose([before for before, _ in _past_placements(x)], lambda r: True, 2):
        record["leaving_date"] = _shifted(record["entry_date"], -30)
        x.tell(name, name, "placement", record, "leaving_date")


def placements_primary_overlap(x: Extracts) -> None:
    """A child is in two primary placements at once for a while."""
    name = "placements_primary_overlap"
    pairs = {now["id"]: before for before, now in _past_placements(x)}
    latest = x.day(-40)
    for record in x.choose(
        [r for r in x.rows_of("placement") if r["id"] in pairs], lambda r: r["entry_date"] < latest, 2
    ):
        pairs[record["id"]]["leaving_date"] = _shifted(record["entry_date"], 25)
        x.tell(name, name, "placement", record, "entry_date")


def placement_urn_and_setting_both(x: Extracts) -> None:
    """A placement is at an establishment and at a kind of setting that is none."""
    name = "placement_urn_and_setting_both"
    for record in x.choose(x.rows_of("placement"), _is_at_school(x), 2):
        record["sen_setting"] = "OLA"
        x.tell(name, name, "placement", record, "sen_setting")


def neet_under_16(x: Extracts) -> None:
    """A child of compulsory school age is said to be not in education, employment or training."""
    name = "neet_under_16"
    at_school = _is_at_school(x)
    born_after = x.as_at.toordinal() - 15 * 365
    for record in x.choose(
        x.rows_of("placement"), lambda r: at_school(r) and int(x.people.birth[r.person]) > born_after, 2
    ):
        record["urn"], record["sen_setting"] = "", "NEET"
        x.tell(name, name, "placement", record, "sen_setting")


def sen_unit_and_resourced_provision_both(x: Extracts) -> None:
    """A placement is in a SEN unit and in resourced provision."""
    name = "sen_unit_and_resourced_provision_both"
    for record in x.choose(x.rows_of("placement"), _is_at_school(x), 2):
        record["sen_unit"], record["resourced_provision"] = "1", "1"
        x.tell(name, name, "placement", record, "sen_unit")


def need_rank_repeated_or_type_repeated(x: Extracts) -> None:
    """A plan's secondary need is its primary one again."""
    name = "need_rank_repeated_or_type_repeated"
    for record in x.choose(x.rows_of("need"), lambda r: r["rank"] == "2" and len(x.needs[r.person]) == 2, 2):
        record["sen_type"] = next(need["sen_type"] for need in x.needs[record.person] if need["rank"] == "1")
        x.tell(name, name, "need", record, "sen_type")


def need_type_nsa_in_plan(x: Extracts) -> None:
    """A plan's need is the census's 'no specialist assessment', which is no need of a plan nor a code of one."""
    name = "need_type_nsa_in_plan"
    for record in x.choose(x.rows_of("need"), lambda r: r["rank"] == "2", 2):
        record["sen_type"] = "NSA"
        x.tell(name, name, "need", record, "sen_type")
        x.tell(name, "code_unknown", "need", record, "sen_type")


def review_meeting_before_plan_start(x: Extracts) -> None:
    """A plan was reviewed before it began."""
    name = "review_meeting_before_plan_start"
    for record in x.choose(x.rows_of("review"), lambda r: bool(r["meeting_date"]), 2):
        record["meeting_date"] = _shifted(x.plan[record["plan_id"]]["start_date"], -15)
        x.tell(name, name, "review", record, "meeting_date")


def review_decision_without_date(x: Extracts) -> None:
    """A decision after a review has no date."""
    name = "review_decision_without_date"
    for record in x.choose(x.rows_of("review"), lambda r: r["decision"] == "M", 3):
        record["decision_date"] = ""
        x.tell(name, name, "review", record, "decision_date")


def review_decision_before_meeting(x: Extracts) -> None:
    """A decision after a review came before the meeting."""
    name = "review_decision_before_meeting"
    for record in x.choose(x.rows_of("review"), lambda r: r["decision"] == "M", 2):
        record["decision_date"] = _shifted(record["meeting_date"], -6)
        x.tell(name, name, "review", record, "decision_date")


def review_decision_date_without_decision(x: Extracts) -> None:
    """The date of a decision after a review is given, and not the decision."""
    name = "review_decision_date_without_decision"
    for record in x.choose(x.rows_of("review"), lambda r: r["decision"] == "M", 2):
        record["decision"] = ""
        x.tell(name, name, "review", record, "decision")


def review_decided_in_future(x: Extracts) -> None:
    """A review that is still to come has its decision already."""
    name = "review_decided_in_future"
    for record in x.choose(x.rows_of("review"), lambda r: not r["meeting_date"] and r.person in x.active, 2):
        record["meeting_date"], record["decision"], record["decision_date"] = x.day(14), "M", x.day(21)
        x.tell(name, name, "review", record, "meeting_date")


def advice_returned_before_requested(x: Extracts) -> None:
    """Advice came back before it was asked for."""
    name = "advice_returned_before_requested"
    for record in x.choose(x.rows_of("advice"), lambda r: bool(r["returned_date"]), 2):
        record["returned_date"] = _shifted(record["requested_date"], -9)
        x.tell(name, name, "advice", record, "returned_date")


def advice_for_unknown_assessment(x: Extracts) -> None:
    """Advice is for an assessment that there is none of."""
    name = "advice_for_unknown_assessment"
    for number, record in enumerate(x.choose(x.rows_of("advice"), lambda r: bool(r["returned_date"]), 2)):
        record["assessment_id"] = f"A{NEXT_NUMBER + number}"
        x.tell(name, name, "advice", record, "assessment_id")


def same_person_two_cases(x: Extracts) -> None:
    """A child who asked again was given a second case number."""
    name = "same_person_two_cases"
    refused = _is_refused(x)
    asked = {record.person: record for record in x.rows_of("request") if refused(record)}
    for number, record in enumerate(x.choose(x.rows_of("child"), lambda r: r.person in asked, 2)):
        case_id = f"S{NEXT_NUMBER + 5_000 + number}"
        blank = dict.fromkeys(("upn", "uln", "nhs_number", "social_care_id"), "")
        more = record.with_texts(case_id=case_id, **blank)
        x.rows_of("child").append(more)
        request = asked[record.person]
        own = {"request_id": f"R{NEXT_NUMBER + number}", "case_id": case_id}
        x.rows_of("request").append(request.with_texts(**own))
        x.more_cases.append((record.person, case_id))
        for child in (record, more):
            x.tell(name, name, "child", child, "case_id")


def duplicate_key(x: Extracts) -> None:
    """The same key stands twice in one delivery, the rows differing a little."""
    name = "duplicate_key"
    kinds: tuple[tuple[str, str, str, Callable[[Record], bool]], ...] = (
        ("child", "address", "1 Station Road", lambda r: r.person not in x.has_plan),
        ("review", "attended_by", "School; parents", lambda r: bool(r["meeting_date"])),
        ("advice", "quality_rating", "3", lambda r: bool(r["returned_date"])),
    )
    for table, column, text, fits in kinds:
        for record in x.choose(x.rows_of(table), fits, 1):
            more = record.with_texts(**{column: text})
            x.rows_of(table).append(more)
            x.tell(f"{table}_twice", name, table, more, x.tables[table].key[0])
    for record in x.choose(x.referrals.records, _is_only_health(x), 1):
        more = record.with_texts(priority="Soon")
        x.referrals.records.append(more)
        x.tell("referral_twice", name, "referral", more, x.referrals.key[0])


def census_ehc_plan_without_case(x: Extracts) -> None:
    """A school says a pupil has a plan, and the case system knows nothing of it."""
    name = "census_ehc_plan_without_case"
    for person in x.choose_pupils("K", 3):
        x.correct_pupil(name, name, person, "sen_provision", "SENprovision", "E")


def referral_contact_before_received(x: Extracts) -> None:
    """A patient was seen before the referral came."""
    name = "referral_contact_before_received"
    fits = _is_only_health(x)
    for record in x.choose(x.referrals.records, lambda r: fits(r) and bool(r["first_contact_date"]), 2):
        record["first_contact_date"] = _shifted_uk(record["referral_received_date"], -5)
        x.tell(name, name, "referral", record, "first_contact_date")


def referral_stopped_before_received(x: Extracts) -> None:
    """A wait ended before the referral came."""
    name = "referral_stopped_before_received"
    fits = _is_only_health(x)
    for record in x.choose(x.referrals.records, lambda r: fits(r) and bool(r["clock_stop_date"]), 2):
        record["clock_stop_date"] = _shifted_uk(record["referral_received_date"], -3)
        x.tell(name, name, "referral", record, "clock_stop_date")


def cin_closure_before_referral(x: Extracts) -> None:
    """A child's case with social care was closed before it was opened."""
    name = "cin_closure_before_referral"
    for child in x.choose_in_need(lambda c: bool(c.closure) and not c.protection, 2):
        child.closure = _shifted(child.referral, -10)
        x.tell_in_need(name, name, "cin_episode", child, "closure_date", child.referral)


def cin_upn_check_letter_wrong(x: Extracts) -> None:
    """The UPN that social care holds has another check letter."""
    name = "cin_upn_check_letter_wrong"
    for child in x.choose_in_need(lambda c: bool(c.upn), 2):
        child.upn = with_wrong_check_letter(child.upn)
        x.tell_in_need(name, name, "child", child, "upn")


def cp_plan_end_before_start(x: Extracts) -> None:
    """A child protection plan ended before it began."""
    name = "cp_plan_end_before_start"
    for child in x.choose_in_need(lambda c: bool(c.protection), 2):
        start = child.protection["CPPstartDate"]
        child.protection["CPPendDate"] = _shifted(start, -15)
        x.tell_in_need(name, name, "child_protection_plan", child, "end_date", start)


def future_date(x: Extracts) -> None:
    """Something is said to have happened after the day the data are of."""
    rule = "future_date"
    for record in x.choose(x.rows_of("request"), _is_refused(x), 1):
        record["outcome_date"] = x.day(9)
        x.tell("request_decided_in_future", rule, "request", record, "outcome_date")
    for record in x.choose(x.rows_of("plan"), lambda r: r.person in x.active, 1):
        record["issued_date"] = x.day(11)
        x.tell("plan_issued_in_future", rule, "plan", record, "issued_date")
    for record in x.choose(x.rows_of("review"), lambda r: bool(r["final_amended_date"]), 1):
        record["final_amended_date"] = x.day(8)
        x.tell("plan_amended_in_future", rule, "review", record, "final_amended_date")


# The rarer the children a kind needs, the earlier it chooses.
KINDS: tuple[Callable[[Extracts], None], ...] = (
    request_received_in_future,
    assessment_after_refused_request,
    birth_date_in_future,
    upn_shared_by_two_children,
    plan_transferred_in_without_date,
    plan_cease_reason_1_under_19,
    cease_date_before_start,
    cease_date_without_reason,
    cp_plan_end_before_start,
    cin_closure_before_referral,
    cin_upn_check_letter_wrong,
    placements_primary_overlap,
    placement_leaving_before_entry,
    birth_date_disagrees_between_sources,
    same_person_two_cases,
    request_outcome_without_date,
    request_outcome_date_without_outcome,
    request_outcome_before_received,
    request_for_unknown_child,
    assessment_missing_for_agreed_request,
    assessment_outcome_without_date,
    assessment_outcome_before_request_received,
    exception_reason_missing,
    plan_without_issued_assessment,
    plan_issued_before_request_received,
    advice_returned_before_requested,
    advice_for_unknown_assessment,
    row_quarantined,
    future_date,
    duplicate_key,
    review_decided_in_future,
    review_meeting_before_plan_start,
    review_decision_without_date,
    review_decision_before_meeting,
    review_decision_date_without_decision,
    need_rank_repeated_or_type_repeated,
    need_type_nsa_in_plan,
    active_plan_without_placement,
    active_plan_without_primary_need,
    two_open_plans_for_one_child,
    cease_reason_without_date,
    placement_without_setting,
    placement_urn_not_in_gias,
    placement_at_closed_establishment,
    placement_urn_and_setting_both,
    neet_under_16,
    sen_unit_and_resourced_provision_both,
    nhs_number_check_digit_wrong,
    nhs_number_shared_by_two_children,
    upn_check_letter_wrong,
    value_unreadable,
    code_unknown,
    census_ehc_plan_without_case,
    referral_contact_before_received,
    referral_stopped_before_received,
)


FAULTS: dict[str, str] = {plant.__name__: str(plant.__doc__).splitlines()[0] for plant in KINDS}
"""Every kind of fault by its name, and what it is."""


def plant_faults(extracts: Extracts, rates: Mapping[str, float], *, is_every_kind: bool) -> None:
    """Plants a few of every kind for which children are left, and of those with a rate that share of what can be so."""
    for plant in KINDS:
        extracts.rate = rates.get(plant.__name__)
        if is_every_kind or extracts.rate is not None:
            plant(extracts)
    extracts.rate = None


def plant_further_faults(extracts: Extracts, sheets: Iterable[Sheet]) -> None:
    """Plants, in the last file of each table about people, one of each fault that any table can have."""
    for sheet in {(sheet.extract, sheet.table): sheet for sheet in sheets}.values():
        for plant in (_unreadable_day, _unknown_code, _row_without, _key_twice):
            plant(extracts, sheet)


def _tell_of_row(x: Extracts, fault: str, rule_id: str, sheet: Sheet, row: int, record_id: str, item: str) -> None:
    place = _SheetPlace(sheet, row)
    x.planted.append(Planted(fault, rule_id, sheet.extract, sheet.table, record_id, item, place))


def _choose_row(x: Extracts, sheet: Sheet, column: str | None = None) -> int | None:
    """A row, with something in the column, of a child no other fault touches; used from now on."""
    held = len(sheet) and (np.ones(len(sheet), dtype=bool) if column is None else ~_empty(sheet, column))
    rows = np.flatnonzero(held)
    for row in x.generator.permutation(rows)[:200].tolist():
        if x.is_free(int(sheet.person[row])):
            x.used.add(int(sheet.person[row]))
            return int(row)
    return None


def _empty(sheet: Sheet, column: str) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    return np.asarray(sheet.columns[column].is_null().to_numpy(zero_copy_only=False), dtype=bool)


def _unreadable_day(x: Extracts, sheet: Sheet) -> None:
    """A day that there is none of."""
    contract = sheet.contract
    columns = [name for name, c in contract.columns.items() if c.type == "date" and name not in contract.needed]
    for column in columns[-1:]:
        if (row := _choose_row(x, sheet, column)) is not None:
            sheet.corrections[row, column] = "31/02/2025"
            record_id = sheet.record_id(row)
            _tell_of_row(x, "value_unreadable", "value_unreadable", sheet, sheet.first_row + row, record_id, column)


def _unknown_code(x: Extracts, sheet: Sheet) -> None:
    """A code that the set does not have."""
    contract = sheet.contract
    columns = [name for name, c in contract.columns.items() if c.code_set and name not in contract.key]
    for column in columns[:1]:
        if (row := _choose_row(x, sheet, column)) is not None:
            sheet.corrections[row, column] = "ZZ9"
            record_id = sheet.record_id(row)
            _tell_of_row(x, "code_unknown", "code_unknown", sheet, sheet.first_row + row, record_id, column)


def _row_without(x: Extracts, sheet: Sheet) -> None:
    """A row lacks what it cannot do without."""
    contract = sheet.contract
    column = contract.needed[-1]
    if (row := _choose_row(x, sheet)) is not None:
        sheet.corrections[row, column] = ""
        record_id = "" if column in contract.key else sheet.record_id(row)
        _tell_of_row(x, "row_quarantined", "row_quarantined", sheet, sheet.first_row + row, record_id, column)


def _key_twice(x: Extracts, sheet: Sheet) -> None:
    """A record stands twice in one delivery, the rows differing a little where they can."""
    contract = sheet.contract
    others = [name for name, c in contract.columns.items() if c.type == "text" and name not in contract.needed]
    if (row := _choose_row(x, sheet)) is not None:
        texts = {} if not others else {others[-1]: ""}
        sheet.repeats.append((row, texts))
        at = sheet.first_row + len(sheet) + len(sheet.repeats) - 1
        _tell_of_row(x, "duplicate_key", "duplicate_key", sheet, at, sheet.record_id(row), contract.key[-1])


def write_truth(path: Path, extracts: Extracts) -> None:
    """Writes ``faults.csv``: what each rule must find, and where. To be called after every file is written."""
    wanted = {id(planted.place) for planted in extracts.planted}
    rows = {id(table): table.rows_of(wanted) for table in (*extracts.tables.values(), extracts.referrals)}
    path.parent.mkdir(parents=True, exist_ok=True)
    children = {id(child): ordinal for ordinal, child in enumerate(extracts.children_in_need, start=1)}
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(TRUTH_COLUMNS)
        for planted in extracts.planted:
            if isinstance(planted.place, _CensusPlace):
                census = planted.place.census
                file, row = extracts.rolls[census].place(extracts.corrections.positions[census, planted.place.person])
            elif isinstance(planted.place, _SheetPlace):
                file, row = planted.place.sheet.landed_file, planted.place.row
            elif isinstance(planted.place, CinChild):
                file, row = extracts.cin_file, children[id(planted.place)]
            else:
                table = extracts.referrals if planted.table == "referral" else extracts.tables[planted.table]
                file, row = table.file, rows[id(table)][id(planted.place)]
            writer.writerow(
                [
                    planted.fault,
                    planted.rule_id,
                    planted.extract,
                    planted.table,
                    planted.record_id,
                    planted.item,
                    file,
                    row,
                ]
            )
