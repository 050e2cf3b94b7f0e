"""What a run did, as data for programs and as text for a person. Names no child."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from connectors.failed_loads import FailedLoad


@dataclass(frozen=True)
class LoadLine:
    """One extract's load: rows read = loaded + quarantined, over the files that were new.

    ``rows_furniture`` are those of the quarantined rows that are no records: total rows and repeated headers.
    ``rows_withheld`` were removed for data protection and do not land again: read = loaded + quarantined + withheld.
    ``delivered_at`` is when the source's newest file was written (UTC), where that is to be known. ``mended`` are files
    of the landing that were lost or broken and were read again.
    """

    extract: str
    status: str
    files: int = 0
    rows_read: int = 0
    rows_loaded: int = 0
    rows_quarantined: int = 0
    rows_furniture: int = 0
    rows_withheld: int = 0
    refused: tuple[tuple[str, str], ...] = ()
    problem: str | None = None
    delivered_at: datetime | None = None
    mended: tuple[str, ...] = ()


@dataclass(frozen=True)
class RuleLine:
    """How many records one rule found wrong."""

    rule_id: str
    dataset: str
    name: str
    severity: str
    owner: str
    findings: int


@dataclass(frozen=True)
class ProductLine:
    """One product: published now, held (with the reasons), or standing unchanged.

    A hold of one that is not ``is_nightly``, of a list for inspectors, makes no night's run a held one.
    """

    product: str
    status: str
    as_at: str | None = None
    published_from: str | None = None
    rows: dict[str, int] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()
    folder: str | None = None
    is_nightly: bool = True

    @property
    def is_holding_the_run(self) -> bool:
        """Whether it is held, and the run with it."""
        return self.is_nightly and self.status == "held"


@dataclass(frozen=True)
class DeliveryLine:
    """A product at a destination of others: delivered, standing or failed; ``to_do`` is left to its administrator."""

    destination: str
    product: str
    outcome: str
    problem: str | None = None
    to_do: tuple[str, ...] = ()

    def as_markdown(self) -> str:
        """The delivery as lines for a person."""
        said = {"delivered": "delivered", "standing": "there already", "failed": "NOT DELIVERED"}[self.outcome]
        line = f"- **{self.product}** at {self.destination}: {said}{f': {self.problem}' if self.problem else ''}"
        return "\n".join([line, *(f"  - an administrator must run there: `{statement}`" for statement in self.to_do)])


@dataclass(frozen=True)
class RunSummary:
    """A whole run. ``stages`` are seconds by stage."""

    run_id: str
    as_at: str
    known_at: str
    is_anything_new: bool
    loads: tuple[LoadLine, ...]
    loads_failed: tuple[FailedLoad, ...]
    rules: tuple[RuleLine, ...]
    rules_not_run: tuple[str, ...]
    findings_new: int
    findings_fixed: int
    findings_open: int
    products: tuple[ProductLine, ...]
    stages: dict[str, float]
    deliveries: tuple[DeliveryLine, ...] = ()

    @property
    def is_any_product_held(self) -> bool:
        """Whether a gate held a product, in this run or in the one whose results stand."""
        return any(line.is_holding_the_run for line in self.products)

    def as_data(self) -> dict[str, Any]:
        """The summary as plain values, for ``--json``."""
        return {**asdict(self), "is_any_product_held": self.is_any_product_held}

    def as_markdown(self) -> str:
        """The summary as Markdown, for Prefect's artifact and for the terminal."""
        return "\n".join(
            [
                f"# Run {self.run_id}",
                "",
                f"Lists as at **{self.as_at}**, from what was known at {self.known_at} UTC.",
                "" if self.is_anything_new else "\nNothing new was delivered: what was published stands.\n",
                *failures_as_markdown(self.loads_failed),
                *self._loads_as_markdown(),
                *self._rules_as_markdown(),
                *self._products_as_markdown(),
                *(["", "## For others", ""] if self.deliveries else []),
                *(line.as_markdown() for line in self.deliveries),
            ]
        )

    def _loads_as_markdown(self) -> list[str]:
        lines = ["## Loads", "", "| extract | status | files | rows read | loaded | quarantined |"]
        lines.append("|---|---|---:|---:|---:|---:|")
        for load in self.loads:
            figures = f"{load.files} | {load.rows_read:,} | {load.rows_loaded:,} | {load.rows_quarantined:,}"
            furniture = f" ({load.rows_furniture:,} total or header)" if load.rows_furniture else ""
            withheld = f" ({load.rows_withheld:,} removed before, and withheld)" if load.rows_withheld else ""
            lines.append(f"| {load.extract} | {load.status} | {figures}{furniture}{withheld} |")
        for load in self.loads:
            lines += [f"\n- **{file}** was refused: {reason}" for file, reason in load.refused]
            lines += [
                f"\n- **{name}** was lost or broken, and has been read again from its source" for name in load.mended
            ]
            if load.problem:
                lines.append(f"\n- **{load.extract}**: {load.problem.removeprefix(load.extract + ': ')}")
        return [*lines, ""]

    def _rules_as_markdown(self) -> list[str]:
        counts = f"{self.findings_open:,} open, {self.findings_new:,} new, {self.findings_fixed:,} fixed"
        lines = [
            "## Findings",
            "",
            f"{counts}.",
            "",
            "| findings | severity | owner | rule | in |",
            "|---:|---|---|---|---|",
        ]
        for rule in self.rules:
            lines.append(f"| {rule.findings:,} | {rule.severity} | {rule.owner} | {rule.name} | {rule.dataset} |")
        for rule_id in self.rules_not_run:
            lines.append(f"\n- **{rule_id}** did not run; a rule that did not run is not a pass")
        return [*lines, ""]

    def _products_as_markdown(self) -> list[str]:
        lines = ["## Products", ""]
        for product in self.products:
            if product.status == "held":
                stands = f"that of {product.as_at} stands" if product.as_at else "nothing is published yet"
                lines.append(f"- **{product.product}** is HELD ({stands}):")
                lines += [f"  - {reason}" for reason in product.reasons]
            else:
                lines.append(f"- **{product.product}** is {product.status}, as at {product.as_at}: {product.folder}")
                lines += [f"  - {table}: {count:,} rows" for table, count in sorted(product.rows.items())]
        return lines


def failures_as_markdown(failed: Sequence[FailedLoad]) -> list[str]:
    """The loads that failed, said first and aloud: what is published is older there than it looks."""
    if not failed:
        return []
    extracts = "extract was" if len(failed) == 1 else "extracts were"
    return [f"**{len(failed)} {extracts} NOT LOADED as delivered:**", "", *(load.as_markdown() for load in failed), ""]
