"""Captures what failed rules found, each record with its file, its row and its child, into ``checks.finding``.

The rows are those of the rule's own query, which is stated once; nothing is fetched into Python.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import duckdb
import pyarrow as pa

from checks.verification import RuleResult

FINDING_COLUMNS = {
    "finding_key": "varchar",
    "rule_id": "varchar",
    "rule_name": "varchar",
    "severity": "varchar",
    "owner": "varchar",
    "organisation": "varchar",
    "dataset": "varchar",
    "extract": "varchar",
    "table_name": "varchar",
    "record_id": "varchar",
    "child_id": "varchar",
    "item": "varchar",
    "value": "varchar",
    "source_file": "varchar",
    "source_row": "bigint",
    "remedy": "varchar",
    "first_seen_at": "timestamp",
    "state": "varchar",
}
"""The columns of ``checks.finding`` with their types; times are UTC."""

RULE_COLUMNS = ("rule_number", "rule_id", "rule_name", "severity", "owner", "organisation", "dataset", "remedy")

ROW_TYPES = {
    "extract": "varchar",
    "table_name": "varchar",
    "record_id": "varchar",
    "item": "varchar",
    "value": "varchar",
    "source_file": "varchar",
    "source_row": "bigint",
    "child_id": "varchar",
    "owner": "varchar",
    "organisation": "varchar",
}
"""What a rule's query may give of a failing row; ``record_id`` and ``item`` it must."""

RECORDS_NAMED = 20_000
"""Up to how many records at fault are named one by one to find their children; beyond, all records are gone through."""


def capture_findings(
    connection: duckdb.DuckDBPyConnection,
    results: Sequence[RuleResult],
    first_seen: pa.Table,
    *,
    seen_at: datetime,
) -> list[RuleResult]:
    """Writes ``checks.finding`` anew: one row a rule, record and item that failed.

    Gives the results again; a rule that failed but whose rows cannot be had, because only reading them stops its
    query, is ``crashed`` there.

    ``first_seen`` holds what is known from earlier runs: ``finding_key``, ``first_seen_at`` and ``state``. A key is
    lasting: the hash of rule, extract, table, record and item; where a row gives no record, of its file and row.
    """
    connection.execute("create schema if not exists checks")
    columns = ", ".join(f'"{name}" {sql_type}' for name, sql_type in ROW_TYPES.items())
    connection.execute(f"create or replace temp table finding_row (rule_number integer, {columns})")
    captured = list(results)
    for number, result in enumerate(results):
        if result.outcome != "failed" or result.rule.query is None:
            continue
        try:
            _capture_rows(connection, number, result)
        except duckdb.Error:
            captured[number] = replace(result, outcome="crashed", failed_rows=0)
    rules = pa.Table.from_pylist(
        [
            {
                "rule_number": number,
                "rule_id": result.rule_id,
                "rule_name": result.name,
                "severity": result.severity,
                "owner": result.owner,
                "organisation": result.rule.organisation,
                "dataset": result.dataset,
                "remedy": result.rule.remedy,
            }
            for number, result in enumerate(results)
        ]
        or [dict.fromkeys(RULE_COLUMNS)]
    )
    connection.register("finding_rule", rules)
    connection.register("finding_known", first_seen)
    try:
        _write_findings(connection, seen_at)
    finally:
        connection.unregister("finding_rule")
        connection.unregister("finding_known")
        connection.execute("drop table finding_row")
    return captured


def register_fixed(connection: duckdb.DuckDBPyConnection, fixed: pa.Table) -> None:
    """Writes ``checks.fixed_finding`` anew: the findings that were mended by the run's known_at, of the indicators."""
    connection.register("finding_fixed", fixed)
    try:
        connection.execute("create schema if not exists checks")
        connection.execute("create or replace table checks.fixed_finding as from finding_fixed")
    finally:
        connection.unregister("finding_fixed")


