"""The ``send`` command as its users meet it."""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import duckdb
import pytest
from python_calamine import CalamineWorkbook

from flows.reading import write_list_workbook
from tests.flows.conftest import PrefectServer, SendHome
from warehouse.home import Home

RunHome = tuple[SendHome, subprocess.CompletedProcess[str]]


def test_a_run_tells_what_it_loaded_found_and_published(run_home: RunHome) -> None:
    _, done = run_home
    for heading in ("## Loads", "## Findings", "## Products"):
        assert heading in done.stdout
    assert "**lists** is published, as at 2026-11-02" in done.stdout


def test_rows_read_are_rows_loaded_and_quarantined_for_every_load(run_home: RunHome) -> None:
    home, _ = run_home
    with duckdb.connect(str(home.folder / "warehouse" / "warehouse.duckdb"), read_only=True) as connection:
        wrong = connection.execute(
            "select * from landing.load_file where status = 'landed' and rows_read <> rows_loaded + rows_quarantined"
        ).fetchall()
        landed = connection.execute("select count(*) from landing.load_file where status = 'landed'").fetchone()
    assert landed is not None and landed[0] > 20
    assert wrong == []


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory, prefect_server: PrefectServer) -> tuple[SendHome, dict[str, Any]]:
    """A tiny borough's home after one run, and what that answered. Tests work on a copy of it."""
    home = SendHome(tmp_path_factory.mktemp("once") / "home", prefect_server.api_url)
    home.send("demo", "--children", "200")
    return home, home.answer("run")


@pytest.fixture
def copied(once: tuple[SendHome, dict[str, Any]], tmp_path: Path) -> tuple[SendHome, dict[str, Any]]:
    home, answered = once
    shutil.copytree(home.folder, tmp_path / "home", symlinks=True)
    return SendHome(tmp_path / "home", home.prefect_api), answered


def test_a_second_run_with_nothing_new_loads_nothing_and_leaves_what_stands(
    copied: tuple[SendHome, dict[str, Any]],
) -> None:
    home, first = copied
    again = home.answer("run")
    assert not again["is_anything_new"]
    assert sum(load["rows_read"] for load in again["loads"]) == 0
    assert (again["findings_open"], again["rules"]) == (first["findings_open"], first["rules"])
    assert first["findings_open"] > 0 and again["findings_new"] == 0
    assert [p["published_from"] for p in again["products"]] == [p["published_from"] for p in first["products"]]


def test_the_same_day_rebuilt_gives_the_same_bytes(copied: tuple[SendHome, dict[str, Any]]) -> None:
    home, answered = copied
    known_at = answered["known_at"]
    first = (home.folder / "published" / "lists" / "list_children_with_plans.parquet").read_bytes()
    home.answer("run", "--as-at", "2026-06-01")
    other_day = (home.folder / "published" / "lists" / "list_children_with_plans.parquet").read_bytes()
    home.answer("run", "--as-at", "2026-11-02", "--known-at", known_at)
    again = (home.folder / "published" / "lists" / "list_children_with_plans.parquet").read_bytes()
    assert other_day != first
    assert again == first


def test_status_lists_and_findings_answer_for_programs(run_home: RunHome) -> None:
    home, _ = run_home
    state = home.answer("status")
    assert {product["product"]: product["status"] for product in state["products"]}["lists"] == "published"
    names = {entry["list"] for entry in home.answer("lists")}
    assert {"children-with-plans", "assessments-in-progress", "annual-reviews", "records-to-correct"} <= names
    children = home.answer("lists", "children-with-plans")
    assert children and "child_id" in children[0]
    found = home.answer("findings")
    assert found and {"rule_id", "child_id", "source_file", "source_row"} <= set(found[0])


def test_findings_show_no_value_unless_asked(run_home: RunHome) -> None:
    home, _ = run_home
    assert not {"value", "record_id"} & set(home.answer("findings")[0])
    assert {"value", "record_id"} <= set(home.answer("findings", "--show-values")[0])


def test_a_list_exported_as_csv_cannot_carry_a_formula(run_home: RunHome, tmp_path: Path) -> None:
    home, _ = run_home
    out = tmp_path / "list.csv"
    assert home.send("lists", "children-with-plans", "--csv", str(out)).returncode == 0
    assert out.read_text(encoding="utf-8-sig").startswith("child_id")
    assert not [
        cell
        for line in out.read_text(encoding="utf-8-sig").splitlines()
        for cell in line.split(",")
        if cell[:1] in "=@" and cell
    ]


def test_a_list_exported_as_workbook_has_text_as_text_and_days_as_days(run_home: RunHome, tmp_path: Path) -> None:
    home, _ = run_home
    out = tmp_path / "list.xlsx"
    assert home.send("lists", "children-with-plans", "--xlsx", str(out)).returncode == 0
    headings, *rows = CalamineWorkbook.from_path(str(out)).get_sheet_by_index(0).to_python()
    with duckdb.connect(str(home.folder / "published" / "lists" / "lists.duckdb"), read_only=True) as connection:
        published = connection.execute("select upn, birth_date, age from list_children_with_plans").fetchall()
    upn, birth_date, age = (headings.index(name) for name in ("upn", "birth_date", "age"))
    assert [(row[upn] or None, row[birth_date], row[age]) for row in rows] == published


