"""The council's configuration, ``send.yml`` in the home: which sources there are and how theirs maps onto ours."""

from __future__ import annotations

import glob
import itertools
import os
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from connectors.contract import ReaderKind, all_contracts, read_contract
from connectors.errors import ConfigurationError, SourceUnavailable

SUFFIXES: dict[str, tuple[str, ...]] = {
    "csv": (".csv", ".tsv"),
    "excel": (".xlsx", ".xlsm", ".xls"),
    "xml": (".xml",),
    "zip": (".zip",),
}
PACKED_SUFFIXES = frozenset({".zip", ".7z", ".gz"})
OTHER_WORKBOOKS = frozenset({".xlsb", ".ods"})
PROTOCOLS = ("sftp", "s3", "abfs", "abfss", "file", "memory")
TIME_LIMIT_SECONDS = 3600.0
DATA_SUFFIXES = frozenset(itertools.chain(*SUFFIXES.values())) | PACKED_SUFFIXES | OTHER_WORKBOOKS


class SourceConfiguration(BaseModel):
    """Where one extract comes from, and how the supplier's headings and codes map onto the contract's.

    ``path`` is a folder, a file or a pattern such as ``extracts/child*.csv``, relative to the home or absolute.
    It may be an address, ``sftp://server/folder``; ``credentials_env`` then says which environment variables hold
    the user name, password or key.
    ``tables`` names a table's source: the database table or view, the sheet, or a pattern of file names.
    ``files`` gives, by a pattern of CSV file names, the value of columns that the file itself lacks, such as a
    census's day; ``{column}`` in the pattern takes it from the name: ``"{laestab}_{census_date}*.csv": {}``.
    ``watermark`` names for a database table the column that rises with every change of a row (the moment it was
    last modified, or a number that never falls): then only rows changed since the last load are fetched.
    ``may_lose_rows`` lets a delivery stand that holds less than half the rows of the last, once it has been looked at.
    ``cadence_days`` says how often it comes, where the contract's does not fit; ``time_limit_minutes`` how long
    reading it may take before it is given up: without one an hour for what lies elsewhere, no end for local files.
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
    credentials_env: dict[str, str] = {}
    files: dict[str, dict[str, str]] = {}
    watermark: dict[str, str] = {}
    may_lose_rows: bool = False
    cadence_days: int | None = Field(default=None, ge=1)
    time_limit_minutes: float | None = Field(default=None, gt=0)

    @property
    def time_limit_seconds(self) -> float | None:
        """How long a load of it may take before it is given up; None: as long as it wants."""
        if self.time_limit_minutes is None:
            return TIME_LIMIT_SECONDS if self.kind == "database" or self.is_remote else None
        return 60 * self.time_limit_minutes

    @field_validator("files", mode="before")
    @classmethod
    def _values_as_text(cls, value: Any) -> Any:
        """YAML reads a day and a school's number as something other than text."""
        if not isinstance(value, dict):
            return value
        return {
            pattern: {column: _as_text(given) for column, given in columns.items()}
            if isinstance(columns, dict)
            else columns or {}
            for pattern, columns in value.items()
        }

    def given(self, name: str) -> dict[str, str]:
        """The columns' values that are given for the file ``name``; of several patterns the first that gives one."""
        found: dict[str, str] = {}
        for pattern, columns in self.files.items():
            expression = re.compile(pattern_expression(pattern), re.IGNORECASE)
            if match := expression.fullmatch(name) or expression.fullmatch(Path(name).name):
                found = {**match.groupdict(), **columns, **found}
        return found

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

    @property
    def is_remote(self) -> bool:
        """Whether the path is an address, from which the files are fetched."""
        return re.match(r"[\w+.-]+:", self.path or "") is not None and "//" in (self.path or "")

    @model_validator(mode="after")
    def _is_an_address_without_secrets(self) -> Self:
        path = self.path or ""
        if not self.is_remote:
            if self.credentials_env:
                raise ValueError("credentials_env is for a path that is an address, such as sftp://server/folder")
            return self
        protocol, _, rest = path.partition("://")
        if protocol not in PROTOCOLS or "::" in path:
            raise ValueError(f"path is an address that cannot be read; it may begin with {', '.join(PROTOCOLS)}")
        # The container of an abfs address stands before an @, so there only a colon tells of a password.
        user, at, _ = rest.partition("/")[0].rpartition("@")
        if (at and (":" in user or protocol not in ("abfs", "abfss"))) or re.search(r"[?;#][^/]*=", rest):
            raise ValueError(
                "path holds a user, password or token; put it in an environment variable and name that under "
                "credentials_env"
            )
        for variable in self.credentials_env.values():
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", variable):
                raise ValueError("credentials_env gives names of environment variables, not what they hold")
        return self

    @model_validator(mode="after")
    def _says_where(self) -> Self:
        if self.kind == "database":
            if not self.url_env or self.path:
                raise ValueError("a database needs url_env, the name of the variable holding its address, and no path")
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", self.url_env):
                raise ValueError("url_env is the name of an environment variable, not the address itself")
        elif not self.path or self.url_env or self.database_schema or self.watermark:
            raise ValueError(f"a {self.kind} source needs path, and neither url_env nor schema nor watermark")
        if self.encoding is not None:
            try:
                "".encode(self.encoding)
            except LookupError:
                raise ValueError(f"no such encoding as {self.encoding!r}; for example cp1252 or utf-8") from None
        return self


