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


def publish_product(root: Path, publication: Publication, folder: Path, run_id: str) -> Delivered:
    """Copies the version in ``folder`` to ``root``; does nothing where it stands there already.

    Raises ``DestinationFailed``.
    """
    place = root / publication.product
    version = place / run_id
    try:
        if not root.is_dir():
            raise DestinationFailed(f"The folder {root} is not there. Is the share mounted? What stood there stands.")
        place.mkdir(exist_ok=True)
        if _current(place) == run_id and version.is_dir():
            return Delivered(publication.rows, is_new=False)
        for leftover in place.glob(".partial-*"):
            shutil.rmtree(leftover)
        partial = place / f".partial-{run_id}"
        shutil.copytree(folder, partial, copy_function=shutil.copyfile)
        for path in partial.iterdir():
            with path.open("rb") as handle:
                os.fsync(handle.fileno())
        if version.exists():
            shutil.rmtree(version)
        partial.rename(version)
        told = {"folder": run_id, "as_at": publication.as_at, "known_at": publication.known_at}
        write_whole(place / CURRENT, (json.dumps({**told, "content": publication.content}, indent=2) + "\n").encode())
        _drop_old_versions(place, run_id)
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


def _drop_old_versions(place: Path, run_id: str) -> None:
    """Keeps the version before, for readers that still hold it."""
    versions = sorted((path for path in place.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime_ns)
    for old in versions[:-VERSIONS_KEPT]:
        if old.name != run_id:
            shutil.rmtree(old)
