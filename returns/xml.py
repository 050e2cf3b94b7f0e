"""The return as XML, out and in.

Out: DuckDB makes the text of many persons at a time and Python only passes it on, so that memory stays flat and all of
England takes seconds. Persons stand in the order of ``person_id``, their requests in the order received. In: one person
at a time, with nothing outside the file ever read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import duckdb
import pyarrow as pa
from lxml import etree

from connectors.errors import FileRefused
from connectors.safe_xml import local_name, safe_events
from returns.specification import Item, Module, Specification, read_specification, years
from returns.tables import Incoming, Reading, Stamp, check_writable, header_values, literal, quoted, stamp_of

PERSONS_AT_ONCE = 20_000
MAX_BYTES = 2**31
MAX_PERSON_BYTES = 2**23
ROOT, HEADER, PERSONS, PERSON = "Message", "Header", "Persons", "Person"

__all__ = ["Stamp", "read_xml", "write_xml"]


def escaped(text: str) -> str:
    """A text as the content of an element."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def _item_text(item: Item) -> str:
    """SQL for an item's element; null where the item is empty."""
    column = quoted(item.column)
    if item.type == "boolean":
        value = f"{column}::integer::varchar"
    elif item.type == "text":
        value = f"nullif({column}, '')"
        for mark, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
            value = f"replace({value}, {literal(mark)}, {literal(entity)})"
    else:
        value = f"{column}::varchar"
    return f"'<{item.tag}>' || {value} || '</{item.tag}>'"


def _open_text(module: Module) -> str:
    """SQL for a record's start tag and its items."""
    return ", ".join([literal(f"<{module.tag}>"), *(_item_text(item) for item in module.items)])


def _persons_query(specification: Specification, schema: str) -> str:
    """SQL for the text of the persons from ``$first`` to ``$last``, a row for each request, in order.

    The first row of a person opens it and the last one closes it. Records that repeat are joined by their number, the
    first two each on their own, because sorting and gathering them group by group takes three times as long.
    """

    def rows(module: Module) -> str:
        return f"(from {quoted(schema)}.{quoted(module.table)} where person_id between $first and $last)"

    texts: list[str] = []
    for module in reversed(specification.records[1:]):
        pieces, joins = [_open_text(module)], []
        for child in specification.children(module.name):
            numbered = ("1", "2", "rest") if child.number else ("text",)
            for part in numbered:
                pieces.append(f"{child.name}_{part}.text")
                joins.append(f"left join {child.name}_{part} using (requests_id)")
        text = f"concat({', '.join(pieces)}, {literal(f'</{module.tag}>')}, chr(10)) as text"
        if module.name == "requests":
            texts.append(
                f"requests_text as (select person_id, received_date, requests_id, {text} "
                f"from {rows(module)} as record {' '.join(joins)})"
            )
        elif module.number:
            number = quoted(module.number)
            texts += [
                f"{module.name}_{count} as (select requests_id, {text} from {rows(module)} where {number} = {count})"
                for count in (1, 2)
            ]
            texts.append(
                f"{module.name}_rest as (select requests_id, string_agg(text, '' order by {number}) as text from "
                f"(select requests_id, {number}, {text} from {rows(module)} where {number} > 2) group by requests_id)"
            )
        else:
            texts.append(
                f"{module.name}_text as (select requests_id, {text} from {rows(module)} as record {' '.join(joins)})"
            )
    person = specification.module("person")
    return f"""
        with {", ".join(texts)},
        ordered as (
            select *, row_number() over (partition by person_id order by received_date, requests_id) as place,
                count(*) over (partition by person_id) as places
            from (select person_id, received_date, requests_id from {rows(specification.module("requests"))})
        )
        select concat(
            case when coalesce(place, 1) = 1 then concat({_open_text(person)}) end,
            requests_text.text,
            case when place is null or place = places then {literal(f"</{person.tag}>")} || chr(10) end
        ) as text
        from {rows(person)} as record
        left join ordered using (person_id)
        left join requests_text on requests_text.requests_id = ordered.requests_id
        order by record.person_id, place"""


