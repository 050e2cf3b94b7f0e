"""What ``send doctor`` looks at: configuration, sources, versions, disk, telemetry."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version

from connectors.configuration import Configuration, SourceConfiguration, read_configuration
from connectors.contract import ExtractContract, all_contracts
from connectors.errors import SendError
from connectors.readers.database import connected, find_table
from flows.settings import TELEMETRY_OFF
from operations.store import OperationsStore
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
    if home.folder.exists():
        looked_at.append(_operations(home))
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
            yield _database(what, contract, source)
        else:
            yield _files(what, contract, configuration)


def _files(what: str, contract: ExtractContract, configuration: Configuration) -> Examined:
    """Whether there is a file to read. An address is not asked before the run."""
    if configuration.sources[contract.extract].is_remote:
        return Examined(what, "an address; its files are fetched by the run", True)
    try:
        files = configuration.source_files(contract.extract)
    except SendError as error:
        return Examined(what, str(error), False)
    if not files:
        return Examined(what, f"no file found at {configuration.sources[contract.extract].path}", False)
    return Examined(what, f"{len(files)} files", True)


def _database(what: str, contract: ExtractContract, source: SourceConfiguration) -> Examined:
    """Whether the database answers and has the contract's tables."""
    try:
        with connected(contract.extract, source) as connection:
            lacking = [
                name
                for name, table in contract.tables.items()
                if not table.optional and find_table(connection, source, name) is None
            ]
    except SendError as error:
        return Examined(what, str(error), False)
    if lacking:
        return Examined(
            what, f"it lacks {', '.join(lacking)}; say under tables in send.yml how yours are called", False
        )
    return Examined(what, f"the database named in {source.url_env} has its tables", True)


def _operations(home: Home) -> Examined:
    """Whether the operations store opens; it is made where there is none yet."""
    try:
        OperationsStore(home.operations_url).close()
    except SendError as error:
        return Examined("operations store", str(error), False)
    return Examined("operations store", "opens", True)
