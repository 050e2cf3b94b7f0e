"""The council's configuration, ``send.yml`` in the home: which sources there are and how theirs maps onto ours."""

from __future__ import annotations

import glob
import itertools
import os
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from connectors.contract import ReaderKind, all_contracts, read_contract
from connectors.errors import ConfigurationError, SourceUnavailable

SUFFIXES: dict[str, tuple[str, ...]] = {
    "csv": (".csv", ".tsv"),
    "excel": (".xlsx", ".xlsm", ".xls"),
    "xml": (".xml",),
}
PACKED_SUFFIXES = frozenset({".zip", ".7z", ".gz"})
OTHER_WORKBOOKS = frozenset({".xlsb", ".ods"})
DATA_SUFFIXES = frozenset(itertools.chain(*SUFFIXES.values())) | PACKED_SUFFIXES | OTHER_WORKBOOKS


class SourceConfiguration(BaseModel):
    """Where one extract comes from, and how the supplier's headings and codes map onto the contract's.

    ``path`` is a folder, a file or a pattern such as ``extracts/child*.csv``, relative to the home or absolute.
    ``tables`` names a table's source: the database table or view, the sheet, or a pattern of file names.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: ReaderKind
    path: str | None = None
    url_env: str | None = None
    database_schema: str | None = Field(default=None, alias="schema")
    tables: dict[str, str] = {}
    columns: dict[str, dict[str, str]] = {}
    codes: dict[str, dict[str, dict[str, str]]] = {}
    encoding: str | None = None

    @field_validator("codes", mode="before")
    @classmethod
    def _codes_as_text(cls, value: Any) -> Any:
        """YAML reads Y and 1 as something other than text; codes are text."""
        if not isinstance(value, dict):
            return value
        return {
            table: {
                column: {_as_text(theirs): _as_text(ours) for theirs, ours in mapping.items()}
                if isinstance(mapping, dict)
                else mapping
                for column, mapping in columns.items()
            }
            if isinstance(columns, dict)
            else columns
            for table, columns in value.items()
        }

    @model_validator(mode="after")
    def _says_where(self) -> Self:
        if self.kind == "database":
            if not self.url_env or self.path:
                raise ValueError("a database needs url_env, the name of the variable holding its address, and no path")
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", self.url_env):
                raise ValueError("url_env is the name of an environment variable, not the address itself")
        elif not self.path or self.url_env or self.database_schema:
            raise ValueError(f"a {self.kind} source needs path, and neither url_env nor schema")
        if self.encoding is not None:
            try:
                "".encode(self.encoding)
            except LookupError:
                raise ValueError(f"no such encoding as {self.encoding!r}; for example cp1252 or utf-8") from None
        return self


def _as_text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


class Configuration(BaseModel):
    """Everything a council sets. ``as_at`` is a fixed day for an invented borough; a council leaves it out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    home: Path
    la_code: str
    la_name: str
    as_at: date | None = None
    sources: dict[str, SourceConfiguration] = {}
    stewards: dict[str, str] = {}

    @field_validator("la_code", mode="before")
    @classmethod
    def _three_digits(cls, value: Any) -> str:
        text = str(value)
        if not re.fullmatch(r"\d{3}", text):
            raise ValueError("an LA code has three digits, for example 883 for Thurrock")
        return text

    @model_validator(mode="after")
    def _agrees_with_the_contracts(self) -> Self:
        known = [contract.extract for contract in all_contracts()]
        for extract, source in self.sources.items():
            if extract not in known:
                raise ValueError(f"there is no extract {extract!r}; the extracts are {', '.join(known)}")
            contract = read_contract(extract)
            if source.path and not Path(source.path).is_absolute():
                inside = Path(os.path.normpath(self.home / source.path))
                if not inside.is_relative_to(self.home):
                    raise ValueError(
                        f"{extract}.path leads out of the home; write the whole path, from /, if you mean it"
                    )
            if source.kind not in contract.readers:
                raise ValueError(f"{extract} comes as {' or '.join(contract.readers)}, not as {source.kind}")
            for setting, tables in (("tables", source.tables), ("columns", source.columns), ("codes", source.codes)):
                for table in tables:
                    if table not in contract.tables:
                        raise ValueError(
                            f"{extract}.{setting} names table {table!r}; the tables are {', '.join(contract.tables)}"
                        )
            mapped: list[tuple[str, dict[str, Any]]] = [*source.columns.items(), *source.codes.items()]
            for table, columns in mapped:
                for column in columns:
                    if column not in contract.tables[table].columns:
                        names = ", ".join(contract.tables[table].columns)
                        raise ValueError(f"{extract}.{table} has no column {column!r}; its columns are {names}")
        return self

    def source_root(self, extract: str) -> Path:
        """The folder that file names of this extract are relative to."""
        path = self._source_path(extract)
        if self._is_pattern(extract):
            given = Path(self.sources[extract].path or "").parts
            return self.home.joinpath(*itertools.takewhile(lambda part: not glob.has_magic(part), given))
        return path.parent if path.is_file() else path

    def _source_path(self, extract: str) -> Path:
        return self.home / (self.sources[extract].path or "")

    def _is_pattern(self, extract: str) -> bool:
        return glob.has_magic(self.sources[extract].path or "") and not self._source_path(extract).exists()

    def _matching(self, pattern: Path) -> Iterator[Path]:
        """What matches a pattern of the configuration. No link within ``**`` is followed: one may lead in a circle."""
        # The home's own name may hold characters of a pattern; only the setting is one, absolute or not.
        base = Path(pattern.anchor) if pattern.is_absolute() else self.home
        parts = pattern.relative_to(pattern.anchor).parts
        return base.glob("/".join(part if part == "**" else re.sub(r"\*+", "*", part) for part in parts))

    def source_files(self, extract: str) -> list[Path]:
        """The files of an extract that comes as files, in a steady order; none for a database.

        A folder is searched with its subfolders; hidden, unfinished (``.tmp``, ``.partial``, ``~$``) and plain
        documentation files are passed over. What is packed or of another kind is listed, so that it gets refused.
        """
        source = self.sources[extract]
        if source.kind == "database":
            return []
        path = self._source_path(extract)
        if self._is_pattern(extract):
            found = list(self._matching(Path(source.path or "")))
        elif path.is_dir():
            found = [p for p in _below(path) if p.suffix.lower() in DATA_SUFFIXES]
        else:
            found = [path]
        root = self.source_root(extract)
        return sorted(p for p in set(found) if p.is_file() and not _is_passed_over(p.relative_to(root)))


