"""What the store keeps of jobs, loads and notices, on both databases."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime

from operations.jobs import is_done, last_delivered, note_done, past_runs, record_loads
from operations.notices import Notice, note_owed, standing_notices, take_turn
from operations.store import OperationsStore

ONE, TWO = datetime(2026, 11, 1, 2), datetime(2026, 11, 2, 2)
LATE = Notice("extract_late", "gias", "bi_team", "gias is late.", "late")
HELD = Notice("product_held", "lists", "bi_team", "lists is held: a rule.", "a rule")


@dataclass(frozen=True)
class Line:
    extract: str
    status: str = "loaded"
    files: int = 1
    rows_read: int = 10
    rows_loaded: int = 9
    rows_quarantined: int = 1
    delivered_at: datetime | None = None


def begin(store: OperationsStore, run_id: str) -> None:
    store.begin_run(run_id, as_at=date(2026, 11, 1), known_at=ONE)


def test_a_job_is_done_for_its_day_alone(store: OperationsStore) -> None:
    note_done(store, "nightly", date(2026, 11, 1))
    note_done(store, "nightly", date(2026, 11, 1))
    assert is_done(store, "nightly", date(2026, 11, 1))
    assert not is_done(store, "nightly", date(2026, 11, 2))
    assert not is_done(store, "sen2-season", date(2026, 11, 1))


def test_the_history_tells_each_run_with_what_it_loaded_and_what_failed(store: OperationsStore) -> None:
    begin(store, "run-1")
    record_loads(store, "run-1", [Line("gias"), Line("ehc_case", "failed", 0, 0, 0, 0), Line("nccis")])
    store.finish_run("run-1", "held", {"load": 1.5})
    begin(store, "run-2")
    newest, oldest = past_runs(store, 5)
    assert (newest.run_id, newest.outcome, newest.rows_loaded, newest.failed) == ("run-2", "running", 0, ())
    assert (oldest.outcome, oldest.rows_loaded, oldest.failed, oldest.seconds) == (
        "held",
        18,
        ("ehc_case",),
        {"load": 1.5},
    )
    assert [run.run_id for run in past_runs(store, 1)] == ["run-2"]


def test_loads_recorded_again_replace_those_before(store: OperationsStore) -> None:
    begin(store, "run-1")
    record_loads(store, "run-1", [Line("gias"), Line("nccis")])
    record_loads(store, "run-1", [Line("gias", rows_loaded=4)])
    assert past_runs(store, 1)[0].rows_loaded == 4


def test_an_extract_was_last_delivered_when_its_files_were_last_seen_written(store: OperationsStore) -> None:
    begin(store, "run-1")
    begin(store, "run-2")
    record_loads(store, "run-1", [Line("gias", delivered_at=TWO), Line("nccis")])
    record_loads(store, "run-2", [Line("gias", delivered_at=ONE), Line("ofsted", "refused", delivered_at=TWO)])
    assert last_delivered(store) == {"gias": TWO}


def test_a_run_begun_again_loses_what_was_kept_of_its_loads(store: OperationsStore) -> None:
    begin(store, "run-1")
    record_loads(store, "run-1", [Line("gias")])
    begin(store, "run-1")
    assert past_runs(store, 1)[0].rows_loaded == 0


def test_a_notice_is_told_once_and_again_when_its_cause_is_another(store: OperationsStore) -> None:
    kinds = {"extract_late", "product_held"}
    assert take_turn(store, [LATE, HELD], kinds, ONE).new == (LATE, HELD)
    more = replace(HELD, text="lists is held: a rule, 12 rows.")
    assert take_turn(store, [LATE, more], kinds, TWO).new == ()
    other = replace(HELD, cause="another rule")
    assert take_turn(store, [LATE, other], kinds, TWO).new == (other,)
    assert [(state.notice.kind, state.since) for state in standing_notices(store)] == [
        ("extract_late", ONE),
        ("product_held", TWO),
    ]


def test_a_notice_clears_once_and_only_where_its_kind_was_looked_at(store: OperationsStore) -> None:
    take_turn(store, [LATE, HELD], {"extract_late", "product_held"}, ONE)
    turn = take_turn(store, [], {"product_held"}, TWO)
    assert (turn.new, turn.cleared) == ((), (HELD,))
    assert take_turn(store, [], {"product_held"}, TWO).cleared == ()
    assert [state.notice for state in standing_notices(store)] == [LATE]


def test_a_channel_not_reached_is_owed_its_notices(store: OperationsStore) -> None:
    take_turn(store, [LATE, HELD], {"extract_late"}, ONE)
    note_owed(store, [LATE], ["slack-webhook/send"])
    assert {state.notice.subject: state.owed_to for state in standing_notices(store)} == {
        "gias": ("slack-webhook/send",),
        "lists": (),
    }
