"""The board pack, the workbook and the CSV files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from python_calamine import CalamineWorkbook

from connectors.configuration import DashboardSettings
from dashboard.edition import OfAnotherRelease, read_edition
from dashboard.pack import write_pack
from dashboard.pages import write_downloads
from dashboard.workbook import write_workbook
from tests.dashboard.invented import invented_edition


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with invented_edition(months=14, monthly=60) as connection:
        connection.execute("update dashboard.indicator_catalogue set owner = '=cmd()' where indicator_id = 'issued0'")
        connection.execute(
            "update dashboard.indicator_board set breakdown_value = '=HYPERLINK(\"http://x\")' "
            "where breakdown_value = 'ASD'"
        )
        yield connection


def test_areas_are_told_by_name_beside_their_codes(tmp_path: Path) -> None:
    """The council's names go before the register's; where two areas have one name, their codes follow it."""
    names = DashboardSettings(areas={"West": "Westerley and Fobbing"})
    with invented_edition(months=14, monthly=60, settings=names) as connection:
        connection.execute("update area set area_name = '=1+1' where area = 'North'")
        edition = read_edition(connection, "board")
        write_workbook(edition, tmp_path / "book.xlsx")
        write_downloads(connection, edition, tmp_path)
    told = next(i for i in edition.indicators if i.indicator_id == "issued0").breakdowns["area"]
    assert list(told) == ["Market Ward (East)", "=1+1", "Market Ward (South)", "Westerley and Fobbing"]
    assert {f.breakdown_value for f in told["Westerley and Fobbing"].values()} == {"West"}
    sheet = CalamineWorkbook.from_path(tmp_path / "book.xlsx").get_sheet_by_name("Groups, last periods")
    head, *rows = sheet.to_python()
    group, code = head.index("Group"), head.index("Code")
    assert ("Westerley and Fobbing", "West") in {(row[group], row[code]) for row in rows}
    named = duckdb.execute(
        f"select distinct breakdown_value, area_name from read_csv('{tmp_path}/issued0.csv') "
        "where breakdown in ('all', 'area') order by all"
    ).fetchall()
    assert named == [
        ("East", "Market Ward (East)"),
        ("North", "'=1+1"),
        ("South", "Market Ward (South)"),
        ("West", "Westerley and Fobbing"),
        ("all", None),
    ]


def test_an_area_is_named_as_the_newest_register_does_else_by_its_code() -> None:
    with invented_edition(months=3) as connection:
        assert connection.execute("from area where area in ('North', 'West') order by all").fetchall() == [
            ("North", "Northam Ward"),
            ("West", "West"),
        ]


def test_the_pack_is_a_tagged_pdf_with_a_text_for_each_chart(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    write_pack(read_edition(connection, "board"), tmp_path / "pack.pdf", tmp_path / "drawings")
    pdf = (tmp_path / "pack.pdf").read_bytes()
    assert pdf.startswith(b"%PDF-1.7")
    for part in (b"/StructTreeRoot", b"/Lang", b"pdfuaid:part"):
        assert part in pdf


def test_the_pack_is_the_same_to_the_byte_when_made_again(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    edition = read_edition(connection, "board")
    for name in ("one.pdf", "other.pdf"):
        write_pack(edition, tmp_path / name, tmp_path / "drawings")
    assert (tmp_path / "one.pdf").read_bytes() == (tmp_path / "other.pdf").read_bytes()


def test_the_workbook_holds_every_total_as_shown_and_no_formula(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    write_workbook(read_edition(connection, "board"), tmp_path / "figures.xlsx")
    book = CalamineWorkbook.from_path(str(tmp_path / "figures.xlsx"))
    rows = book.get_sheet_by_name("Totals").to_python()
    ((expected,),) = connection.execute("select count(*) from indicator_board where breakdown = 'all'").fetchall()
    assert len(rows) == expected + 1
    groups = {row[7] for row in book.get_sheet_by_name("Groups, last periods").to_python()}
    assert (
        '=HYPERLINK("http://x")' in groups
    )  # a text, not a formula: calamine would give a formula's value, which is empty


def test_a_csv_has_no_cell_that_a_spreadsheet_would_run(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    write_downloads(connection, read_edition(connection, "board"), tmp_path)
    values = duckdb.execute(
        f"select distinct breakdown_value from read_csv('{tmp_path / 'issued0.csv'}') where breakdown = 'need'"
    ).fetchall()
    assert ('\'=HYPERLINK("http://x")',) in values


def test_of_many_groups_the_largest_are_shown_and_how_many_are_left_out_is_said(
    connection: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = next(i for i in read_edition(connection, "board").indicators if i.indicator_id == "issued0")
    sizes = {area: max(f.numerator or 0 for f in kinds.values()) for area, kinds in whole.breakdowns["area"].items()}
    monkeypatch.setattr("dashboard.edition.MOST_GROUPS", 2)
    few = next(i for i in read_edition(connection, "board").indicators if i.indicator_id == "issued0")
    assert whole.left_out == {}
    assert set(few.breakdowns["area"]) == set(sorted(sizes, key=lambda area: (-sizes[area], area))[:2])
    assert few.left_out["area"] == len(sizes) - 2


def test_of_many_groups_those_of_which_nothing_can_be_shown_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.edition.MOST_GROUPS", 3)
    with invented_edition(months=14, monthly=60) as connection:
        connection.execute(
            "update dashboard.indicator_board set value = null, numerator = null, denominator = null, "
            "suppressed = true, shown = '[c]' where breakdown = 'area' and breakdown_value in ('North', 'South')"
        )
        few = next(i for i in read_edition(connection, "board").indicators if i.indicator_id == "issued0")
    assert set(few.breakdowns["area"]) == {"Market Ward (East)", "West"}
    assert few.left_out["area"] == 2


def test_a_dashboard_published_before_an_update_changed_its_tables_says_how_to_publish_it_anew() -> None:
    with invented_edition(months=14, monthly=60) as connection:
        connection.execute("drop table dashboard.area")
        with pytest.raises(OfAnotherRelease, match="send run"):
            read_edition(connection, "board")
