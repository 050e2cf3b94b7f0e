"""A run's stages as Prefect tasks; where Prefect's server goes away meanwhile, the run goes on without it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import httpx
from prefect import Task
from prefect.futures import PrefectFuture

from connectors.errors import SendError
from flows.run import Run
from flows.summary import LoadLine


def load_all(load: Task[[str, Run], LoadLine], run: Run) -> list[LoadLine | BaseException]:
    """What each extract's load came to, in the order of the extracts: a task each, in parallel."""
    try:
        loads: Sequence[PrefectFuture[Any]] = [load.submit(extract, run) for extract in run.extracts]
        outcomes = [future.result(raise_on_failure=False) for future in loads]
    except httpx.TransportError:
        run.go_on_alone()
        outcomes = [run.loaded.get(extract) for extract in run.extracts]
    return [
        outcome if isinstance(outcome, LoadLine | SendError) else _load_alone(load, run, extract)
        for extract, outcome in zip(run.extracts, outcomes, strict=True)
    ]


def _load_alone(load: Task[[str, Run], LoadLine], run: Run, extract: str) -> LoadLine | BaseException:
    """The load of an extract whose task Prefect did not bring to its end."""
    if extract in run.loaded:
        return run.loaded[extract]
    try:
        return load.fn(extract, run)
    except SendError as error:
        return error


def carry_out(stage: Task[[Run], None], run: Run) -> None:
    """Carries out one stage once: as a task, or where Prefect's server does not answer any more without it."""
    if not run.is_alone:
        try:
            stage(run)
            return
        except httpx.TransportError:
            run.go_on_alone()
    if stage.name not in run.ended:
        stage.fn(run)
