"""What was removed from the landing for data protection, and what of it may never land again.

The landing is append-only: a manifest is never rewritten. A removal is a record of its own,
``landing/removals/000001.json``. It says of each file that held removed rows how many rows went, and which file took
its place with which hash. Whoever reads the manifests reads them with the removals applied, so that for every
delivery rows read = rows loaded + rows set apart + rows removed, whatever was known when.

The removed records are remembered by a keyed hash alone. A source that still holds one delivers it in vain.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
from pydantic import BaseModel, ConfigDict, ValidationError

from connectors.errors import LandingDamaged
from connectors.typing_rules import literal

KEY_BYTES = 32
MEMORY_LIMIT = "500MB"
FILES = ("parquet", "quarantine", "gone")
"""The kinds of files of a delivery: its rows, the rows set apart from it, the records it says are deleted."""


class RewrittenFile(BaseModel):
    """A landed file that held removed rows, and the file without them. Paths are relative to the home.

    ``kind`` is parquet, quarantine or gone.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    extract: str
    table: str
    kind: str
    before: str
    before_bytes: int
    before_sha256: str
    after: str
    after_bytes: int
    after_sha256: str
    rows_before: int
    rows_removed: int


class Removal(BaseModel):
    """One removal. ``act`` is retention or erasure; ``at`` is UTC."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    number: int
    act: str
    by: str
    because: str
    at: datetime
    files: tuple[RewrittenFile, ...]
    records_withheld: int


@dataclass(frozen=True)
class Successor:
    """The file that stands for one named in a manifest, and how many rows have gone from it altogether."""

    path: str
    size: int
    sha256: str
    rows_removed: int


def removals_folder(landing: Path) -> Path:
    """Where the removals are."""
    return landing / "removals"


def removals(landing: Path) -> list[Removal]:
    """Every removal, in order. Raises ``LandingDamaged`` naming one that cannot be read."""
    found = []
    for path in sorted(removals_folder(landing).glob("[0-9]*.json")):
        try:
            found.append(Removal.model_validate_json(path.read_bytes()))
        except (OSError, ValidationError):
            raise LandingDamaged(
                f"The removal {path} cannot be read, so it is unknown which landed files it replaced. "
                "Restore it from the backup."
            ) from None
    return found


def successors(landing: Path) -> dict[str, Successor]:
    """For each file from which rows were removed: what stands in its place now."""
    standing: dict[str, Successor] = {}
    for removal in removals(landing):
        for file in removal.files:
            fresh = Successor(file.after, file.after_bytes, file.after_sha256, file.rows_removed)
            for path, earlier in list(standing.items()):
                if earlier.path == file.before:
                    removed = earlier.rows_removed + fresh.rows_removed
                    standing[path] = Successor(fresh.path, fresh.size, fresh.sha256, removed)
            standing[file.before] = fresh
    return standing


def drop_replaced_files(home: Path) -> None:
    """Deletes landed files that a killed removal had replaced but not deleted. Call while holding the lock."""
    for removal in removals(home / "landing"):
        for file in removal.files:
            (home / file.before).unlink(missing_ok=True)


def what_stands(entry: Mapping[str, Any], standing: Mapping[str, Successor]) -> dict[str, Any]:
    """The fields of a manifest's file entry that a removal has changed, with what they are now."""
    changed: dict[str, Any] = {}
    removed, hashes = entry["rows_removed"], dict(entry["hashes"])
    for kind, counted in zip(FILES, ("rows_loaded", "rows_quarantined", "rows_gone"), strict=True):
        successor = standing.get(entry[kind] or "")
        if successor is None:
            continue
        changed |= {kind: successor.path, f"{kind}_bytes": successor.size}
        hashes[successor.path] = successor.sha256
        changed[counted] = entry[counted] - successor.rows_removed
        if kind != "gone":
            removed += successor.rows_removed
    if changed:
        changed["hashes"] = hashes
    if removed != entry["rows_removed"]:
        changed["rows_removed"] = removed
        left = changed.get("rows_quarantined", entry["rows_quarantined"])
        changed["rows_furniture"] = min(entry["rows_furniture"], left)
    return changed


def key_of(landing: Path) -> str:
    """The secret by which record ids are hashed, as hexadecimal digits; made once, and kept with the landing."""
    path = removals_folder(landing) / "key"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as handle:
            handle.write(secrets.token_hex(KEY_BYTES))
            handle.flush()
            os.fsync(handle.fileno())
    return path.read_text()


def withheld_files(landing: Path) -> list[Path]:
    """The Parquet files of the records that may not land again: ``extract, table_name, record_hash``."""
    return sorted(removals_folder(landing).glob("withheld-*.parquet"))


def record_hash_sql(key: str, extract: str, table: str, record_id: str) -> str:
    """The SQL of what is remembered of a removed record, from the SQL of its id: it does not tell which one it was."""
    return f"sha256({literal(f'{key}/{extract}/{table}/')} || {record_id})"


def withheld_sql(landing: Path, extract: str, table: str, record_id: str) -> str | None:
    """The SQL condition of a record that was removed for good, from the SQL of its id; None where no record was."""
    files = withheld_files(landing)
    if not files:
        return None
    names = ", ".join(literal(str(path)) for path in files)
    hashes = (
        f"select record_hash from read_parquet([{names}]) "
        f"where extract = {literal(extract)} and table_name = {literal(table)}"
    )
    return f"coalesce({record_hash_sql(key_of(landing), extract, table, record_id)} in ({hashes}), false)"


def withhold(path: Path, condition: str) -> int:
    """Takes out of a Parquet file that is about to land the rows that were removed for good; gives how many."""
    with duckdb.connect(config={"threads": "2", "memory_limit": MEMORY_LIMIT}) as connection:
        source = f"read_parquet({literal(str(path))})"
        ((count,),) = connection.execute(f"select count(*) from {source} where {condition}").fetchall()
        if count:
            partial = path.with_suffix(".partial")
            connection.execute(
                f"copy (from {source} where not {condition}) to {literal(str(partial))} "
                "(format parquet, compression zstd)"
            )
            partial.replace(path)
    return int(count)
