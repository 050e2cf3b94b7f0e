"""What is said of an error nobody foresaw: its kind and the places in the code, and never the data it met."""

from __future__ import annotations

import traceback
from pathlib import Path

PLACES_TOLD = 4


def told_without_data(what: str, error: BaseException) -> str:
    """The message for ``what`` having stopped on ``error``, whose own message may quote a value and is left out."""
    frames = traceback.extract_tb(error.__traceback__)[-PLACES_TOLD:]
    places = " > ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames)
    return (
        f"{what} stopped on an unforeseen {type(error).__name__} at {places}. What was published stands. "
        "Run it again; if it stops again, tell the BI team these places."
    )
