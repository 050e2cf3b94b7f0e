"""The statutory clocks stated once more, in Python, from the regulations and not from the SQL.

Nothing here is imported by the product. ``test_statutory_clocks`` holds the warehouse to it on generated histories.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass, field
from datetime import date, timedelta


@dataclass(frozen=True)
class Advice:
    """One piece of advice: when it was asked for and when it came back."""

    requested: date
    returned: date | None


@dataclass(frozen=True)
class Review:
    """One annual review as the case system records it."""

    meeting: date | None
    decision: str | None
    decision_date: date | None
    final_amended: date | None


@dataclass(frozen=True)
class Visit:
    """One monitoring visit, and the day then agreed for the next."""

    day: date
    agreed: date | None


@dataclass(frozen=True)
class History:
    """All that happened to one request, before and after the day asked about."""

    received: date
    outcome: str | None
    outcome_date: date | None
    is_exported: bool
    has_assessment: bool
    agreed: date | None
    assessment_outcome: str | None
    assessment_outcome_date: date | None
    has_exception: bool
    exception_reason: str | None
    plan_start: date | None
    plan_issued: date | None
    plan_ceased: date | None
    transferred_in: date | None
    birth: date
    leaving_age: int | None
    advice: tuple[Advice, ...] = field(default=())
    reviews: tuple[Review, ...] = field(default=())
    visits: tuple[Visit, ...] = field(default=())


@dataclass(frozen=True)
class Result:
    """What a clock says: the day it is due, days taken, a status word and whether the limit was kept."""

    due: date | None
    days: int | None
    status: str
    is_within_limit: bool | None


NOT_APPLICABLE = Result(None, None, "not applicable", None)


def happened(day: date | None, as_at: date) -> date | None:
    """The day, unless it lies after the day asked about."""
    return day if day is not None and day <= as_at else None


def run_clock(start: date | None, stop: date | None, weeks: int, as_at: date, is_ended: bool = False) -> Result:
    """A limit of some weeks: met on the same weekday that many weeks later, missed the day after."""
    if start is None:
        return NOT_APPLICABLE
    due = start + timedelta(weeks=weeks)
    if stop is not None:
        days = (stop - start).days
        if stop < start:
            return Result(due, days, "unreliable", None)
        return Result(due, days, *(("in time", True) if stop <= due else ("late", False)))
    if is_ended:
        return Result(due, None, "ended", None)
    days = (as_at - start).days
    return Result(due, days, *(("running", None) if as_at <= due else ("overdue", False)))


def _known(value: str | None, day: date | None, as_at: date) -> str | None:
    return value if day is None or day <= as_at else None


def request_is_open(history: History, as_at: date) -> bool:
    """No decision, no withdrawal and no move away yet."""
    known = _known(history.outcome, history.outcome_date, as_at)
    return known not in ("Y", "N", "W", "H") and not history.is_exported


def decision_to_assess(history: History, as_at: date) -> Result:
    """Regulation 5(1): tell the family within 6 weeks of receiving the request."""
    is_decision = _known(history.outcome, history.outcome_date, as_at) in ("Y", "N")
    stop = happened(history.outcome_date, as_at) if is_decision else None
    return run_clock(history.received, stop, 6, as_at, not request_is_open(history, as_at))


def plan_sent(history: History, as_at: date) -> date | None:
    """The day the final plan went out: as issued, else its date, else the day of the assessment's yes."""
    for day in (history.plan_issued, history.plan_start):
        if day is not None:
            return happened(day, as_at)
    return happened(history.assessment_outcome_date, as_at) if history.assessment_outcome == "Y" else None


def assessment_is_open(history: History, as_at: date) -> bool:
    """Neither plan nor any other end of the assessment yet."""
    known = _known(history.assessment_outcome, history.assessment_outcome_date, as_at)
    is_ended = known in ("Y", "N", "W", "H", "S") or plan_sent(history, as_at) is not None
    return not is_ended and not history.is_exported


def final_plan(history: History, as_at: date) -> Result:
    """Regulation 13(2): send the final plan within 20 weeks of receiving the request."""
    known = _known(history.assessment_outcome, history.assessment_outcome_date, as_at)
    stop = plan_sent(history, as_at) if known in ("Y", "A", None) else None
    start = happened(history.received, as_at)
    return run_clock(start, stop, 20, as_at, not assessment_is_open(history, as_at))


