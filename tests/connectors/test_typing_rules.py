"""How one value is read: the rules, each with what it takes and what it leaves unread."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from connectors.typing_rules import open_typing


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    with open_typing(tmp_path_factory.mktemp("typing")) as connection:
        yield connection


def read(connection: duckdb.DuckDBPyConnection, rule: str, text: str) -> Any:
    (value,) = connection.execute(f"select {rule}(read_text(?))", [text]).fetchone() or (None,)
    return value


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2024-03-05", date(2024, 3, 5)),
        ("2024-03-05T00:00:00", date(2024, 3, 5)),
        ("2024-03-05 10:11:12.5Z", date(2024, 3, 5)),
        ("05/03/2024", date(2024, 3, 5)),
        ("5/3/2024", date(2024, 3, 5)),
        ("05-03-2024", date(2024, 3, 5)),
        ("05.03.2024 09:00", date(2024, 3, 5)),
        ("5 Mar 2024", date(2024, 3, 5)),
        ("05-March-2024", date(2024, 3, 5)),
        ("\N{NO-BREAK SPACE} 2024-03-05\t", date(2024, 3, 5)),
        ("9999-12-31", date(9999, 12, 31)),
    ],
)
def test_a_date_is_read(rules: duckdb.DuckDBPyConnection, text: str, day: date) -> None:
    assert read(rules, "read_date", text) == day


@pytest.mark.parametrize(
    "text", ["2024-02-30", "03/25/2024", "05/03/24", "0024-03-05", "45356", "infinity", "today", "2024", "5/3", ""]
)
def test_what_is_no_date_is_not_guessed(rules: duckdb.DuckDBPyConnection, text: str) -> None:
    assert read(rules, "read_date", text) is None


def test_a_number_in_a_workbook_date_is_the_day_excel_means(rules: duckdb.DuckDBPyConnection) -> None:
    assert read(rules, "read_workbook_date", "45356") == date(2024, 3, 5)


@pytest.mark.parametrize(
    ("rule", "text", "value"),
    [
        ("read_integer", "1,234", 1234),
        ("read_integer", "7.0", 7),
        ("read_integer", "7.5", None),
        ("read_integer", "1.23E+12", None),
        ("read_integer", "99999999999999999999", None),
        ("read_decimal", "£1,234.50", Decimal("1234.50")),
        ("read_decimal", "-£3", Decimal("-3.00")),
        ("read_decimal", "1,23", None),
        ("read_decimal", "about 3", None),
        ("read_boolean", "Y", True),
        ("read_boolean", "FALSE", False),
        ("read_boolean", "0", False),
        ("read_boolean", "maybe", None),
        ("read_datetime", "05/03/2024 09:30", datetime(2024, 3, 5, 9, 30)),
        ("read_datetime", "2024-03-05T25:00", None),
        ("read_datetime", "2024-03-05", datetime(2024, 3, 5)),
    ],
)
def test_other_values(rules: duckdb.DuckDBPyConnection, rule: str, text: str, value: Any) -> None:
    assert read(rules, rule, text) == value


def test_typing_stays_within_its_memory(tmp_path: Path) -> None:
    with open_typing(tmp_path) as connection:
        (limit,) = connection.execute("select current_setting('memory_limit')").fetchone() or ("",)
    assert limit == "238.4 MiB"
