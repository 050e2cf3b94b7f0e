"""Fetches the files of a source whose path is an address (``sftp://``, ``s3://``, ``abfs://``, ``file://``).

They are copied into the home's temporary folder under the names they have at the source, and read there as any file.
"""

from __future__ import annotations

import glob
import importlib
import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

import fsspec

from connectors.configuration import DATA_SUFFIXES, SourceConfiguration
from connectors.errors import ConfigurationError, SourceUnavailable

MAX_FILE_BYTES = 2**30
MAX_BYTES = 20 * 2**30
PIECE_BYTES = 2**20
EXTRAS = {"sftp": "sftp", "s3": "s3", "abfs": "azure", "abfss": "azure"}


@dataclass
class Fetched:
    """The folder of the copies, and by the source's own names why a file was not copied."""

    folder: Path
    refused: dict[str, str] = field(default_factory=dict)


def fetch(extract: str, source: SourceConfiguration, folder: Path) -> Fetched:
    """Copies the source's files into ``folder``, streamed, each at most ``MAX_FILE_BYTES``.

    Raises ``ConfigurationError`` where a package or an environment variable is missing and ``SourceUnavailable``
    where the place cannot be reached or is not there. No message has a credential, nor a library's own words.
    """
    address = source.path or ""
    options = _options(extract, source)
    fetched = Fetched(folder)
    folder.mkdir(parents=True)
    left = MAX_BYTES
    try:
        system, root = _system(address, options)
        for path, name in _files(system, root):
            target = folder / name
            if not target.resolve().is_relative_to(folder.resolve()):
                fetched.refused[name] = "Its name leads out of its folder. Give it another."
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            copied = _copy(system, path, target, min(left, MAX_FILE_BYTES))
            if copied is None:
                fetched.refused[name] = f"It is larger than {MAX_FILE_BYTES >> 20:,} MB. Split the extract."
            else:
                left -= copied
            if left <= 0:
                raise SourceUnavailable(
                    f"{extract}: {address} holds more than {MAX_BYTES >> 30} GB. Name the files wanted, or a pattern."
                )
    except SourceUnavailable:
        raise
    except FileNotFoundError:
        raise SourceUnavailable(f"{extract}: {address} is not there.") from None
    except ImportError:
        protocol = address.partition("://")[0]
        extra = EXTRAS.get(protocol, protocol)
        raise ConfigurationError(
            f"{extract}: {protocol}:// needs a package that is not installed. Install send-warehouse[{extra}]."
        ) from None
    except Exception as error:
        # Every protocol has errors of its own, and some name the account or the key in their text.
        raise SourceUnavailable(
            f"{extract}: {address} could not be read ({type(error).__name__}). Nothing was landed. Check that it is "
            "up and that the account may read."
        ) from None
    return fetched


def _options(extract: str, source: SourceConfiguration) -> dict[str, str]:
    """The credentials, from the environment variables that the configuration names."""
    found = {}
    for option, variable in source.credentials_env.items():
        value = os.environ.get(variable)
        if not value:
            raise ConfigurationError(
                f"{extract}: the environment variable {variable} is not set. It holds the {option} for {source.path}."
            )
        found[option] = value
    return found


def _system(address: str, options: dict[str, str]) -> tuple[Any, str]:
    """The file system of the address, and the path within it."""
    if address.startswith("sftp://"):
        # fsspec's own would trust any server that answers; this one must be known to the machine.
        made: Any = importlib.import_module("connectors.sftp").KnownServers
        host = made._get_kwargs_from_urls(address)
        return made(**host, **options, skip_instance_cache=True), made._strip_protocol(address)
    system, root = fsspec.core.url_to_fs(address, skip_instance_cache=True, use_listings_cache=False, **options)
    return system, root


def _files(system: Any, root: str) -> Iterator[tuple[str, str]]:
    """Each file's path and its name relative to the source, in a steady order."""
    if glob.has_magic(root) and not system.exists(root):
        parts = PurePosixPath(root).parts
        base = PurePosixPath(*itertools.takewhile(lambda part: not glob.has_magic(part), parts))
        paths = [path for path in system.glob(root) if system.isfile(path)]
    elif system.isfile(root):
        base, paths = PurePosixPath(root).parent, [root]
    elif system.exists(root):
        base, paths = PurePosixPath(root), system.find(root)
    else:
        raise FileNotFoundError
    for path in sorted(paths):
        inside = PurePosixPath(path)
        name = str(inside.relative_to(base)) if inside.is_relative_to(base) else inside.name
        if inside.suffix.lower() in DATA_SUFFIXES and not any(
            p.startswith((".", "~$")) for p in PurePosixPath(name).parts
        ):
            yield path, name


def _copy(system: Any, path: str, target: Path, most: int) -> int | None:
    """Copies one file and gives its size; None where it is larger than ``most``, whatever size it was said to have."""
    size = 0
    with system.open(path, "rb") as there, target.open("wb") as here:
        while piece := there.read(PIECE_BYTES):
            size += len(piece)
            if size > most:
                break
            here.write(piece)
    if size > most:
        target.unlink()
        return None
    if (modified := _modified(system, path)) is not None:
        os.utime(target, (modified, modified))
    return size


def _modified(system: Any, path: str) -> float | None:
    """When the file was last changed, where the place tells: of files without a date it gives the order."""
    try:
        moment = system.modified(path)
    except (NotImplementedError, KeyError):  # how fsspec's file systems say that they keep no dates
        return None
    return moment.timestamp() if isinstance(moment, datetime) else None
