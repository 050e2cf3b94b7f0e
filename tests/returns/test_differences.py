"""Two returns compared record by record and item by item."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given

from connectors.errors import SendError
from returns.blade import read_blade, write_blade
from returns.differences import Difference, differences
from returns.specification import read_specification
from tests.returns.samples import STAMP, Tables, few, one_person, put, returns

SEN2 = read_specification(2027)


def compared(was: Tables, now: Tables) -> list[Difference]:
    with duckdb.connect() as connection:
        put(connection, SEN2, was, "submitted")
        put(connection, SEN2, now, "exported")
        return differences(connection, "submitted", "exported")


def with_keys(tables: Tables, suffix: str) -> Tables:
    """The same return under other keys."""
    keys = ("person_id", "requests_id")
    return {
        table: [{name: f"{value}{suffix}" if name in keys else value for name, value in row.items()} for row in rows]
        for table, rows in tables.items()
    }


@few
@given(returns(SEN2))
def test_a_return_does_not_differ_from_itself(tables: Tables) -> None:
    assert compared(tables, tables) == []


def test_a_blade_export_of_what_was_submitted_has_no_differences(tmp_path: Path) -> None:
    with duckdb.connect() as connection:
        put(connection, SEN2, one_person(), "submitted")
        write_blade(connection, SEN2, tmp_path, STAMP, date(2027, 2, 1), "submitted")
        read_blade(tmp_path, SEN2, connection, "exported")
        assert differences(connection, "submitted", "exported") == []


IDENTIFIED: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"upn": "A883000000001", "surname": "Old"}, {"upn": "A883000000001", "surname": "New"}),
    (
        {"unique_learner_number": "1000000001", "surname": "Old"},
        {"unique_learner_number": "1000000001", "surname": "New"},
    ),
    (
        {"person_birth_date": date(2015, 5, 1), "surname": "Same", "ethnicity": "WBRI"},
        {"person_birth_date": date(2015, 5, 1), "surname": "same", "ethnicity": "WIRI"},
    ),
]


@pytest.mark.parametrize(("was", "now"), IDENTIFIED)
def test_a_person_is_known_again_under_other_keys(was: dict[str, Any], now: dict[str, Any]) -> None:
    found = compared(one_person(**was), with_keys(one_person(**now), "-blade"))
    assert {(difference.kind, difference.module) for difference in found} == {("changed", "Person")}
    assert {difference.person_id for difference in found} == {"c-1-blade"}
    assert (found[0].item, found[0].was, found[0].now) == ("Surname", was["surname"], now["surname"])


def test_what_changed_is_told_item_by_item() -> None:
    now = one_person()
    now["sen2_named_plan"] = [{**now["sen2_named_plan"][0], "cease_date": date(2026, 9, 1), "pb": False}]
    assert compared(one_person(), now) == [
        Difference("changed", "NamedPlan", "c-1", "r-1", None, "PB", "true", "false"),
        Difference("changed", "NamedPlan", "c-1", "r-1", None, "CeaseDate", None, "2026-09-01"),
    ]


def test_records_added_and_removed_are_told() -> None:
    now = one_person()
    now["sen2_sen_need"] = now["sen2_sen_need"][1:]
    keys = {"person_id": "c-2", "requests_id": "r-2"}
    now["sen2_person"] = [*now["sen2_person"], {"person_id": "c-2", "upn": "A883000000002"}]
    now["sen2_requests"] = [*now["sen2_requests"], keys]
    assert compared(one_person(), now) == [
        Difference("added", "Person", "c-2", None, None, None, None, None),
        Difference("added", "Requests", "c-2", "r-2", None, None, None, None),
        Difference("removed", "SENneed", "c-1", "r-1", 2, None, None, None),
    ]


def test_a_schema_without_a_return_is_named() -> None:
    with duckdb.connect() as connection, pytest.raises(SendError, match="submitted and exported do not both hold"):
        differences(connection, "submitted", "exported")
