"""The pages of rules say what the contracts say."""

from __future__ import annotations

from pathlib import Path

import pytest

from checks.documentation import (
    ANNEX_A_PAGE,
    RULES_PAGE,
    SEN2_PAGE,
    annex_a_page,
    read_not_checkable,
    rules_page,
    sen2_page,
)
from checks.rules import contract_paths, inspection_contract_paths, read_contracts, return_contract_paths
from connectors.errors import ConfigurationError


def test_the_page_of_rules_is_as_the_contracts_are() -> None:
    assert RULES_PAGE.read_text(encoding="utf-8") == rules_page(), "run: python -m checks.documentation"


def test_the_page_names_every_rule() -> None:
    page = rules_page()
    first, last = contract_paths()
    rules = [rule for contract in read_contracts((*first, *last)) for rule in contract.rules]
    assert len(rules) >= 40
    assert all(f"`{rule.rule_id}`" in page for rule in rules)


def test_the_page_of_the_return_is_as_its_contracts_are() -> None:
    assert SEN2_PAGE.read_text(encoding="utf-8") == sen2_page(), "run: python -m checks.documentation"


def test_the_page_of_the_return_names_every_rule_with_its_years() -> None:
    rows = [line for line in sen2_page().splitlines() if line.startswith("| **")]
    rules = [rule for contract in read_contracts(return_contract_paths()) for rule in contract.rules]
    assert len(rows) == len(rules) >= 200
    for row, rule in zip(rows, rules, strict=True):
        assert f"`{rule.rule_id}`" in row
        years = f"{rule.first_year or 'any'} | {rule.last_year or 'any'}"
        assert row.endswith(f"| {years} | {rule.dfe_rule_no or 'not known'} |")


def test_the_page_of_annex_a_names_every_rule_of_its_contracts() -> None:
    assert ANNEX_A_PAGE.read_text(encoding="utf-8") == annex_a_page(), "run: python -m checks.documentation"
    rules = [rule for contract in read_contracts(inspection_contract_paths()) for rule in contract.rules]
    assert all(f"`{rule.rule_id}` | {rule.severity} |" in annex_a_page() for rule in rules)


def test_what_cannot_be_checked_says_why() -> None:
    page = sen2_page()
    for entry in read_not_checkable():
        assert entry.why
        assert f"| {entry.condition} |" in page


@pytest.mark.parametrize("content", ["- {condition: A, why: B}", "- [", "7"])
def test_conditions_that_cannot_be_followed_are_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "not.yml").write_text(content)
    with pytest.raises(ConfigurationError, match=r"^not\.yml cannot be followed"):
        read_not_checkable(tmp_path / "not.yml")
