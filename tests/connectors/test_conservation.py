"""Rows read are rows loaded plus rows quarantined, whatever a file looks like; and no file is a traceback."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.configuration import SourceConfiguration
from connectors.reading import ReadingJob, TableReading, read_file
from connectors.typing_rules import open_typing
from tests.connectors.conftest import Delivery
from tests.connectors.messages import CHILDREN, census, pupil

Read = Callable[[str, str, bytes], list[TableReading]]

CELLS = st.one_of(
    st.sampled_from(["", " ", "K1", "2012-03-04", "04/03/2012", "F", "Total", "9999-12-31", '"', "a\nb", "\xa0"]),
    st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=8),
)
ROWS = st.lists(st.lists(CELLS, min_size=5, max_size=5), max_size=12)


@pytest.fixture(scope="module")
def read() -> Iterator[Read]:
    """Says what comes of one file of a kind, for an extract, without landing it."""
    with TemporaryDirectory() as folder, open_typing(Path(folder)) as connection:

        def read_content(kind: str, extract: str, content: bytes) -> list[TableReading]:
            path = Path(folder) / f"child.{kind}"
            path.write_bytes(content)
            source = SourceConfiguration.model_validate({"kind": kind, "path": "x"}).model_dump(by_alias=True)
            return read_file(ReadingJob(str(path), path.name, extract, source, "000001-x", folder), connection)

        yield read_content


def is_conserved(readings: list[TableReading]) -> bool:
    return all(
        reading.refusal or reading.rows_read == reading.rows_loaded + reading.rows_quarantined for reading in readings
    )


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rows=ROWS)
def test_every_row_written_is_read_and_loaded_or_set_apart(read: Read, rows: list[list[str]]) -> None:
    held = io.StringIO(newline="")
    csv.writer(held, quoting=csv.QUOTE_ALL).writerows([CHILDREN.splitlines()[0].split(","), *rows])
    (reading,) = read("csv", "ehc_case", held.getvalue().encode())
    assert reading.rows_read == sum(1 for row in rows if "".join(row).strip())
    assert is_conserved([reading])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_harmed_csv_file_loses_no_row_it_counted(read: Read, data: st.DataObject) -> None:
    content = bytearray((CHILDREN * 3).encode())
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 3))] = data.draw(
            st.sampled_from([b"", b'"', b",", b"\n", b"\r", b"\0", b"\xff", b"\xc3", b'""', b"\xef\xbb\xbf"])
        )
    assert is_conserved(read("csv", "ehc_case", bytes(content)))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_harmed_message_is_read_whole_or_refused(read: Read, data: st.DataObject) -> None:
    content = bytearray(census({"8831001": [pupil("U1"), pupil("U2")]}).encode())
    at = data.draw(st.integers(0, len(content) - 1))
    harm = data.draw(st.sampled_from([b"", b"<", b"&", b"\0", b"\xff", b"]]>"]))
    content[at : at + data.draw(st.integers(0, 40))] = harm
    assert is_conserved(read("xml", "school_census", bytes(content)))


@pytest.mark.parametrize(
    ("name", "table"), [("gias-establishments-sample.csv", "establishment"), ("gias-links-sample.csv", "link")]
)
def test_the_register_as_published_lands_whole(
    name: str, table: str, tmp_path: Path, shared_data: Callable[[str], Path]
) -> None:
    delivery = Delivery(tmp_path, "gias")
    delivery.put(name, shared_data(name).read_bytes())
    report = delivery.load()
    assert (report.refused, report.rows_read, report.rows_loaded) == ([], 60, 60)
    assert delivery.query("from landing.issue") == []
    assert delivery.query(f"select count(distinct urn) from landing.gias__{table}") == [(60,)]
