"""Which products went to which destination of others, and which could not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime

from sqlalchemy import func, insert, select

from operations.schema import DeliveryRecord
from operations.store import OperationsStore


@dataclass(frozen=True)
class Delivery:
    """A product at a destination: delivered now, standing there already, or failed with the problem told."""

    destination: str
    product: str
    outcome: str
    run_id: str
    content: str
    as_at: date
    problem: str | None = None


def record_deliveries(store: OperationsStore, deliveries: Sequence[Delivery]) -> None:
    """Keeps what became of each product at each destination, but for those where nothing changed."""
    at = datetime.now(UTC).replace(tzinfo=None)
    rows = [{**asdict(delivery), "at": at} for delivery in deliveries if delivery.outcome != "standing"]
    if rows:
        with store.writing() as connection:
            connection.execute(insert(DeliveryRecord), rows)


def last_deliveries(store: OperationsStore) -> list[tuple[Delivery, datetime]]:
    """The last word on each product at each destination, with when it was said (UTC)."""
    last = select(func.max(DeliveryRecord.delivery_id)).group_by(DeliveryRecord.destination, DeliveryRecord.product)
    with store.reading() as connection:
        rows = connection.execute(
            select(DeliveryRecord.__table__)
            .where(DeliveryRecord.delivery_id.in_(last))
            .order_by(DeliveryRecord.destination, DeliveryRecord.product)
        ).all()
    return [
        (
            Delivery(row.destination, row.product, row.outcome, row.run_id, row.content, row.as_at, row.problem),
            row.at,
        )
        for row in rows
    ]