def pattern_expression(pattern: str) -> str:
    """The regular expression of a pattern of file names; ``{column}`` is a named group.

    What stands for a column has no blank, underscore, full stop or slash.
    """
    parts = re.split(r"\{([a-z][a-z0-9_]*)\}", pattern)
    literals = [re.sub(r"\\\*", ".*", re.escape(part).replace(r"\?", ".")) for part in parts[::2]]
    groups = [f"(?P<{name}>[^\\s_./]+)" for name in parts[1::2]]
    return "".join(itertools.chain(*itertools.zip_longest(literals, groups, fillvalue="")))


def columns_given(files: dict[str, dict[str, str]]) -> set[str]:
    """The columns that the ``files`` setting gives. Raises ``ValueError`` for a pattern naming one twice."""
    named: set[str] = set()
    for pattern, columns in files.items():
        try:
            named |= {*re.compile(pattern_expression(pattern)).groupindex, *columns}
        except re.error:
            raise ValueError(f"files: the pattern {pattern!r} cannot be followed; it may name a column once") from None
    return named


def _as_text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, int | float) else value


AreaCode = Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,20}$")]
AreaName = Annotated[str, Field(pattern=r"^\w[^\x00-\x1f]{0,79}$")]


class DisclosureControl(BaseModel):
    """How small counts are kept from an audience of the dashboard.

    Counts from 1 to ``below - 1`` are withheld, with what would give them away; the others are rounded to the nearest
    ``round_to``. 0 and 1 switch them off.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    below: int = Field(ge=0, le=100)
    round_to: int = Field(default=1, ge=1, le=100)


class DashboardSettings(BaseModel):
    """The audiences of the dashboard: the improvement board's exact figures, and the public's as OpenSAFELY rounds.

    ``areas`` names the areas children live in by their codes in the postcode directory, where the register of
    establishments does not name them, or the council does otherwise.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    board: DisclosureControl = DisclosureControl(below=5)
    public: DisclosureControl = DisclosureControl(below=8, round_to=5)
    areas: dict[AreaCode, AreaName] = {}


class DesignatedOfficers(BaseModel):
    """Whether the LA has a designated medical, clinical and social care officer, as the SEN2 return asks of it.

    DfE publishes Yes, No and, for the last, Recruiting; empty where the council has not said.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    medical: str | None = None
    clinical: str | None = None
    social_care: str | None = None

    @field_validator("medical", "clinical", "social_care", mode="before")
    @classmethod
    def _yes_and_no(cls, value: Any) -> Any:
        """YAML reads Yes and No as something other than text."""
        return {True: "Yes", False: "No"}.get(value, value) if isinstance(value, bool) else value


class RoleMapping(BaseModel):
    """What someone whom the provider vouches for may do; a steward belongs to an owner of findings."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    role: str
    owner: str | None = None


