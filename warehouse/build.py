"""Builds the warehouse with dbt, in this process, in a private file that nobody else reads."""

from __future__ import annotations

import gc
import json
import os
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, ClassVar, Protocol

import duckdb

from connectors.configuration import Configuration, DesignatedOfficers
from connectors.corrections import StandingCorrection
from connectors.errors import SendError
from connectors.landing import register_landing
from dashboard.definitions import the_catalogue
from dashboard.registering import register_indicators
from linkage.policy import COMPARISONS
from returns.surveys import survey_in_hand
from warehouse.home import Home

PROJECT = Path(__file__).parents[1] / "dbt_project"
LEAST_MEMORY_MB, MOST_MEMORY_MB = 900, 4_000
CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
# Unit tests are of the code and run in the test suite; the private file is new, so dbt need not look what is in it.
LEAN = ("--exclude-resource-type", "unit_test", "--no-populate-cache")
STAGING_VIEWS = "path:models/staging,config.materialized:view"
# A view that reads a table which dbt builds cannot take its place before dbt does.
OVER_A_TABLE = "tag:over_a_table"


class Answer(Protocol):
    """What a steward said of two persons of the sources."""

    @property
    def one(self) -> tuple[str, str]:
        """The one person, as kind and anchor."""

    @property
    def other(self) -> tuple[str, str]:
        """The other person."""

    @property
    def verdict(self) -> str:
        """Yes, no or unsure."""

    @property
    def at(self) -> datetime:
        """When (UTC)."""


LEVELS = [f"{comparison.name}_level" for comparison in COMPARISONS]
MEMORY = {
    "given": (
        "anchor_kind varchar, anchor varchar, child_id varchar, given_at timestamp, "
        "previous_child_id varchar, cause varchar"
    ),
    "answer": (
        "left_kind varchar, left_anchor varchar, right_kind varchar, right_anchor varchar, verdict varchar, "
        "answered_at timestamp"
    ),
    "linkage_model": "trained_at timestamp, model varchar",
    "scored": (
        "left_key varchar, right_key varchar, left_hash varchar, right_hash varchar, model_id varchar, "
        f"match_weight double, {', '.join(f'{level} varchar' for level in LEVELS)}"
    ),
}
"""The tables of what identity remembers from run to run, by name, with their columns."""
GIVEN_COLUMNS = [column.split()[0] for column in MEMORY["given"].split(", ")]
SCORED_COLUMNS = [column.split()[0] for column in MEMORY["scored"].split(", ")]


class BuildFailed(SendError):
    """A dbt model could not be built; nothing of this run is published."""


@dataclass(frozen=True)
class PointInTime:
    """Which day the lists are of (``as_at``), and what was known when (``known_at``, UTC without zone)."""

    as_at: date
    known_at: datetime


def _identifier_list(paths: Sequence[Path | str]) -> str:
    return ", ".join("'" + str(path).replace("'", "''") + "'" for path in paths)


def memory_limit() -> str:
    """What DuckDB may hold while building, before it spills to disk: two fifths of the machine's or container's memory.

    At least 900 MB, which one LA needs, and at most 4 GB, which does for all of England.
    """
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with suppress(OSError, ValueError):  # no container, or one without a limit
        machine = min(machine, int(CGROUP_LIMIT.read_text()))
    return f"{min(MOST_MEMORY_MB, max(LEAST_MEMORY_MB, int(machine * 0.4 / 1e6)))}MB"


def open_for_building(path: Path, temporary: Path) -> duckdb.DuckDBPyConnection:
    """A read-write connection to the private build file, within the run's memory limit.

    Texts are kept in it as they are: to pack them takes a sixth of a build's time. The file is three times as large for
    it (8 GB for 2 million children); what is published of it is packed.
    """
    connection = duckdb.connect(
        str(path), config={"memory_limit": memory_limit(), "temp_directory": str(temporary), "threads": "2"}
    )
    connection.execute("set disabled_compression_methods = 'dict_fsst'")
    return connection


def register_sources(
    configuration: Configuration,
    home: Home,
    moment: PointInTime,
    answers: Sequence[Answer] = (),
    corrections: Sequence[StandingCorrection] = (),
    accepted: Mapping[str, datetime] | None = None,
) -> None:
    """Starts the private build file: landing views, the run's one row, child ids given, and room for findings.

    ``answers`` are what stewards had said by then of who is the same child, ``corrections`` the values that they laid
    over landed ones and that stood then, ``accepted`` when falls of indicators were found right. Only what was known at
    ``moment.known_at`` is registered. Everything dbt reads enters here.
    """
    home.building.unlink(missing_ok=True)
    with open_for_building(home.building, home.temporary) as connection:
        register_landing(connection, configuration, moment.known_at, corrections)
        connection.execute("create or replace table landing.run (as_at date, known_at timestamp, la_code varchar)")
        connection.execute(
            "insert into landing.run values (?, ?, ?)", [moment.as_at, moment.known_at, configuration.la_code]
        )
        register_survey(connection, moment.as_at, configuration.designated_officers)
        _register_memory(connection, home, moment.known_at, answers)
        register_indicators(
            connection,
            the_catalogue(),
            configuration.statistical_neighbours,
            sorted(home.indicators.glob("*.parquet")),
            moment.known_at,
            accepted or {},
        )


