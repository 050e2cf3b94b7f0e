"""The page of marts says what the models' YAML says, and the YAML what the tables are."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.dashboard.invented import invented_edition
from tests.warehouse.conftest import PROJECT, Dbt
from warehouse.dictionary import described_tables
from warehouse.documentation import PAGE, marts_page

MARTS = ("core", "lists", "sen2", "annex_a", "dashboard")


@pytest.fixture(scope="module")
def page() -> str:
    return marts_page()


def section(page: str, schema: str, name: str) -> str:
    """What a page says of a table, from its anchor to the next one's."""
    return page.partition(f'<a id="{schema}-{name}"></a>')[2].partition("\n<a id=")[0]


def test_the_page_is_as_the_models_are(page: str) -> None:
    assert PAGE.read_text(encoding="utf-8") == page, "run: python -m warehouse.documentation"


def test_the_page_has_every_mart_of_the_manifest_with_its_grain_and_its_columns(page: str, dbt: Dbt) -> None:
    marts: list[Any] = [node for node in dbt.manifest.nodes.values() if node.resource_type == "model"]
    marts = [model for model in marts if model.schema in MARTS]
    assert len(marts) >= 77
    for model in marts:
        told = section(page, model.schema, model.name)
        assert " ".join(model.description.split()) in told, model.name
        (key,) = [constraint.columns for constraint in model.constraints if constraint.expression == "unique"]
        assert f"Key: {', '.join(f'`{name}`' for name in key)}." in told, model.name
        for column in model.columns.values():
            (row,) = re.findall(rf"^\| `{column.name}` \| .*$", told, re.MULTILINE)
            is_required = any(constraint.type == "not_null" for constraint in column.constraints)
            data_type = f"{column.data_type} not null" if is_required else column.data_type
            assert row.startswith(f"| `{column.name}` | {data_type} | "), (model.name, column.name)
            assert row.endswith("| yes |" if column.config.meta["personal_data"] else "| no |"), (model.name, row)


def test_the_page_says_who_reads_a_mart(page: str, dbt: Dbt) -> None:
    for exposure in dbt.manifest.exposures.values():
        for unique_id in exposure.depends_on.nodes:
            node = dbt.manifest.nodes.get(unique_id)
            if node is not None:
                told = section(page, node.schema, node.name)
                assert re.search(rf"Read by: .*{re.escape(exposure.label)}[;.]", told), (node.name, exposure.label)
    assert "Read by:" not in section(page, "core", "dim_term")


def test_what_is_made_after_the_checks_has_the_columns_types_and_key_that_are_said_of_it() -> None:
    marts = {path.stem for path in (PROJECT / "models" / "dashboard").glob("*.sql")}
    made = [table for table in described_tables("dashboard") if table.name not in marts]
    assert len(made) >= 9
    with invented_edition(seed=7, months=14, monthly=60) as connection:
        for table in made:
            columns = connection.execute(f"describe dashboard.{table.name}").fetchall()
            assert [(name, kind.lower()) for name, kind, *_ in columns] == [
                (column.name, column.data_type) for column in table.columns
            ], table.name
            key = ", ".join(table.key) or "1"
            rows = connection.execute(
                f"select count(*), count(distinct ({key})) from dashboard.{table.name}"
            ).fetchone()
            assert rows is not None
            assert rows[0] == rows[1] > 0, table.name
