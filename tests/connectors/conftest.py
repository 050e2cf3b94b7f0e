"""A home with one source that a test fills (``put``), loads (``load``) and asks (``rows``)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from connectors.configuration import Configuration, SourceConfiguration
from connectors.landing import next_load_sequence, register_landing
from connectors.load import LoadReport, load_extract

FIRST_NIGHT = datetime(2026, 1, 1, 2)


@dataclass
class Delivery:
    """One extract's source folder and home; each load is a night later than the last."""

    folder: Path
    extract: str
    kind: str = "csv"
    settings: dict[str, Any] = field(default_factory=dict)
    nights: int = 0

    @property
    def configuration(self) -> Configuration:
        where = {} if self.kind == "database" else {"path": "extracts"}
        source = SourceConfiguration.model_validate({"kind": self.kind, **where, **self.settings})
        return Configuration(
            home=self.folder, la_code="883", la_name="Invented borough", sources={self.extract: source}
        )

    def put(self, name: str, content: str | bytes) -> Path:
        """Puts a file into the source folder."""
        path = self.folder / "extracts" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def load(self) -> LoadReport:
        self.nights += 1
        sequence = next_load_sequence(self.folder / "landing")
        known_at = self.known_at(self.nights)
        return load_extract(self.configuration, self.extract, f"{sequence:06d}-{self.extract}", "a run", known_at)

    @staticmethod
    def known_at(night: int) -> datetime:
        """The moment of a night's load, counted from 1."""
        return FIRST_NIGHT + timedelta(days=night - 1)

    def query(self, sql: str, night: int | None = None) -> list[tuple[Any, ...]]:
        """Asks the landing as known after a night's load, by default the last."""
        with duckdb.connect() as connection:
            register_landing(connection, self.configuration, self.known_at(night or max(self.nights, 1)))
            return connection.execute(sql).fetchall()

    def rows(self, table: str, columns: str, night: int | None = None) -> list[tuple[Any, ...]]:
        """The current rows of a contract table, ordered."""
        return self.query(f"select {columns} from landing.{self.extract}__{table} order by all", night)

    def quarantine(self) -> list[tuple[Any, ...]]:
        return self.query(
            'select "table", row, reason, column_name, problem, record_id from landing.quarantine order by row'
        )

    def parquet(self) -> list[Path]:
        """Every landed Parquet file."""
        return sorted((self.folder / "landing" / self.extract).rglob("*.parquet"))

    def manifests(self) -> list[dict[str, Any]]:
        paths = sorted((self.folder / "landing" / "manifest").glob("*.json"))
        return [json.loads(path.read_text()) for path in paths]


@pytest.fixture
def deliver(tmp_path: Path) -> Callable[..., Delivery]:
    """Makes an empty home for one extract."""

    def make(extract: str = "ehc_case", kind: str = "csv", **settings: Any) -> Delivery:
        (tmp_path / "extracts").mkdir(exist_ok=True)
        return Delivery(tmp_path, extract, kind, settings)

    return make
