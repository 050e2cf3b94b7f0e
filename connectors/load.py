"""Loads one extract: finds what is new, reads it, lands it once and commits it with the manifest."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import duckdb
from sqlalchemy import Connection

from connectors.configuration import Configuration, SourceConfiguration
from connectors.contract import ExtractContract, read_contract
from connectors.damage import damage_of, sha256_of
from connectors.errors import ConfigurationError, FileRefused, SourceUnavailable
from connectors.increments import TableByWatermark
from connectors.manifest import (
    DELIVERIES_PER_LOAD,
    Content,
    DeliveredBefore,
    FileEntry,
    FileStatus,
    LoadStatus,
    Manifest,
    commit,
    in_utc,
    known_manifests,
    load_sequence,
    manifest_folder,
)
from connectors.readers import Hashed
from connectors.readers.database import connected, find_table, read_table
from connectors.reading import ReadingJob, TableReading, read_files, type_delivery
from connectors.remote import fetch
from connectors.removals import successors, withheld_sql, withhold
from connectors.typing_rules import open_typing, record_id_sql

# A delivery without one readable row must not empty a table that holds this many: it is refused instead.
ROWS_WORTH_KEEPING = 10
# Nor may one with less than half the rows that stand, where this many do: it looks like half a file.
ROWS_WORTH_COUNTING = 200


@dataclass(frozen=True)
class LoadReport:
    """What one load did. The rows are those of content that was new; ``files`` counts what the source held.

    ``rows_furniture`` are those of the quarantined rows that are no records: total rows and repeated headers.
    ``rows_withheld`` were removed for data protection before, and do not land again: read = loaded + quarantined +
    withheld.
    ``mended`` are files of the landing that were lost or broken and were read again from their source.
    ``delivered_at`` (UTC) is when the newest of the source's files was written; None where that is not to be known.
    """

    extract: str
    load_id: str
    files: int = 0
    rows_read: int = 0
    rows_loaded: int = 0
    rows_quarantined: int = 0
    rows_furniture: int = 0
    rows_withheld: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)
    mended: list[str] = field(default_factory=list)
    is_anything_new: bool = False
    delivered_at: datetime | None = None


@dataclass(frozen=True)
class _File:
    """One file of the source as it was found; ``state`` is its size and time of change before it was hashed."""

    path: Path
    name: str
    sha256: str
    size: int
    state: tuple[int, int] | None


@dataclass(frozen=True)
class _Content:
    """One file's (or sheet's, or database table's) content for one table, read now or landed before."""

    reading: TableReading
    source: str
    sha256: str
    size: int
    entry: FileEntry | None

    @property
    def table(self) -> str:
        return self.reading.table or ""

    @property
    def content(self) -> Content:
        return self.sha256, self.reading.sheet


def load_extract(
    configuration: Configuration, extract: str, load_id: str, run_id: str, known_at: datetime
) -> LoadReport:
    """Lands what is new of ``extract`` and says what was read, loaded, quarantined and refused.

    Content landed before is not landed again. A refused file stops neither the extract's other files nor others'
    loads. Killed at any instant the landing is as before the load, or as after it.

    Raises ``ConfigurationError`` where the extract is not configured, ``SourceUnavailable`` where its source
    cannot be reached: then nothing is landed and the load may be tried again.
    """
    if extract not in configuration.sources:
        raise ConfigurationError(f"{extract} has no source in send.yml. Add it under sources.")
    return _Load(configuration, extract, load_id, run_id, in_utc(known_at)).run()