class OpenIdConfiguration(BaseModel):
    """The OpenID Connect provider that people sign in with, such as Entra ID.

    ``secret_env`` names the environment variable that holds the client secret. ``roles`` gives, by a value of the
    claim ``role_claim``, what its holder may do: of several values the one that stands first counts.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    issuer: str
    client_id: str
    secret_env: str = "SEND_OPENID_SECRET"
    scope: str = "openid profile email"
    name_claim: str = "preferred_username"
    role_claim: str = "roles"
    roles: dict[str, RoleMapping] = Field(min_length=1)

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        if not re.match(r"https://|http://(127\.0\.0\.1|localhost)(:|/|$)", self.issuer):
            raise ValueError("issuer is an address that begins with https://")
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", self.secret_env):
            raise ValueError("secret_env is the name of an environment variable, not the secret itself")
        return self


class ConsoleConfiguration(BaseModel):
    """How the web console is reached: the ``address`` people type, behind which proxies, signing in by whom."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: str | None = None
    trusted_proxies: tuple[str, ...] = ()
    openid: OpenIdConfiguration | None = None

    @field_validator("address")
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"https?://[^/?#@]+/?", value):
            raise ValueError("address is that of the site without a path, for example https://send.council.gov.uk")
        return value


class DestinationConfiguration(BaseModel):
    """Where products are published for others, beyond the home.

    ``postgresql`` has its address in the environment variable ``url_env`` names; each product becomes a schema,
    ``schema_prefix`` and the product's name joined by an underscore. ``folder`` is a folder such as a share, which
    gets each product's Parquet, DuckDB file, manifest and dictionary. Only the ``products`` named are published there.
    Who may read aggregates gets the role ``aggregates_role``, who may read lists of children ``personal_role``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["postgresql", "folder"]
    products: tuple[str, ...] = Field(min_length=1)
    url_env: str | None = None
    path: str | None = None
    schema_prefix: str = "send"
    aggregates_role: str = "send_dashboard"
    personal_role: str = "send_lists"

    @model_validator(mode="after")
    def _says_where(self) -> Self:
        if self.kind == "postgresql" and (not self.url_env or self.path):
            raise ValueError("postgresql needs url_env, the name of the variable holding its address, and no path")
        if self.kind == "folder" and (not self.path or self.url_env):
            raise ValueError("a folder needs path, and no url_env")
        if self.url_env is not None and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", self.url_env):
            raise ValueError("url_env is the name of an environment variable, not the address itself")
        for name in (self.schema_prefix, self.aggregates_role, self.personal_role):
            if not re.fullmatch(r"[a-z][a-z0-9_]{0,30}", name):
                raise ValueError(f"{name!r} is no name of a schema or role: lower-case letters, digits, underscores")
        if self.aggregates_role == self.personal_role:
            raise ValueError("who may read aggregates and who may read lists of children need two different roles")
        return self


class Lineage(BaseModel):
    """Where OpenLineage events go: into a file of the home, or to the address of a collector such as Marquez."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str | None = None
    url: str | None = None
    api_key_env: str | None = None

    @model_validator(mode="after")
    def _says_where(self) -> Self:
        if (self.file is None) == (self.url is None):
            raise ValueError("give either file or url")
        return self


