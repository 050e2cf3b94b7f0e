"""Passwords of local accounts: which are accepted (OWASP ASVS level 2, 2.1) and how they are kept (argon2id)."""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Sequence

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn import zxcvbn

from connectors.errors import SendError

SHORTEST, LONGEST = 12, 128
"""Characters of a password: ASVS 2.1.1 asks for twelve at least, 2.1.2 for 128 at most."""
GUESSES_REFUSED_BELOW = 3
"""On zxcvbn's scale of 0 to 4, where 3 withstands guessing while the hash stays secret. It knows common passwords."""
LEAST_OF_A_NAME = 3
"""A part of a name that is shorter than this may well come up in a password by chance."""

_HASHER = PasswordHasher()
_AT_ONCE = threading.BoundedSemaphore(2)
"""Each hash takes 64 MiB for a moment, so a crowd of attempts waits its turn instead of filling the memory."""


class PasswordRefused(SendError):
    """A new password is too short, too long or too easy to guess."""


def _normalised(password: str) -> str:
    """The password however its keyboard composes letters (NIST SP 800-63B, 5.1.1.2)."""
    return unicodedata.normalize("NFKC", password)


def check_password(password: str, name: str, words: Sequence[str] = ()) -> None:
    """Raises ``PasswordRefused`` for a password nobody should use.

    It may not hold a part of its owner's ``name``, nor be little more than one of ``words``, such as the council's.

    No letter, digit or sign is asked for: rules of that kind make passwords weaker.
    """
    text = _normalised(password)
    if len(text) < SHORTEST:
        raise PasswordRefused(f"A password has at least {SHORTEST} characters. Several words in a row make a good one.")
    if len(text) > LONGEST:
        raise PasswordRefused(f"A password has at most {LONGEST} characters.")
    of_name = [part for part in (name, *_parts(name)) if len(part) >= LEAST_OF_A_NAME]
    if any(part.casefold() in text.casefold() for part in of_name):
        raise PasswordRefused("The password holds a part of your name. Choose other words.")
    if zxcvbn(text, user_inputs=[*of_name, *words], max_length=LONGEST)["score"] < GUESSES_REFUSED_BELOW:
        raise PasswordRefused(
            "The password is among those that are tried first: a common one, a sequence or a repetition. "
            "Choose several words that have nothing to do with each other."
        )


def _parts(word: str) -> list[str]:
    return "".join(character if character.isalnum() else " " for character in word).split()


def hashed(password: str) -> str:
    """The argon2id hash of a password, with the salt and settings it was made with."""
    with _AT_ONCE:
        return _HASHER.hash(_normalised(password))


def is_right(kept: str | None, password: str) -> bool:
    """Whether this is the password of the kept hash; takes as long where there is none."""
    try:
        with _AT_ONCE:
            return _HASHER.verify(kept or _NOBODYS, _normalised(password)[: LONGEST + 1]) and kept is not None
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(kept: str) -> bool:
    """Whether the hash was made with weaker settings than today's."""
    return _HASHER.check_needs_rehash(kept)


_NOBODYS = _HASHER.hash("")