def decision_to_issue_none(history: History, as_at: date) -> Result:
    """Regulation 10(1): tell the family within 16 weeks of the request that there will be no plan."""
    if _known(history.assessment_outcome, history.assessment_outcome_date, as_at) != "N":
        return NOT_APPLICABLE
    stop = happened(history.assessment_outcome_date, as_at)
    return run_clock(happened(history.received, as_at), stop, 16, as_at, is_ended=True)


def advice_back(history: History, advice: Advice, as_at: date) -> Result:
    """Regulation 8(1): each professional has 6 weeks from being asked, while the assessment goes on."""
    return run_clock(
        advice.requested, happened(advice.returned, as_at), 6, as_at, not assessment_is_open(history, as_at)
    )


def months_later(day: date, months: int) -> date:
    """The same day of the month so many months later, or that month's last day."""
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def review_due(plan_start: date, decided: list[date], transferred_in: date | None) -> date:
    """Section 44(1) and regulation 15: 12 months from plan or last review, or 3 months from a transfer, if later."""
    due = months_later(max([plan_start, *decided]), 12)
    return due if transferred_in is None else max(due, months_later(transferred_in, 3))


def review_decision(review: Review, as_at: date) -> Result:
    """Regulation 20(10): the decision within 4 weeks of the meeting."""
    return run_clock(happened(review.meeting, as_at), happened(review.decision_date, as_at), 4, as_at)


def amended_plan(review: Review, as_at: date) -> Result:
    """R (L, M and P) v Devon CC, 2022: where amending, the final plan within 12 weeks of the meeting."""
    if _known(review.decision, review.decision_date, as_at) != "A":
        return NOT_APPLICABLE
    return run_clock(happened(review.meeting, as_at), happened(review.final_amended, as_at), 12, as_at)


def is_active(history: History, as_at: date) -> bool:
    """The plan has started and has not ceased."""
    if history.plan_start is None or history.plan_start > as_at:
        return False
    return history.plan_ceased is None or history.plan_ceased > as_at


def transfer_notice_due(history: History, as_at: date) -> date | None:
    """Regulation 15: tell the family within 6 weeks of the transfer that the plan came and when it will be reviewed."""
    transferred = happened(history.transferred_in, as_at)
    return None if transferred is None else transferred + timedelta(weeks=6)


def age_on(birth: date, day: date) -> int:
    """Completed years."""
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))


def phase_transfer(history: History, as_at: date) -> tuple[str, date, date | None, int] | None:
    """Regulation 18: which transfer comes next September, its deadline, the day the plan was ready and days too late.

    Known by the age on 31 August: those of 3 start school, those of 15 leave it, others leave where their school ends.
    """
    summer = as_at.year - 1 if as_at.month < 9 else as_at.year
    age = age_on(history.birth, date(summer, 8, 31))
    ends_now = history.leaving_age == age + 1
    if age == 3:
        transfer = "early years to school"
    elif age == 6 and ends_now:
        transfer = "infant to junior"
    elif age in (8, 9) and ends_now:
        transfer = "first to middle"
    elif age == 10 and (history.leaving_age is None or history.leaving_age <= 11):
        transfer = "primary to secondary"
    elif age in (11, 12) and ends_now:
        transfer = "middle to secondary"
    elif age == 15:
        transfer = "secondary to post-16"
    else:
        return None
    deadline = date(summer + 1, 3, 31) if age == 15 else date(summer + 1, 2, 15)
    september = date(summer, 9, 1)
    amended = [day for review in history.reviews if (day := happened(review.final_amended, as_at)) and day >= september]
    made = history.plan_start if history.plan_start and history.plan_start >= september else None
    ready = min(amended, default=made)
    return transfer, deadline, ready, max(((ready or as_at) - deadline).days, 0)


def visit_due(history: History, placed: date, as_at: date) -> date:
    """A visit at least yearly: a year from the last, or sooner if so agreed; with none, a year from the first day."""
    made = [visit for visit in history.visits if visit.day <= as_at]
    if not made:
        return months_later(placed, 12)
    last = max(visit.day for visit in made)
    agreed = [visit.agreed for visit in made if visit.day == last and visit.agreed and visit.agreed > last]
    return min([months_later(last, 12), *agreed])
