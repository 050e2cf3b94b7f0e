"""Whether a landed file is still what it was when it landed: there, of its size, and by its hash."""

from __future__ import annotations

import hashlib
from pathlib import Path

from connectors.manifest import FileEntry


def sha256_of(path: Path) -> str:
    """The hash of a file's bytes."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def damage_of(home: Path, entry: FileEntry) -> tuple[Path, str] | None:
    """The first of the entry's files that is missing or broken, and which of the two; None where all are whole.

    A file that landed before hashes were kept is judged by its size and by how Parquet begins and ends.
    """
    for name, size in (
        (entry.parquet, entry.parquet_bytes),
        (entry.quarantine, entry.quarantine_bytes),
        (entry.gone, entry.gone_bytes),
    ):
        if name is None:
            continue
        path = home / name
        if not path.is_file():
            return path, "is missing"
        known = entry.hashes.get(name)
        if path.stat().st_size != size or (sha256_of(path) != known if known else not _is_parquet(path)):
            return path, "is broken"
    return None


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as handle:
        begins = handle.read(4)
        handle.seek(-4, 2)
        return begins == handle.read(4) == b"PAR1"
