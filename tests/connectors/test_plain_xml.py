"""Plain messages are read set-wise: the rows are those of reading record by record, and what is not plain is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from connectors.contract import read_contract
from connectors.errors import FileRefused
from connectors.readers import Delivered, plain_xml
from connectors.readers.plain_xml import NotPlain, read_plain_xml
from connectors.readers.xml import read_xml
from tests.connectors.messages import census, pupil

CENSUS = read_contract("school_census")
NEEDS = "<SENneeds><SENneed><SENtypeRank>1</SENtypeRank><SENtype>ASD</SENtype></SENneed></SENneeds>"
EXCLUSIONS = (
    "<Exclusions><Exclusion><Category>SUSP</Category><StartDate>2026-01-09</StartDate></Exclusion></Exclusions>"
)
PLAIN = census({"8831001": [pupil("U1", extra=NEEDS), pupil("U2")], "8831002": [pupil("U3", extra=NEEDS + EXCLUSIONS)]})


def tables(delivered: Delivered) -> dict[str, pa.Table]:
    """Every table's rows, in order."""
    batches: dict[str, list[pa.RecordBatch]] = {shape.table: [] for shape in delivered.shapes}
    for table, batch in delivered.batches:
        batches[table].append(batch)
    return {
        shape.table: pa.Table.from_batches(batches[shape.table], schema=shape.schema).combine_chunks()
        for shape in delivered.shapes
    }


@pytest.fixture(scope="module")
def message(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str | bytes], Path]:
    """Writes a message, always to the same place."""
    path = tmp_path_factory.mktemp("messages") / "census.xml"

    def written(text: str | bytes) -> Path:
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return written


PLAIN_MESSAGES = {
    "of two schools": PLAIN,
    "with its pupils right in the school": PLAIN.replace("<Pupils>", "").replace("</Pupils>", ""),
    "with a school that does not say which": PLAIN.replace("<LAESTAB>8831002</LAESTAB>", ""),
    "with an empty school": PLAIN.replace("</Schools>", "<School><LAESTAB>8839999</LAESTAB></School></Schools>"),
    "in a namespace": PLAIN.replace("<Message>", "<Message xmlns='urn:census'>"),
    "with elements that mean nothing here": PLAIN.replace("<Sex>", "<Shoe><Size>4</Size></Shoe><Sex>"),
    "with an element that is empty": PLAIN.replace("<Sex>F</Sex>", "<Sex/>"),
    "with an element that is empty and then is not": PLAIN.replace("<Sex>F</Sex>", "<Sex></Sex><Sex>F</Sex>"),
    "with signs written as references": PLAIN.replace("Okafor", "O&apos;Kafor &amp; S&#246;n &#x1F600;"),
    "with a byte order mark": "\ufeff" + PLAIN,
    "without a declaration": PLAIN.partition("\n")[2],
    "with the ends of lines of another system": PLAIN.replace("><", ">\r\n<"),
    "with spaces about its values": PLAIN.replace("Okafor", " Okafor\n "),
}


@pytest.mark.parametrize("text", PLAIN_MESSAGES.values(), ids=PLAIN_MESSAGES)
def test_a_plain_message_gives_the_rows_that_reading_record_by_record_gives(
    message: Callable[[str | bytes], Path], text: str
) -> None:
    path = message(text)
    assert tables(read_plain_xml(path, CENSUS)) == tables(read_xml(path, CENSUS))


