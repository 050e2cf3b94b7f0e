"""What a run leaves on Prefect's pages: its summary, a table of its loads and one of its gates. No personal data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from prefect.artifacts import create_markdown_artifact, create_table_artifact

from flows.logs import RunLog
from flows.summary import RunSummary


def keep_artifacts(summary: RunSummary, log: RunLog) -> None:
    """Keeps the run's artifacts. A server that has gone away makes no run a failed one: what it published stands."""
    loads = [
        {
            "extract": load.extract,
            "status": load.status,
            "files": load.files,
            "rows read": load.rows_read,
            "rows loaded": load.rows_loaded,
            "rows quarantined": load.rows_quarantined,
        }
        for load in summary.loads
    ]
    gates = [
        {
            "product": line.product,
            "status": line.status,
            "as at": line.as_at or "",
            "rows": sum(line.rows.values()),
            "held by": "; ".join(line.reasons),
            "where": Path(line.folder).as_uri() if line.folder else "",
        }
        for line in summary.products
    ]
    kept = [
        keep_artifact(
            create_markdown_artifact, summary.as_markdown(), key="nightly-summary", description="What this run did"
        ),
        keep_artifact(create_table_artifact, loads, key="nightly-loads", description="What was loaded, by extract"),
        keep_artifact(create_table_artifact, gates, key="nightly-gates", description="What is published or held"),
    ]
    if not all(kept):
        log.tell("prefect not reached", artifacts=kept.count(False))


def keep_artifact(create: Callable[..., Any], content: Any, key: str, description: str) -> bool:
    """Makes one artifact; False where Prefect's server does not answer any more."""
    try:
        create(content, key=key, description=description)
    except httpx.HTTPError:
        return False
    return True
