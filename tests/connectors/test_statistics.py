"""DfE's release as downloaded: figures out of the zip's files, and zips that are not one."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path

import pytest

from connectors.readers import statistics
from tests.connectors.conftest import Delivery

Deliver = Callable[..., Delivery]

PLACES = "time_period,time_identifier,geographic_level,old_la_code,la_name,breakdown_topic,breakdown"
CASELOAD = f"""\ufeff{PLACES},ehcplans,mainstream_total,neet,await_prov_2022
202425,Academic year,National,,,All EHC plans,All EHC plans,638745,278236,18056,x
202425,Academic year,Local authority,883,Thurrock,All EHC plans,All EHC plans,2508,1343,63,x
202324,Academic year,Local authority,883,Thurrock,All EHC plans,All EHC plans,2319,x,51,x
202425,Academic year,Local authority,883,Thurrock,Child or young persons age,age 10,212,120,0,x
202425,Academic year,Local authority,883,Thurrock,Sex,Female,700,400,20,x
"""
COUNTED = "la_code, time_period, indicator, breakdown, value, mark"


def release(files: Mapping[str, str | bytes], packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", packing) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return held.getvalue()


def test_a_figure_is_a_row_of_its_authority_and_what_is_not_taken_stays_out(deliver: Deliver) -> None:
    delivery = deliver("dfe_ehc_plans", "zip")
    delivery.put("release.zip", release({"data/caseload.csv": CASELOAD, "data-guidance/read me.txt": "words"}))
    report = delivery.load()
    assert report.refused == []
    assert (report.rows_read, report.rows_loaded, report.rows_quarantined) == (7, 7, 0)
    assert delivery.rows("figure", COUNTED) == [
        ("883", "202324", "plans", "All EHC plans", Decimal(2319), None),
        ("883", "202324", "plans_mainstream", "All EHC plans", None, "x"),
        ("883", "202324", "plans_neet", "All EHC plans", Decimal(51), None),
        ("883", "202425", "plans", "All EHC plans", Decimal(2508), None),
        ("883", "202425", "plans_by_age", "age 10", Decimal(212), None),
        ("883", "202425", "plans_mainstream", "All EHC plans", Decimal(1343), None),
        ("883", "202425", "plans_neet", "All EHC plans", Decimal(63), None),
    ]
    assert delivery.rows("figure", "_file, _row")[0] == ("release.zip#data/caseload.csv", 3)


def test_the_next_release_corrects_a_figure_and_leaves_what_it_lacks(deliver: Deliver) -> None:
    delivery = deliver("dfe_ehc_plans", "zip")
    delivery.put("plans-2025.zip", release({"data/caseload.csv": CASELOAD}))
    delivery.load()
    newer = "\n".join(line.replace(",2508,", ",2511,") for line in CASELOAD.split("\n") if "202324" not in line)
    delivery.put("plans-2026.zip", release({"data/caseload.csv": newer}))
    delivery.load()
    plans = "select time_period, value from landing.dfe_ehc_plans__figure where indicator = 'plans' order by all"
    assert delivery.query(plans) == [("202324", Decimal(2319)), ("202425", Decimal(2511))]


def test_the_release_of_2025_as_dfe_gives_it(deliver: Deliver, shared_data: Callable[[str], Path]) -> None:
    delivery = deliver("dfe_ehc_plans", "zip")
    delivery.put("2025.zip", shared_data("dfe-education-health-and-care-plans-2025.zip").read_bytes())
    report = delivery.load()
    assert report.refused == []
    assert report.rows_loaded == report.rows_read > 37_000
    figures = "select indicator, value::integer from landing.dfe_ehc_plans__figure where la_code = '883' and "
    assert dict(delivery.query(f"{figures} time_period = '202425' and breakdown = 'All EHC plans'")).items() >= {
        ("plans", 2508),
        ("plans_mainstream", 1343),
        ("plans_special", 589),
        ("plans_placement_unknown", 77),
        ("plans_neet", 63),
        ("need_unknown", 0),
    }
    assert dict(delivery.query(f"{figures} time_period = '2024' and breakdown like 'All %'")).items() >= {
        ("requests", 666),
        ("requests_refused", 254),
        ("timely_plans_without_exceptions", 286),
        ("plans_in_20_weeks_without_exceptions", 139),
        ("plans_ceased", 188),
        ("reviews_expected", 2156),
    }


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"PK\x03\x04 cut short", "not a zip"),
        (release({"data/schools.csv": "a,b\n1,2\n"}), r"holds none of the files .*caseload\.csv"),
        (release({"data/caseload.csv": CASELOAD, "old/caseload.csv": CASELOAD}), r"holds caseload\.csv twice"),
        (release({"data/caseload.csv": "la,plans\n883,2508\n"}), "lacks the columns old_la_code"),
        (release({"data/caseload.csv": PLACES + "\n"}), "none of the figures ehcplans"),
        (release({"data/caseload.csv": CASELOAD + "202425,Academic year\n"}), "Row 7 has 2 cells"),
        (release({"data/caseload.csv": CASELOAD.encode() + b"\xff\xfe\n"}), "not a CSV file in UTF-8"),
        (release({"data/caseload.csv": CASELOAD}, zipfile.ZIP_BZIP2), "not a zip"),
    ],
)
def test_what_is_no_release_is_refused_and_nothing_of_it_lands(
    deliver: Deliver, content: bytes, complaint: str
) -> None:
    delivery = deliver("dfe_ehc_plans", "zip")
    delivery.put("release.zip", content)
    ((_, reason),) = delivery.load().refused
    assert re.search(complaint, reason), reason
    assert delivery.parquet() == []


def test_a_file_that_unpacks_to_more_than_any_release_is_not_read(
    deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statistics, "MAX_UNPACKED_BYTES", 1_000)
    delivery = deliver("dfe_ehc_plans", "zip")
    delivery.put("release.zip", release({"data/caseload.csv": CASELOAD + " " * 10_000}))
    ((_, reason),) = delivery.load().refused
    assert "unpacks to more than" in reason


def test_a_file_is_never_read_past_the_size_it_states(deliver: Deliver) -> None:
    honest = release({"data/caseload.csv": CASELOAD + "0" * 1_000_000})
    size = (len(CASELOAD.encode()) + 1_000_000).to_bytes(4, "little")
    delivery = deliver("dfe_ehc_plans", "zip")
    delivery.put("release.zip", honest.replace(size, (500).to_bytes(4, "little")))
    ((_, reason),) = delivery.load().refused
    assert "damaged" in reason
