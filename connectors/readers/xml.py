"""Reads the statutory XML messages (school census, children in need census), one record at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
from lxml import etree

from connectors.contract import Column, ExtractContract, Table, XmlShape
from connectors.errors import ConfigurationError, FileRefused
from connectors.readers import BATCH_ROWS, Delivered, TableShape, text_batch
from connectors.safe_xml import local_name, safe_events

MAX_BYTES = 2**32
MAX_RECORD_BYTES = 2**23
NOT_AS_ENCODED = (etree.ErrorTypes.ERR_INVALID_ENCODING, etree.ErrorTypes.ERR_UNSUPPORTED_ENCODING)
BATCH_BYTES = 2**25

Values = list[str | None]
Own, Parent, Record = 0, 1, 2


@dataclass
class _Scope:
    """What is taken from one kind of element that makes rows, or holds elements that do.

    Its values stand in numbered slots. ``own_text`` is the slot of the element's own text.
    """

    width: int = 0
    tables: list[str] = field(default_factory=list)
    own_text: int | None = None
    root: _Group = field(default_factory=lambda: _Group())
    slots: dict[str, int] = field(default_factory=dict)

    def slot(self, path: str) -> int:
        """The slot that ``path``, from this scope's element, fills; made at the first asking."""
        if path not in self.slots:
            self.slots[path] = self.width
            if path == ".":
                self.own_text = self.width
            else:
                *groups, leaf = path.split("/")
                self.root.descend(groups).fields[leaf] = self.width
            self.width += 1
        return self.slots[path]


Meaning = tuple[int | None, "_Group | None", "_Scope | None"]


@dataclass
class _Group:
    """The children of one element that mean something: by name a slot to fill, a group of the same scope, a scope."""

    fields: dict[str, int] = field(default_factory=dict)
    groups: dict[str, _Group] = field(default_factory=dict)
    scopes: dict[str, _Scope] = field(default_factory=dict)
    known: dict[Any, Meaning | None] = field(default_factory=dict)

    def descend(self, names: list[str]) -> _Group:
        """The group below this one, made where it is new."""
        group = self
        for name in names:
            group = group.groups.setdefault(name, _Group())
        return group

    def meaning(self, tag: Any) -> Meaning | None:
        """What a child's tag means, whatever its namespace; kept in ``known``, for it is asked a million times."""
        name = local_name(tag)
        found = (self.fields.get(name), self.groups.get(name), self.scopes.get(name))
        self.known[tag] = found if found != (None, None, None) else None
        return self.known[tag]


@dataclass(frozen=True)
class _Take:
    """Where a column's text is: in the row's own element, the one around it, or the record.

    ``other`` is the slot that stands in where the first is empty.
    """

    level: int
    slot: int
    other: int | None = None


class _Plan:
    """How a contract's tables are taken from one record: which scopes there are, and each column's place."""

    def __init__(self, contract: ExtractContract) -> None:
        self.record = _Scope()
        self.takes: dict[str, dict[str, _Take]] = {}
        scopes: dict[str, _Scope] = {"": self.record}
        row_paths = {table.row for table in contract.tables.values() if table.row}
        parents = {
            table.row.rpartition("/")[0]
            for table in contract.tables.values()
            if table.row and any(column.parent_path for column in table.columns.values())
        }
        for path in sorted((row_paths | parents) - {""}, key=lambda path: path.count("/")):
            outer = max((known for known in scopes if not known or path.startswith(f"{known}/")), key=len)
            *groups, leaf = path.removeprefix(outer).strip("/").split("/")
            scopes[path] = scopes[outer].root.descend(groups).scopes.setdefault(leaf, _Scope())
        for name, table in contract.tables.items():
            row = table.row or ""
            scopes[row].tables.append(name)
            parent = scopes.get(row.rpartition("/")[0], self.record)
            self.takes[name] = {
                column_name: self._take(column, scopes[row], parent, f"{contract.extract}.{name}.{column_name}")
                for column_name, column in table.columns.items()
                if not (column.header or column.container)
            }

    def _take(self, column: Column, scope: _Scope, parent: _Scope, place: str) -> _Take:
        if column.record_path:
            return _Take(Record, self.record.slot(column.record_path))
        if column.parent_path:
            return _Take(Parent, parent.slot(column.parent_path))
        if column.path is None:
            raise ConfigurationError(f"The contract's column {place} has no path.")
        return _Take(Own, scope.slot(column.path), scope.slot(column.or_path) if column.or_path else None)


Found = list[tuple[_Scope, Values, Values]]


def _walk(element: Any, group: _Group, values: Values, found: Found) -> None:
    """Fills ``values`` from the element's children and notes every nested scope in ``found``."""
    known = group.known
    for child in element:
        tag = child.tag
        meaning = known[tag] if tag in known else group.meaning(tag)
        if meaning is None:
            continue
        slot, inner, scope = meaning
        if slot is not None and values[slot] is None:
            values[slot] = child.text
        if inner is not None:
            _walk(child, inner, values, found)
        if scope is not None:
            own: Values = [None] * scope.width
            if scope.own_text is not None:
                own[scope.own_text] = child.text
            found.append((scope, own, values))
            _walk(child, scope.root, own, found)


