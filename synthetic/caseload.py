"""The children the SEN team knows: their requests, assessments and plans, drawn from published figures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from synthetic.days import NO_DAY, academic_age, age_on, first_of, school_year, weekday, years_before
from synthetic.identifiers import IntArray
from synthetic.published import CEASE_REASONS, OUTCOMES, PLACEMENT_KINDS, Figures

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]
CodeArray = npt.NDArray[np.str_]

HISTORY_YEARS = 3
# Plans in January 2025 over pupils: Thurrock's 2,508 of some 45,000; England's 638,745 of some 9 million.
PUPILS_OF_883 = 45_000
PLANS_PER_CHILD_IN_ENGLAND = 638_745 / 9_000_000
FIRST_PLANS = date(2014, 9, 1)

NO_KIND = -1
POST_16_KINDS = frozenset(
    {
        "general_fe_tertiary_colleges",
        "specialist_post_16_institutions",
        "ukrlp_provider",
        "neet",
        "neet_ntci",
        "neet_other",
    }
)
KIND = {name: position for position, name in enumerate(PLACEMENT_KINDS)}


@dataclass
class Requests:
    """Requests for a needs assessment, and the assessment each led to; one position a request. Days are ordinals.

    ``child`` is a position in ``Caseload``. ``assessment_outcome`` is empty where there is no assessment, and a space
    where one is open.
    """

    child: IntArray
    received: IntArray
    outcome: CodeArray
    decided: IntArray
    is_exported: BoolArray
    has_assessment: BoolArray
    assessment_outcome: CodeArray
    assessed: IntArray
    draft: IntArray
    is_exception: BoolArray


@dataclass
class Caseload:
    """The children of the case system; one position a child.

    ``plan_start`` is no day where the child has no plan. ``request_of_plan`` is a position in ``requests``. ``end`` is
    the day the plan ceased, else the day all is as at. ``kind`` is where the child is at the end: a position in
    ``PLACEMENT_KINDS``, or ``NO_KIND`` for the very young without a plan.
    """

    birth: IntArray
    plan_start: IntArray
    cease: IntArray
    cease_reason: CodeArray
    transfer: IntArray
    request_of_plan: IntArray
    end: IntArray
    kind: IntArray
    requests: Requests

    @property
    def has_active_plan(self) -> BoolArray:
        """Whether the child's plan is open."""
        return np.asarray((self.plan_start > 0) & (self.cease == NO_DAY), dtype=bool)


def _choose(generator: np.random.Generator, weights: dict[str, float], count: int) -> CodeArray:
    names = list(weights)
    total = sum(weights.values())
    chances = [weights[name] / total for name in names] if total else None
    return generator.choice(np.array(names, dtype="<U40"), size=count, p=chances)


def _shared_out(generator: np.random.Generator, weights: FloatArray, count: int) -> IntArray:
    """``count`` shared out in whole numbers, each part within one of its due; chance decides who is rounded up."""
    if count == 0 or weights.sum() <= 0:
        return np.zeros(len(weights), dtype=np.int64)
    due = weights / weights.sum() * count
    parts: IntArray = np.floor(due).astype(np.int64)
    left = count - int(parts.sum())
    if left:
        chances = due - parts
        parts[generator.choice(len(weights), size=left, replace=False, p=chances / chances.sum())] += 1
    return parts


def plans_wanted(figures: Figures, children: int) -> int:
    """Active plans of a borough of so many pupils: the LA's own rate where its pupils are known, else England's."""
    rate = figures.plans / PUPILS_OF_883 if figures.la_code == "883" else PLANS_PER_CHILD_IN_ENGLAND
    return max(1, round(children * rate))


