"""The build of a run: every model dbt knows, in a private file, and a plain word where one cannot be built."""

from __future__ import annotations

import shutil
from datetime import date, datetime
from pathlib import Path

import duckdb
import pytest

from connectors.configuration import Configuration
from tests.warehouse.conftest import Dbt
from warehouse.build import BuildFailed, DbtProject, PointInTime, open_for_building, register_sources
from warehouse.home import Home


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, DbtProject]:
    home = Home(tmp_path_factory.mktemp("home"))
    home.create()
    configuration = Configuration(home=home.folder, la_code="883", la_name="Invented", sources={})
    register_sources(configuration, home, PointInTime(date(2026, 9, 30), datetime(2026, 9, 30, 20)))
    return home, DbtProject(home)


@pytest.fixture(scope="module")
def built(project: tuple[Home, DbtProject]) -> tuple[Home, DbtProject]:
    project[1].build()
    return project


def test_a_build_has_every_model_but_those_made_of_findings(built: tuple[Home, DbtProject], dbt: Dbt) -> None:
    home, _ = built
    expected = {
        (node.schema, node.name, "VIEW" if node.config.materialized == "view" else "BASE TABLE")
        for node in dbt.manifest.nodes.values()
        if node.resource_type == "model" and "after_checks" not in node.tags
    }
    with duckdb.connect(str(home.building), read_only=True) as connection:
        relations = connection.sql(
            "select table_schema, table_name, table_type from information_schema.tables"
        ).fetchall()
    assert expected <= set(relations)


def test_every_view_can_be_asked_once_the_build_is_renamed_and_attached_under_another_name(
    built: tuple[Home, DbtProject], tmp_path: Path
) -> None:
    home, _ = built
    warehouse = tmp_path / "warehouse.duckdb"
    shutil.copy(home.building, warehouse)
    views = "select schema_name || '.' || view_name from duckdb_views() where not internal order by all"
    with duckdb.connect(str(warehouse), read_only=True) as renamed, duckdb.connect() as attaching:
        attaching.execute(f"attach '{warehouse}' as council (read_only)")
        names = [name for (name,) in renamed.execute(views).fetchall()]
        assert sum(name.startswith("staging.") for name in names) >= 50
        for name in names:
            renamed.execute(f"select count(*) from {name}")
            attaching.execute(f"select count(*) from council.{name}")


def test_a_staging_view_that_cannot_be_built_is_named_without_the_values(built: tuple[Home, DbtProject]) -> None:
    home, dbt_project = built
    with open_for_building(home.building, home.temporary) as connection:
        connection.execute("drop schema staging cascade")
        connection.execute("drop view landing.ehc_case__need")
    with pytest.raises(BuildFailed, match=r"stg_ehc_case__need.*The last publication stays"):
        dbt_project.build()


def test_a_table_that_cannot_be_built_is_named(project: tuple[Home, DbtProject]) -> None:
    home, dbt_project = project
    configuration = Configuration(home=home.folder, la_code="883", la_name="Invented", sources={})
    register_sources(configuration, home, PointInTime(date(2026, 9, 30), datetime(2026, 9, 30, 20)))
    with open_for_building(home.building, home.temporary) as connection:
        connection.execute("drop table landing.run")
    with pytest.raises(BuildFailed, match=r"identity__linkage_record"):
        dbt_project.build()
