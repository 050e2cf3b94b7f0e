"""What a reader is told of an indicator first: the figure it is judged by, said as people say it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from dashboard.charts import Artist
from dashboard.edition import Comment, Figure, Indicator, Signal, read_edition
from dashboard.wording import name_in_words, of_how_many, period_name, target_in_words, values_in_order
from tests.dashboard.invented import invented_edition


def figure(kind: str, start: date, end: date, value: float | None, **more: object) -> Figure:
    stated = dict.fromkeys(Figure.__dataclass_fields__) | {
        "period_kind": kind,
        "period_start": start,
        "period_end": end,
        "is_complete": True,
        "value": value,
        "suppressed": value is None,
        "shown": "[c]" if value is None else f"{value:.1f}%",
        "rag": "none" if value is None else "red",
        **more,
    }
    return Figure(**stated)  # type: ignore[arg-type]


def month(year: int, number: int, value: float | None, **more: object) -> Figure:
    end = date(year + number // 12, number % 12 + 1, 1) - timedelta(days=1)
    return figure("month", date(year, number, 1), end, value, **more)


def to_date(year: int, number: int, value: float | None) -> Figure:
    return figure("year_to_date", date(year, 1, 1), month(year, number, value).period_end, value)


def indicator(*figures: Figure, **more: object) -> Indicator:
    totals: dict[str, list[Figure]] = {}
    for each in figures:
        totals.setdefault(each.period_kind, []).append(each)
    stated = dict.fromkeys(Indicator.__dataclass_fields__) | {"unit": "percent", "direction": "higher"}
    given = {"breakdowns": {}, "signals": (), "benchmarks": (), "comments": (), "totals": totals}
    return Indicator(**(stated | given | more))  # type: ignore[arg-type]


def told(of: Indicator) -> str:
    return f"{period_name(of.latest)}: {of.latest.shown}" if of.latest else ""


def test_an_indicator_is_judged_by_its_last_complete_month() -> None:
    running = month(2026, 11, 10, is_complete=False)
    assert told(indicator(month(2026, 9, 70), month(2026, 10, 80), running)) == "October 2026: 80.0%"


def test_where_the_month_is_withheld_it_is_judged_by_the_year_to_date() -> None:
    of = indicator(month(2026, 10, None), to_date(2025, 9, 41), to_date(2025, 10, 42), to_date(2026, 10, 61.3))
    assert told(of) == "January to October 2026: 61.3%"
    assert of.latest is not None and of.latest.rag == "red"
    assert of.year_before is not None and of.year_before.shown == "42.0%"


def test_where_the_month_is_of_nobody_it_is_judged_by_the_year_to_date() -> None:
    nobody = month(2026, 10, None, numerator=0, denominator=0, suppressed=False, shown="[x]")
    assert of_how_many(nobody) == ""
    assert told(indicator(nobody, to_date(2026, 10, 61.3))) == "January to October 2026: 61.3%"


def test_where_the_year_to_date_is_withheld_too_the_month_is_told_to_be() -> None:
    assert told(indicator(month(2026, 10, None), to_date(2026, 10, None))) == "October 2026: [c]"


def test_what_only_today_tells_is_shown_on_the_first_day() -> None:
    of = indicator(month(2026, 11, 17, is_complete=False))
    assert told(of) == "November 2026: 17.0%"


def test_groups_are_told_of_the_period_that_stands_above_them() -> None:
    """Where none of a kind is complete, as on the first day of what only today's records tell, it is the last one."""
    with invented_edition(months=14) as connection:
        connection.execute(
            "update indicator_board set is_complete = false where indicator_id = 'active0' and period_kind = 'month'"
        )
        active, issued = (
            next(i for i in read_edition(connection, "board").indicators if i.indicator_id == name)
            for name in ("active0", "issued0")
        )
    for of in (active, issued):
        for kind in of.totals:
            groups = [kinds[kind] for values in of.breakdowns.values() for kinds in values.values() if kind in kinds]
            assert {group.period_end for group in groups} == {of.last_of(kind).period_end}, (of.indicator_id, kind)


def test_groups_whose_words_are_the_same_are_told_apart_by_their_codes() -> None:
    with invented_edition(months=3) as connection:
        connection.execute("update indicator_board set breakdown_value = 'asd' where breakdown_value = 'HI'")
        connection.execute("update indicator_board set breakdown_value = 'Asd' where breakdown_value = 'MLD'")
        connection.execute("update indicator_board set breakdown_value = 'top-up' where breakdown_value = 'SLCN'")
        issued = next(i for i in read_edition(connection, "board").indicators if i.indicator_id == "issued0")
    assert set(issued.breakdowns["need"]) == {"ASD", "Asd", "asd", "SEMH", "Top-up"}


def test_a_breakdown_of_which_nothing_can_be_shown_is_not_drawn(tmp_path: Path) -> None:
    groups = {
        "area": {"Alderbrook": {"month": month(2026, 10, 40)}, "Ashcombe": {"month": month(2026, 10, None)}},
        "sex": {"Female": {"month": month(2026, 10, None)}, "Male": {"month": month(2026, 10, None)}},
    }
    drawn = Artist(tmp_path).breakdowns(indicator(month(2026, 10, 50), breakdowns=groups, name="Seen"))
    assert "Ashcombe" in drawn
    assert "Female" not in drawn


def test_a_signal_of_the_month_is_not_said_of_the_year_to_date() -> None:
    signal = Signal(date(2026, 1, 1), 50, None, None, "beyond a control limit", "concern")
    of = indicator(month(2026, 1, 40), signals=(signal,))
    assert of.latest_signal == signal
    withheld = replace(of, totals={"month": [month(2026, 1, None)], "year_to_date": [to_date(2026, 1, 40)]})
    assert withheld.latest_signal is None


def test_a_comment_is_on_the_month_that_the_period_ends_in() -> None:
    said = Comment(date(2026, 10, 1), "Two posts were vacant.", "Head of SEND", None)  # type: ignore[arg-type]
    of = indicator(month(2026, 10, None), to_date(2026, 10, 61.3), comments=(said,))
    assert of.latest is not None
    assert of.comment_on(of.latest.period_end) == said


@pytest.mark.parametrize(
    ("unit", "direction", "target", "words"),
    [
        ("percent", "higher", 90, "90% or more"),
        ("percent", "higher", 100, "100%"),
        ("count", "lower", 0, "0"),
        ("percent", "lower", 8, "8% or less"),
        ("weeks", "lower", 20, "20 or less"),
    ],
)
def test_a_target_is_said_with_the_side_that_is_good_where_there_is_more_than_one(
    unit: str, direction: str, target: float, words: str
) -> None:
    assert target_in_words(indicator(unit=unit, direction=direction), target) == words


def test_ages_stand_from_the_youngest_and_what_is_not_known_last() -> None:
    ages = ["11 to 15", "16 to 18", "19 to 25", "5 to 10", "Not known", "Under 5"]
    assert values_in_order("age_band", ages) == ["Under 5", "5 to 10", "11 to 15", "16 to 18", "19 to 25", "Not known"]
    assert values_in_order("ethnicity", ["White", "Other", "Not known", "Asian"]) == [
        "Asian",
        "White",
        "Other",
        "Not known",
    ]


@pytest.mark.parametrize(
    ("name", "words"), [("sen_team", "SEN team"), ("school_census", "School census"), ("ssda903", "SSDA903"), ("", "")]
)
def test_a_team_and_an_extract_are_named_as_people_write_them(name: str, words: str) -> None:
    assert name_in_words(name) == words
