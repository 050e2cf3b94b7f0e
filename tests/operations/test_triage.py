"""What stewards do with findings, night after night; each on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from connectors.errors import SendError
from operations.store import FindingCounts, OperationsStore
from operations.triage import ActRefused, Filter, NoSuchFinding, StandingLine, Triage
from tests.operations.nights import AS_AT, FIRST_NIGHT, Nights, Result, finding

Open = Callable[[], OperationsStore]
NEXT_WEEK = AS_AT + timedelta(days=7)


def query(key: str, **columns: Any) -> dict[str, Any]:
    return finding(key, severity="query", **columns)


@pytest.fixture
def triage(store: OperationsStore) -> Triage:
    return Triage(store)


def events(triage: Triage, key: str) -> list[str]:
    return [turn.event for turn in triage.history(key)]


def state(triage: Triage, key: str) -> str:
    return triage.finding(key).state


# Acts


def test_who_has_a_finding_keeps_it_from_night_to_night(nights: Nights, triage: Triage) -> None:
    nights.run(finding("a"))
    acted = triage.assign({"a": 1}, to="A. Steward", by="B. Manager", note="You know the family.")
    nights.run(finding("a"))
    kept = triage.finding("a")
    assert (acted.done, kept.state, kept.assignee, kept.version) == ({"a": 2}, "assigned", "A. Steward", 2)
    turn = triage.history("a")[-1]
    assert (turn.event, turn.by, turn.detail, turn.note) == (
        *("assigned", "B. Manager", "A. Steward"),
        "You know the family.",
    )


def test_what_is_given_back_is_open(nights: Nights, triage: Triage) -> None:
    nights.run(finding("a"))
    triage.assign({"a": 1}, to="A. Steward", by="B. Manager")
    triage.assign({"a": 2}, to=None, by="A. Steward")
    assert (triage.finding("a").assignee, state(triage, "a")) == (None, "open")


def test_the_second_of_two_stewards_is_told_what_the_first_did(nights: Nights, triage: Triage) -> None:
    nights.run(finding("a"))
    triage.assign({"a": 1}, to="A. Steward", by="A. Steward")
    acted = triage.assign({"a": 1}, to="B. Steward", by="B. Steward")
    (conflict,) = acted.conflicts
    assert acted.done == {}
    assert "a has changed since you saw it. It was assigned (A. Steward) by A. Steward at " in str(conflict)
    assert triage.finding("a").assignee == "A. Steward"


def test_an_act_on_many_is_done_where_it_can_be_and_says_where_not(nights: Nights, triage: Triage) -> None:
    nights.run(*(finding(key) for key in "abc"))
    triage.note({"b": 1}, note="Rang the school.", by="B. Steward")
    acted = triage.assign({"a": 1, "b": 1, "c": 1, "z": 1}, to="A. Steward", by="A. Steward")
    assert (set(acted.done), [c.finding_key for c in acted.conflicts]) == ({"a", "c"}, ["b"])
    assert [str(refusal) for refusal in acted.refused] == ["z: there is no such finding."]


def test_a_run_that_fixed_a_finding_makes_an_act_on_it_stale(nights: Nights, triage: Triage) -> None:
    nights.run(finding("a"))
    nights.run()
    acted = triage.assign({"a": 1}, to="A. Steward", by="A. Steward")
    assert "It was fixed by the run run-2" in str(acted.conflicts[0])


def test_a_fixed_finding_takes_a_note_and_nothing_else(nights: Nights, triage: Triage) -> None:
    nights.run(finding("a"))
    nights.run()
    assert "it is fixed" in str(triage.assign({"a": 2}, to="A. Steward", by="A. Steward").refused[0])
    assert triage.note({"a": 2}, note="Mended in the case system.", by="A. Steward").is_all_done
    assert (state(triage, "a"), events(triage, "a")) == ("fixed", ["new", "fixed", "noted"])


@pytest.mark.parametrize("name", ["", "  ", "\t", "\0"])
def test_an_act_without_a_name_is_refused(name: str, nights: Nights, triage: Triage) -> None:
    nights.run(finding("a"))
    with pytest.raises(ActRefused, match="missing"):
        triage.note({"a": 1}, note="Rang the school.", by=name)


# Explanations


def test_an_explained_query_stays_so_while_it_is_raised(nights: Nights, triage: Triage) -> None:
    nights.run(query("a"))
    triage.explain({"a": 1}, because="The school was closed.", by="A. Officer", return_year=2027)
    nights.run(query("a"))
    nights.run()
    nights.run(query("a"))
    assert state(triage, "a") == "explained"
    assert events(triage, "a") == ["new", "explained", "fixed", "reopened"]


def test_an_explanation_is_the_one_the_return_carries(nights: Nights, triage: Triage) -> None:
    nights.run(query("a"), query("b"))
    triage.explain({"a": 1}, because="The school was closed.", by="A. Officer", return_year=2027)
    nights.store.explain({"b": "r1"}, 2027, "The family was away.", "B. Officer")
    standing = nights.store.explanations()
    assert {key: e.explanation for key, e in standing.items()} == {
        "a": "The school was closed.",
        "b": "The family was away.",
    }
    assert triage.explanation("b") == standing["b"]
    assert triage.counts(by="state") == {"explained": 2}
    assert triage.history("b")[-1].by == "B. Officer"


def test_an_error_takes_no_explanation(nights: Nights, triage: Triage) -> None:
    nights.run(finding("a"))
    acted = triage.explain({"a": 1}, because="The school was closed.", by="A. Officer")
    assert str(acted.refused[0]) == "a: an error takes no explanation. Enter the reason."
    assert nights.store.explanations() == {}


def test_a_query_that_becomes_an_error_is_open_whatever_was_explained(nights: Nights, triage: Triage) -> None:
    nights.run(query("a"))
    triage.explain({"a": 1}, because="The school was closed.", by="A. Officer")
    nights.run(finding("a"))
    assert state(triage, "a") == "open"


def test_a_query_explained_before_the_store_knew_it_is_explained(nights: Nights, triage: Triage) -> None:
    nights.store.explain({"a": "r1"}, 2027, "The school was closed.", "A. Officer")
    nights.run(query("a"), finding("b"))
    assert (state(triage, "a"), state(triage, "b")) == ("explained", "new")


# Waivers


def waived(triage: Triage, key: str = "a", until: date = NEXT_WEEK) -> None:
    version = triage.finding(key).version
    triage.propose_waiver({key: version}, until=until, reason="The system is down.", by="A. Steward")
    assert triage.approve_waiver({key: version + 1}, by="B. Manager").is_all_done


def test_a_waiver_stands_once_a_second_person_approves_it(nights: Nights, triage: Triage) -> None:
    nights.run(finding("a"))
    triage.propose_waiver({"a": 1}, until=NEXT_WEEK, reason="The system is down.", by="A. Steward")
    assert (state(triage, "a"), triage.finding("a").awaits_approval) == ("new", True)
    assert triage.count(Filter(awaits_approval=True)) == 1
    triage.approve_waiver({"a": 2}, by="B. Manager")
    kept = triage.finding("a")
    assert (kept.state, kept.waiver_until, kept.waiver_reason) == ("waived", NEXT_WEEK, "The system is down.")
    assert (kept.waiver_proposed_by, kept.waiver_approved_by) == ("A. Steward", "B. Manager")


@pytest.mark.parametrize("name", ["A. Steward", "a. steward", " A.  Steward "])
def test_who_proposed_a_waiver_cannot_approve_it(name: str, nights: Nights, triage: Triage) -> None:
    nights.run(finding("a"))
    triage.propose_waiver({"a": 1}, until=NEXT_WEEK, reason="The system is down.", by="A. Steward")
    acted = triage.approve_waiver({"a": 2}, by=name)
    assert "a second person approves it" in str(acted.refused[0])
    assert state(triage, "a") == "new"


def test_a_waived_finding_found_again_stays_waived_till_its_day_has_passed(nights: Nights, triage: Triage) -> None:
    nights.run(finding("a"))
    waived(triage, until=AS_AT)
    assert nights.run(finding("a")) == FindingCounts(open=1)
    assert state(triage, "a") == "waived"
    nights.as_at = AS_AT + timedelta(days=1)
    assert nights.run(finding("a")) == FindingCounts(open=1, reopened=1)
    kept = triage.finding("a")
    assert (kept.state, kept.waiver_until, kept.waiver_approved_by) == ("reopened", None, None)
    assert triage.history("a")[-1].note == "The waiver has ended."


def test_a_waived_finding_that_was_fixed_and_fails_again_is_reopened(nights: Nights, triage: Triage) -> None:
    nights.run(finding("a"))
    waived(triage)
    nights.run()
    nights.run(finding("a"))
    assert (state(triage, "a"), triage.finding("a").waiver_until) == ("reopened", None)


def test_a_waiver_refused_or_ended_early_leaves_the_finding_open(nights: Nights, triage: Triage) -> None:
    nights.run(finding("a"), finding("b"))
    triage.propose_waiver({"a": 1}, until=NEXT_WEEK, reason="The system is down.", by="A. Steward")
    triage.refuse_waiver({"a": 2}, by="B. Manager", reason="It is up again.")
    waived(triage, "b")
    triage.end_waiver({"b": 3}, by="B. Manager", reason="It is up again.")
    assert (state(triage, "a"), triage.finding("a").waiver_until) == ("new", None)
    assert (state(triage, "b"), triage.finding("b").waiver_until) == ("open", None)
    assert events(triage, "b") == ["new", "waiver proposed", "waiver approved", "waiver ended"]


@pytest.mark.parametrize("until", [AS_AT - timedelta(days=1), AS_AT + timedelta(days=400)])
def test_a_waiver_has_an_end_within_a_year(until: date, nights: Nights, triage: Triage) -> None:
    nights.run(finding("a"))
    with pytest.raises(ActRefused, match="choose one from 2026-06-30 to 2027-07-01"):
        triage.propose_waiver({"a": 1}, until=until, reason="The system is down.", by="A. Steward")


# Asking


def test_findings_are_kept_apart_by_what_is_asked(nights: Nights, triage: Triage) -> None:
    health = {"owner": "health_steward", "organisation": "health", "extract": "health_advice"}
    nights.run(
        finding("a", child_id="CH2", source_file="plans_50%.csv"),
        query("b", rule_id="r2", first_seen_at=datetime(2026, 5, 1)),
        finding("c", dataset="core/dim_child", **health),
        results=(Result("r1"), Result("r2")),
    )
    triage.assign({"b": 1}, to="Ann Ó Sé", by="B. Manager")
    asked = {
        "ab": Filter(owner="sen_team"),
        "b": Filter(rule="r2"),
        "c": Filter(organisation="health"),
        "ac": Filter(severity="error"),
        "a": Filter(child_id="CH2"),
        "bc": Filter(text="ch1"),
        "": Filter(text="50_"),
    }
    found = {"".join(sorted(triage.versions(wanted))): wanted for wanted in asked.values()}
    assert found == asked
    keys = [
        Filter(extract="health_advice"),
        Filter(product="lists"),
        Filter(assignee="ann Ó Sé"),
        Filter(states=("assigned",)),
        Filter(is_unassigned=True, owner="sen_team"),
        Filter(text="50%"),
        Filter(dataset="core/dim_child", keys=("a", "c")),
    ]
    assert [list(triage.versions(wanted)) for wanted in keys] == [["c"], ["c"], ["b"], ["b"], ["a"], ["a"], ["c"]]


def test_findings_are_paged_in_a_lasting_order(nights: Nights, triage: Triage) -> None:
    nights.run(*(finding(f"k{number}", first_seen_at=datetime(2026, 6, number)) for number in range(1, 6)))
    pages = [triage.page(page=number, size=2) for number in (1, 2, 3)]
    assert [[f.finding_key for f in page.findings] for page in pages] == [["k5", "k4"], ["k3", "k2"], ["k1"]]
    assert (pages[0].total, pages[0].pages) == (5, 3)
    assert triage.page(order="oldest", size=1).findings[0].finding_key == "k1"


def test_what_there_is_not_is_told(triage: Triage) -> None:
    with pytest.raises(SendError, match="sold is no state"):
        triage.count(Filter(states=("sold",)))
    with pytest.raises(SendError, match="There is no product 'maps'"):
        triage.count(Filter(product="maps"))
    with pytest.raises(NoSuchFinding):
        triage.finding("zz")


# Telling


def test_open_findings_are_told_by_age_from_when_they_opened_last(nights: Nights, triage: Triage) -> None:
    nights.run(finding("a"), finding("b", first_seen_at=FIRST_NIGHT - timedelta(days=40)))
    nights.run(finding("b"))
    nights.run(finding("a"), finding("b"))
    (line,) = triage.ageing(now=FIRST_NIGHT + timedelta(days=9))
    assert (line.group, line.counts, line.total) == ("sen_team", (1, 0, 1, 0), 2)
    assert triage.count(Filter(states=("reopened",), older_than_days=1)) == 1


def test_time_to_fix_counts_each_time_a_finding_was_fixed(nights: Nights, triage: Triage) -> None:
    nights.run(finding("a"), finding("b"))
    nights.run(finding("b"))
    nights.run(finding("a"), finding("b"))
    nights.run(finding("b"))
    nights.run()
    (line,) = triage.time_to_fix(by="extract")
    assert (line.group, line.fixed, line.median_days, line.ninth_decile_days) == ("ehc_case", 3, 1.0, 4.0)
    assert triage.time_to_fix(since=FIRST_NIGHT + timedelta(days=9)) == []


def test_what_stands_and_what_each_day_opened_and_closed_are_told(nights: Nights, triage: Triage) -> None:
    nights.run(finding("a"), finding("b"))
    nights.run(finding("a"))
    assert triage.standing() == [StandingLine("sen_team", "education", "ehc_case", "error", "open", 1)]
    assert [(line.day.day, line.opened, line.fixed) for line in triage.flow(since=FIRST_NIGHT)] == [
        (30, 2, 0),
        (1, 0, 1),
    ]


# Many at once


def test_a_run_and_ten_stewards_lose_nothing(nights: Nights, open_store: Open) -> None:
    keys = [f"k{number:02d}" for number in range(40)]
    nights.run(*(finding(key) for key in keys))
    stores = [open_store() for _ in range(10)]

    def work(number: int) -> int:
        """Writes a note on every finding, looking again wherever another came first."""
        triage, written = Triage(stores[number]), 0
        for start in range(0, 40, 8):
            waiting = keys[start : start + 8]
            while waiting:
                seen = triage.versions(Filter(keys=tuple(waiting)))
                acted = triage.note(seen, note=f"note of {number}", by=f"Steward {number}")
                written += len(acted.done)
                waiting = [conflict.finding_key for conflict in acted.conflicts]
                assert not acted.refused
        return written

    def run() -> None:
        for _ in range(4):
            nights.run(*(finding(key) for key in keys[:30]))

    with ThreadPoolExecutor(11) as pool:
        runs = pool.submit(run)
        assert list(pool.map(work, range(10))) == [40] * 10
        runs.result()
    triage = Triage(nights.store)
    for key in keys:
        notes = [turn.note for turn in triage.history(key) if turn.event == "noted"]
        assert sorted(notes, key=str) == [f"note of {number}" for number in range(10)]
        is_fixed = key >= "k30"
        assert triage.finding(key).version == 1 + 10 + is_fixed
        assert state(triage, key) == ("fixed" if is_fixed else "open")
