"""How rules run: what passes, what fails, and what says nothing about the data."""

from __future__ import annotations

import copy
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from checks.rules import (
    BUILT_AFTER_CHECKS,
    CONTRACTS,
    INSPECTION_LAYER,
    RETURN_LAYER,
    ContractUnreadable,
    contract_paths,
    dataset_of,
    inspection_contract_paths,
    read_contract,
    return_contract_paths,
)
from checks.verification import RuleResult, prepare, source_of, verify_contracts, warm_up
from connectors.contract import all_contracts
from tests.checks.contracts import FINDS_BIG, rule, stated, write

Connection = duckdb.DuckDBPyConnection
Mend = Callable[[dict[str, Any]], object]


@pytest.fixture
def connection() -> Iterator[Connection]:
    """A warehouse with two small tables, not in a transaction."""
    with duckdb.connect() as opened:
        opened.execute("create schema landing")
        opened.execute("create table landing.run as select date '2026-06-30' as as_at")
        opened.execute('create table landing.quarantine (extract varchar, "table" varchar, record_id varchar)')
        opened.execute("create schema core")
        opened.execute("create table core.small as select 1 as a")
        opened.execute("create table core.big as select unnest([1, 5, 7]) as a")
        yield opened


def outcomes(results: list[RuleResult]) -> list[tuple[str, str, str, int]]:
    return [(result.dataset, result.rule_id, result.outcome, result.failed_rows) for result in results]


def test_a_rule_passes_or_fails_with_the_rows_that_fail(connection: Connection, tmp_path: Path) -> None:
    results = verify_contracts(connection, [write(tmp_path, "small"), write(tmp_path, "big")])
    assert outcomes(results) == [("core/small", "a_is_small", "passed", 0), ("core/big", "a_is_small", "failed", 2)]
    assert all(result.has_run and result.seconds > 0 for result in results)


def test_soda_has_of_each_contract_what_its_own_reader_reads_but_the_attributes() -> None:
    warm_up()
    from soda_core.common.yaml import ContractYamlSource

    first, last = contract_paths()
    for path in (*first, *last, *return_contract_paths(), *inspection_contract_paths()):
        text = path.read_text(encoding="utf-8")
        read = ContractYamlSource.from_str(text).parse().yaml_dict
        read.pop("check_attributes", None)
        for check in read["checks"]:
            for body in check.values():
                del body["attributes"]
        assert source_of(text, path).parse().yaml_dict == read, path


def test_a_contract_that_gives_a_key_twice_has_crashed(connection: Connection, tmp_path: Path) -> None:
    path, whole = write(tmp_path, "big"), write(tmp_path, "small")
    path.write_text(path.read_text().replace("checks:", "dataset: warehouse/core/big\nchecks:"))
    results = verify_contracts(connection, [path, whole])
    assert outcomes(results) == [("core/big", "a_is_small", "crashed", 0), ("core/small", "a_is_small", "passed", 0)]


def test_results_come_in_the_order_of_the_contracts_and_their_rules(connection: Connection, tmp_path: Path) -> None:
    query = FINDS_BIG.format(table="big")
    big = write(tmp_path, "big", stated("big", [rule("z", query), rule("a", query), rule("m", query)]))
    results = verify_contracts(connection, [big, write(tmp_path, "small")])
    assert [result.rule_id for result in results] == ["z", "a", "m", "a_is_small"]


@pytest.mark.parametrize("severity", ["error", "query", "warning"])
def test_a_rule_of_any_severity_that_finds_something_has_failed(
    severity: str, connection: Connection, tmp_path: Path
) -> None:
    path = write(tmp_path, "big", stated("big", [rule("r", FINDS_BIG.format(table="big"), severity=severity)]))
    (result,) = verify_contracts(connection, [path])
    assert (result.outcome, result.severity) == ("failed", severity)


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("select b as record_id from core.big", id="a column that is not there"),
        pytest.param("select a as record_id from core.nothing", id="a table that is not there"),
        pytest.param("select a from core.big where cast('x' || a as integer) > 1", id="a value that cannot be cast"),
        pytest.param("selekt a from core.big", id="no SQL"),
    ],
)
def test_a_rule_whose_sql_crashes_has_not_passed_and_stops_no_other(
    query: str, connection: Connection, tmp_path: Path
) -> None:
    sound = FINDS_BIG.format(table="big")
    big = write(tmp_path, "big", stated("big", [rule("before", sound), rule("broken", query), rule("after", sound)]))
    results = verify_contracts(connection, [big, write(tmp_path, "small")])
    assert outcomes(results) == [
        ("core/big", "before", "failed", 2),
        ("core/big", "broken", "crashed", 0),
        ("core/big", "after", "failed", 2),
        ("core/small", "a_is_small", "passed", 0),
    ]
    assert [result.has_run for result in results] == [True, False, True, True]


