"""The errors a user can meet, each with a message a council officer can act on.

No message carries a name, a date of birth or an identifier: a child is named by ``child_id`` alone.
"""

from __future__ import annotations


class SendError(Exception):
    """Anything that stops part of the job and that a person can mend."""


class ConfigurationError(SendError):
    """``send.yml`` or an extract contract says something that cannot be followed."""


class SourceUnavailable(SendError):
    """A source cannot be reached or read now; trying again later may succeed."""


class SourceTooSlow(SourceUnavailable):
    """A source did not come to an end within its time limit; trying again at once would only wait again."""


class FileRefused(SendError):
    """A delivered file or table breaks its contract's shape and is refused whole.

    ``table`` is the contract table it was meant for, where that much is known; ``missing`` and ``extra`` are the
    columns it lacks and those the contract does not know.
    """

    def __init__(
        self, reason: str, *, table: str | None = None, missing: tuple[str, ...] = (), extra: tuple[str, ...] = ()
    ) -> None:
        super().__init__(reason)
        self.table = table
        self.missing = missing
        self.extra = extra


class FilePassedOver(FileRefused):
    """A delivered file is known and not wanted: it belongs to its set, but nothing of it is read."""


class LandingDamaged(SendError):
    """A file of the landing is missing or broken, so what was delivered can no longer be shown."""
