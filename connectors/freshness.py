"""Whether each extract has come when it was due, and whether it brought about as many rows as it usually does."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from connectors.configuration import Configuration
from connectors.contract import read_contract
from connectors.manifest import Content, Manifest, in_utc, known_manifests

# An extract is late a seventh of its cadence after its day, and never on the day itself.
GRACE_SHARE = 7
# So many deliveries must have been seen before a number of rows is called unusual, and so many are looked back on.
LEAST_DELIVERIES, MOST_DELIVERIES = 5, 12
# Rows may differ from the median by three standard deviations (by the median deviation), a tenth, or ten rows.
DEVIATIONS, DEVIATION_OF_MEDIAN, SHARE, ROWS = 3.0, 1.4826, 0.1, 10


@dataclass(frozen=True)
class Freshness:
    """When an extract was last delivered and when the next is due (UTC). None: nothing of it has ever come."""

    extract: str
    owner: str
    cadence_days: int
    delivered_at: datetime | None
    late_from: datetime | None
    is_late: bool

    def as_text(self) -> str:
        """The state in words, without the extract's name."""
        if self.delivered_at is None:
            return "nothing of it has ever been delivered"
        return f"last delivered {self.delivered_at:%d %B %Y}; one is due every {self.cadence_days} days"


@dataclass(frozen=True)
class Volume:
    """How many rows the newest delivery of a table brought, and the range that is usual."""

    extract: str
    table: str
    owner: str
    delivery: int
    rows: int
    low: int
    high: int

    @property
    def is_unusual(self) -> bool:
        """Whether it is out of the range."""
        return not self.low <= self.rows <= self.high

    def as_text(self) -> str:
        """The finding in words, without the table's name."""
        return f"{self.rows:,} rows, where between {self.low:,} and {self.high:,} are usual"


def freshness(
    configuration: Configuration, now: datetime, delivered: Mapping[str, datetime] | None = None
) -> list[Freshness]:
    """The state of each configured extract at ``now`` (UTC).

    It was last delivered when content of it last landed, or when its files were last written where ``delivered`` says
    so: the same rows again are a delivery. A database that answers but shows no change for that long is late too: the
    copy that is read may have stopped.
    """
    landed = _last_landed(known_manifests(configuration.home / "landing", now))
    states = []
    for extract, source in configuration.sources.items():
        contract = read_contract(extract)
        days = source.cadence_days or contract.cadence_days
        moments = [moment for moment in (landed.get(extract), (delivered or {}).get(extract)) if moment is not None]
        last = max(moments, default=None)
        late_from = last + timedelta(days=days + max(1, days // GRACE_SHARE)) if last else None
        is_late = late_from is None or now > late_from
        states.append(Freshness(extract, contract.owner, days, last, late_from, is_late))
    return states


def _last_landed(manifests: Iterable[Manifest]) -> dict[str, datetime]:
    return {
        manifest.extract: in_utc(manifest.landed_at)
        for manifest in manifests
        if any(entry.has_landed for entry in manifest.files)
    }


def volumes(configuration: Configuration, now: datetime) -> list[Volume]:
    """The volume of each table whose deliveries replace each other, once there are deliveries enough to tell by.

    The usual range is learned from the deliveries before the newest: their median, give or take what is normal.
    """
    found = []
    for extract in configuration.sources:
        contract = read_contract(extract)
        if contract.history != "whole":
            continue  # a term's census or a month's register is not to be counted against the one before
        manifests = known_manifests(configuration.home / "landing", now, extract)
        for table in contract.tables:
            rows = _rows_by_delivery(manifests, table)
            if len(rows) <= LEAST_DELIVERIES:
                continue
            newest = max(rows)
            before = [rows[delivery] for delivery in sorted(rows) if delivery != newest][-MOST_DELIVERIES:]
            low, high = usual_range(before)
            found.append(Volume(extract, table, contract.owner, newest, rows[newest], low, high))
    return found


def _rows_by_delivery(manifests: Iterable[Manifest], table: str) -> dict[int, int]:
    contents: dict[int, dict[Content, int]] = {}
    for manifest in manifests:
        for entry in manifest.files:
            if entry.table == table and entry.has_landed:
                contents.setdefault(entry.delivery, {})[entry.content] = entry.rows_of_delivery
    return {delivery: sum(rows.values()) for delivery, rows in contents.items()}


def usual_range(rows: list[int]) -> tuple[int, int]:
    """The least and the most rows that are usual, learned from those of earlier deliveries."""
    median = statistics.median(rows)
    deviation = DEVIATION_OF_MEDIAN * statistics.median(abs(count - median) for count in rows)
    margin = max(DEVIATIONS * deviation, SHARE * median, ROWS)
    return max(0, round(median - margin)), round(median + margin)
