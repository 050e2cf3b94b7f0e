"""Sends stewards their news: what of their records newly fails and is newly fixed, that of each run once."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from connectors.configuration import Configuration
from flows.logs import RunLog
from flows.notices import BI_TEAM, notify_through
from operations.news import News, news_of
from operations.notices import Notice, standing_notices
from operations.store import OperationsStore

KIND = "news_not_sent"
RUNS_OWED = 30
"""Of how many runs an owner whose channel cannot be reached is owed the news; older news are in their files alone."""


def send_news(
    configuration: Configuration, store: OperationsStore, run_id: str | None, log: RunLog
) -> tuple[Notice, ...]:
    """Sends each owner whom ``stewards`` gives a channel the news of the run, after what earlier runs still owe them.

    ``run_id`` is None for a run that checked nothing. What could not be sent comes back as notices, whose cause names
    the runs that are owed: while such a notice stands, each run tries again.
    """
    owed = {
        standing.notice.subject: standing.notice.cause.split()
        for standing in standing_notices(store)
        if standing.notice.kind == KIND
    }
    news_of_run = functools.cache(functools.partial(news_of, store))
    notices = []
    for owner, block in configuration.stewards.items():
        runs = dict.fromkeys([*owed.get(owner, []), *([run_id] if run_id else [])])
        news = [told[owner] for run in runs if owner in (told := news_of_run(run))]
        if not news:
            continue
        problem = notify_through(block, _text(news), _subject(configuration, news))
        if problem is None:
            log.tell("news sent", owner=owner, channel=block, runs=len(news))
        else:
            log.tell("channel not reached", channel=block, error=problem)
            notices.append(_not_sent(owner, block, problem, [one.run_id for one in news][-RUNS_OWED:]))
    return tuple(notices)


def _not_sent(owner: str, block: str, problem: str, runs: Sequence[str]) -> Notice:
    return Notice(
        KIND,
        owner,
        BI_TEAM,
        f"The news of {len(runs)} run{'s' if len(runs) > 1 else ''} could not be sent to {owner} through {block} "
        f"({problem}). They are in notices/RUN.json, and the next run tries again.",
        " ".join(runs),
    )


def _text(news: Sequence[News]) -> str:
    return "\n".join(one.as_markdown() for one in news)


def _subject(configuration: Configuration, news: Sequence[News]) -> str:
    failing = sum(line.findings for one in news for line in (*one.new, *one.reopened))
    fixed = sum(line.findings for one in news for line in one.fixed)
    return f"SEND {configuration.la_name}: {failing:,} newly failing, {fixed:,} newly fixed"
