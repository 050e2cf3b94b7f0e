"""What a failed rule leaves behind: one finding a record and item, with its place, its child and who mends it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from checks.findings import FINDING_COLUMNS, capture_findings
from checks.rules import CONTRACTS
from checks.verification import RuleResult, verify_contracts
from tests.checks import built
from tests.checks.borough import KNOWN_AT, Step, add, change, like, make_borough, set_apart, unreadable
from tests.checks.contracts import rule, stated, write

Connection = duckdb.DuckDBPyConnection

PLANS, NEEDS = "landing/ehc_case__plan", "landing/ehc_case__need"
LAST_WEEK = datetime(2026, 6, 23, 18)
CEASED_WITHOUT_REASON = change("ehc_case__plan", cease_date=date(2026, 6, 29))
KNOWN_TYPES = pa.schema([("finding_key", pa.string()), ("first_seen_at", pa.timestamp("us")), ("state", pa.string())])


def known(*rows: tuple[str, datetime, str]) -> pa.Table:
    """What earlier runs found: key, when first, state."""
    names = KNOWN_TYPES.names
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows], schema=KNOWN_TYPES)


def findings(connection: Connection) -> list[dict[str, Any]]:
    cursor = connection.execute("select * from checks.finding order by rule_id, dataset, record_id, item, source_row")
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def capture(
    connection: Connection, *datasets: str, first_seen: pa.Table | None = None, seen_at: datetime = KNOWN_AT
) -> list[dict[str, Any]]:
    """Runs the contracts of these datasets (by default that of the plans delivered) and gives the findings."""
    results = verify_contracts(connection, [CONTRACTS / f"{name}.yml" for name in datasets or (PLANS,)])
    assert all(result.has_run for result in results)
    capture_findings(connection, results, known() if first_seen is None else first_seen, seen_at=seen_at)
    return findings(connection)


def keys(found: Sequence[dict[str, Any]]) -> list[str]:
    return [finding["finding_key"] for finding in found]


def after(connection: Connection, *steps: Step, of: Sequence[str] = (PLANS,)) -> list[dict[str, Any]]:
    """The findings of these datasets once the steps are taken."""
    for step in steps:
        step(connection)
    return capture(connection, *of)


def test_a_finding_says_what_is_wrong_where_it_came_from_whose_it_is_and_who_mends_it(warehouse: Connection) -> None:
    (finding,) = after(warehouse, CEASED_WITHOUT_REASON)
    assert len(finding.pop("finding_key")) == 20
    assert finding == {
        "rule_id": "cease_date_without_reason",
        "rule_name": "A plan that ceased says why",
        "severity": "error",
        "owner": "sen_team",
        "organisation": "education",
        "dataset": "landing/ehc_case__plan",
        "extract": "ehc_case",
        "table_name": "plan",
        "record_id": "P1",
        "child_id": "CH1",
        "item": "cease_reason",
        "value": "2026-06-29",
        "source_file": "ehc_case__plan.csv",
        "source_row": 2,
        "remedy": "Enter why the plan ceased.",
        "first_seen_at": KNOWN_AT,
        "state": "new",
    }


def test_the_table_of_findings_is_of_the_shape_stated(warehouse: Connection) -> None:
    capture(warehouse)
    described = warehouse.execute("describe checks.finding").fetchall()
    assert {name: sql_type.lower() for name, sql_type, *_ in described} == FINDING_COLUMNS


def test_nothing_wrong_leaves_no_finding(warehouse: Connection) -> None:
    assert capture(warehouse) == []


def test_every_record_has_a_finding_of_its_own(warehouse: Connection) -> None:
    found = after(
        warehouse, add("ehc_case__need", plan_id="P1", rank=3, sen_type="NSA"), CEASED_WITHOUT_REASON, of=(PLANS, NEEDS)
    )
    assert [(finding["rule_id"], finding["record_id"]) for finding in found] == [
        ("cease_date_without_reason", "P1"),
        ("need_type_nsa_in_plan", "P1|3"),
    ]


def test_two_items_of_one_record_are_two_findings(warehouse: Connection) -> None:
    tomorrow = date(2026, 7, 1)
    found = after(warehouse, change("ehc_case__plan", issued_date=tomorrow, transfer_in_date=tomorrow))
    assert [(finding["record_id"], finding["item"]) for finding in found] == [
        ("P1", "issued_date"),
        ("P1", "transfer_in_date"),
    ]
    assert len(set(keys(found))) == 2


def test_a_value_that_could_not_be_read_goes_to_the_owner_of_its_extract_as_it_was_written(
    warehouse: Connection,
) -> None:
    (finding,) = after(
        warehouse,
        unreadable("therapy_waits__referral", "first_contact_date", "unreadable_date", "6th o' May\t\u2013"),
        of=("landing/issue",),
    )
    assert (finding["owner"], finding["organisation"], finding["extract"]) == (
        "health_steward",
        "health",
        "therapy_waits",
    )
    assert (finding["record_id"], finding["item"], finding["value"]) == (
        "RF1",
        "first_contact_date",
        "6th o' May\t\u2013",
    )
    assert (finding["source_file"], finding["source_row"]) == ("therapy_waits__referral.csv", 2)


def test_a_record_of_no_child_known_has_none(warehouse: Connection) -> None:
    (finding,) = after(
        warehouse, change("ehc_case__advice", returned_date=date(2024, 2, 12)), of=("landing/ehc_case__advice",)
    )
    assert (finding["record_id"], finding["child_id"]) == ("AD1", None)


def test_findings_are_kept_where_no_identity_was_made(borough: Connection) -> None:
    (finding,) = after(borough, CEASED_WITHOUT_REASON)
    assert (finding["record_id"], finding["child_id"]) == ("P1", None)


def test_a_child_is_known_by_the_extract_and_table_of_its_record(warehouse: Connection) -> None:
    built.add("identity.identity__record_child", extract="ehc_case", table_name="need", record_id="P1", child_id="CH2")(
        warehouse
    )
    (finding,) = after(warehouse, CEASED_WITHOUT_REASON)
    assert finding["child_id"] == "CH1"


def test_children_are_found_where_there_are_too_many_findings_to_name_their_records(
    warehouse: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("checks.findings.RECORDS_NAMED", 0)
    (finding,) = after(warehouse, CEASED_WITHOUT_REASON)
    assert finding["child_id"] == "CH1"


def test_a_rule_that_names_the_child_itself_is_believed(warehouse: Connection) -> None:
    built.change("core.fct_plan", child_id="CH9")(warehouse)
    (finding,) = capture(warehouse, "core/fct_plan")
    assert (finding["rule_id"], finding["child_id"], finding["owner"]) == ("child_unknown", "CH9", "bi_team")


def test_keys_outlive_a_move_to_another_file_and_row(borough: Connection) -> None:
    found = after(borough, CEASED_WITHOUT_REASON)
    moved = after(borough, change("ehc_case__plan", _file="plans_july.csv", _row=77, _delivery=2))
    assert keys(moved) == keys(found)
    assert (moved[0]["source_file"], moved[0]["source_row"]) == ("plans_july.csv", 77)


def test_keys_outlive_a_change_of_the_wrong_value(borough: Connection) -> None:
    found = after(borough, CEASED_WITHOUT_REASON)
    changed = after(borough, change("ehc_case__plan", cease_date=date(2026, 6, 1)))
    assert keys(changed) == keys(found)
    assert changed[0]["value"] == "2026-06-01"


def test_keys_outlive_other_findings(borough: Connection) -> None:
    found = after(borough, CEASED_WITHOUT_REASON)
    more = after(borough, change("ehc_case__need", where="rank = 2", sen_type="NSA"), of=(PLANS, NEEDS))
    assert len(more) == 2
    assert set(keys(found)) < set(keys(more))


def test_keys_are_the_same_on_every_machine(borough: Connection) -> None:
    """A key that changed would make every open finding look fixed, and found anew."""
    written = "cease_date_without_reason|ehc_case|plan|P1|cease_reason"
    assert keys(after(borough, CEASED_WITHOUT_REASON)) == [hashlib.sha256(written.encode()).hexdigest()[:20]]


def test_a_record_delivered_twice_is_one_finding_at_its_last_place(borough: Connection) -> None:
    found = after(
        borough,
        CEASED_WITHOUT_REASON,
        like("ehc_case__plan", cease_date=date(2026, 6, 29), _file="ehc_case__plan.csv", _row=9, _delivery=2),
    )
    (finding,) = [finding for finding in found if finding["rule_id"] == "cease_date_without_reason"]
    assert finding["source_row"] == 9


def test_rows_set_apart_without_their_number_are_told_apart_by_their_place(borough: Connection) -> None:
    found = after(
        borough,
        change("ehc_case__review", review_id=None),
        like("ehc_case__review", review_id=None),
        set_apart("ehc_case__review", "review_id"),
        of=("landing/quarantine",),
    )
    assert [(finding["record_id"], finding["source_row"]) for finding in found] == [("", 2), ("", 3)]
    assert len(set(keys(found))) == 2


def test_two_tables_may_fault_records_of_one_number(warehouse: Connection) -> None:
    for table, column in (("core.fct_plan", "plan_id"), ("core.fct_placement", "placement_id")):
        built.change(table, **{column: "7", "record_id": "7", "child_id": "CH9"})(warehouse)
    found = capture(warehouse, "core/fct_plan", "core/fct_placement")
    assert [
        (finding["dataset"], finding["record_id"]) for finding in found if finding["rule_id"] == "child_unknown"
    ] == [
        ("core/fct_placement", "7"),
        ("core/fct_plan", "7"),
    ]
    assert len(set(keys(found))) == len(found)


@pytest.mark.parametrize(
    ("known_state", "state"),
    [("new", "open"), ("open", "open"), ("reopened", "open"), ("fixed", "reopened"), ("waived", "waived")],
)
def test_a_finding_known_keeps_the_day_it_was_first_seen(known_state: str, state: str, borough: Connection) -> None:
    (key,) = keys(after(borough, CEASED_WITHOUT_REASON))
    (finding,) = capture(borough, first_seen=known((key, LAST_WEEK, known_state)))
    assert (finding["state"], finding["first_seen_at"]) == (state, LAST_WEEK)


def test_what_others_found_before_does_not_make_a_finding_old(borough: Connection) -> None:
    CEASED_WITHOUT_REASON(borough)
    (finding,) = capture(borough, first_seen=known(("another key", LAST_WEEK, "open")))
    assert (finding["state"], finding["first_seen_at"]) == ("new", KNOWN_AT)


def test_findings_are_written_anew(borough: Connection) -> None:
    assert len(after(borough, CEASED_WITHOUT_REASON)) == 1
    assert after(borough, change("ehc_case__plan", cease_reason="2")) == []


@pytest.mark.parametrize("outcome", ["passed", "crashed", "skipped"])
def test_only_a_failed_rule_leaves_findings(outcome: Any, borough: Connection) -> None:
    CEASED_WITHOUT_REASON(borough)
    results = verify_contracts(borough, [CONTRACTS / "landing" / "ehc_case__plan.yml"])
    ended = [RuleResult(result.rule, outcome) for result in results]
    capture_findings(borough, ended, known(), seen_at=KNOWN_AT)
    assert len(findings(borough)) == 0


def test_a_table_of_another_shape_leaves_no_findings(warehouse: Connection) -> None:
    built.reshape("core.fct_plan", "add column shoe_size integer")(warehouse)
    assert capture(warehouse, "core/fct_plan") == []


def test_no_results_leave_no_findings(borough: Connection) -> None:
    capture_findings(borough, [], known(), seen_at=KNOWN_AT)
    assert findings(borough) == []


def test_a_query_that_ends_in_a_comment_is_captured(warehouse: Connection, tmp_path: Path) -> None:
    query = "select record_id from core.fct_plan -- every plan"
    results = verify_contracts(warehouse, [write(tmp_path, "fct_plan", stated("fct_plan", [rule("r", query)]))])
    capture_findings(warehouse, results, known(), seen_at=KNOWN_AT)
    assert len(findings(warehouse)) == 1
    assert findings(warehouse)[0]["record_id"] == "P1"


def test_a_warning_is_a_finding_too(warehouse: Connection, tmp_path: Path) -> None:
    contract = stated("fct_plan", [rule("r", "select record_id from core.fct_plan", severity="warning")])
    results = verify_contracts(warehouse, [write(tmp_path, "fct_plan", contract)])
    capture_findings(warehouse, results, known(), seen_at=KNOWN_AT)
    assert [finding["severity"] for finding in findings(warehouse)] == ["warning"]


def test_a_crashed_rule_does_not_keep_what_the_others_found_from_people(warehouse: Connection) -> None:
    """The list of records to correct is built of what was found, and its own rules let it go out."""
    CEASED_WITHOUT_REASON(warehouse)
    results = [
        RuleResult(result.rule, "crashed") if result.rule_id == "cease_date_before_start" else result
        for result in verify_contracts(warehouse, [CONTRACTS / f"{PLANS}.yml"])
    ]
    capture_findings(warehouse, results, known(), seen_at=KNOWN_AT)
    assert len(findings(warehouse)) == 1
    built.remove("lists.list_records_to_correct")(warehouse)
    warehouse.execute(
        "insert into lists.list_records_to_correct by name select * exclude (table_name) from checks.finding"
    )
    worklist = [CONTRACTS / "lists" / "list_records_to_correct.yml"]
    assert {result.outcome for result in verify_contracts(warehouse, worklist)} == {"passed"}


def test_rows_kept_while_they_were_counted_give_the_same_findings(borough: Connection) -> None:
    CEASED_WITHOUT_REASON(borough)
    again = capture(borough)
    kept = verify_contracts(borough, [CONTRACTS / f"{PLANS}.yml"], is_keeping_rows=True)
    assert all(result.rows for result in kept if result.outcome == "failed" and result.rule.query)
    capture_findings(borough, kept, known(), seen_at=KNOWN_AT)
    assert again
    assert findings(borough) == again


@pytest.mark.parametrize("is_keeping_rows", [True, False])
def test_a_rule_whose_rows_cannot_be_read_has_crashed_and_the_others_still_count(
    tmp_path: Path, is_keeping_rows: bool
) -> None:
    connection = duckdb.connect()  # of its own, for a failed statement ends the transaction the fixtures work in
    make_borough(connection)
    connection.execute("create schema core")
    connection.execute("create table core.fct_plan as select 'P1' as plan_id")
    unreadable_rows = "select plan_id as record_id, cast(plan_id as integer) as value from core.fct_plan"
    contract = stated(
        "fct_plan", [rule("stops", unreadable_rows), rule("finds", "select plan_id as record_id from core.fct_plan")]
    )
    paths = [write(tmp_path, "fct_plan", contract)]
    results = verify_contracts(connection, paths, is_keeping_rows=is_keeping_rows)
    captured = capture_findings(connection, results, known(), seen_at=KNOWN_AT)
    assert {result.rule_id: result.outcome for result in captured} == {"stops": "crashed", "finds": "failed"}
    assert [finding["rule_id"] for finding in findings(connection)] == ["finds"]
