"""What passed its gate goes into a real PostgreSQL: whole, described, and readable by the right role alone."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pytest
import sqlalchemy

from connectors.configuration import Configuration, DestinationConfiguration
from connectors.manifest import write_whole
from connectors.removals import Removal, removals_folder
from tests.connectors import servers
from warehouse.build import PointInTime
from warehouse.home import Home
from warehouse.publication import publish
from warehouse.publishing.destinations import Outcome, deliver

MOMENT = PointInTime(date(2026, 11, 2), datetime(2026, 11, 2, 6))
LISTS = ("list_caseload", "list_annual_reviews")
READER = """
import json, sys
from pathlib import Path
import sqlalchemy
url, stop = sys.argv[1], Path(sys.argv[2])
engine = sqlalchemy.create_engine(url)
joined = ("select (select min(version) from send_lists.list_caseload), "
          "(select max(version) from send_lists.list_annual_reviews), (select run_id from send_lists.publication)")
seen, rounds = set(), 0
print("reading", flush=True)
while not stop.exists():
    with engine.connect() as connection:
        one, other, run_id = connection.exec_driver_sql(joined).one()
        assert f"run{one}" == f"run{other}" == run_id, "two versions mixed in one query"
    with engine.connect() as connection:
        order = ("list_annual_reviews", "list_caseload") if rounds % 2 else ("list_caseload", "list_annual_reviews")
        found = {connection.exec_driver_sql(f"select min(version) from send_lists.{t}").scalar_one() for t in order}
        assert len(found) == 1 and None not in found, "two versions mixed in one transaction"
    seen.add(one)
    rounds += 1
