"""What the operations store keeps of runs, rules, findings and publications; each on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy

from operations.accounts import Accounts, secret_hash
from operations.schema import Base
from operations.sessions import Sessions
from operations.store import FindingCounts, OperationsStore, StoreUnavailable
from operations.triage import FixLine, Triage
from tests.operations.nights import AS_AT, FIRST_NIGHT, Nights, Result, finding
from tests.operations.older import OF_AN_OLDER_RELEASE, make_store_of, rows

Open = Callable[[], OperationsStore]

# Findings


def test_what_is_found_first_is_new(nights: Nights) -> None:
    assert nights.run(finding("a"), finding("b")) == FindingCounts(new=2, open=2)
    assert nights.states() == {"a": "new", "b": "new"}
    (turn,) = Triage(nights.store).history("a")
    assert (turn.event, turn.by, turn.at) == ("new", "run-1", FIRST_NIGHT)


def test_a_finding_is_kept_with_all_that_is_known_of_it(nights: Nights) -> None:
    nights.run(finding("a"))
    (kept,) = nights.found()
    assert kept == {
        **finding("a"),
        "last_seen_at": FIRST_NIGHT,
        "fixed_at": None,
        "last_run_id": "run-1",
        "version": 1,
        **dict.fromkeys(
            ("reopened_at", "assignee", "waiver_until", "waiver_reason", "waiver_proposed_by", "waiver_approved_by")
        ),
    }


def test_what_is_found_again_is_open(nights: Nights) -> None:
    nights.run(finding("a"))
    assert nights.run(finding("a"), finding("b")) == FindingCounts(new=1, open=2)
    assert nights.states() == {"a": "open", "b": "new"}
    assert nights.events("a") == [("new", "run-1")]


def test_what_is_not_found_any_more_is_fixed(nights: Nights) -> None:
    nights.run(finding("a"), finding("b"))
    assert nights.run(finding("b")) == FindingCounts(open=1, fixed=1)
    assert nights.states() == {"a": "fixed", "b": "open"}
    (fixed,) = nights.found("fixed")
    assert (fixed["fixed_at"], fixed["last_seen_at"]) == (FIRST_NIGHT + timedelta(days=1), FIRST_NIGHT)


def test_what_is_fixed_stays_fixed(nights: Nights) -> None:
    nights.run(finding("a"))
    nights.run()
    assert nights.run() == FindingCounts()
    assert nights.events("a") == [("new", "run-1"), ("fixed", "run-2")]


def test_what_was_fixed_and_is_found_again_is_reopened_and_then_open(nights: Nights) -> None:
    nights.run(finding("a"))
    nights.run()
    assert nights.run(finding("a")) == FindingCounts(open=1, reopened=1)
    assert nights.states() == {"a": "reopened"}
    (reopened,) = nights.found("reopened")
    assert (reopened["first_seen_at"], reopened["fixed_at"]) == (FIRST_NIGHT, None)
    nights.run(finding("a"))
    assert nights.states() == {"a": "open"}
    assert nights.events("a") == [("new", "run-1"), ("fixed", "run-2"), ("reopened", "run-3")]


def test_a_finding_found_again_is_told_as_it_stands_now(nights: Nights) -> None:
    nights.run(finding("a"))
    nights.run(finding("a", value="2026-06-01", source_file="plans_july.csv", source_row=9, first_seen_at=AS_AT))
    (kept,) = nights.found()
    assert (kept["value"], kept["source_file"], kept["source_row"]) == ("2026-06-01", "plans_july.csv", 9)
    assert (kept["first_seen_at"], kept["last_seen_at"]) == (FIRST_NIGHT, FIRST_NIGHT + timedelta(days=1))


@pytest.mark.parametrize("outcome", ["crashed", "skipped"])
def test_a_rule_that_did_not_run_closes_nothing(outcome: str, nights: Nights) -> None:
    nights.run(finding("a"), finding("b", rule_id="r2"), results=(Result("r1"), Result("r2")))
    counts = nights.run(results=(Result("r1", outcome), Result("r2", "passed")))
    assert counts == FindingCounts(open=1, fixed=1)
    assert nights.states() == {"a": "new", "b": "fixed"}


def test_a_rule_that_is_no_more_closes_nothing(nights: Nights) -> None:
    nights.run(finding("a"))
    assert nights.run(results=()) == FindingCounts(open=1)


def test_a_rule_of_the_same_id_on_another_table_closes_nothing(nights: Nights) -> None:
    nights.run(finding("a"))
    assert nights.run(results=(Result("r1", "passed", dataset="landing/ehc_case__review"),)) == FindingCounts(open=1)


def test_the_same_run_twice_changes_nothing(nights: Nights) -> None:
    nights.run(finding("a"), finding("b"), finding("c"))
    nights.run(finding("c"))
    found = (finding("a"), finding("d"))
    counts = nights.run(*found)
    before = nights.found()
    assert counts == FindingCounts(new=1, open=2, fixed=1, reopened=1)
    assert nights.sync(*found) == counts
    assert nights.found() == before
    assert nights.events("a") == [("new", "run-1"), ("fixed", "run-2"), ("reopened", "run-3")]
    assert nights.events("d") == [("new", "run-3")]


def test_what_is_known_is_given_to_the_next_run(nights: Nights) -> None:
    assert nights.store.first_seen().num_rows == 0
    nights.run(finding("a"), finding("b"))
    nights.run(finding("b"))
    known = nights.store.first_seen().sort_by("finding_key").to_pylist()
    assert known == [
        {"finding_key": "a", "first_seen_at": FIRST_NIGHT, "state": "fixed"},
        {"finding_key": "b", "first_seen_at": FIRST_NIGHT, "state": "open"},
    ]


def test_findings_of_an_unknown_run_are_refused_whole(nights: Nights) -> None:
    with pytest.raises(sqlalchemy.exc.NoResultFound):
        nights.sync(finding("a"))
    assert nights.states() == {}


def test_open_findings_are_counted_by_owner(nights: Nights) -> None:
    both = (Result("r1"), Result("r2"))
    health = finding("c", rule_id="r2", owner="health_steward")
    nights.run(finding("a"), finding("b"), health, results=both)
    nights.run(finding("a"), results=both)
    assert nights.store.open_findings_by_owner() == {"sen_team": 1}


def test_a_finding_of_no_record_child_or_file_is_kept(nights: Nights) -> None:
    nothing = dict.fromkeys(("extract", "record_id", "child_id", "item", "value", "source_file", "source_row"))
    nights.run(finding("a", **nothing))
    (kept,) = nights.found()
    assert {name: kept[name] for name in nothing} == nothing


AWKWARD = [
    "a\ttab",
    "two\nlines",
    "carriage\r\nreturn",
    "back\\slash and \\N and \\t and \\.",
    "\\N",
    "\\.",
    "",
    " ",
    "'quoted' \"twice\"",
    "Zo\u00eb \u2013 \u4e2d\u6587 \U0001f600",
    "x" * 100_000,
]


def test_values_survive_as_they_are(nights: Nights) -> None:
    nights.run(*(finding(f"{key}", value=value, source_file=value) for key, value in enumerate(AWKWARD)))
    kept = {int(row["finding_key"]): row for row in nights.found()}
    assert [kept[key]["value"] for key in range(len(AWKWARD))] == AWKWARD
    assert [kept[key]["source_file"] for key in range(len(AWKWARD))] == AWKWARD


def test_a_nul_is_left_out_and_what_stands_around_it_survives(nights: Nights) -> None:
    nights.run(finding("a", value="be\0fore\0", record_id="\0"))
    (kept,) = nights.found()
    assert (kept["value"], kept["record_id"]) == ("before", "")


def test_a_row_number_beyond_32_bits_and_a_fraction_of_a_second_survive(nights: Nights) -> None:
    moment = datetime(2026, 6, 30, 18, 0, 0, 123_456)
    nights.run(finding("a", source_row=3_000_000_000, first_seen_at=moment))
    (kept,) = nights.found()
    assert (kept["source_row"], kept["first_seen_at"]) == (3_000_000_000, moment)


def test_more_findings_than_are_loaded_at_a_time(nights: Nights) -> None:
    nights.run(finding("a"))
    nights.warehouse.execute(
        "insert into checks.finding select finding.* replace ('k' || number as finding_key) "
        "from checks.finding as finding, range(20_001) as numbers (number)"
    )
    counts = nights.store.sync_findings("run-1", nights.warehouse, [Result("r1")])
    assert counts == FindingCounts(new=20_002, open=20_002)


# Runs


def test_before_the_first_run_there_is_none(store: OperationsStore) -> None:
    assert store.last_run() is None


def test_a_run_is_running_until_it_is_done(store: OperationsStore) -> None:
    store.begin_run("run-1", as_at=AS_AT, known_at=FIRST_NIGHT)
    begun = store.last_run()
    assert begun is not None
    assert (begun.run_id, begun.as_at, begun.known_at) == ("run-1", AS_AT, FIRST_NIGHT)
    assert (begun.outcome, begun.finished_at, begun.seconds) == ("running", None, {})
    store.finish_run("run-1", "held", {"build": 12.5})
    done = store.last_run()
    assert done is not None
    assert (done.outcome, done.seconds) == ("held", {"build": 12.5})
    assert done.finished_at is not None
    assert done.finished_at >= done.started_at


def test_a_run_that_never_ended_is_interrupted_when_the_next_begins(store: OperationsStore, url: str) -> None:
    for run_id in ("run-1", "run-2", "run-3"):
        store.begin_run(run_id, as_at=AS_AT, known_at=FIRST_NIGHT)
        if run_id == "run-1":
            store.finish_run("run-1", "done", {})
    assert rows(url, "select run_id, outcome from run order by run_id") == [
        ("run-1", "done"),
        ("run-2", "interrupted"),
        ("run-3", "running"),
    ]


def test_the_last_run_is_the_one_begun_last(store: OperationsStore) -> None:
    for run_id in ("run-2", "run-1"):
        store.begin_run(run_id, as_at=AS_AT, known_at=FIRST_NIGHT)
    last = store.last_run()
    assert last is not None
    assert last.run_id == "run-1"


def test_a_run_begun_again_after_it_was_killed_begins_from_nothing(store: OperationsStore) -> None:
    store.begin_run("run-1", as_at=AS_AT, known_at=FIRST_NIGHT)
    store.record_results("run-1", [Result("r1")])
    store.record_hold("run-1", "lists", ["why"])
    store.begin_run("run-1", as_at=AS_AT, known_at=FIRST_NIGHT)
    assert store.results("run-1") == []
    assert store.held_products() == {}


def test_how_each_rule_ended_is_kept(store: OperationsStore) -> None:
    store.begin_run("run-1", as_at=AS_AT, known_at=FIRST_NIGHT)
    store.record_results("run-1", [Result("r2", "crashed"), Result("r1", failed_rows=3_000_000_000)])
    assert store.results("run-1") == [
        {
            "run_id": "run-1",
            "dataset": "landing/ehc_case__plan",
            "rule_id": rule_id,
            "name": "A plan that ceased says why",
            "severity": "error",
            "owner": "sen_team",
            "outcome": outcome,
            "failed_rows": failed_rows,
            "seconds": 0.25,
        }
        for rule_id, outcome, failed_rows in (("r1", "failed", 3_000_000_000), ("r2", "crashed", 1))
    ]


def test_results_recorded_again_replace_those_before(store: OperationsStore) -> None:
    store.begin_run("run-1", as_at=AS_AT, known_at=FIRST_NIGHT)
    store.record_results("run-1", [Result("r1"), Result("r2")])
    store.record_results("run-1", [Result("r2", "passed")])
    assert [(row["rule_id"], row["outcome"]) for row in store.results("run-1")] == [("r2", "passed")]
    store.record_results("run-1", [])
    assert store.results("run-1") == []


# Publications


def test_a_product_is_held_until_it_is_published(store: OperationsStore) -> None:
    for run_id in ("run-1", "run-2"):
        store.begin_run(run_id, as_at=AS_AT, known_at=FIRST_NIGHT)
    store.record_publication("run-1", "worklist", "abc")
    store.record_hold("run-1", "lists", ["Zo\u00eb's rule did not run", "another"])
    assert store.held_products() == {"lists": ("Zo\u00eb's rule did not run", "another")}
    store.record_publication("run-2", "lists", "def")
    assert store.held_products() == {}


def test_a_product_published_once_may_be_held_later(store: OperationsStore) -> None:
    store.begin_run("run-1", as_at=AS_AT, known_at=FIRST_NIGHT)
    store.record_publication("run-1", "lists", "abc")
    store.begin_run("run-2", as_at=AS_AT, known_at=FIRST_NIGHT)
    store.record_hold("run-2", "lists", ["why"])
    assert store.held_products() == {"lists": ("why",)}


def test_a_run_decides_once_on_a_product(store: OperationsStore, url: str) -> None:
    store.begin_run("run-1", as_at=AS_AT, known_at=FIRST_NIGHT)
    store.record_hold("run-1", "lists", ["why"])
    store.record_publication("run-1", "lists", "abc")
    assert store.held_products() == {}
    assert rows(url, "select product, outcome, content from publication") == [("lists", "published", "abc")]


# Opening


def test_a_store_is_made_from_empty_as_its_schema_says(store: OperationsStore, url: str) -> None:
    engine = sqlalchemy.create_engine(url)
    made = sqlalchemy.inspect(engine)
    assert set(made.get_table_names()) == {*Base.metadata.tables, "alembic_version"}
    for name, table in Base.metadata.tables.items():
        columns = {column["name"]: column["nullable"] for column in made.get_columns(name)}
        assert columns == {column.name: column.nullable for column in table.columns}, name
        assert {index["name"] for index in made.get_indexes(name)} == {index.name for index in table.indexes}, name
    engine.dispose()


def test_a_store_opened_again_holds_what_it_held(open_store: Open) -> None:
    first = open_store()
    first.begin_run("run-1", as_at=AS_AT, known_at=FIRST_NIGHT)
    first.close()
    last = open_store().last_run()
    assert last is not None
    assert last.run_id == "run-1"


def test_a_store_of_a_newer_version_is_refused_and_left_as_it_is(
    store: OperationsStore, url: str, open_store: Open
) -> None:
    rows(url, "update alembic_version set version_num = '9999'")
    with pytest.raises(StoreUnavailable) as raised:
        open_store()
    assert str(raised.value) == (
        "The operations store is of version 9999, made by a newer release than this one. "
        "Install that release, or restore the store's backup of before."
    )
    assert rows(url, "select version_num from alembic_version") == [("9999",)]


def test_a_migration_that_fails_leaves_nothing_half_made(url: str, open_store: Open) -> None:
    if "sqlite" in url:
        Path(sqlalchemy.make_url(url).database or "").parent.mkdir()
    rows(url, "create table publication (of_another_program integer)")
    with pytest.raises(StoreUnavailable):
        open_store()
    engine = sqlalchemy.create_engine(url)
    assert sqlalchemy.inspect(engine).get_table_names() == ["publication"]
    engine.dispose()


def test_the_last_explanation_of_a_finding_stands_whichever_year_it_was_written_for(store: OperationsStore) -> None:
    store.explain({"k1": "late", "k2": "late"}, 2026, "The school was closed.", "A. Officer")
    store.explain({"k2": "late"}, 2027, "The family was away.", "B. Officer")
    standing = store.explanations()
    assert {key: (e.return_year, e.explanation, e.author) for key, e in standing.items()} == {
        "k1": (2026, "The school was closed.", "A. Officer"),
        "k2": (2027, "The family was away.", "B. Officer"),
    }


EXPLAINED_BEFORE = (
    "insert into explanation values (1, 'k1', 'late', 2027, 'The school was closed.', 'A. Officer', "
    "'2026-07-01 09:00:00')"
)


def test_a_store_of_the_first_release_is_brought_up_to_date(url: str, open_store: Open) -> None:
    make_store_of(url, "0001")
    for statement in OF_AN_OLDER_RELEASE:
        rows(url, statement)
    brought = open_store()
    brought.explain({"k1": "late"}, 2027, "The school was closed.", "A. Officer")
    assert list(brought.explanations()) == ["k1"]
    assert [(turn.event, turn.by, turn.at) for turn in Triage(brought).history("k1")][:3] == [
        (event, f"run-{number}", datetime(2026, month, day, 18))
        for number, (event, month, day) in enumerate((("new", 6, 30), ("fixed", 7, 1), ("reopened", 7, 2)), start=1)
    ]


def test_a_store_of_the_second_release_keeps_its_explanations_and_takes_answers(url: str, open_store: Open) -> None:
    make_store_of(url, "0002")
    rows(url, EXPLAINED_BEFORE)
    brought = open_store()
    say(brought, "yes")
    assert list(brought.explanations()) == ["k1"]
    assert len(brought.identity_answers()) == 1


def test_findings_of_an_older_release_can_be_worked_on_and_know_how_long_they_stood(url: str, open_store: Open) -> None:
    make_store_of(url, "0003")
    for statement in OF_AN_OLDER_RELEASE:
        rows(url, statement)
    triage = Triage(open_store())
    kept = triage.finding("k1")
    assert (kept.version, kept.opened_at, kept.assignee) == (1, datetime(2026, 7, 2, 18), None)
    assert triage.time_to_fix() == [FixLine("sen_team", fixed=1, median_days=1.0, ninth_decile_days=1.0)]
    assert triage.assign({"k1": 1}, to="A. Steward", by="B. Manager").done == {"k1": 2}
    assert [str(turn.event) for turn in triage.history("k1")] == ["new", "fixed", "reopened", "assigned"]


ACCOUNTS_BEFORE = (
    *(
        f"insert into account (account_id, name, role, is_active, password_hash, subject, created_at) values "
        f"({number}, '{name}', 'administrator', true, {password}, {subject}, '2026-07-01 09:00:00')"
        for number, name, password, subject in (
            (1, "first.admin", "'$argon2id$'", "null"),
            (2, "ada.hill", "null", "'https://id 1'"),
        )
    ),
    *(
        f"insert into session (session_hash, account_id, created_at, last_used_at) values "
        f"('{secret_hash(secret)}', {number}, '2026-07-01 09:00:00', '2026-07-01 09:00:00')"
        for number, secret in ((1, "of a password"), (2, "of a provider"))
    ),
    f"insert into session_reason values ('{secret_hash('of a provider')}', 'CH1', 'its school asked')",
    "insert into access_entry (at, account_name, event) values ('2026-07-01 09:00:00', 'first.admin', 'signed_in')",
)


def test_who_is_signed_in_with_a_password_alone_is_asked_for_the_second_factor_after_the_upgrade(
    url: str, open_store: Open
) -> None:
    make_store_of(url, "0009")
    for statement in ACCOUNTS_BEFORE:
        rows(url, statement)
    store = open_store()
    accounts = Accounts(store, (), lambda: datetime(2026, 7, 1, 9, 5))
    sessions = Sessions(store, accounts, lambda: datetime(2026, 7, 1, 9, 5))
    assert [(one.name, one.has_password, one.factor_since) for one in accounts.all()] == [
        ("ada.hill", False, None),
        ("first.admin", True, None),
    ]
    assert sessions.find("of a password") is None
    of_a_provider = sessions.find("of a provider")
    assert of_a_provider is not None
    assert sessions.reason(of_a_provider, "CH1") == "its school asked"
    assert rows(url, "select account_name, event from access_entry") == [("first.admin", "signed_in")]


PUPIL, PATIENT = ("upn", "A1/2014-03-09"), ("nhs", "9990000018/2014-03-09")


def say(store: OperationsStore, verdict: str, act: str = "review") -> None:
    store.say_of_identity(
        [(PUPIL, PATIENT, 3.5)], verdict=verdict, act=act, reason="Same mother.", reviewer="A. Steward"
    )


def test_an_answer_is_kept_with_who_gave_it_why_and_at_what_weight(store: OperationsStore) -> None:
    say(store, "yes")
    (answer,) = store.identity_answers()
    assert {answer.one, answer.other} == {PUPIL, PATIENT}
    assert (answer.verdict, answer.act, answer.reason, answer.reviewer, answer.match_weight) == (
        *("yes", "review", "Same mother.", "A. Steward"),
        3.5,
    )


def test_the_last_word_on_a_pair_stands_whichever_of_the_two_is_named_first(store: OperationsStore) -> None:
    say(store, "yes")
    store.say_of_identity([(PATIENT, PUPIL, None)], verdict="no", act="split", reason="Twins.", reviewer="B. Steward")
    assert [(answer.verdict, answer.act) for answer in store.identity_answers()] == [("no", "split")]


def test_what_was_said_later_is_not_known_before(store: OperationsStore) -> None:
    say(store, "yes")
    (answer,) = store.identity_answers()
    assert store.identity_answers(answer.at) == [answer]
    assert store.identity_answers(answer.at - timedelta(seconds=1)) == []


SECRETS = [
    "postgresql+psycopg://send:s3cret@127.0.0.1:9/operations",
    "postgresql+psycopg://127.0.0.1:9/operations?user=send&password=s3cret",
    "postgresql+psycopg://send:pa@s3cret@127.0.0.1:9/operations",
    "postgresql+psycopg://send:pa@ss/s3cret@127.0.0.1:9/operations",
    "postgresql+psycopg://send:pa@ss:s3cret@127.0.0.1:9/operations",
    "nosuch+driver://send:s3cret@server/operations",
    "s3cret, no address",
]


@pytest.mark.parametrize("address", SECRETS)
def test_no_message_tells_a_password(address: str) -> None:
    with pytest.raises(StoreUnavailable, match="SEND_OPERATIONS_URL") as raised:
        OperationsStore(address)
    assert "s3cret" not in str(raised.value)
    assert raised.value.__suppress_context__


def test_a_store_that_cannot_be_opened_is_told_by_its_place(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match=str(tmp_path)):
        OperationsStore(f"sqlite:///{tmp_path}")
    with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1/operations cannot be opened"):
        OperationsStore(SECRETS[0])


def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "operations.db").write_text("This is a letter, not a database. " * 100)
    with pytest.raises(StoreUnavailable, match=r"operations\.db cannot be opened \(DatabaseError\)"):
        OperationsStore(f"sqlite:///{tmp_path / 'operations.db'}")


def test_a_reader_sees_the_last_state_while_a_writer_writes(open_store: Open) -> None:
    writer, reader = open_store(), open_store()
    writer.begin_run("run-1", as_at=AS_AT, known_at=FIRST_NIGHT)
    with writer.writing() as connection:
        connection.execute(sqlalchemy.text("update run set outcome = 'done'"))
        last = reader.last_run()
        assert last is not None
        assert last.outcome == "running"
