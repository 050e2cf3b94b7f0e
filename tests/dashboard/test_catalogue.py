"""The catalogue as data: complete, hanging together, and no stranger to the rest of the house."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlfluff import lint
from sqlfluff.core import FluffConfig

from connectors.contract import all_contracts, read_contract
from dashboard.definitions import CATALOGUE, PEOPLE_BREAKDOWNS, CatalogueUnreadable, read_catalogue, the_catalogue
from synthetic.corporate import ACTIONS, TARGETS

ROOT = Path(__file__).parents[2]
MODELS = ROOT / "dbt_project" / "models" / "intermediate"
IDS = {indicator.id for indicator in the_catalogue().indicators}


def test_every_indicator_says_all_that_a_board_member_may_ask() -> None:
    texts = ("name", "question", "definition", "plain_english", "numerator_definition", "owner", "source")
    for indicator in the_catalogue().indicators:
        assert all(len(getattr(indicator, text)) >= 5 for text in (*texts, "statutory_basis")), indicator.id
        assert indicator.question.endswith("?"), indicator.id
    assert len(IDS) >= 100


def test_what_targets_and_the_improvement_plan_name_is_in_the_catalogue() -> None:
    named = {name for name, *_ in TARGETS} | {name for *_, name in ACTIONS}
    assert named - {"plans_audited"} <= IDS


def test_a_share_of_what_is_no_child_is_shown_by_who_they_are_only_with_how_many_they_are() -> None:
    catalogue = the_catalogue()
    for indicator in catalogue.indicators:
        of_its_own = {*catalogue.populations[indicator.population].breakdowns}
        by_people = {*indicator.breakdowns} & {*PEOPLE_BREAKDOWNS} - of_its_own
        if indicator.unit == "percent" and not indicator.is_person_count:
            assert not by_people or indicator.children, indicator.id


def test_the_exact_figures_that_the_public_sees_count_no_children() -> None:
    exact = {
        indicator.population
        for indicator in the_catalogue().indicators
        if indicator.audience == "public" and not indicator.is_person_count and not indicator.is_about_children
        if indicator.unit not in ("weeks", "ratio")  # means, withheld by how many they are over
    }
    assert exact == {"forum_members", "places", "actions_rated"}


def test_benchmarks_are_figures_that_the_release_gives() -> None:
    release = read_contract("dfe_ehc_plans").statistics
    assert release is not None
    given = {name for figures in release.figures for name in figures.columns.values()}
    asked = {
        figure.removeprefix("-")
        for indicator in the_catalogue().indicators
        if indicator.benchmark
        for figure in (*indicator.benchmark.numerator, *indicator.benchmark.denominator)
    }
    assert asked <= given
    assert len(asked) >= 10


def test_sources_are_extracts() -> None:
    extracts = {contract.extract for contract in all_contracts()}
    for indicator in the_catalogue().indicators:
        if indicator.source != "every extract":
            assert set(indicator.source.split(", ")) <= extracts, indicator.id


@pytest.mark.parametrize("is_after_checks", [False, True])
def test_whatever_a_population_reads_is_built_before_it(is_after_checks: bool) -> None:
    name = "int_indicator_count_of_records" if is_after_checks else "int_indicator_count"
    declared = set(re.findall(r'dbt\.(?:ref|source)\((?:"\w+", )?"(\w+)"\)', (MODELS / f"{name}.py").read_text()))
    populations = the_catalogue().counted(is_after_checks=is_after_checks).populations.values()
    schemas = "core|lists|intermediate|identity|reference|staging|indicators"
    read = {table for p in populations for table in re.findall(rf"\b(?:{schemas})\.(\w+)", p.sql)}
    if is_after_checks:
        read |= {table for p in populations for table in re.findall(r"\bchecks\.(finding|fixed_finding)\b", p.sql)}
    assert read
    assert read <= declared


def test_the_sql_of_the_catalogue_is_in_the_house_style() -> None:
    config = FluffConfig.from_path(str(ROOT / "dbt_project"))
    for name, population in the_catalogue().populations.items():
        problems = [
            (p["code"], p["start_line_no"], p["description"])
            for p in lint(population.sql.strip() + "\n", config=config)
        ]
        assert problems == [], name


def test_codes_that_the_catalogue_explains_are_explained_once() -> None:
    sets = set(re.findall(r"code_set = '(\w+)'", "".join(path.read_text() for path in CATALOGUE.glob("*.yml"))))
    with (ROOT / "dbt_project" / "seeds" / "code_sets.csv").open(newline="", encoding="utf-8") as handle:
        codes = [(row["code_set"], row["code"]) for row in csv.DictReader(handle) if row["code_set"] in sets]
    assert len(sets) >= 8
    assert len(codes) == len(set(codes))


def theme(tmp_path: Path, **changes: Any) -> Path:
    """A catalogue of one file with one indicator, but for these changes to it."""
    entry = {
        "id": "cases",
        "name": "Cases",
        "question": "How many cases are there?",
        "definition": "Cases received.",
        "plain_english": "How many cases.",
        "population": "cases",
        "numerator": "true",
        "numerator_definition": "Cases received",
        "unit": "count",
        "direction": "neither",
        "owner": "Head of SEN",
        "cadence": "monthly",
        "audience": "public",
        "source": "ehc_case",
        "statutory_basis": "None",
        "not_broken_down": "Cases are counted, not children.",
    }
    written = {
        "theme": "cases",
        "priority": "Cases",
        "populations": {"cases": {"description": "Cases.", "kind": "flow", "sql": "select 1 as day"}},
        "indicators": [{key: value for key, value in {**entry, **changes}.items() if value is not None}],
    }
    (tmp_path / "cases.yml").write_text(yaml.safe_dump(written))
    return tmp_path


def test_an_indicator_with_the_least_is_read(tmp_path: Path) -> None:
    (only,) = read_catalogue(theme(tmp_path)).indicators
    assert (only.id, only.has_denominator, only.is_person_count) == ("cases", False, True)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"definition": None}, "definition"),
        ({"population": "others"}, "counts the population 'others', which there is not"),
        ({"numerator": None}, "needs a numerator or a numerator_sum"),
        ({"unit": "percent"}, "is a percent, which needs a denominator"),
        ({"denominator": "true", "denominator_definition": "All"}, "is a count, which has no denominator"),
        ({"target": 3.0, "amber_tolerance": 1.0}, "whether higher or lower is better"),
        ({"direction": "higher", "target": 3.0}, "target and an amber_tolerance together"),
        ({"breakdowns": ["colour"]}, "is broken down by colour, which nothing gives"),
        ({"not_broken_down": None}, "not_broken_down says why not: age_band, area"),
        ({"not_broken_down": {"sex": "It is not said."}}, "not_broken_down says why not: age_band, area"),
        (
            {"breakdowns": ["people"], "not_broken_down": {"sex": "It is not said."}},
            "not_broken_down says why not: sex",
        ),
        ({"children": "true"}, "a percentage, a ratio or a sum of pounds"),
        ({"children": "true", "children_sum": "1"}, "both children and children_sum"),
        ({"children_by": {"sex": "true"}}, "children_by and so needs children"),
        (
            {"unit": "pounds", "is_person_count": False, "children": "true", "children_by": {"sex": "true"}},
            "a breakdown that it is not shown by",
        ),
        ({"audience": "everybody"}, "audience"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_does_not_hang_together_is_refused_by_name(
    changes: dict[str, Any], complaint: str, tmp_path: Path
) -> None:
    with pytest.raises(CatalogueUnreadable, match=complaint):
        read_catalogue(theme(tmp_path, **changes))
