"""A region's night as a Prefect flow: a task for each LA, and the figures of all."""

from __future__ import annotations

from pathlib import Path

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from flows.membership import MemberRun, Region, RegionFailed, RegionRun, gather, read_region, run_member


@task(task_run_name="run LA {code}", cache_policy=NO_CACHE)
def run_member_task(region: Region, code: str) -> MemberRun:
    """Runs one LA in a process of its own."""
    return run_member(region, code)


@flow(name="region")
def region_night(file: str) -> RegionRun:
    """One night of the region described in ``file``: each LA in its own process, then the figures of all."""
    described = read_region(Path(file))
    futures = [run_member_task.submit(described, code) for code in described.members]
    members = tuple(future.result() for future in futures)
    night = RegionRun(described.name, members, gather(described))
    create_markdown_artifact(night.as_markdown(), key="region", description="How each LA's run went")
    if night.failed:
        raise RegionFailed(f"The runs of LA {', '.join(m.la_code for m in night.failed)} failed; the others are done.")
    return night
