"""What holds a product back: decided from results, contract files and ``gates.yml`` alone."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from checks.gates import GATES, INSPECTION_GATES, RETURN_GATES, Gate, GateDecision, decide_gates, read_gates
from checks.rules import CONTRACTS, Rule, contract_paths, read_contracts
from checks.verification import Outcome, RuleResult, verify_contracts
from connectors.errors import ConfigurationError
from tests.checks import built
from tests.checks.borough import change, make_borough
from tests.checks.contracts import rule, stated, write

MODELS = CONTRACTS.parents[1] / "dbt_project" / "models"
GATE = Gate("lists", {"big": "core"}, ("core/big",), ("landing/*",), ("error",))


@pytest.fixture(scope="module")
def all_rules() -> tuple[Rule, ...]:
    first, last = contract_paths()
    return tuple(rule for contract in read_contracts(first + last) for rule in contract.rules)


@pytest.fixture
def all_pass(all_rules: tuple[Rule, ...]) -> list[RuleResult]:
    return [RuleResult(rule, "passed") for rule in all_rules]


@pytest.fixture
def contracts(tmp_path: Path) -> Path:
    """A copy of the contracts, to be changed."""
    return Path(shutil.copytree(CONTRACTS, tmp_path / "contracts"))


def ended(
    results: list[RuleResult],
    dataset: str,
    rule_id: str,
    outcome: Outcome,
    failed_rows: int = 0,
    *,
    severity: str = "error",
) -> list[RuleResult]:
    """The same results, but for one rule."""
    assert any((result.dataset, result.rule_id) == (dataset, rule_id) for result in results)
    return [
        RuleResult(replace(result.rule, severity=severity), outcome, failed_rows)
        if (result.dataset, result.rule_id) == (dataset, rule_id)
        else result
        for result in results
    ]


def did_not_run(results: list[RuleResult], dataset: str, rule_id: str) -> str:
    """What a gate says of the one rule of a contract that did not run."""
    rules = sum(result.dataset == dataset for result in results)
    return f"1 of the {rules} rules of {dataset} did not run: {rule_id}"


def decide(results: list[RuleResult], contracts: Path = CONTRACTS) -> dict[str, tuple[str, ...] | None]:
    """Each product's reasons; None where it is published."""
    decisions = decide_gates(results, read_gates(), contracts)
    return {decision.product: None if decision.is_published else decision.reasons for decision in decisions}


def test_every_product_is_published_where_every_rule_passed(all_pass: list[RuleResult]) -> None:
    assert decide_gates(all_pass, read_gates()) == [
        GateDecision("lists", "published", ()),
        GateDecision("worklist", "published", ()),
    ]


def test_an_error_in_the_warehouse_holds_the_lists_and_not_the_worklist(all_pass: list[RuleResult]) -> None:
    results = ended(all_pass, "core/fct_plan", "record_lost", "failed", 1_234)
    reason = "'Each record delivered is in the warehouse' does not hold for 1,234 rows of core/fct_plan (record_lost)"
    assert decide(results) == {"lists": (reason,), "worklist": None}


def test_one_row_is_one_row(all_pass: list[RuleResult]) -> None:
    results = ended(all_pass, "lists/list_children_with_plans", "child_listed_twice", "failed", 1)
    reason = "'Each child is on the list once' does not hold for 1 row of lists/list_children_with_plans"
    assert decide(results)["lists"] == (f"{reason} (child_listed_twice)",)


def test_every_failure_is_a_reason(all_pass: list[RuleResult]) -> None:
    results = ended(all_pass, "core/fct_plan", "record_lost", "failed", 1)
    results = ended(results, "core/fct_need", "row_repeated", "crashed")
    reasons = decide(results)["lists"]
    assert reasons is not None
    assert len(reasons) == 2


@pytest.mark.parametrize("severity", ["query", "warning"])
def test_what_is_not_an_error_holds_nothing(severity: str, all_pass: list[RuleResult]) -> None:
    results = ended(all_pass, "core/fct_plan", "record_lost", "failed", 5, severity=severity)
    assert decide(results) == {"lists": None, "worklist": None}


@pytest.mark.parametrize("severity", ["query", "warning"])
def test_what_is_not_an_error_holds_where_it_did_not_run(severity: str, all_pass: list[RuleResult]) -> None:
    results = ended(all_pass, "core/fct_plan", "record_lost", "crashed", severity=severity)
    assert decide(results)["lists"] is not None


@pytest.mark.parametrize("outcome", ["passed", "failed"])
def test_a_severity_that_does_not_exist_holds_whatever_came_out(outcome: Outcome, all_pass: list[RuleResult]) -> None:
    results = ended(all_pass, "core/fct_plan", "record_lost", outcome, severity="eror")
    (reason,) = decide(results)["lists"] or ()
    assert reason.endswith("has no known severity: eror")


@pytest.mark.parametrize("outcome", ["crashed", "skipped"])
def test_a_rule_that_did_not_run_has_not_passed(outcome: Outcome, all_pass: list[RuleResult]) -> None:
    results = ended(all_pass, "core/fct_plan", "record_lost", outcome)
    assert decide(results) == {"lists": (did_not_run(results, "core/fct_plan", "record_lost"),), "worklist": None}


