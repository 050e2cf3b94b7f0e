"""The education case system's tables, from the caseload: every row as the system would export it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from synthetic.caseload import KIND, Caseload, FloatArray, Requests
from synthetic.days import NO_DAY, academic_age, iso_days, weekday
from synthetic.establishments import Schools
from synthetic.identifiers import IntArray, Texts
from synthetic.names import PROFESSIONALS
from synthetic.people import People
from synthetic.published import NEEDS, PLACEMENT_KINDS, Figures
from synthetic.records import Record, Table, number, records
from synthetic.stays import Stays, pick

EXTRACT = "ehc_case"
MAX_CYCLES = 6
ADVICE_DAYS = 42

AGENCIES = (
    ("education", "School", 1.0, 26),
    ("ep", "Educational psychology service", 1.0, 38),
    ("health", "Community paediatrics", 1.0, 36),
    ("social_care", "Children's social care", 1.0, 27),
    ("sensory", "Sensory support service", 0.14, 30),
    ("other", "Early years inclusion team", 0.1, 28),
)
MANAGERS = {
    "education": "Head of inclusion",
    "ep": "Principal educational psychologist",
    "health": "Designated clinical officer",
    "social_care": "Designated social care officer",
    "sensory": "Sensory service manager",
    "other": "Early years manager",
}
COURSES = ("Writing outcomes", "SEND law", "Preparing for adulthood", "Annual reviews", "Data quality")
QUESTIONS = {
    "plan": ("fully_involved", "communication_good", "plan_accurate", "outcomes_good", "provision_meets_needs"),
    "review": ("fully_involved", "satisfied", "adulthood_transition"),
    "school": ("plan_accurate", "outcomes_clear", "improves_access"),
}


@dataclass
class PlanNeeds:
    """Each case child's primary and second type of need; the second empty for most."""

    first: list[str]
    second: list[str]


def _blank(count: int) -> list[str]:
    return [""] * count


def _place_in_work(plans: list[Record], placements: list[Record]) -> None:
    """Who has work in the plan has it where the child is now."""
    work = {plan["plan_id"]: plan["plan_wbp"] for plan in plans if plan["plan_wbp"]}
    for placement in placements:
        if placement["rank"] == "1" and not placement["leaving_date"]:
            placement["wbp"] = work.get(placement["plan_id"], "")


def _numbered(prefix: str, count: int, width: int = 6) -> list[str]:
    return [f"{prefix}{number:0{width}d}" for number in range(1, count + 1)]


def _flags(values: Sequence[bool] | np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> list[str]:
    return ["1" if value else "0" for value in values]


def _where(condition: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], texts: Sequence[str] | str) -> list[str]:
    """The texts where the condition holds, else nothing."""
    if isinstance(texts, str):
        return [texts if held else "" for held in condition.tolist()]
    return [text if held else "" for held, text in zip(condition.tolist(), texts, strict=True)]


def make_needs(generator: np.random.Generator, figures: Figures, count: int) -> PlanNeeds:
    """Types of need in the published shares; two in five children have a second, always another."""
    codes = np.array([need.upper() for need in NEEDS], dtype=object)
    weights = np.array([figures.need.get(need, 0.0) for need in NEEDS])
    shares = weights / weights.sum()
    first = codes[generator.choice(len(codes), size=count, p=shares)]
    spread = (shares + 0.02) / (shares + 0.02).sum()
    second = codes[generator.choice(len(codes), size=count, p=spread)]
    has_second = (generator.random(count) < 0.45) & (first != second)
    return PlanNeeds(first.tolist(), np.where(has_second, second, "").tolist())


