"""The returns that were signed off, as they lie in the home: ``returns/2027/v001/`` holds one and never changes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from connectors.errors import SendError
from returns.tables import Stamp
from warehouse.home import Home


class NoSuchVersion(SendError):
    """No return of that number has been signed off."""


@dataclass(frozen=True)
class SignedVersion:
    """A return as signed off.

    ``content`` is the SHA-256 of its XML; times are UTC, but for ``date_time``, which is given; ``code`` and
    ``specification`` are hashes of what gave the data its meaning.
    """

    year: int
    version: int
    signed_off_by: str
    signed_off_at: str
    content: str
    file: str
    lea: str
    as_at: str
    known_at: str
    release: str
    serial_number: int
    date_time: str
    software_code: str
    code: str
    specification: str
    rows: dict[str, int]
    queries: int
    differences: int
    officers: dict[str, str | None]

    @property
    def stamp(self) -> Stamp:
        """What the header says of the writing, as given at the sign-off."""
        return Stamp(
            software_code=self.software_code,
            release=self.release,
            serial_number=self.serial_number,
            date_time=datetime.fromisoformat(self.date_time),
        )


def returns_folder(home: Home, year: int) -> Path:
    """Where one year's signed-off returns lie."""
    return home.folder / "returns" / str(year)


def signed_versions(home: Home, year: int) -> list[SignedVersion]:
    """The year's versions, oldest first."""
    found = []
    for path in sorted(returns_folder(home, year).glob("v[0-9]*/version.json")):
        found.append(SignedVersion(**json.loads(path.read_text(encoding="utf-8"))))
    return sorted(found, key=lambda version: version.version)


def signed_version(home: Home, year: int, number: int) -> SignedVersion:
    """One version. Raises ``NoSuchVersion``."""
    for version in signed_versions(home, year):
        if version.version == number:
            return version
    raise NoSuchVersion(f"No version {number} of the {year} return has been signed off.")


def version_folder(home: Home, version: SignedVersion) -> Path:
    """The folder of a signed-off version."""
    return returns_folder(home, version.year) / f"v{version.version:03d}"