@pytest.mark.parametrize("most", [2**25, 0], ids=["from the message without its records", "from all of it"])
def test_schools_are_known_from_a_message_taken_in_small_pieces(
    message: Callable[[str | bytes], Path], monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(plain_xml, "BYTES_AT_A_TIME", 40)
    monkeypatch.setattr(plain_xml, "MOST_BYTES_ABOUT_RECORDS", most)
    path = message(PLAIN.replace("<School>", "<School><Phase>PS</Phase>"))
    assert tables(read_plain_xml(path, CENSUS)) == tables(read_xml(path, CENSUS))


NOT_PLAIN = {
    "a comment": PLAIN.replace("<Sex>", "<!-- as told --><Sex>"),
    "characters set apart": PLAIN.replace("Okafor", "<![CDATA[Okafor]]>"),
    "an instruction": PLAIN.replace("<Sex>", "<?check?><Sex>"),
    "an element twice": PLAIN.replace("<Sex>F</Sex>", "<Sex>F</Sex><Sex>M</Sex>"),
    "an attribute on a record": PLAIN.replace("<Pupil>", "<Pupil id='1'>", 1),
    "a record elsewhere": PLAIN.replace("</Schools>", f"</Schools>{pupil('U9')}"),
    "an empty record": PLAIN.replace("</Pupils>", "<Pupil/></Pupils>", 1),
    "a school named twice": PLAIN.replace("<Pupils>", "<LAESTAB>8831009</LAESTAB><Pupils>", 1),
    "pupils of a school in two places": PLAIN.replace("</Pupils>", f"</Pupils><Pupils>{pupil('U8')}</Pupils>", 1),
    "a value over two lines": PLAIN.replace("Okafor", "Oka\r\nfor"),
    "a second header": PLAIN.replace("</Schools>", "</Schools><Header/>"),
    "another encoding": PLAIN.replace("UTF-8", "ISO-8859-1"),
    "two bytes a character": PLAIN.replace("UTF-8", "UTF-16").encode("utf-16"),
    "an end before its end": PLAIN[: len(PLAIN) * 2 // 3],
    "another message behind it": PLAIN + PLAIN.partition("\n")[2],
    "a sign that no message may have": PLAIN.replace("Okafor", "Oka\x01for"),
    "a reference to what is not known": PLAIN.replace("Okafor", "&nothing;"),
    "bytes that are no text": PLAIN.encode().replace(b"Okafor", b"Ok\xe9for"),
    "tags that cross": PLAIN.replace("</Surname><Forename>", "</Forename><Surname>", 1),
    "no record": census({"8831001": []}),
}


@pytest.mark.parametrize("text", NOT_PLAIN.values(), ids=NOT_PLAIN)
def test_a_message_that_is_not_plain_is_left_to_the_other_reader(
    message: Callable[[str | bytes], Path], text: str | bytes
) -> None:
    with pytest.raises(NotPlain):
        tables(read_plain_xml(message(text), CENSUS))


def test_a_message_of_another_collection_is_refused_at_once(message: Callable[[str | bytes], Path]) -> None:
    with pytest.raises(FileRefused, match="another collection"):
        tables(read_plain_xml(message(census({"8831001": [pupil("U1")]}, collection="CIN")), CENSUS))


def test_many_records_keep_their_order_and_their_needs(message: Callable[[str | bytes], Path]) -> None:
    schools = {
        f"{8831000 + s}": [pupil(f"U{s}-{p}", extra=NEEDS * (p % 7 == 0)) for p in range(900)] for s in range(40)
    }
    path = message(census(schools))
    found = tables(read_plain_xml(path, CENSUS))
    assert found == tables(read_xml(path, CENSUS))
    assert found["need"].num_rows == 40 * len(range(0, 900, 7))


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=6)


@st.composite
def random_messages(draw: st.DrawFn) -> bytes:
    """Messages that libxml2 writes: any text in any column, groups absent, empty, twice, and things unknown."""

    def put(parent: etree._Element, name: str, text: str | None = None) -> etree._Element:
        child = etree.SubElement(parent, name)
        child.text = text
        return child

    root = etree.fromstring(census({}).partition("\n")[2].encode())
    schools = root.find("Schools")
    assert schools is not None
    for _ in range(draw(st.integers(1, 3))):
        school = put(schools, "School")
        if draw(st.booleans()):
            put(school, "LAESTAB", draw(NAMES))
        around = school if draw(st.integers(0, 4)) == 0 else put(school, "Pupils")
        for _ in range(draw(st.integers(0, 3))):
            record = put(around, "Pupil")
            for name in draw(st.lists(st.sampled_from(["UPN", "Surname", "Sex", "Unknown", "Attendance"]), max_size=5)):
                put(record, name, draw(NAMES))
            for _ in range(draw(st.integers(0, 2))):
                needs = put(record, "SENneeds")
                for _ in range(draw(st.integers(0, 2))):
                    put(put(needs, "SENneed"), "SENtype", draw(NAMES))
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def rows_or_refusal(read: Iterator[tuple[str, pa.RecordBatch]] | Delivered) -> object:
    """The rows of every table, or the words of the refusal."""
    assert isinstance(read, Delivered)
    try:
        return tables(read)
    except FileRefused as refusal:
        return str(refusal)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(random_messages())
def test_whatever_is_read_set_wise_equals_what_is_read_record_by_record(
    message: Callable[[str | bytes], Path], text: bytes
) -> None:
    path = message(text)
    try:
        found = tables(read_plain_xml(path, CENSUS))
    except NotPlain:
        return
    assert found == rows_or_refusal(read_xml(path, CENSUS))
