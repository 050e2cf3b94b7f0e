"""``send annex-a`` on a home whose nights are made here: a child on either list, and what a test changes of them."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from python_calamine import CalamineWorkbook
from typer.testing import CliRunner, Result

from checks.gates import INSPECTION_GATES, decide_gates, read_gates
from checks.rules import inspection_contract_paths
from checks.verification import verify_contracts
from connectors.errors import SendError
from flows.annex_a import ListsHeld, write_annex_a
from flows.command_line import app
from flows.reading import NothingPublished
from operations.store import OperationsStore
from returns.annex_a import LISTS, NoLists, check_lists
from tests.checks.inspected import AS_AT, KNOWN_AT, Step, change, columns_of, make_lists
from tests.checks.inspected import LISTS as TABLES
from warehouse.build import PointInTime, finish_build
from warehouse.home import Home
from warehouse.publication import publish

LIST_1 = "annex_a.annex_a_list_1"
WRONG = (change(LIST_1, ethnicity=None),)


class Council:
    """A home, the nights it has had, and the command as its officers give it."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder)
        self.home.create()
        self.nights = 0

    def night(self, *steps: Step) -> None:
        """Builds the lists, changed so, checks them, and publishes or holds them, as a run does."""
        self.nights += 1
        run_id, store = f"night{self.nights}", OperationsStore(self.home.operations_url)
        (gate,) = read_gates(INSPECTION_GATES)
        gate = replace(gate, contracts=("annex_a/*",), must_run=())
        store.begin_run(run_id, as_at=AS_AT, known_at=KNOWN_AT)
        with duckdb.connect(str(self.home.building)) as connection:
            make_lists(connection)
            for step in steps:
                step(connection)
            (decision,) = decide_gates(verify_contracts(connection, inspection_contract_paths()), [gate])
        if decision.is_published:
            made = publish(self.home, gate.product, gate.tables, PointInTime(AS_AT, KNOWN_AT), run_id)
            store.record_publication(run_id, made.product, made.content)
        else:
            store.record_hold(run_id, gate.product, decision.reasons)
        finish_build(self.home)
        store.close()

    def send(self, *arguments: str) -> Result:
        return CliRunner().invoke(app, ["annex-a", *arguments], env={"SEND_HOME": str(self.home.folder)})


@pytest.fixture
def council(tmp_path: Path) -> Council:
    return Council(tmp_path / "home")


def sheets(path: Path) -> dict[str, list[list[Any]]]:
    book = CalamineWorkbook.from_path(str(path))
    return {name: book.get_sheet_by_name(name).to_python() for name in book.sheet_names}


def test_both_lists_are_written_as_published(council: Council, tmp_path: Path) -> None:
    council.night()
    done = council.send("--xlsx", str(tmp_path / "annex-a.xlsx"))
    assert done.exit_code == 0, done.output
    assert "1 rows of List_1 and 1 rows of List_2, as at 2026-06-30" in done.output
    written = sheets(tmp_path / "annex-a.xlsx")
    assert list(written) == ["List_1", "List_2", "About"]
    row = dict(zip(*written["List_1"], strict=True))
    assert (row["Unique ID"], row["Gender"], row["SEN primary need"], row["Absence"]) == ("CH1", "Female", "ASD", 6.5)
    assert f"{row['Date of birth']:%d/%m/%Y}" == "04/05/2012"
    assert row["Which children's social care team?"] == ""
    assert ["Status", "published"] in written["About"]


def test_the_headings_are_those_of_the_workbook_inspectors_send_out(
    council: Council, tmp_path: Path, shared_data: Callable[[str], Path]
) -> None:
    sample = sheets(shared_data("area-send-annex-a-sample.xlsx"))
    council.night()
    write_annex_a(council.home, tmp_path / "annex-a.xlsx")
    written = sheets(tmp_path / "annex-a.xlsx")
    assert {name: rows[0] for name, rows in written.items() if name != "About"} == {
        name: rows[0] for name, rows in sample.items()
    }


def test_the_workbook_is_its_owners_alone_and_turns_no_text_into_a_formula(council: Council, tmp_path: Path) -> None:
    council.night(change(LIST_1, social_care_team='=HYPERLINK("http://example.org")'))
    out = tmp_path / "annex-a.xlsx"
    write_annex_a(council.home, out)
    assert out.stat().st_mode & 0o077 == 0
    with zipfile.ZipFile(out) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet and "<hyperlink" not in sheet