def test_every_rule_on_a_table_that_is_not_there_has_crashed(connection: Connection, tmp_path: Path) -> None:
    connection.execute("drop table core.big")
    (result,) = verify_contracts(connection, [write(tmp_path, "big")])
    assert result.outcome == "crashed"


def changed(**values: Any) -> dict[str, Any]:
    return {**stated("big"), **values}


def without(*keys: str) -> dict[str, Any]:
    """The contract without an entry, or without one of its rule's."""
    contract = copy.deepcopy(stated("big"))
    *parents, last = keys
    place: Any = contract
    for key in parents:
        place = place["checks"][0]["failed_rows"] if key == "rule" else place[key]
    del place[last]
    return contract


UNREADABLE = {
    "not YAML": "dataset: [",
    "not UTF-8": "dataset: warehouse/core/big  # caf\u00e9 \u2013 one".encode("cp1252"),
    "empty": "\n",
    "a list": "- a\n",
    "no dataset": without("dataset"),
    "another dataset": changed(dataset="warehouse/core/small"),
    "no columns": without("columns"),
    "columns without names": changed(columns=["a"]),
    "no checks": without("checks"),
    "a check of a kind unknown": changed(checks=[{"row_count": {}}]),
    "a rule without an id": without("rule", "qualifier"),
    "a rule without a name": without("rule", "name"),
    "a rule without SQL": without("rule", "query"),
    "a rule without a remedy": without("rule", "attributes", "remedy"),
    "a rule without a severity": without("rule", "attributes", "severity"),
    "rules without an owner": without("check_attributes", "owner"),
    "a year that is none": changed(checks=[rule("r", "select 1", first_year="soon")]),
    "a need that is none": changed(checks=[rule("r", "select 1", needs="luck")]),
    "published figures of nothing": changed(checks=[rule("r", "select 1", needs="published_figures")]),
    "an indicator for nothing": changed(checks=[rule("r", "select 1", needs="previous_return", indicator="plans")]),
    "two rules of one id": changed(checks=[rule("r", "select 1"), rule("r", "select 2")]),
}


@pytest.mark.parametrize("contract", [pytest.param(contract, id=what) for what, contract in UNREADABLE.items()])
def test_a_contract_that_cannot_be_read_crashes_and_stops_no_other(
    contract: dict[str, Any] | str | bytes, connection: Connection, tmp_path: Path
) -> None:
    broken = write(tmp_path, "big", contract)
    results = verify_contracts(connection, [broken, write(tmp_path, "small")])
    assert outcomes(results) == [
        ("core/big", "contract_readable", "crashed", 0),
        ("core/small", "a_is_small", "passed", 0),
    ]
    assert results[0].name.startswith("The check contract core/big.yml ")
    assert (results[0].severity, results[0].owner) == ("error", "bi_team")
    with pytest.raises(ContractUnreadable):
        read_contract(broken)


def test_a_contract_that_is_not_there_crashes(connection: Connection, tmp_path: Path) -> None:
    (result,) = verify_contracts(connection, [tmp_path / "core" / "big.yml"])
    assert (result.rule_id, result.outcome) == ("contract_readable", "crashed")


@pytest.mark.parametrize("is_alone", [True, False])
@pytest.mark.parametrize(
    "contract",
    [
        pytest.param(changed(kind="nonsense"), id="a kind Soda does not know"),
        pytest.param(changed(checks=[rule("a_is_small", "")]), id="a rule with empty SQL"),
        pytest.param(changed(checks=[rule("a_is_small", "select ${var.limit}")]), id="a variable nobody sets"),
    ],
)
def test_a_contract_that_only_soda_cannot_follow_crashes(
    contract: dict[str, Any], is_alone: bool, connection: Connection, tmp_path: Path
) -> None:
    paths = [write(tmp_path, "big", contract)] + [write(tmp_path, "small")] * (not is_alone)
    results = verify_contracts(connection, paths)
    assert [result.outcome for result in results] == ["crashed"] + ["passed"] * (not is_alone)


