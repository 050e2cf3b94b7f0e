"""What stewards are asked of who is the same child, how they answer, and how a mistaken link is undone."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import xlsxwriter

from connectors.errors import SendError
from warehouse.home import Home

Person = tuple[str, str]

COMPARED = ("surname", "forename", "birth_date", "sex", "postcode", "upn", "uln", "nhs_number", "source_extract")
VERDICTS = {"yes": "yes", "no": "no", "can't tell": "unsure", "cant tell": "unsure", "unsure": "unsure"}
KEY_LENGTH = 10


class NothingToReview(SendError):
    """There is no warehouse, question or child of that name."""


class AnswerRefused(SendError):
    """An answer cannot be taken as it is."""


@dataclass(frozen=True)
class Question:
    """Two persons of the sources who may be one child, with what is held of each. Weights are base-2 logarithms."""

    key: str
    match_weight: float
    one: Person
    other: Person
    left: dict[str, Any]
    right: dict[str, Any]

    @property
    def differences(self) -> frozenset[str]:
        """The columns in which both say something, and not the same."""
        return frozenset(
            name
            for name in COMPARED
            if name != "source_extract"
            and self.left[name] is not None
            and self.right[name] is not None
            and self.left[name] != self.right[name]
        )


@dataclass(frozen=True)
class Member:
    """One person of a source that belongs to a child, and what links it there."""

    person: Person
    basis: str
    held: dict[str, Any]


def key_of(one: Person, other: Person) -> str:
    """The short name of a question, the same in every run; it tells nothing of the persons."""
    text = "|".join(":".join(person) for person in sorted((one, other)))
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_LENGTH]


@contextmanager
def standing_warehouse(home: Home) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse of the last finished run, to read. Raises ``NothingToReview`` before the first run."""
    if not home.warehouse.exists():
        raise NothingToReview(f"There is no warehouse in {home.folder} yet. Run: send run")
    with duckdb.connect(str(home.warehouse), read_only=True) as connection:
        yield connection


def open_questions(
    connection: duckdb.DuckDBPyConnection, answered: Collection[tuple[Person, Person]]
) -> list[Question]:
    """The questions of the last run that nobody has answered since, the likeliest first."""
    columns = ", ".join(f"{side}.{name}" for side in ("l", "r") for name in COMPARED)
    rows = connection.execute(
        f"""
        select question.left_kind, question.left_anchor, question.right_kind, question.right_anchor,
            question.match_weight, {columns}
        from identity.identity__question as question
        inner join identity.identity__person as l
            on question.left_kind = l.anchor_kind and question.left_anchor = l.anchor
        inner join identity.identity__person as r
            on question.right_kind = r.anchor_kind and question.right_anchor = r.anchor
        order by question.match_weight desc, question.left_anchor, question.right_anchor
        """
    ).fetchall()
    known = {key_of(*pair) for pair in answered}
    questions = []
    for left_kind, left_anchor, right_kind, right_anchor, weight, *held in rows:
        one, other = (left_kind, left_anchor), (right_kind, right_anchor)
        left = dict(zip(COMPARED, held[: len(COMPARED)], strict=True))
        right = dict(zip(COMPARED, held[len(COMPARED) :], strict=True))
        questions.append(Question(key_of(one, other), weight, one, other, left, right))
    return [question for question in questions if question.key not in known]


def question_of(questions: Iterable[Question], key: str) -> Question:
    """The question of that key. Raises ``NothingToReview``."""
    for question in questions:
        if question.key == key:
            return question
    raise NothingToReview(f"No question {key} is open. See which are: send identity review")


def verdict_of(text: str) -> str:
    """Yes, no or unsure, as a steward says it. Raises ``AnswerRefused``."""
    plain = text.strip().lower().replace("’", "'")
    if plain not in VERDICTS:
        raise AnswerRefused(f"{text!r} is no answer. Say yes (one child), no (two children) or can't tell.")
    return VERDICTS[plain]