def test_lists_that_are_held_are_the_last_that_passed_and_say_so(council: Council, tmp_path: Path) -> None:
    council.night()
    council.night(*WRONG)
    done = council.send("--xlsx", str(tmp_path / "annex-a.xlsx"))
    assert done.exit_code == 1
    assert "The lists are HELD (those of 2026-06-30 stand):" in done.output
    assert "(annex_a_101c)" in done.output
    written = sheets(tmp_path / "annex-a.xlsx")
    assert written["List_1"][1][5] == "WBRI"
    assert ["Status", "HELD: the last lists that passed, not those of the last run"] in written["About"]


def test_lists_that_never_passed_are_not_written(council: Council, tmp_path: Path) -> None:
    council.night(*WRONG)
    done = council.send("--xlsx", str(tmp_path / "annex-a.xlsx"))
    assert done.exit_code == 1
    assert "none were published before" in done.output
    assert not (tmp_path / "annex-a.xlsx").exists()
    with pytest.raises(ListsHeld, match="annex_a_101c"):
        write_annex_a(council.home, tmp_path / "annex-a.xlsx")


def test_a_draft_is_of_the_last_run_whatever_its_rules_say(council: Council, tmp_path: Path) -> None:
    council.night()
    council.night(*WRONG)
    done = council.send("--xlsx", str(tmp_path / "annex-a.xlsx"), "--draft")
    assert done.exit_code == 1
    assert "a draft of the last run" in done.output
    written = sheets(tmp_path / "annex-a.xlsx")
    assert written["List_1"][1][5] == ""
    assert ["Status", "DRAFT: not published"] in written["About"]


def test_a_draft_must_go_somewhere(council: Council) -> None:
    council.night()
    done = council.send("--draft")
    assert done.exit_code == 2
    assert "--xlsx FILE" in done.output


def test_what_the_rules_find_is_told_by_rule_and_by_record_without_values(council: Council) -> None:
    council.night(*WRONG, change(LIST_1, disability=None))
    counts = council.send()
    assert counts.exit_code == 1
    assert (
        "error\tannex_a_101c\tannex_a_list_1\tEach child's ethnicity is given, as one of DfE's codes\t1"
        in counts.output
    )
    records = council.send("--records", "--limit", "1")
    assert (
        "error\tannex_a_101c\tannex_a_list_1\tCH1\tethnicity\tperson.csv\t3\tEnter it in the case system"
        in records.output
    )
    assert "annex_a_103" not in records.output.partition("HELD")[0]


def test_programs_are_answered_in_json(council: Council) -> None:
    council.night(change(LIST_1, disability=None))
    done = council.send("--json")
    assert done.exit_code == 0
    found = json.loads(done.stdout)
    assert (found["status"], found["rows"]) == ("published", {"annex_a_list_1": 1, "annex_a_list_2": 1})
    assert [(rule["rule_id"], rule["found"]) for rule in found["rules"]] == [("annex_a_103", 1)]
    assert "value" not in found["findings"][0]


def test_a_home_without_a_run_says_what_to_do(council: Council, tmp_path: Path) -> None:
    with pytest.raises(NothingPublished, match="send run"):
        write_annex_a(council.home, tmp_path / "annex-a.xlsx")
    with pytest.raises(NoLists, match="send run"):
        write_annex_a(council.home, tmp_path / "annex-a.xlsx", is_draft=True)
    assert isinstance(council.send().exception, NoLists)


def test_a_warehouse_of_an_older_release_says_what_to_do(council: Council) -> None:
    council.night()
    with duckdb.connect(str(council.home.warehouse)) as connection:
        connection.execute("drop table annex_a.annex_a_list_2")
    with pytest.raises(NoLists, match="an older release built it"):
        check_lists(council.home, OperationsStore(council.home.operations_url))


def test_a_publication_that_cannot_be_read_says_what_to_do(council: Council, tmp_path: Path) -> None:
    council.night()
    published = council.home.published / "annex_a" / "annex_a.duckdb"
    published.chmod(0o600)
    published.write_bytes(b"not a database")
    with pytest.raises(SendError, match="cannot be read"):
        write_annex_a(council.home, tmp_path / "annex-a.xlsx")


@pytest.mark.parametrize(("child_list", "table"), list(zip(LISTS, TABLES, strict=True)))
def test_a_list_has_the_columns_of_its_model_up_to_where_the_row_came_from(child_list: Any, table: str) -> None:
    columns = [*columns_of(f"marts/annex_a/{table}")]
    assert child_list.table == table
    assert list(child_list.headings) == columns[: columns.index("child_id")]
