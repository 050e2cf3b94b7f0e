"""The loads that failed in the last run that loaded, kept for whoever asks before the next."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from connectors.manifest import write_whole


@dataclass(frozen=True)
class FailedLoad:
    """A load that failed or refused a file, and since when (UTC) what stands of the extract is there; None: nothing is.

    ``status`` is failed where nothing could be read of the source, refused where a file was.
    """

    extract: str
    status: str
    problem: str
    stands_since: str | None

    def as_markdown(self) -> str:
        """The failure as one line for a person."""
        stands = f"what landed {self.stands_since} UTC stands" if self.stands_since else "nothing of it has ever landed"
        what = "could not be loaded" if self.status == "failed" else "was not loaded whole"
        return f"- **{self.extract}** {what}; {stands}: {self.problem}"


def _file(folder: Path) -> Path:
    return folder / "loads_failed.json"


def keep_failed_loads(folder: Path, failed: Sequence[FailedLoad]) -> None:
    """Keeps in ``folder``, the warehouse's, which loads failed."""
    write_whole(_file(folder), json.dumps([asdict(load) for load in failed]).encode())


def failed_loads(folder: Path) -> tuple[FailedLoad, ...]:
    """The loads that failed in the last run that loaded; none where none has run."""
    try:
        return tuple(FailedLoad(**load) for load in json.loads(_file(folder).read_bytes()))
    except (OSError, ValueError, TypeError):
        return ()
