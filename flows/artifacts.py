"""What a run leaves on Prefect's pages: its summary, a table of its loads and one of its gates. No personal data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from prefect.artifacts import create_markdown_artifact, create_table_artifact

from flows.run import Run
from flows.summary import RunSummary


def keep_artifacts(summary: RunSummary, run: Run) -> None:
    """Keeps the run's artifacts. A server that has gone away makes no run a failed one: what it published stands."""
    if run.is_alone:
        return
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
    is_kept = (
        keep_artifact(create_markdown_artifact, summary.as_markdown(), "nightly-summary", "What this run did")
        and keep_artifact(create_table_artifact, loads, "nightly-loads", "What was loaded, by extract")
        and keep_artifact(create_table_artifact, gates, "nightly-gates", "What is published or held")
    )
    if not is_kept:
        run.go_on_alone()


def keep_artifact(create: Callable[..., Any], content: Any, key: str, description: str) -> bool:
    """Makes one artifact; False where Prefect's server does not answer any more."""
    try:
        create(content, key=key, description=description)
    except httpx.TransportError:
        return False
    return True