def _header_text(module: Module, given: dict[str, Any]) -> str:
    values = given | {
        "serial_number": f"{given['serial_number']:03d}",
        "date_time": given["date_time"].isoformat(timespec="seconds"),
    }
    text, group = f"<{HEADER}>\n", None
    for item in module.items:
        if item.within != group:
            text += f"</{group}>\n" if group else ""
            text += f"<{item.within}>\n" if item.within else ""
            group = item.within
        value = values.get(item.column)
        if value is not None and str(value) != "":
            text += f"<{item.tag}>{escaped(str(value))}</{item.tag}>\n"
    return text + (f"</{group}>\n" if group else "") + f"</{HEADER}>\n"


def write_xml(
    connection: duckdb.DuckDBPyConnection,
    specification: Specification,
    target: Path,
    stamp: Stamp,
    schema: str = "sen2",
) -> int:
    """Writes the return in ``schema`` to ``target``; gives the number of persons. Same tables and stamp, same bytes.

    ``target`` appears only when it is whole, readable by its owner alone. An item without a value is left out. Raises
    ``ReturnUnwritable`` where a row would have no place in the return.
    """
    check_writable(connection, specification, schema)
    table = f"{quoted(schema)}.{quoted(specification.module('person').table)}"
    ((persons,),) = connection.execute(f"select count(*) from {table}").fetchall()
    bounds = connection.execute(
        f"select min(person_id), max(person_id) from "
        f"(select person_id, (row_number() over (order by person_id) - 1) // {PERSONS_AT_ONCE} as piece from {table}) "
        "group by piece order by piece"
    ).fetchall()
    header = header_values(connection, specification, schema, stamp)
    query = _persons_query(specification, schema)
    with _written_whole(target) as handle:
        handle.write(f'<?xml version="1.0" encoding="UTF-8"?>\n<{ROOT}>\n'.encode())
        handle.write(_header_text(specification.module("header"), header).encode())
        handle.write(f"<{PERSONS}>\n".encode())
        for first, last in bounds:
            texts = connection.sql(query, params={"first": first, "last": last}).to_arrow_table()
            for piece in texts.column("text").chunks:
                handle.write(_bytes_of(piece))
        handle.write(f"</{PERSONS}>\n</{ROOT}>\n".encode())
    return int(persons)


def _bytes_of(texts: pa.StringArray) -> memoryview:
    """All the texts one after the other, as they lie in memory."""
    offsets = texts.buffers()[1]
    width = 8 if pa.types.is_large_string(texts.type) else 4
    marks = memoryview(offsets).cast("q" if width == 8 else "i")
    first, last = marks[texts.offset], marks[texts.offset + len(texts)]
    return memoryview(texts.buffers()[2])[first:last]


@contextmanager
def _written_whole(target: Path) -> Iterator[BinaryIO]:
    """A file that takes its name when it is whole, and leaves nothing behind when it is not."""
    beside = target.with_name(f".{target.name}.part")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as handle:
            yield handle
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


class _Metered:
    """The file, counting what was read since the last person ended: that much the parser may hold as a tree."""

    def __init__(self, handle: BinaryIO) -> None:
        self._handle = handle
        self.since_person = 0

    def read(self, size: int = -1) -> bytes:
        """Reads on. Raises ``FileRefused`` where no person has ended for longer than any person is."""
        if self.since_person > MAX_PERSON_BYTES:
            raise FileRefused(
                f"It goes on for more than {MAX_PERSON_BYTES >> 20} MB without the end of a Person, so it is not a "
                "person-level return. Ask for it again."
            )
        piece = self._handle.read(size)
        self.since_person += len(piece)
        return piece


def _shown(element: Any) -> str:
    """An element a message may name: what is no plain tag is not repeated."""
    name = local_name(element.tag)
    return name if name.isascii() and name.isalnum() and len(name) <= 40 else "something that is no element of it"


def _text(element: Any, item: Item) -> str | None:
    if len(element):
        raise FileRefused(f"{item.tag} at line {element.sourceline:,} holds other elements. It is not a SEN2 return.")
    text: str | None = element.text
    return text if text is None or item.type == "text" else text.strip()


