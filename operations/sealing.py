"""Secrets that have to be read again are sealed before they go into the operations store (ASVS 5, V11, V13.3).

The key comes from the environment and is written nowhere, so that a copy of the store, or of the home, does not hold
the secrets.
"""

from __future__ import annotations

import base64
import os
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from connectors.errors import ConfigurationError, SendError

KEY_VARIABLE = "SEND_CONSOLE_KEY"
KEY_BYTES, NONCE_BYTES = 32, 12
MAKE_A_KEY = f'python3 -c "import secrets; print(secrets.token_hex({KEY_BYTES}))"'


class SealBroken(SendError):
    """What was sealed cannot be opened: the key is another, or what is kept was changed."""


class Seal:
    """Seals texts with AES-256-GCM under the key that ``SEND_CONSOLE_KEY`` holds."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    @classmethod
    def from_environment(cls) -> Seal:
        """Raises ``ConfigurationError`` where the environment has no key, or what it has is none."""
        given = os.environ.get(KEY_VARIABLE, "").strip()
        try:
            key = bytes.fromhex(given)
        except ValueError:
            key = b""
        if len(key) != KEY_BYTES:
            what = f"is not {2 * KEY_BYTES} hexadecimal digits" if given else "is not set"
            raise ConfigurationError(
                f"The environment variable {KEY_VARIABLE} {what}. With it the console seals the secrets of people's "
                f"authenticator apps. Make a key once, keep it where the council keeps its secrets, and set it: "
                f"{MAKE_A_KEY}"
            )
        return cls(key)

    def seal(self, text: str, whose: str) -> str:
        """The text sealed for ``whose``; it opens for nobody else."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return base64.b64encode(nonce + self._cipher.encrypt(nonce, text.encode(), whose.encode())).decode()

    def open(self, sealed: str, whose: str) -> str:
        """What was sealed for ``whose``. Raises ``SealBroken``."""
        kept = base64.b64decode(sealed)
        try:
            return self._cipher.decrypt(kept[:NONCE_BYTES], kept[NONCE_BYTES:], whose.encode()).decode()
        except InvalidTag:
            raise SealBroken(
                f"The second factor was sealed with another key. Set {KEY_VARIABLE} as it was; or reset the factor: "
                "send console reset-factor NAME"
            ) from None
