"""Reads the statutory XML messages that are laid out plainly, set-wise: xml2arrow takes the values, libxml2 judges.

Nearly every message is plain, and is read so in a fifth of the time it takes record by record. What is not plain, or
may not be (comments, attributes on a record, an element given twice, another encoding, anything that is not
well-formed), is left to ``connectors.readers.xml``, which says what is wrong where something is. Both give the same
rows.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import yaml
from lxml import etree
from numpy.typing import NDArray
from xml2arrow import Xml2ArrowError, XmlToArrowParser

from connectors.contract import Column, ExtractContract, Table, XmlShape
from connectors.readers import BATCH_ROWS, Delivered
from connectors.readers.xml import MAX_RECORD_BYTES, Message
from connectors.safe_xml import judge, local_name, safe_events

MOST_BYTES = 2**30
"""A larger message is read record by record: what its rows need of their record is kept here until its end."""
BYTES_AT_A_TIME = 2**20
BATCH_BYTES = 2**25
MOST_BYTES_ABOUT_RECORDS = 2**25
"""Where more stands about the records, what the containers say of themselves is sought in the whole message."""
DECLARATION = re.compile(
    rb"""(\xef\xbb\xbf)?<\?xml version=["']1\.0["'](?: encoding=["'](?i:utf-8)["'])?(?: standalone=["']yes["'])? ?\?>"""
)
CONTAINER, RECORD, WITHIN = "container", "record", "within"
"""The levels of a row: the container of its record, the record in it, the row in the record."""


class NotPlain(Exception):
    """The message is not plain, or may not be: it has to be read record by record."""


@dataclass(frozen=True)
class _Layout:
    """Where a message has its records: the paths of the element around them, and of the container if it has one."""

    around: str
    container: str | None


@dataclass(frozen=True)
class _Verdict:
    """Whether the text has carriage returns, how many records it holds, and the message with each of them emptied.

    That ``frame`` is None where it is large itself.
    """

    has_returns: bool
    records: int
    frame: bytearray | None


def read_plain_xml(path: Path, contract: ExtractContract) -> Delivered:
    """Every table of one plain message, as ``read_xml`` gives them.

    Raises ``NotPlain``, at once or while the batches are read, where ``read_xml`` has to read it; ``FileRefused`` for
    a message of another collection.
    """
    shape = contract.xml
    if shape is None or not _is_plain(contract, shape) or not 0 < path.stat().st_size <= MOST_BYTES:
        raise NotPlain
    message = Message(contract, shape)
    return Delivered(tuple(rows.shape for rows in message.rows.values()), _read(path, message))


def _is_plain(contract: ExtractContract, shape: XmlShape) -> bool:
    """Whether the tables' rows are the records, or lie each kind in an element of its own within them."""
    groups = [f"{_group(table)}/" for table in contract.tables.values() if table.row]
    columns = [column for table in contract.tables.values() for column in table.columns.values()]
    of_container = list(shape.container.columns.values()) if shape.container else []
    return (
        not any(column.parent_path or column.or_path or column.path == "." for column in columns)
        and not any(one != other and one.startswith(other) for one in groups for other in groups)
        and len(set(groups)) == len(groups)
        and "/" not in groups
        and not any(path.startswith(group) for path in _record_paths(contract) for group in groups)
        and len(of_container) <= 1
        and not any("/" in place for place in of_container)
    )


def _group(table: Table) -> str:
    """The element of a record in which the table's rows lie."""
    return (table.row or "").rpartition("/")[0]


def _record_paths(contract: ExtractContract) -> list[str]:
    """Every path, from the record, of which a record has one value."""
    paths = (
        column.record_path or (None if table.row else column.path)
        for table in contract.tables.values()
        for column in table.columns.values()
    )
    return list(dict.fromkeys(path for path in paths if path))


def _read(path: Path, message: Message) -> Iterator[tuple[str, pa.RecordBatch]]:
    try:
        layout = _layout(path, message)
        verdict = _judge(path, message.shape)
        containers = _containers(path if verdict.frame is None else verdict.frame, message, layout)
        taken = _Taken(message, containers, has_returns=verdict.has_returns)
        batches = _parser(_settings(message, layout)).parse_batches(
            path, max_rows_per_batch=BATCH_ROWS, max_bytes_per_batch=BATCH_BYTES
        )
        for table, batch in batches:
            yield from taken.add(table, batch)
    except (Xml2ArrowError, etree.XMLSyntaxError):
        raise NotPlain from None
    if taken.records != verdict.records:
        raise NotPlain
    yield from taken.rows_within()