def test_what_stops_soda_altogether_is_told_by_its_kind_alone(
    connection: Connection, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    verify_contracts(connection, [write(tmp_path, "big", changed(kind="nonsense"))])
    (told,) = caplog.messages
    assert told.startswith("Soda could not run the checks (")
    assert "nonsense" not in told


@pytest.mark.parametrize("ending", [";", "\n-- and no more", " -- and no more"])
def test_a_query_may_end_as_people_end_queries(ending: str, connection: Connection, tmp_path: Path) -> None:
    path = write(tmp_path, "big", stated("big", [rule("r", FINDS_BIG.format(table="big") + ending)]))
    assert outcomes(verify_contracts(connection, [path])) == [("core/big", "r", "failed", 2)]


def test_a_rule_id_may_be_a_number(connection: Connection, tmp_path: Path) -> None:
    contract = stated("big")
    contract["checks"][0]["failed_rows"]["qualifier"] = 7
    assert outcomes(verify_contracts(connection, [write(tmp_path, "big", contract)])) == [
        ("core/big", "7", "failed", 2)
    ]


def test_what_a_rule_of_the_return_says_beyond_others_is_read(tmp_path: Path) -> None:
    contract = stated("big")
    attributes = contract["checks"][0]["failed_rows"]["attributes"]
    attributes |= {"items": ["UPN", "Sex"], "dfe_rule_no": 1710, "first_year": 2024}
    (of_return,) = read_contract(write(tmp_path, "big", contract)).rules
    (of_others,) = read_contract(write(tmp_path, "small")).rules
    said = [(r.items, r.dfe_rule_no, r.first_year, r.last_year) for r in (of_return, of_others)]
    assert said == [(("UPN", "Sex"), "1710", 2024, None), ((), None, None, None)]


def test_no_contracts_give_no_results(connection: Connection) -> None:
    assert verify_contracts(connection, []) == []


def test_soda_logs_and_prints_nothing_of_the_data(
    connection: Connection, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    connection.execute("create table core.people as select 'Abara' as a")
    queries = {
        "fails": "select a as record_id from core.people where a = 'Abara'",
        "crashes": "select a as record_id from core.people where cast(a as integer) > 1",
    }
    people = stated("people", [rule(rule_id, query) for rule_id, query in queries.items()])
    paths = [
        write(tmp_path, "people", people),
        write(tmp_path, "small", changed(dataset="warehouse/core/small", kind="Abara")),
    ]
    results = verify_contracts(connection, paths)
    assert [result.outcome for result in results] == ["failed", "crashed", "crashed"]
    assert [record.getMessage() for record in caplog.records if record.name.startswith("soda")] == []
    assert "Abara" not in caplog.text
    assert capfd.readouterr() == ("", "")


def test_the_loggers_are_left_as_they_were(connection: Connection, tmp_path: Path) -> None:
    verify_contracts(connection, [write(tmp_path, "small")])
    assert not logging.getLogger("soda").disabled


ALONE = """
import os, sys
seen = []
def note(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.getaddrinfo"):
        seen.append(f"{event} {arguments[1:]}")
sys.addaudithook(note)
from pathlib import Path
import duckdb
from checks.verification import verify_contracts
with duckdb.connect() as connection:
    connection.execute("create schema landing")
    connection.execute("create table landing.run as select date '2026-06-30' as as_at")
    connection.execute('create table landing.quarantine (extract varchar, "table" varchar, record_id varchar)')
    connection.execute("create schema core")
    connection.execute("create table core.big as select 5 as a")
    (result,) = verify_contracts(connection, [Path(sys.argv[1])])
print(result.outcome, os.environ["SODA_CORE_TELEMETRY_ENABLED"], seen)
"""


def test_soda_tells_nobody_even_where_the_machine_says_it_may(tmp_path: Path) -> None:
    path = write(tmp_path, "big")
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(path)],
        env={**os.environ, "SODA_CORE_TELEMETRY_ENABLED": "true"},
        cwd=CONTRACTS.parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split("\n") == ["failed false []", ""]
    assert done.stderr == ""


def test_warming_up_turns_the_telemetry_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SODA_CORE_TELEMETRY_ENABLED", "true")
    warm_up()
    assert os.environ["SODA_CORE_TELEMETRY_ENABLED"] == "false"


def test_rules_know_the_owner_of_every_extract(connection: Connection) -> None:
    prepare(connection)
    prepare(connection)
    assert connection.execute(
        "select extract, owner, organisation from checks.extract order by extract"
    ).fetchall() == [
        (contract.extract, contract.owner, contract.organisation)
        for contract in sorted(all_contracts(), key=lambda contract: contract.extract)
    ]


def test_what_is_made_of_findings_is_checked_after_the_others() -> None:
    first, last = contract_paths()
    assert [dataset_of(path) for path in last] == list(BUILT_AFTER_CHECKS)
    apart = (*return_contract_paths(), *inspection_contract_paths())
    assert {*first, *last, *apart} == set(CONTRACTS.glob("*/*.yml"))
    assert len(first) + len(last) + len(apart) == len({*first, *last, *apart})


def test_the_return_and_the_lists_for_inspectors_are_checked_apart() -> None:
    assert {dataset_of(path).partition("/")[0] for path in inspection_contract_paths()} == {INSPECTION_LAYER}
    assert {dataset_of(path).partition("/")[0] for path in return_contract_paths()} == {RETURN_LAYER}
