"""Contract files of a test's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

FINDS_BIG = "select a as record_id, 'a' as item, a as value from core.{table} where a > 1"


def rule(rule_id: str, query: str, *, severity: str = "error", **attributes: str) -> dict[str, Any]:
    """One rule as a contract states it."""
    told = {"item": "a", "basis": "This test", "why": "It matters here.", "remedy": "Mend it.", **attributes}
    return {
        "failed_rows": {
            "name": f"The rule {rule_id} holds",
            "qualifier": rule_id,
            "attributes": {"severity": severity, **told},
            "query": query,
        }
    }


def stated(table: str, rules: Sequence[dict[str, Any]] | None = None) -> dict[str, Any]:
    """What the contract of a table with the one column ``a`` says; by default that ``a`` is 1 at most."""
    return {
        "dataset": f"warehouse/core/{table}",
        "columns": [{"name": "a"}],
        "check_attributes": {"owner": "bi_team", "organisation": "corporate"},
        "checks": [rule("a_is_small", FINDS_BIG.format(table=table))] if rules is None else list(rules),
    }


def write(folder: Path, table: str, contract: dict[str, Any] | str | bytes | None = None) -> Path:
    """The contract's file in ``folder``, as stated or, broken, as these characters or bytes."""
    path = folder / "core" / f"{table}.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(contract, bytes):
        path.write_bytes(contract)
    elif isinstance(contract, str):
        path.write_text(contract, encoding="utf-8")
    else:
        path.write_text(yaml.safe_dump(contract or stated(table), sort_keys=False), encoding="utf-8")
    return path
