"""Tables and views of a database: a real PostgreSQL, and SQLite where no dialect matters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import psutil
import pytest
import sqlalchemy

from connectors.errors import ConfigurationError, SourceUnavailable
from tests.connectors import servers
from tests.connectors.conftest import Delivery

Deliver = Callable[..., Delivery]

CASES = """
create schema cases;
create table cases.people (
    "Case Ref" integer primary key, surname varchar(40), first_name text, dob date, "Sex" char(6), address text
);
insert into cases.people values
    (20, 'Smith', 'Ben', '2013-06-05', 'Male', 'Grays'),
    (3, 'Okafor', 'Ada', '2012-03-04', 'Female', null),
    (100, 'Nowak', 'Cyra', null, 'Female', 'Tilbury');
create view cases.request as
    select 'R1' as request_id, 3 as case_id, timestamp '2025-01-02 09:30' as received_date, true as mediation;
create table cases.placement (id integer, plan_id integer, cost_per_year numeric(12, 2), sen_unit boolean);
insert into cases.placement values (1, 7, 51234.5, false);
create table cases.review (review_id integer);

create schema odd;
create table odd.child (
    case_id numeric(10), surname char(20), forename name, birth_date timestamptz, address jsonb, caseworker json,
    middle_names text[], uprn double precision, team point, postcode bytea
);
insert into odd.child values
    (1, 'Okafor', 'Ada', '2012-06-05 00:00 Europe/London', '{"town": "Grays"}', '{"a": 1}', '{Di,Ek}',
        100091234567, '(1,2)', 'RM'),
    (2, 'Smith', 'Ben', 'infinity', null, null, null, null, null, null),
    (3, 'Nowak', 'Cyra', '0044-03-15 BC', null, null, null, null, null, null);
create materialized view odd.request as select 'R1' as request_id, 1 as case_id, date '2025-01-02' as received_date;
create view odd.assessment as
    select 'A' || n as assessment_id, 'R' || 1 / (n - 2) as request_id from generate_series(1, 3) as n;
create table odd."Placement" ("ID" bigserial, "Plan ID" uuid, sen_unit bit, cost_per_year money);
create table odd.plan (plan_id text, request_id text, start_date date);
create table odd.visit (visit_id text, date date);
create role reader login;
grant usage on schema odd to reader;
grant select on odd.child, odd.visit to reader;

create schema large;
create table large.child as
    select n as case_id, 'Okafor' as surname, 'Ada' as forename, date '2012-01-01' as birth_date,
        repeat('x', 200) as address
    from generate_series(1, 200000) as n;
"""

SETTINGS = {
    "url_env": "SEND_TEST_DATABASE",
    "schema": "cases",
    "tables": {"child": "people"},
    "codes": {"child": {"sex": {"male": "M", "female": "F"}}},
}


@pytest.fixture(scope="module")
def postgresql() -> Iterator[sqlalchemy.Engine]:
    """A PostgreSQL server of the test's own, holding a case system."""
    with servers.postgresql() as url:
        engine = sqlalchemy.create_engine(url)
        with engine.begin() as connection:
            connection.exec_driver_sql(CASES)
        yield engine
        engine.dispose()


@pytest.fixture
def cases(deliver: Deliver, postgresql: sqlalchemy.Engine, monkeypatch: pytest.MonkeyPatch) -> Delivery:
    monkeypatch.setenv("SEND_TEST_DATABASE", postgresql.url.render_as_string(hide_password=False))
    return deliver(kind="database", **SETTINGS)


def test_tables_and_views_land_like_files(cases: Delivery) -> None:
    report = cases.load()
    assert (report.files, report.rows_read, report.rows_loaded, report.rows_quarantined) == (4, 5, 4, 1)
    assert cases.rows("child", "case_id, forename, birth_date, sex, _file, _row") == [
        ("20", "Ben", date(2013, 6, 5), "M", "database:people", 2),
        ("3", "Ada", date(2012, 3, 4), "F", "database:people", 1),
    ]
    assert cases.rows("request", "case_id, cast(received_date as varchar), mediation") == [("3", "2025-01-02", True)]
    assert cases.rows("placement", "cast(cost_per_year as varchar), sen_unit") == [("51234.50", False)]
    assert cases.quarantine() == [("child", 3, "birth_date is missing", "birth_date", "missing_required", "100")]
    ((file, reason),) = report.refused
    assert file == "database:review"
    assert "plan_id" in reason