def _capture_rows(connection: duckdb.DuckDBPyConnection, number: int, result: RuleResult) -> None:
    """What the rule found, into ``finding_row``: as it was kept, else by its query once more."""
    rows = f"from {result.rows}" if result.rows else result.rule.query
    given = {row[0] for row in connection.execute(f"describe {rows}").fetchall()}
    whole = result.rule.dataset.partition("/")[2]
    extract, _, table = whole.partition("__")
    is_of_an_extract = result.layer == "landing" and bool(table)
    constants = {"extract": extract if is_of_an_extract else "", "table_name": table if is_of_an_extract else whole}
    values = ", ".join(
        f'cast("{name}" as {sql_type})' if name in given else "?" if name in constants else f"cast(null as {sql_type})"
        for name, sql_type in ROW_TYPES.items()
    )
    bound = [value for name, value in constants.items() if name not in given]
    connection.execute(f"insert into finding_row select {number}, {values} from ({rows}\n) as failing", bound)
    if result.rows:
        connection.execute(f"drop table {result.rows}")


def _children(connection: duckdb.DuckDBPyConnection) -> tuple[str, list[str]]:
    """The query for the child of each record at fault, with the values it binds."""
    if not connection.execute(
        "select 1 from information_schema.tables "
        "where table_schema = 'identity' and table_name = 'identity__record_child'"
    ).fetchone():
        return "select extract, table_name, record_id, child_id from finding_row where false", []
    records = [
        record_id
        for (record_id,) in connection.execute(
            "select distinct record_id from finding_row where record_id is not null limit ?", [RECORDS_NAMED + 1]
        ).fetchall()
    ]
    # The view is of every record there is. Only values named reach into its parts, before they find their children.
    is_few = len(records) <= RECORDS_NAMED
    among = f"where record_id in ({', '.join('?' * len(records)) or 'null'})" if is_few else ""
    return (
        "select extract, table_name, record_id, min(child_id) as child_id "
        f"from (from identity.identity__record_child {among}) as record "
        "semi join finding_row using (extract, table_name, record_id) group by all"
    ), records if is_few else []


def _write_findings(connection: duckdb.DuckDBPyConnection, seen_at: datetime) -> None:
    children, records = _children(connection)
    connection.execute(
        f"""
        create or replace table checks.finding as
        with children as ({children}),

        found as (
            select
                substr(sha256(concat_ws(
                    '|', rule.rule_id, failing.extract, failing.table_name, nullif(failing.record_id, ''),
                    case when coalesce(failing.record_id, '') = ''
                        then concat_ws('#', failing.source_file, failing.source_row)
                    end,
                    failing.item
                )), 1, 20) as finding_key,
                rule.rule_id,
                rule.rule_name,
                rule.severity,
                coalesce(failing.owner, rule.owner) as owner,
                coalesce(failing.organisation, rule.organisation) as organisation,
                rule.dataset,
                failing.extract,
                failing.table_name,
                failing.record_id,
                coalesce(failing.child_id, children.child_id) as child_id,
                failing.item,
                failing.value,
                failing.source_file,
                failing.source_row,
                rule.remedy
            from finding_row as failing
            inner join finding_rule as rule on failing.rule_number = rule.rule_number
            left join children using (extract, table_name, record_id)
            qualify row_number() over (
                partition by finding_key order by failing.source_file desc, failing.source_row desc
            ) = 1
        )

        select
            found.finding_key, found.rule_id, found.rule_name, found.severity, found.owner, found.organisation,
            found.dataset, found.extract, found.table_name, found.record_id, found.child_id, found.item, found.value,
            found.source_file, found.source_row, found.remedy,
            coalesce(known.first_seen_at, ?::timestamp) as first_seen_at,
            case
                when known.state is null then 'new'
                when known.state = 'fixed' then 'reopened'
                when known.state in ('assigned', 'explained', 'waived') then known.state
                else 'open'
            end as state
        from found
        left join finding_known as known on found.finding_key = known.finding_key
        """,
        [*records, seen_at],
    )