@dataclass
class _Rows:
    """The rows of one table waiting for their batch: the values they are taken from, by level, and the ordinals.

    ``message`` are the values taken from outside the record: the header's and the container's.
    """

    shape: TableShape
    takes: dict[str, _Take]
    levels: tuple[list[Values], list[Values], list[Values]] = field(default_factory=lambda: ([], [], []))
    message: list[dict[str, str | None]] = field(default_factory=list)
    ordinals: list[int] = field(default_factory=list)

    def add(self, own: Values, parent: Values, record: Values, message: dict[str, str | None], ordinal: int) -> None:
        """Notes one row."""
        for rows, values in zip(self.levels, (own, parent, record), strict=True):
            rows.append(values)
        self.message.append(message)
        self.ordinals.append(ordinal)

    def batch(self) -> tuple[str, pa.RecordBatch]:
        """The waiting rows as a batch; none wait afterwards."""
        used = {take.level for take in self.takes.values()}
        columns = {level: list(zip(*self.levels[level], strict=True)) for level in used}
        batch = text_batch(self.shape, [self._column(name, columns) for name in self.shape.headings], self.ordinals)
        self.levels, self.message, self.ordinals = ([], [], []), [], []
        return self.shape.table, batch

    def _column(self, name: str, columns: dict[int, list[tuple[str | None, ...]]]) -> Sequence[str | None]:
        take = self.takes.get(name)
        if take is None:
            return [message.get(name) for message in self.message]
        column = columns[take.level][take.slot]
        if take.other is None:
            return column
        return [text or other for text, other in zip(column, columns[take.level][take.other], strict=True)]


def _place(name: str, column: Column, shape: XmlShape) -> str:
    """Where a person finds the column in the message."""
    if column.header:
        return shape.header[name]
    if column.container and shape.container:
        return f"{shape.container.element}/{shape.container.columns[name]}"
    return column.path or column.record_path or column.parent_path or name


def _shape(name: str, table: Table, shape: XmlShape) -> TableShape:
    return TableShape(name, {column: _place(column, table.columns[column], shape) for column in table.columns})


def _find_text(element: Any, path: str) -> str | None:
    """The text at a path of local names, whatever their namespaces."""
    for name in path.split("/"):
        element = next((child for child in element if local_name(child.tag) == name), None)
        if element is None:
            return None
    return (element.text or "").strip() or None


class Message:
    """One message as it is read: its header, the container it is in, its records."""

    def __init__(self, contract: ExtractContract, shape: XmlShape) -> None:
        self.contract = contract
        self.shape = shape
        self.plan = _Plan(contract)
        self.header: dict[str, str | None] | None = None
        self.container: dict[str, str | None] | None = None
        self.records = 0
        self.rows = {
            name: _Rows(_shape(name, table, shape), self.plan.takes[name]) for name, table in contract.tables.items()
        }

    def begin(self, root: Any) -> None:
        """Looks at the root as soon as it opens: no DOCTYPE, and the right kind of message."""
        if root.getroottree().docinfo.internalDTD is not None or root.getroottree().docinfo.doctype:
            raise FileRefused(
                "It carries a DOCTYPE, which a census never does and which may be an attack. Ask whence it came."
            )
        if local_name(root.tag) != self.shape.root:
            raise FileRefused(f"It is not a {self.contract.title} message: it does not begin with {self.shape.root}.")

    def read_header(self, root: Any) -> None:
        """Reads the header, before the first record; raises ``FileRefused`` for another collection's message."""
        mark = self.shape.collection
        collection = _find_text(root, mark.path)
        if collection != mark.value:
            shown = repr(collection[:10]) if collection else "nothing"
            raise FileRefused(f"It is another collection's message: {mark.path} says {shown}, not {mark.value!r}.")
        self.header = {name: _find_text(root, path) for name, path in self.shape.header.items()}
        needed = {n for t in self.contract.tables.values() for n, c in t.columns.items() if c.header and c.required}
        if lacking := [name for name, text in self.header.items() if name in needed and not text]:
            places = ", ".join(f"{name} ({self.shape.header[name]})" for name in lacking)
            raise FileRefused(f"Its header lacks {places}.", missing=tuple(lacking))
        if self.shape.container:
            fallback = self.shape.container.header_fallback
            self.header |= {name: _find_text(root, path) for name, path in fallback.items()}

    def _from_container(self, record: Any) -> dict[str, str | None]:
        """What the record inherits: from the element around it, else from the header."""
        if self.container is None:
            container = self.shape.container
            header = self.header or {}
            self.container = dict(header)
            around = record.getparent()
            while container and around is not None and local_name(around.tag) != container.element:
                around = around.getparent()
            if container and around is not None:
                for name, path in container.columns.items():
                    self.container[name] = _find_text(around, path) or header.get(name)
        return self.container

    def take(self, record: Any) -> None:
        """Takes every table's rows from one record."""
        self.records += 1
        message = self._from_container(record)
        values: Values = [None] * self.plan.record.width
        found: Found = [(self.plan.record, values, values)]
        _walk(record, self.plan.record.root, values, found)
        for scope, own, parent in found:
            for name in scope.tables:
                self.rows[name].add(own, parent, values, message, self.records)

    def batches(self, *, is_due: bool) -> Iterator[tuple[str, pa.RecordBatch]]:
        """The batches that are full, or where they are due all that wait."""
        for rows in self.rows.values():
            if rows.ordinals and (is_due or len(rows.ordinals) >= BATCH_ROWS):
                yield rows.batch()