class CaseSystem:
    """Builds the 18 tables, in the order in which each needs those before it."""

    def __init__(
        self,
        generator: np.random.Generator,
        figures: Figures,
        caseload: Caseload,
        people: People,
        placed: Stays,
        schools: Schools,
        needs: PlanNeeds,
        *,
        today: int,
        opening: int,
        is_ever_on_roll: np.ndarray[tuple[int, ...], np.dtype[np.bool_]],
        known_to_health: np.ndarray[tuple[int, ...], np.dtype[np.bool_]],
        social_care_ids: Texts,
    ) -> None:
        self.generator = generator
        self.figures = figures
        self.caseload = caseload
        self.people = people
        self.placed = placed
        self.schools = schools
        self.needs = needs
        self.today = today
        self.opening = opening
        self.is_ever_on_roll = is_ever_on_roll
        self.known_to_health = known_to_health
        self.social_care_ids = social_care_ids
        self.count = len(caseload.birth)
        self.age = academic_age(caseload.birth, np.full(self.count, today))
        self.case_id = [f"S{100_001 + number}" for number in generator.permutation(self.count).tolist()]
        self.request_order = np.lexsort((caseload.requests.child, caseload.requests.received))
        ids = np.empty(len(self.request_order), dtype=object)
        ids[self.request_order] = _numbered("R", len(self.request_order))
        self.request_id: list[str] = ids.tolist()
        self.assessed = np.flatnonzero(caseload.requests.has_assessment)
        self.assessment_of = dict(zip(self.assessed.tolist(), _numbered("A", len(self.assessed)), strict=True))
        self.planned = np.flatnonzero(caseload.plan_start > 0)
        self.plan_of = dict(zip(self.planned.tolist(), _numbered("P", len(self.planned)), strict=True))
        self.caseworkers = max(2, round(len(self.planned) / 160))
        self.worker = self.generator.integers(0, self.caseworkers, size=self.count)
        self.versions = np.ones(self.count, dtype=np.int64)

    def tables(self) -> dict[str, Table]:
        """Every table by name."""
        made = {
            "child": self._children(),
            "request": self._requests(),
            "assessment": self._assessments(),
            "advice": self._advice(),
            "review": self._reviews(),
            "plan": self._plans(),
            "plan_setting": self._named_settings(),
            "placement": self._placements(),
            "need": self._needs(),
            "awaiting_provision": self._awaiting(),
            "visit": self._visits(),
            "mediation_appeal": self._mediations(),
            "complaint": self._complaints(),
            "audit": self._audits(),
            "survey_response": self._surveys(),
            "caseworker": self._caseworkers(),
            "training": self._training(),
        }
        _place_in_work(made["plan"], made["placement"])
        return {name: Table(EXTRACT, name, f"{name}.csv", rows) for name, rows in made.items()}

    def _random(self, count: int) -> FloatArray:
        return self.generator.random(count)

    def _pick(self, texts: Sequence[str], count: int, shares: Sequence[float] | None = None) -> list[str]:
        chosen = self.generator.choice(len(texts), size=count, p=shares)
        return [texts[position] for position in chosen.tolist()]

    def _between(self, low: IntArray, high: IntArray) -> IntArray:
        """A day from each ``low`` to ``high``, both included; ``low`` where ``high`` is before it."""
        span = np.maximum(0, high - low) + 1
        return np.asarray(low + (self._random(len(low)) * span).astype(np.int64), dtype=np.int64)

    def _children(self) -> list[Record]:
        n, people, age = self.count, self.people, self.age
        has_plan = self.caseload.plan_start > 0
        has_upn = self.is_ever_on_roll | ((age >= 5) & (self._random(n) < 0.9))
        has_nhs = self.known_to_health & (self._random(n) < np.where(has_plan, 0.85, 0.6))
        team = np.select([age < 4, age < 11, age < 16], ["Early years", "Primary", "Secondary"], "Post-16")
        code = [
            {-2: "N1", -1: "N2", 0: "R"}.get(year, str(year)) if -2 <= year <= 14 else "" for year in (age - 4).tolist()
        ]
        has_social = self.social_care_ids != ""
        made = records(
            range(n),
            {
                "case_id": self.case_id,
                "upn": _where(has_upn, people.upn[:n].tolist()),
                "uln": _where(has_upn & (age >= 14), people.uln[:n].tolist()),
                "upn_unknown": np.where(has_upn, "", np.where(age < 6, "UN1", "UN2")).tolist(),
                "nhs_number": _where(has_nhs, people.nhs_number[:n].tolist()),
                "social_care_id": _where(has_social & (self._random(n) < 0.7), self.social_care_ids.tolist()),
                "surname": people.surname[:n].tolist(),
                "forename": people.forename[:n].tolist(),
                "middle_names": people.middle[:n].tolist(),
                "preferred_name": _where(self._random(n) < 0.04, people.middle[:n].tolist()),
                "birth_date": iso_days(people.birth[:n]),
                "sex": ["F" if girl else "M" for girl in people.is_girl[:n].tolist()],
                "ethnicity": people.ethnicity[:n].tolist(),
                "postcode": people.postcode[:n].tolist(),
                "address": people.addresses(n),
                "uprn": people.uprn[:n].tolist(),
                "nc_year": code,
                "caseworker": [f"CW{number + 1:02d}" for number in self.worker.tolist()],
                "team": team.tolist(),
                "home_la": [self.figures.la_code] * n,
                "first_language": people.language[:n].tolist(),
                "parent_email": [f"parent{home}@example.org" for home in people.household[:n].tolist()],
            },
        )
        return sorted(made, key=lambda record: record["case_id"])

    def _requests(self) -> list[Record]:
        held = self.caseload.requests
        order = self.request_order
        n = len(order)
        outcome = held.outcome[order]
        is_historical = outcome == "H"
        published = self.figures.requests
        refused = max(1.0, published["requests_decided_not_to_assess"])
        contested = outcome == "N"
        luck = self._random(n)
        other_las = [code for code in ("881", "311", "882", "301", "886") if code != self.figures.la_code]
        source = np.array(self._pick("12345", n, [0.31, 0.61, 0.04, 0.02, 0.02]), dtype=object)
        return records(
            held.child[order].tolist(),
            {
                "request_id": [self.request_id[i] for i in order.tolist()],
                "case_id": [self.case_id[child] for child in held.child[order].tolist()],
                "received_date": iso_days(held.received[order]),
                "source": np.where(is_historical & (luck < 0.7), "", source).tolist(),
                "rya": _flags(self._random(n) < 0.0015),
                "exported_la": _where(held.is_exported[order], self._pick(other_las, n)),
                "outcome_date": iso_days(held.decided[order]),
                "outcome": outcome.tolist(),
                "mediation": _flags(contested & (luck < min(0.9, published["mediation_related_request"] / refused))),
                "tribunal": _flags(contested & (luck > 1 - min(0.5, published["tribunal_related_request"] / refused))),
            },
        )

    def _assessments(self) -> list[Record]:
        held, at = self.caseload.requests, self.assessed
        n = len(at)
        outcome = held.assessment_outcome[at]
        is_exception = held.is_exception[at]
        is_issued = outcome == "Y"
        luck = self._random(n)
        return records(
            held.child[at].tolist(),
            {
                "assessment_id": [self.assessment_of[i] for i in at.tolist()],
                "request_id": [self.request_id[i] for i in at.tolist()],
                "agreed_date": iso_days(held.decided[at]),
                "outcome_date": iso_days(held.assessed[at]),
                "outcome": [code.strip() for code in outcome.tolist()],
                "week20_exception": _flags(is_exception),
                "exception_reason": _where(is_exception, self._pick("cdms", n, [0.35, 0.15, 0.2, 0.3])),
                "mediation": _flags((outcome == "N") & (luck < 0.4)),
                "tribunal": _flags((outcome == "N") & (luck > 0.85)),
                "other_mediation": _flags(is_issued & (luck < 0.015)),
                "other_tribunal": _flags(is_issued & (luck > 0.975)),
                "draft_plan_date": iso_days(held.draft[at]),
            },
        )

    def _advice(self) -> list[Record]:
        """Advice for each assessment made in the three years; what is not back when it ends came in just before."""
        held = self.caseload.requests
        here = self.assessed[held.assessment_outcome[self.assessed] != "H"]
        made: list[Record] = []
        for agency, service, chance, usual in AGENCIES:
            those = here[self._random(len(here)) < chance]
            n = len(those)
            asked = np.minimum(weekday(held.decided[those] + self.generator.integers(0, 6, size=n)), self.today)
            asked = np.maximum(asked, held.decided[those])
            took = np.maximum(3, (usual * self.generator.lognormal(0.0, 0.35, size=n)).astype(np.int64))
            back = weekday(asked + took)
            ended = held.assessed[those]
            back = np.where((ended > 0) & (back > ended - 10), np.maximum(asked + 1, ended - 10), back)
            back = np.where((ended > 0) & (back > ended), ended, back)
            is_back = (back <= self.today) & ((held.assessment_outcome[those] != "W") | (self._random(n) < 0.6))
            due = asked + ADVICE_DAYS
            stop = np.where(is_back, back, self.today)
            is_late = stop > due
            chased = np.where(is_late & (self._random(n) < 0.8), self._between(due + 1, stop), NO_DAY)
            made += records(
                held.child[those].tolist(),
                {
                    "advice_id": [""] * n,
                    "assessment_id": [self.assessment_of[i] for i in those.tolist()],
                    "agency": [agency] * n,
                    "service": [service] * n,
                    "professional": self._pick(PROFESSIONALS, n),
                    "requested_date": iso_days(asked),
                    "due_date": iso_days(due),
                    "returned_date": iso_days(np.where(is_back, back, NO_DAY)),
                    "quality_rating": _where(is_back, self._pick("12345", n, [0.03, 0.1, 0.27, 0.4, 0.2])),
                    "chased_date": iso_days(chased),
                    "escalated_to": _where(stop > due + 14, MANAGERS[agency]),
                },
            )
        made.sort(key=lambda record: (record["assessment_id"], record["agency"]))
        number(made, "advice_id", "D", 6)
        return made

    def _reviews(self) -> list[Record]:
        """The reviews of the three years, a year on from the plan or the last; then the one that is due next."""
        those, caseload = self.planned, self.caseload
        start, end = caseload.plan_start[those], caseload.end[those]
        ceased = caseload.cease[those] > 0
        # Before the three years, reviews came once a year: only the last of them sets when the next is due.
        years = np.maximum(0, (self.opening - start) // 365)
        last = start + years * 365
        made: list[Record] = []
        going = np.ones(len(those), dtype=bool)
        for _ in range(MAX_CYCLES):
            n = len(those)
            due = last + 365
            is_late = self._random(n) < 0.2
            met = weekday(
                due
                + np.where(is_late, self.generator.integers(5, 120, size=n), -self.generator.integers(5, 70, size=n))
            )
            is_held = going & (met <= self.today) & (met < np.where(ceased, end - 5, self.today + 1))
            is_next = going & ~is_held & ~ceased
            made += self._cycle(those, due, met, is_held, is_next)
            last = np.where(is_held, met, last)
            going = is_held
            if not going.any():
                break
        made.sort(key=lambda record: (record["plan_id"], record["due_date"]))
        number(made, "review_id", "V", 6)
        return made

    def _cycle(
        self,
        those: IntArray,
        due: IntArray,
        met: IntArray,
        is_held: np.ndarray[tuple[int, ...], np.dtype[np.bool_]],
        is_next: np.ndarray[tuple[int, ...], np.dtype[np.bool_]],
    ) -> list[Record]:
        chosen = np.flatnonzero(is_held | is_next)
        n = len(chosen)
        held, child = is_held[chosen], those[chosen]
        met, due = met[chosen], due[chosen]
        prompt = self._random(n) < 0.46
        decided = weekday(
            met + np.where(prompt, self.generator.integers(5, 29, size=n), self.generator.integers(30, 110, size=n))
        )
        limit = np.where(self.caseload.cease[child] > 0, self.caseload.end[child], self.today)
        has_decision = held & (decided <= limit)
        amends = has_decision & (self._random(n) < 0.64)
        draft = decided + self.generator.integers(0, 10, size=n)
        has_draft = amends & (draft <= limit)
        final = np.where(
            self._random(n) < 0.5,
            np.maximum(draft + 5, met + self.generator.integers(50, 85, size=n)),
            np.maximum(draft + 15, met + self.generator.integers(85, 190, size=n)),
        )
        has_final = has_draft & (final <= limit)
        np.add.at(self.versions, child[has_final], 1)
        age = academic_age(self.caseload.birth[child], due)
        is_transfer = np.isin(age, (10, 15))
        luck = self._random(n)
        kind = np.select([is_transfer, luck < 0.03, luck < 0.04], ["phase_transfer", "early", "emergency"], "annual")
        services = np.array(["School", "School; health", "School; social care", "School; health; social care"])
        attended = services[self.generator.choice(4, size=n, p=[0.55, 0.2, 0.15, 0.1])]
        return records(
            child.tolist(),
            {
                "review_id": [""] * n,
                "plan_id": [self.plan_of[i] for i in child.tolist()],
                "due_date": iso_days(due),
                "meeting_date": iso_days(np.where(held, met, NO_DAY)),
                "decision": np.where(has_decision, np.where(amends, "A", "M"), "").tolist(),
                "decision_date": iso_days(np.where(has_decision, decided, NO_DAY)),
                "draft_amended_date": iso_days(np.where(has_draft, draft, NO_DAY)),
                "final_amended_date": iso_days(np.where(has_final, final, NO_DAY)),
                "kind": kind.tolist(),
                "attended_by": _where(held, attended.tolist()),
                "pfa_adviser": _where(held, _flags((age >= 13) & (self._random(n) < 0.6))),
                "parent_views": _where(held, _flags(self._random(n) < 0.9)),
                "child_views": _where(held, _flags(self._random(n) < 0.78)),
            },
        )

    def _plans(self) -> list[Record]:
        those, held = self.planned, self.caseload
        n = len(those)
        request = held.request_of_plan[those]
        luck = self._random(n)
        has_budget = luck < 0.008
        is_older = self.age[those] >= 16
        las = [code for code in ("881", "311", "882", "301", "886", "919") if code != self.figures.la_code]
        return records(
            those.tolist(),
            {
                "plan_id": [self.plan_of[i] for i in those.tolist()],
                "assessment_id": [self.assessment_of.get(i, "") for i in request.tolist()],
                "request_id": [self.request_id[i] for i in request.tolist()],
                "start_date": iso_days(held.plan_start[those]),
                "issued_date": iso_days(held.plan_start[those]),
                "plan_res": _where(luck > 0.996, self._pick("AB", n, [0.8, 0.2])),
                "plan_wbp": _where(is_older & (luck > 0.95), self._pick(["SI", "APP", "TRA"], n, [0.4, 0.5, 0.1])),
                "pb": _flags(has_budget),
                "oa": _flags(has_budget & (luck < 0.003)),
                "dp": _where(has_budget & (luck >= 0.003), "E"),
                "cease_date": iso_days(held.cease[those]),
                "cease_reason": held.cease_reason[those].tolist(),
                "transfer_in_la": _where(held.transfer[those] > 0, self._pick(las, n)),
                "transfer_in_date": iso_days(held.transfer[those]),
                "version": [str(version) for version in self.versions[those].tolist()],
            },
        )

    def _setting_columns(self, stays: Stays, ids: list[str], rank: str) -> dict[str, list[str]]:
        n = len(stays.child)
        urns = [e.urn for e in self.schools.all]
        kind = self.caseload.kind[stays.child]
        independent = np.isin(kind, [KIND["special_independent"], KIND["special_non_maintained"]]) & stays.is_final
        special = np.array(["special" in name for name in PLACEMENT_KINDS])[kind] & stays.is_final
        cost = np.where(
            independent,
            self.generator.integers(48_000, 130_000, size=n),
            np.where(
                special, self.generator.integers(17_000, 34_000, size=n), self.generator.integers(6_000, 12_000, size=n)
            ),
        )
        no_cost = np.isin(stays.setting.astype(str), ["NEET", "NIEC", "NIEO", "EHE"])
        return {
            "id": ids,
            "plan_id": [self.plan_of[i] for i in stays.child.tolist()],
            "urn": [urns[i] if i >= 0 else "" for i in stays.school.tolist()],
            "ukprn": stays.ukprn.tolist(),
            "sen_setting": stays.setting.tolist(),
            "sen_setting_other": stays.setting_other.tolist(),
            "rank": [rank] * n,
            "sen_unit": _flags(stays.sen_unit),
            "resourced_provision": _flags(stays.resourced),
            "entry_date": iso_days(stays.entry),
            "leaving_date": iso_days(stays.leave),
            "res": _where(independent & (self._random(n) < 0.18), self._pick("AB", n, [0.8, 0.2])),
            "wbp": _blank(n),
            "cost_per_year": _where(~no_cost, [f"{pounds}.00" for pounds in cost.tolist()]),
            "funder": _where(
                ~no_cost, self._pick(["LA", "LA and ICB", "LA, ICB and social care"], n, [0.93, 0.05, 0.02])
            ),
            "attendance_pattern": _where(~no_cost, self._pick("FP", n, [0.95, 0.05])),
        }

    def _named_settings(self) -> list[Record]:
        """Section I of each plan: where the child is, or for those at no school the college or school wanted."""
        final = self.placed.take(self.placed.is_final)
        final.entry = np.maximum(final.entry, self.caseload.plan_start[final.child])
        at_none = np.isin(final.setting.astype(str), ["NEET", "NIEC", "NIEO", "EHE"])
        is_older = self.age[final.child] >= 16
        leavers = np.flatnonzero(at_none & is_older)
        final.school[leavers] = pick(self.generator, self.schools, "fe", len(leavers))
        final.setting = np.where(at_none, np.where(is_older, "", "OTH"), final.setting)
        final.setting_other = np.where(at_none, np.where(is_older, "", "Mainstream school"), final.setting_other)
        columns = self._setting_columns(final, _numbered("N", len(final.child)), "1")
        return records(final.child.tolist(), columns)

    def _placements(self) -> list[Record]:
        placed = self.placed
        final = placed.take(placed.is_final)
        active = self.caseload.cease[final.child] == NO_DAY
        shared = final.take(active & (self.age[final.child] >= 6) & (self._random(len(final.child)) < 0.02))
        shared.entry = np.maximum(shared.entry, self.caseload.plan_start[shared.child])
        n = len(shared.child)
        older = self.age[shared.child] >= 16
        college, unit = pick(self.generator, self.schools, "fe", n), pick(self.generator, self.schools, "ap", n)
        shared.school = np.where(older, college, unit)
        shared.setting, shared.setting_other, shared.ukprn = (np.full(n, "", dtype=object) for _ in range(3))
        shared.sen_unit, shared.resourced = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
        ids = _numbered("L", len(placed.child) + n)
        first = records(placed.child.tolist(), self._setting_columns(placed, ids[: len(placed.child)], "1"))
        second = self._setting_columns(shared, ids[len(placed.child) :], "2")
        second["attendance_pattern"] = ["P"] * n
        return first + records(shared.child.tolist(), second)

    def _needs(self) -> list[Record]:
        people: list[int] = []
        rows: list[tuple[str, str, str]] = []
        for child in self.planned.tolist():
            plan = self.plan_of[child]
            people += [child]
            rows += [(plan, "1", self.needs.first[child])]
            if second := self.needs.second[child]:
                people += [child]
                rows += [(plan, "2", second)]
        plans, ranks, types = ([*column] for column in zip(*rows, strict=True)) if rows else ([], [], [])
        return records(people, {"plan_id": plans, "rank": ranks, "sen_type": types})

    def _awaiting(self) -> list[Record]:
        active = np.flatnonzero(self.caseload.has_active_plan & (self.age >= 4) & (self.age < 19))
        those = np.sort(self.generator.permutation(active)[: round(len(active) * 0.018)])
        n = len(those)
        low = np.maximum(self.caseload.plan_start[those], self.today - 400)
        return records(
            those.tolist(),
            {
                "case_id": [self.case_id[i] for i in those.tolist()],
                "since": iso_days(self._between(low, np.full(n, self.today))),
                "kind": self._pick(["Special school", "Resourced provision", "Special post-16"], n, [0.7, 0.2, 0.1]),
                "interim_arrangement": self._pick(["Stays at present school", "Tuition", "Part-time timetable"], n),
            },
        )

    def _visits(self) -> list[Record]:
        """A visit a year, some missed, to those away, at home, or in independent and residential places."""
        final = self.placed.take(self.placed.is_final & (self.placed.leave == NO_DAY))
        away = np.array([not e.is_local or e.phase == "independent_special" for e in self.schools.all] + [False])
        watched = final.take(away[final.school] | np.isin(final.setting.astype(str), ["EHE", "OLA"]))
        urns = [e.urn for e in self.schools.all]
        made: list[Record] = []
        for year in range(3):
            low = np.maximum(watched.entry, self.today - 365 * (year + 1) + 1)
            high = np.full(len(low), self.today - 365 * year)
            seen = watched.take((low <= high) & (self._random(len(low)) < 0.85))
            day = weekday(
                self._between(np.maximum(seen.entry, self.today - 365 * (year + 1) + 1), high[: len(seen.child)])
            )
            day = np.maximum(day, seen.entry)
            n = len(day)
            made += records(
                seen.child.tolist(),
                {
                    "visit_id": [""] * n,
                    "case_id": [self.case_id[i] for i in seen.child.tolist()],
                    "urn": [urns[i] if i >= 0 else "" for i in seen.school.tolist()],
                    "date": iso_days(day),
                    "kind": self._pick(["welfare", "qa"], n, [0.7, 0.3]),
                    "outcome": self._pick(["Satisfactory", "Actions agreed", "Concern raised"], n, [0.75, 0.2, 0.05]),
                    "visitor": self._pick(PROFESSIONALS, n),
                    "next_due": iso_days(day + 365),
                },
            )
        made.sort(key=lambda record: (record["date"], record["case_id"]))
        number(made, "visit_id", "W", 5)
        return made

    def _mediations(self) -> list[Record]:
        held: Requests = self.caseload.requests
        refused = np.flatnonzero(np.isin(held.outcome, ["N"]) & (held.decided > 0))
        luck = self._random(len(refused))
        those = refused[luck < 0.27]
        kind = np.where(luck[luck < 0.27] < 0.21, "mediation", "appeal")
        lodged = np.minimum(held.decided[those] + self.generator.integers(5, 60, size=len(those)), self.today)
        held_on = lodged + np.where(kind == "appeal", 140, 30)
        closed = held_on + 7
        n = len(those)
        outcomes = self._pick(["Conceded", "Upheld", "Dismissed", "Agreed"], n, [0.3, 0.3, 0.15, 0.25])
        return records(
            held.child[those].tolist(),
            {
                "id": _numbered("M", n, 5),
                "case_id": [self.case_id[i] for i in held.child[those].tolist()],
                "kind": kind.tolist(),
                "stage": ["Refusal to assess"] * n,
                "lodged_date": iso_days(lodged),
                "held_date": iso_days(np.where(held_on <= self.today, held_on, NO_DAY)),
                "closed_date": iso_days(np.where(closed <= self.today, closed, NO_DAY)),
                "outcome": _where(closed <= self.today, outcomes),
            },
        )

    def _complaints(self) -> list[Record]:
        n = round(self.count * 0.03)
        those = np.sort(self.generator.permutation(self.count)[:n])
        received = weekday(self._between(np.full(n, self.opening), np.full(n, self.today)))
        closed = received + self.generator.integers(10, 90, size=n)
        is_closed = closed <= self.today
        return records(
            those.tolist(),
            {
                "id": _numbered("K", n, 5),
                "case_id": [self.case_id[i] for i in those.tolist()],
                "received": iso_days(received),
                "stage": self._pick(["Stage 1", "Stage 2", "Ombudsman"], n, [0.75, 0.19, 0.06]),
                "upheld": _where(is_closed, _flags(self._random(n) < 0.45)),
                "closed": iso_days(np.where(is_closed, closed, NO_DAY)),
            },
        )

    def _audits(self) -> list[Record]:
        recent = self.planned[self.caseload.end[self.planned] > self.opening + 60]
        those = np.sort(self.generator.permutation(recent)[: round(len(recent) * 0.28)])
        n = len(those)
        low = np.maximum(self.caseload.plan_start[those], self.opening)
        day = self._between(low, self.caseload.end[those])
        met = self.generator.integers(4, 13, size=n)
        grade = np.select(
            [met >= 11, met >= 9, met >= 7], ["Outstanding", "Good", "Requires improvement"], "Inadequate"
        )
        return records(
            those.tolist(),
            {
                "audit_id": _numbered("Q", n, 5),
                "plan_id": [self.plan_of[i] for i in those.tolist()],
                "date": iso_days(day),
                "auditor": self._pick(PROFESSIONALS, n),
                "kind": np.where(day - self.caseload.plan_start[those] < 200, "new", "amended").tolist(),
                "framework_version": ["2"] * n,
                "grade": grade.tolist(),
                "sections_met": [str(sections) for sections in met.tolist()],
            },
        )

    def _surveys(self) -> list[Record]:
        made: list[Record] = []
        for about, questions in QUESTIONS.items():
            n = max(1, round(len(self.planned) * 0.06))
            submitted = iso_days(self._between(np.full(n, self.opening), np.full(n, self.today)))
            by = ["school"] * n if about == "school" else self._pick(["parent", "young_person"], n, [0.85, 0.15])
            for question in questions:
                answers = self._pick("12345", n, [0.08, 0.14, 0.22, 0.34, 0.22])
                columns = {"id": [""] * n, "about": [about] * n, "respondent": by, "submitted": submitted}
                made += records([-1] * n, {**columns, "question": [question] * n, "answer": answers})
        number(made, "id", "U", 6)
        return made

    def _caseworkers(self) -> list[Record]:
        """Those at work, who hold all cases, and a few who left."""
        leavers = max(1, self.caseworkers // 4)
        n = self.caseworkers + leavers
        started = self.today - self.generator.integers(400, 3000, size=n)
        left = np.where(np.arange(n) < self.caseworkers, NO_DAY, self.today - self.generator.integers(20, 380, size=n))
        return records(
            [-1] * n,
            {
                "id": [f"CW{number:02d}" for number in range(1, n + 1)],
                "name": [f"{name} ({number})" for number, name in enumerate(self._pick(PROFESSIONALS, n), start=1)],
                "team": self._pick(["Early years", "Primary", "Secondary", "Post-16"], n),
                "fte": self._pick(["1.00", "0.80", "0.60"], n, [0.7, 0.2, 0.1]),
                "started": iso_days(started),
                "left": iso_days(left),
            },
        )

    def _training(self) -> list[Record]:
        made: list[Record] = []
        for worker in range(1, self.caseworkers + 1):
            taken = [course for course in COURSES if self.generator.random() < 0.6]
            completed = self.today - self.generator.integers(10, 390, size=len(taken))
            columns = {
                "worker": [f"CW{worker:02d}"] * len(taken),
                "course": taken,
                "completed": iso_days(completed),
                "expires": iso_days(completed + 730),
            }
            made += records([-1] * len(taken), columns)
        return made
