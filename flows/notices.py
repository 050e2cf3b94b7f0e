"""Tells people what needs them: into a file of the home, and through the Prefect blocks that ``notify`` names.

A notice is told once, and again only when its cause has become another or when it clears. No notice holds personal
data: a record is named by its rule and count, a child not at all.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError

from connectors.configuration import Configuration, read_configuration
from connectors.errors import SendError
from connectors.failed_loads import FailedLoad
from connectors.freshness import Freshness, Volume
from connectors.manifest import write_whole
from flows.logs import RunLog
from flows.summary import DeliveryLine, ProductLine
from operations.notices import Notice, Standing, Turn, note_owed, standing_notices, take_turn
from operations.store import OperationsStore
from warehouse.home import Home

RUNBOOK = "docs/runbook.md"
KINDS = {
    "product_held": "A product is held",
    "extract_late": "An extract is late",
    "load_failed": "An extract could not be loaded",
    "load_refused": "A delivered file was refused",
    "volume_unusual": "An extract has an unusual number of rows",
    "not_delivered": "A product could not be delivered",
    "digest_not_sent": "A weekly digest could not be sent",
    "news_not_sent": "News could not be sent",
    "run_failed": "A run failed",
    "job_failed": "A scheduled job failed",
    "run_interrupted": "A run was interrupted",
    "run_late": "A run has not begun",
}
"""Every kind of notice, with its heading in the runbook."""
OF_WORKLISTS = frozenset({"digest_not_sent"})
OF_JOBS = frozenset({"job_failed"})
OF_A_NIGHT = frozenset(KINDS) - OF_WORKLISTS - OF_JOBS
"""Kinds that each night's run looks at; the weekly worklists and each scheduled job look at their own."""
PASSING = frozenset({"run_interrupted", "run_late"})
"""Kinds that say something happened: they are told, and do not stand."""
BI_TEAM = "bi_team"


def anchor(kind: str) -> str:
    """The runbook's section on a kind of notice, as a link within the repository."""
    return f"{RUNBOOK}#{re.sub(r'[^a-z0-9]+', '-', KINDS[kind].lower())}"


def held(products: Sequence[ProductLine]) -> list[Notice]:
    """A notice for each product that its gate holds; how many records fail does not make it another notice."""
    return [
        Notice(
            "product_held",
            line.product,
            BI_TEAM,
            f"{line.product} is held ({_stands(line)}): {'; '.join(line.reasons)}",
            re.sub(r"[\d,]+ rows?", "", "; ".join(line.reasons)),
        )
        for line in products
        if line.status == "held"
    ]


def undelivered(deliveries: Sequence[DeliveryLine]) -> list[Notice]:
    """A notice for each product that could not be published at a destination of others."""
    return [
        Notice(
            "not_delivered",
            f"{line.product} at {line.destination}",
            BI_TEAM,
            f"{line.product} could not be delivered to {line.destination}; what it had stands: {line.problem}",
            line.problem or "",
        )
        for line in deliveries
        if line.outcome == "failed"
    ]


def _stands(line: ProductLine) -> str:
    return f"that of {line.as_at} stands" if line.as_at else "nothing is published yet"


def failed(loads: Sequence[FailedLoad]) -> list[Notice]:
    """A notice for each extract that could not be loaded, or not whole. No file's name is told: it may be a child's."""
    notices = []
    for load in loads:
        stands = f"what landed {load.stands_since} UTC stands" if load.stands_since else "nothing of it has ever landed"
        if load.status == "refused":
            text = f"A file of {load.extract} was refused; {stands}. Which and why: send status"
        else:
            text = f"{load.extract} could not be loaded; {stands}. {load.problem}"
        notices.append(Notice(f"load_{load.status}", load.extract, BI_TEAM, text, load.problem))
    return notices


def late(states: Sequence[Freshness]) -> list[Notice]:
    """A notice for each extract that is overdue."""
    return [
        Notice("extract_late", state.extract, state.owner, f"{state.extract} is late: {state.as_text()}.", "late")
        for state in states
        if state.is_late
    ]


