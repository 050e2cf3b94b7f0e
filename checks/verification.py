"""Runs the contracts with Soda on an open DuckDB connection, all in one session, and says of each rule how it ended.

Nothing leaves the machine: Soda's telemetry is off, no Soda Cloud is given, and its log is silent because it may
quote data.
"""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, Literal

import duckdb
import yaml
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError

from checks.rules import Contract, ContractUnreadable, Rule, contract_paths, dataset_of, read_contract
from connectors.contract import all_contracts

__all__ = ["Outcome", "RuleResult", "contract_paths", "prepare", "source_of", "verify_contracts", "warm_up"]

MACROS = Path(__file__).with_name("macros.sql")
DATA_SOURCE = "warehouse"
logger = logging.getLogger(__name__)
SODA_LOGGERS = ("soda", "soda_core", "soda_duckdb")

Outcome = Literal["passed", "failed", "crashed", "skipped", "not_applicable"]

# What a rule of the return may need beside it: the table where it would be, and whether that holds any.
IS_THERE = {
    "previous_return": ("sen2_previous.origin", "select 1 from sen2_previous.origin"),
    "published_figures": (
        "core.fct_published_figure",
        """
        select 1
        from core.fct_published_figure as figure
        inner join sen2.sen2_header as header on figure.la_code = header.lea
        where figure.indicator = $indicator
            and figure.value is not null
            and figure.return_year between header.year - 2 and header.year
        """,
    ),
}


@dataclass(frozen=True)
class RuleResult:
    """How one rule ended. ``crashed`` and ``skipped`` mean it said nothing about the data: neither is a pass.

    ``not_applicable`` is no pass either, but nothing is amiss: there is no last year's return, say, to compare with.

    ``failed_rows`` counts rows of its query; ``seconds`` is the time its statement took. ``rows`` names the temporary
    table that has them, where they were kept.
    """

    rule: Rule
    outcome: Outcome
    failed_rows: int = 0
    seconds: float = 0.0
    rows: str | None = None

    @property
    def rule_id(self) -> str:
        """The rule's id, the same in every run."""
        return self.rule.rule_id

    @property
    def name(self) -> str:
        """What the rule says, in words."""
        return self.rule.name

    @property
    def dataset(self) -> str:
        """The contract it stands in, ``<layer>/<table>``."""
        return self.rule.dataset

    @property
    def layer(self) -> str:
        """Landing, core, lists, sen2 or annex_a."""
        return self.rule.layer

    @property
    def severity(self) -> str:
        """Error, query or warning."""
        return self.rule.severity

    @property
    def owner(self) -> str:
        """Who mends what it finds."""
        return self.rule.owner

    @property
    def has_run(self) -> bool:
        """Whether it said anything about the data."""
        return self.outcome in ("passed", "failed")

    @property
    def is_settled(self) -> bool:
        """Whether it ran, or has nothing to run on and so need not."""
        return self.has_run or self.outcome == "not_applicable"


def warm_up() -> None:
    """Imports Soda with its telemetry off; takes a second or two, so worth doing while something else waits."""
    os.environ["SODA_CORE_TELEMETRY_ENABLED"] = "false"
    import soda_core.contracts.contract_verification  # noqa: F401
    import soda_duckdb.common.data_sources.duckdb_data_source  # noqa: F401


class _TimedConnection:
    """The connection as Soda sees it, with the seconds each statement took.

    Of the rules in ``keeping``, the rows that Soda counts are kept in a temporary table each, for who asks for them
    afterwards: over millions of records a rule's query takes seconds, and would be run once more.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, keeping: Sequence[Rule] = ()) -> None:
        self.connection = connection
        self.statements: list[tuple[str, float]] = []
        self._counts = {_count_of(rule.query): (rule, f"failing_{n}") for n, rule in enumerate(keeping) if rule.query}
        self._kept: dict[tuple[str, str], str] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self.connection, name)

    def execute(self, statement: str, *arguments: Any) -> duckdb.DuckDBPyConnection:
        started = perf_counter()
        try:
            return self.connection.execute(self._counting_kept(statement), *arguments)
        finally:
            self.statements.append((_one_line(statement), perf_counter() - started))

    def _counting_kept(self, statement: str) -> str:
        """The statement; where it counts the rows of a rule that are to be kept, one that counts them there."""
        rule, table = self._counts.get(_one_line(statement), (None, ""))
        if rule is None:
            return statement
        try:
            self.connection.execute(f"create or replace temporary table {table} as {rule.query}")
        except duckdb.Error:
            return statement  # which fails by itself, or counts what cannot be read
        self._kept[rule.dataset, rule.rule_id] = table
        return f"select count(*) from {table}"

    def rows_of(self, rule: Rule) -> str | None:
        """The temporary table that has the rows which the rule found; None where there is none."""
        return self._kept.get((rule.dataset, rule.rule_id))

    def seconds_of(self, rule: Rule) -> float:
        """The seconds of the statements that carry the rule's query."""
        if rule.query is None:
            return 0.0
        query = _one_line(rule.query)
        return sum(seconds for statement, seconds in self.statements if query in statement)