def make_caseload(generator: np.random.Generator, figures: Figures, children: int, as_at: date) -> Caseload:
    """Three years of requests with what came of them, and the plans, old and new, active and ceased."""
    today = as_at.toordinal()
    opening = years_before(as_at, HISTORY_YEARS).toordinal()
    plans = plans_wanted(figures, children)
    made = _new_requests(generator, figures, plans, opening, today)
    births, requests, starts, plan_requests = made
    ceases, reasons = _cease_new(generator, starts, today)
    active_new = int(((starts > 0) & (ceases == NO_DAY)).sum())
    ceased_new = int((ceases > 0).sum())

    yearly_ceased = min(figures.ceased["total_ceased"] / max(figures.plans, 1), 0.12) * plans
    transferred = min(round(0.4 * yearly_ceased * HISTORY_YEARS), max(0, plans - active_new))
    old = max(0, plans - active_new - transferred)
    ceased_old = max(0, round(yearly_ceased * HISTORY_YEARS) - ceased_new)

    old_births = _old_births(generator, figures, plans, births[(starts > 0) & (ceases == NO_DAY)], old, opening, today)
    old_starts = _old_starts(generator, old_births, opening)
    in_births, in_starts, in_days = _transfers(generator, transferred, opening, today)
    gone = _ceased(generator, figures, ceased_old, opening, today)
    gone_births, gone_starts, gone_ceases, gone_reasons = gone

    new = len(births)
    none = np.zeros(new, dtype=np.int64)
    all_births = np.concatenate([births, old_births, in_births, gone_births])
    all_starts = np.concatenate([starts, old_starts, in_starts, gone_starts])
    transfer = np.concatenate([none, np.zeros(old, dtype=np.int64), in_days, np.zeros(ceased_old, dtype=np.int64)])
    cease = np.concatenate([ceases, np.zeros(old + transferred, dtype=np.int64), gone_ceases])
    cease_reason = np.concatenate([reasons, np.full(old + transferred, "", dtype="<U1"), gone_reasons])

    historical = old + transferred + ceased_old
    received = np.maximum(all_starts[new:] - generator.integers(120, 260, size=historical), all_births[new:] + 200)
    decided = np.minimum(received + generator.integers(20, 43, size=historical), all_starts[new:])
    is_transfer = transfer[new:] > 0
    everyone = Requests(
        child=np.concatenate([requests.child, np.arange(new, new + historical)]),
        received=np.concatenate([requests.received, received]),
        outcome=np.concatenate([requests.outcome, np.full(historical, "H")]),
        decided=np.concatenate([requests.decided, decided]),
        is_exported=np.concatenate([requests.is_exported, np.zeros(historical, dtype=bool)]),
        has_assessment=np.concatenate([requests.has_assessment, is_transfer]),
        assessment_outcome=np.concatenate([requests.assessment_outcome, np.where(is_transfer, "H", "")]),
        assessed=np.concatenate([requests.assessed, np.where(is_transfer, all_starts[new:], NO_DAY)]),
        draft=np.concatenate([requests.draft, np.zeros(historical, dtype=np.int64)]),
        is_exception=np.concatenate([requests.is_exception, np.zeros(historical, dtype=bool)]),
    )
    request_of_plan = np.concatenate([plan_requests, len(requests.child) + np.arange(historical)])
    end = np.where(cease > 0, cease, today)
    caseload = Caseload(
        birth=all_births,
        plan_start=all_starts,
        cease=cease,
        cease_reason=cease_reason,
        transfer=transfer,
        request_of_plan=request_of_plan,
        end=end,
        kind=np.full(len(all_births), NO_KIND, dtype=np.int64),
        requests=everyone,
    )
    caseload.kind = _kinds(generator, figures, caseload, today)
    return caseload


