"""The weekly worklists: a digest of what is due and overdue to each who has to do it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.artifacts import create_markdown_artifact

from connectors.configuration import Configuration, read_configuration
from connectors.errors import SendError
from dashboard.digests import Digest, digests_of, write_digests
from flows.logs import RunLog
from flows.notices import BI_TEAM, OF_WORKLISTS, notify_through, tell
from flows.run import plain_errors
from flows.schedules import one_run_a_day
from flows.settings import LONDON
from operations.jobs import is_done, note_done
from operations.notices import Notice
from operations.store import OperationsStore
from warehouse.home import Home
from warehouse.publication import product_file, standing_publication

LISTS = "lists"


class NoLists(SendError):
    """No lists are published, so nothing can be said to be due."""


@dataclass(frozen=True)
class Told:
    """What became of the digests: how many were written for each kind of recipient, and how many were sent.

    ``sent_before`` were sent this week already; ``not_reached`` gives by channel how many could not be sent.
    """

    written: dict[str, int]
    sent: int
    sent_before: int
    not_reached: dict[str, int]

    def as_data(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    def as_text(self) -> str:
        """One line that names no recipient."""
        line = f"{sum(self.written.values())} digests are written, {self.sent} sent"
        if self.sent_before:
            line += f", {self.sent_before} sent earlier this week"
        if self.not_reached:
            line += f", {sum(self.not_reached.values())} could not be sent"
        return f"{line}."


@plain_errors
def digests_now(home: Home) -> list[Digest]:
    """The digests from the lists as they stand; their day is the lists'. Raises ``NoLists``."""
    standing = standing_publication(home, LISTS)
    if standing is None:
        raise NoLists("No lists are published yet. Publish them first: send run")
    return digests_of(product_file(home, LISTS), date.fromisoformat(standing.as_at))


@plain_errors
def tell_what_is_due(home: Home, now: datetime) -> Told:
    """Writes every digest to ``home/notices/digests/DAY/``, and sends each to the channel that send.yml names for it.

    One digest a week and recipient is sent. A channel that cannot be reached is told as a notice, and the others go
    on. Raises ``NoLists``, and ``HomeBusy`` while another writes to the home.
    """
    configuration = read_configuration(home.folder)
    digests = digests_now(home)
    with home.lock("worklists"):  # so that two at once do not both send
        write_digests(digests, home.digests)
        store = OperationsStore(home.operations_url)
        try:
            return _send(home, configuration, store, digests, now)
        finally:
            store.close()


def _send(
    home: Home, configuration: Configuration, store: OperationsStore, digests: Sequence[Digest], now: datetime
) -> Told:
    today = now.astimezone(LONDON).date()
    monday = today - timedelta(days=today.weekday())
    name = f"{now.astimezone(UTC):%Y%m%dT%H%M%S}-worklists"
    log = RunLog(home, name)
    blocks: dict[tuple[str, str], str] = {
        (kind, who): block for kind, named in configuration.worklists.items() for who, block in named.items()
    }
    sent = sent_before = 0
    problems: dict[str, list[str]] = {}
    for digest in digests:
        block = blocks.get((digest.recipient_kind, digest.recipient))
        if block is None:
            continue
        mark = _mark(digest)
        if is_done(store, mark, monday):
            sent_before += 1
            continue
        problem = notify_through(block, digest.as_text(), digest.subject)
        if problem is None:
            note_done(store, mark, monday)
            sent += 1
        else:
            log.tell("channel not reached", channel=block, error=problem)
            problems.setdefault(block, []).append(problem)
    found = [
        Notice(
            "digest_not_sent",
            block,
            BI_TEAM,
            f"{len(errors)} of the weekly digests could not be sent through {block} ({errors[0]}). They are in "
            "notices/digests. Send them again: send dashboard digests",
            errors[0],
        )
        for block, errors in problems.items()
    ]
    tell(home, configuration, store, found, OF_WORKLISTS, now.astimezone(UTC).replace(tzinfo=None), log, name)
    written = dict(Counter(digest.recipient_kind for digest in digests))
    told = Told(written, sent, sent_before, {block: len(errors) for block, errors in problems.items()})
    log.tell(
        "digests", written=len(digests), sent=sent, sent_before=sent_before, not_sent=sum(told.not_reached.values())
    )
    return told


def _mark(digest: Digest) -> str:
    """What the operations store keeps of a digest sent: the recipient, whose name need not stand there, as a hash."""
    recipient = f"{digest.recipient_kind}\n{digest.recipient}"
    return f"digest-{hashlib.sha256(recipient.encode()).hexdigest()[:40]}"


@flow(name="worklists")
@one_run_a_day("worklists")
def worklists(home: str) -> Told:
    """Writes and sends the digests of the home folder ``home``. A child is a case reference there."""
    told = tell_what_is_due(Home(Path(home)), datetime.now(UTC))
    lines = [told.as_text(), "", *(f"- {kind}: {count}" for kind, count in told.written.items())]
    create_markdown_artifact("\n".join(lines), key="worklists", description="Digests written and sent")
    return told
