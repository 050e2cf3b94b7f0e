"""Records as they were landed: by file and row, from the very Parquet file that holds them; and what was set apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any

import duckdb

from connectors.contract import ExtractContract, Table, read_contract
from connectors.errors import ConfigurationError, LandingDamaged
from connectors.manifest import LOAD_ID, FileEntry, Manifest, in_utc, load_sequence, manifest_folder
from connectors.typing_rules import identifier, literal, record_id_sql
from warehouse.home import Home

DELIVERIES_SEARCHED = 30
"""How many deliveries of a file are searched for a record, the newest first."""
SETTINGS: dict[str, Any] = {"threads": "1", "memory_limit": "200MB"}


@dataclass(frozen=True)
class LandedValue:
    """One value of a landed record. ``problem`` is what was not as it should be, with the text that was delivered.

    ``is_telling`` says that it helps to find the record: of its key, an identifier, or naming another record.
    """

    column: str
    description: str
    value: str | None
    is_key: bool
    is_telling: bool
    is_at_fault: bool
    problem: str | None
    delivered: str | None


@dataclass(frozen=True)
class LandedRow:
    """A record as it was landed. ``is_same`` says that its key is the one asked for; times are UTC."""

    extract: str
    table: str
    load_id: str
    file: str
    row: int
    landed_at: datetime
    record_id: str | None
    is_same: bool
    values: tuple[LandedValue, ...]

    @property
    def telling(self) -> tuple[LandedValue, ...]:
        """The values that matter: at fault, not as they should be, or telling which record it is."""
        return tuple(value for value in self.values if value.is_at_fault or value.is_telling or value.problem)

    @property
    def others(self) -> tuple[LandedValue, ...]:
        """All the others."""
        return tuple(value for value in self.values if value not in self.telling)


@dataclass(frozen=True)
class QuarantinedRow:
    """A row that could not be read, where it stood, why, and its text as delivered."""

    file: str
    row: int
    reason: str
    column: str | None
    problem: str | None
    text: str | None


class Landing:
    """The landing of a home. Manifests never change, so each is read once."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._lock = Lock()
        self._read: dict[str, Manifest] = {}

    def manifests(self, extract: str | None = None) -> list[Manifest]:
        """The loads, newest first, of one extract or of all. Raises ``LandingDamaged``."""
        paths = {path.stem: path for path in manifest_folder(self._home.landing).glob("*.json")}
        with self._lock:
            for load_id, path in paths.items():
                if load_id not in self._read and LOAD_ID.fullmatch(load_id):
                    self._read[load_id] = _manifest(path)
            found = [manifest for load_id, manifest in self._read.items() if load_id in paths]
        wanted = [manifest for manifest in found if extract in (None, manifest.extract)]
        return sorted(wanted, key=lambda manifest: load_sequence(manifest.load_id), reverse=True)

    def manifest(self, load_id: str) -> Manifest | None:
        """One load."""
        return next((manifest for manifest in self.manifests() if manifest.load_id == load_id), None)

    def record(
        self, *, extract: str, file: str, row: int, record_id: str | None, table: str | None, item: str | None
    ) -> LandedRow | None:
        """The record at a file's row, in the newest delivery where it has the key asked for.

        Where no delivery has that key there, the newest row at that place, which then ``is_same`` not.
        """
        contract = _contract(extract)
        if contract is None:
            return None
        at_place: LandedRow | None = None
        with duckdb.connect(config=SETTINGS) as connection:
            for manifest, entry in self._entries(extract, file, table):
                of_table = contract.tables.get(entry.table or "")
                if of_table is None or entry.parquet is None:
                    continue
                found = self._row(connection, manifest, entry, of_table, row, record_id, item)
                if found is not None and (found.is_same or record_id is None):
                    return found
                at_place = at_place or found
        return at_place

    def _entries(self, extract: str, file: str, table: str | None) -> Iterator[tuple[Manifest, FileEntry]]:
        searched = 0
        for manifest in self.manifests(extract):
            entries = [
                entry
                for entry in manifest.files
                if entry.file == file and entry.parquet and entry.has_landed and table in (None, entry.table)
            ]
            yield from ((manifest, entry) for entry in entries)
            searched += bool(entries)
            if searched >= DELIVERIES_SEARCHED:
                return

    def _row(
        self,
        connection: duckdb.DuckDBPyConnection,
        manifest: Manifest,
        entry: FileEntry,
        table: Table,
        row: int,
        record_id: str | None,
        item: str | None,
    ) -> LandedRow | None:
        path = self._home.folder / (entry.parquet or "")
        try:
            there = {
                name for name, *_ in connection.execute(f"describe from read_parquet({literal(str(path))})").fetchall()
            }
            names = [name for name in table.columns if name in there]
            columns = ", ".join(f"cast({identifier(name)} as varchar)" for name in names)
            answer = connection.execute(
                f"select {record_id_sql(table)}, _load_id, _issues, {columns} from read_parquet({literal(str(path))}) "
                "where _row = ? and _file = ? limit 1",
                [row, entry.file],
            ).fetchone()
        except duckdb.IOException:
            raise LandingDamaged(
                f"{path.name} of the load {manifest.load_id} is missing or broken. Restore it from the backup."
            ) from None
        if answer is None:
            return None
        found_id, load_id, issues, *values = answer
        issue_of = {issue["column"]: issue for issue in issues or []}
        return LandedRow(
            extract=manifest.extract,
            table=entry.table or "",
            load_id=load_id,
            file=entry.file,
            row=row,
            landed_at=in_utc(manifest.landed_at),
            record_id=found_id,
            is_same=found_id == record_id,
            values=tuple(
                LandedValue(
                    column=name,
                    description=table.columns[name].description,
                    value=value,
                    is_key=name in table.key,
                    is_telling=_is_telling(table, name),
                    is_at_fault=name == item,
                    problem=issue_of[name]["problem"] if name in issue_of else None,
                    delivered=issue_of[name]["value"] if name in issue_of else None,
                )
                for name, value in zip(names, values, strict=True)
            ),
        )

    def quarantined(self, entry: FileEntry, *, offset: int, limit: int) -> list[QuarantinedRow]:
        """Rows of one delivery that were set apart, in the file's order. Raises ``LandingDamaged``."""
        if entry.quarantine is None:
            return []
        path = self._home.folder / entry.quarantine
        try:
            with duckdb.connect(config=SETTINGS) as connection:
                rows = connection.execute(
                    f'select _file, _row, reason, "column", problem, raw from read_parquet({literal(str(path))}) '
                    "order by _row limit ? offset ?",
                    [limit, offset],
                ).fetchall()
        except duckdb.IOException:
            raise LandingDamaged(f"{path.name} is missing or broken. Restore it from the backup.") from None
        return [QuarantinedRow(*row) for row in rows]


def _is_telling(table: Table, name: str) -> bool:
    column = table.columns[name]
    return name in table.key or column.identifier is not None or column.references is not None


def _manifest(path: Path) -> Manifest:
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except (OSError, ValueError):
        raise LandingDamaged(
            f"The manifest {path.name} cannot be read, so it is unknown what that load landed. "
            "Restore it from the backup."
        ) from None


def _contract(extract: str) -> ExtractContract | None:
    try:
        return read_contract(extract)
    except ConfigurationError:
        return None