def test_a_rule_without_a_result_has_not_passed(all_pass: list[RuleResult]) -> None:
    results = [result for result in all_pass if result.dataset != "lists/list_annual_reviews"]
    (reason,) = decide(results)["lists"] or ()
    assert "rules of lists/list_annual_reviews did not run" in reason


def test_no_results_at_all_hold_everything() -> None:
    assert all(decide([]).values())


def test_faults_in_delivered_records_hold_nothing(all_pass: list[RuleResult]) -> None:
    results = [
        replace(result, outcome="failed", failed_rows=9) if result.layer == "landing" else result for result in all_pass
    ]
    assert decide(results) == {"lists": None, "worklist": None}


def test_the_worklist_goes_out_while_a_landing_rule_crashed(all_pass: list[RuleResult]) -> None:
    results = ended(all_pass, "landing/ehc_case__need", "need_type_nsa_in_plan", "crashed")
    reason = did_not_run(results, "landing/ehc_case__need", "need_type_nsa_in_plan")
    assert decide(results) == {"lists": (reason,), "worklist": None}


@pytest.mark.parametrize("outcome", ["failed", "crashed", "skipped"])
def test_the_worklist_is_held_by_its_own_rules(outcome: Outcome, all_pass: list[RuleResult]) -> None:
    results = ended(all_pass, "lists/list_records_to_correct", "finding_not_listed", outcome, 1)
    decided = decide(results)
    assert decided["lists"] is None
    assert decided["worklist"] is not None


def test_a_contract_that_the_gate_names_and_that_is_gone_holds(all_pass: list[RuleResult], contracts: Path) -> None:
    (contracts / "core" / "fct_plan.yml").unlink()
    decided = decide(all_pass, contracts)
    assert decided == {"lists": ("No check contract matches core/fct_plan",), "worklist": None}


def test_a_folder_without_landing_contracts_holds(all_pass: list[RuleResult], contracts: Path) -> None:
    shutil.rmtree(contracts / "landing")
    assert decide(all_pass, contracts) == {"lists": ("No check contract matches landing/*",), "worklist": None}


@pytest.mark.parametrize("content", [b"dataset: [", "dataset: x  # caf\u00e9".encode("cp1252"), b""])
@pytest.mark.parametrize("name", ["core/fct_plan", "landing/ehc_case__need"])
def test_a_contract_that_cannot_be_read_holds(
    name: str, content: bytes, all_pass: list[RuleResult], contracts: Path
) -> None:
    (contracts / f"{name}.yml").write_bytes(content)
    decided = decide(all_pass, contracts)
    (reason,) = decided["lists"] or ()
    assert reason.startswith(f"The check contract {name}.yml cannot be followed")
    assert decided["worklist"] is None


def test_a_contract_without_a_rule_holds(tmp_path: Path) -> None:
    write(tmp_path, "big", stated("big", []))
    (tmp_path / "landing").mkdir()
    (decision,) = decide_gates([], [replace(GATE, must_run=())], tmp_path)
    assert decision.reasons == ("The check contract core/big has no rule",)


def test_a_rule_written_since_the_rules_ran_holds(all_pass: list[RuleResult], contracts: Path) -> None:
    path = contracts / "core" / "dim_establishment.yml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("qualifier: record_lost", "qualifier: record_mislaid"), encoding="utf-8")
    reason = did_not_run(all_pass, "core/dim_establishment", "record_mislaid")
    assert decide(all_pass, contracts)["lists"] == (reason,)


@pytest.mark.parametrize(
    ("tables", "unchecked"), [({"big": "core", "small": "core"}, "small"), ({"big": "lists"}, "big")]
)
def test_a_table_that_no_contract_of_the_gate_is_about_holds(
    tables: dict[str, str], unchecked: str, tmp_path: Path
) -> None:
    write(tmp_path, "small")
    (contract,) = read_contracts([write(tmp_path, "big")])
    gate = replace(GATE, tables=tables, must_run=())
    (decision,) = decide_gates([RuleResult(contract.rules[0], "passed")], [gate], tmp_path)
    assert decision.reasons == (f"The table {unchecked} has no check contract in this gate",)


def test_every_table_published_and_all_it_is_made_from_has_a_contract_in_a_gate() -> None:
    """Those of a table that no list is made from hold nothing back; their failures are findings all the same."""
    gates = read_gates()
    named = {dataset for gate in gates for dataset in gate.contracts}
    agreed = {f"{path.parent.name}/{path.stem}" for path in CONTRACTS.glob("*/*.yml") if path.parent.name != "landing"}
    published = {table for gate in gates for table in gate.tables}
    assert named <= agreed
    assert {f"{schema}/{table}" for gate in gates for table, schema in gate.tables.items()} <= named
    assert {dataset for dataset in agreed if dataset.partition("/")[2] in made_from(published)} <= named


