"""The XML schema of a year's return, made from its specification, and the check of a file against it.

It holds what a file must be to be taken: elements, their order and number, types and codes. That a mandatory item is
there is a rule's business and not the schema's: the return is held for it with the record to correct.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lxml import etree

from connectors.errors import FileRefused
from returns.specification import Item, Module, Specification
from returns.xml import HEADER, PERSON, PERSONS, ROOT, drop_earlier, whole_file

XS = "http://www.w3.org/2001/XMLSchema"
BASES = {"text": "string", "date": "date", "integer": "integer", "boolean": "boolean", "datetime": "dateTime"}
NAMED = re.compile(r"Element '(?:\{[^}]*\})?([A-Za-z0-9]{1,40})'")
KINDS = {
    "SCHEMAV_CVC_ENUMERATION_VALID": "holds a code the specification does not list",
    "SCHEMAV_CVC_LENGTH_VALID": "is not as long as it must be",
    "SCHEMAV_CVC_MINLENGTH_VALID": "is empty",
    "SCHEMAV_CVC_PATTERN_VALID": "is not written as it must be",
    "SCHEMAV_CVC_DATATYPE_VALID_1_2_1": "is not of its type",
    "SCHEMAV_ELEMENT_CONTENT": "stands where it may not, or something before it is lacking or there too often",
}


@dataclass(frozen=True)
class SchemaError:
    """Where a file departs from the schema: the line, the element and what is wrong with it; no value."""

    line: int
    element: str
    problem: str


def _xs(kind: str, parent: Any = None, **attributes: str) -> Any:
    tag = f"{{{XS}}}{kind}"
    return etree.Element(tag, nsmap={"xs": XS}) if parent is None else etree.SubElement(parent, tag, attributes)


def _sequence(parent: Any, tag: str, minimum: int, maximum: int | None) -> Any:
    occurs = {"minOccurs": str(minimum), "maxOccurs": "unbounded" if maximum is None else str(maximum)}
    element = _xs("element", parent, name=tag, **({} if parent.tag.endswith("}schema") else occurs))
    return _xs("sequence", _xs("complexType", element))


def _add_item(parent: Any, item: Item) -> None:
    element = _xs("element", parent, name=item.tag, minOccurs="0")
    limits = _xs("restriction", _xs("simpleType", element), base=f"xs:{BASES[item.type]}")
    if item.codes is not None:
        for code in item.codes.values:
            _xs("enumeration", limits, value=code)
    elif item.length is not None:
        _xs("length", limits, value=str(item.length))
    elif item.pattern is not None:
        _xs("pattern", limits, value=item.pattern)
    elif item.type == "date":
        _xs("pattern", limits, value=r"\d{4}-\d{2}-\d{2}")
    elif item.type == "text":
        _xs("minLength", limits, value="1")


def _add_module(parent: Any, module: Module, specification: Specification) -> None:
    sequence = _sequence(parent, module.tag, module.minimum, module.maximum)
    for item in module.items:
        _add_item(sequence, item)
    for child in specification.children(module.name):
        _add_module(sequence, child, specification)


def schema_text(specification: Specification) -> bytes:
    """The XML schema of the return. The same specification gives the same bytes."""
    schema = _xs("schema")
    message = _sequence(schema, ROOT, 1, 1)
    header = _sequence(message, HEADER, 1, 1)
    groups: dict[str | None, Any] = {None: header}
    for item in specification.module("header").items:
        if item.within not in groups:
            groups[item.within] = _sequence(header, str(item.within), 1, 1)
        _add_item(groups[item.within], item)
    persons = _sequence(message, PERSONS, 1, 1)
    _add_module(persons, specification.module("person"), specification)
    return etree.tostring(schema, pretty_print=True, xml_declaration=True, encoding="UTF-8")


def validate(path: Path, specification: Specification, limit: int = 1000) -> list[SchemaError]:
    """Where the file departs from the schema, the first ``limit`` places; empty for a valid one.

    Streamed: one person is in memory at a time. Raises ``FileRefused`` for what is no XML at all, or hostile.
    """
    schema = etree.XMLSchema(etree.fromstring(schema_text(specification)))
    with whole_file(path) as handle:
        events = etree.iterparse(
            handle,
            events=("end",),
            tag=f"{{*}}{PERSON}",
            schema=schema,
            remove_comments=True,
            resolve_entities=False,
            load_dtd=False,
            no_network=True,
            huge_tree=False,
        )
        try:
            for _, element in events:
                drop_earlier(element)
        except etree.XMLSyntaxError:
            pass
        entries = list(events.error_log)
        for entry in entries:
            if entry.domain_name != "SCHEMASV" and entry.level_name != "WARNING":
                raise FileRefused(f"It is not well-formed XML at line {entry.line:,}: cut short or damaged.")
    return [_told(entry) for entry in entries if entry.domain_name == "SCHEMASV"][:limit]


def _told(entry: Any) -> SchemaError:
    named = NAMED.search(entry.message)
    kind = KINDS.get(entry.type_name)
    return SchemaError(entry.line, named[1] if named else "", kind or "is not as the schema wants it")
