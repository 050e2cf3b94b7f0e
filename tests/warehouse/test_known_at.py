"""What was known then: after a month of nightly loads, the lists of a past night come out byte for byte as they did."""

from __future__ import annotations

import csv
import random
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from checks.gates import read_gates
from connectors.configuration import Configuration, SourceConfiguration
from connectors.landing import next_load_sequence
from connectors.load import load_extract
from synthetic.borough import make_borough
from warehouse.build import DbtProject, PointInTime, keep_identity, register_sources
from warehouse.home import Home
from warehouse.publication import publish

FIRST_NIGHT = datetime(2026, 10, 1, 2)
NIGHTS = 30
EXTRACTS = {
    "ehc_case": ("csv", "ehc_case"),
    "school_census": ("xml", "school_census"),
    "gias": ("csv", "gias"),
    "therapy_waits": ("csv", "therapy_waits"),
    "cin_census": ("xml", "cin_census"),
}


class Council:
    """A home whose sources change from night to night."""

    def __init__(self, folder: Path, seed: int) -> None:
        make_borough(folder / "borough", seed=seed, children=120, as_at=date(2026, 9, 30), faults="none")
        self.home = Home(folder)
        self.home.create()
        self.chance = random.Random(seed)
        self.extracts = folder / "borough" / "extracts"
        self.project = DbtProject(self.home)
        sources = {
            name: SourceConfiguration.model_validate({"kind": kind, "path": f"borough/extracts/{where}"})
            for name, (kind, where) in EXTRACTS.items()
        }
        self.configuration = Configuration(home=folder, la_code="883", la_name="Invented", sources=sources)

    def change_the_sources(self) -> None:
        """A correction, a record gone, a record that comes late, in a table picked by chance; or a quiet day."""
        path = (
            self.extracts
            / "ehc_case"
            / f"{self.chance.choice(['child', 'plan', 'review', 'request', 'placement'])}.csv"
        )
        with path.open(encoding="utf-8", newline="") as handle:
            heading, *rows = list(csv.reader(handle))
        at = self.chance.randrange(len(rows))
        match self.chance.choice(["correct", "withdraw", "late", "quiet"]):
            case "correct":
                column = heading.index(self.chance.choice([name for name in heading if not name.endswith("id")]))
                rows[at][column] = rows[self.chance.randrange(len(rows))][column]
            case "withdraw":
                del rows[at]
            case "late":
                rows.append([f"{rows[at][0]}-late", *rows[at][1:]])
        with path.open("w", encoding="utf-8", newline="") as handle:
            csv.writer(handle).writerows([heading, *rows])

    def load(self, known_at: datetime) -> None:
        for extract in EXTRACTS:
            sequence = next_load_sequence(self.home.landing)
            load_extract(self.configuration, extract, f"{sequence:06d}-{extract}", "a run", known_at)

    def publish(self, known_at: datetime, run_id: str) -> dict[str, bytes]:
        """The lists' bytes by table, as at the day of ``known_at`` and as known then."""
        moment = PointInTime(known_at.date(), known_at)
        self.home.clear_leftovers()
        register_sources(self.configuration, self.home, moment)
        self.project.build()
        keep_identity(self.home, run_id)
        lists = next(gate for gate in read_gates() if gate.product == "lists")
        publish(self.home, "lists", lists.tables, moment, run_id)
        return {table: (self.home.published / "lists" / f"{table}.parquet").read_bytes() for table in lists.tables}


@pytest.mark.parametrize("seed", [11, 12])
def test_a_past_night_known_as_then_gives_the_very_bytes_published_then(seed: int, tmp_path: Path) -> None:
    council = Council(tmp_path / "home", seed)
    looked_at = [*sorted(council.chance.sample(range(NIGHTS - 1), 2)), NIGHTS - 1]
    published: dict[datetime, dict[str, bytes]] = {}
    for night in range(NIGHTS):
        known_at = FIRST_NIGHT + timedelta(days=night)
        if night:
            council.change_the_sources()
        council.load(known_at)
        if night in looked_at:
            published[known_at] = council.publish(known_at, f"night{night:02d}")
    assert len({tuple(lists.values()) for lists in published.values()}) == len(published), "the nights must differ"
    for known_at, lists in published.items():
        assert council.publish(known_at, f"again{known_at:%d}") == lists
