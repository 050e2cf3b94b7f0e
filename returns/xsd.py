"""The XML schema of a year's return, made from its specification, and the check of a file against it.

It holds what a file must be to be taken: elements, their order, how often each may stand, types. That an item or a
record is there, and which codes it may hold, is the rules' business and not the schema's: a return with faults in its
records is still a file that is read, and it is held for them with the record to correct.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lxml import etree

from connectors.safe_xml import safe_events
from returns.specification import Item, Module, Specification
from returns.xml import HEADER, PERSON, PERSONS, ROOT, drop_earlier, whole_file

XS = "http://www.w3.org/2001/XMLSchema"
BASES = {"text": "string", "date": "date", "integer": "integer", "boolean": "boolean", "datetime": "dateTime"}
NAMED = re.compile(r"Element '(?:\{[^}]*\})?([A-Za-z0-9]{1,40})'")
KINDS = {
    "SCHEMAV_CVC_MINLENGTH_VALID": "is empty",
    "SCHEMAV_CVC_PATTERN_VALID": "is not written as it must be",
    "SCHEMAV_CVC_DATATYPE_VALID_1_2_1": "is not of its type",
    "SCHEMAV_ELEMENT_CONTENT": "stands where it may not, or too often",
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


def _sequence(parent: Any, tag: str, maximum: int | None, *, minimum: int = 1) -> Any:
    occurs = {"minOccurs": str(minimum), "maxOccurs": "unbounded" if maximum is None else str(maximum)}
    element = _xs("element", parent, name=tag, **({} if parent.tag.endswith("}schema") else occurs))
    return _xs("sequence", _xs("complexType", element))


def _add_item(parent: Any, item: Item) -> None:
    element = _xs("element", parent, name=item.tag, minOccurs="0")
    limits = _xs("restriction", _xs("simpleType", element), base=f"xs:{BASES[item.type]}")
    if item.type == "date":
        _xs("pattern", limits, value=r"\d{4}-\d{2}-\d{2}")
    elif item.type == "text":
        _xs("minLength", limits, value="1")


def _add_module(parent: Any, module: Module, specification: Specification) -> None:
    sequence = _sequence(parent, module.tag, module.maximum, minimum=0)
    for item in module.items:
        _add_item(sequence, item)
    for child in specification.children(module.name):
        _add_module(sequence, child, specification)


def schema_text(specification: Specification) -> bytes:
    """The XML schema of the return. The same specification gives the same bytes."""
    schema = _xs("schema")
    message = _sequence(schema, ROOT, 1)
    _xs("element", message, ref=HEADER)
    person = specification.module("person")
    _xs("element", _sequence(message, PERSONS, 1), ref=PERSON, minOccurs="1", maxOccurs="unbounded")
    header = _sequence(schema, HEADER, 1)
    groups: dict[str | None, Any] = {None: header}
    for item in specification.module("header").items:
        if item.within not in groups:
            groups[item.within] = _sequence(header, str(item.within), 1)
        _add_item(groups[item.within], item)
    _add_module(schema, person, specification)
    return etree.tostring(schema, pretty_print=True, xml_declaration=True, encoding="UTF-8")


def validate(path: Path, specification: Specification, limit: int = 1000) -> list[SchemaError]:
    """Where the file departs from the schema, the first ``limit`` places; empty for a valid one.

    Streamed: one person at a time is held against the schema, and at the end the message around them. Raises
    ``FileRefused`` for what is no complete XML, no return, or hostile.
    """
    schema: Any = etree.XMLSchema(etree.fromstring(schema_text(specification)))
    errors: list[SchemaError] = []
    root: Any = None
    with whole_file(path) as handle:
        for _, element in safe_events(handle, ("end",), [f"{{*}}{HEADER}", f"{{*}}{PERSON}"]):
            root = element.getroottree().getroot()
            if not schema.validate(element) and len(errors) < limit:
                errors += [_told(entry) for entry in schema.error_log]
            if element.tag == PERSON:
                drop_earlier(element)
    if root is None or [child.tag for child in root] != [HEADER, PERSONS] or not len(root[1]):
        errors.append(SchemaError(1, ROOT, f"does not hold {HEADER} and then {PERSONS}"))
    elif any(child.tag != PERSON for child in root[1]):
        errors.append(SchemaError(root[1].sourceline, PERSONS, f"holds something else than {PERSON}"))
    return errors[:limit]


def _told(entry: Any) -> SchemaError:
    named = NAMED.search(entry.message)
    kind = KINDS.get(entry.type_name)
    return SchemaError(entry.line, named[1] if named else "", kind or "is not as the schema wants it")
