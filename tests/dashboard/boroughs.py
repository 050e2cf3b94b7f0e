"""A small invented borough, loaded and built up to the indicators' counts, without Prefect and without checks."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from connectors.configuration import read_configuration
from connectors.load import load_extract
from flows.configuring import write_demo_configuration
from synthetic.borough import make_borough
from warehouse.build import DbtProject, PointInTime, register_sources
from warehouse.home import Home

KNOWN_AT = datetime(2026, 11, 2, 20)


def built_borough(folder: Path, *, seed: int, children: int = 1_500) -> Path:
    """Makes the borough in ``folder``, loads it and builds the indicators' counts; gives the warehouse's file."""
    home = Home(folder)
    home.create()
    made = make_borough(folder / "borough", seed=seed, children=children)
    write_demo_configuration(home, "883", made.as_at)
    configuration = read_configuration(folder)
    for number, extract in enumerate(configuration.sources, start=1):
        load_extract(configuration, extract, f"{number:06d}-{extract}", "a run", KNOWN_AT)
    register_sources(configuration, home, PointInTime(made.as_at, KNOWN_AT))
    DbtProject(home).build("--select", "+int_indicator_count", "+identity__record_child")
    return home.building
