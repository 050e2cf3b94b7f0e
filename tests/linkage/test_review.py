"""How stewards see a question, answer it one by one or in a workbook, and undo a link."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import pytest
import xlsxwriter
from python_calamine import CalamineWorkbook

from linkage.evaluation import estimate_of_answers, measure_links
from linkage.review import (
    ANSWER_COLUMNS,
    COMPARED,
    AnswerRefused,
    Member,
    NothingToReview,
    Question,
    key_of,
    members_of,
    open_questions,
    parted,
    question_of,
    read_answers,
    verdict_of,
    write_questions,
)

PUPIL, PATIENT = ("upn", "A1/2014-03-09"), ("nhs", "9990000018/2014-09-03")


def held(**said: object) -> dict[str, object]:
    known = {"surname": "Abara", "forename": "Ife", "birth_date": date(2014, 3, 9), "source_extract": "school_census"}
    return {**dict.fromkeys(COMPARED), **known, **said}


QUESTION = Question(
    key_of(PUPIL, PATIENT),
    3.25,
    PUPIL,
    PATIENT,
    held(upn="A1"),
    held(birth_date=date(2014, 9, 3), forename="=Ife()", source_extract="therapy_waits", nhs_number="9990000018"),
)


def test_a_question_marks_what_differs_and_not_what_one_side_does_not_say() -> None:
    assert QUESTION.differences == {"birth_date", "forename"}


def test_a_question_has_one_name_whichever_person_is_named_first() -> None:
    assert key_of(PUPIL, PATIENT) == key_of(PATIENT, PUPIL)
    assert "A1" not in QUESTION.key


def test_an_unknown_question_is_refused() -> None:
    with pytest.raises(NothingToReview, match="No question nowhere is open"):
        question_of([QUESTION], "nowhere")


@pytest.mark.parametrize(("text", "verdict"), [("Yes", "yes"), (" no ", "no"), ("can’t tell", "unsure")])
def test_a_steward_says_yes_no_or_cannot_tell(text: str, verdict: str) -> None:
    assert verdict_of(text) == verdict


def test_another_word_is_no_answer() -> None:
    with pytest.raises(AnswerRefused, match="'maybe' is no answer"):
        verdict_of("maybe")


def test_the_workbook_holds_texts_alone_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    out = tmp_path / "questions.xlsx"
    assert write_questions([QUESTION], out) == 1
    assert out.stat().st_mode & 0o077 == 0
    rows = CalamineWorkbook.from_path(str(out)).get_sheet_by_name("questions").to_python()
    assert "=Ife()" in rows[1]


def filled(path: Path, *answers: tuple[str, str, str, str]) -> Path:
    with xlsxwriter.Workbook(str(path)) as book:
        sheet = book.add_worksheet("questions")
        for row, cells in enumerate([("question", *ANSWER_COLUMNS), *answers]):
            sheet.write_row(row, 0, cells)
    return path


def test_answers_come_back_from_the_workbook(tmp_path: Path) -> None:
    path = filled(
        tmp_path / "a.xlsx", ("k1", "yes", "same mother", "Jo"), ("k2", "", "", ""), ("k3", "no", "twins", "Jo")
    )
    assert [(one.key, one.verdict, one.reason, one.reviewer) for one in read_answers(path)] == [
        ("k1", "yes", "same mother", "Jo"),
        ("k3", "no", "twins", "Jo"),
    ]


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (("k1", "perhaps", "because", "Jo"), "row 2: 'perhaps' is no answer"),
        (("k1", "yes", "", "Jo"), "row 2: give the reason"),
        (("k1", "no", "because", ""), "row 2: give the reason"),
    ],
)
def test_an_answer_that_cannot_be_taken_is_refused_with_its_row(
    tmp_path: Path, answer: tuple[str, str, str, str], complaint: str
) -> None:
    with pytest.raises(AnswerRefused, match=complaint):
        read_answers(filled(tmp_path / "a.xlsx", answer))


def test_a_file_that_is_no_workbook_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_text("question;answer")
    with pytest.raises(AnswerRefused, match="cannot be read as a workbook"):
        read_answers(tmp_path / "a.xlsx")


MEMBERS = [
    Member(("case", "K1"), "itself", held()),
    Member(PUPIL, "upn", held()),
    Member(PATIENT, "likelihood", held()),
]


def test_a_split_parts_who_leaves_from_all_who_stay() -> None:
    assert parted(MEMBERS, [3]) == [(PATIENT, ("case", "K1")), (PATIENT, PUPIL)]


@pytest.mark.parametrize("numbers", [[], [1, 2, 3], [4]])
def test_a_split_of_nobody_everybody_or_a_stranger_is_refused(numbers: list[int]) -> None:
    with pytest.raises(AnswerRefused, match="persons 1 to 3"):
        parted(MEMBERS, numbers)


@pytest.fixture
def warehouse() -> duckdb.DuckDBPyConnection:
    """A warehouse of one child whom two sources know, another whom one knows, and a question about the two."""
    connection = duckdb.connect()
    columns = ", ".join(f"{name} varchar" for name in COMPARED)
    for statement in (
        "create schema identity",
        f"create table identity.identity__person (anchor_kind varchar, anchor varchar, {columns})",
        "create table identity.identity__anchor "
        "(anchor_kind varchar, anchor varchar, priority integer, child_id varchar, basis varchar)",
        "create table identity.identity__question (left_kind varchar, left_anchor varchar, right_kind varchar, "
        "right_anchor varchar, match_weight double)",
        "insert into identity.identity__person (anchor_kind, anchor, forename) "
        "values ('case', 'K1', 'Ife'), ('upn', 'A1', 'Ife'), ('nhs', 'N1', 'Ada')",
        "insert into identity.identity__anchor "
        "values ('case', 'K1', 1, 'C1', 'itself'), ('upn', 'A1', 2, 'C1', 'upn'), ('nhs', 'N1', 3, 'C2', 'itself')",
        "insert into identity.identity__question values ('case', 'K1', 'nhs', 'N1', 2.5)",
    ):
        connection.execute(statement)
    return connection


def test_a_question_that_was_answered_since_is_open_no_more(warehouse: duckdb.DuckDBPyConnection) -> None:
    (question,) = open_questions(warehouse, [])
    assert (question.match_weight, question.left["forename"], question.right["forename"]) == (2.5, "Ife", "Ada")
    assert open_questions(warehouse, [(("case", "K1"), ("nhs", "N1"))]) == []


def test_a_childs_persons_are_told_with_what_links_them(warehouse: duckdb.DuckDBPyConnection) -> None:
    assert [(one.person, one.basis) for one in members_of(warehouse, "C1")] == [
        (("case", "K1"), "itself"),
        (("upn", "A1"), "upn"),
    ]


def test_no_child_has_no_persons(warehouse: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(NothingToReview, match="No child has the id C9"):
        members_of(warehouse, "C9")


def test_links_are_counted_right_wrong_and_missed_against_the_truth(
    warehouse: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    warehouse.execute(
        "create table identity.identity__record_child as from (values "
        "('census', 'pupil', 'r1', 'C5'), ('health', 'referral', 'r2', 'C5'), ('health', 'referral', 'r3', 'C5'), "
        "('census', 'pupil', 'r4', 'C6'), ('health', 'referral', 'r5', 'C7')) "
        "as record (extract, table_name, record_id, child_id)"
    )
    truth = tmp_path / "records.parquet"
    warehouse.execute(
        f"copy (from (values ('census', 'pupil', 'r1', 1), ('health', 'referral', 'r2', 1), "
        f"('health', 'referral', 'r3', 2), ('census', 'pupil', 'r4', 3), ('health', 'referral', 'r5', 3)) "
        f"as truth (extract, \"table\", record_id, person_id)) to '{truth}' (format parquet)"
    )
    quality = measure_links(warehouse, truth)
    (pair,) = quality.pairs
    assert (pair.one, pair.other, pair.right, pair.wrong, pair.missed) == ("census", "health", 1, 1, 1)
    assert (pair.precision, pair.recall, pair.f1) == (0.5, 0.5, 0.5)
    assert quality.children_joined_wrongly == 1


def test_what_stewards_answered_gives_an_estimate_with_its_interval() -> None:
    estimate = estimate_of_answers(["yes"] * 8 + ["no"] * 2 + ["unsure"])
    assert estimate is not None
    assert (estimate.answered, estimate.share) == (10, 0.8)
    assert (round(estimate.low, 3), round(estimate.high, 3)) == (0.490, 0.943)


def test_without_answers_there_is_no_estimate() -> None:
    assert estimate_of_answers(["unsure"]) is None
