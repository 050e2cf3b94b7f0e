"""The page of indicators says what the catalogue says."""

from __future__ import annotations

from dashboard.definitions import Catalogue, Definition, the_catalogue
from dashboard.documentation import PAGE, indicators_page


def section(page: str, indicator: Definition) -> str:
    """What a page says of an indicator, from its anchor to the next heading."""
    return page.partition(f'<a id="indicator-{indicator.id}"></a>')[2].partition("\n<a id=")[0]


def only(name: str) -> tuple[Catalogue, Definition]:
    catalogue = the_catalogue()
    return catalogue, next(indicator for indicator in catalogue.indicators if indicator.id == name)


def test_the_page_is_as_the_catalogue_is() -> None:
    assert PAGE.read_text(encoding="utf-8") == indicators_page(the_catalogue()), (
        "run: python -m dashboard.documentation"
    )


def test_the_page_says_of_every_indicator_all_that_is_asked_of_it() -> None:
    page = indicators_page(the_catalogue())
    for indicator in the_catalogue().indicators:
        told = section(page, indicator)
        assert f"`{indicator.id}`: {indicator.question}" in told
        for said in (
            indicator.definition,
            f"| Numerator | {indicator.numerator_definition} |",
            f"| Denominator | {indicator.denominator_definition or 'None: the numerator is the figure'} |",
            f"| Owner | {indicator.owner} |",
            f"| Cadence | {indicator.cadence.capitalize()} |",
            f"| Source | {indicator.source} |",
            f"| Statutory basis | {indicator.statutory_basis} |",
        ):
            assert said in told, (indicator.id, said)


def test_a_target_is_told_with_where_amber_begins_on_its_own_side() -> None:
    catalogue, indicator = only("advice_in_6_weeks")
    higher = section(indicators_page(catalogue), indicator)
    assert "| Target | 90% or more is green, 75% or more amber, all else red |" in higher
    catalogue, indicator = only("caseload")
    lower = section(indicators_page(catalogue), indicator)
    assert "| Target | 160 or less is green, 200 or less amber, all else red |" in lower


def test_words_that_would_break_a_table_do_not() -> None:
    catalogue, indicator = only("requests_received")
    theme = catalogue.theme_of(indicator)
    awkward = indicator.model_copy(update={"owner": "Head | of\nSEN"})
    one = theme.model_copy(update={"indicators": (awkward,)})
    told = section(indicators_page(Catalogue(themes=(one,))), awkward)
    assert "| Owner | Head \\| of SEN |" in told
