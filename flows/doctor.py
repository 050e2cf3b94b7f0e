"""What ``send doctor`` looks at: configuration, sources, versions, disk, telemetry."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version

from connectors.configuration import Configuration, read_configuration
from connectors.contract import all_contracts
from connectors.errors import SendError
from flows.settings import TELEMETRY_OFF
from warehouse.home import Home

LIBRARIES = ("prefect", "dbt-core", "dbt-duckdb", "duckdb", "soda-core", "sqlalchemy")
FREE_SPACE_NEEDED_GB = 5.0


@dataclass(frozen=True)
class Examined:
    """One thing looked at: what, what was found, and whether it is well."""

    what: str
    found: str
    is_ok: bool


def examine(home: Home) -> list[Examined]:
    """Looks at everything a run needs, without loading anything."""
    looked_at = [*_home(home), *_versions(), *_telemetry()]
    try:
        configuration = read_configuration(home.folder)
    except SendError as error:
        return [*looked_at, Examined("configuration", str(error), False)]
    looked_at.append(
        Examined("configuration", f"LA {configuration.la_code}, {len(configuration.sources)} sources", True)
    )
    return [*looked_at, *_sources(configuration)]


def _home(home: Home) -> Iterator[Examined]:
    folder = home.folder
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free / 1e9
    yield Examined("home", str(home.folder), os.access(folder, os.W_OK))
    yield Examined(
        "free disk", f"{free:.0f} GB (at least {FREE_SPACE_NEEDED_GB:.0f} wanted)", free >= FREE_SPACE_NEEDED_GB
    )


def _versions() -> Iterator[Examined]:
    python = ".".join(str(part) for part in sys.version_info[:3])
    yield Examined("python", python, sys.version_info >= (3, 11))
    for library in LIBRARIES:
        yield Examined(library, version(library), True)


def _telemetry() -> Iterator[Examined]:
    for name, wanted in TELEMETRY_OFF.items():
        found = os.environ.get(name, "not set")
        yield Examined(f"telemetry: {name}", found, found == wanted)
    server = os.environ.get("PREFECT_API_URL")
    yield Examined("prefect server", server or "a temporary one on this machine", True)


def _sources(configuration: Configuration) -> Iterator[Examined]:
    for contract in all_contracts():
        source = configuration.sources.get(contract.extract)
        what = f"source {contract.extract}"
        if source is None:
            yield Examined(what, "not configured: lists that need it stay without it", True)
        elif source.kind == "database":
            is_set = bool(source.url_env and os.environ.get(source.url_env))
            yield Examined(
                what, f"database named in {source.url_env}" + ("" if is_set else ", which is not set"), is_set
            )
        else:
            files = configuration.source_files(contract.extract)
            found = f"{len(files)} files" if files else f"no file found at {source.path}"
            yield Examined(what, found, bool(files))
