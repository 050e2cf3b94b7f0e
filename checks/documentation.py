"""Writes ``docs/rules.md``, the list of every rule an officer reads, from the contracts that hold the rules.

The rules of the SEN2 return have a page of their own, ``docs/sen2_rules.md``, and so have those of the lists for
inspectors, ``docs/annex_a_rules.md``. ``python -m checks.documentation`` writes all anew; a test holds them to the
contracts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import yaml

from checks.rules import (
    NEEDS,
    Rule,
    contract_paths,
    inspection_contract_paths,
    read_contracts,
    return_contract_paths,
)
from connectors.errors import ConfigurationError
from connectors.markdown import table_row

RULES_PAGE = Path(__file__).parents[1] / "docs" / "rules.md"
SEN2_PAGE = Path(__file__).parents[1] / "docs" / "sen2_rules.md"
ANNEX_A_PAGE = Path(__file__).parents[1] / "docs" / "annex_a_rules.md"
NOT_CHECKABLE = Path(__file__).with_name("sen2_not_checkable.yml")
LAYERS = {
    "landing": "What is delivered: the extracts as they came",
    "core": "The warehouse: what the models promise",
    "lists": "The lists: what is published",
    "intermediate": "The indicators as they are counted",
    "dashboard": "The dashboard: the indicators and what they are compared with",
}


@dataclass(frozen=True)
class NotCheckable:
    """A condition of the SEN2 return that local data cannot show, the items it is about, and why."""

    condition: str
    items: tuple[str, ...]
    why: str


def read_not_checkable(path: Path = NOT_CHECKABLE) -> tuple[NotCheckable, ...]:
    """The conditions no rule checks, as the file lists them. Raises ``ConfigurationError``."""
    try:
        written = yaml.safe_load(path.read_text(encoding="utf-8"))
        return tuple(NotCheckable(entry["condition"], tuple(entry["items"]), entry["why"]) for entry in written)
    except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError) as error:
        raise ConfigurationError(f"{path.name} cannot be followed ({type(error).__name__}: {error}).") from None


def rules_page() -> str:
    """Every rule by layer and dataset: what it says, who mends it, why it matters, what to do, its basis."""
    first, last = contract_paths()
    rules = [rule for contract in read_contracts((*first, *last)) for rule in contract.rules]
    lines = [
        "# The rules",
        "",
        f"{len(rules)} rules, made from `checks/contracts/` by `python -m checks.documentation`: change them there.",
        "An `error` must be mended, a `query` must be mended or explained, a `warning` is only counted. What holds a",
        "product stands in `checks/gates.yml` and `checks/dashboard_gates.yml`. Those of the SEN2 return are in",
        "`docs/sen2_rules.md`, those of the lists for inspectors in `docs/annex_a_rules.md`.",
    ]
    for layer, title in LAYERS.items():
        lines += ["", f"## {title}"]
        of_layer = [rule for rule in rules if rule.layer == layer]
        for dataset, of_dataset in groupby(of_layer, key=lambda rule: rule.dataset):
            lines += _table(f"### {dataset.partition('/')[2]}", of_dataset)
    return "\n".join(lines) + "\n"


def annex_a_page() -> str:
    """Every rule on the lists for inspectors: what it says, who mends it, why it matters, what to do, its basis."""
    contracts = read_contracts(inspection_contract_paths())
    rules = [rule for contract in contracts for rule in contract.rules]
    lines = [
        "# The rules of Annex A",
        "",
        f"{len(rules)} rules on the two child lists that inspectors of area SEND ask for, made from",
        "`checks/contracts/annex_a/` by `python -m checks.documentation`: change them there. An `error` holds the",
        "lists (`checks/inspection_gates.yml`); a `query` must be mended or explained. `send annex-a` says what they",
        "find.",
        "",
        "Numbers and conditions follow the Annex A validator of Data to Insight, as read in its public code; of what",
        "it does not call a query or an error the severity is ours, that of the same rule of the SEN2 return where",
        "there is one. Not built are 104 (caseworker) and 112 (date of death), which that validator leaves out too:",
        "the lists have no such columns. Each rule is tried on a record that breaks it and on one that just does not,",
        "in `tests/checks/test_annex_a_rules.py`.",
    ]
    for contract in contracts:
        lines += _table(f"## {contract.table}", contract.rules)
    return "\n".join(lines) + "\n"


def sen2_page() -> str:
    """Every rule on the SEN2 return with its items, its basis and its years, and apart what cannot be checked."""
    contracts = read_contracts(return_contract_paths())
    rules = [rule for contract in contracts for rule in contract.rules]
    errors = sum(rule.severity == "error" for rule in rules)
    lines = [
        "# The rules of the SEN2 return",
        "",
        f"{len(rules)} rules, {errors} errors and {len(rules) - errors} queries, made from `checks/contracts/sen2/` by",
        "`python -m checks.documentation`: change them there. An `error` holds the return, and so does any rule that",
        "did not run (`checks/return_gates.yml`); a `query` must be mended or explained.",
        "",
        "DfE's specification was not at hand: no number and no wording is DfE's. The basis says of each rule what was",
        "read in a source and what is recalled. Whoever holds the specification enters DfE's number as `dfe_rule_no`.",
        "Each rule is tried on a record that breaks it and on one that just does not, in",
        "`tests/checks/test_sen2_rules.py`, under `table.rule`.",
        "",
        "Some rules need something beside the return: last year's (signed off here, or taken in by `send sen2 import`)",
        "or DfE's published figures (the extract `dfe_ehc_plans`). Without it they are *not applicable*: they have not",
        "passed, and hold nothing.",
    ]
    for contract in contracts:
        lines += ["", f"## {contract.table}", ""]
        lines += [
            "| rule | severity | items | needs | basis | why it matters | what to do | first year | last year "
            "| DfE number |",
            "|---|---|---|---|---|---|---|---|---|---|",
        ]
        lines += [_return_row(rule) for rule in contract.rules]
    lines += [
        "",
        "## What cannot be checked here",
        "",
        "Listed in `checks/sen2_not_checkable.yml`.",
        "",
        "| condition | items | why |",
        "|---|---|---|",
    ]
    lines += [table_row((entry.condition, ", ".join(entry.items), entry.why)) for entry in read_not_checkable()]
    return "\n".join(lines) + "\n"


def _table(heading: str, rules: Iterable[Rule]) -> list[str]:
    return [
        "",
        heading,
        "",
        "| rule | severity | who mends it | why it matters | what to do | basis |",
        "|---|---|---|---|---|---|",
        *(_row(rule) for rule in rules),
    ]


def _row(rule: Rule) -> str:
    return table_row(
        (f"**{rule.name}** `{rule.rule_id}`", rule.severity, rule.owner, rule.why, rule.remedy, rule.basis)
    )


def _return_row(rule: Rule) -> str:
    years = ("any" if year is None else str(year) for year in (rule.first_year, rule.last_year))
    said = (
        f"**{rule.name}** `{rule.rule_id}`",
        rule.severity,
        ", ".join(rule.items),
        NEEDS[rule.needs] if rule.needs else "",
        rule.basis,
        rule.why,
        rule.remedy,
    )
    return table_row((*said, *years, rule.dfe_rule_no or "not known"))


if __name__ == "__main__":
    RULES_PAGE.write_text(rules_page(), encoding="utf-8")
    SEN2_PAGE.write_text(sen2_page(), encoding="utf-8")
    ANNEX_A_PAGE.write_text(annex_a_page(), encoding="utf-8")
