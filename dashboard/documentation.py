"""Writes ``docs/indicators.md``, every indicator as the catalogue defines it, for whoever asks what a figure means.

``python -m dashboard.documentation`` writes it anew; a test holds it to the catalogue.
"""

from __future__ import annotations

from pathlib import Path

from connectors.markdown import table_row
from dashboard.definitions import PERIOD_KINDS, Catalogue, Definition, Population, the_catalogue
from dashboard.wording import KINDS, breakdown_name, lacking_in_words, target_in_words, unit_name

PAGE = Path(__file__).parents[1] / "docs" / "indicators.md"
KINDS_OF_POPULATION = {
    "flow": "What happens in the period; months add up to years",
    "stock": "What stands at the end of the period",
    "delivered": "What stands at the end of the period, of months whose figures were delivered",
    "today": "What stands on the day of the run; its past is what earlier runs published",
}
AUDIENCES = {"public": "Everyone", "board": "The board alone"}
DIRECTIONS = {"higher": "Higher is better", "lower": "Lower is better", "neither": "Neither way is better in itself"}


def indicators_page(catalogue: Catalogue) -> str:
    """Every indicator by theme: what it asks, how it is made, what it is held to, whose it is and who may see it."""
    public = sum(indicator.audience == "public" for indicator in catalogue.indicators)
    lines = [
        "# The indicators",
        "",
        f"{len(catalogue.indicators)} indicators, {public} of them public, made from `dashboard/catalogue/` by",
        "`python -m dashboard.documentation`: change them there (`docs/adding_an_indicator.md`). The SQL of what is",
        "counted stands there too, beside the words. A target of the council's own (extract `targets`) goes before the",
        "one given here. `docs/dashboard.md` says how figures are rated, compared and withheld.",
    ]
    for theme in catalogue.themes:
        lines += [
            "",
            f"## {theme.priority}",
            "",
            "| indicator | question | target | owner | audience |",
            "|---|---|---|---|---|",
        ]
        lines += [_row(indicator) for indicator in theme.indicators]
        for indicator in theme.indicators:
            lines += _section(indicator, catalogue.populations[indicator.population])
    return "\n".join(lines) + "\n"


def _anchor(indicator_id: str) -> str:
    return f"indicator-{indicator_id}"


def _row(indicator: Definition) -> str:
    link = f"[{indicator.name}](#{_anchor(indicator.id)})"
    target = target_in_words(indicator, indicator.target)
    return table_row((link, indicator.question, target, indicator.owner, AUDIENCES[indicator.audience]))


def _section(indicator: Definition, population: Population) -> list[str]:
    facts = [
        ("Numerator", indicator.numerator_definition),
        ("Denominator", indicator.denominator_definition or "None: the numerator is the figure"),
        ("Unit", unit_name(indicator.unit)),
        ("Direction", DIRECTIONS[indicator.direction]),
        ("Target", _target(indicator)),
        ("Counted", f"{KINDS_OF_POPULATION[population.kind]}. {population.description}"),
        ("Broken down by", ", ".join(breakdown_name(name).lower() for name in indicator.breakdowns) or "Nothing"),
        ("Owner", indicator.owner),
        ("Cadence", indicator.cadence.capitalize()),
        ("Audience", AUDIENCES[indicator.audience]),
        ("Source", indicator.source),
        ("Statutory basis", indicator.statutory_basis),
    ]
    if indicator.why_not:
        facts.insert(7, ("Not broken down by", lacking_in_words(indicator)))
    if population.periods != PERIOD_KINDS:
        facts.insert(6, ("Periods", ", ".join(KINDS[kind].lower() for kind in population.periods)))
    if indicator.benchmark is not None:
        facts.append(("Compared with", indicator.benchmark.source))
    return [
        "",
        f'<a id="{_anchor(indicator.id)}"></a>',
        "",
        f"### {indicator.name}",
        "",
        f"`{indicator.id}`: {indicator.question}",
        "",
        indicator.definition,
        "",
        f"> In plain English: {indicator.plain_english}",
        "",
        "| | |",
        "|---|---|",
        *(table_row(fact) for fact in facts),
    ]


def _target(indicator: Definition) -> str:
    if indicator.target is None or indicator.amber_tolerance is None:
        return "None"
    amber_from = indicator.target - indicator.amber_tolerance * (-1 if indicator.direction == "lower" else 1)
    return (
        f"{target_in_words(indicator, indicator.target)} is green, "
        f"{target_in_words(indicator, amber_from)} amber, all else red"
    )


if __name__ == "__main__":
    PAGE.write_text(indicators_page(the_catalogue()), encoding="utf-8")