def _new_requests(
    generator: np.random.Generator, figures: Figures, plans: int, opening: int, today: int
) -> tuple[IntArray, Requests, IntArray, IntArray]:
    """Requests of the three years, the births of their children, the plans that began and each plan's request.

    Requests rise by a tenth a year, as nearly everywhere. One child in thirty of the refused asks again.
    """
    ratio = float(np.clip(figures.requests["requests_received_in_year"] / max(figures.plans, 1), 0.08, 0.3))
    count = max(1, round(plans * ratio * HISTORY_YEARS))
    span = today - opening
    year = generator.choice(HISTORY_YEARS, size=count, p=[0.3, 0.333, 0.367])
    received = opening + ((year + generator.random(count)) * span / HISTORY_YEARS).astype(np.int64)
    received = np.sort(np.clip(weekday(received), opening, today))

    weights = {outcome: figures.requests[f"requests_{outcome}"] for outcome in OUTCOMES if outcome != OUTCOMES[2]}
    drawn = _choose(generator, weights, count)
    outcome = np.select([drawn == OUTCOMES[0], drawn == OUTCOMES[1]], ["Y", "N"], "W").astype("<U1")
    on_time = figures.requests["request_outcome_six_weeks"]
    share = on_time / max(1.0, on_time + figures.requests["request_outcome_over_6_weeks"])
    is_prompt = generator.random(count) < share
    took = np.where(is_prompt, generator.integers(14, 43, size=count), generator.integers(43, 120, size=count))
    took = np.where(outcome == "W", generator.integers(3, 40, size=count), took)
    decided = weekday(received + took)
    is_open = decided > today
    outcome = np.where(is_open, np.where(generator.random(count) < 0.6, "A", ""), outcome)
    decided = np.where(is_open, NO_DAY, decided)

    child, is_again = _children_of(generator, received, outcome)
    births = _births_of(generator, figures, received[~is_again])

    has_assessment = outcome == "Y"
    held = figures.assessments
    assessment_weights = {
        "Y": held["assess_issued"],
        "N": held["assess_not_issued"],
        "W": max(held["assess_withdrawn"], 0.004 * held["assess_in_year"]),
    }
    assessment_outcome = _choose(generator, assessment_weights, count).astype("<U1")
    took, is_exception = _weeks_to_plan(generator, figures, assessment_outcome, decided - received)
    assessed = weekday(received + took)
    draft = np.maximum(assessed - generator.integers(15, 32, size=count), decided + 1)
    is_exported = has_assessment & (assessment_outcome == "W") & (generator.random(count) < 0.4)
    is_open = has_assessment & (assessed > today)
    has_ended = has_assessment & ~is_open
    no_draft = ~has_assessment | (draft > today) | (assessment_outcome != "Y")
    unsaid = np.where(generator.random(count) < 0.5, "A", " ")
    requests = Requests(
        child=child,
        received=received,
        outcome=outcome,
        decided=decided,
        is_exported=is_exported & has_ended,
        has_assessment=has_assessment,
        assessment_outcome=np.where(has_ended, assessment_outcome, np.where(is_open, unsaid, "")).astype("<U1"),
        assessed=np.where(has_ended, assessed, NO_DAY),
        draft=np.where(no_draft, NO_DAY, draft),
        is_exception=is_exception & has_assessment,
    )
    starts = np.zeros(len(births), dtype=np.int64)
    plan_requests = np.full(len(births), -1, dtype=np.int64)
    issued = np.flatnonzero(requests.assessment_outcome == "Y")
    starts[child[issued]] = assessed[issued]
    plan_requests[child[issued]] = issued
    return births, requests, starts, plan_requests