print(json.dumps({"versions": len(seen), "rounds": rounds}))
"""


@pytest.fixture(scope="module")
def server() -> Iterator[sqlalchemy.Engine]:
    with servers.postgresql() as url:
        engine = sqlalchemy.create_engine(url, isolation_level="AUTOCOMMIT")
        yield engine
        engine.dispose()


@pytest.fixture
def database(server: sqlalchemy.Engine) -> Iterator[sqlalchemy.Engine]:
    """An empty database of the server, without the roles."""
    with server.connect() as connection:
        connection.exec_driver_sql("drop database if exists dashboards with (force)")
        for role in ("send_dashboard", "send_lists", "publisher"):
            connection.exec_driver_sql(f"drop role if exists {role}")
        connection.exec_driver_sql("create database dashboards")
    engine = sqlalchemy.create_engine(server.url.set(database="dashboards"))
    yield engine
    engine.dispose()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.create()
    return home


def publish_version(home: Home, version: int, product: str = "lists", tables: tuple[str, ...] = LISTS) -> None:
    """A product whose every table says which version it is of."""
    home.building.unlink(missing_ok=True)
    with duckdb.connect(str(home.building)) as connection:
        connection.execute("create schema lists")
        for table in tables:
            connection.execute(
                f"create table lists.{table} as select {version} as version, 'Zoë' || chr(0) as caseworker_name, "
                "12.50::decimal(18, 2) as fte, date '2026-11-02' as due_date, x as children, null::varchar as team "
                "from range(2000) t(x)"
            )
    publish(home, product, dict.fromkeys(tables, "lists"), MOMENT, f"run{version}")


def deliver_to(database: sqlalchemy.Engine, home: Home, monkeypatch: pytest.MonkeyPatch) -> list[Outcome]:
    monkeypatch.setenv("SEND_PUBLISH_URL", database.url.render_as_string(hide_password=False))
    destination = DestinationConfiguration(kind="postgresql", url_env="SEND_PUBLISH_URL", products=("lists", "figures"))
    configuration = Configuration(
        home=home.folder, la_code="883", la_name="Thurrock", publish_to={"dashboards": destination}
    )
    return deliver(home, configuration)


def ask(engine: sqlalchemy.Engine, query: str, role: str | None = None) -> list[tuple[object, ...]]:
    with engine.begin() as connection:
        if role:
            connection.exec_driver_sql(f"set local role {role}")
        return [tuple(row) for row in connection.exec_driver_sql(query)]


def test_a_product_arrives_whole_with_its_types_and_what_every_column_means(
    home: Home, database: sqlalchemy.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_version(home, 1)
    ((delivery, _),) = deliver_to(database, home, monkeypatch)
    assert (delivery.outcome, delivery.problem) == ("delivered", None)
    query = "select caseworker_name, fte::text, due_date, team from send_lists.list_caseload where children = 0"
    assert ask(database, query) == [("Zoë", "12.50", date(2026, 11, 2), None)]
    assert ask(database, "select product, as_at, run_id from send_lists.publication") == [
        ("lists", date(2026, 11, 2), "run1")
    ]
    described = "select description, unit, is_personal_data from send_lists.dictionary where column_name = 'fte'"
    assert ("Full-time equivalent", "share of a full post", False) in ask(database, described)
    comments = "select col_description('send_lists.list_caseload'::regclass, 3)"
    assert ask(database, comments) == [("Full-time equivalent (share of a full post)",)]


def test_what_stands_there_already_is_not_sent_again(
    home: Home, database: sqlalchemy.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_version(home, 1)
    outcomes = [deliver_to(database, home, monkeypatch)[0][0].outcome for _ in range(2)]
    assert outcomes == ["delivered", "standing"]


def test_aggregates_and_lists_of_children_are_each_read_by_their_own_role_alone(
    home: Home, database: sqlalchemy.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_version(home, 1)
    home.building.unlink()
    with duckdb.connect(str(home.building)) as connection:
        connection.execute("create schema lists")
        connection.execute("create table lists.list_places_commissioned as select 1 as places_commissioned")
    publish(home, "figures", {"list_places_commissioned": "lists"}, MOMENT, "run1")
    assert [delivery.problem for delivery, _ in deliver_to(database, home, monkeypatch)] == [None, None]
    figures, lists = "select * from send_figures.list_places_commissioned", "select 1 from send_lists.list_caseload"
    assert ask(database, figures, "send_dashboard") == [(1,)]
    assert len(ask(database, lists, "send_lists")) == 2000
    for query, role in ((lists, "send_dashboard"), (figures, "send_lists")):
        with pytest.raises(sqlalchemy.exc.ProgrammingError, match="permission denied"):
            ask(database, query, role)
    ((fresh,),) = ask(database, "select nspname::text from pg_namespace where starts_with(nspname, 'send_lists__')")
    with pytest.raises(sqlalchemy.exc.ProgrammingError, match="permission denied"):
        ask(database, f'select 1 from "{fresh}".list_caseload', "send_lists")


def test_a_user_who_may_make_no_roles_publishes_and_is_told_what_the_administrator_must_run(
    home: Home, database: sqlalchemy.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.begin() as connection:
        connection.exec_driver_sql("create role publisher login")
        connection.exec_driver_sql("grant create on database dashboards to publisher")
    publish_version(home, 1)
    limited = sqlalchemy.create_engine(database.url.set(username="publisher"))
    ((delivery, to_do),) = deliver_to(limited, home, monkeypatch)
    assert delivery.outcome == "delivered"
    for statement in to_do:
        ask_nothing(database, statement)
    assert len(ask(database, "select 1 from send_lists.list_caseload", "send_lists")) == 2000
    limited.dispose()
    with database.begin() as connection:
        connection.exec_driver_sql("drop owned by publisher cascade")


def ask_nothing(engine: sqlalchemy.Engine, statement: str) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(statement)


def test_a_view_the_council_built_upon_a_list_survives_the_next_publication(
    home: Home, database: sqlalchemy.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_version(home, 1)
    deliver_to(database, home, monkeypatch)
    ask_nothing(database, "create view public.mine as select distinct version from send_lists.list_caseload")
    publish_version(home, 2)
    deliver_to(database, home, monkeypatch)
    assert ask(database, "select version from public.mine") == [(2,)]


def test_a_reader_sees_no_error_and_no_mix_while_twenty_versions_are_published(
    home: Home, database: sqlalchemy.Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    publish_version(home, 0)
    deliver_to(database, home, monkeypatch)
    stop = tmp_path / "stop"
    url = database.url.render_as_string(hide_password=False)
    reader = subprocess.Popen(
        [sys.executable, "-c", READER, url, str(stop)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert reader.stdout is not None
    assert reader.stdout.readline() == "reading\n"
    for version in range(1, 21):
        publish_version(home, version)
        ((delivery, _),) = deliver_to(database, home, monkeypatch)
        assert delivery.outcome == "delivered", delivery.problem
    stop.touch()
    output, errors = reader.communicate(timeout=120)
    assert reader.returncode == 0, errors
    assert json.loads(output)["versions"] > 2
    schemas = ask(database, "select count(*) from pg_namespace where starts_with(nspname, 'send_lists')")
    assert schemas == [(2,)], "what stood before is gone"


def test_a_destination_that_cannot_be_reached_stops_no_other_and_tells_no_password(
    home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    publish_version(home, 1)
    share = tmp_path / "share"
    share.mkdir()
    monkeypatch.setenv("SEND_PUBLISH_URL", "postgresql://user:s3cret@127.0.0.1:1/none")
    configuration = Configuration(
        home=home.folder,
        la_code="883",
        la_name="Thurrock",
        publish_to={
            "dashboards": DestinationConfiguration(kind="postgresql", url_env="SEND_PUBLISH_URL", products=("lists",)),
            "share": DestinationConfiguration(kind="folder", path=str(share), products=("lists",)),
        },
    )
    (failed, _), (delivered, _) = deliver(home, configuration)
    assert (failed.outcome, delivered.outcome) == ("failed", "delivered")
    assert failed.problem is not None
    assert "s3cret" not in failed.problem
    stands = share / "lists" / json.loads((share / "lists" / "current.json").read_text())["folder"]
    manifest = json.loads((stands / "manifest.json").read_text())
    table = manifest["tables"]["list_caseload"]
    assert duckdb.execute(f"select count(*) from '{stands / table['file']}'").fetchall() == [(table["rows"],)]
    assert "share of a full post" in (stands / "dictionary.csv").read_text(encoding="utf-8-sig")


def test_a_share_keeps_no_version_from_before_personal_data_was_removed(home: Home, tmp_path: Path) -> None:
    share = tmp_path / "share"
    share.mkdir()
    destination = DestinationConfiguration(kind="folder", path=str(share), products=("lists",))
    configuration = Configuration(home=home.folder, la_code="883", la_name="Thurrock", publish_to={"s": destination})
    for version in (1, 2):
        publish_version(home, version)
        deliver(home, configuration)
    assert {path.name for path in (share / "lists").iterdir()} == {"lists-run1", "lists-run2", "current.json"}
    removal = Removal(
        number=1,
        act="erasure",
        by="A",
        because="B",
        at=datetime.now(UTC).replace(tzinfo=None),
        files=(),
        records_withheld=1,
    )
    write_whole(removals_folder(home.landing) / "000001.json", removal.model_dump_json().encode())
    publish_version(home, 3)
    deliver(home, configuration)
    assert {path.name for path in (share / "lists").iterdir()} == {"lists-run3", "current.json"}