class _Load:
    def __init__(
        self, configuration: Configuration, extract: str, load_id: str, run_id: str, known_at: datetime
    ) -> None:
        self.configuration = configuration
        self.contract: ExtractContract = read_contract(extract)
        self.source: SourceConfiguration = configuration.sources[extract]
        self.load_id = load_id
        self.run_id = run_id
        self.known_at = known_at
        self.home = configuration.home
        self.landing = self.home / "landing"
        self.work = self.home / "tmp" / f"load-{extract}"
        self.manifests = known_manifests(self.landing, extract=extract)
        self.before = DeliveredBefore(self.manifests)
        self.reading_version = _reading_version(self.contract, self.source)
        self.first_delivery = load_sequence(load_id) * DELIVERIES_PER_LOAD
        self.deliveries = 0
        self.modified: dict[str, int] = {}
        self.replaced = successors(self.landing)
        self.entries: list[FileEntry] = []
        self.read_as: dict[str, str] = {}
        self.mended: list[str] = []

    def run(self) -> LoadReport:
        self._sweep()
        try:
            contents, refusals, files = self._database() if self.source.kind == "database" else self._files()
            contents, emptying = self._refuse_losing(contents)
            self._place_in_order(contents, [*refusals, *emptying])
            self._note_refusals([*refusals, *emptying])
            self._note_withdrawals()
            return self._finish(files)
        finally:
            shutil.rmtree(self.work, ignore_errors=True)

    def _sweep(self) -> None:
        """Removes what a killed load of this extract left half-made; Parquet that no manifest names is ignored."""
        shutil.rmtree(self.work, ignore_errors=True)
        for partial in manifest_folder(self.landing).glob(f".*-{self.contract.extract}.json.*.partial"):
            partial.unlink(missing_ok=True)

    def _files(self) -> tuple[list[_Content], list[_Content], int]:
        """What the source's files hold: contents in the order of delivery, refusals, and how many files there are."""
        refused = {}
        if self.source.is_remote:
            fetched = fetch(self.contract.extract, self.source, self.work / "fetched")
            self.configuration = self.configuration.with_files_in(self.contract.extract, fetched.folder)
            refused = fetched.refused
        found, refusals = self._look()
        refusals += [_refused(name, reason) for name, reason in refused.items()]
        found = [replace(file, sha256=self._content_hash(file)) for file in found]
        self.modified = {file.name: file.state[1] for file in found if file.state}
        contents: list[_Content] = []
        unread: dict[str, list[_File]] = {}
        for file in found:
            known = self.before.entries_of(file.sha256)
            damaged = [entry for entry in known if self._is_damaged(entry)]
            if damaged:
                self.read_as[file.sha256] = self._landed_by(damaged[0])
            if known and not damaged and not self._is_to_be_reread(known) and not self._was_refused(file):
                contents += [
                    _Content(_reading_before(entry, file.name), file.name, file.sha256, file.size, entry)
                    for entry in known
                ]
            else:
                unread.setdefault(file.sha256, []).append(file)
        for content in self._read(unread):
            (refusals if content.reading.refusal else contents).append(content)
        contents.sort(key=lambda content: _delivery_order(content.source))
        return contents, refusals, len({*(file.name for file in found), *(content.source for content in refusals)})

    def _content_hash(self, file: _File) -> str:
        """The file's hash; with what the configuration gives for a file of its name, for that is content too."""
        given = self.source.given(file.name)
        if not given:
            return file.sha256
        return hashlib.sha256(json.dumps([file.sha256, given], sort_keys=True).encode()).hexdigest()

    def _look(self) -> tuple[list[_File], list[_Content]]:
        """The source's files, hashed, in the order of delivery; and those that cannot be opened."""
        root = self.configuration.source_root(self.contract.extract)
        if not root.exists():
            raise SourceUnavailable(f"{self.contract.extract}: {root} is not there. Is the share mounted?")
        found: list[_File] = []
        refusals: list[_Content] = []
        for path in self.configuration.source_files(self.contract.extract):
            name = os.fsencode(path.relative_to(root).as_posix()).decode("utf-8", "replace")
            try:
                if self._leads_out(path, root):
                    refusals.append(
                        _refused(name, "It is a link that leads out of its folder. Put the file itself there.")
                    )
                    continue
                state = _state_of(path)
                found.append(_File(path, name, *_sha256_of(path), state))
            except OSError as error:
                refusals.append(_refused(name, f"It cannot be opened ({error.strerror}). Check who may read it."))
        return sorted(found, key=lambda file: _delivery_order(file.name)), refusals

    def _leads_out(self, path: Path, root: Path) -> bool:
        """Whether a file found in the source's folder really lies elsewhere. One that send.yml names may be a link."""
        if path == self.home / (self.source.path or ""):
            return False
        real = path.resolve()
        return not (real.is_relative_to(root.resolve()) or real.is_relative_to(self.home.resolve()))

    def _read(self, unread: dict[str, list[_File]]) -> Iterator[_Content]:
        """Reads each content once, by its hash, and gives what it holds for every file that holds it."""
        source = self.source.model_dump(by_alias=True)
        jobs = [
            ReadingJob(
                str(file.path),
                file.name,
                self.contract.extract,
                source,
                self.read_as.get(file.sha256, self.load_id),
                str(self.work / str(number)),
            )
            for number, (file, *_) in enumerate(unread.values())
        ]
        for (sha256, files), readings in zip(unread.items(), read_files(jobs), strict=True):
            if _state_of(files[0].path) != files[0].state:
                readings = [TableReading("", None, refusal="It changed while it was being read. Run again.")]
            for file, reading in itertools.product(files, readings):
                named = replace(reading, file=f"{file.name}#{reading.sheet}" if reading.sheet else file.name)
                entry = self.before.landed.get((reading.table or "", (sha256, reading.sheet)))
                yield _Content(named, file.name, sha256, file.size, entry)

    def _is_to_be_reread(self, known: Sequence[FileEntry]) -> bool:
        """Whether content that counts today was read by an older contract or mapping."""
        if all(entry.reading == self.reading_version for entry in known):
            return False
        return self.contract.history != "whole" or any(
            entry.content in self.before.standing(entry.table or "") for entry in known
        )

    def _is_damaged(self, entry: FileEntry) -> bool:
        """Whether what landed of content that counts today is lost or broken, so that it must be read again."""
        counts = self.contract.history != "whole" or entry.content in self.before.standing(entry.table or "")
        return counts and damage_of(self.home, entry) is not None

    def _landed_by(self, entry: FileEntry) -> str:
        """The load that landed the entry's Parquet. Read as by that load, the content comes out as it did then."""
        by = (m.load_id for m in self.manifests if any(e.parquet == entry.parquet and e.has_landed for e in m.files))
        return next(by, self.load_id)

    def _put_back(self, reading: TableReading, entry: FileEntry) -> bool:
        """Puts what was read again in the place of what was lost, where it is the same to the byte."""
        made = ((reading.parquet, entry.parquet), (reading.quarantine, entry.quarantine))
        if any((new is None) != (old is None) for new, old in made) or entry.gone:
            return False
        pairs = [(Path(new), old) for new, old in made if new and old]
        if any(sha256_of(new) != entry.hashes.get(old) for new, old in pairs):
            return False
        for new, old in pairs:
            self._move(str(new), self.home / old)
        return True

    def _was_refused(self, file: _File) -> bool:
        """Whether a sheet of this very content was refused when last seen: then it is looked at again."""
        return any((entry.source, entry.sha256) == (file.name, file.sha256) for entry in self.before.refused.values())

    def _database(self) -> tuple[list[_Content], list[_Content], int]:
        contents: list[_Content] = []
        refusals: list[_Content] = []
        with connected(self.contract.extract, self.source) as connection, open_typing(self.work) as typing:
            for table_name, table in self.contract.tables.items():
                found = find_table(connection, self.source, table_name)
                name = f"database:{found or self.source.tables.get(table_name, table_name)}"
                if found is None:
                    if table_name in self.source.tables:
                        reason = "send.yml names it, but the database has no such table or view."
                        refusals.append(_refused(name, reason, table_name))
                    continue
                try:
                    if table_name in self.source.watermark:
                        contents.append(self._by_watermark(connection, typing, table_name, found, name))
                        continue
                    delivered = read_table(connection, self.source, self.contract.extract, table_name, table, found)
                    hashed = Hashed(delivered)
                    (reading,) = type_delivery(
                        hashed.delivered,
                        self.contract,
                        self.source,
                        typing,
                        load_id=self.load_id,
                        file=name,
                        folder=self.work / table_name,
                    )
                except FileRefused as error:
                    refusals.append(_Content(TableReading.refused(name, error), name, "", 0, None))
                    continue
                sha256, size = hashed.digest()
                entry = self.before.landed.get((table_name, (sha256, None)))
                contents.append(_Content(reading, name, sha256, size, entry))
        if not contents and not refusals:
            raise SourceUnavailable(
                f"{self.contract.extract}: the database has none of the tables {', '.join(self.contract.tables)}. "
                "Name yours in send.yml under tables, and the schema they are in."
            )
        return contents, refusals, len(contents) + len(refusals)

    def _by_watermark(
        self, connection: Connection, typing: duckdb.DuckDBPyConnection, table: str, found: str, name: str
    ) -> _Content:
        """What changed in a table since it was last read, or all of it. Raises ``FileRefused``."""
        increment = TableByWatermark(
            connection,
            typing,
            self.source,
            self.contract,
            table,
            found,
            name,
            self.home,
            self.work / table,
            self.load_id,
            self.known_at,
            self.reading_version,
        ).read(self.manifests)
        entry = increment.entry or self.before.landed.get((table, (increment.sha256, None)))
        return _Content(increment.reading, name, increment.sha256, increment.size, entry)

    def _refuse_losing(self, contents: list[_Content]) -> tuple[list[_Content], list[_Content]]:
        """Refuses new content that would empty a table that holds many rows, or lose more than half of them.

        Only where a delivery replaces the last; the loss of half can be allowed in the configuration.
        """
        if self.contract.history != "whole":
            return contents, []
        rows: dict[tuple[str, str | None], int] = {}
        for content in contents:
            delivery = content.table, date_in_name(content.source)
            rows[delivery] = rows.get(delivery, 0) + content.reading.rows_of_delivery
        kept, refused = [], []
        for content in contents:
            standing = self.before.standing(content.table).values()
            of_delivery = rows[content.table, date_in_name(content.source)]
            # One part of a delivery may be empty while another is full, unless it held rows the last time.
            is_part = not self.contract.whole_file and of_delivery > 0
            counted = [entry for entry in standing if not is_part or entry.file == content.reading.file]
            lost = sum(entry.rows_of_delivery for entry in counted)
            is_there = any(
                (entry.file, entry.content) == (content.reading.file, content.content) for entry in standing
            ) or self.before.is_lying(content.source, content.sha256)
            stand = sum(entry.rows_of_delivery for entry in standing)
            newest = max(date or "" for table, date in rows if table == content.table)
            is_overtaken = (date_in_name(content.source) or "") < newest
            reason = None
            may_lose = is_overtaken or self.source.may_lose_rows
            if is_there:
                reason = None
            elif content.reading.rows_of_delivery == 0 and lost >= ROWS_WORTH_KEEPING:
                reason = (
                    f"None of its {content.reading.rows_read:,} rows can be read, and it would empty {content.table} "
                    f"of {lost:,} rows that stand there."
                )
            elif not may_lose and lost >= ROWS_WORTH_COUNTING and 2 * content.reading.rows_of_delivery < lost:
                reason = _half(content.table, content.reading.rows_of_delivery, lost)
            elif not may_lose and stand >= ROWS_WORTH_COUNTING and 2 * of_delivery < stand:
                reason = _half(content.table, of_delivery, stand)
            if reason is None:
                kept.append(content)
                continue
            error = FileRefused(
                f"{reason} What was delivered before stands. Ask for the extract again.", table=content.table
            )
            reading = TableReading.refused(content.reading.file, error, content.reading.sheet)
            refused.append(_Content(reading, content.source, content.sha256, content.size, None))
        return kept, refused

    def _next_delivery(self) -> int:
        self.deliveries += 1
        return self.first_delivery + self.deliveries

    def _place_in_order(self, contents: list[_Content], refusals: list[_Content]) -> None:
        if self.contract.history == "whole":
            for table in self.contract.tables:
                of_table = [content for content in contents if content.table == table]
                is_any_new = False
                for date, batch in self._batches(of_table):
                    # An older month delivered anew, say corrected, does not take the place of the newest.
                    is_overtaken = is_any_new and date is not None
                    is_any_new |= self._place_batch(table, batch, refusals, is_overtaken=is_overtaken)
        else:
            for source in dict.fromkeys(content.source for content in contents):
                self._place_file([content for content in contents if content.source == source])

    def _batches(self, contents: list[_Content]) -> Iterator[tuple[str | None, list[_Content]]]:
        """The contents of one table as deliveries, in order: by their date, or where a file is whole each its own."""
        if not self.contract.whole_file:
            yield from _by_date(contents)
            return

        def when(content: _Content) -> tuple[str, int]:
            modified = self.modified.get(content.source, 0)
            day = datetime.fromtimestamp(modified / 1e9, UTC).date().isoformat()
            return date_in_name(content.source) or day, modified

        for content in sorted(contents, key=when):
            yield when(content)[0], [content]

    def _place_batch(self, table: str, batch: list[_Content], refusals: list[_Content], *, is_overtaken: bool) -> bool:
        """Places one delivery of a table whose deliveries replace each other: its files stand or fall together.

        ``is_overtaken`` says that content of an earlier date became new in this load. Gives whether this did.
        """
        standing = self.before.standing(table)
        is_standing = {content.content for content in batch} == set(standing)
        is_lying = all(content.entry and self.before.is_lying(content.source, content.sha256) for content in batch)
        if (is_standing or is_lying) and not is_overtaken:
            for content in batch:
                self._enter(content, content.entry.delivery if content.entry else 0)
            return False
        delivery = self._next_delivery()
        for content in batch:
            self._enter(content, delivery)
        # A part that is refused today keeps its last good content: half a delivery must not drop the other half.
        refused = {content.reading.file for content in refusals}
        for entry in standing.values():
            if entry.file in refused:
                self.entries.append(entry.model_copy(update={"status": "redelivered", "delivery": delivery}))
        return True

    def _place_file(self, contents: list[_Content]) -> None:
        """Places one file of an extract whose deliveries stand beside each other, period by period or key by key."""
        known = [content.entry for content in contents if content.entry]
        newest = max(self.before.newest.values(), default=0)
        is_current = bool(known) and max(entry.delivery for entry in known) == newest
        if known and (is_current or any(self.before.is_lying(c.source, c.sha256) for c in contents)):
            delivery = max(entry.delivery for entry in known)
        else:
            delivery = self._next_delivery()
        for content in contents:
            self._enter(content, delivery)

    def _enter(self, content: _Content, delivery: int) -> None:
        """Notes one content at its delivery, moving Parquet that was read now into the landing."""
        reading, entry = content.reading, content.entry
        already = [e for e in self.entries if e.table == content.table and e.content == content.content]
        if already:
            self.entries.append(already[0].model_copy(update={"file": reading.file, "status": "unchanged"}))
            return
        is_mending = entry is not None and reading.parquet is not None and self._is_damaged(entry)
        if is_mending and entry is not None and entry.parquet:
            self.mended.append(entry.parquet)
        is_read_now = reading.parquet is not None and (entry is None or entry.reading != self.reading_version)
        is_read_now = is_read_now or (is_mending and entry is not None and not self._put_back(reading, entry))
        if entry is not None and not is_read_now:
            status: FileStatus = "unchanged" if delivery == entry.delivery else "redelivered"
            update: dict[str, object] = {
                "file": reading.file,
                "sheet": reading.sheet,
                "status": status,
                "delivery": delivery,
            }
            if reading.chained:
                update["watermark"] = reading.chained.watermark
            self.entries.append(entry.model_copy(update=update))
            return
        # Sheets of one workbook share its hash, and two of them may hold the same table.
        sheet = f"-{hashlib.sha256(reading.sheet.encode()).hexdigest()[:8]}" if reading.sheet else ""
        place = f"landing/{self.contract.extract}/{content.table}/{content.sha256[:16]}{sheet}"
        is_replaced = any(path.startswith(place) for path in self.replaced)  # a removal's record knows that name
        again = f"-{load_sequence(self.load_id)}" if is_mending or is_replaced else ""
        name = f"{content.sha256[:16]}{sheet}-{self.reading_version[:8]}{again}.parquet"
        reading, withheld = self._withhold(reading)
        parquet = self._move(reading.parquet, self.landing / self.contract.extract / content.table / name)
        quarantine = self._move(
            reading.quarantine, self.home / "quarantine" / self.contract.extract / content.table / name
        )
        gone = self._move(reading.gone, self.landing / self.contract.extract / content.table / f"gone-{name}")
        self.entries.append(
            FileEntry(
                file=reading.file,
                sheet=reading.sheet,
                table=content.table,
                sha256=content.sha256,
                bytes=content.size,
                status="landed" if entry is None else "reread" if delivery == entry.delivery else "redelivered",
                delivery=delivery,
                rows_read=reading.rows_read,
                rows_loaded=reading.rows_loaded,
                rows_quarantined=reading.rows_quarantined,
                rows_furniture=reading.rows_furniture,
                rows_removed=withheld,
                parquet=parquet[0] if parquet else None,
                parquet_bytes=parquet[1] if parquet else None,
                quarantine=quarantine[0] if quarantine else None,
                quarantine_bytes=quarantine[1] if quarantine else None,
                reading=self.reading_version,
                missing_columns=reading.missing,
                extra_columns=reading.extra,
                watermark=reading.chained.watermark if reading.chained else None,
                base=reading.chained.base if reading.chained else None,
                gone=gone[0] if gone else None,
                gone_bytes=gone[1] if gone else None,
                rows_gone=reading.chained.rows_gone if reading.chained else 0,
                rows_standing=reading.chained.rows_standing if reading.chained else None,
                hashes={moved[0]: sha256_of(self.home / moved[0]) for moved in (parquet, quarantine, gone) if moved},
            )
        )

    def _withhold(self, reading: TableReading) -> tuple[TableReading, int]:
        """The reading without records that were removed for good, and how many of its rows these were."""
        table = self.contract.tables[reading.table or ""]
        withheld = {}
        for made, counted, record_id in (
            (reading.parquet, "rows_loaded", record_id_sql(table)),
            (reading.quarantine, "rows_quarantined", "record_id"),
        ):
            condition = withheld_sql(self.landing, self.contract.extract, reading.table or "", record_id)
            if made is not None and condition is not None and (count := withhold(Path(made), condition)):
                withheld[counted] = count
        left = {counted: getattr(reading, counted) - count for counted, count in withheld.items()}
        return replace(reading, **left), sum(withheld.values())

    def _move(self, made: str | None, target: Path) -> tuple[str, int] | None:
        """Moves a finished file to its place; one of a killed load may lie there and is replaced."""
        if made is None:
            return None
        target.parent.mkdir(parents=True, exist_ok=True)
        with Path(made).open("rb") as handle:
            os.fsync(handle.fileno())
        Path(made).replace(target)
        return target.relative_to(self.home).as_posix(), target.stat().st_size

    def _note_refusals(self, refusals: Iterable[_Content]) -> None:
        for content in refusals:
            self.entries.append(
                FileEntry(
                    file=content.reading.file,
                    sheet=content.reading.sheet,
                    table=content.reading.table,
                    sha256=content.sha256,
                    bytes=content.size,
                    status="passed_over" if content.reading.is_passed_over else "refused",
                    delivery=0,
                    reason=content.reading.refusal,
                    missing_columns=content.reading.missing,
                    extra_columns=content.reading.extra,
                )
            )

    def _note_withdrawals(self) -> None:
        """A file that was refused and is no longer there, or no longer refused, is no longer a fault."""
        here = {entry.file for entry in self.entries}
        for name, entry in self.before.refused.items():
            if name not in here:
                self.entries.append(entry.model_copy(update={"status": "withdrawn", "reason": None}))

    def _is_new(self, entry: FileEntry) -> bool:
        if entry.status == "refused":
            before = self.before.refused.get(entry.file)
            return before is None or (before.sha256, before.reason) != (entry.sha256, entry.reason)
        if entry.status == "passed_over":
            return (entry.file, entry.sha256) not in self.before.passed_over or entry.file in self.before.refused
        return entry.status != "unchanged" or entry.file in self.before.refused or self._is_first_mark(entry)

    def _is_first_mark(self, entry: FileEntry) -> bool:
        """Whether a watermark is noted for a table that so far had none, or another: it must be kept."""
        marks = [before.watermark for before in self.before.standing(entry.table or "").values()]
        return entry.watermark is not None and entry.watermark.of not in [mark.of for mark in marks if mark]

    def _finish(self, files: int) -> LoadReport:
        is_anything_new = any(self._is_new(entry) for entry in self.entries)
        refused = [(entry.file, entry.reason or "") for entry in self.entries if entry.status == "refused"]
        read_now = [entry for entry in self.entries if entry.status in ("landed", "reread")]
        if is_anything_new:
            is_any_good = any(entry.status not in ("refused", "withdrawn", "passed_over") for entry in self.entries)
            status: LoadStatus = "landed" if not refused else "partly_refused" if is_any_good else "refused"
            commit(
                self.landing,
                Manifest(
                    load_id=self.load_id,
                    extract=self.contract.extract,
                    contract_version=self.contract.contract_version,
                    run_id=self.run_id,
                    landed_at=self.known_at,
                    status=status,
                    files=tuple(self.entries),
                ),
            )
        return LoadReport(
            extract=self.contract.extract,
            load_id=self.load_id,
            files=files,
            rows_read=sum(entry.rows_read for entry in read_now),
            rows_loaded=sum(entry.rows_loaded for entry in read_now),
            rows_withheld=sum(entry.rows_removed for entry in read_now),
            rows_quarantined=sum(entry.rows_quarantined for entry in read_now),
            rows_furniture=sum(entry.rows_furniture for entry in read_now),
            refused=refused,
            mended=self.mended,
            is_anything_new=is_anything_new,
            delivered_at=self._delivered_at(),
        )

    def _delivered_at(self) -> datetime | None:
        """When the newest file was written. One dated in the future says nothing: its clock is wrong."""
        written = [datetime.fromtimestamp(at // 10**9, UTC).replace(tzinfo=None) for at in self.modified.values()]
        return max((at for at in written if at <= self.known_at), default=None)


def _half(table: str, rows: int, standing: int) -> str:
    return (
        f"It looks like half a file: {rows:,} rows that can be read, where {standing:,} stand in {table}. If so many "
        "have really gone, set may_lose_rows: true for this source in send.yml, for one run."
    )


def _refused(name: str, reason: str, table: str | None = None) -> _Content:
    """A file or database table that could not be looked into."""
    return _Content(TableReading(name, table, refusal=reason), name, "", 0, None)


def _state_of(path: Path) -> tuple[int, int] | None:
    """The file's size and time of change, by which it is seen to change while it is read; None where it is gone."""
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_size, state.st_mtime_ns


def _reading_version(contract: ExtractContract, source: SourceConfiguration) -> str:
    """A hash of what decides how content is read: the contract and the council's mapping."""
    mapping: list[object] = [source.columns, source.codes, source.encoding, source.tables]
    if source.files:
        mapping.append(source.files)
    return hashlib.sha256(json.dumps([contract.contract_version, *mapping], sort_keys=True).encode()).hexdigest()


def _reading_before(entry: FileEntry, name: str) -> TableReading:
    """Content landed before, under the name it has today."""
    file = f"{name}#{entry.sheet}" if entry.sheet else name
    return TableReading(file, entry.table, entry.sheet, entry.rows_read, entry.rows_loaded, entry.rows_quarantined)


def _sha256_of(path: Path) -> tuple[str, int]:
    """The file's hash and size in bytes."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest(), handle.tell()


_YEAR_FIRST = re.compile(r"(?<!\d)((?:19|20)\d\d)[-_. ]?(0[1-9]|1[0-2])(?:[-_. ]?(0[1-9]|[12]\d|3[01]))?(?!\d)")
_DAY_FIRST = re.compile(r"(?<!\d)(0[1-9]|[12]\d|3[01])[-_. ]?(0[1-9]|1[0-2])[-_. ]?((?:19|20)\d\d)(?!\d)")


def date_in_name(name: str) -> str | None:
    """The date a file name bears, as year-month-day or year-month; None where it bears none."""
    if match := _YEAR_FIRST.search(name):
        return "-".join(part for part in match.groups() if part)
    if match := _DAY_FIRST.search(name):
        return "-".join(reversed(match.groups()))
    return None


def _delivery_order(name: str) -> tuple[str, list[tuple[int, int, str]]]:
    """Sorts files as they were delivered: by the date in their name, those without last; then 2 before 10."""
    parts = [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", name)]
    return date_in_name(name) or "9999", parts


def _by_date(contents: list[_Content]) -> Iterator[tuple[str | None, list[_Content]]]:
    """The contents of one table as deliveries: files whose names bear the same date, or none, belong together."""
    for date, batch in itertools.groupby(contents, key=lambda content: date_in_name(content.source)):
        yield date, list(batch)
