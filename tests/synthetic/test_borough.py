"""The invented borough: the same from the same seed, shaped as published, its truth at the file and row."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lxml import etree

from connectors.contract import read_contract
from connectors.errors import ConfigurationError
from synthetic.borough import BoroughSummary, make_borough
from synthetic.caseload import make_caseload
from synthetic.published import PLACEMENT_KINDS, figures_of

IN_OUR_WORDS = ("ehc_case", "school_census", "therapy_waits", "cin_census")
DAYS = (date(2026, 2, 28), date(2026, 9, 1), date(2027, 1, 21), date(2028, 2, 29), date(2025, 6, 30))


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def truth(folder: Path) -> list[dict[str, str]]:
    with (folder / "truth" / "faults.csv").open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def record_at(folder: Path, fault: dict[str, str]) -> str:
    """The record at the file and row that the truth names: its key as the landing joins it, or its XML."""
    contract = read_contract(fault["extract"])
    path = folder / "extracts" / fault["extract"] / fault["file"]
    if contract.xml:
        records = etree.parse(str(path)).iter(f"{{*}}{contract.xml.record}")
        return etree.tostring(list(records)[int(fault["row"]) - 1], encoding="unicode")
    with path.open(encoding="utf-8-sig", newline="") as handle:
        header, *rows = csv.reader(handle)
    record = dict(zip(header, rows[int(fault["row"]) - 2], strict=False))
    return "|".join(record[column] for column in contract.tables[fault["table"]].key)


@pytest.mark.parametrize(("seed", "children", "as_at"), [(seed, 50 * (seed + 1), day) for seed, day in enumerate(DAYS)])
def test_the_truth_names_the_record_at_its_file_and_row(seed: int, children: int, as_at: date, tmp_path: Path) -> None:
    summary: BoroughSummary = make_borough(tmp_path, seed=seed, children=children, as_at=as_at)
    faults = truth(tmp_path)
    assert len(faults) == summary.planted > 0
    # The other extracts call and write their keys as their suppliers do; a whole run compares those (test_truth).
    in_our_words = [fault for fault in faults if fault["extract"] in IN_OUR_WORDS]
    assert in_our_words
    for fault in in_our_words:
        record = record_at(tmp_path, fault)
        # A row that is no record, say a ragged one, has no id that could be told.
        if not fault["record_id"]:
            assert record
        elif record.startswith("<"):
            assert any(part in record for part in fault["record_id"].split("|"))
        else:
            assert record == fault["record_id"]


def test_the_same_arguments_give_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    for name, seed in (("one", 5), ("two", 5), ("three", 6)):
        make_borough(tmp_path / name, seed=seed, children=120)
    assert content(tmp_path / "one") == content(tmp_path / "two")
    assert content(tmp_path / "one") != content(tmp_path / "three")


def test_without_faults_the_truth_is_empty(tmp_path: Path) -> None:
    assert make_borough(tmp_path, children=300, faults="none").planted == 0
    assert truth(tmp_path) == []


def test_placements_and_timeliness_follow_the_published_figures() -> None:
    figures, as_at = figures_of("883"), date(2027, 1, 21)
    caseload = make_caseload(np.random.default_rng(1), figures, 45_000, as_at)
    made = np.bincount(caseload.kind[caseload.has_active_plan], minlength=len(PLACEMENT_KINDS))
    wanted = np.array([figures.placement.get(kind, 0.0) for kind in PLACEMENT_KINDS])
    assert np.abs(made / made.sum() - wanted / wanted.sum()).sum() / 2 < 0.02
    requests = caseload.requests
    # Of the latest requests only those that went fast have a plan yet.
    ended = (requests.assessment_outcome == "Y") & (requests.received < date(2025, 10, 1).toordinal())
    share = (requests.assessed - requests.received)[ended] <= 140
    published = figures.timeliness["plans_issued_within_20_weeks"] / figures.timeliness["plans_issued_den"]
    assert abs(share.mean() - published) < 0.05


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"children": 49}, "between 50 and 2,000,000 children"),
        ({"seed": -1}, "seed is a whole number from 0"),
        ({"as_at": date(2, 1, 1)}, "a day from 01/09/2017"),
        ({"la_code": "999"}, "no published figures for the local authority '999'"),
        ({"published": Path("nowhere.zip")}, "nowhere.zip cannot be opened"),
        ({"published": Path(__file__)}, "not a readable zip"),
        ({"published": Path(__file__).parent}, "not a readable zip"),
    ],
)
def test_what_cannot_be_made_is_told(arguments: dict[str, Any], reason: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        make_borough(tmp_path, **arguments)
    assert list(tmp_path.iterdir()) == []
