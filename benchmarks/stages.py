"""``make bench``: each stage's time and peak memory, the build against the same SQL run bare in DuckDB, and a run
on a standing Prefect server against its stages without Prefect.

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
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import psutil

from benchmarks.linkage import compare_linkage, link
from benchmarks.prefect_share import prefect_share
from dashboard.counting import count_indicators
from dashboard.definitions import the_catalogue
from flows.settings import prepare_environment
from operations.store import OperationsStore
from warehouse.home import Home

ROUNDS = 3
LINKAGE = "the linkage"
INDICATORS = "the indicators"
IN_PYTHON = {"identity__link": LINKAGE, "int_indicator_count": INDICATORS}
"""The models in Python whose statements are run in the place of dbt's call; the linkage's others go with its last."""
SEEDS = ("code_sets", "forename_group")
ONE_AUTHORITY = 45_000
SIZES = (ONE_AUTHORITY, 450_000, 2_000_000)
"""Pupils of one local authority, of a region, and more than a fifth of England's."""


def run_measured(home: Home, *arguments: str) -> tuple[float, dict[str, float], str]:
    """Runs ``send`` in its own process; gives seconds, peak memory in MB by stage, and its output.

    Memory is that of the process and its children, Prefect's server among them, sampled ten times a second.
    """
    environment = {**os.environ, "SEND_HOME": str(home.folder)}
    environment.pop("PREFECT_HOME", None)  # that of the size measured before
    store = OperationsStore(home.operations_url)
    last = store.last_run()
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.command_line", *arguments], env=environment, stdout=subprocess.PIPE, text=True
    )
    peaks: dict[str, float] = {}
    is_done = threading.Event()

    def watch() -> None:
        while not is_done.wait(0.1):
            run = store.last_run()
            stage = run.stage if run is not None and run != last and run.stage else "start"
            try:
                family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
                now = sum(member.memory_info().rss for member in family) / 1e6
            except psutil.Error:
                continue
            peaks[stage] = max(peaks.get(stage, 0.0), now)

    watcher = threading.Thread(target=watch)
    watcher.start()
    output, _ = process.communicate()
    seconds = time.perf_counter() - started
    is_done.set()
    watcher.join()
    store.close()
    if process.returncode not in (0, 1):
        raise SystemExit(f"send {' '.join(arguments)} failed with {process.returncode}")
    return seconds, peaks, output


def bare_statements(target: Path) -> list[str]:
    """The compiled SQL of each model in dbt's order, as plain statements; the contracts' checks are dbt's cost.

    In the place of the models in Python stand ``LINKAGE`` and ``INDICATORS``, once each. The schemas that dbt would
    make come first.
    """
    nodes = json.loads((target / "manifest.json").read_text())["nodes"]
    done = [result["unique_id"] for result in json.loads((target / "run_results.json").read_text())["results"]]
    built = [nodes[name] for name in done if name in nodes and nodes[name]["resource_type"] == "model"]
    views = [node for node in nodes.values() if node["schema"] == "staging" and node["unique_id"] not in done]
    schemas = sorted({node["schema"] for node in nodes.values() if node["resource_type"] in ("model", "seed")})
    statements = [f"create schema if not exists {schema}" for schema in schemas]
    for node in [*views, *built]:
        if node["language"] == "python":
            if node["name"] in IN_PYTHON:
                statements.append(IN_PYTHON[node["name"]])
            continue
        kind = "view" if node["config"]["materialized"] == "view" else "table"
        sql = (target / "compiled" / node["package_name"] / node["original_file_path"]).read_text()
        statements.append(f"create or replace {kind} {node['schema']}.{node['name']} as ({sql})")
    return statements


def seed_rows(warehouse: Path) -> dict[str, Any]:
    """The rows of dbt's seeds, by name, of a warehouse that it has built."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return {name: connection.sql(f"from reference.{name}").to_arrow_table() for name in SEEDS}


def build_bare(connection: duckdb.DuckDBPyConnection, statements: Sequence[str], seeds: Mapping[str, Any]) -> None:
    """Runs ``bare_statements`` on a file that holds what has landed, with the rows that dbt's seeds hold."""
    connection.execute("create schema if not exists reference")
    for name, rows in seeds.items():
        connection.register("seed_rows", rows)
        connection.execute(f"create or replace table reference.{name} as from seed_rows")
    for statement in statements:
        if statement == LINKAGE:
            link(connection, is_trained=True)
        elif statement == INDICATORS:
            counted = count_indicators(connection, the_catalogue().counted(is_after_checks=False))
            counted.create("intermediate.int_indicator_count")
        else:
            connection.execute(statement).fetchall()