def read_xml(
    path: Path,
    specification: Specification | None,
    connection: duckdb.DuckDBPyConnection,
    schema: str = "sen2",
    *,
    expected_lea: str | None = None,
    expected_year: int | None = None,
) -> Reading:
    """Replaces the nine tables of ``schema`` by the return in ``path``, of the year it gives where none is specified.

    The XML carries no keys: persons and requests are numbered in the order in which they stand. A code that the
    specification does not know is read, for the rules to find. Raises ``FileRefused`` for another year's or
    authority's return, an aggregate one, one cut short, an unknown element, or anything hostile; then nothing is
    loaded.
    """
    with whole_file(path) as handle:
        wanted = _Wanted(specification, expected_lea, expected_year)
        return _read(_Metered(handle), wanted, connection, schema)


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """The file, once its size and root are a return's. Raises ``FileRefused``, later too where it is damaged."""
    size = path.stat().st_size
    if size == 0:
        raise FileRefused("It is empty. Ask for it again.")
    if size > MAX_BYTES:
        raise FileRefused(f"It is larger than {MAX_BYTES >> 30} GB, which no authority's return is.")
    with path.open("rb") as handle:
        try:
            _check_root(next(safe_events(handle, ("start",), None))[1])
            handle.seek(0)
            yield handle
        except etree.XMLSyntaxError as error:
            line = f" at line {error.lineno:,}" if error.lineno else ""
            raise FileRefused(
                f"It is not complete, well-formed XML{line}: cut short or damaged. Ask for it again."
            ) from None


def _check_root(root: Any) -> None:
    if root.getroottree().docinfo.internalDTD is not None or root.getroottree().docinfo.doctype:
        raise FileRefused(
            "It carries a DOCTYPE, which a return never does and which may be an attack. Ask whence it came."
        )
    if local_name(root.tag) != ROOT:
        raise FileRefused(f"It is not a SEN2 return: it does not begin with {ROOT}.")


@dataclass(frozen=True)
class _Wanted:
    """What the caller says the file must be, where it says so."""

    specification: Specification | None
    lea: str | None
    year: int | None

    def specification_of(self, year_text: str | None) -> Specification:
        """The specification to read by. Raises ``FileRefused`` for a year not wanted or not known."""
        if year_text is None or not (year_text.isascii() and year_text.isdigit() and len(year_text) == 4):
            raise FileRefused("Its header gives no Year, so it is no person-level return. Ask for it again.")
        year = int(year_text)
        for wanted in (self.year, self.specification.year if self.specification else None):
            if wanted is not None and wanted != year:
                raise FileRefused(f"It is the return of {year}, not of {wanted}. Choose the right file.")
        if self.specification is not None:
            return self.specification
        if year not in years():
            known = ", ".join(str(known) for known in years())
            raise FileRefused(f"It is the return of {year}; those of {known} can be read.")
        return read_specification(year)


class _Header:
    """The header of one file, read and found to be what was wanted."""

    def __init__(self, element: Any, wanted: _Wanted) -> None:
        leaves = [child for child in element if not len(child)]
        leaves += [child for group in element if len(group) for child in group]
        texts = {local_name(child.tag): (child.text or "").strip() or None for child in leaves}
        if texts.get("Collection") not in (None, "SEN2"):
            raise FileRefused("It is another collection's file: its Collection is not SEN2.")
        self.specification = wanted.specification_of(texts.get("Year"))
        self.module = self.specification.module("header")
        groups = {item.within for item in self.module.items}
        # By its tag alone, wherever in the header it stands: the place of some items is not known.
        known = {tag: item for item in self.module.items for tag in (item.tag, *item.also)}
        self.values: dict[str, str | None] = {}
        for child in leaves:
            item = known.get(local_name(child.tag))
            if item is not None:
                self.values[item.column] = _text(child, item)
            elif len(child) or local_name(child.tag) not in groups:
                raise FileRefused(f"Its header holds {_shown(child)}, which the return of {self.year} does not know.")
        self.lea = (self.values.get("lea") or "").strip()
        if wanted.lea is not None and self.lea != wanted.lea:
            raise FileRefused(f"It is the return of another authority, not of {wanted.lea}. Choose the right file.")

    @property
    def year(self) -> int:
        """The year the file is of."""
        return self.specification.year

    @property
    def record(self) -> list[str | None]:
        """The one row of the header's table."""
        return [self.values.get(name) for name in Incoming.columns(self.module)]

    @property
    def stamp(self) -> Stamp | None:
        """What the file says of itself, where it says all of it."""
        return stamp_of(self.values)


class _Shape:
    """What the children of a module's element mean: by tag the slot of an item, or a module within it."""

    def __init__(self, module: Module, specification: Specification) -> None:
        self.module = module
        self.items = module.items
        self.slots = {tag: slot for slot, item in enumerate(self.items) for tag in (item.tag, *item.also)}
        self.children = {child.tag: _Shape(child, specification) for child in specification.children(module.name)}


