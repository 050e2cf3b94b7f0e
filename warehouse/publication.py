"""Publishes a product whole: a read-only DuckDB file and Parquet with their manifest and data dictionary, swapped in
by one rename.

A product's folder (``published/lists``) is a link to the version that stands. A reader that opened the old
version keeps it; the link moves in one step, so nobody sees half of a version or two versions mixed.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb

from connectors.errors import SendError
from connectors.typing_rules import identifier, literal
from warehouse.build import PointInTime
from warehouse.dictionary import DescribedTable, describe_table, write_dictionary
from warehouse.home import Home

VERSIONS_KEPT = 3
CHILD_COLUMNS = ("child_id", "person_id")
MANIFEST, DICTIONARY = "manifest.json", "dictionary.csv"


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


@dataclass(frozen=True)
class _Written:
    """One table as it was written: its rows, the hash and size of its Parquet file, and what its columns mean."""

    rows: int
    sha256: str
    size: int
    described: DescribedTable


def _write_version(
    source: Path, folder: Path, product: str, schemas: Mapping[str, str], tables: Sequence[str]
) -> dict[str, _Written]:
    """Writes each table as Parquet and into one DuckDB file, which says of each column what it means.

    Each of the two is written by one thread, so that its bytes are the same on any machine; the two beside each other.
    """
    written = {}
    database = folder / f"{product}.duckdb"
    with (
        duckdb.connect(config={"threads": "1", "memory_limit": "500MB"}) as connection,
        ThreadPoolExecutor(1) as beside,
    ):
        connection.execute(f"attach {_quoted(source)} as warehouse (read_only)")
        connection.execute(f"attach {_quoted(database)} as product")
        for table in tables:
            name = f"warehouse.{schemas[table]}.{table}"
            parquet = folder / f"{table}.parquet"
            hashed = beside.submit(_write_parquet, connection.cursor(), name, parquet)
            connection.execute(f"create table product.{table} as from {name}")
            (rows,) = connection.execute(f"select count(*) from product.{table}").fetchone() or (0,)
            columns = connection.execute(f"describe product.{table}").fetchall()
            described = describe_table(table, [(column[0], column[1]) for column in columns])
            _comment(connection, described)
            written[table] = _Written(rows, hashed.result(), parquet.stat().st_size, described)
        connection.execute("detach product")
    return written


def _write_parquet(cursor: duckdb.DuckDBPyConnection, name: str, parquet: Path) -> str:
    """Writes the table to the file and gives the hash of its bytes."""
    with cursor:
        cursor.execute(f"copy (from {name}) to {_quoted(parquet)} (format parquet, compression zstd)")
    return _sha256(parquet)


def _comment(connection: duckdb.DuckDBPyConnection, table: DescribedTable) -> None:
    connection.execute(f"comment on table product.{table.name} is {literal(table.description)}")
    for column in table.columns:
        if column.description:
            text = f"{column.description} ({column.unit})" if column.unit else column.description
            connection.execute(f"comment on column product.{table.name}.{identifier(column.name)} is {literal(text)}")


def _write_manifest(folder: Path, publication: Publication, run_id: str, written: Mapping[str, _Written]) -> None:
    """Writes what stands in the folder: ``publication.json`` in short, ``manifest.json`` whole, and the dictionary."""
    hashes = {table: made.sha256 for table, made in written.items()}
    (folder / "publication.json").write_text(
        json.dumps({**asdict(publication), "run_id": run_id, "sha256": hashes}, indent=2) + "\n"
    )
    head = {name: value for name, value in asdict(publication).items() if name != "rows"}
    tables = {
        table: {
            "file": f"{table}.parquet",
            "sha256": made.sha256,
            "bytes": made.size,
            "rows": made.rows,
            "description": made.described.description,
            "personal_data": made.described.is_personal,
            "columns": [
                {
                    "name": column.name,
                    "type": column.data_type,
                    "description": column.description,
                    "unit": column.unit,
                    "source": column.source,
                    "personal_data": column.is_personal,
                }
                for column in made.described.columns
            ],
        }
        for table, made in written.items()
    }
    (folder / MANIFEST).write_text(json.dumps({**head, "run_id": run_id, "tables": tables}, indent=2) + "\n")
    write_dictionary([made.described for made in written.values()], folder / DICTIONARY)


def write_product(
    source: Path, folder: Path, product: str, tables: Mapping[str, str], moment: PointInTime, run_id: str
) -> Publication:
    """Writes ``tables`` (name to schema) of the database ``source`` as ``product`` into the empty ``folder``."""
    written = _write_version(source, folder, product, tables, sorted(tables))
    hashes = {table: made.sha256 for table, made in written.items()}
    content = hashlib.sha256(json.dumps(hashes, sort_keys=True).encode()).hexdigest()
    rows = {table: made.rows for table, made in written.items()}
    publication = Publication(product, moment.as_at.isoformat(), moment.known_at.isoformat(), content, rows)
    _write_manifest(folder, publication, run_id, written)
    for path in folder.iterdir():
        path.chmod(0o440)
    return publication


Write = Callable[[Path], None]
"""Writes what a product has beside its tables, such as pages, into the folder it is given."""


def publish(
    home: Home,
    product: str,
    tables: Mapping[str, str],
    moment: PointInTime,
    run_id: str,
    write: Write | None = None,
) -> Publication:
    """Publishes ``tables`` (name to schema) of the private build as ``product``, by one rename.

    ``write`` adds what is made from the tables, which lie in the folder it is given. The content hash is over the
    tables' Parquet bytes, so the same lists have the same hash on any machine. Three versions are kept, for readers
    that still hold an older one.
    """
    partial = _partial(home, product, run_id)
    publication = write_product(home.building, partial, product, tables, moment, run_id)
    if write is not None:
        write(partial)
    _stand(home, product, partial, run_id)
    return publication


def renew(home: Home, product: str, write: Write) -> None:
    """Makes anew what stands beside the tables of a published product, by one rename; the tables stay as they are.

    Raises ``PublicationDamaged`` where nothing is published.
    """
    standing = (home.published / product).resolve()
    if not (standing / "publication.json").exists():
        raise PublicationDamaged(f"{product} is not published yet. Publish it first: send run")
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    partial = _partial(home, product, stamp)
    for path in standing.iterdir():
        if path.is_file():
            (partial / path.name).hardlink_to(path)
    write(partial)
    _stand(home, product, partial, stamp)


def _partial(home: Home, product: str, name: str) -> Path:
    """An empty folder to make a version in."""
    partial = home.published / ".versions" / f".partial-{product}-{name}"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    return partial


def _stand(home: Home, product: str, partial: Path, name: str) -> None:
    """Makes the finished folder the version that stands."""
    for path in partial.rglob("*"):
        if path.is_file():
            path.chmod(0o440)
    version = partial.with_name(f"{product}-{name}")
    partial.rename(version)
    _point(home.published / product, version)
    _drop_old_versions(version.parent, product)


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


def forget_in_publications(home: Home, children: Sequence[str]) -> list[str]:
    """Takes the rows of these children out of what stands published, of every day kept; earlier versions go.

    What stands stays readable meanwhile. Gives what was done, product by product. Call while holding the lock.
    """
    versions = home.published / ".versions"
    links = sorted(path for path in home.published.glob("*") if path.is_symlink())
    done = []
    for link in links:
        product, standing = link.name, link.resolve()
        fresh = _without_children(home, standing, product, children, versions)
        if fresh is not None:
            _point(link, fresh)
            done.append(f"{product}: rewritten without them")
    stand = {link.resolve().name for link in links}
    for version in sorted(versions.glob("[!.]*")):
        if version.name not in stand:
            shutil.rmtree(version)
            done.append(f"{version.name}: removed")
    for folder in sorted(home.history.glob("*/*")):
        fresh = _without_children(home, folder, folder.name, children, folder.parent) if folder.is_dir() else None
        if fresh is not None:
            shutil.rmtree(folder)
            fresh.rename(folder)
            done.append(f"{folder.parent.name} {folder.name}: rewritten without them")
    return done


def _without_children(home: Home, version: Path, product: str, children: Sequence[str], beside: Path) -> Path | None:
    """Writes a version anew without the children's rows, ``beside`` it; None where it holds none."""
    told = json.loads((version / "publication.json").read_text())
    moment = PointInTime(date.fromisoformat(told["as_at"]), datetime.fromisoformat(told["known_at"]))
    made = home.temporary / f"without-{product}.duckdb"
    made.unlink(missing_ok=True)
    removed = 0
    with duckdb.connect(str(made), config={"threads": "2", "memory_limit": "500MB"}) as connection:
        for table, rows in told["rows"].items():
            source = f"read_parquet({_quoted(version / f'{table}.parquet')})"
            columns = {row[0] for row in connection.execute(f"describe from {source}").fetchall()}
            column = next((name for name in CHILD_COLUMNS if name in columns), None)
            goes = f"coalesce({column} in (select unnest(?::varchar[])), false)" if column else "false"
            parameters = [list(children)] if column else []
            ((left,),) = connection.execute(
                f"create table {table} as from {source} where not {goes}", parameters
            ).fetchall()
            removed += rows - left
    run_id = f"{told['run_id']}-r{secrets.token_hex(2)}"
    fresh = beside / f"{product}-{run_id}"
    partial = beside / f".partial-{product}-{run_id}"
    try:
        if not removed:
            return None
        partial.mkdir()
        write_product(made, partial, product, dict.fromkeys(told["rows"], "main"), moment, run_id)
    finally:
        made.unlink()
    partial.rename(fresh)
    return fresh


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
