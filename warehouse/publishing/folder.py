"""Publishes a product into a folder of others, such as a share: Parquet, DuckDB file, manifest and data dictionary.

A share may know no links, so what stands is said by one small file, ``lists/current.json``, which is replaced whole
once the new version lies complete beside the old.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from connectors.manifest import write_whole
from warehouse.publication import Publication
from warehouse.publishing.postgresql import Delivered, DestinationFailed

CURRENT = "current.json"
VERSIONS_KEPT = 2


def publish_product(root: Path, publication: Publication, folder: Path) -> Delivered:
    """Copies the version in ``folder`` to ``root``; does nothing where it stands there already.

    Raises ``DestinationFailed``.
    """
    place, name = root / publication.product, folder.name
    version = place / name
    try:
        if not root.is_dir():
            raise DestinationFailed(f"The folder {root} is not there. Is the share mounted? What stood there stands.")
        place.mkdir(exist_ok=True)
        if _current(place) == name and version.is_dir():
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
        _drop_old_versions(place, name)
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


def _drop_old_versions(place: Path, standing: str) -> None:
    """Keeps the version before, for readers that still hold it."""
    versions = sorted((path for path in place.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime_ns)
    for old in versions[:-VERSIONS_KEPT]:
        if old.name != standing:
            shutil.rmtree(old)
