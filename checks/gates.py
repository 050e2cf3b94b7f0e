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


COUNT, COUNT_AS_EXPLAINED = "count", "count_as_explained"

Waived = Mapping[tuple[str, str], int]
"""How many findings of a rule stand waived, by dataset and rule."""


@dataclass(frozen=True)
class Gate:
    """One product's gate.

    ``tables`` gives the schema of each table published. A failed rule of ``contracts`` whose severity is among
    ``holds_on`` holds the product; a rule of ``contracts`` or ``must_run`` that did not run holds it too. Both are
    patterns of datasets (``core/*``).

    ``waivers`` says what a waived finding is to the gate: by default it counts as any other, for a waiver is about who
    chases it; with ``count_as_explained`` a rule whose every failing row is waived does not hold the product, and the
    decision says so. The return's gate never takes that: DfE knows no waiver.
    """

    product: str
    tables: Mapping[str, str]
    contracts: tuple[str, ...]
    must_run: tuple[str, ...]
    holds_on: tuple[str, ...]
    waivers: str = COUNT


@dataclass(frozen=True)
class GateDecision:
    """Whether a product may be published now; where not, why, in plain words."""

    product: str
    outcome: Literal["published", "held"]
    reasons: tuple[str, ...]
    waived: tuple[str, ...] = ()
    """The failures that would have held it but for waivers."""

    @property
    def is_published(self) -> bool:
        """Whether the gate lets the product pass."""
        return self.outcome == "published"


def read_gates(path: Path = GATES) -> tuple[Gate, ...]:
    """The gates, in the order in which products are published. Raises ``ConfigurationError``."""
    try:
        written = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
        gates = tuple(
            Gate(
                product=product,
                tables=dict(gate["tables"]),
                contracts=tuple(gate["contracts"]),
                must_run=tuple(gate["must_run"]),
                holds_on=tuple(gate["holds_on"]),
                waivers=gate.get("waivers", COUNT),
            )
            for product, gate in written.items()
        )
    except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError(f"{path.name} cannot be followed ({type(error).__name__}: {error}).") from None
    unknown = {severity for gate in gates for severity in gate.holds_on} - set(SEVERITIES)
    if unknown:
        raise ConfigurationError(f"{path.name} names the severities {', '.join(sorted(unknown))}, which do not exist.")
    for gate in gates:
        if gate.waivers not in (COUNT, COUNT_AS_EXPLAINED) or (path == RETURN_GATES and gate.waivers != COUNT):
            raise ConfigurationError(
                f"{path.name} says {gate.waivers!r} of the waivers of {gate.product}. Write {COUNT} or "
                f"{COUNT_AS_EXPLAINED}; of the return they always count."
            )
    return gates


def decide_gates(
    results: Sequence[RuleResult], gates: Sequence[Gate], contracts: Path = CONTRACTS, waived: Waived | None = None
) -> list[GateDecision]:
    """The decision on each gate, in their order, from this run's results and the contract files in ``contracts``.

    ``waived`` are the findings of this run that stand waived, for gates that ask for them.
    """
    decisions = []
    for gate in gates:
        failed, passed_over = _failed(gate, results, waived or {})
        reasons = (*_missing(gate, results, contracts), *failed)
        decisions.append(GateDecision(gate.product, "held" if reasons else "published", reasons, passed_over))
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


def _failed(gate: Gate, results: Sequence[RuleResult], waived: Waived) -> tuple[list[str], tuple[str, ...]]:
    """The failures that hold the product, and those that do not because all their rows are waived."""
    reasons: list[str] = []
    passed_over: list[str] = []
    for result in results:
        if not _matches(result.dataset, gate.contracts):
            continue
        if result.severity not in SEVERITIES:
            reasons.append(f"The rule '{result.name}' ({result.rule_id}) has no known severity: {result.severity}")
        elif result.outcome == "failed" and result.severity in gate.holds_on:
            rows = "1 row" if result.failed_rows == 1 else f"{result.failed_rows:,} rows"
            told = f"'{result.name}' does not hold for {rows} of {result.dataset} ({result.rule_id})"
            is_waived = 0 < result.failed_rows <= waived.get((result.dataset, result.rule_id), 0)
            if is_waived and gate.waivers == COUNT_AS_EXPLAINED:
                passed_over.append(f"{told}, all waived")
            else:
                reasons.append(told)
    return reasons, tuple(passed_over)