class Configuration(BaseModel):
    """Everything a council sets. ``as_at`` is a fixed day for an invented borough; a council leaves it out.

    ``statistical_neighbours`` are the LA codes that the dashboard compares with, as DfE's tool names them.
    ``notify`` names Prefect notification blocks (``slack-webhook/send-team``) that notices go to besides the file in
    the home. ``stewards`` names the block through which an owner of records is told what of theirs newly fails and is
    newly fixed; ``worklists`` that of a weekly digest's recipient, by kind of recipient and the name that the
    lists have; who is not named has the file alone. ``schedules`` gives a job of ``send serve`` another time, as cron
    in London time, or ``off``; a scheduled run that has not begun after ``late_after_minutes`` is told.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    home: Path
    la_code: str
    la_name: str
    as_at: date | None = None
    sources: dict[str, SourceConfiguration] = {}
    stewards: dict[str, str] = {}
    designated_officers: DesignatedOfficers = DesignatedOfficers()
    dashboard: DashboardSettings = DashboardSettings()
    console: ConsoleConfiguration = ConsoleConfiguration()
    statistical_neighbours: tuple[str, ...] = ()
    publish_to: dict[str, DestinationConfiguration] = {}
    retention: dict[str, int] = {}
    notify: tuple[str, ...] = ()
    worklists: dict[Literal["caseworker", "supervisor", "service", "service manager"], dict[str, str]] = {}
    schedules: dict[str, str] = {}
    late_after_minutes: int = Field(default=60, ge=1)
    lineage: Lineage | None = None

    @field_validator("schedules", mode="before")
    @classmethod
    def _off_is_a_word(cls, value: Any) -> Any:
        """YAML reads off as something other than text."""
        if not isinstance(value, dict):
            return value
        return {job: "off" if cron is False else cron for job, cron in value.items()}

    @field_validator("notify")
    @classmethod
    def _names_blocks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if not re.fullmatch(r"[a-z0-9-]+/[a-z0-9-]+", name):
                raise ValueError(f"{name!r} is no block; one is named by its type and name, as slack-webhook/send-team")
        return value

    @field_validator("worklists")
    @classmethod
    def _names_blocks_of_recipients(cls, value: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
        for named in value.values():
            cls._names_blocks(tuple(named.values()))
        return value

    @field_validator("stewards")
    @classmethod
    def _names_blocks_of_owners(cls, value: dict[str, str]) -> dict[str, str]:
        owners = sorted({contract.owner for contract in all_contracts()})
        for owner in value:
            if owner not in owners:
                raise ValueError(f"{owner!r} owns no records; those who do are {', '.join(owners)}")
        cls._names_blocks(tuple(value.values()))
        return value

    @field_validator("la_code", mode="before")
    @classmethod
    def _three_digits(cls, value: Any) -> str:
        text = str(value)
        if not re.fullmatch(r"\d{3}", text):
            raise ValueError("an LA code has three digits, for example 883 for Thurrock")
        return text

    @field_validator("statistical_neighbours", mode="before")
    @classmethod
    def _codes_of_authorities(cls, value: Any) -> tuple[str, ...]:
        codes = tuple(str(code) for code in value or ())
        if not all(re.fullmatch(r"[0-9]{3}", code) for code in codes):
            raise ValueError("statistical_neighbours are LA codes of three digits, for example [382, 881]")
        return codes

    @model_validator(mode="after")
    def _agrees_with_the_contracts(self) -> Self:
        known = [contract.extract for contract in all_contracts()]
        for extract, source in self.sources.items():
            if extract not in known:
                raise ValueError(f"there is no extract {extract!r}; the extracts are {', '.join(known)}")
            contract = read_contract(extract)
            if source.path and not source.is_remote and not Path(source.path).is_absolute():
                inside = Path(os.path.normpath(self.home / source.path))
                if not inside.is_relative_to(self.home):
                    raise ValueError(
                        f"{extract}.path leads out of the home; write the whole path, from /, if you mean it"
                    )
            if source.kind not in contract.readers:
                raise ValueError(f"{extract} comes as {' or '.join(contract.readers)}, not as {source.kind}")
            settings: list[tuple[str, dict[str, Any]]] = [
                *(("tables", source.tables), ("columns", source.columns), ("codes", source.codes)),
                ("watermark", source.watermark),
            ]
            for setting, tables in settings:
                for table in tables:
                    if table not in contract.tables:
                        raise ValueError(
                            f"{extract}.{setting} names table {table!r}; the tables are {', '.join(contract.tables)}"
                        )
            if source.files and source.kind != "csv":
                raise ValueError(f"{extract}.files is for CSV files")
            of_any = {column for table in contract.tables.values() for column in table.columns}
            for column in sorted(columns_given(source.files) - of_any):
                raise ValueError(f"{extract}.files gives {column!r}, which is a column of none of its tables")
            for table in source.watermark:
                if not set(contract.period) <= set(contract.tables[table].key):
                    raise ValueError(f"{extract}.{table} cannot be read by watermark: its key does not tell the period")
            mapped: list[tuple[str, dict[str, Any]]] = [*source.columns.items(), *source.codes.items()]
            for table, columns in mapped:
                for column in columns:
                    if column not in contract.tables[table].columns:
                        names = ", ".join(contract.tables[table].columns)
                        raise ValueError(f"{extract}.{table} has no column {column!r}; its columns are {names}")
        return self

    def with_files_in(self, extract: str, folder: Path) -> Configuration:
        """The same, with the extract's files in another folder."""
        local = self.sources[extract].model_copy(update={"path": str(folder), "credentials_env": {}})
        return self.model_copy(update={"sources": {**self.sources, extract: local}})

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
        """The files of an extract that comes as files, in a steady order; none for a database or an address.

        A folder is searched with its subfolders; hidden, unfinished (``.tmp``, ``.partial``, ``~$``) and plain
        documentation files are passed over. What is packed or of another kind is listed, so that it gets refused.
        """
        source = self.sources[extract]
        if source.kind == "database" or source.is_remote:
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
