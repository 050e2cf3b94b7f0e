"""A night with a few changed records scores only what changed, and ends with what a full run ends with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import duckdb
import numpy as np
import pytest

from linkage.model import Model, model_in_use
from linkage.policy import LEAST_RECORDS_TO_TRAIN, PRIOR
from linkage.scoring import find_candidates, score_candidates
from tests.linkage.persons import RECORDS, SURE, hold, opened, person

FORENAMES = ("ADA", "BEN", "CARA", "DAN", "EVE", "FINN", "GRACE", "HUGO", "IVY", "JOE", "KAI", "LENA", "MAX", "NINA")
SURNAMES = ("ABARA", "BANKS", "COLE", "DIAZ", "EVANS", "FROST", "GRANT", "HOLT", "IQBAL", "JAMES", "KAYA", "LOWE")


def borough(count: int, seed: int) -> list[dict[str, Any]]:
    """So many pupils, half of them patients too, one in ten of those with a slip in the name."""
    chance = np.random.default_rng(seed)
    persons = []
    for number in range(count):
        known = {
            "forename": str(chance.choice(FORENAMES)) + chr(65 + int(chance.integers(26))) * 2,
            "surname": str(chance.choice(SURNAMES)) + chr(65 + int(chance.integers(26))) * 2,
            "birth_text": f"20{chance.integers(10, 20)}{chance.integers(1, 13):02d}{chance.integers(1, 29):02d}",
            "postcode": f"RM{chance.integers(1, 9)}{chance.integers(1, 9)}{chance.choice(['AA', 'BB', 'CC'])}",
            "sex": str(chance.choice(["F", "M"])),
        }
        persons.append(person("upn", f"A{number:06d}", **known))
        if number % 2:
            slip = {"forename": known["forename"][:-1]} if chance.random() < 0.1 else {}
            persons.append(person("nhs", f"{9_990_000_000 + number}", **{**known, **slip}))
    return persons


def scored(connection: duckdb.DuckDBPyConnection, model: Model) -> list[tuple[Any, ...]]:
    find_candidates(connection, RECORDS, SURE)
    score_candidates(connection, RECORDS, model, "identity.scored")
    return connection.execute("from scored order by left_key, right_key").fetchall()


@pytest.mark.parametrize("seed", range(3))
def test_a_night_with_one_percent_changed_gives_what_a_full_run_gives_and_scores_only_that(seed: int) -> None:
    persons = borough(300, seed)
    connection = opened(persons)
    model = model_in_use(connection, RECORDS, None, "test")
    scored(connection, model)
    connection.execute("insert into identity.scored from scored")
    changed = [
        person(
            "nhs", one["anchor"], **{name: one[name] for name in ("forename", "surname", "sex")}, birth_text="20120101"
        )
        if number in (1, 100, 200) and one["anchor_kind"] == "nhs"
        else one
        for number, one in enumerate(persons)
    ]
    moved = {one["record_key"] for one, before in zip(changed, persons, strict=True) if one != before}
    hold(connection, changed)
    nightly = scored(connection, model)
    rescored = connection.execute(
        f"select l.record_key, r.record_key from unscored inner join {RECORDS} as l on l.record_number = join_key_l "
        f"inner join {RECORDS} as r on r.record_number = join_key_r"
    ).fetchall()
    assert moved
    assert all(moved & set(pair) for pair in rescored)
    assert nightly == scored(opened(changed), model)


def test_nothing_is_scored_again_when_nothing_changed() -> None:
    connection = opened(borough(100, 1))
    model = model_in_use(connection, RECORDS, None, "test")
    before = scored(connection, model)
    connection.execute("insert into identity.scored from scored")
    assert scored(connection, model) == before
    assert connection.execute("select count(*) from unscored").fetchall() == [(0,)]


def test_another_model_scores_every_pair_anew() -> None:
    connection = opened(borough(100, 1))
    scored(connection, model_in_use(connection, RECORDS, None, "one"))
    connection.execute("insert into identity.scored from scored")
    scored(connection, model_in_use(connection, RECORDS, None, "two"))
    assert connection.execute("select count(*) > 0 from unscored").fetchall() == [(True,)]


@pytest.fixture(scope="module")
def trained() -> tuple[Model, Model]:
    """The model of one borough, trained twice."""
    persons = borough(LEAST_RECORDS_TO_TRAIN, 7)
    one, other = (model_in_use(opened(persons), RECORDS, None, "test") for _ in range(2))
    return one, other


def test_training_twice_on_the_same_records_gives_the_same_model(trained: tuple[Model, Model]) -> None:
    one, other = trained
    assert one.as_text() == other.as_text()


def test_the_training_tells_how_rare_it_is_that_two_children_agree(trained: tuple[Model, Model]) -> None:
    comparisons = {held["output_column_name"]: held["comparison_levels"] for held in trained[0].settings["comparisons"]}
    assert 0.0001 < comparisons["birth_date"][1]["u_probability"] < 0.001
    assert comparisons["forename"][1]["m_probability"] > 0.7


def test_the_training_leaves_identifiers_to_the_policy(trained: tuple[Model, Model]) -> None:
    comparisons = {held["output_column_name"]: held["comparison_levels"] for held in trained[0].settings["comparisons"]}
    assert comparisons["nhs_number"][1]["u_probability"] == 0.000001


def unnamed(number: int) -> dict[str, Any]:
    return person("case", str(number), forename=None, surname=None, birth_text=None, sex=None, postcode=None)


def namesakes(number: int) -> dict[str, Any]:
    return person("case", str(number), forename=f"F{number}")


def strangers(number: int) -> dict[str, Any]:
    born = f"{1995 + number % 25}{1 + number // 25 % 12:02d}{1 + number // 300 % 28:02d}"
    return person("case", str(number), forename=f"F{number}X", surname=f"S{number}Y", birth_text=born, postcode=None)


def copies(number: int) -> dict[str, Any]:
    return person("case", str(number))


@pytest.mark.parametrize("odd", [unnamed, namesakes, strangers, copies])
def test_records_that_teach_nothing_leave_the_policys_own_parameters(odd: Callable[[int], dict[str, Any]]) -> None:
    connection = opened(odd(number) for number in range(LEAST_RECORDS_TO_TRAIN))
    model = model_in_use(connection, RECORDS, None, "test")
    assert any("policy's own" in note for note in model.notes)
    assert model.settings["probability_two_random_records_match"] == PRIOR
    assert scored(connection, model) == []
