"""Plain blocks of a CSV file are read at once: the rows are those of reading line by line, whatever the dirt."""

from __future__ import annotations

import codecs
import itertools
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.configuration import SourceConfiguration
from connectors.contract import read_contract
from connectors.readers import csv as csv_reader
from connectors.readers.sheet import PlainRows, SheetRows
from tests.connectors.messages import CHILDREN

CASES = read_contract("ehc_case")
HEADING, *RECORDS = CHILDREN.splitlines()
ABOVE = [HEADING, *(f"A{number},Ek,Di,2012-01-01,F" for number in range(25))]
"""What is read line by line in any file: the header and the rows about it."""

Write = Callable[[bytes], Path]


@pytest.fixture(scope="module")
def write(tmp_path_factory: pytest.TempPathFactory) -> Write:
    """Writes a file, always to the same place."""
    path = tmp_path_factory.mktemp("deliveries") / "child.csv"

    def written(content: bytes) -> Path:
        path.write_bytes(content)
        return path

    return written


def chunks(path: Path, *, characters: int) -> list[SheetRows | PlainRows]:
    """The file's rows as they are read, in blocks of so many characters."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_reader, "FIRST_BLOCK_CHARACTERS", 500)
        patch.setattr(csv_reader, "BLOCK_CHARACTERS", characters)
        return list(csv_reader._Rows(csv_reader._blocks(path, "utf-8", "replace"), ",").chunks())


def table(path: Path, *, characters: int, line_by_line: bool = False) -> pa.Table:
    """The file's rows as they are delivered."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_reader, "FIRST_BLOCK_CHARACTERS", 500)
        patch.setattr(csv_reader, "BLOCK_CHARACTERS", characters)
        if line_by_line:
            patch.setattr(csv_reader, "_is_plain", lambda *_: False)
        source = SourceConfiguration(kind="csv", path="child.csv")
        delivered = csv_reader.read_csv(path, "child.csv", CASES, source)
        batches = [batch for _, batch in delivered.batches]
        return pa.Table.from_batches(batches, schema=delivered.shapes[0].schema).combine_chunks()


PLAIN = {
    "records": RECORDS,
    "records about an empty line": [RECORDS[0], "", RECORDS[1]],
    "records about empty cells": [RECORDS[0], ",,,,", " ,\N{NO-BREAK SPACE},,\t,", RECORDS[1]],
    "a closing total": [*RECORDS, "Total,3,,,"],
    "a closing total above empty rows": [*RECORDS, "Total records: 3,,,,", "", ",,,,"],
    "a closing word that is a total only at the end": [*RECORDS, "Count,of,,,"],
    "that word before the end": [RECORDS[0], "Count,of,,,", RECORDS[1]],
    "a total below an empty cell": [RECORDS[0], ",Sub-total: 2,3,,", RECORDS[1]],
    "a record that begins as a total does": ["Total7,Okafor,Ada,2012-03-04,F", RECORDS[1]],
    "the header again": [RECORDS[0], HEADING, RECORDS[1]],
    "a row too short": [*RECORDS, "K4,Half", *RECORDS],
    "a row too long": [*RECORDS, "K4,Okafor,Ada,2012-03-04,F,more", *RECORDS],
    "a row with empty cells past the header": [*RECORDS, "K4,Okafor,Ada,2012-03-04,F,,,", *RECORDS],
    "cells within quotation marks": ['"K1","O""Kafor, of Grays",Ada,"",F', RECORDS[1]],
    "a name that is no letter of ours": ["\N{LATIN SMALL LETTER LONG S}um,Zoë,Ann,2012-03-04,F"],
    "a character that is none": ["K1,Ok\0afor,Ada,2012-03-04,F"],
}
NOT_PLAIN = {
    "a cell of two lines": [*RECORDS, 'K1,"Oka', 'for",Ada,2012-03-04,F', *RECORDS],
    "a stray quotation mark": ["K1,O'Neill 5\" tall,Ada,2012-03-04,F", RECORDS[1]],
    "a cell cut within its quotation marks": [*RECORDS, 'K4,"Half'],
    "a cell that goes on behind its quotation marks": ['K1,"Oka"for,Ada,2012-03-04,F'],
    "a carriage return within a row": ["K1,Oka\rfor,Ada,2012-03-04,F"],
    "rows of no one width": ["K1", "K2,Smith", "K3,Nowak,Cyra"],
}


