"""The extract contracts are read strictly, and say what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.contract import CONTRACTS, all_contracts, contract_from_text, read_contract
from connectors.errors import ConfigurationError


def changed(extract: str, old: str, new: str) -> str:
    text = (CONTRACTS / f"{extract}.yml").read_text()
    assert old in text
    return text.replace(old, new, 1)


def test_every_contract_of_the_house_can_be_followed() -> None:
    names = {contract.extract for contract in all_contracts()}
    assert {"ehc_case", "school_census", "gias", "therapy_waits", "cin_census"} <= names


def test_the_version_changes_with_the_text() -> None:
    before = read_contract("ehc_case").contract_version
    after = contract_from_text(changed("ehc_case", "cadence_days: 7", "cadence_days: 8"), "ehc_case.yml")
    assert before != after.contract_version


def test_needed_columns_are_the_key_then_the_required() -> None:
    assert read_contract("ehc_case").tables["child"].needed == ("case_id", "surname", "forename", "birth_date")


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("cadence_days: 7", "cadence: 7", "cadence"),
        ("key: [case_id]", "key: [case_number]", "case_number"),
        ("code_set: sex", "code_set: sexes", "sexes"),
        ("synonyms: [gender]", "synonyms: [surname]", "answer to the same heading"),
        ("references: child", "references: infant", "infant"),
        ("type: date", "type: day", "type"),
        ("extract: ehc_case", "extract: [", "YAML"),
    ],
)
def test_a_wrong_contract_is_refused_by_name(old: str, new: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        contract_from_text(changed("ehc_case", old, new), "ehc_case.yml")


def test_an_unknown_extract_is_answered_with_those_there_are() -> None:
    with pytest.raises(ConfigurationError, match="school_census"):
        read_contract("school_censsus")


def test_a_name_never_leads_out_of_the_contracts_folder() -> None:
    with pytest.raises(ConfigurationError):
        read_contract(str(Path("..") / "contracts" / "gias"))