def register_survey(
    connection: duckdb.DuckDBPyConnection, as_at: date, officers: DesignatedOfficers | None = None
) -> None:
    """Writes the one row ``landing.sen2_survey``: the SEN2 survey the council works towards on ``as_at``.

    Its reference date is the survey day, or ``as_at`` where that comes first: the return is made all year round, and
    what is not yet known is not pretended.
    """
    survey = survey_in_hand(as_at)
    connection.execute(
        "create or replace table landing.sen2_survey "
        "(year integer, reference_date date, period_start date, period_end date, "
        "dmo varchar, dco varchar, dsco varchar)"
    )
    officers = officers or DesignatedOfficers()
    connection.execute(
        "insert into landing.sen2_survey values (?, ?, ?, ?, ?, ?, ?)",
        [
            *(survey.year, min(survey.survey_day, as_at), survey.period_start, survey.period_end),
            *(officers.medical, officers.clinical, officers.social_care),
        ],
    )


def _register_memory(
    connection: duckdb.DuckDBPyConnection, home: Home, known_at: datetime, answers: Sequence[Answer]
) -> None:
    """What identity remembers: child ids given, stewards' answers, the linkage model in use and pairs scored before."""
    connection.execute("create schema if not exists identity")
    registries = sorted(home.identity.glob("*.parquet"))
    for table, columns in MEMORY.items():
        connection.execute(f"create or replace table identity.{table} ({columns})")
    if registries:
        kept = f"read_parquet([{_identifier_list(registries)}], union_by_name = true)"
        columns = ", ".join(column for column in GIVEN_COLUMNS if column in _columns_of(connection, kept))
        connection.execute(
            f"insert into identity.given by name select {columns} from {kept} where given_at <= ?", [known_at]
        )
    if answers:
        connection.executemany(
            "insert into identity.answer values (?, ?, ?, ?, ?, ?)",
            [(*answer.one, *answer.other, answer.verdict, answer.at) for answer in answers],
        )
    for path in sorted(home.linkage_models.glob("*.json")):
        kept = json.loads(path.read_text(encoding="utf-8"))
        trained_at = datetime.fromisoformat(kept["trained_at"])
        if trained_at <= known_at:
            connection.execute("insert into identity.linkage_model values (?, ?)", [trained_at, kept["model"]])
    if home.scored_pairs.exists():
        kept = f"read_parquet({_identifier_list([home.scored_pairs])})"
        if _columns_of(connection, kept) == SCORED_COLUMNS:  # else an earlier release wrote it, under another policy
            connection.execute(f"insert into identity.scored by name from {kept}")


def _columns_of(connection: duckdb.DuckDBPyConnection, source: str) -> list[str]:
    return [row[0] for row in connection.execute(f"describe from {source}").fetchall()]


def keep_identity(home: Home, run_id: str) -> int:
    """Keeps what identity must remember of this build: child ids given, a model newly trained, the pairs scored.

    Returns how many ids were new or changed. The register of ids and the models are only ever added to: one file a
    run, renamed into place whole. The scored pairs only save time; they are those of the last build.
    """
    target = home.identity / f"{run_id}.parquet"
    partial = home.temporary / f"{run_id}.identity"
    with open_for_building(home.building, home.temporary) as connection:
        (count,) = connection.execute("select count(*) from identity.identity__given_now").fetchone() or (0,)
        if count:
            connection.execute(
                f"copy (select {', '.join(GIVEN_COLUMNS)} from identity.identity__given_now "
                f"order by anchor_kind, anchor) to {_identifier_list([partial])} (format parquet)"
            )
            partial.replace(target)
        connection.execute(
            f"copy (select {', '.join(SCORED_COLUMNS)} from identity.identity__scored_pair) "
            f"to {_identifier_list([partial])} (format parquet, compression zstd, compression_level 1)"
        )
        partial.replace(home.scored_pairs)
        trained = connection.execute(
            "select run.known_at, model.model from identity.identity__linkage_model as model "
            "cross join landing.run as run where model.is_new"
        ).fetchone()
        if trained:
            home.linkage_models.mkdir(parents=True, exist_ok=True)
            partial.write_text(
                json.dumps({"trained_at": trained[0].isoformat(), "model": trained[1]}), encoding="utf-8"
            )
            partial.replace(home.linkage_models / f"{run_id}.json")
    return int(count)