def _layout(path: Path, message: Message) -> _Layout:
    """Reads the header and finds the first record. Raises ``FileRefused`` for a message of another collection."""
    shape = message.shape
    with path.open("rb") as handle:
        root: Any = None
        for _, element in safe_events(handle, ("start",), None):
            if root is None:
                root = element
                message.begin(root)
            elif local_name(element.tag) == shape.record:
                break
        else:
            raise NotPlain
        message.read_header(root)
        around = [local_name(outer.tag) for outer in element.iterancestors()][::-1]
    if len(around) < 2:
        raise NotPlain
    container = None
    if shape.container:
        if around.count(shape.container.element) != 1 or around[0] == shape.container.element:
            raise NotPlain
        container = "/" + "/".join(around[: around.index(shape.container.element) + 1])
    return _Layout("/" + "/".join(around), container)


def _judge(path: Path, shape: XmlShape) -> _Verdict:
    """What the text is. Raises ``NotPlain``, or libxml2's error.

    It is well-formed if libxml2 finds it so, and plain if nothing but elements and text stands in it.
    """
    header = b"<" + shape.collection.path.partition("/")[0].encode()
    tag = shape.record.encode() + b">"
    other_tag = re.compile(re.escape(shape.record.encode()) + rb"[\s/]")  # with attributes, or empty
    has_returns, tags, headers, since_record = False, 0, 0, 0
    emptied = shape.record.encode() + b"/>"
    frame: bytearray | None = bytearray()
    for number, text in enumerate(_judged(path)):
        declared = None if number else DECLARATION.match(text)
        begins = declared.end() if declared else 0
        # one sign is found many times as fast as two
        if any(sign in text and text.find(b"<" + sign, begins) >= 0 for sign in (b"!", b"?")):
            raise NotPlain
        if other_tag.search(text):
            raise NotPlain
        has_returns = has_returns or b"\r" in text
        headers += text.count(header)
        # the tags of records open and close one by turns: what stands before one that opens is about the records
        first, *others = text.split(tag)
        since_record = len(others[-1]) + len(tag) if others else since_record + len(text)
        if since_record > MAX_RECORD_BYTES:
            raise NotPlain
        if frame is not None:
            about = [first if tags % 2 == 0 else b"", *others[1 - tags % 2 :: 2]]
            frame += emptied.join(about)
            if len(frame) > MOST_BYTES_ABOUT_RECORDS:
                frame = None
        tags += len(others)
    if headers != 1 or tags % 2:
        raise NotPlain
    return _Verdict(has_returns, tags // 2, frame)


def _judged(path: Path) -> Iterator[bytes]:
    """The file in pieces that each end before a tag begins, after libxml2 has seen them."""
    tail = b""
    with judge() as parser, path.open("rb") as handle:
        while piece := handle.read(BYTES_AT_A_TIME):
            parser.feed(piece)
            text = tail + piece
            ends = max(text.rfind(b"<"), 0)
            if len(text) - ends > MAX_RECORD_BYTES:
                raise NotPlain
            tail = text[ends:]
            yield text[:ends]
    yield tail


def _parser(tables: list[dict[str, Any]]) -> XmlToArrowParser:
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder) / "tables.yml"
        settings.write_text(yaml.safe_dump({"tables": tables}))
        return XmlToArrowParser(settings)


def _containers(text: Path | bytearray, message: Message, layout: _Layout) -> pa.Array | None:
    """What each container of a message, or of its frame, says of itself, in their order; None where it has none."""
    if layout.container is None or message.shape.container is None:
        return None
    (place,) = message.shape.container.columns.values()
    fields = _fields({place: f"{layout.container}/{place}"})
    own = {"name": RECORD, "xml_path": layout.container, "levels": [CONTAINER, RECORD], "fields": fields}
    said = _parser([_boundary(layout.container), own]).parse(text)[RECORD]
    at = said.column(f"<{CONTAINER}>").to_numpy()
    if (np.diff(at.astype(np.int64)) < 1).any():
        raise NotPlain  # said twice
    texts = np.full(int(at.max(initial=0)) + 1, None, dtype=object)
    texts[at] = pc.utf8_trim_whitespace(said.column(place)).to_numpy(zero_copy_only=False)
    return pa.array(texts, pa.string())


def _boundary(container: str) -> dict[str, Any]:
    """A table without columns, which tells the containers apart."""
    return {"name": CONTAINER, "xml_path": container.rpartition("/")[0], "levels": [CONTAINER], "fields": []}


