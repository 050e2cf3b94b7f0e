"""The bare build of the benchmark makes what dbt makes: else the ratio would be of two different things."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from benchmarks.stages import bare_statements, build_bare, seed_rows
from connectors.configuration import read_configuration
from tests.flows.conftest import SendHome
from warehouse.build import DbtProject, PointInTime, open_for_building, register_sources
from warehouse.home import Home


def rows_by_table(path: Path) -> dict[str, int]:
    """Rows of every table that a model makes, by its name."""
    with duckdb.connect(str(path), read_only=True) as connection:
        tables = connection.execute(
            "select table_schema || '.' || table_name from information_schema.tables "
            "where table_schema not in ('landing', 'checks', 'reference', 'indicators', 'identity_given', 'main')"
        ).fetchall()
        return {name: connection.sql(f"select count(*) from {name}").fetchall()[0][0] for (name,) in tables}


def test_the_bare_build_makes_the_rows_that_dbt_makes(
    run_home: tuple[SendHome, subprocess.CompletedProcess[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(Path(shutil.copytree(run_home[0].folder, tmp_path / "home")))
    configuration = read_configuration(home.folder)
    assert configuration.as_at is not None
    moment = PointInTime(configuration.as_at, datetime.now(UTC).replace(tzinfo=None))
    for name in ("SEND_WAREHOUSE", "SEND_MEMORY_LIMIT", "SEND_TEMP_DIRECTORY"):
        monkeypatch.setenv(name, "")
    home.clear_leftovers()
    register_sources(configuration, home, moment)
    DbtProject(home).build("--write-json")
    by_dbt = rows_by_table(home.building)
    statements = bare_statements(home.dbt_target)
    seeds = seed_rows(home.building)

    register_sources(configuration, home, moment)
    with open_for_building(home.building, home.temporary) as connection:
        build_bare(connection, statements, seeds)

    assert rows_by_table(home.building) == by_dbt
