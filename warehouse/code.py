"""The code as far as it gives the data its meaning, as one hash: what was built with it can be built again."""

from __future__ import annotations

import hashlib
from pathlib import Path

CODE_FOLDERS = (
    "checks",
    "connectors/contracts",
    "dashboard",
    "dbt_project/macros",
    "dbt_project/models",
    "dbt_project/seeds",
    "linkage",
    "returns/specification",
)


def digest_of_code() -> str:
    """A hash of everything that gives the data its meaning: models, seeds, contracts, gates, specifications."""
    root = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for folder in CODE_FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in {".sql", ".yml", ".csv", ".py"}:
                digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
