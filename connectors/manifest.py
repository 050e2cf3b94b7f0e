"""The landing's manifests: what each load landed, and in which order content became current.

A manifest is a load's commit point: a Parquet file that no manifest names does not exist.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from connectors.errors import LandingDamaged, SendError
from connectors.removals import Successor, successors, what_stands

FileStatus = Literal["landed", "unchanged", "redelivered", "reread", "refused", "withdrawn", "passed_over"]
LoadStatus = Literal["landed", "partly_refused", "refused"]
LOAD_ID = re.compile(r"(\d{6,})-([a-z][a-z0-9_]*)")
DELIVERIES_PER_LOAD = 1_000_000

Content = tuple[str, str | None]


class Watermark(BaseModel):
    """How far a database table has been read: the highest value of ``of`` that was there.

    ``of`` is a hash of where the column is (server, database, schema, table, column), without who reads it. Nothing
    is reached where no row has a value.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    of: str
    reached: str | None


class FileEntry(BaseModel):
    """One file's content for one table in one load.

    ``landed`` content is new; ``redelivered`` content landed before and is current again; ``reread`` content landed
    before and was read anew because the contract or the mapping changed, keeping its place in the order;
    ``unchanged`` content was there at the load and changes nothing; ``withdrawn`` says that a refused file is gone;
    ``passed_over`` is a file that is known and of which nothing is read.
    ``rows_removed`` were taken out for data protection, when the content landed or since: rows read = loaded +
    quarantined + removed. ``rows_furniture`` are those of the quarantined rows that are no records, such as a total
    row. ``reading`` is the hash of the contract and mapping the content was read by. Paths are relative to the home,
    and ``hashes`` are the SHA-256 of the files at them.

    What was read by ``watermark`` forms a chain: a delivery that is whole, and upon it the increments, which hold
    what changed since and name the whole one's delivery as their ``base``. ``gone`` is the Parquet file of the
    records deleted at the source, and ``rows_standing`` how many rows stood with the increment.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str
    sheet: str | None = None
    table: str | None
    sha256: str
    bytes: int
    status: FileStatus
    delivery: int
    rows_read: int = 0
    rows_loaded: int = 0
    rows_quarantined: int = 0
    rows_furniture: int = 0
    rows_removed: int = 0
    parquet: str | None = None
    parquet_bytes: int | None = None
    quarantine: str | None = None
    quarantine_bytes: int | None = None
    reading: str | None = None
    reason: str | None = None
    missing_columns: tuple[str, ...] = ()
    extra_columns: tuple[str, ...] = ()
    watermark: Watermark | None = None
    base: int | None = None
    gone: str | None = None
    gone_bytes: int | None = None
    rows_gone: int = 0
    rows_standing: int | None = None
    hashes: dict[str, str] = {}

    @property
    def rows_of_delivery(self) -> int:
        """How many rows stood with this delivery: for an increment, those of its chain."""
        return self.rows_loaded if self.rows_standing is None else self.rows_standing

    @property
    def has_landed(self) -> bool:
        """Whether this load brought the content, anew or again."""
        return self.status in ("landed", "redelivered", "reread")

    @property
    def content(self) -> Content:
        """What tells this content from any other of its table: sheets of one workbook share a hash."""
        return self.sha256, self.sheet

    @property
    def source(self) -> str:
        """The file without the sheet."""
        return self.file.removesuffix(f"#{self.sheet}") if self.sheet else self.file


class Manifest(BaseModel):
    """One load of one extract. ``landed_at`` is UTC."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    load_id: str
    extract: str
    contract_version: str
    run_id: str
    landed_at: datetime
    status: LoadStatus
    files: tuple[FileEntry, ...]

    @property
    def sequence(self) -> int:
        """The number the load id begins with."""
        return load_sequence(self.load_id)


def load_sequence(load_id: str) -> int:
    """The number a load id begins with. Raises ``SendError`` for a text that is no load id."""
    match = LOAD_ID.fullmatch(load_id)
    if match is None:
        raise SendError(f"{load_id!r} is no load id; one looks like 000012-ehc_case.")
    return int(match[1])


def in_utc(moment: datetime) -> datetime:
    """The moment in UTC without a zone; one without a zone is UTC already."""
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def manifest_folder(landing: Path) -> Path:
    """Where the manifests are."""
    return landing / "manifest"


