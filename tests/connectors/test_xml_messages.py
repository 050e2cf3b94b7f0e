"""The statutory XML messages: what is taken from them, and what is refused."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import psutil
import pytest

from connectors.contract import read_contract
from connectors.readers.xml import read_xml
from tests.connectors.conftest import Delivery
from tests.connectors.messages import census, pupil

Deliver = Callable[..., Delivery]

NEEDS = (
    "<SENneeds><SENneed><SENtypeRank>1</SENtypeRank><SENtype>ASD</SENtype></SENneed>"
    "<SENneed><SENtypeRank>2</SENtypeRank><SENtype>SLCN</SENtype></SENneed></SENneeds>"
)


@pytest.mark.parametrize("namespace", ["", " xmlns='urn:census'"], ids=["bare", "namespaced"])
def test_records_inherit_header_and_school_and_give_rows_to_several_tables(deliver: Deliver, namespace: str) -> None:
    attendance = "<Attendance><SessionsPossible>90</SessionsPossible></Attendance>"
    schools = {
        "8831001": [pupil("U1", extra=NEEDS), pupil("U2", extra=attendance)],
        "8831002": [pupil("U3", birth_date="")],
    }
    delivery = deliver("school_census", "xml")
    delivery.put("spring.xml", census(schools, namespace=namespace))
    report = delivery.load()
    assert (report.rows_read, report.rows_loaded, report.rows_quarantined) == (5, 4, 1)
    assert delivery.rows("pupil", "upn, laestab, census_date, term, la_code, sessions_possible, _row") == [
        ("U1", "8831001", date(2026, 1, 15), "SPR", "883", None, 1),
        ("U2", "8831001", date(2026, 1, 15), "SPR", "883", 90, 2),
    ]
    assert delivery.rows("need", "upn, laestab, rank, sen_type, _row") == [
        ("U1", "8831001", 1, "ASD", 1),
        ("U1", "8831001", 2, "SLCN", 1),
    ]
    assert delivery.quarantine() == [
        ("pupil", 3, "birth_date is missing", "birth_date", "missing_required", "2026-01-15|8831002|U3")
    ]


def test_a_message_of_one_school_without_a_block_takes_the_school_from_its_header(deliver: Deliver) -> None:
    text = census({"8831001": [pupil("U1")]})
    text = text.replace("<Schools><School><LAESTAB>8831001</LAESTAB>", "").replace("</School></Schools>", "")
    delivery = deliver("school_census", "xml")
    delivery.put("one.xml", text.replace("</LEA>", "</LEA><LAESTAB>8831009</LAESTAB>"))
    delivery.load()
    assert delivery.rows("pupil", "laestab") == [("8831009",)]


def test_nested_rows_take_from_their_own_parent(deliver: Deliver, shared_data: Callable[[str], Path]) -> None:
    delivery = deliver("cin_census", "xml")
    delivery.put("cin.xml", shared_data("cin-census-2022-sample.xml").read_bytes())
    assert delivery.load().rows_quarantined == 0
    assert delivery.rows("child", "la_child_id, sex") == [("DfEX0000001", "1")]
    assert delivery.rows("disability", "la_child_id, disability") == [("DfEX0000001", "HAND"), ("DfEX0000001", "HEAR")]
    assert delivery.rows("assessment", "referral_date, start_date") == [(date(1970, 10, 6), date(1970, 6, 3))]
    ((plan_start, _),) = delivery.rows("child_protection_review", "plan_start_date, review_date")
    assert plan_start == date(1970, 2, 17)


WHOLE = census({"8831001": [pupil("U1"), pupil("U2")]})
ENTITY = '<!DOCTYPE Message [<!ENTITY secret SYSTEM "file:///etc/hostname">]>'
BOMB = f'<!DOCTYPE Message [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "{"&a;" * 50}"><!ENTITY c "{"&b;" * 50}">]>'


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "empty"),
        ("case_id,surname\n", "well-formed"),
        (WHOLE[: len(WHOLE) - 60], "cut short"),
        (WHOLE[: len(WHOLE) // 2], "cut short"),
        (WHOLE.replace("\n<Message>", f"\n{ENTITY}<Message>").replace(">Okafor<", ">&secret;<"), "DOCTYPE"),
        (WHOLE.replace("\n<Message>", f"\n{BOMB}<Message>").replace(">Okafor<", ">&c;<"), "DOCTYPE"),
        (WHOLE.replace("\n<Message>", "\n<!DOCTYPE Message><Message>"), "DOCTYPE"),
        (WHOLE.replace(">Okafor<", ">&undefined;<"), "well-formed"),
        (census({"8831001": [pupil("U1")]}, collection="CIN"), "says 'CIN', not 'SC'"),
        (WHOLE.replace("Message>", "Letter>"), "does not begin with Message"),
        (census({"8831001": []}), "no Pupil record"),
        (WHOLE.replace("<ReferenceDate>2026-01-15</ReferenceDate>", ""), "census_date"),
        ("<Message>" + "<Deep>" * 5000 + "</Deep>" * 5000 + "</Message>", "well-formed"),
    ],
    ids=lambda value: value[:24] if len(value) < 60 else "a message",
)
def test_what_is_no_complete_message_is_refused_whole(deliver: Deliver, content: str, reason: str) -> None:
    delivery = deliver("school_census", "xml")
    delivery.put("census.xml", content)
    report = delivery.load()
    assert report.rows_read == 0
    assert reason in report.refused[0][1]
    assert delivery.parquet() == []
    assert delivery.rows("pupil", "upn") == []


def test_memory_stays_flat_however_long_the_message(tmp_path: Path) -> None:
    def growth(pupils: int) -> int:
        path = tmp_path / f"{pupils}.xml"
        path.write_text(census({"8831001": [pupil(f"U{n}", extra=NEEDS) for n in range(pupils)]}))
        before = psutil.Process().memory_info().rss
        highest = 0
        for _, batch in read_xml(path, read_contract("school_census")).batches:
            highest = max(highest, psutil.Process().memory_info().rss - before)
            del batch
        return highest

    growth(12_000)
    assert growth(60_000) < 60 * 2**20


def test_large_messages_are_read_beside_each_other_with_the_same_result(
    deliver: Deliver, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivery = deliver("school_census", "xml")
    for day in ("2025-10-02", "2026-01-15"):
        delivery.put(f"census {day}.xml", census({"8831001": [pupil(f"U{n}") for n in range(50)]}, day=day))
    delivery.put("census 2025-05-15.xml", "<Message>")
    monkeypatch.setattr("connectors.reading.WORTH_A_WORKER_BYTES", 1)
    started = time.monotonic()
    report = delivery.load()
    assert time.monotonic() - started < 60
    assert (report.rows_loaded, [file for file, _ in report.refused]) == (100, ["census 2025-05-15.xml"])
    assert len(delivery.rows("pupil", "upn")) == 100


@pytest.mark.parametrize(
    "content",
    [
        WHOLE.replace("<Schools>", f"<Junk>{'<a/>' * 3_000_000}</Junk><Schools>"),
        census({"8831001": [pupil("U1", extra=f"<Junk>{'<a/>' * 3_000_000}</Junk>")]}),
        WHOLE.replace("</Message>", f"<Junk>{'<a/>' * 3_000_000}</Junk></Message>"),
    ],
    ids=["before", "within", "after"],
)
def test_what_goes_on_without_a_record_is_refused(deliver: Deliver, content: str) -> None:
    delivery = deliver("school_census", "xml")
    delivery.put("census.xml", content)
    assert "without the end of a record" in delivery.load().refused[0][1]


def test_memory_stays_flat_whatever_stands_between_the_records(tmp_path: Path) -> None:
    path = tmp_path / "census.xml"
    junk = f"<Junk>{'<a/>' * 2_000}</Junk>"
    path.write_text(census({"8831001": [pupil(f"U{n}") + junk for n in range(3_000)]}))
    before = psutil.Process().memory_info().rss
    for _, batch in read_xml(path, read_contract("school_census")).batches:
        assert batch.num_rows == 3_000
    assert psutil.Process().memory_info().rss - before < 100 * 2**20


def test_another_encoding_than_declared_is_told(deliver: Deliver) -> None:
    delivery = deliver("school_census", "xml")
    delivery.put("census.xml", WHOLE.replace("Okafor", "Zoë").encode("cp1252"))
    assert "encoding it declares" in delivery.load().refused[0][1]