def _count_of(query: str) -> str:
    """The statement, on one line, by which Soda counts the rows of a ``failed_rows`` check."""
    return _one_line(f'WITH "failed_rows" AS (\n{query}\n) SELECT COUNT(*) FROM "failed_rows";')


def _one_line(statement: str) -> str:
    return " ".join(statement.split())


@contextmanager
def _silent() -> Iterator[None]:
    """Soda logs nothing: its messages quote the statements and values they fail on."""
    loggers = [logging.getLogger(name) for name in SODA_LOGGERS]
    before = [logger.disabled for logger in loggers]
    for logger in loggers:
        logger.disabled = True
    try:
        yield
    finally:
        for logger, was_disabled in zip(loggers, before, strict=True):
            logger.disabled = was_disabled


def verify_contracts(
    connection: duckdb.DuckDBPyConnection, paths: Sequence[Path], *, is_keeping_rows: bool = False
) -> list[RuleResult]:
    """Runs every rule of the contracts in ``paths`` and gives one result a rule, in the contracts' order.

    With ``is_keeping_rows`` the rows that rules found are in temporary tables afterwards, for ``capture_findings``.

    A rule that Soda gives no verdict on is ``crashed``; so is a contract that cannot be read, under the rule id
    ``contract_readable``. What rules share is made in the schema ``checks`` of the open database: the macros of
    ``macros.sql``, and ``checks.extract`` with each extract's owner and organisation.
    """
    prepare(connection)
    contracts: list[Contract] = []
    results: list[RuleResult] = []
    for path in paths:
        try:
            contracts.append(read_contract(path))
        except ContractUnreadable as error:
            results.append(RuleResult(_rule_of_unreadable(dataset_of(path), str(error)), "crashed"))
    readable = [path for path in paths if dataset_of(path) in {contract.dataset for contract in contracts}]
    inapplicable = {
        (contract.dataset, rule.rule_id)
        for contract in contracts
        for rule in contract.rules
        if rule.needs is not None and not _is_there(connection, rule)
    }
    rules = [rule for contract in contracts for rule in contract.rules]
    timed = _TimedConnection(connection, rules if is_keeping_rows else ())
    verdicts = _verdicts(timed, contracts, readable, inapplicable)
    for contract in contracts:
        for rule in contract.rules:
            outcome, failed_rows = verdicts.get((contract.dataset, rule.rule_id), ("crashed", 0))
            if (contract.dataset, rule.rule_id) in inapplicable:
                outcome = "not_applicable"
            rows = timed.rows_of(rule) if outcome == "failed" else None
            results.append(RuleResult(rule, outcome, failed_rows, timed.seconds_of(rule), rows))
    return results


def _is_there(connection: duckdb.DuckDBPyConnection, rule: Rule) -> bool:
    """Whether there is what the rule needs beside the return."""
    table, question = IS_THERE[str(rule.needs)]
    is_table = "select 1 from information_schema.tables where concat(table_schema, '.', table_name) = ?"
    if connection.execute(is_table, [table]).fetchone() is None:
        return False
    values = {} if rule.indicator is None else {"indicator": rule.indicator}
    return connection.execute(f"{question} limit 1", values).fetchone() is not None


def prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Makes what rules share in the schema ``checks``: the macros, and each extract's owner and organisation."""
    connection.execute("create schema if not exists checks")
    connection.execute(MACROS.read_text(encoding="utf-8"))
    connection.execute("create or replace table checks.extract (extract varchar, owner varchar, organisation varchar)")
    connection.executemany(
        "insert into checks.extract values (?, ?, ?)",
        [(contract.extract, contract.owner, contract.organisation) for contract in all_contracts()],
    )


def _rule_of_unreadable(dataset: str, reason: str) -> Rule:
    return Rule(
        rule_id="contract_readable",
        name=reason,
        dataset=dataset,
        severity="error",
        owner="bi_team",
        organisation="corporate",
        item="contract",
        basis="A rule that cannot be read cannot pass",
        why="None of the contract's rules ran.",
        remedy="Mend the contract's file.",
        query=None,
    )