def read_xml(path: Path, contract: ExtractContract) -> Delivered:
    """Every table of one message, with the ordinal of the record (from 1) as the row number.

    Nothing outside the file is ever read: no DTD, no entity, no network. Raises ``FileRefused``, at once or while
    the batches are read, for anything but a complete message of the contract's collection.
    """
    shape = contract.xml
    if shape is None:
        raise ConfigurationError(f"The contract of {contract.extract} does not say how its XML is laid out.")
    size = path.stat().st_size
    if size == 0:
        raise FileRefused("It is empty. Ask for the extract again.")
    if size > MAX_BYTES:
        raise FileRefused(f"It is larger than {MAX_BYTES >> 20:,} MB. Split the extract by school.")
    message = Message(contract, shape)
    return Delivered(tuple(rows.shape for rows in message.rows.values()), _read(path, message))


class _Metered:
    """The file, counting what has been read since the last record ended: that much the parser may hold as a tree."""

    def __init__(self, handle: BinaryIO) -> None:
        self._handle = handle
        self.since_record = 0
        self.since_batch = 0

    def read(self, size: int = -1) -> bytes:
        """Reads on. Raises ``FileRefused`` where no record has ended for longer than any record is."""
        if self.since_record > MAX_RECORD_BYTES:
            raise FileRefused(
                f"It goes on for more than {MAX_RECORD_BYTES >> 20} MB without the end of a record, so it is not the "
                "message it says it is. Ask for it again."
            )
        piece = self._handle.read(size)
        self.since_record += len(piece)
        self.since_batch += len(piece)
        return piece


def _read(path: Path, message: Message) -> Iterator[tuple[str, pa.RecordBatch]]:
    with path.open("rb") as handle:
        try:
            # The first element alone, so that nothing of a wrong or hostile file is built up.
            message.begin(next(safe_events(handle, ("start",), None))[1])
            handle.seek(0)
            yield from _read_records(_Metered(handle), message)
        except etree.XMLSyntaxError as error:
            line = f" at line {error.lineno:,}" if error.lineno else ""
            if getattr(error, "code", None) in NOT_AS_ENCODED:
                raise FileRefused(
                    f"Its characters{line} are not written in the encoding it declares. Ask for it as UTF-8."
                ) from None
            raise FileRefused(
                f"It is not complete, well-formed XML{line}: cut short or damaged. Ask for it again."
            ) from None
    if message.records == 0:
        raise FileRefused(f"It has no {message.shape.record} record. Ask for the extract again.")
    yield from message.batches(is_due=True)


def _read_records(handle: _Metered, message: Message) -> Iterator[tuple[str, pa.RecordBatch]]:
    shape = message.shape
    container = shape.container.element if shape.container else None
    header = shape.collection.path.partition("/")[0]
    root: Any = None
    tags = [f"{{*}}{name}" for name in (shape.root, header, shape.record, container) if name]
    names: dict[str, str] = {}
    for event, element in safe_events(handle, ("start", "end"), tags):
        tag = element.tag
        name = names.get(tag) or names.setdefault(tag, local_name(tag))
        if name == shape.record:
            if event == "start":
                continue
            if message.header is None:
                message.read_header(root)
            message.take(element)
            element.clear()
            _drop_earlier(element)
            handle.since_record = 0
            if message.records % BATCH_ROWS == 0 or handle.since_batch > BATCH_BYTES:
                yield from message.batches(is_due=handle.since_batch > BATCH_BYTES)
                handle.since_batch = 0
        elif name == shape.root and root is None:
            root = element
        elif name == header and event == "end" and element.getparent() is root:
            message.read_header(root)
        elif name == container:
            message.container = None
            if event == "end":
                element.clear()
                _drop_earlier(element)
    if message.header is None:
        message.read_header(root)


def _drop_earlier(element: Any) -> None:
    """Lets go of the elements before this one, so that memory stays flat however long the file is.

    What a record inherits from them has been taken by then.
    """
    parent = element.getparent()
    while (earlier := element.getprevious()) is not None:
        parent.remove(earlier)
