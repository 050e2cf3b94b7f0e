"""The weekly worklists: a digest of what is due and overdue to each who has to do it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from prefect import flow
from prefect.artifacts import create_markdown_artifact

from connectors.errors import SendError
from dashboard.digests import Digest, digests_of, write_digests
from flows.run import plain_errors
from warehouse.home import Home
from warehouse.publication import product_file, standing_publication

LISTS = "lists"


class NoLists(SendError):
    """No lists are published, so nothing can be said to be due."""


@plain_errors
def digests_now(home: Home) -> list[Digest]:
    """The digests from the lists as they stand; their day is the lists'. Raises ``NoLists``."""
    standing = standing_publication(home, LISTS)
    if standing is None:
        raise NoLists("No lists are published yet. Publish them first: send run")
    return digests_of(product_file(home, LISTS), date.fromisoformat(standing.as_at))


@flow(name="worklists", validate_parameters=False)
def worklists(home: str) -> int:
    """Writes every digest to ``home/notices/digests/DAY/``; gives their number. A child is a case reference there."""
    place = Home(Path(home))
    digests = digests_now(place)
    write_digests(digests, place.digests)
    lines = [f"- {kind}: {count}" for kind, count in _counts(digests).items()]
    create_markdown_artifact("\n".join(lines) or "Nothing is due.", key="worklists", description="Digests written")
    return len(digests)


def _counts(digests: list[Digest]) -> dict[str, int]:
    """How many recipients of each kind are told something, for the artifact: it names none of them."""
    counts: dict[str, int] = {}
    for digest in digests:
        counts[digest.recipient_kind] = counts.get(digest.recipient_kind, 0) + 1
    return counts