def test_a_workbook_turns_no_text_into_a_formula(run_home: RunHome, tmp_path: Path) -> None:
    home, _ = run_home
    out = tmp_path / "list.xlsx"
    write_list_workbook(Home(home.folder), "children-with-plans", out)
    with zipfile.ZipFile(out) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet and "<hyperlink" not in sheet


@pytest.mark.parametrize("option", ["--csv", "--xlsx"])
def test_an_exported_list_is_its_owners_alone(option: str, run_home: RunHome, tmp_path: Path) -> None:
    home, _ = run_home
    out = tmp_path / "list"
    assert home.send("lists", "annual-reviews", option, str(out)).returncode == 0
    assert out.stat().st_mode & 0o077 == 0
    missing = home.send("lists", "annual-reviews", option, str(tmp_path / "no folder" / "list"))
    assert missing.returncode == 2
    assert "cannot be written" in missing.stderr


def test_lists_for_inspectors_that_are_held_hold_no_run_and_say_which_records_hold_them(
    run_home: RunHome, tmp_path: Path
) -> None:
    home, done = run_home
    assert done.returncode == 0
    assert "**annex_a** is HELD (nothing is published yet):" in done.stdout
    state = home.answer("status")
    assert {product["product"]: product["status"] for product in state["products"]}["annex_a"] == "held"
    assert not state["is_any_product_held"]
    held = home.send("annex-a", "--xlsx", str(tmp_path / "annex-a.xlsx"))
    assert held.returncode == 1
    assert "HELD and none were published before" in held.stderr
    assert not (tmp_path / "annex-a.xlsx").exists()
    found = home.answer("annex-a")
    errors = [finding for finding in found["findings"] if finding["severity"] == "error"]
    assert errors and all(finding["child_id"] and finding["source_file"] for finding in errors)
    assert all(any(finding["rule_id"] in reason for reason in found["reasons"]) for finding in errors)


def test_wrong_usage_ends_with_64(tmp_path: Path) -> None:
    home = SendHome(tmp_path)
    assert home.send("run", "--no-such-option").returncode == 64
    assert home.send("no-such-command").returncode == 64
    assert home.send("run", "--as-at", "soon").returncode == 64


def test_dirt_is_named_and_a_wrong_share_of_it_is_wrong_usage(tmp_path: Path) -> None:
    home = SendHome(tmp_path)
    kinds = home.answer("demo", "--list-dirt")
    assert {"utf_16", "leading_zero_lost"} <= set(kinds["dirt"]) and "nhs_number_check_digit_wrong" in kinds["faults"]
    assert home.send("demo", "--dirt", "utf_16=0.5").returncode == 64
    done = home.send("demo", "--dirt", "mud=0.1")
    assert done.returncode == 2 and "--list-dirt" in done.stderr
    assert not list(home.folder.rglob("*.csv"))


def test_a_run_without_a_configuration_says_what_to_do_and_makes_nothing(home: SendHome) -> None:
    done = home.send("run")
    assert done.returncode == 2
    assert "send init" in done.stderr
    assert "Traceback" not in done.stderr
    assert not home.folder.exists()


def test_a_prefect_server_that_does_not_answer_is_told_plainly(fresh_home: SendHome) -> None:
    done = fresh_home.send("run", PREFECT_API_URL="http://127.0.0.1:9/api")
    assert done.returncode == 2
    assert "PREFECT_API_URL" in done.stderr
    assert "Traceback" not in done.stderr


def test_lists_made_from_nothing_are_held(fresh_home: SendHome) -> None:
    for path in (fresh_home.folder / "borough" / "extracts" / "ehc_case").iterdir():
        if path.name != "child.csv":
            path.unlink()
    done = fresh_home.send("run")
    assert done.returncode == 1, done.stderr
    assert "**lists** is HELD" in done.stdout
    assert "What the list is made from has been delivered" in done.stdout
    assert done.stderr == ""
    assert not (fresh_home.folder / "published" / "lists").exists()
    assert fresh_home.send("status").returncode == 1


def test_a_first_configuration_is_commented_and_readable(home: SendHome) -> None:
    assert home.send("init", "--la", "883", "--name", "Thurrock").returncode == 0
    assert (home.folder / "send.yml").read_text().count("#") > 10
    assert "LA 883, 5 sources" in home.send("doctor").stdout


def test_the_doctor_names_each_source_to_mend_and_goes_on(fresh_home: SendHome) -> None:
    written = (fresh_home.folder / "send.yml").read_text()
    (fresh_home.folder / "send.yml").write_text(written.replace("borough/extracts/gias", "borough/extracts/nowhere"))
    done = fresh_home.send("doctor")
    assert done.returncode == 2
    (mend,) = [line for line in done.stdout.splitlines() if line.startswith("MEND")]
    assert "source gias" in mend
    assert "source therapy_waits" in done.stdout


def test_the_demo_never_touches_a_councils_own_configuration(home: SendHome) -> None:
    home.send("init", "--la", "883")
    before = (home.folder / "send.yml").read_text()
    assert home.send("demo").returncode == 2
    assert (home.folder / "send.yml").read_text() == before