def made_from(tables: set[str]) -> set[str]:
    """The models that these are made from, themselves among them, as their SQL refers to them."""
    models = {path.stem: path.read_text(encoding="utf-8") for path in MODELS.rglob("*.sql")}
    found, left = set(), set(tables)
    while left:
        found |= left
        left = {name for model in left for name in re.findall(r"ref\('(\w+)'\)", models.get(model, ""))} - found
    return found


def test_gates_are_decided_in_their_order(all_pass: list[RuleResult]) -> None:
    first, second = read_gates()
    assert [decision.product for decision in decide_gates(all_pass, [second, first])] == ["worklist", "lists"]


SOUND = "lists: {tables: {a: core}, contracts: [core/a], must_run: [], holds_on: [error]}"


def test_a_gate_is_read_as_it_stands(tmp_path: Path) -> None:
    (tmp_path / "gates.yml").write_text(SOUND)
    assert read_gates(tmp_path / "gates.yml") == (Gate("lists", {"a": "core"}, ("core/a",), (), ("error",)),)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"lists: [", id="not YAML"),
        pytest.param(b"", id="empty"),
        pytest.param("lists: {}  # caf\u00e9".encode("cp1252"), id="not UTF-8"),
        pytest.param(SOUND.replace("must_run: [], ", "").encode(), id="without must_run"),
        pytest.param(SOUND.replace("{a: core}", "[list_a]").encode(), id="tables without schemas"),
        pytest.param(SOUND.replace("must_run: []", "must_run:").encode(), id="must_run left empty"),
        pytest.param(SOUND.replace("[error]", "[error], waivers: ignored").encode(), id="waivers of no known kind"),
        pytest.param(SOUND.replace("[error]", "[eror]").encode(), id="a severity that does not exist"),
    ],
)
def test_gates_that_cannot_be_followed_are_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "gates.yml").write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"^gates\.yml "):
        read_gates(tmp_path / "gates.yml")


def test_gates_that_are_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"gates\.yml cannot be followed"):
        read_gates(tmp_path / "gates.yml")


LOST = ("core/fct_plan", "record_lost")


@pytest.mark.parametrize(
    ("waivers", "waived", "is_published"),
    [("count", 2, False), ("count_as_explained", 2, True), ("count_as_explained", 1, False)],
)
def test_a_waived_failure_holds_a_product_unless_its_gate_asks_otherwise_and_all_its_rows_are_waived(
    waivers: str, waived: int, is_published: bool, all_pass: list[RuleResult]
) -> None:
    gate = replace(read_gates()[0], waivers=waivers)
    results = ended(all_pass, *LOST, "failed", 2)
    (decision,) = decide_gates(results, [gate], waived={LOST: waived})
    assert decision.is_published is is_published
    assert bool(decision.waived) is is_published
    assert all("for 2 rows of core/fct_plan (record_lost), all waived" in told for told in decision.waived)


def test_no_gate_lets_waivers_pass_unless_it_says_so() -> None:
    gates = [gate for path in (GATES, INSPECTION_GATES, RETURN_GATES) for gate in read_gates(path)]
    assert {gate.waivers for gate in gates} == {"count"}


def test_the_returns_gate_cannot_ask_for_waivers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "return_gates.yml"
    path.write_text(SOUND.replace("[error]", "[error], waivers: count_as_explained"))
    assert read_gates(path)[0].waivers == "count_as_explained"
    monkeypatch.setattr("checks.gates.RETURN_GATES", path)
    with pytest.raises(ConfigurationError, match="of the return they always count"):
        read_gates(path)


def test_a_run_is_decided_by_how_its_rules_ended(all_pass: list[RuleResult]) -> None:
    """An NSA need is a finding and holds nothing; a request's column of another name holds the lists."""
    ran = ("landing/ehc_case__need", "landing/ehc_case__request", "core/fct_request", "lists/list_records_to_correct")
    with duckdb.connect() as connection:
        make_borough(connection)
        connection.execute("create schema checks")
        built.make_warehouse(connection)
        change("ehc_case__need", where="rank = 2", sen_type="NSA")(connection)
        connection.execute("alter table landing.ehc_case__request rename received_date to received_on")
        results = verify_contracts(connection, [CONTRACTS / f"{dataset}.yml" for dataset in ran])
    assert [result.rule_id for result in results if result.outcome == "failed"] == ["need_type_nsa_in_plan"]
    decided = decide([result for result in all_pass if result.dataset not in ran] + results)
    assert decided["worklist"] is None
    of_core, of_landing = decided["lists"] or ()
    assert of_core == did_not_run(results, "core/fct_request", "record_lost")
    assert "rules of landing/ehc_case__request did not run: " in of_landing


def test_what_must_only_run_may_fail(tmp_path: Path) -> None:
    write(tmp_path, "big", stated("big", [rule("r", "select 1")]))
    write(tmp_path, "small", stated("small", [rule("r", "select 1")]))
    rules = [contract.rules[0] for contract in read_contracts(sorted((tmp_path / "core").glob("*.yml")))]
    results = [RuleResult(rules[0], "passed"), RuleResult(rules[1], "failed", 3)]
    (decision,) = decide_gates(results, [replace(GATE, must_run=("core/small",))], tmp_path)
    assert decision.is_published
