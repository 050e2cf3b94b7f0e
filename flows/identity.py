"""``send identity``: who is the same child; what stewards are asked, what they say, and how good the links are."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from connectors.errors import SendError
from flows.terminal import Json, output, print_json, print_rows
from warehouse.home import Home

identity = typer.Typer(
    name="identity",
    help="Who is the same child across the services: review, split, history, links, evaluate.",
    no_args_is_help=True,
)

Because = Annotated[str | None, typer.Option("--because", help="The reason, kept with the answer.")]
By = Annotated[str | None, typer.Option("--by", help="The reviewer's name, kept with the answer.")]


class AnswerIncomplete(SendError):
    """An answer lacks its reason or its reviewer."""


def _store(home: Home) -> Any:
    from operations.store import OperationsStore

    return OperationsStore(home.operations_url)


def _signed(reason: str | None, reviewer: str | None) -> tuple[str, str]:
    if not (reason or "").strip() or not (reviewer or "").strip():
        raise AnswerIncomplete('Give the reason and your name with the answer: --because "..." --by NAME')
    return str(reason).strip(), str(reviewer).strip()


@identity.command()
def review(
    question: Annotated[str | None, typer.Argument(help="The question to look at or to answer.")] = None,
    answer: Annotated[str | None, typer.Option(help="yes (one child), no (two children) or can't tell.")] = None,
    because: Because = None,
    by: By = None,
    workbook: Annotated[Path | None, typer.Option("--xlsx", help="Write the questions to this workbook.")] = None,
    answers_file: Annotated[Path | None, typer.Option("--import", help="Take the answers from this workbook.")] = None,
    picture: Annotated[Path | None, typer.Option("--html", help="Draw why the pair weighs what it does.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Questions to list.")] = 50,
    json_output: Json = False,
) -> None:
    """List the pairs that may be one child, show one side by side, and take answers. Shows personal data."""
    from linkage import review as reviewing

    home = Home.from_environment()
    store = _store(home)
    answered = [(said.one, said.other) for said in store.identity_answers()]
    with reviewing.standing_warehouse(home) as connection:
        questions = reviewing.open_questions(connection, answered)
    if answers_file is not None:
        written = reviewing.read_answers(answers_file)
        taken = [(reviewing.question_of(questions, one.key), one) for one in written]
        for asked, one in taken:
            pair = [(asked.one, asked.other, asked.match_weight)]
            store.say_of_identity(pair, verdict=one.verdict, act="review", reason=one.reason, reviewer=one.reviewer)
        output().print(f"{len(taken)} answers are kept. They count from the next run on: send run")
    elif workbook is not None:
        count = reviewing.write_questions(questions, workbook)
        output().print(f"{count} questions are in {workbook}. Personal data: keep it where such data may be.")
    elif question is None:
        rows = [
            (one.key, one.match_weight, one.left["source_extract"], one.right["source_extract"], _said(one.differences))
            for one in questions[:limit]
        ]
        headings = ["question", "weight", "one source", "other source", "differs in"]
        if json_output:
            print_json([dict(zip(headings, row, strict=True)) for row in rows])
        else:
            print_rows(f"{len(questions)} questions", headings, rows)
    elif picture is not None:
        from linkage.picture import steps_of, waterfall

        asked = reviewing.question_of(questions, question)
        with reviewing.standing_warehouse(home) as connection:
            picture.write_text(waterfall(asked, steps_of(connection, asked)), encoding="utf-8")
        output().print(f"The picture of {question} is in {picture}. It names nobody.")
    elif answer is None:
        asked = reviewing.question_of(questions, question)
        side_by_side = [
            (name.replace("_", " "), asked.left[name], asked.right[name], "≠" if name in asked.differences else "")
            for name in reviewing.COMPARED
        ]
        if json_output:
            print_json({**asdict(asked), "differences": sorted(asked.differences)})
        else:
            print_rows(f"Are they one child? (weight {asked.match_weight})", ["", "one", "other", ""], side_by_side)
    else:
        asked = reviewing.question_of(questions, question)
        verdict = reviewing.verdict_of(answer)
        reason, reviewer = _signed(because, by)
        pair = [(asked.one, asked.other, asked.match_weight)]
        store.say_of_identity(pair, verdict=verdict, act="review", reason=reason, reviewer=reviewer)
        output().print(f"The answer to {question} is kept. It counts from the next run on: send run")


def _said(names: frozenset[str]) -> str:
    return ", ".join(sorted(name.replace("_", " ") for name in names))


@identity.command()
def split(
    child_id: Annotated[str, typer.Argument(help="The child whose records are of two.")],
    apart: Annotated[
        list[int] | None, typer.Option(help="Number of a person that is another child; repeat it.")
    ] = None,
    because: Because = None,
    by: By = None,
    json_output: Json = False,
) -> None:
    """Show whose records make up a child, and undo a mistaken link for good. Shows personal data."""
    from linkage import review as reviewing

    home = Home.from_environment()
    with reviewing.standing_warehouse(home) as connection:
        members = reviewing.members_of(connection, child_id)
    if not apart:
        headings = ["number", "linked by", *(name.replace("_", " ") for name in reviewing.COMPARED)]
        rows = [
            (number, member.basis, *(member.held[name] for name in reviewing.COMPARED))
            for number, member in enumerate(members, start=1)
        ]
        if json_output:
            print_json([dict(zip(headings, row, strict=True)) for row in rows])
        else:
            print_rows(f"Persons of {child_id}", headings, rows)
        return
    pairs = reviewing.parted(members, apart)
    reason, reviewer = _signed(because, by)
    _store(home).say_of_identity(
        [(one, other, None) for one, other in pairs], verdict="no", act="split", reason=reason, reviewer=reviewer
    )
    output().print(f"{child_id} is to be split. The next run gives the others an id of their own: send run")


@identity.command()
def history(
    child_id: Annotated[str, typer.Argument(help="The child.")],
    json_output: Json = False,
) -> None:
    """Show when persons of the sources came to this child's id and left it: merges and splits with date and cause."""
    from linkage.review import standing_warehouse

    with standing_warehouse(Home.from_environment()) as connection:
        rows = connection.execute(
            """
            select given_at, event, anchor_kind, child_id, previous_child_id, cause
            from identity.identity__event
            where ? in (child_id, previous_child_id)
            order by given_at, anchor_kind, child_id
            """,
            [child_id],
        ).fetchall()
    headings = ["at (UTC)", "event", "source", "child", "before", "cause"]
    if json_output:
        print_json([dict(zip(headings, row, strict=True)) for row in rows])
    else:
        print_rows(f"What became of {child_id}", headings, rows)


