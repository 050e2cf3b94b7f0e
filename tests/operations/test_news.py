"""What each owner is told of a run: newly failing and newly fixed alone, naming children by their id and no value."""

from __future__ import annotations

import json
from pathlib import Path

from operations.news import NewsLine, news_of, write_news
from tests.operations.nights import Nights, Result, finding

HEALTH = {"owner": "health_steward", "rule_id": "r2", "extract": "health_advice"}
BOTH = (Result("r1"), Result("r2"))


def test_each_owner_is_told_what_is_new_and_what_is_fixed_by_rule(nights: Nights) -> None:
    nights.run(finding("a"), finding("b", child_id="CH2"), finding("h", **HEALTH), results=BOTH)
    nights.run(finding("a"), finding("c", child_id=None), finding("h", **HEALTH), results=BOTH)
    told = news_of(nights.store, "run-2")
    assert list(told) == ["sen_team"], "nothing has changed for health"
    news = told["sen_team"]
    shared = ("r1", "A plan that ceased says why", "error", "ehc_case", "Enter the reason.")
    assert news.new == (NewsLine(*shared, findings=1, children=0, child_ids=()),)
    assert news.fixed == (NewsLine(*shared, findings=1, children=1, child_ids=("CH2",)),)
    assert (news.reopened, news.standing) == ((), 2)


def test_what_fails_again_is_told_as_such(nights: Nights) -> None:
    for found in ([finding("a")], [], [finding("a")]):
        nights.run(*found)
    news = news_of(nights.store, "run-3")["sen_team"]
    assert ([line.findings for line in news.reopened], news.new) == ([1], ())


def test_a_run_that_changed_nothing_has_nothing_to_tell(nights: Nights) -> None:
    nights.run(finding("a"))
    nights.run(finding("a"))
    assert news_of(nights.store, "run-2") == {}


def test_of_very_many_children_the_first_are_named_and_the_others_counted(nights: Nights) -> None:
    nights.run(*(finding(f"k{number:02d}", child_id=f"CH{number:02d}") for number in range(25)))
    news = news_of(nights.store, "run-1")["sen_team"]
    (line,) = news.new
    assert (line.children, line.child_ids[0], len(line.child_ids)) == (25, "CH00", 20)
    assert "CH19 and 5 more" in news.as_markdown()


def test_the_file_of_a_run_holds_its_news_and_no_value_record_or_file(nights: Nights, tmp_path: Path) -> None:
    nights.run(finding("a", value="Abara", record_id="A812"))
    path = write_news(tmp_path / "notices", "run-1", news_of(nights.store, "run-1"))
    text = path.read_text(encoding="utf-8")
    assert json.loads(text)["news"]["sen_team"]["new"][0]["child_ids"] == ["CH1"]
    assert not [hidden for hidden in ("Abara", "A812", "plan.csv") if hidden in text]
