"""Decides which products may be published. A gate is data (``gates.yml``) and fails closed: a rule that did not run
is not a pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

import yaml

from checks.rules import CONTRACTS, SEVERITIES, ContractUnreadable, dataset_of, read_contract
from checks.verification import RuleResult
from connectors.errors import ConfigurationError

GATES = Path(__file__).with_name("gates.yml")
RETURN_GATES = Path(__file__).with_name("return_gates.yml")
"""The gate of the SEN2 return, apart from the nightly products: it is decided when the return is checked."""
DASHBOARD_GATES = Path(__file__).with_name("dashboard_gates.yml")
"""The gate of the dashboard, a nightly product like the lists."""
INSPECTION_GATES = Path(__file__).with_name("inspection_gates.yml")
"""The gate of the lists for inspectors: decided and published every night, and never a reason to call a run held."""


@dataclass(frozen=True)
class Gate:
    """One product's gate.

    ``tables`` gives the schema of each table published. A failed rule of ``contracts`` whose severity is among
    ``holds_on`` holds the product; a rule of ``contracts`` or ``must_run`` that did not run holds it too. Both are
    patterns of datasets (``core/*``).
    """

    product: str
    tables: Mapping[str, str]
    contracts: tuple[str, ...]
    must_run: tuple[str, ...]
    holds_on: tuple[str, ...]


@dataclass(frozen=True)
class GateDecision:
    """Whether a product may be published now; where not, why, in plain words."""

    product: str
    outcome: Literal["published", "held"]
    reasons: tuple[str, ...]

    @property
    def is_published(self) -> bool:
        """Whether the gate lets the product pass."""
        return self.outcome == "published"


def read_gates(path: Path = GATES) -> tuple[Gate, ...]:
    """The gates, in the order in which products are published. Raises ``ConfigurationError``."""
    try:
        written = yaml.safe_load(path.read_text(encoding="utf-8"))
        gates = tuple(
            Gate(
                product=product,
                tables=dict(gate["tables"]),
                contracts=tuple(gate["contracts"]),
                must_run=tuple(gate["must_run"]),
                holds_on=tuple(gate["holds_on"]),
            )
            for product, gate in written.items()
        )
    except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError(f"{path.name} cannot be followed ({type(error).__name__}: {error}).") from None
    unknown = {severity for gate in gates for severity in gate.holds_on} - set(SEVERITIES)
    if unknown:
        raise ConfigurationError(f"{path.name} names the severities {', '.join(sorted(unknown))}, which do not exist.")
    return gates


def decide_gates(
    results: Sequence[RuleResult], gates: Sequence[Gate], contracts: Path = CONTRACTS
) -> list[GateDecision]:
    """The decision on each gate, in their order, from this run's results and the contract files in ``contracts``."""
    decisions = []
    for gate in gates:
        reasons = (*_missing(gate, results, contracts), *_failed(gate, results))
        decisions.append(GateDecision(gate.product, "held" if reasons else "published", reasons))
    return decisions


def _matches(dataset: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(dataset, pattern) for pattern in patterns)


def _missing(gate: Gate, results: Sequence[RuleResult], contracts: Path) -> list[str]:
    """Why it cannot be said that every rule the gate rests on has run."""
    needed = (*gate.contracts, *gate.must_run)
    paths = {dataset_of(path): path for path in sorted(contracts.glob("*/*.yml"))}
    reasons = [
        f"No check contract matches {pattern}" for pattern in needed if not any(_matches(d, [pattern]) for d in paths)
    ]
    reasons += [
        f"The table {table} has no check contract in this gate"
        for table, schema in gate.tables.items()
        if f"{schema}/{table}" not in paths or not _matches(f"{schema}/{table}", gate.contracts)
    ]
    has_run = {(result.dataset, result.rule_id) for result in results if result.is_settled}
    for dataset, path in paths.items():
        if not _matches(dataset, needed):
            continue
        try:
            rules = read_contract(path).rules
        except ContractUnreadable as error:
            reasons.append(str(error))
            continue
        if not rules:
            reasons.append(f"The check contract {dataset} has no rule")
        not_run = [rule.rule_id for rule in rules if (dataset, rule.rule_id) not in has_run]
        if not_run:
            reasons.append(f"{len(not_run)} of the {len(rules)} rules of {dataset} did not run: {', '.join(not_run)}")
    return reasons


def _failed(gate: Gate, results: Sequence[RuleResult]) -> list[str]:
    """The failures that hold the product."""
    reasons = []
    for result in results:
        if not _matches(result.dataset, gate.contracts):
            continue
        if result.severity not in SEVERITIES:
            reasons.append(f"The rule '{result.name}' ({result.rule_id}) has no known severity: {result.severity}")
        elif result.outcome == "failed" and result.severity in gate.holds_on:
            rows = "1 row" if result.failed_rows == 1 else f"{result.failed_rows:,} rows"
            reasons.append(f"'{result.name}' does not hold for {rows} of {result.dataset} ({result.rule_id})")
    return reasons
