"""The return as it stands in the warehouse of the last run: taken aside, checked, and its queries explained."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import date, datetime
from pathlib import Path

import duckdb

from checks.findings import capture_findings
from checks.gates import RETURN_GATES, decide_gates, read_gates
from checks.rules import return_contract_paths
from checks.verification import RuleResult, verify_contracts
from connectors.errors import SendError
from operations.store import Explanation, OperationsStore
from returns.previous import bring_previous
from returns.surveys import survey_of_year
from warehouse.build import memory_limit
from warehouse.home import Home

BESIDE = {
    "core": ("dim_establishment", "fct_published_figure"),
    "landing": ("run", "gias__establishment"),
    "lists": ("list_corrections",),
}
"""What the rules look up besides the return's own tables, the day the warehouse is of, and what is corrected."""
SET_APART = 'create table landing.quarantine (extract varchar, "table" varchar, record_id varchar)'
"""The checks' shared macros name this table; no rule of the return asks it."""

ERROR, QUERY = "error", "query"


class NoReturn(SendError):
    """The warehouse holds no return to look at."""


@dataclass(frozen=True)
class Finding:
    """What one rule found of one record. ``explanation`` is that of a query, where there is one."""

    finding_key: str
    rule_id: str
    rule_name: str
    severity: str
    table: str
    record_id: str | None
    child_id: str | None
    item: str
    source_file: str | None
    source_row: int | None
    remedy: str
    explanation: Explanation | None


@dataclass(frozen=True)
class CorrectedCell:
    """A steward's value in a landed one's stead. Personal data."""

    correction_id: int
    extract: str
    table_name: str
    record_id: str
    child_id: str | None
    column_name: str
    landed_value: str | None
    corrected_value: str | None
    reason: str
    until_date: date
    proposed_by: str
    approved_by: str

    def __str__(self) -> str:
        said = "nothing" if self.landed_value is None else self.landed_value
        stands = "nothing" if self.corrected_value is None else self.corrected_value
        return (
            f"{self.extract}.{self.table_name} {self.record_id}: {self.column_name} is {stands} by correction "
            f"{self.correction_id} of {self.proposed_by} and {self.approved_by} until {self.until_date}; the source "
            f"says {said}"
        )


@dataclass(frozen=True)
class CheckedReturn:
    """The return as it stands, with what its rules found. ``held_by`` says why it cannot be signed off, if so."""

    year: int
    lea: str
    reference_date: date
    as_at: date
    known_at: datetime
    rows: dict[str, int]
    results: tuple[RuleResult, ...]
    findings: tuple[Finding, ...]
    gate_reasons: tuple[str, ...]
    corrections: tuple[CorrectedCell, ...]

    @property
    def errors(self) -> tuple[Finding, ...]:
        """What must be mended in the source before the return can go."""
        return tuple(finding for finding in self.findings if finding.severity == ERROR)

    @property
    def queries(self) -> tuple[Finding, ...]:
        """What DfE will ask about: mend it or explain it."""
        return tuple(finding for finding in self.findings if finding.severity != ERROR)

    @property
    def unexplained(self) -> tuple[Finding, ...]:
        """The queries that nobody has explained yet."""
        return tuple(finding for finding in self.queries if finding.explanation is None)

    @property
    def not_applicable(self) -> tuple[RuleResult, ...]:
        """The rules that had nothing to hold the return against, such as last year's. They have not passed."""
        return tuple(result for result in self.results if result.outcome == "not_applicable")

    @property
    def held_by(self) -> tuple[str, ...]:
        """Why the return cannot be signed off now; empty where it can."""
        counts = Counter((finding.rule_id, finding.rule_name) for finding in self.unexplained)
        unexplained = [
            f"{rule_id}: {count:,} queries are not explained ({name})"
            for (rule_id, name), count in sorted(counts.items())
        ]
        survey_day = survey_of_year(self.year).survey_day
        rehearsal = [f"The survey day, {survey_day:%d %B %Y}, has not come: this is a rehearsal"]
        return (*(rehearsal if self.reference_date < survey_day else ()), *self.gate_reasons, *unexplained)


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


