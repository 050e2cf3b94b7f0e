"""What each run did, as lines of JSON in ``home/logs``: stages, extracts and counts, and nothing personal."""

from __future__ import annotations

import json
import os
from datetime import UTC, date, datetime

from warehouse.home import Home

MONTHS_KEPT = 13


class RunLog:
    """The log of one run. A file a month; those older than ``MONTHS_KEPT`` months are taken away.

    Each line is one write to the end of the file, so that the lines of two processes do not mix.
    """

    def __init__(self, home: Home, run_id: str) -> None:
        self._folder = home.logs
        self._run_id = run_id

    def tell(self, event: str, **facts: str | int | float | bool | date | None) -> None:
        """Notes that something happened. ``facts`` are names from the code or the configuration, days and counts."""
        now = datetime.now(UTC)
        line = {
            "at": now.isoformat(timespec="milliseconds"),
            "run_id": self._run_id,
            "event": event,
            **{name: str(fact) if isinstance(fact, date) else fact for name, fact in facts.items()},
        }
        path = self._folder / f"send-{now:%Y-%m}.log"
        if not path.exists():
            self._begin_month()
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, (json.dumps(line) + "\n").encode())
        finally:
            os.close(handle)

    def _begin_month(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        files = sorted(self._folder.glob("send-????-??.log"))
        for old in files[: max(0, len(files) - MONTHS_KEPT + 1)]:
            old.unlink(missing_ok=True)
