"""What stewards have mended: findings that the checks do not find any more, for the indicators of record quality."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa
from sqlalchemy import select

from operations.schema import FindingRecord
from operations.store import OperationsStore


def fixed_findings(store: OperationsStore, known_at: datetime) -> pa.Table:
    """Every finding fixed by ``known_at`` and not reopened: ``owner``, ``extract``, ``first_seen_at``, ``fixed_at``."""
    columns = (
        FindingRecord.owner,
        FindingRecord.extract,
        FindingRecord.first_seen_at,
        FindingRecord.fixed_at,
    )
    with store.reading() as connection:
        rows = connection.execute(
            select(*columns).where(FindingRecord.state == "fixed", FindingRecord.fixed_at <= known_at)
        ).fetchall()
    schema = pa.schema(
        [
            ("owner", pa.string()),
            ("extract", pa.string()),
            ("first_seen_at", pa.timestamp("us")),
            ("fixed_at", pa.timestamp("us")),
        ]
    )
    return pa.Table.from_pylist([row._asdict() for row in rows], schema=schema)