@pytest.mark.parametrize("lines", PLAIN.values(), ids=PLAIN)
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_a_plain_block_gives_the_rows_that_reading_line_by_line_gives(write: Write, lines: list[str], end: str) -> None:
    path = write("".join(f"{line}{end}" for line in [*ABOVE, *lines]).encode())
    assert isinstance(chunks(path, characters=2**20)[-1], PlainRows)
    assert table(path, characters=2**20) == table(path, characters=2**20, line_by_line=True)


@pytest.mark.parametrize("lines", NOT_PLAIN.values(), ids=NOT_PLAIN)
def test_a_block_that_is_not_plain_is_read_line_by_line(write: Write, lines: list[str]) -> None:
    path = write("\n".join([*ABOVE, *lines]).encode())
    assert not any(isinstance(chunk, PlainRows) for chunk in chunks(path, characters=2**20)[1:])


def test_plain_blocks_go_on_below_one_that_is_not(write: Write) -> None:
    path = write("\n".join([*ABOVE, *RECORDS * 9, 'K4,"5, High', 'St",Di,2012-01-01,F', *RECORDS * 9]).encode())
    kinds = [type(chunk) for chunk in chunks(path, characters=100)]
    assert [kind for kind, _ in itertools.groupby(kinds)] == [SheetRows, PlainRows, SheetRows, PlainRows]


def test_a_byte_order_mark_in_the_midst_is_a_character(write: Write) -> None:
    path = write("\n".join([*ABOVE, *RECORDS, f"\ufeff{RECORDS[0]}"]).encode())
    assert table(path, characters=1)["case_id"].to_pylist()[-1] == "\ufeffK1"


def test_a_closing_total_is_one_above_blocks_of_empty_lines(write: Write) -> None:
    path = write("\n".join([*ABOVE, *RECORDS, "Count,of,,,", "", "", ",,,,", ""]).encode())
    assert table(path, characters=1)["_reason"].to_pylist()[-2:] == [None, "total row"]


CELLS = st.one_of(
    st.sampled_from(
        ["", " ", "Total", "total 3", "Count", "7", "£1,000", "case_id", "K1", "Zoë", "\N{NO-BREAK SPACE}"]
    ),
    st.sampled_from(['"', '""', '"a"', '"a,b"', '"a""b"', 'a"b', '"a"b', '"a\nb"', "\r", "\0", "\ufeff", "\x0b"]),
    st.text(st.sampled_from('ab1 ",;\r\n\té'), max_size=5),
)
ROWS = st.lists(CELLS, min_size=5, max_size=5) | st.lists(CELLS, max_size=8)
LINES = st.one_of(
    st.sampled_from([*RECORDS, *RECORDS, HEADING, "", ",,,,", "Total,3,,,", "Count,of,,,", "K4,Okafor,Ada,,F,,"]),
    ROWS.map(",".join),
)


@given(
    lines=st.lists(st.tuples(LINES, st.sampled_from(["\n", "\n", "\r\n", "\r"]))),
    separator=st.sampled_from(csv_reader.SEPARATORS),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-be"]),
    characters=st.integers(1, 300),
    cut=st.integers(0, 3),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_gives_the_rows_that_reading_line_by_line_gives(
    write: Write, lines: list[tuple[str, str]], separator: str, encoding: str, characters: int, cut: int
) -> None:
    above = "".join(f"{line}\n" for line in ABOVE)
    text = (above + "".join(line + end for line, end in lines)).replace(",", separator)
    mark = codecs.BOM_UTF16_BE if encoding == "utf-16-be" else b""
    content = mark + text.encode(encoding, "replace")
    path = write(content[: len(content) - cut])
    expected = table(path, characters=2**20, line_by_line=True)
    assert table(path, characters=characters) == expected
    assert table(path, characters=2**20) == expected
