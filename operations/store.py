"""The operations store: what must outlive every rebuild of the warehouse. SQLite by default, PostgreSQL by URL.

Everything is set-wise: findings go in by one bulk load and a handful of statements, however many there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Protocol

import duckdb
import pyarrow as pa
from sqlalchemy import (
    Connection,
    Engine,
    and_,
    case,
    create_engine,
    delete,
    event,
    exists,
    func,
    insert,
    inspect,
    literal,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

from connectors.errors import SendError
from operations.schema import (
    CheckResultRecord,
    ExplanationRecord,
    FindingEventRecord,
    FindingRecord,
    FindingSeen,
    IdentityAnswerRecord,
    PublicationRecord,
    RunLoadRecord,
    RunRecord,
)

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_SECONDS = 60
CACHE_KIB = 128 * 1024
"""Of an SQLite store kept at hand by each connection; without it each page of a list would read it anew."""
ROWS_AT_A_TIME, KEYS_AT_A_TIME = 20_000, 500
MIGRATION_LOCK, FINDINGS_LOCK = 7_301, 7_302
"""Numbers of PostgreSQL's advisory locks that let one process migrate, or write findings, at a time."""


NO_WAIVER: dict[str, None] = dict.fromkeys(
    ("waiver_until", "waiver_reason", "waiver_proposed_by", "waiver_approved_by")
)
WAIVER_ENDED = "The waiver has ended."
_OF_KNOWN = (FindingRecord.finding_key, FindingRecord.owner, FindingRecord.organisation)
_OF_SEEN = (FindingSeen.finding_key, FindingSeen.owner, FindingSeen.organisation)


RUN_COLUMNS = tuple(
    getattr(RunRecord, name)
    for name in ("run_id", "as_at", "known_at", "started_at", "finished_at", "outcome", "stage", "seconds")
)
"""What ``RunOutcome`` tells of a run."""


class StoreUnavailable(SendError):
    """The operations store cannot be opened."""


class RuleOutcome(Protocol):
    """What the store keeps of a rule's result."""

    @property
    def rule_id(self) -> str:
        """The rule."""

    @property
    def dataset(self) -> str:
        """The contract it stands in."""

    @property
    def name(self) -> str:
        """What it says."""

    @property
    def severity(self) -> str:
        """Error, query or warning."""

    @property
    def owner(self) -> str:
        """Who mends what it finds."""

    @property
    def outcome(self) -> str:
        """Passed, failed, crashed or skipped."""

    @property
    def failed_rows(self) -> int:
        """How many rows failed."""

    @property
    def seconds(self) -> float:
        """The time it took."""

    @property
    def has_run(self) -> bool:
        """Whether it said anything about the data."""


@dataclass(frozen=True)
class FindingCounts:
    """What a run changed: findings new, fixed and reopened by it, and all that stand open after it (new ones too)."""

    new: int = 0
    open: int = 0
    fixed: int = 0
    reopened: int = 0


@dataclass(frozen=True)
class RunOutcome:
    """A run as kept. ``outcome`` is running, done, held, failed or interrupted; times are UTC.

    ``stage`` is the one that began last.
    """

    run_id: str
    as_at: date
    known_at: datetime
    started_at: datetime
    finished_at: datetime | None
    outcome: str
    stage: str | None
    seconds: dict[str, float]


@dataclass(frozen=True)
class Explanation:
    """Why a query of the return is right as it stands, who said so, when (UTC), and for which year's return."""

    finding_key: str
    rule_id: str
    return_year: int
    explanation: str
    author: str
    at: datetime


Person = tuple[str, str]
"""A person of a source: kind and anchor."""


@dataclass(frozen=True)
class IdentityAnswer:
    """What a steward said of two persons of the sources, who, why and when (UTC, whole seconds).

    ``verdict`` is yes (one child), no (two) or unsure; ``act`` is review or split; ``match_weight`` is what the
    question was asked at.
    """

    one: Person
    other: Person
    verdict: str
    act: str
    reason: str
    reviewer: str
    match_weight: float | None
    at: datetime


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


