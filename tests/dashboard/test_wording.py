"""Codes, periods, amounts and groups are said as people say them."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import pytest

from dashboard.definitions import Definition, the_catalogue
from dashboard.wording import (
    amount_in_words,
    breakdown_name,
    change_in_words,
    dataset_in_words,
    day_name,
    interval,
    lacking_in_words,
    period_name,
    rating_of,
    sources_in_words,
    unit_name,
    value_in_words,
    values_in_order,
)
from tests.dashboard.test_edition import figure, indicator

SUSPENDED_FOR = {
    "PP": "Physical assault against a pupil",
    "PA": "Physical assault against an adult",
    "VP": "Verbal abuse or threats against a pupil",
    "VA": "Verbal abuse or threats against an adult",
    "OW": "Offensive weapon or prohibited item",
    "BU": "Bullying",
    "RA": "Racist abuse",
    "LG": "Abuse of sexual orientation or gender identity",
    "DS": "Abuse relating to disability",
    "SM": "Sexual misconduct",
    "DA": "Drugs or alcohol",
    "DM": "Damage",
    "TH": "Theft",
    "MT": "Misuse of social media or technology",
    "DB": "Persistent disruptive behaviour",
    "PH": "Breach of protection of public health",
    "ZZ": "ZZ",
    None: "Not known",
}
"""The codes of the school census since September 2020; one that is none is shown as it came."""
YEAR_GROUPS = {
    -1: "Early years",
    0: "Primary",
    6: "Primary",
    7: "Secondary",
    11: "Secondary",
    12: "Post-16",
    20: "Post-16",
    None: "Not known",
}
PHASES_OF_PLACES = {"16 plus": "Post-16", "primary": "Primary", "ALL-THROUGH": "All-through", None: "Not known"}


def of_population(name: str, connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
    return connection.sql(the_catalogue().populations[name].sql)


def indicator_of(name: str) -> Definition:
    return next(indicator for indicator in the_catalogue().indicators if indicator.id == name)


def test_why_a_pupil_was_suspended_is_said_in_words() -> None:
    with duckdb.connect() as connection:
        connection.execute("create schema core")
        connection.execute(
            "create table core.fct_census_enrolment (census_date date, laestab varchar, upn varchar, "
            "sen_provision varchar)"
        )
        connection.execute(
            "create table core.fct_exclusion (child_id varchar, start_date date, exclusion_category varchar, "
            "exclusion_reason varchar, census_date date, laestab varchar, upn varchar)"
        )
        connection.executemany(
            "insert into core.fct_exclusion values (?, '2026-01-12', 'SUSP', ?, '2026-01-15', '8831234', 'U')",
            [[f"C{n}", code] for n, code in enumerate(SUSPENDED_FOR)],
        )
        said = of_population("exclusions", connection).order("child_id").project("child_id, reason").fetchall()
    assert dict(said) == {f"C{n}": words for n, words in enumerate(SUSPENDED_FOR.values())}


def test_the_phase_of_a_place_is_said_one_way_whoever_says_it() -> None:
    with duckdb.connect() as connection:
        connection.execute("create schema lists; create schema reference")
        connection.execute("create table reference.code_sets (code_set varchar, code varchar, meaning varchar)")
        connection.execute(
            "create table lists.list_places_commissioned (counted_on_date date, places_commissioned integer, "
            "places_filled integer, filled_19_to_25 integer, place_kind varchar, primary_need varchar, phase varchar)"
        )
        connection.executemany(
            "insert into lists.list_places_commissioned values ('2026-08-31', ?, 0, 0, 'X', null, ?)",
            [[n, phase] for n, phase in enumerate(PHASES_OF_PLACES)],
        )
        rows = of_population("places", connection).order("places_commissioned").project("phase, place_kind, need")
        assert rows.fetchall() == [(phase, "X", "Not known") for phase in PHASES_OF_PLACES.values()]


@pytest.mark.parametrize(("year_group", "phase"), YEAR_GROUPS.items())
def test_a_year_group_is_of_one_phase(year_group: int | None, phase: str) -> None:
    sql = (Path(__file__).parents[2] / "dashboard" / "breakdowns.sql").read_text(encoding="utf-8")
    (case,) = [part for part in sql.split("(case") if "nc_year is null" in part]
    said = duckdb.execute(
        f"select case {case.partition(')::word_for_phase')[0]} from (select ? as nc_year)", [year_group]
    )
    assert said.fetchall() == [(phase,)]


@pytest.mark.parametrize(
    ("breakdown", "value", "words"),
    [
        ("area", "E05000001", "Chadwell St Mary"),
        ("area", "E05000002", "E05000002"),
        ("area", "Not known", "Not known"),
        ("mended_by", "sen_team", "SEN team"),
        ("source_extract", "ssda903", "SSDA903"),
        ("spend_kind", "top-up", "Top-up"),
        ("age_band", "5 to 10", "5 to 10"),
        ("need", "", ""),
    ],
)
def test_a_group_is_said_in_words(breakdown: str, value: str, words: str) -> None:
    assert value_in_words(breakdown, value, {"E05000001": "Chadwell St Mary"}) == words


def test_phases_and_delays_stand_in_the_order_of_time() -> None:
    assert values_in_order("phase", ["Secondary", "Post-16", "Primary", "Not known", "Early years"]) == [
        *("Early years", "Primary", "Secondary", "Post-16", "Not known")
    ]
    assert values_in_order("delay", ["Over a year", "6 to 12 months", "Up to 3 months"]) == [
        *("Up to 3 months", "6 to 12 months", "Over a year")
    ]


def test_extracts_and_the_tables_of_checks_are_said_in_words() -> None:
    assert sources_in_words("ehc_case, gias") == "EHC case, GIAS"
    assert sources_in_words("every extract") == "Every extract"
    assert dataset_in_words("landing/ehc_case__child") == "EHC case, child"
    assert dataset_in_words("core/fct_looked_after_episode") == "Looked after episode"
    assert dataset_in_words("lists/list_post_16") == "Post 16"


def test_every_breakdown_and_unit_of_the_catalogue_has_a_name() -> None:
    catalogue = the_catalogue()
    names = {breakdown_name(name) for indicator in catalogue.indicators for name in indicator.breakdowns}
    assert {"Age", "Primary need", "Social care", "Audit kind"} <= names
    assert not any("_" in name or name != name[:1].upper() + name[1:] for name in names)
    assert {unit_name(indicator.unit) for indicator in catalogue.indicators} == {
        *("%", "Number", "Per 10,000", "Weeks", "£", "Ratio")
    }


@pytest.mark.parametrize(
    ("kind", "start", "end", "words"),
    [
        ("month", date(2026, 9, 1), date(2026, 9, 30), "September 2026"),
        ("quarter", date(2026, 7, 1), date(2026, 9, 30), "July to September 2026"),
        ("calendar_year", date(2025, 1, 1), date(2025, 12, 31), "2025"),
        ("academic_year", date(1999, 9, 1), date(2000, 8, 31), "1999/00"),
        ("year_to_date", date(2026, 1, 1), date(2026, 1, 31), "January 2026"),
        ("year_to_date", date(2026, 1, 1), date(2026, 10, 31), "January to October 2026"),
    ],
)
def test_a_period_is_said_as_people_say_it(kind: str, start: date, end: date, words: str) -> None:
    assert period_name(figure(kind, start, end, 1)) == words


@pytest.mark.parametrize(
    ("unit", "change", "words"),
    [
        ("percent", 1.26, "+1.3 points"),
        ("percent", -1.26, "−1.3 points"),
        ("percent", 0.04, "no change"),
        ("count", -1200.0, "−1,200"),
        ("count", 0.4, "no change"),
        ("pounds", 926.4, "+£926"),
        ("weeks", 6.94, "+6.9"),
        ("percent", None, "–"),
    ],
)
def test_a_change_is_said_with_its_sign_and_unit(unit: str, change: float | None, words: str) -> None:
    assert change_in_words(indicator(unit=unit), change) == words


@pytest.mark.parametrize(
    ("unit", "amount", "words"),
    [
        ("percent", 65.04, "65.0%"),
        ("count", 1234.0, "1,234"),
        ("pounds", 1234.6, "£1,235"),
        ("weeks", 23.26, "23.3"),
        ("count", None, "–"),
    ],
)
def test_a_figure_of_another_area_is_said_in_its_unit(unit: str, amount: float | None, words: str) -> None:
    assert amount_in_words(indicator(unit=unit), amount) == words


def test_what_there_is_not_is_a_dash_and_a_rating_that_is_none_is_not_rated() -> None:
    start, end = date(2026, 9, 1), date(2026, 9, 30)
    assert day_name(None) == "–"
    assert day_name(start) == "1 September 2026"
    assert interval(figure("month", start, end, 50)) == "–"
    assert interval(figure("month", start, end, 50, lower=32.04, upper=62.96)) == "32.0% to 63.0%"
    assert [rating_of(rating) for rating in ("blue", "purple", None)] == ["blue", "none", "none"]


def test_what_an_indicator_is_not_broken_down_by_is_said_with_the_reason() -> None:
    assert lacking_in_words(indicator_of("active_plans")) == ""
    assert lacking_in_words(indicator_of("staff_trained")) == (
        "Any group of children: Caseworkers are counted, not children."
    )
    assert lacking_in_words(indicator_of("key_stage_2_expected_sen_support")) == (
        "Age or phase: All pupils counted are at the end of one key stage. "
        "Placement: Those on record belong to plans, which pupils on SEN support do not have."
    )
    assert lacking_in_words(indicator_of("places_filled")).startswith(
        "Area, age, sex, ethnicity, placement or social care: Places are counted by establishment"
    )