def _below(folder: Path) -> Iterator[Path]:
    """Everything in a folder and its subfolders. Raises ``SourceUnavailable`` for one that cannot be listed."""

    def stop(error: OSError) -> None:
        raise SourceUnavailable(
            f"The folder {error.filename} cannot be listed ({error.strerror}). Check who may read it."
        ) from None

    for inside, folders, files in os.walk(folder, onerror=stop):
        yield from (Path(inside) / name for name in (*folders, *files))


def _is_passed_over(path: Path) -> bool:
    return any(part.startswith((".", "~$")) for part in path.parts) or path.suffix in {".tmp", ".partial"}


def read_configuration(home: Path) -> Configuration:
    """Reads ``send.yml`` of the folder ``home``.

    Raises ``ConfigurationError`` saying which setting is wrong and what it may be.
    """
    path = home / "send.yml"
    try:
        written = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigurationError(f"{path} does not exist. Write a first one with: send init") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from None
    if not isinstance(written, dict):
        raise ConfigurationError(f"{path} holds no settings. Write a first one with: send init")
    if "home" in written:
        raise ConfigurationError(f"{path}: home is the folder the file stands in and cannot be set.")
    try:
        return Configuration.model_validate({**written, "home": home.resolve()})
    except ValidationError as error:
        raise ConfigurationError(f"{path}: {_in_plain_words(error)}") from None


def _in_plain_words(error: ValidationError) -> str:
    told = []
    for problem in error.errors():
        place = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            told.append(f"{place} is not a setting")
        elif problem["type"] == "missing":
            told.append(f"{place} is missing")
        else:
            message = problem["msg"].removeprefix("Value error, ")
            told.append(f"{place}: {message}" if place else message)
    return "; ".join(told) + "."
