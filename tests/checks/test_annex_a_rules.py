"""Every rule on Annex A: what it finds and what just does not break it. One change to the clean lists each."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path

import duckdb
import pytest

from checks.gates import INSPECTION_GATES, decide_gates, read_gates
from checks.rules import (
    CONTRACTS,
    INSPECTION_LAYER,
    Rule,
    contract_paths,
    inspection_contract_paths,
    read_contracts,
    return_contract_paths,
)
from checks.verification import Outcome, RuleResult, verify_contracts
from tests.checks.inspected import LISTS, OTHER_UPN, UPN, Step, add, change, columns_of, make_lists, remove
from tests.checks.test_gates import made_from

Connection = duckdb.DuckDBPyConnection
Steps = tuple[Step, ...]
Case = tuple[Steps, Steps]
"""What breaks the rule, and what just does not."""

LIST_1, LIST_2 = "annex_a.annex_a_list_1", "annex_a.annex_a_list_2"
PLAN, ENROLMENT = "core.fct_plan", "core.fct_census_enrolment"
one, two, enrolment = (partial(change, table) for table in (LIST_1, LIST_2, ENROLMENT))
OF_BOTH: dict[str, tuple[dict[str, object], dict[str, object]]] = {
    "01a": ({"date_of_birth": None}, {"date_of_birth": date(2026, 6, 30)}),
    "01b": ({"gender": None}, {"gender": "Male"}),
    "01c": ({"ethnicity": None}, {"ethnicity": "REFU"}),
    "01d": ({"sen_primary_need": None}, {"sen_primary_need": "OTH"}),
    "02a": ({"date_of_birth": date(2001, 6, 30)}, {"date_of_birth": date(2001, 7, 1)}),
    "02b": ({"date_of_birth": date(2000, 6, 30)}, {"date_of_birth": date(2000, 7, 1)}),
    "03": ({"disability": None}, {"disability": "No"}),
    "05a": ({"date_of_birth": date(2026, 7, 1)}, {"date_of_birth": date(2026, 6, 30)}),
    "07": (
        {"upn": None, "date_of_birth": date(2020, 6, 30)},
        {"upn": None, "date_of_birth": date(2020, 7, 1)},
    ),
    "08a": (
        {"main_establishment_urn": None, "date_of_birth": date(2021, 6, 30)},
        {"main_establishment_urn": None, "date_of_birth": date(2021, 7, 1)},
    ),
    "08b": (
        {
            "main_establishment_urn": None,
            "subsidiary_establishment_phase": "Special",
            "date_of_birth": date(2010, 7, 1),
        },
        {
            "main_establishment_urn": None,
            "subsidiary_establishment_phase": "Special",
            "date_of_birth": date(2010, 6, 30),
        },
    ),
}
"""By the number of the rule without its list: what a child breaks it by, and what just does not."""

CASES: dict[str, Case] = {
    **{
        f"annex_a_{number}{rule}": ((change(table, **breaking),), (change(table, **near),))
        for number, table in (("1", LIST_1), ("2", LIST_2))
        for rule, (breaking, near) in OF_BOTH.items()
    },
    "annex_a_105b": (
        (one(date_initial_plan_issued=date(2026, 7, 1)),),
        (one(date_initial_plan_issued=date(2026, 6, 30)),),
    ),
    "annex_a_105c": (
        (one(date_updated_plan_issued=date(2026, 7, 1)),),
        (one(date_updated_plan_issued=date(2026, 6, 30)),),
    ),
    "annex_a_105d": (
        (one(date_plan_last_reviewed=date(2026, 7, 1)),),
        (one(date_plan_last_reviewed=date(2026, 6, 30)),),
    ),
    "annex_a_106a": (
        (one(date_updated_plan_issued=date(2024, 5, 19)),),
        (one(date_updated_plan_issued=date(2024, 5, 20)),),
    ),
    "annex_a_106b": (
        (one(date_plan_last_reviewed=date(2024, 5, 19)),),
        (one(date_plan_last_reviewed=date(2024, 5, 20)),),
    ),
    "annex_a_109": (
        (add(LIST_1, unique_id="CH3", child_id="CH3"),),
        (add(LIST_1, unique_id="CH3", child_id="CH3", upn=OTHER_UPN),),
    ),
    "annex_a_209": (
        (add(LIST_2, unique_id="CH3", child_id="CH3"),),
        (add(LIST_2, unique_id="CH3", child_id="CH3", upn=UPN),),
    ),
    "annex_a_list_1.row_repeated": ((add(LIST_1),), (add(LIST_1, unique_id="CH3"),)),
    "annex_a_list_2.row_repeated": ((add(LIST_2),), (add(LIST_2, unique_id="CH3"),)),
    "annex_a_list_1.source_not_delivered": (
        (change("landing.load_file", status="refused"),),
        (change("landing.load_file", status="unchanged"),),
    ),
    "annex_a_list_2.source_not_delivered": (
        (change("landing.load_file", status="withdrawn"),),
        (change("landing.load_file", status="unchanged"),),
    ),
    "child_with_plan_not_listed": ((remove(LIST_1),), (one(plan_id="P0"),)),
    "child_on_sen_support_not_listed": ((remove(LIST_2),), (remove(LIST_2), enrolment(enrol_status="S"))),
    "child_on_both_lists": ((two(child_id="CH1"),), (one(child_id=None), two(child_id="CH1"))),
}

ALSO_LET_PASS: list[tuple[str, Steps]] = [
    ("annex_a_102a", (one(date_of_birth=date(2000, 6, 30)),)),
    ("annex_a_102a", (one(date_of_birth=None),)),
    ("annex_a_106a", (one(date_updated_plan_issued=None),)),
    ("annex_a_107", (one(upn=None, uln="1000000019"),)),
    ("annex_a_108a", (one(main_establishment_urn=None, elective_home_education="Yes"),)),
    ("annex_a_108a", (one(main_establishment_urn=None, subsidiary_establishment_phase="Special"),)),
    ("annex_a_108a", (one(main_establishment_urn=None, date_of_birth=date(2010, 6, 30)),)),
    ("annex_a_208b", (two(main_establishment_urn=None),)),
    ("annex_a_109", (one(upn=None), add(LIST_1, unique_id="CH3", upn=None))),
    ("child_with_plan_not_listed", (one(child_id=None),)),
    ("child_with_plan_not_listed", (remove(LIST_1), change(PLAN, is_active=False))),
    ("child_on_sen_support_not_listed", (remove(LIST_2), one(child_id="CH2"))),
    ("child_on_sen_support_not_listed", (remove(LIST_2), enrolment(leaving_date=date(2026, 5, 1)))),
    ("child_on_sen_support_not_listed", (remove(LIST_2), enrolment(sen_provision="N"))),
    (
        "child_on_sen_support_not_listed",
        (remove(LIST_2), add(ENROLMENT, census_date=date(2026, 6, 1), child_id="CH9", sen_provision="N")),
    ),
]
ALSO_FOUND: list[tuple[str, Steps]] = [
    ("annex_a_108a", (one(main_establishment_urn=None, date_of_birth=date(2010, 7, 1)),)),
    ("child_on_sen_support_not_listed", (remove(LIST_2), enrolment(enrol_status=None))),
]
OF_THE_PERSON = ("date_of_birth", "gender", "ethnicity", "upn")
"""What stands in the child's own record and not in the plan's, where the child is known."""
OF_NO_RECORD = ("row_repeated", "source_not_delivered")


@pytest.fixture(scope="module")
def clean_lists() -> Iterator[Connection]:
    with duckdb.connect() as connection:
        make_lists(connection)
        yield connection


@pytest.fixture
def lists(clean_lists: Connection) -> Iterator[Connection]:
    clean_lists.execute("begin")
    yield clean_lists
    clean_lists.execute("rollback")


@pytest.fixture(scope="module")
def rules() -> tuple[Rule, ...]:
    return tuple(rule for contract in read_contracts(inspection_contract_paths()) for rule in contract.rules)


def named(rules: tuple[Rule, ...], name: str) -> Rule:
    table, _, rule_id = name.rpartition(".")
    (found,) = (rule for rule in rules if rule.rule_id == rule_id and rule.dataset.endswith(table))
    return found


def after(steps: Steps, rule: Rule, connection: Connection) -> list[dict[str, object]]:
    for step in steps:
        step(connection)
    cursor = connection.execute(str(rule.query))
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@pytest.mark.parametrize("name", CASES)
def test_a_rule_finds_what_breaks_it(name: str, lists: Connection, rules: tuple[Rule, ...]) -> None:
    rule = named(rules, name)
    found = after(CASES[name][0], rule, lists)
    assert found
    for row in found:
        assert row["record_id"]
        assert row["item"] == rule.item
        if rule.rule_id not in OF_NO_RECORD:
            assert row["child_id"]
            is_of_the_person = rule.item in OF_THE_PERSON and row["child_id"] == "CH1"
            place = ("person.csv", 3) if is_of_the_person else ("case.csv", 7)
            assert (row["source_file"], row["source_row"]) == place


@pytest.mark.parametrize("name", CASES)
def test_a_rule_lets_pass_what_just_does_not_break_it(name: str, lists: Connection, rules: tuple[Rule, ...]) -> None:
    assert after(CASES[name][1], named(rules, name), lists) == []


@pytest.mark.parametrize(("name", "steps"), ALSO_LET_PASS)
def test_a_rule_lets_pass_what_is_like_it(name: str, steps: Steps, lists: Connection, rules: tuple[Rule, ...]) -> None:
    assert after(steps, named(rules, name), lists) == []


@pytest.mark.parametrize(("name", "steps"), ALSO_FOUND)
def test_a_rule_finds_the_other_things_it_says(
    name: str, steps: Steps, lists: Connection, rules: tuple[Rule, ...]
) -> None:
    assert after(steps, named(rules, name), lists)


def test_every_rule_has_a_record_that_breaks_it_and_one_that_just_does_not(rules: tuple[Rule, ...]) -> None:
    assert {named(rules, name) for name in CASES} == {rule for rule in rules if rule.query is not None}


def test_every_rule_of_the_validator_is_there(rules: tuple[Rule, ...]) -> None:
    stated = {rule.rule_id.removeprefix("annex_a_") for rule in rules if rule.rule_id.startswith("annex_a_")}
    both = ("01a", "01b", "01c", "01d", "02a", "02b", "03", "05a", "07", "08a", "08b", "09")
    assert stated == {f"1{code}" for code in both} | {f"2{code}" for code in both} | {
        "105b", "105c", "105d", "106a", "106b",
    }  # fmt: skip


def test_a_rule_of_the_validator_says_which_of_its_rules_it_is(rules: tuple[Rule, ...]) -> None:
    for rule in rules:
        if rule.rule_id.startswith("annex_a_"):
            assert rule.basis.endswith(rule.rule_id.removeprefix("annex_a_"))


def test_the_clean_lists_raise_nothing(clean_lists: Connection, rules: tuple[Rule, ...]) -> None:
    """As Soda runs the contracts."""
    results = verify_contracts(clean_lists, inspection_contract_paths())
    assert {result.rule for result in results} == set(rules)
    assert {result.rule_id: result.outcome for result in results if result.outcome != "passed"} == {}


def test_soda_says_what_the_queries_say(lists: Connection, rules: tuple[Rule, ...]) -> None:
    for step in (one(ethnicity=None, disability=None), two(date_of_birth=None), add(LIST_2, unique_id="CH3")):
        step(lists)
    results = verify_contracts(lists, inspection_contract_paths())
    assert {result.rule: result.failed_rows for result in results if result.outcome != "passed"} == {
        rule: len(found) for rule in rules if rule.query and (found := after((), rule, lists))
    }


@pytest.mark.parametrize("table", LISTS)
def test_the_columns_agreed_are_those_of_the_model(table: str) -> None:
    (contract,) = read_contracts([CONTRACTS / INSPECTION_LAYER / f"{table}.yml"])
    assert contract.columns == tuple(columns_of(f"marts/annex_a/{table}"))


@pytest.fixture(scope="module")
def all_passed() -> list[RuleResult]:
    first, last = contract_paths()
    contracts = read_contracts((*first, *last, *inspection_contract_paths()))
    return [RuleResult(rule, "passed") for contract in contracts for rule in contract.rules]


def held_by(results: list[RuleResult], contracts: Path = CONTRACTS) -> tuple[str, ...]:
    (decision,) = decide_gates(results, read_gates(INSPECTION_GATES), contracts)
    assert decision.product == "annex_a"
    return decision.reasons


def ended(results: list[RuleResult], rule_id: str, outcome: Outcome) -> list[RuleResult]:
    return [replace(r, outcome=outcome, failed_rows=1) if r.rule_id == rule_id else r for r in results]


def test_the_lists_go_out_where_every_rule_passed(all_passed: list[RuleResult]) -> None:
    assert held_by(all_passed) == ()


def test_an_error_holds_the_lists_and_a_query_does_not(all_passed: list[RuleResult]) -> None:
    assert held_by(ended(all_passed, "annex_a_102a", "failed")) == ()
    (reason,) = held_by(ended(all_passed, "annex_a_102b", "failed"))
    assert reason == "'Nobody is 26 or older' does not hold for 1 row of annex_a/annex_a_list_1 (annex_a_102b)"


@pytest.mark.parametrize("rule_id", ["annex_a_102a", "annex_a_202b"])
def test_a_rule_that_did_not_run_holds_the_lists(rule_id: str, all_passed: list[RuleResult]) -> None:
    (reason,) = held_by(ended(all_passed, rule_id, "crashed"))
    assert reason.endswith(f"did not run: {rule_id}")


def test_a_list_without_its_contract_is_held(all_passed: list[RuleResult], tmp_path: Path) -> None:
    contracts = Path(shutil.copytree(CONTRACTS, tmp_path / "contracts"))
    (contracts / INSPECTION_LAYER / "annex_a_list_2.yml").unlink()
    assert held_by(all_passed, contracts) == ("The table annex_a_list_2 has no check contract in this gate",)


def test_inspectors_lists_hold_no_nightly_product_and_fill_no_worklist(all_passed: list[RuleResult]) -> None:
    nightly = decide_gates(
        [replace(r, outcome="failed", failed_rows=1) if r.layer == INSPECTION_LAYER else r for r in all_passed],
        read_gates(),
    )
    assert all(decision.is_published for decision in nightly)
    first, last = contract_paths()
    assert not {*first, *last, *return_contract_paths()} & set(inspection_contract_paths())


def test_all_that_the_lists_are_made_from_has_a_contract_in_their_gate() -> None:
    (gate,) = read_gates(INSPECTION_GATES)
    needed = made_from(set(gate.tables))
    agreed = {f"{path.parent.name}/{path.stem}" for layer in ("core", "lists") for path in CONTRACTS.glob(f"{layer}/*")}
    assert {dataset for dataset in agreed if dataset.partition("/")[2] in needed} == {
        pattern for pattern in gate.contracts if "*" not in pattern
    }