def _settings(message: Message, layout: _Layout) -> list[dict[str, Any]]:
    """What xml2arrow is to take: the records, and each kind of row within them, with the levels they lie in."""
    record = f"{layout.around}/{message.shape.record}"
    levels = [CONTAINER, RECORD] if layout.container else [RECORD]
    tables = [_boundary(layout.container)] if layout.container else []
    places = {path: f"{record}/{path}" for path in _record_paths(message.contract)}
    tables.append({"name": RECORD, "xml_path": layout.around, "levels": levels, "fields": _fields(places)})
    for name, table in message.contract.tables.items():
        if table.row:
            paths = [column.path for column in table.columns.values() if column.path]
            tables.append(
                {
                    "name": f"{WITHIN}/{name}",
                    "xml_path": f"{record}/{_group(table)}",
                    "levels": [*levels, WITHIN],
                    "fields": _fields({path: f"{record}/{table.row}/{path}" for path in paths}),
                }
            )
    return tables


def _fields(places: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"name": name, "xml_path": place, "data_type": "Utf8", "nullable": True} for name, place in places.items()]


class _Taken:
    """Makes the contract's batches of what xml2arrow took, in the order of the records."""

    def __init__(self, message: Message, containers: pa.Array | None, *, has_returns: bool) -> None:
        self._message = message
        self._of_containers = containers
        self._has_returns = has_returns
        self._keys: list[NDArray[np.int64]] = []
        self._needed: dict[str, list[pa.Array]] = {
            column.record_path: []
            for table in message.contract.tables.values()
            for column in table.columns.values()
            if column.record_path
        }
        self._within: dict[str, list[pa.RecordBatch]] = {}
        self.records = 0

    def add(self, taken: str, batch: pa.RecordBatch) -> Iterator[tuple[str, pa.RecordBatch]]:
        """The batches that come of one of xml2arrow's: of records at once, of rows within them at the end."""
        # libxml2 makes one line's end of a carriage return with what follows; xml2arrow takes it as it stands.
        if self._has_returns and any(
            pa.types.is_string(column.type) and pc.any(pc.match_substring(column, "\r")).as_py()
            for column in batch.columns
        ):
            raise NotPlain
        if taken != RECORD:
            self._within.setdefault(taken.removeprefix(f"{WITHIN}/"), []).append(batch)
            return
        key = self._key(batch)
        if (np.diff(np.concatenate([self._keys[-1][-1:] if self._keys else key[:0], key])) < 1).any():
            raise NotPlain
        ordinals = pa.array(np.arange(self.records + 1, self.records + 1 + len(batch)))
        self.records += len(batch)
        self._keys.append(key)
        for path, kept in self._needed.items():
            kept.append(batch.column(path))
        for name, table in self._message.contract.tables.items():
            if not table.row:
                yield name, self._batch(name, batch, ordinals, batch)

    def _key(self, batch: pa.RecordBatch) -> NDArray[np.int64]:
        """Where each row's record stands: a number that rises from record to record."""
        key: NDArray[np.int64] = batch.column(f"<{RECORD}>").to_numpy().astype(np.int64)
        if self._of_containers is not None:
            key |= batch.column(f"<{CONTAINER}>").to_numpy().astype(np.int64) << 32
        return key

    def _batch(self, name: str, batch: pa.RecordBatch, ordinals: pa.Array, records: pa.RecordBatch) -> pa.RecordBatch:
        """A table's batch: ``batch`` has the rows' own values, ``records`` those of the record of each."""
        shape, columns = self._message.rows[name].shape, self._message.contract.tables[name].columns
        arrays = [self._column(heading, columns[heading], batch, records) for heading in shape.headings]
        nothing = pa.nulls(len(batch), pa.string())
        return pa.RecordBatch.from_arrays([*arrays, ordinals, nothing, nothing, nothing], schema=shape.schema)

    def _column(self, name: str, column: Column, batch: pa.RecordBatch, records: pa.RecordBatch) -> pa.Array:
        if column.path:
            return batch.column(column.path)
        if column.record_path:
            return records.column(column.record_path)
        of_header = pa.repeat(pa.scalar((self._message.header or {}).get(name), pa.string()), len(batch))
        if not column.container or self._of_containers is None:
            return of_header
        at = batch.column(f"<{CONTAINER}>")
        said = self._of_containers.take(pc.if_else(pc.less(at, len(self._of_containers)), at, None))
        return pc.coalesce(pc.if_else(pc.equal(said, ""), None, said), of_header)

    def rows_within(self) -> Iterator[tuple[str, pa.RecordBatch]]:
        """The batches of the rows that lie within records, when all records are known."""
        if not self._within:
            return
        keys = np.concatenate(self._keys) if self._keys else np.zeros(0, np.int64)
        needed = {path: pa.chunked_array(kept) for path, kept in self._needed.items()}
        for name, batches in self._within.items():
            for batch in batches:
                at = np.searchsorted(keys, self._key(batch))
                place = pa.array(at)
                records = pa.RecordBatch.from_pydict(
                    {path: kept.take(place).combine_chunks() for path, kept in needed.items()}
                )
                yield name, self._batch(name, batch, pa.array(at + 1), records)
