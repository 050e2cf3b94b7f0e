"""The page of rules says what the contracts say."""

from __future__ import annotations

from checks.documentation import RULES_PAGE, rules_page
from checks.rules import contract_paths, read_contracts


def test_the_page_of_rules_is_as_the_contracts_are() -> None:
    assert RULES_PAGE.read_text(encoding="utf-8") == rules_page(), "run: python -m checks.documentation"


def test_the_page_names_every_rule() -> None:
    page = rules_page()
    first, last = contract_paths()
    rules = [rule for contract in read_contracts((*first, *last)) for rule in contract.rules]
    assert len(rules) >= 40
    assert all(f"`{rule.rule_id}`" in page for rule in rules)