class OperationsStore:
    """The store at ``url``, made or brought up to date when opened. Raises ``StoreUnavailable``."""

    def __init__(self, url: str) -> None:
        try:
            self._url = make_url(url)
        except (SQLAlchemyError, ValueError):
            raise StoreUnavailable(
                "The operations store's address cannot be read. Check SEND_OPERATIONS_URL; in a password write %40 for "
                "@, %3A for : and %2F for /."
            ) from None
        self._is_sqlite = self._url.get_backend_name() == "sqlite"
        try:
            self._engine = self._open()
            self._upgrade()
        except (SQLAlchemyError, ImportError, OSError) as error:
            raise StoreUnavailable(
                f"The operations store {_without_secrets(self._url)} cannot be opened "
                f"({type(error).__name__}). Check SEND_OPERATIONS_URL, and that the folder or server can be reached."
            ) from None

    def _open(self) -> Engine:
        if not self._is_sqlite:
            return create_engine(self._url, pool_pre_ping=True)
        if self._url.database:
            Path(self._url.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(self._url, connect_args={"timeout": BUSY_SECONDS})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine

    def close(self) -> None:
        """Lets go of every connection."""
        self._engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that only reads: it does not wait for a writer, nor does one wait for it."""
        with self._engine.connect().execution_options(is_reading=True) as connection:
            yield connection

    @contextmanager
    def reading_one_moment(self) -> Iterator[Connection]:
        """A connection whose every answer is of the same moment, whatever is written meanwhile."""
        options: dict[str, Any] = {"is_reading": True} if self._is_sqlite else {"isolation_level": "REPEATABLE READ"}
        with self._engine.connect().execution_options(**options) as connection:
            yield connection

    @property
    def sqlite_file(self) -> Path | None:
        """The store's file, where it is one of SQLite's."""
        return Path(self._url.database) if self._is_sqlite and self._url.database else None

    @contextmanager
    def writing(self, lock: int | None = None, *, is_shared: bool = False) -> Iterator[Connection]:
        """One transaction; with ``lock``, alone among those that take the same, or with ``is_shared`` beside others
        that share it. SQLite has one writer at a time anyhow.
        """
        with self._engine.begin() as connection:
            if lock is not None and not self._is_sqlite:
                function = "pg_advisory_xact_lock_shared" if is_shared else "pg_advisory_xact_lock"
                connection.execute(text(f"select {function}(:lock)"), {"lock": lock})
            yield connection

    def explain(self, findings: Mapping[str, str], year: int, explanation: str, author: str) -> None:
        """Keeps the explanation of each finding (key to rule id) of the return of ``year``; earlier ones are kept.

        A finding that the store knows becomes ``explained``, and its history says by whom.
        """
        with self.writing(FINDINGS_LOCK, is_shared=True) as connection:
            write_explanations(connection, findings, year, explanation, author)

    def explanations(self) -> dict[str, Explanation]:
        """The explanation that stands for each finding, by its key, whichever year it was written in."""
        with self.reading() as connection:
            rows = connection.execute(select(ExplanationRecord.__table__).order_by(ExplanationRecord.explanation_id))
            return {
                row.finding_key: Explanation(
                    row.finding_key, row.rule_id, row.return_year, row.explanation, row.author, row.at
                )
                for row in rows
            }

    def say_of_identity(
        self,
        pairs: Sequence[tuple[Person, Person, float | None]],
        *,
        verdict: str,
        act: str,
        reason: str,
        reviewer: str,
    ) -> None:
        """Keeps what a steward said of each pair of persons (with the weight asked at); earlier words are kept."""
        at = _now().replace(microsecond=0)  # as runs count time, so that the next one knows it
        rows = []
        for one, other, weight in pairs:
            left, right = sorted((one, other))
            rows.append(
                {
                    **dict(zip(("left_kind", "left_anchor", "right_kind", "right_anchor"), left + right, strict=True)),
                    **{"verdict": verdict, "act": act, "reason": reason, "reviewer": reviewer},
                    **{"match_weight": weight, "at": at},
                }
            )
        if rows:
            with self.writing() as connection:
                connection.execute(insert(IdentityAnswerRecord), rows)

    def identity_answers(self, known_at: datetime | None = None) -> list[IdentityAnswer]:
        """The word that stands for each pair of persons, as known at ``known_at`` (UTC), by default now."""
        query = select(IdentityAnswerRecord.__table__).order_by(IdentityAnswerRecord.answer_id)
        if known_at is not None:
            query = query.where(IdentityAnswerRecord.at <= known_at)
        with self.reading() as connection:
            rows = connection.execute(query).all()
        last: dict[tuple[Person, Person], IdentityAnswer] = {}
        for row in rows:
            pair = ((row.left_kind, row.left_anchor), (row.right_kind, row.right_anchor))
            last[pair] = IdentityAnswer(*pair, row.verdict, row.act, row.reason, row.reviewer, row.match_weight, row.at)
        return list(last.values())

    def _upgrade(self) -> None:
        """Runs the migrations that the store lacks, in one transaction."""
        versions = sorted(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))
        with self.reading() as connection:
            if _version(connection) == versions[-1]:
                return
        with self.writing(MIGRATION_LOCK) as connection:
            version = _version(connection)
            if version == versions[-1]:
                return
            if version is not None and version not in versions:
                raise StoreUnavailable(
                    f"The operations store is of version {version}, made by a newer release than this one. "
                    "Install that release, or restore the store's backup of before."
                )
            # imported only where needed: a store that is up to date opens without it
            from alembic import command
            from alembic.config import Config

            configuration = Config()
            configuration.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
            configuration.attributes["connection"] = connection
            command.upgrade(configuration, "head")

    def begin_run(self, run_id: str, *, as_at: date, known_at: datetime) -> None:
        """Notes that a run began. One that began before and never ended is ``interrupted``."""
        with self.writing() as connection:
            connection.execute(
                update(RunRecord)
                .where(RunRecord.outcome == "running", RunRecord.run_id != run_id)
                .values(outcome="interrupted")
            )
            begun_before = (RunRecord.run_id == run_id, RunRecord.outcome == "running")
            for kept in (CheckResultRecord, PublicationRecord, RunLoadRecord):
                connection.execute(delete(kept).where(kept.run_id.in_(select(RunRecord.run_id).where(*begun_before))))
            connection.execute(delete(RunRecord).where(*begun_before))
            connection.execute(
                insert(RunRecord).values(
                    run_id=run_id, as_at=as_at, known_at=known_at, started_at=_now(), outcome="running", seconds={}
                )
            )

    def begin_stage(self, run_id: str, stage: str) -> None:
        """Notes which stage the run is in, so that those who wait can be told."""
        with self.writing() as connection:
            connection.execute(update(RunRecord).where(RunRecord.run_id == run_id).values(stage=stage))

    def finish_run(self, run_id: str, outcome: str, seconds: Mapping[str, float]) -> None:
        """Notes how a run ended (done, held or failed) and the seconds of its stages."""
        with self.writing() as connection:
            connection.execute(
                update(RunRecord)
                .where(RunRecord.run_id == run_id)
                .values(outcome=outcome, finished_at=_now(), seconds=dict(seconds))
            )

    def last_run(self) -> RunOutcome | None:
        """The run that began last, or None before the first."""
        with self.reading() as connection:
            row = (
                connection.execute(
                    select(*RUN_COLUMNS).order_by(RunRecord.started_at.desc(), RunRecord.run_id.desc()).limit(1)
                )
                .mappings()
                .first()
            )
        return RunOutcome(**row) if row else None

    def record_results(self, run_id: str, results: Sequence[RuleOutcome]) -> None:
        """Keeps how each rule ended in the run, in place of what was kept of it before."""
        with self.writing() as connection:
            connection.execute(delete(CheckResultRecord).where(CheckResultRecord.run_id == run_id))
            if results:
                connection.execute(
                    insert(CheckResultRecord),
                    [
                        {
                            "run_id": run_id,
                            "dataset": result.dataset,
                            "rule_id": result.rule_id,
                            "name": result.name,
                            "severity": result.severity,
                            "owner": result.owner,
                            "outcome": result.outcome,
                            "failed_rows": result.failed_rows,
                            "seconds": result.seconds,
                        }
                        for result in results
                    ],
                )

    def results(self, run_id: str) -> list[dict[str, Any]]:
        """How each rule ended in the run, by dataset and rule."""
        with self.reading() as connection:
            rows = connection.execute(
                select(*CheckResultRecord.__table__.columns)
                .where(CheckResultRecord.run_id == run_id)
                .order_by(CheckResultRecord.dataset, CheckResultRecord.rule_id)
            )
            return [dict(row) for row in rows.mappings()]

    def first_seen(self, as_at: date | None = None) -> pa.Table:
        """Every finding known, as ``finding_key``, ``first_seen_at`` (UTC) and ``state``, for DuckDB to join.

        One whose waiver has ended on ``as_at`` is told as ``fixed``, for like that it reopens when found again.
        """
        state: Any = FindingRecord.state
        if as_at is not None:
            has_ended = and_(FindingRecord.state == "waived", FindingRecord.waiver_until < as_at)
            state = case((has_ended, "fixed"), else_=FindingRecord.state)
        with self.reading() as connection:
            rows = connection.execute(select(FindingRecord.finding_key, FindingRecord.first_seen_at, state)).fetchall()
        fields = [("finding_key", pa.string()), ("first_seen_at", pa.timestamp("us")), ("state", pa.string())]
        columns = zip(*rows, strict=True) if rows else ((), (), ())
        return pa.table({name: pa.array(list(c), kind) for (name, kind), c in zip(fields, columns, strict=True)})

    def sync_findings(
        self, run_id: str, warehouse: duckdb.DuckDBPyConnection, results: Sequence[RuleOutcome]
    ) -> FindingCounts:
        """Takes the run's ``checks.finding`` from the open warehouse into the store.

        A finding not known is new; one known stays as it is; one that was fixed is reopened, and so is one whose
        waiver has ended on the run's day; one not found any more is fixed, but only where its rule has run: a rule
        that crashed or was skipped closes nothing. Doing it twice for one run changes nothing the second time.
        """
        ran = {(result.rule_id, result.dataset) for result in results if result.has_run}
        with self.writing(FINDINGS_LOCK) as connection:
            run = connection.execute(
                select(RunRecord.known_at, RunRecord.as_at).where(RunRecord.run_id == run_id)
            ).one()
            at = run.known_at
            connection.execute(delete(FindingSeen))
            self._load_seen(connection, warehouse)
            _reopen_and_refresh(connection, run_id, at, run.as_at)
            _add_new(connection, run_id, at)
            _close_fixed(connection, run_id, at, ran)
            connection.execute(delete(FindingSeen))
            if not self._is_sqlite:  # the next page is planned on what there is now
                connection.execute(text("analyze finding"))
            return _counts(connection, run_id)

    def _load_seen(self, connection: Connection, warehouse: duckdb.DuckDBPyConnection) -> None:
        """Loads ``checks.finding`` into ``finding_seen`` by the fastest way the database has."""
        names = [column.name for column in FindingSeen.__table__.columns]
        # PostgreSQL has no room for a NUL in a text; times go as a text that both databases read
        values = {name: f"replace({name}, chr(0), '')" for name in names} | {
            "source_row": "cast(source_row as varchar)",
            "first_seen_at": "strftime(first_seen_at, '%Y-%m-%d %H:%M:%S.%f')",
        }
        if self._is_sqlite:
            found = warehouse.execute(f"select {', '.join(values.values())} from checks.finding")
            marks = ", ".join("?" * len(names))
            while rows := found.fetchmany(ROWS_AT_A_TIME):
                connection.exec_driver_sql(f"insert into finding_seen ({', '.join(names)}) values ({marks})", rows)
            return
        lines = " || chr(9) || ".join(_as_copy_text(value) for value in values.values())
        found = warehouse.execute(f"select {lines} || chr(10) from checks.finding")
        driver: Any = connection.connection.driver_connection
        with driver.cursor() as cursor:
            with cursor.copy(f"copy finding_seen ({', '.join(names)}) from stdin") as copy:
                while rows := found.fetchmany(ROWS_AT_A_TIME):
                    copy.write("".join(line for (line,) in rows))
            cursor.execute("analyze finding_seen")

    def open_findings_by_owner(self) -> dict[str, int]:
        """How many findings stand open with each owner."""
        with self.reading() as connection:
            rows = connection.execute(
                select(FindingRecord.owner, func.count())
                .where(FindingRecord.state != "fixed")
                .group_by(FindingRecord.owner)
                .order_by(FindingRecord.owner)
            )
            return {owner: int(count) for owner, count in rows}

    def waived_in(self, run_id: str) -> dict[tuple[str, str], int]:
        """How many of a run's findings stand waived, by dataset and rule."""
        with self.reading() as connection:
            rows = connection.execute(
                select(FindingRecord.dataset, FindingRecord.rule_id, func.count())
                .where(FindingRecord.state == "waived", FindingRecord.last_run_id == run_id)
                .group_by(FindingRecord.dataset, FindingRecord.rule_id)
            )
            return {(dataset, rule_id): int(count) for dataset, rule_id, count in rows}

    def record_publication(self, run_id: str, product: str, content: str, waived: Sequence[str] = ()) -> None:
        """Notes that the run published the product with this content hash, and what waivers let pass."""
        self._record(run_id, product, "published", content, waived)

    def record_hold(self, run_id: str, product: str, reasons: Sequence[str]) -> None:
        """Notes that the run's gate held the product, and why."""
        self._record(run_id, product, "held", None, reasons)

    def _record(self, run_id: str, product: str, outcome: str, content: str | None, reasons: Sequence[str]) -> None:
        with self.writing() as connection:
            connection.execute(
                delete(PublicationRecord).where(
                    PublicationRecord.run_id == run_id, PublicationRecord.product == product
                )
            )
            connection.execute(
                insert(PublicationRecord).values(
                    run_id=run_id, product=product, outcome=outcome, content=content, reasons=list(reasons), at=_now()
                )
            )

    def held_products(self) -> dict[str, tuple[str, ...]]:
        """The products that the last gate which decided on them held, with its reasons."""
        last = select(func.max(PublicationRecord.publication_id)).group_by(PublicationRecord.product)
        with self.reading() as connection:
            rows = connection.execute(
                select(PublicationRecord.product, PublicationRecord.reasons)
                .where(PublicationRecord.publication_id.in_(last), PublicationRecord.outcome == "held")
                .order_by(PublicationRecord.product)
            )
            return {product: tuple(reasons) for product, reasons in rows}


def _without_secrets(url: URL) -> str:
    """The address as it may be shown: no user, password or options, nor what an unescaped @ put in their stead."""
    if url.get_backend_name() == "sqlite":
        return f"{url.drivername}:///{url.database or ''}"
    place = f"{url.host or ''}/{url.database or ''}"
    return f"{url.drivername}://{'' if '@' in place else place}"


def _as_copy_text(value: str) -> str:
    """The SQL of a value as PostgreSQL's COPY reads it: special characters escaped, ``\\N`` for null."""
    for character, escape in (("chr(92)", r"\\"), ("chr(9)", r"\t"), ("chr(10)", r"\n"), ("chr(13)", r"\r")):
        value = f"replace({value}, {character}, '{escape}')"
    return rf"coalesce({value}, '\N')"


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    """Write-ahead log, so that readers and the one writer do not stop each other; transactions are begun by us."""
    connection.isolation_level = None
    for pragma in (
        "journal_mode = wal",
        f"cache_size = -{CACHE_KIB}",
        f"mmap_size = {CACHE_KIB * 1024}",
        f"busy_timeout = {BUSY_SECONDS * 1000}",
        "foreign_keys = on",
    ):
        connection.execute(f"pragma {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    """A writer takes its lock at once: taking it later could fail instead of waiting."""
    is_reading = connection.get_execution_options().get("is_reading", False)
    connection.exec_driver_sql("begin" if is_reading else "begin immediate")


def _version(connection: Connection) -> str | None:
    """The store's version, None for an empty one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    version = connection.execute(text("select version_num from alembic_version")).scalar()
    return None if version is None else str(version)


def write_explanations(
    connection: Connection, findings: Mapping[str, str], year: int, explanation: str, author: str
) -> None:
    """Adds an explanation of each finding (key to rule id), inside a transaction that holds ``FINDINGS_LOCK`` shared.

    Those known to the store become explained, with a turn in their history.
    """
    at = _now()
    shared = {"return_year": year, "explanation": explanation, "author": author, "at": at}
    rows = [{"finding_key": key, "rule_id": rule_id, **shared} for key, rule_id in sorted(findings.items())]
    for start in range(0, len(rows), KEYS_AT_A_TIME):
        connection.execute(insert(ExplanationRecord), rows[start : start + KEYS_AT_A_TIME])
        keys = [row["finding_key"] for row in rows[start : start + KEYS_AT_A_TIME]]
        is_standing = (
            FindingRecord.finding_key.in_(keys),
            FindingRecord.state != "fixed",
            FindingRecord.severity != "error",
        )
        known = connection.execute(
            select(FindingRecord.finding_key).where(*is_standing).order_by(FindingRecord.finding_key).with_for_update()
        ).scalars()
        turns = [
            {"finding_key": key, "event": "explained", "at": at, "actor": author, "note": explanation} for key in known
        ]
        if not turns:
            continue
        connection.execute(
            update(FindingRecord)
            .where(*is_standing)
            .values(state="explained", version=FindingRecord.version + 1, **NO_WAIVER)
            .execution_options(synchronize_session=False)
        )
        connection.execute(insert(FindingEventRecord), turns)


def is_explained() -> Any:
    """Whether an explanation stands for a finding of ``finding``."""
    return exists().where(ExplanationRecord.finding_key == FindingRecord.finding_key)


def _reopen_and_refresh(connection: Connection, run_id: str, at: datetime, as_at: date) -> None:
    """Those known and found again: fixed ones and those whose waiver has ended reopen, the others stay as they are."""
    is_seen = exists().where(FindingSeen.finding_key == FindingRecord.finding_key)
    was_fixed = FindingRecord.state == "fixed"
    has_waiver_ended = and_(FindingRecord.state == "waived", FindingRecord.waiver_until < as_at)
    connection.execute(_event_of(select(*_OF_KNOWN).where(was_fixed, is_seen), "reopened", run_id, at))
    connection.execute(
        _event_of(
            select(*_OF_KNOWN).where(has_waiver_ended, is_seen),
            "reopened",
            run_id,
            at,
            note=literal(WAIVER_ENDED),
        )
    )
    refreshed = [
        column.name for column in FindingSeen.__table__.columns if column.name not in ("finding_key", "first_seen_at")
    ]
    is_reopening = or_(was_fixed, has_waiver_ended)
    # An explanation stands for as long as its record raises the query; a rule made an error takes none.
    is_query = FindingSeen.severity != "error"
    connection.execute(
        update(FindingRecord)
        .where(FindingRecord.finding_key == FindingSeen.finding_key)
        .values(
            {
                **{name: getattr(FindingSeen, name) for name in refreshed},
                "state": case(
                    (and_(was_fixed, is_query, is_explained()), "explained"),
                    (is_reopening, "reopened"),
                    (FindingRecord.state == "waived", "waived"),
                    (and_(FindingRecord.state == "explained", is_query), "explained"),
                    (FindingRecord.last_run_id == run_id, FindingRecord.state),
                    (FindingRecord.assignee.is_not(None), "assigned"),
                    else_="open",
                ),
                "version": FindingRecord.version + case((is_reopening, 1), else_=0),
                "reopened_at": case((is_reopening, at), else_=FindingRecord.reopened_at),
                **{name: case((is_reopening, None), else_=getattr(FindingRecord, name)) for name in NO_WAIVER},
                "fixed_at": None,
                "last_seen_at": at,
                "last_run_id": run_id,
            }
        )
        .execution_options(synchronize_session=False)
    )


def _add_new(connection: Connection, run_id: str, at: datetime) -> None:
    """Those not known before; a query explained before the store knew it is explained."""
    names = [column.name for column in FindingSeen.__table__.columns]
    is_known = exists().where(FindingRecord.finding_key == FindingSeen.finding_key)
    is_explained_before = exists().where(ExplanationRecord.finding_key == FindingSeen.finding_key)
    connection.execute(
        insert(FindingRecord).from_select(
            [*names, "state", "last_seen_at", "last_run_id", "version"],
            select(
                *FindingSeen.__table__.columns,
                case((and_(FindingSeen.severity != "error", is_explained_before), "explained"), else_="new"),
                literal(at, FindingRecord.__table__.c.last_seen_at.type),
                literal(run_id),
                literal(1),
            ).where(~is_known),
        )
    )
    has_history = exists().where(FindingEventRecord.finding_key == FindingSeen.finding_key)
    connection.execute(_event_of(select(*_OF_SEEN).where(~has_history), "new", run_id, at))


def _close_fixed(connection: Connection, run_id: str, at: datetime, ran: set[tuple[str, str]]) -> None:
    """Those open that a rule which ran does not find any more."""
    is_gone = (
        FindingRecord.state != "fixed",
        ~exists().where(FindingSeen.finding_key == FindingRecord.finding_key),
    )
    rules = connection.execute(select(FindingRecord.rule_id, FindingRecord.dataset).where(*is_gone).distinct())
    for rule_id, dataset in sorted({(row.rule_id, row.dataset) for row in rules} & ran):
        is_fixed = (*is_gone, FindingRecord.rule_id == rule_id, FindingRecord.dataset == dataset)
        keys = select(*_OF_KNOWN).where(*is_fixed)
        connection.execute(_event_of(keys, "fixed", run_id, at, open_since=opened_at()))
        connection.execute(
            update(FindingRecord)
            .where(*is_fixed)
            .values(state="fixed", fixed_at=at, last_run_id=run_id, version=FindingRecord.version + 1, **NO_WAIVER)
            .execution_options(synchronize_session=False)
        )


def opened_at() -> Any:
    """Since when a finding of ``finding`` stands: when it was first found, or found again."""
    return func.coalesce(FindingRecord.reopened_at, FindingRecord.first_seen_at)


def _event_of(keys: Any, name: str, run_id: str, at: datetime, **more: Any) -> Any:
    """The statement that adds one event to the history of each finding in ``keys``, which gives whose it is too."""
    moment = literal(at, FindingEventRecord.__table__.c.at.type)
    return insert(FindingEventRecord).from_select(
        ["finding_key", "owner", "organisation", "run_id", "event", "at", *more],
        keys.add_columns(literal(run_id), literal(name), moment, *more.values()),
    )


def _counts(connection: Connection, run_id: str) -> FindingCounts:
    rows = connection.execute(
        select(FindingEventRecord.event, func.count())
        .where(FindingEventRecord.run_id == run_id)
        .group_by(FindingEventRecord.event)
    )
    events = {name: int(count) for name, count in rows}
    standing = connection.execute(
        select(func.count()).select_from(FindingRecord).where(FindingRecord.state != "fixed")
    ).scalar_one()
    return FindingCounts(
        new=events.get("new", 0),
        open=int(standing),
        fixed=events.get("fixed", 0),
        reopened=events.get("reopened", 0),
    )
