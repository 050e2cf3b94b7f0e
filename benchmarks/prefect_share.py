"""Prefect's share of a run: the same run on a standing Prefect server, and its stages one after the other without it.

Each is a process of its own on a home of its own, by turns, and the medians are compared.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from flows.settings import prepare_environment
from warehouse.home import Home


def prefect_share(home: Home, rounds: int) -> tuple[float, float]:
    """Median seconds of the default run on ``home``'s borough with a standing Prefect server, and without Prefect."""
    from flows.server import serving

    seconds: dict[str, list[float]] = {"flows.command_line": [], "benchmarks.prefect_share": []}
    with serving(Home(home.folder / "standing"), port=4299) as api_url:
        for _ in range(rounds):
            for module, measured in seconds.items():
                measured.append(_one_run(home, module, api_url))
    with_prefect, without = (statistics.median(measured) for measured in seconds.values())
    return with_prefect, without


def _one_run(home: Home, module: str, api_url: str) -> float:
    """Seconds of one run of a home on which nothing has landed yet."""
    fresh = home.folder / "fresh"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    (fresh / "borough").symlink_to(home.folder / "borough")
    shutil.copy(home.configuration, fresh)
    written = (fresh / "send.yml").read_text().replace("path: borough/", f"path: {home.folder}/borough/")
    (fresh / "send.yml").write_text(written)
    environment = {**os.environ, "SEND_HOME": str(fresh), "PREFECT_API_URL": api_url}
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", module, "run"], env=environment, stdout=subprocess.DEVNULL, check=False
    )
    taken = time.perf_counter() - started
    shutil.rmtree(fresh)
    if done.returncode not in (0, 1):
        raise SystemExit(f"{module} run failed with {done.returncode}")
    return taken


def main() -> None:
    """One run of the home that ``SEND_HOME`` names, in the nightly flow's order and without Prefect."""
    from flows.run import Run

    home = Home(Path(os.environ["SEND_HOME"]))
    prepare_environment(home)
    home.create()
    with Run.begin(home, as_at=None, known_at=None) as run:
        with ThreadPoolExecutor(2) as loaders:
            run.note_loads(list(loaders.map(run.load, run.extracts)))
        run.build()
        run.check()
        run.publish()
        run.summary()


if __name__ == "__main__":
    main()
