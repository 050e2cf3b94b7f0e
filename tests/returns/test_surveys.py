"""Which SEN2 survey a day belongs to, and on which days it falls."""

from __future__ import annotations

from datetime import date

import pytest

from returns.surveys import survey_in_hand, survey_of_year


def test_the_announced_survey_of_2027() -> None:
    survey = survey_of_year(2027)
    assert (survey.survey_day, survey.deadline) == (date(2027, 1, 21), date(2027, 3, 11))
    assert (survey.period_start, survey.period_end) == (date(2026, 1, 1), date(2026, 12, 31))
    assert survey.is_verified


def test_a_survey_not_yet_announced_is_supposed_and_says_so() -> None:
    survey = survey_of_year(2030)
    assert (survey.survey_day, survey.deadline) == (date(2030, 1, 17), date(2030, 3, 14))
    assert not survey.is_verified


@pytest.mark.parametrize(
    ("day", "year"),
    [(date(2026, 11, 25), 2027), (date(2027, 1, 21), 2027), (date(2027, 3, 11), 2027), (date(2027, 3, 12), 2028)],
)
def test_a_survey_is_in_hand_until_its_deadline_has_passed(day: date, year: int) -> None:
    assert survey_in_hand(day).year == year
