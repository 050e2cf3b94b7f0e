"""Secrets that have to be read again are sealed before they go into the operations store (ASVS 5, V11, V13.3).

The key is not in the store, so that a copy of the store, or who reads its database, does not hold the secrets.
"""

from __future__ import annotations

import base64
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from connectors.errors import ConfigurationError, SendError

KEY_VARIABLE = "SEND_CONSOLE_KEY"
KEY_BYTES, NONCE_BYTES = 32, 12


class SealBroken(SendError):
    """What was sealed cannot be opened: the key is another, or what is kept was changed."""


class Seal:
    """Seals texts with AES-256-GCM under the key of the environment, or of the home's own file.

    The file is made, for its owner alone, when something is sealed first.
    """

    def __init__(self, key_file: Path) -> None:
        self._key_file = key_file

    def seal(self, text: str, whose: str) -> str:
        """The text sealed for ``whose``; it opens for nobody else. Raises ``ConfigurationError``."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = AESGCM(self._key(is_made=True)).encrypt(nonce, text.encode(), whose.encode())
        return base64.b64encode(nonce + sealed).decode()

    def open(self, sealed: str, whose: str) -> str:
        """What was sealed for ``whose``. Raises ``SealBroken`` and ``ConfigurationError``."""
        kept = base64.b64decode(sealed)
        try:
            opened = AESGCM(self._key(is_made=False)).decrypt(kept[:NONCE_BYTES], kept[NONCE_BYTES:], whose.encode())
        except (InvalidTag, FileNotFoundError):
            raise SealBroken(
                f"The second factor was sealed with another key. Put {self._key_file.name} of the home, or "
                f"{KEY_VARIABLE}, back as it was; or reset the factor: send console reset-factor NAME"
            ) from None
        return opened.decode()

    def _key(self, *, is_made: bool) -> bytes:
        given = os.environ.get(KEY_VARIABLE)
        if given is None and is_made and not self._key_file.exists():
            self._make()
        try:
            key = bytes.fromhex((self._key_file.read_text(encoding="ascii") if given is None else given).strip())
        except ValueError:
            key = b""
        if len(key) != KEY_BYTES:
            raise ConfigurationError(
                f"The key of the console, {KEY_VARIABLE} or {self._key_file.name} of the home, is not "
                f"{2 * KEY_BYTES} hexadecimal digits. Make one with: openssl rand -hex {KEY_BYTES}"
            )
        return key

    def _make(self) -> None:
        """Makes the file whole or not at all; of two that make it at once the first one's stands."""
        partial = self._key_file.with_name(f".{self._key_file.name}.{secrets.token_hex(4)}")
        try:
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as handle:
                handle.write(secrets.token_hex(KEY_BYTES))
                handle.flush()
                os.fsync(handle.fileno())
            os.link(partial, self._key_file)
        except FileExistsError:
            return
        finally:
            partial.unlink(missing_ok=True)
