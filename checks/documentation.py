"""Writes ``docs/rules.md``, the list of every rule an officer reads, from the contracts that hold the rules.

``python -m checks.documentation`` writes it anew; a test holds it to the contracts.
"""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from checks.rules import Rule, contract_paths, read_contracts

RULES_PAGE = Path(__file__).parents[1] / "docs" / "rules.md"
LAYERS = {
    "landing": "What is delivered: the extracts as they came",
    "core": "The warehouse: what the models promise",
    "lists": "The lists: what is published",
}


def rules_page() -> str:
    """Every rule by layer and dataset: what it says, who mends it, why it matters, what to do, its basis."""
    first, last = contract_paths()
    rules = [rule for contract in read_contracts((*first, *last)) for rule in contract.rules]
    lines = [
        "# The rules",
        "",
        f"{len(rules)} rules, made from `checks/contracts/` by `python -m checks.documentation`: change them there.",
        "An `error` must be mended, a `query` must be mended or explained, a `warning` is only counted. What holds a",
        "product stands in `checks/gates.yml`.",
    ]
    for layer, title in LAYERS.items():
        lines += ["", f"## {title}"]
        of_layer = [rule for rule in rules if rule.layer == layer]
        for dataset, of_dataset in groupby(of_layer, key=lambda rule: rule.dataset):
            lines += ["", f"### {dataset.partition('/')[2]}", ""]
            lines += [
                "| rule | severity | who mends it | why it matters | what to do | basis |",
                "|---|---|---|---|---|---|",
            ]
            lines += [_row(rule) for rule in of_dataset]
    return "\n".join(lines) + "\n"


def _row(rule: Rule) -> str:
    cells = (f"**{rule.name}** `{rule.rule_id}`", rule.severity, rule.owner, rule.why, rule.remedy, rule.basis)
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


if __name__ == "__main__":
    RULES_PAGE.write_text(rules_page(), encoding="utf-8")
