"""Which persons of the sources become one child: Splink's weights, guards, sure keys and stewards' answers together."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from linkage.model import Model, model_in_use
from linkage.resolution import resolve
from linkage.scoring import find_candidates, score_candidates
from tests.linkage.persons import ANSWERS, RECORDS, SCORED, SURE, opened, person, said, sure


def children(connection: duckdb.DuckDBPyConnection) -> list[set[str]]:
    """The children found, as sets of persons' keys."""
    model = model_in_use(connection, RECORDS, None, "test")
    find_candidates(connection, RECORDS, SURE)
    score_candidates(connection, RECORDS, model, "identity.scored")
    connection.execute(f"create or replace table {SCORED} as from scored")
    resolve(connection, RECORDS, SURE, SCORED, ANSWERS)
    rows = connection.execute(
        f"select list(record_key) from {RECORDS} left join resolved using (record_key) "
        "group by coalesce(head_key, record_key)"
    ).fetchall()
    return sorted((set(keys) for (keys,) in rows), key=sorted)


CROWD = [
    person(
        "upn",
        f"A{number:06d}",
        forename=f"{chr(65 + number % 23)}{chr(65 + number // 23)}NA",
        surname=f"{chr(65 + number // 23)}{chr(65 + number % 23)}SON",
        birth_text=f"20{10 + number % 8}{1 + number % 12:02d}{1 + number % 28:02d}",
        postcode=f"RM{1 + number % 9}{number % 10}XX",
    )
    for number in range(300)
]
"""Other children, so that a name is as rare as names are."""


def found(*persons: dict[str, Any]) -> list[set[str]]:
    """The children among the persons, in a borough with others."""
    keys = {one["record_key"] for one in persons}
    return [child for child in children(opened([*CROWD, *persons])) if child & keys]


@pytest.mark.parametrize(
    "slip",
    [
        {},
        {"forename": "IFEOLUWA"},
        {"forename": "ABARA", "surname": "IFE"},
        {"surname": "ABARA JONES"},
        {"surname": "ABARRA"},
        {"birth_text": "20140903"},
        {"birth_text": "20140308"},
        {"postcode": "RM176ZZ"},
        {"sex": None},
        {"forename": "I"},
    ],
    ids=lambda slip: "-".join(slip) or "none",
)
def test_a_slip_of_the_health_service_does_not_hide_the_child(slip: dict[str, Any]) -> None:
    assert found(person("upn", "A1"), person("nhs", "9990000018", **slip)) == [{"nhs:9990000018", "upn:A1"}]


def test_an_nhs_number_with_a_digit_too_many_is_another_number_not_one_digit_off() -> None:
    assert len(found(person("case", "K1", nhs_number="9990000018"), person("nhs", "99900000188"))) == 2


def test_a_pet_name_does_not_hide_the_child() -> None:
    pupil = person("upn", "A1", forename="ROBERT", group="ROBERT")
    assert len(found(pupil, person("nhs", "9990000018", forename="BOB", group="ROBERT"))) == 1


def test_a_child_known_to_health_only_is_a_child_by_itself() -> None:
    alone = person("nhs", "9990000018", forename="UNA", surname="QUILL", birth_text="20150101", postcode="SS10AA")
    assert found(person("upn", "A1"), alone) == [{"nhs:9990000018"}, {"upn:A1"}]


def test_twins_of_one_sex_are_two_children_though_all_but_the_forename_agrees() -> None:
    twins = [person("upn", "A1", forename="ELLA"), person("nhs", "9990000018", forename="EMMA")]
    assert len(found(*twins)) == 2


def test_triplets_with_near_names_find_each_their_own_record() -> None:
    names = ("ISABELLA", "ISABELLE", "ISOBEL")
    pupils = [person("upn", f"A{n}", forename=name, group="ISABELLA") for n, name in enumerate(names)]
    patients = [person("nhs", f"999000001{n}", forename=name, group="ISABELLA") for n, name in enumerate(names)]
    assert sorted(map(sorted, found(*pupils, *patients))) == [[f"nhs:999000001{n}", f"upn:A{n}"] for n in range(3)]


def test_a_twin_of_whom_only_the_initial_is_written_is_left_to_a_steward() -> None:
    twins = [person("upn", "A1", forename="ELLA"), person("upn", "A2", forename="EMMA")]
    patient = person("nhs", "9990000018", forename="E")
    assert {"nhs:9990000018"} in found(*twins, patient)


def test_siblings_at_one_address_are_two_children() -> None:
    assert len(found(person("upn", "A1"), person("nhs", "9990000018", forename="ADE", birth_text="20110616"))) == 2


