"""Publishes a product whole: a read-only DuckDB file and Parquet, swapped in by one rename.

A product's folder (``published/lists``) is a link to the version that stands. A reader that opened the old
version keeps it; the link moves in one step, so nobody sees half of a version or two versions mixed.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb

from connectors.errors import SendError
from warehouse.build import PointInTime
from warehouse.home import Home

VERSIONS_KEPT = 3


class PublicationDamaged(SendError):
    """A published product cannot be read."""


@dataclass(frozen=True)
class Publication:
    """A product as it stands: which version, of which day, with how many rows in each table."""

    product: str
    as_at: str
    known_at: str
    content: str
    rows: dict[str, int]


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _write_version(
    source: Path, folder: Path, product: str, schemas: Mapping[str, str], tables: Sequence[str]
) -> tuple[dict[str, int], dict[str, str]]:
    """Writes each table as Parquet and into one DuckDB file; gives rows and hashes by table."""
    rows: dict[str, int] = {}
    hashes: dict[str, str] = {}
    database = folder / f"{product}.duckdb"
    with duckdb.connect(config={"threads": "1", "memory_limit": "500MB"}) as connection:
        connection.execute(f"attach {_quoted(source)} as warehouse (read_only)")
        connection.execute(f"attach {_quoted(database)} as product")
        for table in tables:
            name = f"warehouse.{schemas[table]}.{table}"
            parquet = folder / f"{table}.parquet"
            connection.execute(f"create table product.{table} as from {name}")
            connection.execute(f"copy (from {name}) to {_quoted(parquet)} (format parquet, compression zstd)")
            (rows[table],) = connection.execute(f"select count(*) from product.{table}").fetchone() or (0,)
            hashes[table] = _sha256(parquet)
        connection.execute("detach product")
    return rows, hashes


def publish(home: Home, product: str, tables: Mapping[str, str], moment: PointInTime, run_id: str) -> Publication:
    """Publishes ``tables`` (name to schema) of the private build as ``product``, by one rename.

    The content hash is over the tables' Parquet bytes, so the same lists have the same hash on any machine.
    Three versions are kept, for readers that still hold an older one.
    """
    versions = home.published / ".versions"
    versions.mkdir(parents=True, exist_ok=True)
    partial = versions / f".partial-{product}-{run_id}"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    rows, hashes = _write_version(home.building, partial, product, tables, sorted(tables))
    content = hashlib.sha256(json.dumps(hashes, sort_keys=True).encode()).hexdigest()
    publication = Publication(product, moment.as_at.isoformat(), moment.known_at.isoformat(), content, rows)
    (partial / "publication.json").write_text(
        json.dumps({**asdict(publication), "run_id": run_id, "sha256": hashes}, indent=2) + "\n"
    )
    for path in partial.iterdir():
        path.chmod(0o440)
    version = versions / f"{product}-{run_id}"
    partial.rename(version)
    _point(home.published / product, version)
    _drop_old_versions(versions, product)
    return publication


def _point(link: Path, version: Path) -> None:
    """Moves the product's link to the version, in one step."""
    fresh = link.with_name(f".{link.name}.next")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(Path(".versions") / version.name)
    fresh.replace(link)


def _drop_old_versions(versions: Path, product: str) -> None:
    for leftover in versions.glob(f".partial-{product}-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    standing = (versions.parent / product).resolve().name
    published = sorted((p for p in versions.glob(f"{product}-*")), key=lambda p: p.stat().st_mtime_ns)
    for old in published[:-VERSIONS_KEPT]:
        if old.name != standing:
            shutil.rmtree(old)


def product_file(home: Home, product: str) -> Path:
    """The read-only DuckDB file of a published product; it may not exist yet."""
    return home.published / product / f"{product}.duckdb"


def standing_publication(home: Home, product: str) -> Publication | None:
    """What is published of ``product`` now, or None where nothing is.

    Raises ``PublicationDamaged`` when its description cannot be read.
    """
    path = home.published / product / "publication.json"
    if not path.exists():
        return None
    try:
        known = json.loads(path.read_text())
        return Publication(**{key: known[key] for key in ("product", "as_at", "known_at", "content", "rows")})
    except (OSError, ValueError, KeyError) as error:
        raise PublicationDamaged(f"{path} cannot be read. Run send run again to publish {product} anew.") from error


def freeze(home: Home, product: str, period: str) -> Path:
    """Keeps the version of ``product`` that stands for good, as that of ``period`` (``2026-10``); gives its folder.

    What is frozen once stays as it was: a second freeze of the period changes nothing.
    """
    target = home.published / ".frozen" / product / period
    if target.exists():
        return target
    partial = target.with_name(f".partial-{period}")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(home.published / product, partial)
    partial.rename(target)
    return target