def test_what_did_not_change_is_not_landed_again(cases: Delivery, postgresql: sqlalchemy.Engine) -> None:
    cases.load()
    assert not cases.load().is_anything_new
    with postgresql.begin() as connection:
        connection.exec_driver_sql("insert into cases.people values (21, 'Ek', 'Di', '2012-01-01', 'Male', null)")
    assert cases.load().rows_read == 4
    assert len(cases.rows("child", "case_id")) == 3
    assert len(cases.rows("child", "case_id", night=1)) == 2


def test_a_database_that_cannot_be_reached_may_answer_later(deliver: Deliver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEND_TEST_DATABASE", "postgresql+psycopg://reader:s3cret@127.0.0.1:9/cases")
    with pytest.raises(SourceUnavailable, match="could not be reached") as raised:
        deliver(kind="database", **SETTINGS).load()
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize("address", [None, "not an address", "nosuch+driver://x"])
def test_an_unusable_address_is_named_by_its_variable_alone(
    deliver: Deliver, monkeypatch: pytest.MonkeyPatch, address: str | None
) -> None:
    monkeypatch.delenv("SEND_TEST_DATABASE", raising=False)
    if address:
        monkeypatch.setenv("SEND_TEST_DATABASE", address)
    with pytest.raises(ConfigurationError, match="SEND_TEST_DATABASE") as raised:
        deliver(kind="database", **SETTINGS).load()
    assert address is None or address not in str(raised.value)


def test_any_dialect_will_do(deliver: Deliver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = f"sqlite:///{tmp_path / 'cases.db'}"
    with sqlalchemy.create_engine(address).begin() as connection:
        connection.exec_driver_sql("create table request (request_id text, case_id text, received_date text)")
        connection.exec_driver_sql("insert into request values ('R1', 'K1', '02/01/2025')")
    monkeypatch.setenv("SEND_TEST_DATABASE", address)
    delivery = deliver(kind="database", url_env="SEND_TEST_DATABASE")
    assert delivery.load().refused == []
    assert delivery.rows("request", "cast(received_date as varchar)") == [("2025-01-02",)]


def test_a_table_that_the_configuration_names_and_that_is_absent_is_refused(
    deliver: Deliver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"sqlite:///{tmp_path / 'cases.db'}"
    with sqlalchemy.create_engine(address).begin() as connection:
        connection.exec_driver_sql("create table request (request_id text, case_id text, received_date text)")
    monkeypatch.setenv("SEND_TEST_DATABASE", address)
    delivery = deliver(kind="database", url_env="SEND_TEST_DATABASE", tables={"plan": "v_plan"})
    assert delivery.load().refused[0][0] == "database:v_plan"


def test_types_of_every_kind(cases: Delivery) -> None:
    cases.settings |= {"schema": "odd", "tables": {}, "codes": {}}
    report = cases.load()
    assert [file for file, _ in report.refused] == ["database:assessment"]
    assert "select of all its rows" in report.refused[0][1]
    columns = "case_id, surname, forename, birth_date, address, caseworker, middle_names, uprn, team"
    assert cases.rows("child", columns) == [
        ("1", "Okafor", "Ada", date(2012, 6, 5), '{"town": "Grays"}', '{"a": 1}', "{Di,Ek}", "100091234567", "(1,2)")
    ]
    assert [row[4:] for row in cases.quarantine()] == [("unreadable_required", "2"), ("unreadable_required", "3")]
    assert len(cases.rows("request", "request_id")) == 1
    assert cases.rows("placement", "id") == []
    assert not cases.load().is_anything_new


def test_a_table_that_may_not_be_read_harms_no_other(
    cases: Delivery, postgresql: sqlalchemy.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = postgresql.url.set(username="reader").render_as_string(hide_password=False)
    monkeypatch.setenv("SEND_TEST_DATABASE", address)
    cases.settings |= {"schema": "odd", "tables": {}, "codes": {}}
    report = cases.load()
    assert {"database:plan", "database:request"} <= {file for file, _ in report.refused}
    assert all("InsufficientPrivilege" in reason for _, reason in report.refused)
    assert len(cases.rows("child", "case_id")) == 1


def test_a_schema_without_the_tables_is_told(cases: Delivery) -> None:
    cases.settings |= {"schema": "nowhere", "tables": {}, "codes": {}}
    with pytest.raises(SourceUnavailable, match="none of the tables child, request"):
        cases.load()


def test_memory_stays_flat_however_long_the_table(cases: Delivery) -> None:
    cases.settings |= {"schema": "large", "tables": {}, "codes": {}}
    before = psutil.Process().memory_info().rss
    assert cases.load().rows_loaded == 200_000
    assert psutil.Process().memory_info().rss - before < 350 * 2**20
