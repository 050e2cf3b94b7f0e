"""A steward's value laid over one landed cell: where it holds, where the source counts, and what it may be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import duckdb
import pytest

from connectors.corrections import Cell, CorrectionRefused, NoSuchRecord, landed_record, typed_text
from connectors.errors import SendError
from connectors.landing import register_landing
from tests.connectors.conftest import Delivery

Deliver = Callable[..., Delivery]

REQUESTS = """request_id,case_id,received_date,source,outcome
R1,K1,2025-09-01,PARENT,
R2,K2,2025-10-01,,Y
R3,K3,2025-11-01,XX,N
"""
TABLE = "landing.ehc_case__request"
ISSUE = "select record_id, column_name, problem from landing.issue order by all"


@dataclass(frozen=True)
class Laid:
    """A correction that stands."""

    record_id: str
    column_name: str
    landed_value: str | None
    value: str | None
    correction_id: int = 1
    extract: str = "ehc_case"
    table_name: str = "request"
    reason: str = "The form says so."
    until: date = date(2026, 2, 1)
    proposed_by: str = "A. Steward"
    decided_by: str | None = "B. Manager"
    decided_at: datetime = datetime(2026, 1, 1)


@pytest.fixture
def requests(deliver: Deliver) -> Delivery:
    delivery = deliver()
    delivery.put("request.csv", REQUESTS)
    delivery.load()
    return delivery


def asked(delivery: Delivery, sql: str, *corrections: Laid) -> list[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        register_landing(connection, delivery.configuration, delivery.known_at(delivery.nights), corrections)
        return connection.execute(sql).fetchall()


def test_a_corrected_cell_holds_its_value_and_every_other_stays(requests: Delivery) -> None:
    before = asked(requests, f"select * exclude received_date from {TABLE} order by request_id")
    laid = Laid("R1", "received_date", "2025-09-01", "2025-09-04")
    days = asked(requests, f"select request_id, received_date from {TABLE} order by all", laid)
    assert days == [("R1", date(2025, 9, 4)), ("R2", date(2025, 10, 1)), ("R3", date(2025, 11, 1))]
    assert asked(requests, f"select * exclude received_date from {TABLE} order by request_id", laid) == before


def test_several_cells_of_a_table_are_corrected_together_one_filled_and_one_emptied(requests: Delivery) -> None:
    laid = (
        Laid("R1", "outcome", None, "Y", 1),
        Laid("R2", "outcome", "Y", None, 2),
        Laid("R2", "received_date", "2025-10-01", "2025-10-02", 3),
    )
    rows = asked(requests, f"select request_id, received_date, outcome from {TABLE} order by all", *laid)
    assert rows == [
        ("R1", date(2025, 9, 1), "Y"),
        ("R2", date(2025, 10, 2), None),
        ("R3", date(2025, 11, 1), "N"),
    ]


def test_what_was_amiss_with_the_text_is_not_told_of_a_corrected_cell(requests: Delivery) -> None:
    ((of_record, column, _problem),) = [row for row in asked(requests, ISSUE) if row[0] == "R3"]
    assert (of_record, column) == ("R3", "source")
    assert asked(requests, ISSUE, Laid("R3", "source", "XX", "1")) == [
        row for row in asked(requests, ISSUE) if row[0] != "R3"
    ]


STATE = "select source_value, source_file, source_row, is_in_landing, is_applied from landing.correction"


def test_the_landing_says_what_the_source_says_and_whether_the_correction_applies(requests: Delivery) -> None:
    laid = Laid("R1", "received_date", "2025-09-01", "2025-09-04")
    assert asked(requests, STATE, laid) == [("2025-09-01", "request.csv", 2, True, True)]
    as_delivered = asked(requests, "select received_date from landing.as_landed__ehc_case__request limit 1", laid)
    assert as_delivered == [(date(2025, 9, 1),)]


@pytest.mark.parametrize("mended", ["2025-09-04", "2025-09-30"])
def test_a_source_that_has_changed_counts_whatever_it_says(mended: str, requests: Delivery) -> None:
    requests.put("request.csv", REQUESTS.replace("2025-09-01", mended))
    requests.load()
    laid = Laid("R1", "received_date", "2025-09-01", "2025-09-04")
    assert asked(requests, f"select received_date from {TABLE} where request_id = 'R1'", laid) == [
        (date.fromisoformat(mended),)
    ]
    assert asked(requests, STATE, laid) == [(mended, "request.csv", 2, True, False)]


def test_a_correction_of_a_record_that_is_not_delivered_any_more_applies_to_nothing(requests: Delivery) -> None:
    laid = Laid("R9", "received_date", "2025-09-01", "2025-09-04")
    assert asked(requests, STATE, laid) == [(None, None, None, False, False)]


def test_a_correction_of_a_column_that_is_no_more_stops_nothing(requests: Delivery) -> None:
    assert asked(requests, STATE, Laid("R1", "received_by", "a", "b")) == [(None, None, None, False, False)]


def test_a_hostile_value_or_record_is_a_value_and_a_record(requests: Delivery) -> None:
    hostile = "'); drop table landing.correction; --"
    laid = (Laid("R1", "exported_la", None, hostile, 1), Laid(hostile, "exported_la", None, "x", 2))
    rows = asked(requests, f"select exported_la from {TABLE} where exported_la is not null", *laid)
    assert rows == [(hostile,)]


def cell(column: str, table: str = "request") -> Cell:
    return Cell("ehc_case", table, "R1", column)


@pytest.mark.parametrize(
    ("column", "text", "landed"),
    [
        ("received_date", "4/9/2025", "2025-09-04"),
        ("received_date", " 2025-09-04 ", "2025-09-04"),
        ("mediation", "Yes", "true"),
        ("outcome", "W", "W"),
        ("outcome", "", None),
        ("outcome", None, None),
        ("exported_la", " 801 ", "801"),
    ],
)
def test_a_value_is_read_as_if_the_source_had_delivered_it(column: str, text: str | None, landed: str | None) -> None:
    assert typed_text(cell(column), text) == landed


@pytest.mark.parametrize(
    ("column", "text", "why"),
    [
        ("received_date", "31/02/2025", "received_date is not a date"),
        ("received_date", "1900-01-01", "cannot be a placeholder"),
        ("received_date", "", "cannot be empty"),
        ("mediation", "perhaps", "is not yes or no"),
        ("outcome", "Q", "holds one of the codes"),
        ("exported_la", "#REF!", "is no value"),
        ("request_id", "R7", "is the record's key"),
        ("received_by", "x", "has no column 'received_by'"),
    ],
)
def test_a_value_that_the_contract_would_not_take_is_refused(column: str, text: str, why: str) -> None:
    with pytest.raises(CorrectionRefused, match=why):
        typed_text(cell(column), text)


def test_a_table_or_extract_there_is_not_is_told() -> None:
    with pytest.raises(CorrectionRefused, match="has no table 'letter'"):
        typed_text(cell("x", table="letter"), "x")
    with pytest.raises(SendError, match="There is no extract 'letters'"):
        typed_text(Cell("letters", "letter", "1", "x"), "x")


def test_a_record_is_shown_as_delivered_beneath_its_correction(requests: Delivery) -> None:
    warehouse = requests.folder / "warehouse.duckdb"
    with duckdb.connect(str(warehouse)) as connection:
        laid = [Laid("R1", "received_date", "2025-09-01", "2025-09-04")]
        register_landing(connection, requests.configuration, requests.known_at(1), laid)
    landed = landed_record(warehouse, "ehc_case", "request", "R1")
    assert (landed.values["received_date"], landed.source_file, landed.source_row) == ("2025-09-01", "request.csv", 2)
    assert landed_record(warehouse, "ehc_case", "request", "R2").values["outcome"] == "Y"
    with pytest.raises(NoSuchRecord, match="delivered again"):
        landed_record(warehouse, "ehc_case", "request", "R9")