def members_of(connection: duckdb.DuckDBPyConnection, child_id: str) -> list[Member]:
    """The persons of the sources that are one child, the source whose word counts first at the top.

    Raises ``NothingToReview`` where there is no such child.
    """
    columns = ", ".join(f"person.{name}" for name in COMPARED)
    rows = connection.execute(
        f"""
        select anchor.anchor_kind, anchor.anchor, anchor.basis, {columns}
        from identity.identity__anchor as anchor
        inner join identity.identity__person as person
            on anchor.anchor_kind = person.anchor_kind and anchor.anchor = person.anchor
        where anchor.child_id = ?
        order by anchor.priority, anchor.anchor_kind, anchor.anchor
        """,
        [child_id],
    ).fetchall()
    if not rows:
        raise NothingToReview(f"No child has the id {child_id}. See: send lists")
    return [Member((row[0], row[1]), row[2], dict(zip(COMPARED, row[3:], strict=True))) for row in rows]


def parted(members: Sequence[Member], numbers: Collection[int]) -> list[tuple[Person, Person]]:
    """The pairs that a split parts: each of the members numbered (from 1) from each of the others.

    Raises ``AnswerRefused`` where a number is no member's, or nobody or everybody would leave.
    """
    wrong = [number for number in numbers if not 1 <= number <= len(members)]
    if wrong or not 0 < len(set(numbers)) < len(members):
        raise AnswerRefused(f"Say which of the persons 1 to {len(members)} are another child: some, but not all.")
    leaving = [member.person for number, member in enumerate(members, start=1) if number in numbers]
    staying = [member.person for number, member in enumerate(members, start=1) if number not in numbers]
    return [(one, other) for one in leaving for other in staying]


SHEET = "questions"
ANSWER_COLUMNS = ("answer", "reason", "reviewer")
HEADINGS = (
    "question",
    "weight",
    *(f"{side} {name.replace('_', ' ')}" for name in COMPARED for side in ("one", "other")),
    *ANSWER_COLUMNS,
)


def write_questions(questions: Sequence[Question], out: Path) -> int:
    """Writes the questions as a workbook, differences marked, with room for the answers; gives how many.

    Every value is written as text: none becomes a formula. Only the owner may read the file.
    """
    out.touch(mode=0o600)
    with xlsxwriter.Workbook(str(out), {"strings_to_formulas": False, "strings_to_urls": False}) as book:
        sheet = book.add_worksheet(SHEET)
        sheet.freeze_panes(1, 1)
        bold, marked = book.add_format({"bold": True}), book.add_format({"bg_color": "#FFE08A"})
        for position, heading in enumerate(HEADINGS):
            sheet.write_string(0, position, heading, bold)
        for row, question in enumerate(questions, start=1):
            sheet.write_string(row, 0, question.key)
            sheet.write_number(row, 1, question.match_weight)
            position = 2
            for name in COMPARED:
                for held in (question.left[name], question.right[name]):
                    text = "" if held is None else str(held)
                    sheet.write_string(row, position, text, *([marked] if name in question.differences else []))
                    position += 1
    return len(questions)


@dataclass(frozen=True)
class WrittenAnswer:
    """An answer as it stands in a workbook."""

    key: str
    verdict: str
    reason: str
    reviewer: str


def read_answers(path: Path) -> list[WrittenAnswer]:
    """The answers in a workbook; rows without one are passed over.

    Raises ``AnswerRefused`` naming the row where an answer cannot be read or lacks its reason or reviewer.
    """
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        rows = CalamineWorkbook.from_path(str(path)).get_sheet_by_name(SHEET).to_python()
    except (CalamineError, OSError) as error:
        raise AnswerRefused(
            f"{path.name} cannot be read as a workbook with a sheet {SHEET!r} ({type(error).__name__}). "
            "Fill in the one that send identity review --xlsx wrote."
        ) from None
    headings = [str(heading).strip().lower() for heading in rows[0]] if rows else []
    missing = [name for name in ("question", *ANSWER_COLUMNS) if name not in headings]
    if missing:
        raise AnswerRefused(f"{path.name} has no column {', '.join(missing)}. Keep the first row as it was written.")
    answers = []
    for number, row in enumerate(rows[1:], start=2):
        cells = dict(zip(headings, (str(cell).strip() for cell in row), strict=True))
        if not cells["answer"]:
            continue
        try:
            verdict = verdict_of(cells["answer"])
        except AnswerRefused as error:
            raise AnswerRefused(f"{path.name}, row {number}: {error}") from None
        if not cells["reason"] or not cells["reviewer"]:
            raise AnswerRefused(f"{path.name}, row {number}: give the reason and the reviewer's name with the answer.")
        answers.append(WrittenAnswer(cells["question"], verdict, cells["reason"], cells["reviewer"]))
    return answers
