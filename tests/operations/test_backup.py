"""Copies of the store, taken and brought back while it is in use; each from SQLite and from PostgreSQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy

from connectors.errors import SendError
from operations.backup import CopyRefused, back_up, restore
from operations.store import OperationsStore
from operations.triage import Triage
from tests.operations.nights import AS_AT, FIRST_NIGHT, Nights, finding
from tests.operations.older import OF_AN_OLDER_RELEASE, make_store_of, rows

Open = Callable[[], OperationsStore]


@pytest.fixture
def worked_on(nights: Nights) -> Nights:
    """A store with a finding fixed, one assigned and one explained."""
    nights.run(finding("a"), finding("b"), finding("c", severity="query"))
    nights.run(finding("b"), finding("c", severity="query"))
    triage = Triage(nights.store)
    triage.assign({"b": 1}, to="A. Steward", by="B. Manager", note="Zo\u00eb's")
    triage.explain({"c": 1}, because="The school was closed.", by="A. Officer", return_year=2027)
    return nights


def told(store: OperationsStore) -> list[object]:
    triage = Triage(store)
    found = triage.all()
    return [*found, *(triage.history(one.finding_key) for one in found), store.explanations(), store.last_run()]


def test_a_copy_brought_back_is_what_the_store_held(worked_on: Nights, tmp_path: Path) -> None:
    store, copy = worked_on.store, tmp_path / "copy.db"
    before = told(store)
    counts = back_up(store, copy)
    assert (counts["finding"], counts["explanation"], copy.stat().st_mode & 0o777) == (3, 1, 0o600)
    worked_on.run(finding("d"))
    Triage(store).note({"b": 3}, note="Too late.", by="A. Steward")
    assert told(store) != before
    assert restore(store, copy, is_replacing=True) == counts
    assert told(store) == before
    assert Triage(store).note({"b": 2}, note="And on.", by="A. Steward").done == {"b": 3}
    assert list(tmp_path.glob(".copy*")) == []


def test_what_is_being_written_is_not_in_the_copy_and_nobody_waits(worked_on: Nights, tmp_path: Path) -> None:
    with worked_on.store.writing() as connection:
        connection.execute(sqlalchemy.text("update finding set assignee = 'nobody yet'"))
        back_up(worked_on.store, tmp_path / "copy.db")
    held = rows(f"sqlite:///{tmp_path / 'copy.db'}", "select assignee from finding order by finding_key")
    assert held == [(None,), ("A. Steward",), (None,)]


def test_a_run_that_goes_on_while_a_copy_is_brought_back_ends_well(worked_on: Nights, tmp_path: Path) -> None:
    store = worked_on.store
    back_up(store, tmp_path / "copy.db")
    store.begin_run("run-9", as_at=AS_AT, known_at=FIRST_NIGHT + timedelta(days=9))
    worked_on.number = 9
    restore(store, tmp_path / "copy.db", is_replacing=True)
    assert worked_on.sync(finding("b")).fixed == 1
    store.finish_run("run-9", "done", {})
    last = store.last_run()
    assert last is not None
    assert (last.run_id, last.outcome) == ("run-9", "done")


def test_a_copy_of_an_older_release_is_brought_up_to_date_and_stays_as_it_was(
    store: OperationsStore, tmp_path: Path
) -> None:
    older = tmp_path / "older" / "copy.db"
    make_store_of(f"sqlite:///{older}", "0001")
    for statement in OF_AN_OLDER_RELEASE:
        rows(f"sqlite:///{older}", statement)
    assert restore(store, older)["finding"] == 1
    assert [turn.event for turn in Triage(store).history("k1")] == ["new", "fixed", "reopened"]
    assert rows(f"sqlite:///{older}", "select version_num from alembic_version") == [("0001",)]


def test_a_store_in_use_is_not_replaced_unasked(worked_on: Nights, tmp_path: Path) -> None:
    back_up(worked_on.store, tmp_path / "copy.db")
    before = told(worked_on.store)
    with pytest.raises(CopyRefused, match="--replace"):
        restore(worked_on.store, tmp_path / "copy.db")
    assert told(worked_on.store) == before


def test_a_copy_is_never_written_over(store: OperationsStore, tmp_path: Path) -> None:
    (tmp_path / "copy.db").write_text("the copy of last week")
    with pytest.raises(CopyRefused, match="is there already"):
        back_up(store, tmp_path / "copy.db")
    with pytest.raises(CopyRefused, match="cannot be written"):
        back_up(store, tmp_path / "nowhere" / "copy.db")


def test_what_is_no_copy_is_refused_and_changes_nothing(worked_on: Nights, tmp_path: Path) -> None:
    before = told(worked_on.store)
    (tmp_path / "letter.db").write_text("This is a letter. " * 100)
    with sqlite3.connect(tmp_path / "other.db") as connection:
        connection.execute("create table other (a integer)")
    back_up(worked_on.store, tmp_path / "newer.db")
    rows(f"sqlite:///{tmp_path / 'newer.db'}", "update alembic_version set version_num = '9999'")
    for name in ("letter.db", "other.db", "newer.db", "absent.db"):
        with pytest.raises(SendError):
            restore(worked_on.store, tmp_path / name, is_replacing=True)
    assert told(worked_on.store) == before