def compare_build(home: Home, rounds: int) -> tuple[float, float, float, float]:
    """Median seconds of the build stage with dbt, and of the same compiled SQL bare, on what has landed.

    Then those of the linkage alone, and of bare Splink calls on the same records.
    """
    from connectors.configuration import read_configuration
    from warehouse.build import DbtProject, PointInTime, open_for_building, register_sources

    configuration = read_configuration(home.folder)
    assert configuration.as_at is not None
    moment = PointInTime(configuration.as_at, datetime.now(UTC).replace(tzinfo=None))
    project = DbtProject(home)
    home.clear_leftovers()
    register_sources(configuration, home, moment)
    project.build("--write-json")
    statements = bare_statements(home.dbt_target)
    seeds = seed_rows(home.building)
    with_dbt, bare = [], []
    for _ in range(rounds):
        started = time.perf_counter()
        register_sources(configuration, home, moment)
        project.build()
        with_dbt.append(time.perf_counter() - started)
        started = time.perf_counter()
        register_sources(configuration, home, moment)
        with open_for_building(home.building, home.temporary) as connection:
            build_bare(connection, statements, seeds)
        bare.append(time.perf_counter() - started)
    with open_for_building(home.building, home.temporary) as connection:
        linkage = compare_linkage(connection, rounds)
    home.clear_leftovers()
    return statistics.median(with_dbt), statistics.median(bare), *linkage


def measure(home: Home, children: int) -> dict[str, float]:
    """The figures of one size: a borough made, run whole, run again with nothing new, and its build compared."""
    figures: dict[str, float] = {"children": children}
    for name, arguments in (
        ("demo", ("demo", "--children", str(children))),
        ("run", ("run", "--json")),
        ("second run", ("run", "--json")),
    ):
        seconds, peaks, output = run_measured(home, *arguments)
        figures[f"{name}: seconds"], figures[f"{name}: peak MB"] = seconds, max(peaks.values())
        if name == "run":
            figures["run: milliseconds a child"] = seconds * 1000 / children
            figures |= {f"run: {stage} seconds": value for stage, value in json.loads(output)["stages"].items()}
            figures |= {f"run: {stage} peak MB": value for stage, value in peaks.items()}
    prepare_environment(home)
    rounds = ROUNDS if children <= ONE_AUTHORITY else 1
    with_dbt, bare, linkage, splink = compare_build(home, rounds)
    figures["build seconds with dbt"], figures["build seconds bare"] = with_dbt, bare
    figures["build ratio (aim: at most 1.3)"] = with_dbt / bare
    if children <= ONE_AUTHORITY:
        seconds, alone = prefect_share(home, rounds)
        figures["run seconds on a standing Prefect server"], figures["the same without Prefect"] = seconds, alone
        figures["Prefect's share (aim: under 0.25)"] = 1 - alone / seconds
    figures["linkage seconds"], figures["bare Splink seconds"] = linkage, splink
    figures["linkage ratio (aim: at most 1.3)"] = linkage / splink
    return figures


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints a table a person reads, each size as it is done, and writes ``benchmarks.json`` for programs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--children", type=int, nargs="+", default=SIZES, help="the sizes, one after the other")
    parser.add_argument("--home", type=Path, default=Path("home/benchmark"))
    options = parser.parse_args(arguments)
    shutil.rmtree(options.home, ignore_errors=True)
    options.home.mkdir(parents=True)
    measured = []
    for children in options.children:
        home = Home(options.home.resolve() / str(children))
        measured.append(measure(home, children))
        for name, value in measured[-1].items():
            print(f"{name:<42}{value:>14,.2f}", flush=True)
        print(flush=True)
        (options.home / "benchmarks.json").write_text(json.dumps(measured, indent=2))
        shutil.rmtree(home.folder)


if __name__ == "__main__":
    main()
