"""A thousand extracts spoilt in every way that files are: none a traceback, and no row lost.

Each is loaded upon a good one as the next night's: its rows are read and loaded or set apart, or it is refused with a
reason, and what landed before stands. That other sources load all the same: tests/flows/test_loads_failed.py.
"""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import xlsxwriter

from tests.connectors.conftest import Delivery
from tests.connectors.messages import census, pupil
from tests.connectors.test_statistics import CASELOAD, release

MUTATIONS_OF_EACH = 42
NIGHTS = 12
CHILDREN = "case_id,surname,forename,birth_date,sex,upn\n" + "".join(
    f"K{n},Okafor-{n},Zoë,{1 + n % 28:02d}/0{1 + n % 9}/2014,F,A{n:012d}\n" for n in range(30)
)


def workbook(rows: list[list[str]]) -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        sheet = book.add_worksheet("child")
        for number, row in enumerate(rows):
            sheet.write_row(number, 0, row)
    return out.getvalue()


FORMATS: dict[str, tuple[str, str, bytes]] = {
    "csv": ("ehc_case", "child.csv", CHILDREN.encode()),
    "excel": ("ehc_case", "child.xlsx", workbook([line.split(",") for line in CHILDREN.splitlines()])),
    "xml": ("school_census", "census.xml", census({"8831001": [pupil(f"U{n}") for n in range(20)]}).encode()),
    "zip": ("dfe_ehc_plans", "release.zip", release({"data/caseload.csv": CASELOAD})),
}
"""An extract of each kind of file: which, its name, and its good content."""

Mutation = Callable[[random.Random, bytes], bytes]


def flip(chance: random.Random, content: bytes) -> bytes:
    spoilt = bytearray(content)
    for _ in range(chance.randint(1, 40)):
        spoilt[chance.randrange(len(spoilt))] ^= 1 << chance.randrange(8)
    return bytes(spoilt)


def truncate(chance: random.Random, content: bytes) -> bytes:
    return content[: chance.randrange(len(content))]


def repeat_a_part(chance: random.Random, content: bytes) -> bytes:
    one, other = sorted(chance.sample(range(len(content)), 2))
    return content[:other] + content[one:]


def cut_a_part(chance: random.Random, content: bytes) -> bytes:
    one = chance.randrange(len(content))
    return content[:one] + content[one + chance.randint(1, 200) :]


def put_in_another_encoding(chance: random.Random, content: bytes) -> bytes:
    text = content.decode("utf-8", "surrogateescape")
    return text.encode(chance.choice(["utf-16", "utf-16-be", "cp1252", "utf-8-sig", "cp037", "utf-7"]), "ignore")


def move_columns(chance: random.Random, content: bytes) -> bytes:
    lines = [line.split(b",") for line in content.split(b"\n")]
    one, other = chance.sample(range(max(len(line) for line in lines) or 1), 2) if len(lines[0]) > 1 else (0, 0)
    for line in lines[chance.randrange(2) :]:
        if max(one, other) < len(line):
            line[one], line[other] = line[other], line[one]
    return b"\n".join(b",".join(line) for line in lines)


def drop_in(chance: random.Random, content: bytes) -> bytes:
    bits = [
        b'"',
        b"\0",
        b"\r",
        b"\n\n",
        b",,,",
        b"<",
        b"&",
        b"]]>",
        b"\xff\xfe",
        b"=cmd()",
        b"PK\x03\x04",
        b"\x1a",
        b"9" * 400,
    ]
    at = chance.randrange(len(content))
    return content[:at] + chance.choice(bits) * chance.randint(1, 5) + content[at:]


MUTATIONS: list[Mutation] = [
    flip,
    truncate,
    repeat_a_part,
    cut_a_part,
    put_in_another_encoding,
    drop_in,
]


@pytest.mark.parametrize("kind", FORMATS)
def test_a_spoilt_extract_is_refused_or_read_to_the_last_row(kind: str, tmp_path: Path) -> None:
    extract, name, content = FORMATS[kind]
    chance = random.Random(kind)
    mutations = [*MUTATIONS, move_columns] if kind == "csv" else MUTATIONS
    outcomes: set[bool] = set()
    seen = 0
    for mutate in [mutation for mutation in mutations for _ in range(MUTATIONS_OF_EACH)]:
        if seen % NIGHTS == 0:  # another home: what a load looks back on grows with its nights
            delivery = Delivery(tmp_path / str(seen), extract, kind)
            delivery.put(name, content)
            assert delivery.load().rows_loaded > 5
        if kind == "zip" and seen % 2:  # a packed file shows any harm: half are spoilt before they are packed
            spoilt = release({"data/caseload.csv": mutate(chance, CASELOAD.encode())})
        else:
            spoilt = mutate(chance, content)
        delivery.put(name, spoilt)
        report = delivery.load()
        outcomes.add(bool(report.refused))
        what = f"mutation {seen} by {mutate.__name__}"
        assert report.rows_read == report.rows_loaded + report.rows_quarantined, what
        assert report.files == 1, what
        assert all(reason for _, reason in report.refused), what
        entries = delivery.manifests()[-1]["files"]
        assert all(e["status"] in ("refused", "withdrawn") or e["table"] for e in entries), what
        seen += 1
    assert seen >= 250
    assert outcomes == {True, False}, "the mutations spoil too much, or too little"