def unusual(volumes: Sequence[Volume]) -> list[Notice]:
    """A notice for each table whose newest delivery is out of its usual range. It was loaded all the same."""
    return [
        Notice(
            "volume_unusual",
            f"{volume.extract}.{volume.table}",
            volume.owner,
            f"{volume.extract}.{volume.table} came with {volume.as_text()}. It was loaded; ask whether it is whole.",
            str(volume.delivery),
        )
        for volume in volumes
        if volume.is_unusual
    ]


def run_failed(error: BaseException) -> Notice:
    """The notice of a run that ended before its end."""
    why = str(error) if isinstance(error, SendError) else f"It stopped on a {type(error).__name__}."
    return Notice("run_failed", "nightly", BI_TEAM, f"The run failed. What was published stands. {why}", why)


def run_interrupted(run_id: str, stage: str | None) -> Notice:
    """The notice of an earlier run that never came to its end: the machine stopped, or somebody stopped it."""
    text = f"The run {run_id} was cut off at the stage {stage}. What was published stands; this run did its work."
    return Notice("run_interrupted", run_id, BI_TEAM, text, run_id)


def job_failed(job: str, error: SendError) -> Notice:
    """The notice of a scheduled job that failed otherwise than in a run's stages, which tell that themselves."""
    return Notice("job_failed", job, BI_TEAM, f"The job {job} failed. What was published stands. {error}", str(error))