@contextmanager
def collector_at_rest() -> Iterator[None]:
    """No cyclic garbage collection meanwhile: each sweep walks dbt's whole parsed project while every thread waits."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _without_values(message: str) -> str:
    """The message with quoted text removed: DuckDB quotes the offending value, which may be personal."""
    return re.sub(r"'[^']*'|\"[^\"]*\"", "'…'", message.splitlines()[0] if message else "")


@dataclass(frozen=True)
class _Prepared:
    """The project as dbt parsed it, and the statements that make its staging views, by model; alike for every home."""

    manifest: Any
    staging_views: dict[str, str]


class DbtProject:
    """dbt on one home, in this process, where the project is parsed once: in the background if wished."""

    _prepared: ClassVar[_Prepared | None] = None
    _preparing: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, home: Home) -> None:
        self._home = home
        self._warming: threading.Thread | None = None
        os.environ["SEND_WAREHOUSE"] = str(home.building)
        os.environ["SEND_MEMORY_LIMIT"] = memory_limit()
        os.environ["SEND_TEMP_DIRECTORY"] = str(home.temporary)

    def warm_up(self) -> None:
        """Imports dbt, parses the project and compiles its staging views in the background, while the extracts load."""
        self._warming = threading.Thread(target=self._prepare, name="parse dbt project", daemon=True)
        self._warming.start()

    def build(self, *options: str) -> None:
        """Builds all but what is made of findings, from the landing registered in the private file.

        Raises ``BuildFailed`` naming the models that failed, without the values they failed on.
        """
        prepared = self._get_prepared()
        self._create_staging_views(prepared.staging_views)
        self._run(prepared, "--exclude", "tag:after_checks", *prepared.staging_views, *options)

    def build_after_checks(self) -> None:
        """Builds what is made of findings, once the checks have been run. Raises ``BuildFailed``."""
        self._run(self._get_prepared(), "--select", "tag:after_checks")

    def _get_prepared(self) -> _Prepared:
        if self._warming is not None:
            self._warming.join()
        return self._prepare()

    def _invoke(self, manifest: Any, command: str, *options: str) -> Any:
        from dbt.cli.main import dbtRunner

        folders = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)]
        folders += ["--target-path", str(self._home.dbt_target)]
        quiet = ["--quiet", "--log-level", "none", "--log-level-file", "none", "--no-use-colors", "--no-print"]
        return dbtRunner(manifest=manifest).invoke([command, *folders, *quiet, "--no-write-json", *options])

    def _prepare(self) -> _Prepared:
        with DbtProject._preparing:
            if DbtProject._prepared is None:
                parsed = self._invoke(None, "parse")
                if not parsed.success:
                    raise BuildFailed(f"The dbt project does not parse: {' '.join(str(parsed.exception).split())}")
                options = (
                    "--no-introspect",
                    "--no-populate-cache",
                    "--select",
                    STAGING_VIEWS,
                    "--exclude",
                    OVER_A_TABLE,
                )
                compiled = self._invoke(parsed.result, "compile", *options, "--exclude", OVER_A_TABLE)
                if not compiled.success:
                    reason = " ".join(str(compiled.exception).split())
                    raise BuildFailed(f"The staging views do not compile: {reason}")
                nodes = [result.node for result in compiled.result.results]
                views = {node.name: f"create view {node.relation_name} as {node.compiled_code}" for node in nodes}
                DbtProject._prepared = _Prepared(parsed.result, views)
            return DbtProject._prepared

    def _create_staging_views(self, views: dict[str, str]) -> None:
        """What a view says does not hang on the data: dbt compiles it beforehand, here it takes its place."""
        with open_for_building(self._home.building, self._home.temporary) as connection:
            connection.execute("create schema if not exists staging")
            for name, statement in views.items():
                try:
                    connection.execute(statement)
                except duckdb.Error as error:
                    raise _not_built(f"{name}: {_without_values(str(error))}") from error

    def _run(self, prepared: _Prepared, *options: str) -> None:
        from dbt.adapters.duckdb.connections import DuckDBConnectionManager

        try:
            with collector_at_rest():
                result = self._invoke(prepared.manifest, "build", *LEAN, *options)
        finally:
            DuckDBConnectionManager.close_all_connections()
        nodes = getattr(result.result, "results", None) or []
        failed = [node for node in nodes if str(node.status) not in ("success", "pass", "skipped", "warn", "no-op")]
        if not result.success:
            reasons = "; ".join(f"{node.node.name}: {_without_values(str(node.message))}" for node in failed)
            raise _not_built(reasons or _without_values(str(result.exception)))


def _not_built(reasons: str) -> BuildFailed:
    return BuildFailed(
        f"The warehouse could not be built ({reasons}). "
        "The last publication stays. Tell the BI team: the model named above needs mending."
    )


def finish_build(home: Home) -> None:
    """Makes the private file the warehouse, by one rename."""
    home.building.replace(home.warehouse)
