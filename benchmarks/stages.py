"""``make bench``: each stage's time and peak memory, and the build against the same SQL run bare in DuckDB.

The ratio is taken in one process on the same landed data, several times by turns, and the medians compared,
so that it says what dbt costs and not what else the machine was doing.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import psutil

from flows.settings import prepare_environment
from warehouse.home import Home

ROUNDS = 3


def run_measured(home: Path, *arguments: str) -> tuple[float, float, str]:
    """Runs ``send`` in its own process; gives seconds, peak memory of it and its children in MB, and its output."""
    environment = {**os.environ, "SEND_HOME": str(home)}
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.command_line", *arguments], env=environment, stdout=subprocess.PIPE, text=True
    )
    peak = 0.0
    is_done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not is_done.wait(0.1):
            try:
                family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
                peak = max(peak, sum(member.memory_info().rss for member in family) / 1e6)
            except psutil.Error:
                continue

    watcher = threading.Thread(target=watch)
    watcher.start()
    output, _ = process.communicate()
    is_done.set()
    watcher.join()
    if process.returncode not in (0, 1):
        raise SystemExit(f"send {' '.join(arguments)} failed with {process.returncode}")
    return time.perf_counter() - started, peak, output


def bare_statements(target: Path) -> list[tuple[str, str]]:
    """The compiled SQL of each model and seed in dbt's order, as plain create statements."""
    manifest = json.loads((target / "manifest.json").read_text())
    nodes = [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]
    order = json.loads((target / "run_results.json").read_text())["results"]
    position = {result["unique_id"]: index for index, result in enumerate(order)}
    statements = []
    for node in sorted((n for n in nodes if n["unique_id"] in position), key=lambda n: position[n["unique_id"]]):
        kind = "view" if node["config"]["materialized"] == "view" else "table"
        sql = Path(target / "compiled" / node["package_name"] / node["original_file_path"]).read_text()
        statements.append((node["schema"], f"create or replace {kind} {node['schema']}.{node['name']} as ({sql})"))
    return statements


def compare_build(home: Home) -> tuple[float, float]:
    """Median seconds of the build stage with dbt, and of the same compiled SQL bare, on what has landed."""
    from connectors.configuration import read_configuration
    from warehouse.build import DbtProject, PointInTime, open_for_building, register_sources

    configuration = read_configuration(home.folder)
    assert configuration.as_at is not None
    moment = PointInTime(configuration.as_at, datetime.now(UTC).replace(tzinfo=None))
    project = DbtProject(home)
    home.clear_leftovers()
    with_dbt, bare = [], []
    for _ in range(ROUNDS + 1):
        started = time.perf_counter()
        register_sources(configuration, home, moment)
        project.run("--exclude", "tag:after_checks")
        with_dbt.append(time.perf_counter() - started)
        with duckdb.connect(str(home.building), read_only=True) as connection:
            seeds = connection.execute("from reference.code_sets").to_arrow_table()
        statements = bare_statements(home.dbt_target)
        started = time.perf_counter()
        register_sources(configuration, home, moment)
        with open_for_building(home.building, home.temporary) as connection:
            for schema in ("reference", "staging", "identity", "intermediate", "core", "lists"):
                connection.execute(f"create schema if not exists {schema}")
            connection.register("seed_rows", seeds)
            connection.execute("create or replace table reference.code_sets as from seed_rows")
            for _schema, statement in statements:
                connection.execute(statement)
        bare.append(time.perf_counter() - started)
    home.clear_leftovers()
    return statistics.median(with_dbt[1:]), statistics.median(bare[1:])


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints a table a person reads, and writes ``benchmarks.json`` in the benchmark's home for programs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--children", type=int, default=45_000)
    parser.add_argument("--home", type=Path, default=Path("home/benchmark"))
    options = parser.parse_args(arguments)
    shutil.rmtree(options.home, ignore_errors=True)
    home = Home(options.home.resolve())
    figures: dict[str, float] = {}

    figures["demo seconds"], figures["demo peak MB"], _ = run_measured(
        home.folder, "demo", "--children", str(options.children)
    )
    figures["run seconds"], figures["run peak MB"], output = run_measured(home.folder, "run", "--json")
    figures |= {f"run: {stage} seconds": seconds for stage, seconds in json.loads(output)["stages"].items()}
    figures["second run seconds"], figures["second run peak MB"], _ = run_measured(home.folder, "run", "--json")
    prepare_environment(home)
    figures["build seconds with dbt"], figures["build seconds bare"] = compare_build(home)
    figures["build ratio (aim: at most 1.3)"] = figures["build seconds with dbt"] / figures["build seconds bare"]

    for name, value in figures.items():
        print(f"{name:<36}{value:>10.2f}")
    (home.folder / "benchmarks.json").write_text(json.dumps({"children": options.children, **figures}, indent=2))


if __name__ == "__main__":
    main()
