"""The rules as the contracts in ``checks/contracts/<layer>/<dataset>.yml`` state them, one rule in one place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from connectors.errors import ConfigurationError

CONTRACTS = Path(__file__).parent / "contracts"
SEVERITIES = ("error", "query", "warning")
OWNERS = ("sen_team", "schools_data_team", "health_steward", "social_care_steward", "bi_team")
ATTRIBUTES = ("severity", "owner", "organisation", "item", "basis", "why", "remedy")
BUILT_AFTER_CHECKS = (
    "dashboard/area",
    "dashboard/check_outcome",
    "dashboard/edition",
    "dashboard/improvement_action",
    "dashboard/improvement_rating",
    "dashboard/indicator",
    "dashboard/indicator_board",
    "dashboard/indicator_public",
    "dashboard/record_quality",
    "dashboard/signal_board",
    "dashboard/signal_public",
    "lists/list_records_to_correct",
)
"""Datasets made from what the other checks found, so checked after them."""
NEEDS = {"previous_return": "last year's return", "published_figures": "DfE's published figures"}
"""What a rule of the return may need beside it, in words."""
RETURN_LAYER = "sen2"
"""The layer of the SEN2 return: checked for the return and not with the nightly lists."""
INSPECTION_LAYER = "annex_a"
"""The layer of the lists for inspectors: checked nightly for their own gate; what they find is no record to correct."""


class ContractUnreadable(ConfigurationError):
    """A check contract that cannot be followed; its rules cannot run, so what they guard is held."""


@dataclass(frozen=True)
class Rule:
    """One rule. ``dataset`` is ``<layer>/<table>``; ``query`` gives its failing rows, None for a check of columns.

    ``why`` says why it matters, ``remedy`` what an officer does, ``basis`` where it comes from. Rules of the SEN2
    return say more: the ``items`` they read, by tag; DfE's number where it is known; the first and the last year of
    the return they hold for, None where there is no such bound; and what they ``need`` beside the return, such as last
    year's: a key of ``NEEDS``, and for published figures the ``indicator`` compared. Without it they do not apply.
    """

    rule_id: str
    name: str
    dataset: str
    severity: str
    owner: str
    organisation: str
    item: str
    basis: str
    why: str
    remedy: str
    query: str | None
    items: tuple[str, ...] = ()
    dfe_rule_no: str | None = None
    first_year: int | None = None
    last_year: int | None = None
    needs: str | None = None
    indicator: str | None = None

    @property
    def layer(self) -> str:
        """The folder of its contract: landing, core, lists, sen2 or annex_a."""
        return self.dataset.partition("/")[0]


@dataclass(frozen=True)
class Contract:
    """One contract file: the columns its dataset must have and its rules."""

    dataset: str
    columns: tuple[str, ...]
    rules: tuple[Rule, ...]

    @property
    def table(self) -> str:
        """The dataset's table or view without its schema."""
        return self.dataset.partition("/")[2]


def dataset_of(path: Path) -> str:
    """The dataset a contract file is about, from its place: ``<layer>/<table>``."""
    return f"{path.parent.name}/{path.stem}"


def contract_paths(folder: Path = CONTRACTS) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """The contract files by name: those on landing and warehouse, then those on what is built from the findings.

    Those of the SEN2 return and of the lists for inspectors are not among them: ``return_contract_paths`` and
    ``inspection_contract_paths`` have them.
    """
    apart = (RETURN_LAYER, INSPECTION_LAYER)
    paths = sorted(path for path in folder.glob("*/*.yml") if path.parent.name not in apart)
    first = tuple(path for path in paths if dataset_of(path) not in BUILT_AFTER_CHECKS)
    return first, tuple(path for path in paths if dataset_of(path) in BUILT_AFTER_CHECKS)


def return_contract_paths(folder: Path = CONTRACTS) -> tuple[Path, ...]:
    """The contract files of the SEN2 return, by name."""
    return tuple(sorted(folder.glob(f"{RETURN_LAYER}/*.yml")))


def inspection_contract_paths(folder: Path = CONTRACTS) -> tuple[Path, ...]:
    """The contract files of the lists for inspectors, by name."""
    return tuple(sorted(folder.glob(f"{INSPECTION_LAYER}/*.yml")))


def read_contract(path: Path) -> Contract:
    """The contract in ``path``. Raises ``ContractUnreadable`` saying what is wrong with it."""
    dataset = dataset_of(path)
    try:
        written = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
        shared = written.get("check_attributes", {})
        rules = tuple(_rule(kind, body, dataset, shared) for entry in written["checks"] for kind, body in entry.items())
        contract = Contract(dataset, tuple(column["name"] for column in written["columns"]), rules)
        stated = written["dataset"]
    except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise ContractUnreadable(
            f"The check contract {dataset}.yml cannot be followed ({type(error).__name__}: {error})."
        ) from None
    if stated != f"warehouse/{dataset}":
        raise ContractUnreadable(f"The check contract {dataset}.yml says it is of {stated!r}.")
    if len({rule.rule_id for rule in rules}) < len(rules):
        raise ContractUnreadable(f"The check contract {dataset}.yml has two rules of one id.")
    return contract


def _rule(kind: str, body: dict[str, Any], dataset: str, shared: dict[str, Any]) -> Rule:
    if kind not in ("failed_rows", "schema"):
        raise TypeError(f"{kind} is neither failed_rows nor schema")
    attributes = {**shared, **body["attributes"]}
    needs, indicator = attributes.get("needs"), attributes.get("indicator")
    if needs is not None and needs not in NEEDS:
        raise ValueError(f"{body['qualifier']} needs {needs!r}, which is none of {', '.join(NEEDS)}")
    if (needs == "published_figures") != (indicator is not None):
        raise ValueError(f"{body['qualifier']} has an indicator if, and only if, it needs published_figures")
    number, first_year, last_year = (attributes.get(key) for key in ("dfe_rule_no", "first_year", "last_year"))
    return Rule(
        rule_id=str(body["qualifier"]),
        name=body["name"],
        dataset=dataset,
        query=body["query"].strip().removesuffix(";") if kind == "failed_rows" else None,
        **{
            key: str(attributes[key]) for key in ("severity", "owner", "organisation", "item", "basis", "why", "remedy")
        },
        items=tuple(str(item) for item in attributes.get("items", ())),
        dfe_rule_no=None if number is None else str(number),
        first_year=None if first_year is None else int(first_year),
        last_year=None if last_year is None else int(last_year),
        needs=needs,
        indicator=indicator,
    )


def read_contracts(paths: Sequence[Path]) -> tuple[Contract, ...]:
    """The contracts in ``paths``, in their order. Raises ``ContractUnreadable``."""
    return tuple(read_contract(path) for path in paths)