def _children_of(generator: np.random.Generator, received: IntArray, outcome: CodeArray) -> tuple[IntArray, BoolArray]:
    """The child of each request, and whether the child asked before: some of those refused ask again months later."""
    count = len(received)
    first = np.flatnonzero((outcome == "N") & (np.arange(count) < count // 2))
    first = generator.permutation(first)[: len(first) // 12]
    later = generator.permutation(np.arange(2 * count // 3, count))[: len(first)]
    pairs = [(a, b) for a, b in zip(first.tolist(), later.tolist(), strict=False) if received[b] > received[a] + 150]
    is_again = np.zeros(count, dtype=bool)
    is_again[[b for _, b in pairs]] = True
    child = np.cumsum(~is_again) - 1
    for a, b in pairs:
        child[b] = child[a]
    return child.astype(np.int64), is_again


def _births_of(generator: np.random.Generator, figures: Figures, received: IntArray) -> IntArray:
    """Births that give the published ages at request."""
    chances = {str(age): count for age, count in figures.requests_by_age.items()}
    ages = _choose(generator, chances, len(received)).astype(np.int64)
    oldest = max(figures.requests_by_age)
    spread = generator.integers(0, 2, size=len(received))
    ages = np.where((ages == oldest) & (oldest >= 20), ages + spread, ages)
    return received - (ages * 365.25).astype(np.int64) - generator.integers(1, 365, size=len(received))


def _weeks_to_plan(
    generator: np.random.Generator, figures: Figures, outcome: CodeArray, decision_took: IntArray
) -> tuple[IntArray, BoolArray]:
    """Days from receipt to the end of the assessment, and which lateness is claimed as an exception."""
    count = len(outcome)
    held = figures.timeliness
    issued = max(1.0, held["plans_issued_den"])
    in_time = held["plans_issued_within_20_weeks"] / issued
    over_a_year = held["plans_issued_gt_1_year"] / issued
    luck = generator.random(count)
    took = np.where(
        luck < in_time,
        generator.integers(100, 141, size=count),
        np.where(
            luck < 1 - over_a_year, generator.integers(141, 330, size=count), generator.integers(366, 460, size=count)
        ),
    )
    took = np.where((luck < in_time) & (took < decision_took + 21), np.maximum(took, decision_took + 21), took)
    took = np.where((luck < in_time) & (took > 140) & (decision_took < 139), 140, took)
    not_issued = figures.assessments
    decided = max(1.0, not_issued["outcome_decision_within_time"] + not_issued["outcome_decision_over_time"])
    is_prompt = generator.random(count) < not_issued["outcome_decision_within_time"] / decided
    no_plan = np.where(is_prompt, generator.integers(85, 113, size=count), generator.integers(113, 260, size=count))
    took = np.where(outcome == "N", no_plan, took)
    took = np.where(outcome == "W", generator.integers(70, 140, size=count), took)
    took = np.maximum(took, decision_took + 7)
    exceptions = min(0.9, 1 - held["plans_issued_den_ex"] / issued)
    late = max(0.02, 1 - in_time)
    is_exception = (took > 140) & (generator.random(count) < min(1.0, exceptions / late + 0.01))
    return took.astype(np.int64), np.asarray(is_exception, dtype=bool)


def _cease_new(generator: np.random.Generator, starts: IntArray, today: int) -> tuple[IntArray, CodeArray]:
    """A few of the new plans have ceased already: the family moved or, rarely, needs were met or the child died."""
    ceases = np.zeros(len(starts), dtype=np.int64)
    reasons = np.full(len(starts), "", dtype="<U1")
    old_enough = np.flatnonzero((starts > 0) & (starts < today - 200))
    ceasing = generator.permutation(old_enough)[: round(0.04 * len(old_enough))]
    ceases[ceasing] = weekday(
        starts[ceasing] + 60 + (generator.random(len(ceasing)) * (today - 70 - starts[ceasing])).astype(np.int64)
    )
    reasons[ceasing] = generator.choice(["5", "2", "7", "8"], size=len(ceasing), p=[0.75, 0.12, 0.1, 0.03])
    return ceases, reasons


def _histogram(figures: Figures) -> FloatArray:
    """Plans by age on the 31 August before the published January, when three in eight had not had their birthday."""
    published = np.zeros(27)
    for age, count in figures.plans_by_age.items():
        published[min(age, 25)] += count
    academic = 0.625 * published[:-1] + 0.375 * published[1:]
    academic[24] += academic[25]
    academic[:2] = 0
    return academic[:25]


def _old_births(
    generator: np.random.Generator,
    figures: Figures,
    plans: int,
    new_births: IntArray,
    count: int,
    opening: int,
    today: int,
) -> IntArray:
    """Births of children whose plan is older than the three years, making up the published ages of all plans."""
    wanted = _histogram(figures)
    wanted = wanted / wanted.sum() * plans
    now = np.full(len(new_births), today)
    have = np.bincount(np.clip(academic_age(new_births, now), 0, 24), minlength=25)
    lacking = np.maximum(0.0, wanted - have)
    lacking[:7] = 0.0
    if lacking.sum() <= 0:
        lacking[7:19] = 1.0
    ages = np.repeat(np.arange(25), _shared_out(generator, lacking, count))
    return generator.permutation(_births_at(generator, ages, today))


def _births_at(generator: np.random.Generator, ages: IntArray, day: int) -> IntArray:
    """Births of children of those academic ages on a day."""
    year = int(school_year(np.array([day]))[0])
    return first_of(9, year - ages - 1) + generator.integers(0, 365, size=len(ages))


def _old_starts(generator: np.random.Generator, births: IntArray, opening: int) -> IntArray:
    """Starts of plans made before the three years: after the second birthday, and after plans began in 2014."""
    latest = np.full(len(births), opening - 1)
    earliest = np.minimum(np.maximum(births + 900, FIRST_PLANS.toordinal()), latest - 1)
    earliest = np.maximum(earliest, latest - 11 * 365)
    share = generator.random(len(births)) ** 0.8
    return weekday(earliest + (share * (latest - earliest)).astype(np.int64))


def _transfers(
    generator: np.random.Generator, count: int, opening: int, today: int
) -> tuple[IntArray, IntArray, IntArray]:
    """Children who moved in with a plan in the three years: births, plan starts, days of transfer."""
    days = opening + (generator.random(count) * (today - opening)).astype(np.int64)
    births = _births_at(generator, generator.integers(7, 17, size=count), today)
    starts = np.maximum(days - generator.integers(60, 1200, size=count), births + 900)
    return births, weekday(np.minimum(starts, days - 20)), weekday(days)


def _ceased(
    generator: np.random.Generator, figures: Figures, count: int, opening: int, today: int
) -> tuple[IntArray, IntArray, IntArray, CodeArray]:
    """Older plans that ceased in the three years: births, starts, days of ceasing, reasons."""
    weights = {code: figures.ceased[name] for name, code in CEASE_REASONS.items()}
    reasons = _choose(generator, weights, count).astype("<U1")
    ceases = weekday(opening + 10 + (generator.random(count) * (today - opening - 10)).astype(np.int64))
    lowest = np.select([reasons == "1", np.isin(reasons, ["3", "4"]), reasons == "6"], [19, 17, 16], 6)
    highest = np.select([reasons == "1", np.isin(reasons, ["3", "4"]), reasons == "6"], [24, 21, 22], 17)
    ages = lowest + (generator.random(count) * (highest - lowest + 1)).astype(np.int64)
    births = first_of(9, school_year(ceases) - ages - 1) + generator.integers(0, 365, size=count)
    latest = ceases - 200
    earliest = np.minimum(np.maximum(births + 900, FIRST_PLANS.toordinal()), latest - 1)
    starts = weekday(earliest + (generator.random(count) * (latest - earliest)).astype(np.int64))
    is_young = (reasons == "1") & (age_on(births, ceases) < 19)
    return births, starts, ceases, np.where(is_young, "9", reasons)


def _feasible() -> BoolArray:
    """Which kinds of placement a child of each academic age (row) can be in."""
    ages = np.arange(25)
    feasible = np.zeros((25, len(PLACEMENT_KINDS)), dtype=bool)
    for kind, column in KIND.items():
        low, high = 4, 24
        if kind.startswith("mainstream"):
            low, high = 3, 17
        elif kind.startswith("special"):
            low, high = 2, 18
        elif kind.startswith("ap_"):
            low, high = 6, 15
        elif kind in POST_16_KINDS:
            low, high = 16, 24
        elif kind in ("elective_home_education", "neet_other_csa"):
            low, high = 4, 15
        elif kind == "nm_early_years":
            low, high = 0, 3
        feasible[(ages >= low) & (ages <= high), column] = True
    return feasible


def _kinds(generator: np.random.Generator, figures: Figures, caseload: Caseload, today: int) -> IntArray:
    """Where each child is at the end: active plans as published, others where most of their age are."""
    ages = np.clip(academic_age(caseload.birth, caseload.end), 0, 24)
    kinds = np.full(len(ages), NO_KIND, dtype=np.int64)
    feasible = _feasible()
    table = np.full((25, len(PLACEMENT_KINDS)), 1e-6)
    for january_age, row in figures.placement_by_age.items():
        # From 16 on, January's age is a year ahead of the year group: those of 17 are mostly in Year 12.
        at = january_age if january_age <= 15 else max(15, january_age - 1)
        table[min(at, 24)] += [row.get(kind, 0.0) for kind in PLACEMENT_KINDS]
    table += 0.002 * table.sum(axis=0)
    table *= feasible
    active = np.flatnonzero(caseload.has_active_plan)
    rows = np.bincount(ages[active], minlength=25).astype(float)
    totals = np.array([figures.placement.get(kind, 0.0) for kind in PLACEMENT_KINDS])
    columns = totals / max(1.0, totals.sum()) * rows.sum()
    for _ in range(40):
        table *= (rows / np.maximum(table.sum(axis=1), 1e-12))[:, None]
        table *= columns / np.maximum(table.sum(axis=0), 1e-12)
    for year in range(25):
        here = generator.permutation(active[ages[active] == year])
        weights = table[year] if table[year].sum() > 1e-9 else feasible[year].astype(float)
        parts = _shared_out(generator, weights, len(here))
        kinds[here] = np.repeat(np.arange(len(PLACEMENT_KINDS)), parts)

    without = np.flatnonzero(~caseload.has_active_plan)
    luck = generator.random(len(without))
    had_plan = caseload.plan_start[without] > 0
    age = ages[without]
    school = np.where(
        had_plan & (luck < 0.25),
        KIND["special_academy_free"],
        np.where(luck > 0.97, KIND["elective_home_education"], KIND["mainstream_academy"]),
    )
    school = np.where((age == 3) & ~had_plan, KIND["mainstream_academy"], school)
    leaver = np.where(
        had_plan & (luck < 0.3) & (caseload.cease_reason[without] == "6"),
        KIND["neet"],
        KIND["general_fe_tertiary_colleges"],
    )
    youngest = np.where(had_plan, KIND["nm_early_years"], NO_KIND)
    kinds[without] = np.select([age < 3, age <= 15], [youngest, school], leaver)
    return kinds