def _data_source(connection: _TimedConnection) -> Any:
    """The open connection as a Soda data source."""
    from soda_duckdb.common.data_sources.duckdb_data_source import (
        DuckDBDataSourceConnection,
        DuckDBDataSourceConnectionWrapper,
        DuckDBDataSourceImpl,
    )
    from soda_duckdb.common.data_sources.duckdb_data_source_connection import (
        DuckDBDataSource,
        DuckDBExistingConnectionProperties,
    )

    return DuckDBDataSourceImpl(
        data_source_model=DuckDBDataSource(
            name=DATA_SOURCE,
            connection_properties=DuckDBExistingConnectionProperties(duckdb_connection=connection.connection),
        ),
        connection=DuckDBDataSourceConnection(
            name=DATA_SOURCE, connection_properties={}, connection=DuckDBDataSourceConnectionWrapper(connection)
        ),
    )


@functools.cache
def _source_kind() -> Any:
    """Soda's kind of contract source, read into plain values and without the rules' attributes.

    Soda's own reader keeps comments, quotes and places, to write a file again that it only reads here, and copies all
    that at each step: reading took longer than the checks. What cannot be read so is left to it, for it to refuse.
    The attributes are ``read_contract``'s: Soda makes no use of them but to write them out again for each rule.
    """
    from soda_core.common.yaml import ContractYamlSource, FileType, YamlObject

    class PlainContractSource(ContractYamlSource, file_type=FileType.CONTRACT):  # type: ignore[misc, call-arg]
        def parse(self) -> Any:
            try:
                # YAML 1.2, as Soda reads it, and a key given twice is refused: PyYAML does neither.
                written = YAML(typ="safe").load(self.yaml_str)
            except YAMLError:
                return super().parse()
            if not isinstance(written, dict):
                return super().parse()
            for check in written["checks"]:
                for kind, body in check.items():
                    # Soda asks each check for its place in the file.
                    check[kind] = CommentedMap({key: value for key, value in body.items() if key != "attributes"})
            written.pop("check_attributes", None)
            return YamlObject(self, written)

    return PlainContractSource


def source_of(text: str, path: Path) -> Any:
    """The text of the contract in ``path`` as a source for Soda; ``warm_up`` comes first."""
    return _source_kind().from_str(text, str(path))


def _without(path: Path, rule_ids: set[str]) -> str:
    """The contract's text without these rules, for Soda would run what has nothing to run on, and crash."""
    written = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    written["checks"] = [
        check for check in written["checks"] if not {str(body["qualifier"]) for body in check.values()} & rule_ids
    ]
    return yaml.safe_dump(written, allow_unicode=True, sort_keys=False)


def _verdicts(
    connection: _TimedConnection,
    contracts: Sequence[Contract],
    paths: Sequence[Path],
    inapplicable: set[tuple[str, str]],
) -> dict[tuple[str, str], tuple[Outcome, int]]:
    """Soda's verdict on each rule by dataset and rule id; a rule it gave none on is absent."""
    warm_up()
    from soda_core.common.logs import Logs
    from soda_core.contracts.contract_verification import CheckOutcome, ContractVerificationSession

    if not paths:
        return {}
    outcomes: dict[Any, Outcome] = {
        CheckOutcome.PASSED: "passed",
        CheckOutcome.WARN: "failed",
        CheckOutcome.FAILED: "failed",
        CheckOutcome.EXCLUDED: "skipped",
    }
    verdicts: dict[tuple[str, str], tuple[Outcome, int]] = {}

    def source(path: Path) -> Any:
        left_out = {rule_id for dataset, rule_id in inapplicable if dataset == dataset_of(path)}
        text = _without(path, left_out) if left_out else path.read_text(encoding="utf-8")
        return source_of(text, path)

    with _silent():
        logs = Logs()
        try:
            session = ContractVerificationSession.execute(
                contract_yaml_sources=[source(path) for path in paths],
                data_source_impls=[_data_source(connection)],
                logs=logs,
            )
        # With one contract Soda raises what goes wrong, with several it reports it: either way no verdict is left.
        except Exception as error:
            # Its kind only: Soda's message may quote values.
            logger.error(
                "Soda could not run the checks (%s): their rules say nothing, and what they gate is held. "
                "Tell the BI team.",
                type(error).__name__,
            )
            return {}
        finally:
            logs.close()
        for contract, verified in zip(contracts, session.contract_verification_results, strict=True):
            for check in verified.check_results:
                outcome = outcomes.get(check.outcome, "crashed")
                failed = int(check.threshold_value or 0) if outcome == "failed" else 0
                verdicts[contract.dataset, str(check.check.qualifier)] = (outcome, failed)
    return verdicts
