"""Databases read by watermark: only what changed is fetched, and what stands is what a whole reading would give."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import Engine

from connectors.errors import LandingDamaged
from connectors.manifest import FileEntry, known_manifests
from tests.connectors import servers
from tests.connectors.conftest import Delivery

Deliver = Callable[..., Delivery]

LONG_AGO = "2025-06-01 10:00:00"
ROWS = [("K1", "Okafor", "Ada", "2012-03-04"), ("K2", "Smith", "Ben", "2013-06-05"), ("K3", "Nowak", "Cyra", None)]


@pytest.fixture(scope="module", params=["postgresql", "mariadb"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    is_mariadb = request.param == "mariadb"
    with servers.mariadb(tmp_path_factory.mktemp("mariadb")) if is_mariadb else servers.postgresql() as address:
        engine = sqlalchemy.create_engine(address)
        yield engine
        engine.dispose()


class Cases:
    """A table of children in the case system, changed as an officer changes it."""

    def __init__(self, engine: Engine, delivery: Delivery) -> None:
        self.engine = engine
        self.delivery = delivery

    def do(self, statement: str, *values: Any) -> None:
        with self.engine.begin() as connection:
            connection.exec_driver_sql(statement, values)

    def add(self, *rows: tuple[str | None, ...], modified: str | None = LONG_AGO) -> None:
        for row in rows:
            self.do("insert into child values (%s, %s, %s, %s, %s)", *row, modified)

    def set(self, case_id: str, modified: str | None, **columns: str | None) -> None:
        for column, value in {**columns, "modified_at": modified}.items():
            self.do(f"update child set {column} = %s where case_id = %s", value, case_id)

    def delete(self, case_id: str) -> None:
        self.do("delete from child where case_id = %s", case_id)

    def load(self) -> tuple[int, int]:
        """Rows read and rows that left, of one load."""
        before = len(self.delivery.manifests())
        report = self.delivery.load()
        assert report.refused == []
        gone = [e["rows_gone"] for m in self.delivery.manifests()[before:] for e in m["files"]]
        return report.rows_read, sum(gone)

    def names(self, night: int | None = None) -> list[tuple[Any, ...]]:
        return self.delivery.rows("child", "case_id, forename", night)

    def entries(self) -> list[FileEntry]:
        manifests = known_manifests(self.delivery.folder / "landing")
        return [entry for manifest in manifests for entry in manifest.files]


@pytest.fixture
def cases(deliver: Deliver, server: Engine, monkeypatch: pytest.MonkeyPatch) -> Cases:
    monkeypatch.setenv("SEND_TEST_DATABASE", server.url.render_as_string(hide_password=False))
    made = Cases(server, deliver(kind="database", url_env="SEND_TEST_DATABASE", watermark={"child": "Modified_At"}))
    made.do("drop table if exists child")
    made.do(
        "create table child (case_id varchar(20), surname varchar(40), forename varchar(40), birth_date date, "
        "modified_at timestamp(6) null default null)"
    )
    made.add(*ROWS)
    return made


def test_only_what_changed_is_fetched(cases: Cases) -> None:
    assert cases.load() == (3, 0)
    assert cases.load() == (0, 0)
    cases.set("K2", "2025-06-01 11:00", forename="Benn")
    cases.add(("K4", "Ek", "Di", "2012-01-01"), modified="2025-06-01 12:00")
    assert cases.load() == (2, 0)
    assert cases.names() == [("K1", "Ada"), ("K2", "Benn"), ("K4", "Di")]
    assert cases.names(night=2) == [("K1", "Ada"), ("K2", "Ben")]
    assert not cases.delivery.load().is_anything_new
    latest = cases.entries()[-1]
    assert latest.watermark and latest.watermark.reached == "2025-06-01T12:00:00"
    assert (latest.rows_loaded, latest.rows_standing) == (2, 3)
    assert cases.delivery.rows("child", "distinct _delivery") == [(latest.delivery,)]


def test_far_more_stands_than_is_fetched(cases: Cases) -> None:
    days = [datetime(2025, 1, 1) + timedelta(hours=n) for n in range(3000)]
    with cases.engine.begin() as connection:
        connection.execute(
            sqlalchemy.text("insert into child values (:case_id, 'Ek', 'Di', '2012-01-01', :day)"),
            [{"case_id": f"N{n}", "day": day} for n, day in enumerate(days)],
        )
    assert cases.load() == (3003, 0)
    fetched: list[int] = []

    def count(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if "surname" in statement and "SELECT" in statement:
            fetched.append(statement.count("WHERE"))

    sqlalchemy.event.listen(Engine, "before_cursor_execute", count)
    try:
        cases.set("N7", "2025-06-02 11:00", forename="Du")
        assert cases.load() == (1, 0)
    finally:
        sqlalchemy.event.remove(Engine, "before_cursor_execute", count)
    assert fetched and all(fetched)
    assert len(cases.names()) == 3002


def test_a_deleted_row_no_longer_stands_and_may_come_again(cases: Cases) -> None:
    cases.load()
    cases.delete("K2")
    assert cases.load() == (0, 1)
    assert cases.names() == [("K1", "Ada")]
    assert cases.names(night=1) == [("K1", "Ada"), ("K2", "Ben")]
    cases.delete("K3")
    assert cases.load() == (0, 1)
    assert cases.delivery.quarantine() == []
    cases.add(("K2", "Smith", "Ben", "2013-06-05"))
    cases.load()
    assert cases.names() == [("K1", "Ada"), ("K2", "Ben")]
    assert [len(cases.names(night)) for night in (1, 2, 3, 4)] == [2, 1, 1, 2]


def test_a_late_correction_with_the_same_or_an_older_moment_is_not_lost(cases: Cases) -> None:
    cases.load()
    cases.set("K1", LONG_AGO, forename="Adah")
    assert cases.load() == (1, 0)
    cases.set("K2", "2025-06-01 01:00", forename="Benn")
    assert cases.load() == (1, 0)
    assert cases.names() == [("K1", "Adah"), ("K2", "Benn")]


def test_a_row_that_came_with_an_old_moment_is_noticed_by_its_key(cases: Cases) -> None:
    cases.load()
    cases.add(("K0", "Ek", "Di", "2012-01-01"), modified="2020-01-01")
    assert cases.load() == (4, 0)
    assert cases.names()[0] == ("K0", "Di")
    assert not cases.delivery.load().is_anything_new


def test_a_row_without_a_moment_is_always_looked_at(cases: Cases) -> None:
    cases.load()
    cases.set("K1", None)
    assert cases.load() == (0, 0)
    cases.set("K1", None, forename="Adah")
    assert cases.load() == (1, 0)
    assert ("K1", "Adah") in cases.names()


def test_a_moment_in_the_far_future_does_not_hide_what_follows(cases: Cases) -> None:
    cases.set("K2", "2035-01-01")
    cases.load()
    cases.set("K1", "2025-06-01 11:00", forename="Adah")
    assert cases.load() == (1, 0)
    assert ("K1", "Adah") in cases.names()


def test_what_a_change_spoils_no_longer_stands_and_what_it_mends_does(cases: Cases) -> None:
    cases.load()
    cases.set("K1", "2025-06-01 11:00", birth_date=None)
    cases.set("K3", "2025-06-01 11:00", birth_date="2014-07-08")
    assert cases.load() == (2, 0)
    assert cases.names() == [("K2", "Ben"), ("K3", "Cyra")]
    assert [row[5] for row in cases.delivery.quarantine()] == ["K1"]


def test_several_rows_of_one_key_stand_as_they_are(cases: Cases) -> None:
    cases.add(("K1", "Okafor", "Adah", "2012-03-04"), modified="2025-01-01")
    cases.load()
    cases.set("K2", "2025-06-03 11:00", forename="Benn")
    assert cases.load() == (1, 0)
    cases.do("update child set forename = 'Ida', modified_at = '2025-06-03 12:00' where forename = 'Adah'")
    cases.load()
    assert cases.names() == [("K1", "Ada"), ("K1", "Ida"), ("K2", "Benn")]
    cases.do("delete from child where forename = 'Ida'")
    cases.load()
    assert cases.names() == [("K1", "Ada"), ("K2", "Benn")]


def test_a_row_without_a_key_is_held_apart_until_it_has_one(cases: Cases) -> None:
    cases.add((None, "Ek", "Di", "2012-01-01"))
    cases.load()
    cases.set("K1", "2025-06-03 11:00", forename="Adah")
    assert cases.load() == (1, 0)
    assert {row[5] for row in cases.delivery.quarantine()} == {"K3", None}
    cases.do("update child set case_id = 'K7', modified_at = '2025-06-03 12:00' where case_id is null")
    cases.load()
    assert [row[5] for row in cases.delivery.quarantine()] == ["K3"]
    assert cases.names() == [("K1", "Adah"), ("K2", "Ben"), ("K7", "Di")]


def test_a_table_that_was_emptied_is_refused(cases: Cases) -> None:
    cases.add(*((f"N{n}", "Ek", "Di", "2012-01-01") for n in range(20)))
    cases.load()
    cases.do("delete from child")
    assert "would empty child" in cases.delivery.load().refused[0][1]
    assert len(cases.names()) == 22


def test_a_restored_backup_and_a_changed_mapping_are_read_whole(cases: Cases) -> None:
    cases.load()
    cases.set("K1", "2025-06-03 11:00", forename="Adah")
    cases.load()
    cases.set("K1", LONG_AGO, forename="Ada")
    cases.load()
    assert cases.names() == [("K1", "Ada"), ("K2", "Ben")]
    cases.delivery.settings["columns"] = {"child": {"middle_names": "surname"}}
    cases.delivery.settings["codes"] = {"child": {"forename": {"Ada": "Adeline"}}}
    cases.load()
    assert cases.names() == [("K1", "Adeline"), ("K2", "Ben")]
    cases.set("K2", "2025-06-04 11:00", forename="Benn")
    assert cases.load() == (1, 0)
    assert cases.names() == [("K1", "Adeline"), ("K2", "Benn")]


def test_a_watermark_set_or_taken_away_later(cases: Cases) -> None:
    watermark = cases.delivery.settings.pop("watermark")
    cases.load()
    cases.delivery.settings["watermark"] = watermark
    cases.load()
    cases.set("K1", "2025-06-03 11:00", forename="Adah")
    assert cases.load() == (1, 0)
    del cases.delivery.settings["watermark"]
    assert cases.load() == (3, 0)
    assert cases.names() == [("K1", "Adah"), ("K2", "Ben")]
    assert cases.names(night=1) == [("K1", "Ada"), ("K2", "Ben")]


@pytest.mark.parametrize(("column", "reason"), [("changed", "no column 'changed'"), ("flag", "cannot be used")])
def test_an_unusable_watermark_is_told(cases: Cases, column: str, reason: str) -> None:
    cases.do("alter table child add flag time")
    cases.do("update child set flag = '10:00'")
    cases.delivery.settings["watermark"] = {"child": column}
    ((_, told),) = cases.delivery.load().refused
    assert reason in told
    assert "send.yml" in told or "watermark" in told


def test_a_damaged_link_of_the_chain_is_named_until_the_table_is_read_whole(cases: Cases) -> None:
    cases.load()
    cases.delete("K2")
    cases.load()
    (gone,) = [path for path in cases.delivery.parquet() if path.name.startswith("gone-")]
    gone.write_bytes(b"x")
    with pytest.raises(LandingDamaged, match=gone.name):
        cases.names()
    assert cases.load() == (2, 0)  # the whole table: K1, and K3 that is set apart
    assert cases.names() == [("K1", "Ada")]


def test_the_chain_begins_anew_before_it_grows_long(cases: Cases, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.increments.MOST_INCREMENTS", 2)
    read = []
    for name in ("a", "b", "c", "d", "e"):
        cases.set("K1", "2025-06-03 11:00", forename=name)
        read.append(cases.load()[0])
    assert read == [3, 1, 1, 3, 1]
    assert cases.names() == [("K1", "e"), ("K2", "Ben")]
    assert [cases.names(night)[0][1] for night in range(1, 6)] == ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize("extract", ["therapy_waits", "nccis"])
def test_histories_by_key_and_by_period(cases: Cases, extract: str, deliver: Deliver) -> None:
    table, columns, first, second = {
        "therapy_waits": (
            "referral",
            "referral_id varchar(9), local_patient_id varchar(9), service varchar(9), referral_received_date date",
            [("R1", "P1", "SALT", "2025-01-01"), ("R2", "P2", "OT", "2025-01-02")],
            ("R3", "P3", "OT", "2025-01-03"),
        ),
        "nccis": (
            "client",
            "client_id varchar(9), activity_code varchar(9), birth_date date, period_end date",
            [
                ("R1", "210", "2008-01-01", "2025-01-31"),
                ("R2", "210", "2008-01-01", "2025-02-28"),
                ("R0", "210", "2008-01-01", "2025-02-28"),
            ],
            ("R3", "210", "2008-01-01", "2025-02-28"),
        ),
    }[extract]
    cases.do(f"drop table if exists {table}")
    cases.do(f"create table {table} ({columns}, modified integer)")
    delivery = deliver(extract, "database", url_env="SEND_TEST_DATABASE", watermark={table: "modified"})
    key = columns.split()[0]
    for number, row in enumerate(first):
        cases.do(f"insert into {table} values (%s, %s, %s, %s, %s)", *row, number)

    def standing(night: int | None = None) -> list[str]:
        return [row[0] for row in delivery.rows(table, key, night)]

    assert delivery.load().refused == []
    keys = sorted(row[0] for row in first)
    assert standing() == keys
    cases.do(f"insert into {table} values (%s, %s, %s, %s, %s)", *second, 7)
    assert delivery.load().rows_read == 1
    assert standing() == sorted([*keys, "R3"])
    cases.do(f"delete from {table} where {key} = 'R2'")
    delivery.load()
    assert standing() == sorted({*keys, "R3"} - {"R2"})
    cases.do(f"delete from {table} where {key} = 'R1'")
    cases.do(f"update {table} set modified = 9 where {key} = 'R3'")
    delivery.load()
    # The whole of January left the source: what was delivered of it stands, as it does with any later delivery.
    left = {"therapy_waits": ["R3"], "nccis": ["R0", "R1", "R3"]}[extract]
    assert standing() == left
    delivery.settings["codes"] = {table: {key: {"r3": "R9"}}}
    delivery.load()
    assert standing() == sorted({*left, "R9"} - {"R3"})
    assert standing(night=2) == sorted([*keys, "R3"])


@pytest.mark.parametrize("seed", range(3))
def test_increments_give_what_a_whole_reading_gives(cases: Cases, tmp_path_factory: Any, seed: int) -> None:
    chance = random.Random(seed)
    settings = {key: value for key, value in cases.delivery.settings.items() if key != "watermark"}
    moment = datetime(2025, 6, 1)
    columns = "case_id, surname, forename, birth_date, _issues"
    seen: list[list[tuple[Any, ...]]] = []
    for night in range(8):
        for _ in range(chance.randrange(6)):
            moment += timedelta(hours=chance.randrange(30))
            case_id = f"K{chance.randrange(9)}"
            deed = chance.choice(["add", "set", "delete", "spoil", "mend", "unkey"])
            if deed == "add":
                old = moment - timedelta(days=chance.choice([0, 0, 40]))
                cases.add((case_id, "Ek", f"F{night}", "2012-01-01"), modified=str(old))
            elif deed == "set":
                cases.set(case_id, chance.choice([str(moment), None]), forename=f"F{night}")
            elif deed == "delete":
                cases.delete(case_id)
            elif deed in ("spoil", "mend"):
                cases.set(case_id, str(moment), birth_date=None if deed == "spoil" else "2013-01-01")
            else:
                cases.do("update child set case_id = null, modified_at = %s where case_id = %s", str(moment), case_id)
        cases.delivery.load()
        whole = Delivery(tmp_path_factory.mktemp("whole"), "ehc_case", "database", settings)
        whole.load()
        seen.append(whole.rows("child", columns))
        assert cases.delivery.rows("child", columns) == seen[-1]
        held = 'select "table", reason, record_id from landing.quarantine order by all'
        assert cases.delivery.query(held) == whole.query(held)
    assert [cases.delivery.rows("child", columns, night=night + 1) for night in range(8)] == seen


def test_days_and_numbers_rise_too(cases: Cases) -> None:
    cases.do("alter table child add version bigint, add changed date")
    cases.do("update child set version = 5, changed = '2025-06-01'")
    for column, values in (("version", ("6", "7")), ("changed", ("2025-06-05", "2025-06-09"))):
        cases.delivery.settings["watermark"] = {"child": column}
        cases.load()
        for value in values:
            cases.do(f"update child set forename = %s, {column} = %s where case_id = 'K1'", f"v{value}", value)
            assert cases.load() == (1, 0)
            assert cases.names()[0] == ("K1", f"v{value}")
    assert cases.delivery.rows("child", "birth_date")[0] == (date(2012, 3, 4),)
