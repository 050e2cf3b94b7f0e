"""Publishes a product into a folder of others, such as a share: Parquet, DuckDB file, manifest and data dictionary.

A share may know no links, so what stands is said by one small file, ``lists/current.json``, which is replaced whole
once the new version lies complete beside the old.
"""

from __future__ import annotations

import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

from connectors.manifest import write_whole
from warehouse.publication import Publication
from warehouse.publishing.postgresql import Delivered, DestinationFailed

CURRENT = "current.json"
VERSIONS_KEPT = 2


def publish_product(
    root: Path, publication: Publication, folder: Path, removed_at: datetime | None = None
) -> Delivered:
    """Copies the version in ``folder`` to ``root``; does nothing where it stands there already.

    Versions from before ``removed_at`` (UTC), when personal data was last removed, are not kept beside it.
    Raises ``DestinationFailed``.
    """
    place, name = root / publication.product, folder.name
    version = place / name
    try:
        if not root.is_dir():
            raise DestinationFailed(f"The folder {root} is not there. Is the share mounted? What stood there stands.")
        place.mkdir(exist_ok=True)
        if _current(place) == name and version.is_dir():
            _drop_old_versions(place, name, removed_at)
            return Delivered(publication.rows, is_new=False)
        for leftover in place.glob(".partial-*"):
            shutil.rmtree(leftover)
        partial = place / f".partial-{name}"
        shutil.copytree(folder, partial, copy_function=shutil.copyfile)
        for path in (found for found in partial.rglob("*") if found.is_file()):
            with path.open("rb") as handle:
                os.fsync(handle.fileno())
        if version.exists():
            shutil.rmtree(version)
        partial.rename(version)
        told = {"folder": name, "as_at": publication.as_at, "known_at": publication.known_at}
        write_whole(place / CURRENT, (json.dumps({**told, "content": publication.content}, indent=2) + "\n").encode())
        _drop_old_versions(place, name, removed_at)
    except OSError as error:
        raise DestinationFailed(
            f"{publication.product} could not be written to {root} ({error.strerror}). What stood there stands. "
            "Check who may write there, and how much room there is."
        ) from None
    return Delivered(publication.rows, is_new=True)


def _current(place: Path) -> str | None:
    try:
        return str(json.loads((place / CURRENT).read_text())["folder"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _drop_old_versions(place: Path, standing: str, removed_at: datetime | None) -> None:
    """Keeps the version before, for readers that still hold it, unless it may hold what was removed since."""
    versions = sorted((path for path in place.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime_ns)
    since = removed_at.replace(tzinfo=UTC).timestamp() if removed_at else 0.0
    for number, old in enumerate(versions):
        is_too_old = number < len(versions) - VERSIONS_KEPT or old.stat().st_mtime <= since
        if is_too_old and old.name != standing:
            shutil.rmtree(old)