def _manifest_paths(landing: Path) -> Iterator[Path]:
    return (path for path in manifest_folder(landing).glob("*.json") if LOAD_ID.fullmatch(path.stem))


def next_load_sequence(landing: Path) -> int:
    """The first number no load has used."""
    return max((load_sequence(path.stem) for path in _manifest_paths(landing)), default=0) + 1


def known_manifests(landing: Path, known_at: datetime | None = None, extract: str | None = None) -> list[Manifest]:
    """The manifests of loads landed by ``known_at`` (UTC; None: all), of one extract or all, in load order.

    What was removed since for data protection is gone from all of them: ``connectors/removals.py``.

    Raises ``LandingDamaged`` naming a manifest that cannot be read.
    """
    found = []
    standing = successors(landing)
    for path in _manifest_paths(landing):
        if extract is not None and not path.stem.endswith(f"-{extract}"):
            continue
        try:
            manifest = Manifest.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            raise LandingDamaged(
                f"The manifest {path} cannot be read, so it is unknown what that load landed. "
                "Restore it from the backup."
            ) from None
        if (extract is None or manifest.extract == extract) and (
            known_at is None or in_utc(manifest.landed_at) <= in_utc(known_at)
        ):
            found.append(_as_it_stands(manifest, standing) if standing else manifest)
    return sorted(found, key=lambda manifest: (manifest.sequence, manifest.load_id))


def _as_it_stands(manifest: Manifest, standing: Mapping[str, Successor]) -> Manifest:
    """The manifest with what was removed from its files since."""
    files = tuple(
        entry.model_copy(update=changed) if (changed := what_stands(dict(entry), standing)) else entry
        for entry in manifest.files
    )
    return manifest.model_copy(update={"files": files})


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file so that it is there whole or not at all, and stays after a power cut."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    with partial.open("wb") as handle:
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())
    partial.replace(path)


def commit(landing: Path, manifest: Manifest) -> Path:
    """Writes the manifest: from here on the load counts. Raises ``SendError`` where its id is already used."""
    path = manifest_folder(landing) / f"{manifest.load_id}.json"
    if path.exists():
        raise SendError(f"The load id {manifest.load_id} is already used; nothing was landed.")
    write_whole(path, (json.dumps(manifest.model_dump(mode="json"), indent=1) + "\n").encode())
    return path


class DeliveredBefore:
    """What earlier loads of one extract delivered, as a new load needs to know it."""

    def __init__(self, manifests: Iterable[Manifest]) -> None:
        self.content_of: dict[str, str] = {}
        self.landed: dict[tuple[str, Content], FileEntry] = {}
        self.refused: dict[str, FileEntry] = {}
        self.passed_over: set[tuple[str, str]] = set()
        self.newest: dict[str, int] = {}
        self._held_by: dict[str, list[tuple[str, Content]]] = {}
        self._standing: dict[str, dict[Content, FileEntry]] = {}
        for manifest in manifests:
            for entry in manifest.files:
                self._note(entry)

    def _note(self, entry: FileEntry) -> None:
        self.refused.pop(entry.file, None)
        if entry.status == "refused":
            self.refused[entry.file] = entry
        if entry.status == "passed_over":
            self.passed_over.add((entry.file, entry.sha256))
        if entry.status in ("refused", "withdrawn") or entry.table is None:
            return
        self.content_of[entry.source] = entry.sha256
        key = entry.table, entry.content
        before = self.landed.get(key)
        if before is None:
            self._held_by.setdefault(entry.sha256, []).append(key)
        if before is None or entry.delivery >= before.delivery:
            self.landed[key] = entry
        newest = self.newest.get(entry.table, -1)
        if entry.delivery > newest:
            self.newest[entry.table] = entry.delivery
            self._standing[entry.table] = {}
        if entry.delivery >= newest:
            self._standing[entry.table][entry.content] = entry

    def entries_of(self, sha256: str) -> list[FileEntry]:
        """The latest entries of a file with this hash: one for each table, and sheet, it landed in."""
        return [self.landed[key] for key in self._held_by.get(sha256, [])]

    def standing(self, table: str) -> dict[Content, FileEntry]:
        """The content of the table's newest delivery."""
        return self._standing.get(table, {})

    def is_lying(self, source: str, sha256: str) -> bool:
        """Whether the file was there at an earlier load with this very content: it was not delivered again."""
        return self.content_of.get(source) == sha256
