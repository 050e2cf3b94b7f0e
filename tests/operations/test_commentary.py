"""Comments on indicators, on SQLite and on PostgreSQL."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from operations.commentary import LONGEST, Comment, Commentary, CommentRefused
from operations.store import OperationsStore

AT = datetime(2026, 10, 5, 9)


def commentary(store: OperationsStore) -> Commentary:
    return Commentary(store, clock=lambda: AT)


def test_of_a_month_the_last_comment_stands(store: OperationsStore) -> None:
    comments = commentary(store)
    comments.add("plans_in_20_weeks", date(2026, 9, 30), "Two psychologists left.", "Head of SEND")
    comments.add(
        "plans_in_20_weeks", date(2026, 9, 1), "Two psychologists left; both posts are filled.", "Head of SEND"
    )
    comments.add("plans_in_20_weeks", date(2026, 8, 1), "On track.", "Head of SEND")
    assert comments.standing() == [
        Comment("plans_in_20_weeks", date(2026, 8, 1), "On track.", "Head of SEND", AT),
        Comment(
            "plans_in_20_weeks",
            date(2026, 9, 1),
            "Two psychologists left; both posts are filled.",
            "Head of SEND",
            AT,
        ),
    ]


@pytest.mark.parametrize(("text", "author"), [("  ", "Head of SEND"), ("On track.", ""), ("x" * (LONGEST + 1), "Me")])
def test_a_comment_says_something_and_is_signed(store: OperationsStore, text: str, author: str) -> None:
    with pytest.raises(CommentRefused):
        commentary(store).add("plans_in_20_weeks", date(2026, 9, 1), text, author)
    assert commentary(store).standing() == []