@identity.command()
def links(
    alone: Annotated[
        bool, typer.Option("--alone", help="List who is linked to nobody, and the likely reason.")
    ] = False,
    source: Annotated[str | None, typer.Option(help="Only this extract's.")] = None,
    picture: Annotated[Path | None, typer.Option("--html", help="Draw the links, and what the model weighs.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Records to list.")] = 50,
    json_output: Json = False,
) -> None:
    """Show by source how many persons are linked and how; --alone lists records linked to nobody (personal data)."""
    from linkage import coverage
    from linkage.review import standing_warehouse

    home = Home.from_environment()
    with standing_warehouse(home) as connection:
        by_source = coverage.links_by_source(connection)
        if source is not None and source not in {one.source for one in by_source}:
            raise SendError(f"No person comes from {source}. Sources: {', '.join(one.source for one in by_source)}")
        if picture is not None:
            page = coverage.coverage_page(by_source, coverage.model_weights(connection))
            picture.write_text(page, encoding="utf-8")
            output().print(f"The links by source are in {picture}. It names nobody.")
        elif alone:
            answered = [(said.one, said.other) for said in _store(home).identity_answers()]
            found = coverage.unlinked(connection, answered, source)
            headings = ["child", "source", "record", "reason", "weight", "question"]
            rows = [(*asdict(one).values(),) for one in found]
            if json_output:
                print_json([asdict(one) for one in found])
            else:
                print_rows(f"{len(found):,} linked to nobody", headings, rows[:limit])
        else:
            headings = ["source", "persons", *coverage.WAYS, "linked"]
            shown = [one for one in by_source if source in (None, one.source)]
            rows = [
                (one.source, one.persons, *(one.ways[way] for way in coverage.WAYS), f"{one.share_linked:.1%}")
                for one in shown
            ]
            if json_output:
                print_json([dict(zip(headings, row, strict=True)) for row in rows])
            else:
                print_rows("Links by source", headings, rows)


@identity.command()
def evaluate(
    json_output: Json = False,
) -> None:
    """Measure the links between every two sources against the truth of the invented borough, and by the answers."""
    from linkage.evaluation import NoTruth, estimate_of_answers, measure_links
    from linkage.review import standing_warehouse

    home = Home.from_environment()
    estimate = estimate_of_answers([said.verdict for said in _store(home).identity_answers() if said.act == "review"])
    quality = None
    with standing_warehouse(home) as connection:
        try:
            quality = measure_links(connection, home.folder / "borough" / "truth" / "records.parquet")
        except NoTruth:
            if estimate is None:
                raise
    found: dict[str, Any] = {
        "pairs": [
            {**asdict(pair), "precision": pair.precision, "recall": pair.recall, "f1": pair.f1}
            for pair in (quality.pairs if quality else ())
        ],
        "children_joined_wrongly": quality.children_joined_wrongly if quality else None,
        "answers": asdict(estimate) if estimate else None,
    }
    home.link_quality.write_text(json.dumps(found, indent=2), encoding="utf-8")
    if json_output:
        print_json(found)
        return
    if quality is not None:
        rows = [
            (
                *(pair.one, pair.other, pair.right, pair.wrong, pair.missed),
                *(f"{share:.4f}" for share in (pair.precision, pair.recall, pair.f1)),
            )
            for pair in quality.pairs
        ]
        print_rows("Links", ["source", "source", "right", "wrong", "missed", "precision", "recall", "F1"], rows)
        output().print(f"Children who are in truth several: {quality.children_joined_wrongly}")
    if estimate is not None:
        output().print(
            f"Of {estimate.answered} pairs asked about and told, {estimate.share:.0%} are one child "
            f"(95% interval {estimate.low:.0%} to {estimate.high:.0%})"
        )
