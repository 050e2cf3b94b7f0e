"""The home folder: where everything that runs writes, and the lock that lets one run write at a time."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from connectors.errors import SendError

LOCK_TRIES = 10


class HomeBusy(SendError):
    """Another run is writing to this home. ``holder`` is what it said it is, empty where it said nothing."""

    def __init__(self, message: str, holder: str = "") -> None:
        super().__init__(message)
        self.holder = holder


@dataclass(frozen=True)
class Home:
    """Every place a run writes to, below one folder (``SEND_HOME``, by default ``./home``)."""

    folder: Path

    @classmethod
    def from_environment(cls) -> Home:
        """The home named by ``SEND_HOME``, by default ``home`` in the current folder."""
        return cls(Path(os.environ.get("SEND_HOME", "home")).resolve())

    @property
    def configuration(self) -> Path:
        """The council's configuration file."""
        return self.folder / "send.yml"

    @property
    def landing(self) -> Path:
        """Landed extracts: append-only, backed up."""
        return self.folder / "landing"

    @property
    def identity(self) -> Path:
        """The child ids given so far: append-only, backed up."""
        return self.folder / "identity"

    @property
    def linkage_models(self) -> Path:
        """The linkage models trained so far, one file each: append-only, backed up with the child ids."""
        return self.identity / "models"

    @property
    def indicators(self) -> Path:
        """What closed periods said when they were first published: append-only, backed up."""
        return self.folder / "indicators"

    @property
    def scored_pairs(self) -> Path:
        """Pairs of persons as the last build scored them, so that the next need not; made anew where it is lost."""
        return self.folder / "warehouse" / "scored_pairs.parquet"

    @property
    def drawings(self) -> Path:
        """The dashboard's charts as drawn for the edition before; drawn anew where they are lost."""
        return self.folder / "warehouse" / "drawings"

    @property
    def digests(self) -> Path:
        """The weekly digests of what is due, one folder a day: they name caseworkers and case references."""
        return self.folder / "notices" / "digests"

    @property
    def link_quality(self) -> Path:
        """How good the links of the last run are, as last measured."""
        return self.folder / "warehouse" / "link_quality.json"

    @property
    def warehouse(self) -> Path:
        """The warehouse file of the last finished run; rebuilt at will."""
        return self.folder / "warehouse" / "warehouse.duckdb"

    @property
    def built(self) -> Path:
        """What that warehouse was built from, by which run, and whether stewards' findings follow that run."""
        return self.folder / "warehouse" / "built.json"

    @property
    def building(self) -> Path:
        """The private file a run builds in; never read by anyone else."""
        return self.folder / "warehouse" / "building.duckdb"

    @property
    def dbt_target(self) -> Path:
        """dbt's own working folder: parsed project, compiled SQL."""
        return self.folder / "warehouse" / "dbt"

    @property
    def published(self) -> Path:
        """What passed its gate: one folder per product."""
        return self.folder / "published"

    @property
    def history(self) -> Path:
        """Results of past days made later: one folder a day, within it one a product."""
        return self.published / ".history"

    @property
    def operations_url(self) -> str:
        """The operations store: ``SEND_OPERATIONS_URL``, by default SQLite in the home."""
        return os.environ.get("SEND_OPERATIONS_URL", f"sqlite:///{self.folder / 'operations.db'}")

    @property
    def prefect(self) -> Path:
        """Prefect's own files when it runs on the embedded default."""
        return self.folder / "prefect"

    @property
    def temporary(self) -> Path:
        """Scratch space; emptied at the start of each run."""
        return self.folder / "tmp"

    def create(self) -> None:
        """Makes the folders, readable by the owner alone, for they hold children's data."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        for folder in (
            self.landing,
            self.identity,
            self.indicators,
            self.warehouse.parent,
            self.published,
            self.temporary,
        ):
            folder.mkdir(parents=True, exist_ok=True)

    def clear_leftovers(self) -> None:
        """Removes what a killed run left half-made. Call only while holding the lock."""
        for path in (self.building, self.building.with_suffix(".duckdb.wal")):
            path.unlink(missing_ok=True)
        # imported only where needed: who asks for a folder's name needs no DuckDB
        from connectors.removals import drop_replaced_files

        drop_replaced_files(self.folder)
        shutil.rmtree(self.temporary, ignore_errors=True)
        self.temporary.mkdir(parents=True, exist_ok=True)

    @property
    def notices(self) -> Path:
        """What a person was told: a file for each run that had something to tell."""
        return self.folder / "notices"

    @property
    def pages(self) -> Path:
        """The warehouse's own pages, one file for a browser; written anew at will."""
        return self.folder / "docs" / "warehouse.html"

    @property
    def logs(self) -> Path:
        """What each run did, as lines of JSON, a file a month."""
        return self.folder / "logs"

    @contextmanager
    def lock(self, holder: str = "") -> Iterator[None]:
        """Holds this home for one writer, who may say what it is. The lock ends with the process, even when killed.

        Raises ``HomeBusy`` when another holds it.
        """
        self.create()
        with (self.folder / ".lock").open("a+") as handle:
            if not _locked(handle):
                handle.seek(0)
                raise HomeBusy(
                    f"Another run is writing to {self.folder}. Wait for it to finish (send status), then run again.",
                    handle.read(),
                )
            handle.truncate(0)
            handle.write(holder)
            handle.flush()
            yield

    def holder(self) -> str | None:
        """What the writer at work said it is, empty where it said nothing; None where nobody is writing."""
        try:
            with (self.folder / ".lock").open() as handle:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return None
        except BlockingIOError:
            return (self.folder / ".lock").read_text()
        return None


def _locked(handle: IO[str]) -> bool:
    """Whether the lock could be taken: tried for half a second, for ``holder`` takes it for an instant to look."""
    for _ in range(LOCK_TRIES):
        with suppress(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(0.5 / LOCK_TRIES)
    return False