@contextmanager
def open_return(warehouse: Path, temporary: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The nine tables of the return and what its rules look up, copied aside, so that a run may go on beside.

    ``warehouse`` is the file of the last run or of one rebuilt. Raises ``NoReturn`` where it holds none.
    """
    if not warehouse.exists():
        raise NoReturn("There is no warehouse yet, so no return. Build it first: send sen2 build")
    (gate,) = read_gates(RETURN_GATES)
    tables = [("sen2", table) for table in gate.tables]
    tables += [(schema, table) for schema, names in BESIDE.items() for table in names]
    with duckdb.connect(
        config={"threads": "2", "memory_limit": memory_limit(), "temp_directory": str(temporary)}
    ) as connection:
        connection.execute(f"attach {_quoted(warehouse)} as warehouse (read_only)")
        for schema, table in tables:
            connection.execute(f"create schema if not exists {schema}")
            try:
                connection.execute(f"create table {schema}.{table} as from warehouse.{schema}.{table}")
            except duckdb.CatalogException:
                raise NoReturn(
                    f"The warehouse has no {schema}.{table}: an older release built it. Build it anew: send sen2 build"
                ) from None
        connection.execute(SET_APART)
        connection.execute("detach warehouse")
        yield connection


def check_return(home: Home, store: OperationsStore) -> CheckedReturn:
    """Runs every rule of the return on the warehouse as it stands. Raises ``NoReturn``.

    What they find joins the stewards' findings, unless the warehouse is of another day than the stewards' own.
    """
    with open_return(home.warehouse, home.temporary) as connection:
        checked = check_opened(connection, store, home)
        if run_id := _run_followed(home):
            store.sync_findings(run_id, connection, checked.results)
        return checked


def _run_followed(home: Home) -> str | None:
    """The run that built the warehouse, where stewards' findings follow it."""
    try:
        built = json.loads(home.built.read_text(encoding="utf-8"))
        return str(built["run_id"]) if built["is_keeping"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def check_opened(connection: duckdb.DuckDBPyConnection, store: OperationsStore, home: Home) -> CheckedReturn:
    """Runs every rule of the return on a connection from ``open_return``, beside last year's return of ``home``.

    Raises ``NoReturn``.
    """
    header = connection.execute("select year, lea, reference_date from sen2.sen2_header").fetchone()
    day = connection.execute("select as_at, known_at from landing.run").fetchone()
    if header is None or day is None:
        raise NoReturn("The return has no header. Build it anew: send sen2 build")
    bring_previous(connection, home, header[0])
    results = verify_contracts(connection, return_contract_paths(), is_keeping_rows=True)
    results = capture_findings(connection, results, store.first_seen(), seen_at=day[1])
    (gate,) = read_gates(RETURN_GATES)
    (decision,) = decide_gates(results, [gate])
    rows = {}
    for table in gate.tables:
        (rows[table],) = connection.execute(f"select count(*) from sen2.{table}").fetchone() or (0,)
    return CheckedReturn(
        year=header[0],
        lea=header[1],
        reference_date=header[2],
        as_at=day[0],
        known_at=day[1],
        rows=rows,
        results=tuple(results),
        findings=_findings(connection, store),
        gate_reasons=decision.reasons,
        corrections=corrected_cells(connection),
    )


def corrected_cells(connection: duckdb.DuckDBPyConnection) -> tuple[CorrectedCell, ...]:
    """What stewards' corrections change in the records that the return is made from."""
    names = [field.name for field in fields(CorrectedCell)]
    found = connection.execute(f"select {', '.join(names)} from lists.list_corrections order by correction_id")
    return tuple(CorrectedCell(*row) for row in found.fetchall())


def _findings(connection: duckdb.DuckDBPyConnection, store: OperationsStore) -> tuple[Finding, ...]:
    explanations = store.explanations()
    found = connection.execute(
        "select finding_key, rule_id, rule_name, severity, dataset, record_id, child_id, item, source_file, "
        "source_row, remedy from checks.finding order by severity, rule_id, record_id, item, finding_key"
    ).fetchall()
    return tuple(
        Finding(
            finding_key=row[0],
            rule_id=row[1],
            rule_name=row[2],
            severity=row[3],
            table=row[4].partition("/")[2],
            record_id=row[5],
            child_id=row[6],
            item=row[7],
            source_file=row[8],
            source_row=row[9],
            remedy=row[10],
            explanation=explanations.get(row[0]),
        )
        for row in found
    )


def explain_queries(
    home: Home, store: OperationsStore, *, rule_id: str, child_id: str | None, explanation: str, author: str
) -> int:
    """Explains a rule's queries, all of them or one child's; gives how many. They keep it as long as they are raised.

    Raises ``SendError`` where the rule raises none, or raises errors, which must be mended instead.
    """
    if not explanation.strip() or not author.strip():
        raise SendError("An explanation needs its words (--because) and its author (--by).")
    checked = check_return(home, store)
    of_rule = [finding for finding in checked.findings if finding.rule_id == rule_id]
    chosen = [finding for finding in of_rule if child_id in (None, finding.child_id)]
    if not chosen:
        raise SendError(f"{rule_id} finds nothing{f' of {child_id}' if child_id else ''} in the return as it stands.")
    if any(finding.severity == ERROR for finding in chosen):
        raise SendError(f"{rule_id} finds errors: DfE takes no explanation for them. {chosen[0].remedy}")
    store.explain(
        {finding.finding_key: finding.rule_id for finding in chosen}, checked.year, explanation.strip(), author.strip()
    )
    return len(chosen)


def counts_by_rule(findings: Sequence[Finding]) -> list[tuple[str, str, str, int, int]]:
    """A line a rule: severity, rule, what it says, how many it finds, how many of them are explained."""
    counts = Counter((f.severity, f.rule_id, f.rule_name) for f in findings)
    explained = Counter((f.severity, f.rule_id, f.rule_name) for f in findings if f.explanation)
    return [(*key, count, explained[key]) for key, count in sorted(counts.items())]
