"""Why a pair weighs what it weighs, as a picture: a page that holds all it needs and no name, number or date."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import log2

import duckdb

from linkage.model import Model
from linkage.policy import COMPARISONS, LINK_WEIGHT, NULL
from linkage.review import Question

ROW, LEFT, WIDTH = 30, 330, 900
Step = tuple[str, float]


def steps_of(connection: duckdb.DuckDBPyConnection, question: Question) -> list[Step]:
    """What each comparison adds to the pair's weight, from the odds of any two records to the whole.

    The last step is the rarity of the names they share, which makes up what the levels alone do not tell.
    """
    keys = [":".join(person) for person in (question.one, question.other)]
    columns = ", ".join(f"{comparison.name}_level" for comparison in COMPARISONS)
    (levels,) = connection.execute(
        f"select {columns} from identity.identity__scored_pair where left_key in (?, ?) and right_key in (?, ?)",
        [*keys, *keys],
    ).fetchall()
    ((text,),) = connection.execute("select model from identity.identity__linkage_model").fetchall()
    settings = Model.from_text(text).settings
    prior = settings["probability_two_random_records_match"]
    steps = [("any two records", log2(prior / (1 - prior)))]
    for comparison, level in zip(settings["comparisons"], levels, strict=True):
        if level == NULL:
            continue
        stated = next(held for held in comparison["comparison_levels"] if held["label_for_charts"] == level)
        name = comparison["output_column_name"].replace("_", " ")
        steps.append((f"{name}: {level}", log2(stated["m_probability"] / stated["u_probability"])))
    steps.append(("rarity of the names they share", question.match_weight - sum(weight for _, weight in steps)))
    return steps


def waterfall(question: Question, steps: Sequence[Step]) -> str:
    """The steps as a page with one drawing; nothing is fetched from anywhere."""
    reached = [0.0]
    for _, weight in steps:
        reached.append(reached[-1] + weight)
    low, high = min(*reached, LINK_WEIGHT), max(*reached, LINK_WEIGHT)
    scale = (WIDTH - LEFT - 70) / ((high - low) or 1)

    def at(weight: float) -> float:
        return LEFT + (weight - low) * scale

    drawn = []
    for number, ((label, weight), begins, ends) in enumerate(zip(steps, reached, reached[1:], strict=False)):
        top = number * ROW
        colour = "#2b7a4b" if weight >= 0 else "#b3392f"
        drawn.append(
            f'<text x="{LEFT - 10}" y="{top + 19}" text-anchor="end">{escape(label)}</text>'
            f'<rect x="{at(min(begins, ends)):.1f}" y="{top + 5}" width="{max(abs(weight) * scale, 1):.1f}" '
            f'height="20" fill="{colour}"/>'
            f'<text x="{at(max(begins, ends)) + 5:.1f}" y="{top + 19}">{weight:+.1f}</text>'
        )
    height = len(steps) * ROW
    line = at(LINK_WEIGHT)
    drawn.append(f'<line x1="{line:.1f}" x2="{line:.1f}" y1="0" y2="{height}" stroke="#555" stroke-dasharray="4"/>')
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        f"<title>Question {escape(question.key)}</title>"
        '<body style="font-family: sans-serif">'
        f"<h1>Question {escape(question.key)}: weight {question.match_weight:.1f}</h1>"
        f"<p>Each bar is what one comparison adds (green) or takes (red), in powers of two of the odds that the two "
        f"records are of one child. The dashed line is {LINK_WEIGHT:g}, from which pairs are linked.</p>"
        f'<svg viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" font-size="14" role="img" '
        f'aria-label="What each comparison adds to the weight">{"".join(drawn)}</svg></body></html>\n'
    )