def run_late(job: str, due: datetime, began: datetime) -> Notice:
    """The notice of a scheduled run that began long after it was due."""
    hours, minutes = divmod(int((began - due).total_seconds()) // 60, 60)
    late_by = f"{hours} h {minutes} min" if hours else f"{minutes} min"
    text = f"The {job} run due {due:%A %d %B %Y, %H:%M} began {late_by} late. It does its work now."
    return Notice("run_late", f"{job} {due:%Y-%m-%d %H:%M}", BI_TEAM, text, str(due))


def tell_late(home: Home, store: OperationsStore, job: str, due: datetime, began: datetime, log: RunLog) -> None:
    """Tells that a scheduled run began long after it was due, where it did: a night before it may have been missed."""
    configuration = read_configuration(home.folder)
    if began - due < timedelta(minutes=configuration.late_after_minutes):
        return
    at = began.astimezone(UTC).replace(tzinfo=None)
    tell(home, configuration, store, [run_late(job, due, began)], (), at, log, _file_of(job, at))


def is_failure_told(home: Home, store: OperationsStore, job: str, error: SendError, at: datetime, log: RunLog) -> bool:
    """Whether people know that a scheduled run failed: by the run itself, or else told here.

    ``at`` is UTC. One channel that was reached is enough: the others have it with the next run, and told by the server
    as well they would have it twice. False where none was reached: then Prefect's server has to tell.
    """
    try:
        configuration = read_configuration(home.folder)
        told = [state for state in _standing(store, "run_failed") if state.notice.cause == str(error)]
        if not told:
            notice = job_failed(job, error)
            tell(home, configuration, store, [notice], OF_JOBS, at, log, _file_of(job, at), about=job)
            told = [state for state in _standing(store, notice.kind) if state.notice.subject == job]
        channels = set(configuration.notify)
        return not channels or any(channels.difference(state.owed_to) for state in told)
    except (SendError, OSError, SQLAlchemyError) as further:
        error.add_note(f"That it failed could not be told: {type(further).__name__}.")
        return False


def clear_failure(home: Home, store: OperationsStore, job: str, at: datetime, log: RunLog) -> None:
    """Tells that a scheduled job that had failed is done again. ``at`` is UTC."""
    if any(standing.notice.subject == job for standing in _standing(store, "job_failed")):
        configuration = read_configuration(home.folder)
        tell(home, configuration, store, [], OF_JOBS, at, log, _file_of(job, at), about=job)


def _standing(store: OperationsStore, kind: str) -> list[Standing]:
    return [standing for standing in standing_notices(store) if standing.notice.kind == kind]


def _file_of(job: str, at: datetime) -> str:
    return f"{at:%Y%m%dT%H%M%S}-{job}"


def tell(
    home: Home,
    configuration: Configuration,
    store: OperationsStore,
    found: Sequence[Notice],
    judged: Collection[str],
    at: datetime,
    log: RunLog,
    name: str,
    about: str | None = None,
) -> Turn:
    """Takes what a run found, writes what is new or has cleared to ``home/notices/NAME.md``, and sends it.

    ``judged`` are the kinds the run looked at, with ``about`` on that subject alone: others stand as they were. A
    channel that cannot be reached stops nothing: the file has it all, and the next run tries that channel again.
    """
    passing = [notice for notice in found if notice.kind in PASSING]
    turn = take_turn(store, [notice for notice in found if notice.kind not in PASSING], judged, at, about)
    new = (*passing, *turn.new)
    if new or turn.cleared:
        write_whole(home.notices / f"{name}.md", as_text(at, new, turn.cleared).encode())
    for notice in new:
        log.tell("notice", kind=notice.kind, subject=notice.subject)
    for notice in turn.cleared:
        log.tell("notice cleared", kind=notice.kind, subject=notice.subject)
    _send(configuration, store, new, turn.cleared, at, log)
    return turn


def as_text(at: datetime, new: Sequence[Notice], cleared: Sequence[Notice]) -> str:
    """What a person reads, each notice with where the runbook says what to do."""
    lines = [f"# Notices of {at:%d %B %Y, %H:%M} UTC", ""]
    for kind, heading in KINDS.items():
        of_kind = [notice for notice in new if notice.kind == kind]
        if of_kind:
            lines += [f"## {heading}", "", *(f"- {notice.text} (for {notice.owner})" for notice in of_kind)]
            lines += ["", f"What to do: {anchor(kind)}", ""]
    if cleared:
        lines += ["## Cleared", "", *(f"- {KINDS[n.kind]}: {n.subject} no longer." for n in cleared), ""]
    return "\n".join(lines)


def _send(
    configuration: Configuration,
    store: OperationsStore,
    new: Sequence[Notice],
    cleared: Sequence[Notice],
    at: datetime,
    log: RunLog,
) -> None:
    """Sends what is new or cleared, and what a channel is still owed, to each channel; notes those not reached."""
    standing = standing_notices(store)
    owed: dict[Notice, list[str]] = {state.notice: [] for state in standing if state.owed_to}
    for block in configuration.notify:
        late_news = [state.notice for state in standing if block in state.owed_to and state.notice not in new]
        news = [*new, *late_news]
        if not news and not cleared:
            continue
        problem = notify_through(block, as_text(at, news, cleared), f"SEND {configuration.la_name}: {_subject(news)}")
        if problem is None:
            log.tell("notices sent", channel=block, notices=len(news))
            continue
        log.tell("channel not reached", channel=block, error=problem)
        for notice in news:
            owed.setdefault(notice, []).append(block)
    for notice, channels in owed.items():
        note_owed(store, [notice], channels)


def try_channels(configuration: Configuration) -> dict[str, str | None]:
    """Sends a trial to each channel; gives for each the kind of error where it was not reached."""
    body = "This is a trial. Whoever gets it will be told when a run of the SEND warehouse needs a person."
    subject = f"SEND {configuration.la_name}: a trial"
    return {name: notify_through(name, body, subject) for name in configuration.notify}


def _subject(news: Sequence[Notice]) -> str:
    if len(news) == 1:
        return KINDS[news[0].kind]
    return f"{len(news)} notices" if news else "cleared"


def notify_through(name: str, body: str, subject: str) -> str | None:
    """Sends through one block; gives the kind of error where it could not. A library's message may tell the address."""
    from flows.channels import notify  # Prefect, which a run without a channel need not load

    try:
        notify(name, body, subject)
    except Exception as error:
        return type(error).__name__
    return None
