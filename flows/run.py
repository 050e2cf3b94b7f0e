"""One run's stages, each a plain method, so that the flow reads as the order and nothing else."""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
import os
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime
from pathlib import Path
from time import perf_counter
from typing import Any, ParamSpec, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from checks.findings import capture_findings, register_fixed
from checks.gates import DASHBOARD_GATES, INSPECTION_GATES, GateDecision, decide_gates, read_gates
from checks.rules import INSPECTION_LAYER, inspection_contract_paths
from checks.verification import RuleResult, contract_paths, verify_contracts
from connectors.apart import load_within
from connectors.configuration import Configuration, read_configuration
from connectors.errors import SendError
from connectors.failed_loads import FailedLoad, failed_loads, keep_failed_loads
from connectors.freshness import freshness, volumes
from connectors.landing import known_manifests, next_load_sequence
from connectors.load import load_extract
from connectors.manifest import DeliveredBefore, in_utc
from connectors.removals import removals
from connectors.unforeseen import told_without_data
from dashboard.edition import PRODUCT as DASHBOARD
from dashboard.edition import note_checks, write_tables
from dashboard.publishing import write_pages
from dashboard.registering import keep_published
from flows.dashboard import standing_comments
from flows.lineage import LineageEvents
from flows.logs import RunLog
from flows.news import KIND as NEWS_NOT_SENT
from flows.news import send_news
from flows.notices import (
    OF_A_NIGHT,
    failed,
    held,
    late,
    run_failed,
    run_interrupted,
    tell,
    undelivered,
    unusual,
)
from flows.reading import product_lines
from flows.settings import LONDON
from flows.summary import DeliveryLine, LoadLine, RuleLine, RunSummary
from operations.acceptances import Acceptances
from operations.corrections import Correction, Corrections
from operations.deliveries import Delivery, record_deliveries
from operations.fixed import fixed_findings
from operations.jobs import last_delivered, record_loads
from operations.news import news_of, write_news
from operations.notices import Notice
from operations.store import FindingCounts, IdentityAnswer, OperationsStore, RunOutcome
from warehouse.build import DbtProject, PointInTime, finish_build, keep_identity, open_for_building, register_sources
from warehouse.code import digest_of_code
from warehouse.home import Home
from warehouse.publication import publish, write_product
from warehouse.publishing.destinations import deliver

P = ParamSpec("P")
R = TypeVar("R")


_RUNS_OF_THIS_PROCESS = itertools.count()

tell_progress: ContextVar[Callable[[str], None]] = ContextVar("tell_progress", default=lambda _text: None)
"""Says what is going on; the command line puts a spinner here."""


keep_outcome: ContextVar[Callable[[object], None]] = ContextVar("keep_outcome", default=lambda _outcome: None)
"""Takes what a flow came to, for whoever started it here: Prefect's server may have gone when the flow ends."""


class StageFailed(SendError):
    """A stage stopped on something unforeseen; the message has the place in the code and no data."""


def plain_errors(stage: Callable[P, R]) -> Callable[P, R]:
    """Turns an unforeseen error into one without data.

    A library's message may quote the value it failed on, and Prefect keeps messages; so only the kind of
    error and the places in the code are passed on.
    """

    @functools.wraps(stage)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return stage(*args, **kwargs)
        except SendError:
            raise
        except Exception as error:
            raise StageFailed(told_without_data(stage.__name__, error)) from None

    return guarded


