"""The linkage in the build: names without numbers find their child, stewards' words count, and ids remember it."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Any

import pytest

from linkage.coverage import (
    ASKED,
    BY_LIKELIHOOD,
    NO_BIRTH_DATE,
    NOBODY,
    PARTED,
    UNLIKE,
    coverage_page,
    links_by_source,
    model_weights,
    unlinked,
)
from linkage.picture import steps_of, waterfall
from linkage.review import open_questions
from tests.warehouse.conftest import Build, Warehouse
from tests.warehouse.landed import case, child_in_need, logged_advice, pupil, referral

BORN, LATER = date(2014, 3, 9), datetime(2025, 7, 1)
HOME = {"postcode": "RM17 6AB", "sex": "F"}


def crowd() -> list[dict[str, Any]]:
    """Other pupils, so that a name is as rare as names are."""
    return [
        pupil(
            f"Z{number:03d}",
            surname=f"{chr(65 + number % 20)}{chr(65 + number // 20)}son",
            forename=f"{chr(65 + number // 20)}{chr(65 + number % 20)}na",
            birth_date=date(2010 + number % 8, 1 + number % 12, 1 + number % 28),
            postcode=f"SS{1 + number % 9} {number % 10}XX",
        )
        for number in range(200)
    ]


LANDING: dict[str, list[dict[str, Any]]] = {
    "ehc_case__child": [case("K1", surname="Okoro", forename="Ngozi", nhs_number="9990000018", **HOME)],
    "school_census__pupil": [
        *crowd(),
        pupil("A1", surname="Whiteley", forename="Zoë", **HOME),
        pupil("A2", surname="Farrow", forename="Ella", **HOME),
        pupil("A3", surname="Farrow", forename="Ruby", **HOME),
        pupil("A4", surname="Quill", forename="Jude", **HOME),
        pupil("A5", surname="Unwin", forename="Mark", **HOME),
    ],
    "therapy_waits__referral": [
        referral("H1", nhs_number="9990000026", birth_date=BORN, surname="WHITELEY", forename="Zoe", **HOME),
        referral("H2", nhs_number="9990000034", birth_date=BORN, surname="Farrow", forename="Ella", **HOME),
        referral("H3", nhs_number="9990000034", birth_date=BORN, surname="Farrow", forename="Ruby", **HOME),
        referral("H4", nhs_number="9990000042", birth_date=BORN, surname="Quill", forename="Unknown", **HOME),
        referral("H5", nhs_number="9990000050", birth_date=date(1900, 1, 1), surname="Unknown", forename="Mark"),
    ],
    "health_advice__advice": [
        logged_advice("by-name", None, child_name="Whiteley, Zoe"),
        logged_advice("by-number", "9990000026", child_name="Zoe Whiteley"),
    ],
    "cin_census__child": [child_in_need("S1", sex="2")],
}


@pytest.fixture(scope="module")
def linked(build: Build) -> Warehouse:
    """One child of each kind of slip."""
    return build(LANDING)


def child(warehouse: Warehouse, extract: str, record: str) -> str:
    (found,) = warehouse.column(
        "select child_id from identity.identity__record_child where extract = ? and record_id = ? "
        "and table_name in ('child', 'pupil', 'referral', 'advice')",
        extract,
        record,
    )
    return str(found)


def of_pupil(warehouse: Warehouse, upn: str) -> str:
    return child(warehouse, "school_census", f"2025-01-16|8832001|{upn}")


def test_a_patient_finds_the_pupil_by_name_birth_date_and_postcode(linked: Warehouse) -> None:
    assert child(linked, "therapy_waits", "H1") == of_pupil(linked, "A1")


def test_a_logged_name_is_parted_into_surname_and_forename(linked: Warehouse) -> None:
    names = linked.rows("select surname, forename from staging.stg_health_advice__advice order by advice_ref")
    assert names == [{"surname": "Whiteley", "forename": "Zoe"}] * 2


def test_of_two_patients_under_one_number_each_twin_finds_its_own(linked: Warehouse) -> None:
    assert child(linked, "therapy_waits", "H2") == of_pupil(linked, "A2")
    assert child(linked, "therapy_waits", "H3") == of_pupil(linked, "A3")
    assert of_pupil(linked, "A2") != of_pupil(linked, "A3")


def test_a_name_not_known_is_asked_about_and_not_linked(linked: Warehouse) -> None:
    assert child(linked, "therapy_waits", "H4") != of_pupil(linked, "A4")
    asked = linked.rows("select left_anchor, right_anchor from identity.identity__question")
    assert {"left_anchor": "A4/2014-03-09", "right_anchor": "9990000042/2014-03-09"} in asked


def test_placeholder_names_and_dates_say_nothing(linked: Warehouse) -> None:
    (row,) = linked.rows(
        "select surname, birth_date from identity.identity__linkage_record where nhs_number = '9990000050'"
    )
    assert row == {"surname": None, "birth_date": None}


def test_the_model_says_that_so_few_records_train_nothing(linked: Warehouse) -> None:
    assert linked.column("select is_new from identity.identity__linkage_model") == [True]
    assert "too few to train on" in linked.column("select model from identity.identity__linkage_model")[0]


def test_the_picture_of_a_question_adds_up_to_its_weight_and_names_nobody(linked: Warehouse) -> None:
    (question,) = [one for one in open_questions(linked.connection, []) if one.left["upn"] == "A4"]
    steps = steps_of(linked.connection, question)
    assert dict(steps)["postcode: same, now or before"] == pytest.approx(11.05, abs=0.01)
    assert sum(weight for _, weight in steps) == pytest.approx(question.match_weight)
    page = waterfall(question, steps)
    assert not re.search("Quill|Jude|A4/|9990000042|http", page)


def answer(one: tuple[str, str], other: tuple[str, str], verdict: str) -> dict[str, Any]:
    names = ("left_kind", "left_anchor", "right_kind", "right_anchor")
    return {**dict(zip(names, one + other, strict=True)), "verdict": verdict, "answered_at": datetime(2025, 6, 30, 21)}


@pytest.fixture(scope="module")
def answered(build: Build, linked: Warehouse) -> Warehouse:
    """The next run, after a steward joined the one and parted the other."""
    return build(
        LANDING,
        known_at=LATER,
        given=linked.rows(
            "select anchor_kind, anchor, child_id, given_at, previous_child_id, cause from identity.identity__given_now"
        ),
        memory={
            "answer": [
                answer(("upn", "A4/2014-03-09"), ("nhs", "9990000042/2014-03-09"), "yes"),
                answer(("upn", "A1/2014-03-09"), ("nhs", "9990000026/2014-03-09"), "no"),
                answer(("health_advice", "by-name"), ("nhs", "9990000026/2014-03-09"), "no"),
            ],
            "linkage_model": linked.rows(
                "select run.known_at as trained_at, model.model "
                "from identity.identity__linkage_model as model cross join landing.run as run"
            ),
            "scored": linked.rows("from identity.identity__scored_pair"),
        },
    )


def test_a_stewards_yes_joins_and_is_asked_no_more(answered: Warehouse) -> None:
    assert child(answered, "therapy_waits", "H4") == of_pupil(answered, "A4")
    assert answered.column("select count(*) from identity.identity__question where left_anchor like 'A4%'") == [0]


def test_a_stewards_no_parts_and_the_pupil_keeps_the_id(answered: Warehouse, linked: Warehouse) -> None:
    assert of_pupil(answered, "A1") == of_pupil(linked, "A1") != child(answered, "therapy_waits", "H1")


def test_merges_and_splits_are_events_with_date_cause_and_both_ids(answered: Warehouse, linked: Warehouse) -> None:
    events = answered.rows(
        "select event, child_id, previous_child_id, cause from identity.identity__event where given_at = ? "
        "order by event",
        LATER,
    )
    merged = [event for event in events if event["event"] == "merged"]
    assert merged == [
        {
            "event": "merged",
            "child_id": of_pupil(answered, "A4"),
            "previous_child_id": child(linked, "therapy_waits", "H4"),
            "cause": "steward",
        }
    ]
    assert {event["previous_child_id"] for event in events if event["event"] == "split"} == {of_pupil(linked, "A1")}


def test_the_model_kept_is_used_again_and_gives_the_same_weights(answered: Warehouse, linked: Warehouse) -> None:
    assert answered.column("select is_new from identity.identity__linkage_model") == [False]
    pairs = "from identity.identity__scored_pair order by left_key, right_key"
    assert answered.rows(pairs) == linked.rows(pairs)


def test_every_id_but_those_a_steward_spoke_of_stays(answered: Warehouse, linked: Warehouse) -> None:
    ids = "select anchor_kind, anchor, child_id from identity.identity__anchor order by all"
    changed = {row["anchor"] for row in answered.rows(ids) if row not in linked.rows(ids)}
    assert changed == {"9990000042/2014-03-09", "9990000026/2014-03-09"}


def reasons(warehouse: Warehouse, source: str) -> dict[str, str]:
    return {one.child_id: one.reason for one in unlinked(warehouse.connection, [], source)}


def test_links_are_counted_by_source_and_way(linked: Warehouse) -> None:
    counted = {one.source: one for one in links_by_source(linked.connection)}
    assert counted["therapy_waits"].persons == 5
    assert counted["therapy_waits"].ways[BY_LIKELIHOOD] == 3
    assert counted["therapy_waits"].share_linked == pytest.approx(3 / 5)
    assert all(sum(one.ways.values()) == one.persons for one in counted.values())


def test_who_is_linked_to_nobody_is_told_with_the_likely_reason(linked: Warehouse) -> None:
    patients = reasons(linked, "therapy_waits")
    assert patients[child(linked, "therapy_waits", "H4")] == ASKED
    assert patients[child(linked, "therapy_waits", "H5")] == NO_BIRTH_DATE
    pupils = reasons(linked, "school_census")
    assert pupils[of_pupil(linked, "A5")] == UNLIKE
    assert pupils[of_pupil(linked, "Z000")] == NOBODY
    assert child(linked, "therapy_waits", "H1") not in patients


def test_a_question_answered_since_is_no_reason_any_more(linked: Warehouse) -> None:
    pair = (("upn", "A4/2014-03-09"), ("nhs", "9990000042/2014-03-09"))
    (patient,) = [
        one
        for one in unlinked(linked.connection, [pair], "therapy_waits")
        if one.child_id == child(linked, "therapy_waits", "H4")
    ]
    assert patient.question is None
    assert patient.reason != ASKED


def test_whom_a_steward_parted_is_told_so(linked: Warehouse) -> None:
    pair = (("upn", "A4/2014-03-09"), ("nhs", "9990000042/2014-03-09"))
    linked.connection.execute("begin")
    values = [*pair[0], *pair[1], "no", LATER]
    linked.connection.execute("insert into identity.answer values (?, ?, ?, ?, ?, ?)", values)
    found = {one.child_id: one.reason for one in unlinked(linked.connection, [pair], "school_census")}
    linked.connection.execute("rollback")
    assert found[of_pupil(linked, "A4")] == PARTED


def test_the_page_of_links_has_every_source_and_names_nobody(linked: Warehouse) -> None:
    links, weights = links_by_source(linked.connection), model_weights(linked.connection)
    page = coverage_page(links, weights)
    assert all(one.source in page for one in links)
    assert ("nhs number", "same") in {(comparison, level) for comparison, level, weight in weights if weight > 15}
    assert not re.search("Quill|Jude|A4/|9990000042|http", page)