class _Persons:
    """The persons of one file, numbered in the order in which they stand."""

    def __init__(self, specification: Specification, incoming: Incoming) -> None:
        self.shape = _Shape(specification.module("person"), specification)
        self.incoming = incoming
        self.count = 0

    def take(self, element: Any) -> None:
        """Takes the records of one person. Raises ``FileRefused`` for an element that has no place there."""
        self.count += 1
        self._walk(element, self.shape, [f"{self.count:09d}"])

    def _walk(self, element: Any, shape: _Shape, keys: list[str]) -> None:
        values: list[str | None] = [None] * len(shape.items)
        counts: dict[str, int] = {}
        for child in element:
            tag = local_name(child.tag)
            slot, nested = shape.slots.get(tag), shape.children.get(tag)
            counts[tag] = count = counts.get(tag, 0) + 1
            if (slot is None and nested is None) or (count > 1 and (nested is None or nested.module.maximum == 1)):
                told = "more than once in" if count > 1 else "which the return does not have in"
                raise FileRefused(f"{_shown(child)} stands at line {child.sourceline:,}, {told} {shape.module.tag}.")
            if slot is not None:
                values[slot] = _text(child, shape.items[slot])
            elif nested is not None:
                self._walk(child, nested, _keys(nested.module, keys, count))
        self.incoming.add(shape.module, [*keys, *values], element.sourceline)


def _keys(module: Module, keys: list[str], count: int) -> list[str]:
    """The keys of a record, in the order of its table, from those of the record it stands in."""
    person = keys[-1]
    if module.name == "requests":
        return [f"{person}-{count:03d}", person]
    return [keys[0], str(count), person] if module.number else [keys[0], person]


def _read(handle: _Metered, wanted: _Wanted, connection: duckdb.DuckDBPyConnection, schema: str) -> Reading:
    root: Any = None
    header: _Header | None = None
    persons: _Persons | None = None
    with ExitStack() as stack:
        for event, element in safe_events(
            handle, ("start", "end"), [f"{{*}}{name}" for name in (ROOT, HEADER, PERSON)]
        ):
            name = local_name(element.tag)
            if name == ROOT and root is None:
                root = element
            elif name == HEADER and event == "end" and element.getparent() is root:
                if header is not None:
                    raise FileRefused(f"It has more than one {HEADER}. Ask for it again.")
                header = _Header(element, wanted)
                incoming = stack.enter_context(Incoming(connection, header.specification))
                incoming.add(header.module, header.record, element.sourceline)
                persons = _Persons(header.specification, incoming)
            elif name == PERSON and event == "end":
                around = element.getparent()
                if persons is None:
                    raise FileRefused(f"Its first {PERSON} comes before its {HEADER}. Ask for it again.")
                if local_name(around.tag) != PERSONS or around.getparent() is not root:
                    raise FileRefused(f"A {PERSON} stands outside {PERSONS} at line {element.sourceline:,}.")
                persons.take(element)
                drop_earlier(element)
                handle.since_person = 0
        _check_end(root, persons)
        if header is None or persons is None:
            raise FileRefused(f"It has no {HEADER}. Ask for it again.")
        return Reading(header.year, header.lea, header.stamp, persons.incoming.load(schema))


def drop_earlier(element: Any) -> None:
    """Empties a person and drops those before it, so that memory stays flat however long the file is.

    Raises ``FileRefused`` where something else than a person stands before it.
    """
    element.clear()
    around = element.getparent()
    while (earlier := element.getprevious()) is not None:
        if local_name(earlier.tag) != PERSON:
            raise FileRefused(f"{_shown(earlier)} stands in {PERSONS}, which holds persons alone.")
        around.remove(earlier)


def _check_end(root: Any, persons: _Persons | None) -> None:
    """Sees that nothing else stood in the file. Raises ``FileRefused``."""
    if persons is None or persons.count == 0:
        raise FileRefused(
            "It holds no persons. The returns before 2022 were counts and not persons: they cannot be read."
        )
    for element in root:
        if local_name(element.tag) not in (HEADER, PERSONS):
            raise FileRefused(f"{_shown(element)} stands beside {PERSONS}, which the return does not have.")
        if local_name(element.tag) == PERSONS:
            for child in element:
                if local_name(child.tag) != PERSON:
                    raise FileRefused(f"{_shown(child)} stands in {PERSONS}, which holds persons alone.")