class Run:
    """A run from its lock to its summary. Call the stages in the flow's order."""

    def __init__(
        self,
        home: Home,
        configuration: Configuration,
        moment: PointInTime,
        *,
        is_loading: bool,
        is_keeping: bool,
        only: str | None = None,
    ) -> None:
        self.home = home
        self.configuration = configuration
        self.moment = moment
        again = next(_RUNS_OF_THIS_PROCESS)
        self.run_id = datetime.now(UTC).strftime("%Y%m%dT%H%M%S") + f"-{os.getpid()}" + (f"-{again}" if again else "")
        self.store = OperationsStore(home.operations_url)
        self._tell = tell_progress.get()
        self._is_loading = is_loading
        self._is_keeping = is_keeping
        self._only = only
        self._sequence = next_load_sequence(home.landing)
        self._sequence_lock = threading.Lock()
        self._dbt = DbtProject(home)
        self._loads: list[LoadLine] = []
        self._results: list[RuleResult] = []
        self._decisions: list[GateDecision] = []
        self._gates = (*read_gates(), *read_gates(DASHBOARD_GATES), *read_gates(INSPECTION_GATES))
        self._counts = FindingCounts()
        self._deliveries: list[DeliveryLine] = []
        self._seconds: dict[str, float] = {}
        self._loading_since = perf_counter()
        self.log = RunLog(home, self.run_id)
        self._lineage = LineageEvents(home, configuration, self.run_id, self.log)
        self.loaded: dict[str, LoadLine] = {}
        self.ended: set[str] = set()
        self.is_alone = False
        self._cut_off: RunOutcome | None = None
        self._has_news = False

    @classmethod
    @contextmanager
    def begin(cls, home: Home, as_at: date | None, known_at: datetime | None, only: str | None = None) -> Iterator[Run]:
        """Locks the home, reads its configuration and fixes the run's day; ends by recording how it went.

        Without ``as_at`` the day is the configuration's, else ``known_at``'s in London. With ``known_at``
        nothing is loaded: the lists are rebuilt from what had landed by then. A run for another day than
        today's leaves the stewards' findings as they are. ``only`` loads that one extract and no other.
        """
        configuration = read_configuration(home.folder)
        if only is not None and only not in configuration.sources:
            known_extracts = ", ".join(configuration.sources) or "none"
            raise SendError(f"send.yml has no source {only!r}; it has: {known_extracts}.")
        with home.lock("nightly"):
            home.clear_leftovers()
            moment = (known_at or datetime.now(UTC)).replace(tzinfo=None, microsecond=0)
            day = as_at or configuration.as_at or moment.replace(tzinfo=UTC).astimezone(LONDON).date()
            # Where the clock was set back, what has landed is known all the same.
            known = (known_at and moment) or max((moment, *_landed_moments(home)))
            run = cls(
                home,
                configuration,
                PointInTime(day, known),
                is_loading=known_at is None,
                is_keeping=known_at is None and as_at in (None, configuration.as_at),
                only=only,
            )
            before = run.store.last_run()
            run._cut_off = before if before and before.outcome == "running" else None
            run.store.begin_run(run.run_id, as_at=day, known_at=known)
            run.log.tell("run begins", as_at=day, is_loading=run._is_loading)
            run._lineage.begins()
            run._dbt.warm_up()
            run.store.begin_stage(run.run_id, "load")
            run._loading_since = perf_counter()
            try:
                yield run
            except BaseException as error:
                run._end_failed(error)
                raise
            products = product_lines(home, run.store.held_products())
            outcome = "held" if any(line.is_holding_the_run for line in products) else "done"
            run.store.finish_run(run.run_id, outcome, run._seconds)
            run.log.tell("run ends", outcome=outcome, **run._seconds)
            run._lineage.ends(run._loads, products)
            run._tell_notices(run._found_notices(), judged=OF_A_NIGHT)

    def _end_failed(self, error: BaseException) -> None:
        """Keeps that the run failed. What hinders that, such as a full disk, must not hide why it failed."""
        try:
            self.store.finish_run(self.run_id, "failed", self._seconds)
            self.log.tell("run failed", error=type(error).__name__)
            self._lineage.fails(error)
            self._tell_notices([run_failed(error)], judged={"run_failed", NEWS_NOT_SENT})
        except (SendError, OSError, SQLAlchemyError) as further:
            error.add_note(f"That it failed could not be kept either: {type(further).__name__}.")

    def _found_notices(self) -> list[Notice]:
        """What a person should be told of the run that is ending."""
        now = self.moment.known_at
        states = freshness(self.configuration, now, last_delivered(self.store))
        return [
            *held(product_lines(self.home, self.store.held_products())),
            *failed(failed_loads(self.home.warehouse.parent)),
            *late(states),
            *unusual(volumes(self.configuration, now)),
            *undelivered(self._deliveries),
        ]

    def _tell_notices(self, found: Sequence[Notice], judged: Collection[str]) -> None:
        """Tells what is new, and stewards their news; a run for another day than today's has nothing to tell."""
        if not self._is_keeping:
            return
        cut_off = [run_interrupted(self._cut_off.run_id, self._cut_off.stage)] if self._cut_off else []
        not_sent = send_news(self.configuration, self.store, self.run_id if self._has_news else None, self.log)
        tell(
            self.home,
            self.configuration,
            self.store,
            [*cut_off, *found, *not_sent],
            judged,
            self.moment.known_at,
            self.log,
            self.run_id,
        )

    @property
    def extracts(self) -> tuple[str, ...]:
        """The extracts to load: those configured, or the one asked for; none when rebuilding what was known before."""
        if not self._is_loading:
            return ()
        return tuple(self.configuration.sources) if self._only is None else (self._only,)

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        self._tell(f"{stage.capitalize()} …")
        self.store.begin_stage(self.run_id, stage)
        self.log.tell("stage begins", stage=stage)
        started = perf_counter()
        try:
            yield
        finally:
            self._seconds[stage] = round(self._seconds.get(stage, 0.0) + perf_counter() - started, 2)
        self.ended.add(stage)
        self.log.tell("stage ends", stage=stage, seconds=self._seconds[stage])

    def _next_load_id(self, extract: str) -> str:
        with self._sequence_lock:
            self._sequence += 1
            return f"{self._sequence - 1:06d}-{extract}"

    def go_on_alone(self) -> None:
        """Notes that Prefect's server has gone away; the run goes on without it."""
        self.is_alone = True
        self.log.tell("prefect gone")

    def load(self, extract: str) -> LoadLine:
        """Lands what is new of one extract; a source that has a time limit, in a process that can be ended."""
        limit = self.configuration.sources[extract].time_limit_seconds
        load_it = load_extract if limit is None else functools.partial(load_within, limit)
        report = load_it(
            self.configuration,
            extract,
            load_id=self._next_load_id(extract),
            run_id=self.run_id,
            known_at=self.moment.known_at,
        )
        self.loaded[extract] = LoadLine(
            extract=extract,
            status="refused" if report.refused else "loaded" if report.is_anything_new else "nothing new",
            files=report.files,
            rows_read=report.rows_read,
            rows_loaded=report.rows_loaded,
            rows_quarantined=report.rows_quarantined,
            rows_furniture=report.rows_furniture,
            rows_withheld=report.rows_withheld,
            refused=tuple(report.refused),
            delivered_at=report.delivered_at,
            mended=tuple(report.mended),
        )
        return self.loaded[extract]

    def note_loads(self, outcomes: Sequence[LoadLine | BaseException]) -> None:
        """Takes the loads' results; one that failed is noted with its reason, and the run goes on without it."""
        self._seconds["load"] = round(perf_counter() - self._loading_since, 2)
        for extract, outcome in zip(self.extracts, outcomes, strict=True):
            if isinstance(outcome, LoadLine):
                self._loads.append(outcome)
            else:
                self._loads.append(LoadLine(extract, "failed", problem=str(outcome)))
        for line in self._loads:
            self.log.tell(
                "load",
                extract=line.extract,
                status=line.status,
                files=line.files,
                rows_read=line.rows_read,
                rows_loaded=line.rows_loaded,
                rows_quarantined=line.rows_quarantined,
                files_refused=len(line.refused),
                files_mended=len(line.mended),
            )
        if self._is_loading:
            place, failed_now = self.home.warehouse.parent, self._failed_loads()
            others = [load for load in failed_loads(place) if load.extract not in self.extracts] if self._only else []
            keep_failed_loads(place, [*others, *failed_now])
            record_loads(self.store, self.run_id, self._loads)

    def _failed_loads(self) -> list[FailedLoad]:
        """The loads that failed or refused a file, with since when what stands in place of that is there."""
        lines = []
        for line in self._loads:
            if line.problem is None and not line.refused:
                continue
            refused = "; ".join(f"{file} was refused: {reason}" for file, reason in line.refused)
            problem = (line.problem or refused).removeprefix(f"{line.extract}: ")
            lines.append(FailedLoad(line.extract, line.status, problem, self._stands_since(line)))
        return lines

    def _stands_since(self, line: LoadLine) -> str | None:
        """When the extract last landed (UTC), or where files were refused the tables they were for; None: never."""
        manifests = known_manifests(self.home.landing, extract=line.extract)
        refused = DeliveredBefore(manifests).refused.values() if line.refused else ()
        moments = []
        for table in {entry.table for entry in refused} or {None}:
            landed = [
                manifest.landed_at
                for manifest in manifests
                if any(entry.has_landed and table in (None, entry.table) for entry in manifest.files)
            ]
            if not landed:
                return None
            moments.append(max(landed))
        return min(moments).isoformat(sep=" ")

    @functools.cached_property
    def _answers(self) -> list[IdentityAnswer]:
        """What stewards had said of who is the same child."""
        return self.store.identity_answers(self.moment.known_at)

    @functools.cached_property
    def _corrections(self) -> list[Correction]:
        """The stewards' values that stand in landed ones' stead."""
        return Corrections(self.store).standing(self.moment.as_at, self.moment.known_at)

    @functools.cached_property
    def _accepted(self) -> dict[str, datetime]:
        """When somebody last found the falls of an indicator right, by indicator."""
        return Acceptances(self.store).last(self.moment.known_at)

    @functools.cached_property
    def inputs(self) -> str:
        """A hash of everything that decides what this run would build: what has landed, the day, the code."""
        known = [manifest.load_id for manifest in known_manifests(self.home.landing, self.moment.known_at)]
        officers = self.configuration.designated_officers.model_dump_json()
        answers = sorted(f"{answer.one} {answer.other} {answer.verdict}" for answer in self._answers)
        parts = [
            digest_of_code(),
            self.moment.as_at.isoformat(),
            self.configuration.la_code,
            officers,
            *self.configuration.statistical_neighbours,
            self.configuration.dashboard.model_dump_json(),
            *known,
            *(f"removal {removal.number}" for removal in removals(self.home.landing)),
            *answers,
            *(f"correction {correction.correction_id}" for correction in self._corrections),
            *(f"accepted {indicator_id} {at}" for indicator_id, at in self._accepted.items()),
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    @property
    def is_anything_new(self) -> bool:
        """Whether a build would differ from what stands: after ``note_loads``, before ``build``."""
        stands = {line.status for line in product_lines(self.home, self.store.held_products())}
        return (
            self._built_before.get("inputs") != self.inputs
            or not self.home.warehouse.exists()
            or "not published" in stands
        )

    @property
    def _built(self) -> Path:
        return self.home.built

    @property
    def _built_before(self) -> dict[str, Any]:
        """What the warehouse that stands was built from, and by which run; empty where that is not known."""
        try:
            return {**json.loads(self._built.read_text())}
        except (OSError, ValueError, TypeError):
            return {}

    @property
    def _standing_run(self) -> str:
        return str(self._built_before.get("run_id", ""))

    def build(self) -> None:
        """Builds staging to lists in the private file, with dbt."""
        with self._timed("build"):
            register_sources(
                self.configuration, self.home, self.moment, self._answers, self._corrections, self._accepted
            )
            self._dbt.build()

    def check(self) -> None:
        """Runs the contracts, keeps the findings, builds the list made of them, and decides the gates.

        What the rules on the lists for inspectors find decides their gate and is no record to correct: send annex-a
        tells it.
        """
        with self._timed("check"):
            first, last = contract_paths()
            with open_for_building(self.home.building, self.home.temporary) as connection:
                verified = verify_contracts(connection, (*first, *inspection_contract_paths()), is_keeping_rows=True)
                inspected = [result for result in verified if result.layer == INSPECTION_LAYER]
                self._results = capture_findings(
                    connection,
                    [result for result in verified if result.layer != INSPECTION_LAYER],
                    self.store.first_seen(self.moment.as_at),
                    seen_at=self.moment.known_at,
                )
                if self._is_keeping:
                    Corrections(self.store).lift_settled(
                        connection, run_id=self.run_id, as_at=self.moment.as_at, known_at=self.moment.known_at
                    )
                    self._counts = self.store.sync_findings(self.run_id, connection, self._results)
                    write_news(self.home.notices, self.run_id, news_of(self.store, self.run_id))
                    self._has_news = True
                register_fixed(connection, fixed_findings(self.store, self.moment.known_at))
            self._dbt.build_after_checks()
            with open_for_building(self.home.building, self.home.temporary) as connection:
                write_tables(connection, self.configuration.dashboard, self.configuration.la_name)
                note_checks(connection, self._results)
                self._results += verify_contracts(connection, last)
            self.store.record_results(self.run_id, self._results)
            waived = self.store.waived_in(self.run_id) if self._is_keeping else {}
            self._decisions = decide_gates([*self._results, *inspected], self._gates, waived=waived)
            self.log.tell("findings", new=self._counts.new, fixed=self._counts.fixed, reopened=self._counts.reopened)

    def publish(self) -> None:
        """Publishes each product whose gate passed, keeps the child ids given, and makes the build the warehouse."""
        with self._timed("publish"):
            keep_identity(self.home, self.run_id)
            for gate in self._gates:
                decision = next(item for item in self._decisions if item.product == gate.product)
                if decision.is_published:
                    write = self._write_dashboard if gate.product == DASHBOARD else None
                    publication = publish(self.home, gate.product, gate.tables, self.moment, self.run_id, write)
                    self.store.record_publication(
                        self.run_id, publication.product, publication.content, decision.waived
                    )
                    if gate.product == DASHBOARD and self._is_keeping:
                        with open_for_building(self.home.building, self.home.temporary) as connection:
                            keep_published(connection, self.home.indicators, self.run_id)
                else:
                    self.store.record_hold(self.run_id, gate.product, decision.reasons)
                status = "published" if decision.is_published else "held"
                self.log.tell("product", product=gate.product, status=status, reasons=len(decision.reasons))
            self._built.unlink(missing_ok=True)
            finish_build(self.home)
            self._built.write_text(
                json.dumps({"inputs": self.inputs, "run_id": self.run_id, "is_keeping": self._is_keeping})
            )

    def _write_dashboard(self, folder: Path) -> None:
        """Makes the dashboard's pages beside its tables."""
        write_pages(folder, standing_comments(self.store), self.home.drawings)

    def keep_products(self, folder: Path) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]]]:
        """Writes each product whose gate passed into ``folder``, and drops the build: what stands is left alone.

        Gives the products written, and why the others were held.
        """
        with self._timed("publish"):
            held = {item.product: item.reasons for item in self._decisions if not item.is_published}
            for gate in self._gates:
                if gate.product not in held:
                    place = folder / gate.product
                    place.mkdir()
                    write_product(self.home.building, place, gate.product, gate.tables, self.moment, self.run_id)
            self.home.clear_leftovers()
        return tuple(gate.product for gate in self._gates if gate.product not in held), held

    def deliver(self) -> None:
        """Publishes at the council's destinations what stands; one that fails is told, and stops nothing."""
        if not self.configuration.publish_to:
            return
        with self._timed("deliver"):
            outcomes = deliver(self.home, self.configuration)
            record_deliveries(self.store, [delivery for delivery, _ in outcomes])
            self._deliveries = [delivery_line(delivery, to_do) for delivery, to_do in outcomes]

    def summary(self) -> RunSummary:
        """What this run did; where nothing was new, what stands."""
        results = self.store.results(self.run_id if self._results else self._standing_run)
        rules = [
            RuleLine(r["rule_id"], r["dataset"], r["name"], r["severity"], r["owner"], r["failed_rows"])
            for r in results
            if r["outcome"] == "failed"
        ]
        return RunSummary(
            run_id=self.run_id,
            as_at=self.moment.as_at.isoformat(),
            known_at=self.moment.known_at.isoformat(sep=" "),
            is_anything_new=bool(self._results),
            loads=tuple(self._loads),
            loads_failed=failed_loads(self.home.warehouse.parent) if self._is_loading else (),
            rules=tuple(sorted(rules, key=lambda rule: (rule.severity, -rule.findings, rule.rule_id, rule.dataset))),
            rules_not_run=tuple(r["rule_id"] for r in results if r["outcome"] in ("crashed", "skipped")),
            findings_new=self._counts.new,
            findings_fixed=self._counts.fixed,
            findings_open=sum(self.store.open_findings_by_owner().values()),
            products=product_lines(self.home, self.store.held_products()),
            stages=dict(self._seconds),
            deliveries=tuple(self._deliveries),
        )


def delivery_line(delivery: Delivery, to_do: tuple[str, ...]) -> DeliveryLine:
    """The delivery as a summary tells it."""
    return DeliveryLine(delivery.destination, delivery.product, delivery.outcome, delivery.problem, to_do)


def _landed_moments(home: Home) -> list[datetime]:
    """When each load landed (UTC)."""
    return [in_utc(manifest.landed_at) for manifest in known_manifests(home.landing)]
