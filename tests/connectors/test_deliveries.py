"""Which delivered rows are current: nothing lands twice, and the past can be asked."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from connectors.contract import read_contract
from connectors.errors import ConfigurationError, LandingDamaged, SourceUnavailable
from connectors.load import date_in_name, load_extract
from tests.connectors.conftest import Delivery
from tests.connectors.messages import CHILDREN, census, pupil

Deliver = Callable[..., Delivery]

OTHER_CHILDREN = CHILDREN.replace("K1,Okafor", "K9,Okafor")


def statuses(delivery: Delivery) -> list[list[str]]:
    return [[entry["status"] for entry in manifest["files"]] for manifest in delivery.manifests()]


def children(delivery: Delivery, night: int | None = None) -> list[str]:
    return [row[0] for row in delivery.rows("child", "case_id", night)]


def test_the_same_content_never_lands_twice(deliver: Deliver) -> None:
    delivery = deliver()
    delivery.put("child.csv", CHILDREN)
    assert delivery.load().is_anything_new
    landed = {path: path.read_bytes() for path in delivery.parquet()}
    again = delivery.load()
    assert (again.is_anything_new, again.rows_read, again.files) == (False, 0, 1)
    (delivery.folder / "extracts" / "child.csv").rename(delivery.folder / "extracts" / "child today.csv")
    assert not delivery.load().is_anything_new
    delivery.put("child copy.csv", CHILDREN)
    assert not delivery.load().is_anything_new
    assert {path: path.read_bytes() for path in delivery.parquet()} == landed
    assert len(delivery.manifests()) == 1


def test_a_later_delivery_of_a_whole_table_replaces_the_earlier(deliver: Deliver) -> None:
    delivery = deliver()
    delivery.put("child.csv", CHILDREN)
    delivery.load()
    delivery.put("child.csv", OTHER_CHILDREN)
    delivery.load()
    assert children(delivery) == ["K2", "K3", "K9"]


def test_the_past_can_be_asked(deliver: Deliver) -> None:
    delivery = deliver()
    delivery.put("child.csv", CHILDREN)
    delivery.load()
    delivery.put("child.csv", OTHER_CHILDREN)
    delivery.load()
    assert children(delivery, night=1) == ["K1", "K2", "K3"]
    assert delivery.query("select load_id, landed_at from landing.load", night=1) == [
        ("000001-ehc_case", datetime(2026, 1, 1, 2))
    ]


def test_older_content_delivered_again_becomes_current_again_without_landing(deliver: Deliver) -> None:
    delivery = deliver()
    for content in (CHILDREN, OTHER_CHILDREN, CHILDREN):
        delivery.put("child.csv", content)
        assert delivery.load().is_anything_new
    assert statuses(delivery) == [["landed"], ["landed"], ["redelivered"]]
    assert len(delivery.parquet()) == 2
    assert children(delivery) == ["K1", "K2", "K3"]
    assert children(delivery, night=2) == ["K2", "K3", "K9"]
    assert not delivery.load().is_anything_new


def test_dated_files_that_stay_in_the_folder_are_deliveries_in_order(deliver: Deliver) -> None:
    delivery = deliver()
    delivery.put("child_2026-01.csv", CHILDREN)
    delivery.load()
    delivery.put("child_2026-02.csv", OTHER_CHILDREN)
    delivery.load()
    assert children(delivery) == ["K2", "K3", "K9"]
    assert not delivery.load().is_anything_new
    assert children(delivery) == ["K2", "K3", "K9"]


def test_an_older_month_corrected_does_not_overtake_the_newest(deliver: Deliver) -> None:
    delivery = deliver()
    delivery.put("child_2026-01.csv", CHILDREN)
    delivery.put("child_2026-02.csv", OTHER_CHILDREN)
    delivery.load()
    delivery.put("child_2026-01.csv", CHILDREN.replace("K1", "K7"))
    assert delivery.load().rows_loaded == 3
    assert children(delivery) == ["K2", "K3", "K9"]
    assert not delivery.load().is_anything_new


def test_files_of_one_date_are_parts_of_one_delivery(deliver: Deliver) -> None:
    header = CHILDREN.splitlines(keepends=True)[0]
    delivery = deliver()
    delivery.put("child north.csv", CHILDREN)
    delivery.put("child south.csv", header + "S1,Ek,Di,2012-01-01,F\n")
    delivery.load()
    assert children(delivery) == ["K1", "K2", "K3", "S1"]
    delivery.put("child south.csv", header + "S2,Ek,Di,2012-01-01,F\n")
    delivery.load()
    assert children(delivery) == ["K1", "K2", "K3", "S2"]
    delivery.put("child north.csv", OTHER_CHILDREN)
    delivery.put("child south.csv", "broken")
    assert len(delivery.load().refused) == 1
    assert children(delivery) == ["K2", "K3", "K9", "S2"]


@pytest.mark.parametrize(
    ("name", "date"),
    [
        ("child_2026-01-31.csv", "2026-01-31"),
        ("edubasealldata20250401.csv", "2025-04-01"),
        ("child 31.01.2026.csv", "2026-01-31"),
        ("2026-01/child.csv", "2026-01"),
        ("8831001_202601.xml", "2026-01"),
        ("child.csv", None),
        ("8832001234.xml", None),
    ],
)
def test_the_date_in_a_name(name: str, date: str | None) -> None:
    assert date_in_name(name) == date


def test_a_period_is_replaced_by_its_own_later_delivery_alone(deliver: Deliver) -> None:
    delivery = deliver("school_census", "xml")
    excluded = "<Category>SUSP</Category><StartDate>2025-10-01</StartDate>"
    first = pupil("U1", extra=f"<Exclusions><Exclusion>{excluded}</Exclusion></Exclusions>")
    delivery.put("autumn.xml", census({"8831001": [first], "8831002": [pupil("U2")]}, day="2025-10-02"))
    delivery.put("spring.xml", census({"8831001": [pupil("U1")]}))
    delivery.load()
    delivery.put("autumn again.xml", census({"8831001": [pupil("U8")]}, day="2025-10-02"))
    delivery.load()
    rows = delivery.rows("pupil", "cast(census_date as varchar), laestab, upn")
    assert rows == [("2025-10-02", "8831001", "U8"), ("2025-10-02", "8831002", "U2"), ("2026-01-15", "8831001", "U1")]
    assert delivery.rows("exclusion", "upn") == []
    assert delivery.rows("exclusion", "upn", night=1) == [("U1",)]


def test_the_latest_record_of_each_key_stands(deliver: Deliver) -> None:
    header = "referral_id,local_patient_id,service,referral_received_date,first_contact_date\n"
    delivery = deliver("therapy_waits")
    delivery.put("january.csv", header + "R1,P1,SALT,2025-01-01,\nR2,P2,OT,2025-01-02,\nR3,P3,,2025-01-02,\n")
    delivery.load()
    assert [row[5] for row in delivery.quarantine()] == ["R3"]
    twice = "R1,P1,SALT,2025-01-01,2025-02-02\nR1,P1,SALT,2025-01-01,2025-02-03\n"
    delivery.put("february.csv", header + twice + "R3,P3,OT,2025-01-02,\n")
    delivery.load()
    assert delivery.rows("referral", "referral_id, cast(first_contact_date as varchar)") == [
        ("R1", "2025-02-02"),
        ("R1", "2025-02-03"),
        ("R2", None),
        ("R3", None),
    ]
    assert delivery.quarantine() == []


def test_a_refusal_stands_until_the_file_is_mended_or_taken_away(deliver: Deliver) -> None:
    delivery = deliver()
    refused = "select count(*) from landing.load_file where status = 'refused' and is_current"
    path = delivery.put("child.csv", CHILDREN.replace("surname", "shoes"))
    delivery.load()
    again = delivery.load()
    assert (again.is_anything_new, len(again.refused)) == (False, 1)
    assert delivery.query(refused) == [(1,)]
    delivery.put("child.csv", CHILDREN)
    assert delivery.load().refused == []
    assert delivery.query(refused) == [(0,)]
    delivery.put("child.csv", "")
    delivery.load()
    assert (delivery.query(refused), children(delivery)) == ([(1,)], ["K1", "K2", "K3"])
    path.unlink()
    assert delivery.load().is_anything_new
    assert delivery.query(refused) == [(0,)]


def test_a_delivery_without_a_row_does_not_empty_a_full_table(deliver: Deliver) -> None:
    header = CHILDREN.splitlines(keepends=True)[0]
    delivery = deliver()
    delivery.put("child.csv", header + "".join(f"K{n},Ek,Di,2012-01-01,F\n" for n in range(20)))
    delivery.load()
    delivery.put("child.csv", header)
    assert "would empty child" in delivery.load().refused[0][1]
    assert len(children(delivery)) == 20


@pytest.mark.parametrize("name", ["child.csv", "child 2026-02.csv"])
def test_half_a_file_does_not_take_the_place_of_a_whole_one(deliver: Deliver, name: str) -> None:
    first = "child.csv" if name == "child.csv" else "child 2026-01.csv"
    header, rows = CHILDREN.splitlines(keepends=True)[0], [f"K{n:04},Ek,Di,2012-01-01,F\n" for n in range(300)]
    delivery = deliver()
    delivery.put(first, header + "".join(rows))
    delivery.load()
    delivery.put(name, header + "".join(rows[:149]))
    assert "looks like half a file: 149 rows that can be read, where 300 stand" in delivery.load().refused[0][1]
    assert len(children(delivery)) == 300
    delivery.put(name, header + "".join(rows[:150]))
    assert delivery.load().refused == []
    assert len(children(delivery)) == 150


def test_rows_that_have_really_gone_can_be_let_go(deliver: Deliver) -> None:
    header, rows = CHILDREN.splitlines(keepends=True)[0], [f"K{n:04},Ek,Di,2012-01-01,F\n" for n in range(300)]
    delivery = deliver()
    delivery.put("child.csv", header + "".join(rows))
    delivery.load()
    delivery.put("child.csv", header + "".join(rows[:40]))
    assert delivery.load().refused != []
    delivery = deliver(may_lose_rows=True)
    assert delivery.load().refused == []
    assert len(children(delivery)) == 40


def test_an_older_month_with_few_rows_is_no_half_a_file(deliver: Deliver) -> None:
    header, rows = CHILDREN.splitlines(keepends=True)[0], [f"K{n:04},Ek,Di,2012-01-01,F\n" for n in range(300)]
    delivery = deliver()
    delivery.put("child 2026-02.csv", header + "".join(rows))
    delivery.load()
    delivery.put("child 2026-01.csv", header + "".join(rows[:20]))
    assert delivery.load().refused == []


def test_a_mended_mapping_reads_what_stands_again_in_its_place(deliver: Deliver) -> None:
    delivery = deliver()
    delivery.put("child.csv", CHILDREN.replace(",F\n", ",Female\n"))
    delivery.load()
    assert len(delivery.query("from landing.issue")) == 2
    delivery.settings["codes"] = {"child": {"sex": {"female": "F"}}}
    assert delivery.load().is_anything_new
    assert delivery.query("from landing.issue") == []
    assert delivery.rows("child", "distinct sex") == [("F",), ("M",)]
    assert delivery.rows("child", "distinct _landed_at") == [(Delivery.known_at(1),)]
    assert len(delivery.query("from landing.issue", night=1)) == 2
    assert not delivery.load().is_anything_new


def test_a_table_never_delivered_is_empty_and_typed(deliver: Deliver) -> None:
    delivery = deliver()
    described = delivery.query("describe landing.therapy_waits__referral")
    types = {row[0]: row[1] for row in described}
    assert types["birth_date"] == "DATE"
    assert types["_issues"] == 'STRUCT("column" VARCHAR, problem VARCHAR, "value" VARCHAR)[]'
    assert types["_delivery"] == "BIGINT"
    assert delivery.query("select count(*) from landing.quarantine") == [(0,)]


def test_columns_land_in_the_contracts_order_and_types(deliver: Deliver) -> None:
    delivery = deliver()
    delivery.put("child.csv", CHILDREN)
    delivery.load()
    names = [row[0] for row in delivery.query("describe landing.ehc_case__child")]
    added = ["_load_id", "_file", "_row", "_issues", "_delivery", "_landed_at"]
    assert names == [*read_contract("ehc_case").tables["child"].columns, *added]


def test_the_same_delivery_gives_the_same_bytes(tmp_path: Path) -> None:
    written = []
    for name in ("one", "two"):
        delivery = Delivery(tmp_path / name, "ehc_case")
        delivery.put("child.csv", CHILDREN)
        delivery.load()
        written.append([path.read_bytes() for path in delivery.parquet()])
    assert written[0] == written[1]


def test_a_home_with_an_awkward_name(tmp_path: Path) -> None:
    delivery = Delivery(tmp_path / "the council's [home] *", "ehc_case")
    for name in ("child it's.csv", "child-b.csv"):
        delivery.put(name, CHILDREN.replace("K", name[:7]))
    delivery.load()
    assert len(children(delivery)) == 6


HARMS: dict[str, Callable[[bytes], bytes | None]] = {
    "missing": lambda _: None,
    "cut": lambda content: content[:-10],
    "overwritten": lambda content: b"x" * len(content),
    "one bit flipped": lambda content: content[:200] + bytes([content[200] ^ 1]) + content[201:],
}


def harm(path: Path, how: str) -> None:
    left = HARMS[how](path.read_bytes())
    if left is None:
        path.unlink()
    else:
        path.write_bytes(left)


@pytest.mark.parametrize("how", HARMS)
def test_a_damaged_landing_is_named(deliver: Deliver, how: str) -> None:
    delivery = deliver()
    delivery.put("child.csv", CHILDREN)
    delivery.load()
    (path,) = delivery.parquet()
    harm(path, how)
    with pytest.raises(LandingDamaged, match=path.name):
        children(delivery)


@pytest.mark.parametrize("how", HARMS)
def test_what_was_damaged_is_read_again_from_its_source_and_is_as_it_was(deliver: Deliver, how: str) -> None:
    delivery = deliver()
    delivery.put("child.csv", CHILDREN + "K7,,,\n")
    delivery.load()
    rows, held = delivery.rows("child", "*"), delivery.quarantine()
    (path,) = delivery.parquet()
    before = path.read_bytes()
    harm(path, how)
    report = delivery.load()
    assert (report.is_anything_new, report.mended) == (False, [path.relative_to(delivery.folder).as_posix()])
    assert path.read_bytes() == before
    assert (delivery.rows("child", "*"), delivery.quarantine()) == (rows, held)
    assert delivery.load().mended == []


def test_what_was_damaged_and_cannot_come_out_the_same_is_landed_anew_at_its_place(deliver: Deliver) -> None:
    delivery = deliver()
    delivery.put("child.csv", CHILDREN)
    delivery.load()
    rows = delivery.rows("child", "case_id, surname")
    (path,) = delivery.parquet()
    harm(path, "cut")
    (delivery.folder / "extracts" / "child.csv").rename(delivery.folder / "extracts" / "child-again.csv")
    report = delivery.load()
    assert report.is_anything_new and len(report.mended) == 1
    assert delivery.rows("child", "case_id, surname") == rows
    with pytest.raises(LandingDamaged, match=path.name):
        delivery.rows("child", "case_id", night=1)


def test_damage_to_what_no_longer_counts_stops_nothing(deliver: Deliver) -> None:
    delivery = deliver()
    delivery.put("child.csv", CHILDREN)
    delivery.load()
    (path,) = delivery.parquet()
    delivery.put("child.csv", CHILDREN.replace("K1", "K9"))
    delivery.load()
    harm(path, "cut")
    assert delivery.load().mended == []
    assert children(delivery)
    with pytest.raises(LandingDamaged, match=path.name):
        delivery.rows("child", "case_id", night=1)


def test_a_damaged_manifest_is_named(deliver: Deliver) -> None:
    delivery = deliver()
    delivery.put("child.csv", CHILDREN)
    delivery.load()
    (delivery.folder / "landing" / "manifest" / "000001-ehc_case.json").write_text("{")
    with pytest.raises(LandingDamaged, match="000001-ehc_case"):
        delivery.load()


def test_a_missing_folder_may_be_there_later(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match="extracts is not there"):
        Delivery(tmp_path, "ehc_case").load()


def test_an_extract_that_is_not_configured(deliver: Deliver) -> None:
    with pytest.raises(ConfigurationError, match="gias has no source"):
        load_extract(deliver().configuration, "gias", "000001-gias", "a run", datetime(2026, 1, 1))


def test_a_part_without_a_row_is_no_fault_where_another_is_full(deliver: Deliver) -> None:
    header = CHILDREN.splitlines(keepends=True)[0]
    delivery = deliver()
    delivery.put("child north.csv", header + "".join(f"K{n},Ek,Di,2012-01-01,F\n" for n in range(20)))
    delivery.load()
    delivery.put("child south.csv", header)
    assert delivery.load().refused == []
    assert len(children(delivery)) == 20
    delivery.put("child north.csv", header)
    assert "would empty child of 20 rows" in delivery.load().refused[0][1]
    assert len(children(delivery)) == 20


def test_an_empty_delivery_seen_before_does_not_empty_a_full_table(deliver: Deliver) -> None:
    header = CHILDREN.splitlines(keepends=True)[0]
    full = header + "".join(f"K{n},Ek,Di,2012-01-01,F\n" for n in range(20))
    delivery = deliver()
    for content in (header, full):
        delivery.put("child.csv", content)
        assert delivery.load().refused == []
    delivery.put("child.csv", header)
    assert "would empty child" in delivery.load().refused[0][1]
    assert len(children(delivery)) == 20


def test_a_link_out_of_the_folder_is_not_followed(deliver: Deliver, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "child.csv"
    elsewhere.write_text(CHILDREN)
    delivery = deliver()
    delivery.put("request.csv", "request_id,case_id,received_date\nR1,K1,2025-01-01\n")
    link = delivery.folder / "extracts" / "child.csv"
    link.symlink_to(elsewhere)
    (delivery.folder / "extracts" / "plan.csv").symlink_to("nowhere")
    (delivery.folder / "extracts" / "review.csv").mkdir()
    os.mkfifo(delivery.folder / "extracts" / "visit.csv")
    report = delivery.load()
    assert [(file, "leads out" in reason) for file, reason in report.refused] == [("child.csv", True)]
    assert len(delivery.rows("request", "request_id")) == 1
    delivery.settings["path"] = "extracts/child.csv"
    assert delivery.load().refused == []
    assert len(children(delivery)) == 3


def test_links_in_a_circle_end(deliver: Deliver) -> None:
    delivery = deliver(path="extracts/**/*.csv")
    delivery.put("north/child.csv", CHILDREN)
    for name in ("round", "and round"):
        (delivery.folder / "extracts" / name).symlink_to(".")
    assert delivery.load().rows_loaded == 3
    assert not delivery.load().is_anything_new


def test_a_folder_that_cannot_be_listed_is_no_empty_folder(deliver: Deliver, monkeypatch: pytest.MonkeyPatch) -> None:
    list_folder = os.scandir

    def denied(path: str) -> object:
        if Path(path).name == "extracts":
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return list_folder(path)

    delivery = deliver()
    delivery.put("child.csv", CHILDREN)
    monkeypatch.setattr(os, "scandir", denied)
    with pytest.raises(SourceUnavailable, match=r"extracts cannot be listed \(Permission denied\)"):
        delivery.load()


def test_file_names_of_every_kind(deliver: Deliver) -> None:
    delivery = deliver()
    names = ["child 'it\"s.csv", "child\nnew.csv", "child é漢.csv", "child %s {} *.csv", os.fsdecode(b"child \xff.csv")]
    for number, name in enumerate(names):
        delivery.put(name, CHILDREN.replace("K", f"{number}-"))
    assert delivery.load().refused == []
    assert len(children(delivery)) == 15
    assert len({row[0] for row in delivery.rows("child", "_file")}) == 5