def test_a_number_typed_for_a_sibling_leads_to_the_sibling_neither_nor_away_from_the_child() -> None:
    sibling = person("cin", "S1", forename="ADE", birth_text="20110616", nhs_number="9990000018")
    pupil = person("upn", "A1")
    patient = person("nhs", "9990000018")
    assert found(sibling, pupil, patient) == [{"cin:S1"}, {"nhs:9990000018", "upn:A1"}]


def test_another_childs_upn_on_a_record_does_not_make_them_one() -> None:
    holder = person("case", "K1", upn="A1", forename="ADE", surname="OKORO", birth_text="20110616", postcode="SS10AA")
    assert len(found(holder, person("nccis", "C1", upn="A1"))) == 2


def test_a_temporary_upn_gives_way_to_the_permanent_one() -> None:
    assert len(found(person("upn", "A123456789012"), person("upn", "A12345678901B"))) == 1


def test_two_pupils_of_the_census_are_two_though_all_else_agrees() -> None:
    assert len(found(person("upn", "A1"), person("upn", "A2"))) == 2


def test_an_adopted_childs_old_and_new_identity_are_not_linked() -> None:
    before = person("cin", "S1", upn="A1", nhs_number="9990000018")
    after = person("case", "K1", surname="WHITELEY", postcode="SS10AA", upn="A2", nhs_number="9990000026")
    assert len(found(before, after)) == 2


def test_a_name_not_known_gives_no_evidence() -> None:
    assert len(found(person("upn", "A1"), person("nhs", "9990000018", forename=None))) == 2


def test_two_children_of_one_name_who_come_equally_near_are_left_to_a_steward() -> None:
    namesakes = [person("upn", "A1", postcode="SS10AA"), person("upn", "A2", postcode="SS29ZZ")]
    assert {"nhs:9990000018"} in found(*namesakes, person("nhs", "9990000018", postcode=None))


def test_two_cases_stay_two_though_a_patient_might_be_either() -> None:
    cases = [person("case", "K1"), person("case", "K2")]
    assert all(
        len({key for key in child if key.startswith("case")}) <= 1 for child in found(*cases, person("nhs", "1"))
    )


def test_a_yes_links_what_the_weight_does_not() -> None:
    connection = opened([*CROWD, person("upn", "A1"), person("nhs", "1", forename=None)])
    said(connection, "nhs:1", "upn:A1", "yes")
    assert {"upn:A1", "nhs:1"} in children(connection)


def test_a_no_parts_what_the_weight_links() -> None:
    connection = opened([*CROWD, person("upn", "A1"), person("nhs", "1")])
    said(connection, "nhs:1", "upn:A1", "no")
    assert {"nhs:1"} in children(connection)


def test_a_no_parts_what_a_sure_key_links() -> None:
    connection = opened([*CROWD, person("case", "K1"), person("upn", "A1"), person("nhs", "1")])
    sure(connection, "upn:A1", "case:K1")
    sure(connection, "nhs:1", "case:K1")
    said(connection, "nhs:1", "case:K1", "no")
    said(connection, "nhs:1", "upn:A1", "no")
    assert {"case:K1", "upn:A1"} in children(connection)
    assert {"nhs:1"} in children(connection)


def test_a_no_between_two_keeps_them_apart_though_a_third_is_like_both() -> None:
    connection = opened([*CROWD, person("upn", "A1"), person("cin", "S1"), person("nccis", "C1")])
    said(connection, "cin:S1", "upn:A1", "no")
    assert not any({"cin:S1", "upn:A1"} <= child for child in children(connection))


def test_a_yes_never_makes_two_cases_one() -> None:
    connection = opened([person("case", "K1"), person("case", "K2", forename="ADE")])
    said(connection, "case:K1", "case:K2", "yes")
    assert len(children(connection)) == 2


def test_an_answer_that_cannot_tell_changes_nothing() -> None:
    connection = opened([*CROWD, person("upn", "A1"), person("nhs", "1")])
    said(connection, "nhs:1", "upn:A1", "unsure")
    assert {"upn:A1", "nhs:1"} in children(connection)


def test_too_few_records_are_scored_with_the_policys_own_parameters() -> None:
    model = model_in_use(opened(CROWD), RECORDS, None, "test")
    assert model.notes == ["300 records are too few to train on: the policy's own parameters stand"]


def test_a_model_that_fits_is_used_again() -> None:
    connection = opened(CROWD)
    kept = model_in_use(connection, RECORDS, None, "first").as_text()
    assert model_in_use(connection, RECORDS, kept, "second") == Model.from_text(kept)


def test_a_model_is_made_anew_when_the_records_outgrow_it() -> None:
    kept = model_in_use(opened(CROWD[:100]), RECORDS, None, "first").as_text()
    assert model_in_use(opened(CROWD), RECORDS, kept, "second").model_id.startswith("second")
