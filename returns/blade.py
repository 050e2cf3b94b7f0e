"""The shape of COLLECT's Blade export: nine CSV files, out and in.

A file is written as COLLECT would: the values as they are, even one that begins with an equals sign. What a spreadsheet
would make of it is no reason to change what is compared byte by byte; people who want a workbook are given one.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb

from connectors.errors import FileRefused
from returns.specification import Item, Module, Specification
from returns.tables import Incoming, Reading, Stamp, check_writable, header_values, ordered_rows, stamp_of

NAME = re.compile(r"Blade-Export_(\d{2}-\d{2}-\d{4})_([a-z0-9]+)\.csv", re.IGNORECASE)
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
DAY = re.compile(r"(\d{4})-([A-Za-z]{3})-(\d{2})(?: (\d{2}:\d{2}:\d{2}))?")
MAX_BYTES = 2**30
FIRST_ROW = 2


def file_name(module: Module, export_day: date) -> str:
    """What COLLECT calls a module's file."""
    return f"Blade-Export_{export_day:%d-%m-%Y}_{module.blade}.csv"


def _headings(module: Module, specification: Specification) -> list[str]:
    """The columns of a module's file: its own key, COLLECT's three, its parent's key, the year's items."""
    own = [f"{module.blade}tableid", "NativeId", f"{module.blade}orderseqcolumn", "sourceid"]
    if module.name != "header":
        parent = specification.module(module.parent or "header")
        own.append(f"{parent.blade}tableid")
    return own + [item.tag.lower() for item in module.items]


def _day(value: date | datetime) -> str:
    """A day or moment as the Blade writes it, whatever the language of the machine."""
    time = f"{value:%H:%M:%S}" if isinstance(value, datetime) else "00:00:00"
    return f"{value.year:04d}-{MONTHS[value.month - 1]}-{value.day:02d} {time}"


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return _day(value) if isinstance(value, date) else str(value)


def write_blade(
    connection: duckdb.DuckDBPyConnection,
    specification: Specification,
    folder: Path,
    stamp: Stamp,
    export_day: date,
    schema: str = "sen2",
) -> list[Path]:
    """Writes the return in ``schema`` as the nine files of a Blade export of ``export_day``; gives their paths.

    ``persontableid`` is the ``person_id``, and ``requeststableid`` and the keys below it the ``requests_id``, so
    that the keys survive. Raises ``ReturnUnwritable`` where a row would have no place in the return.
    """
    check_writable(connection, specification, schema)
    folder.mkdir(parents=True, exist_ok=True)
    header = header_values(connection, specification, schema, stamp)
    written = []
    for module in specification.modules:
        path = folder / file_name(module, export_day)
        path.touch(mode=0o600)
        with path.open("w", encoding="utf-8", newline="") as handle:
            writer = csv.writer(handle, lineterminator="\r\n")
            writer.writerow(_headings(module, specification))
            if module.name == "header":
                values = [_shown(header[item.column]) for item in module.items]
                writer.writerow([header["lea"], header["lea"], 1, "", *values])
            else:
                for number, row in enumerate(_rows(connection, module, schema), start=1):
                    keys = row[: len(module.keys)]
                    own = "-".join(str(key) for key in keys)
                    parent = {"person": header["lea"], "requests": row[1]}.get(module.name, keys[0])
                    items = row[-len(module.items) :]
                    writer.writerow([own, header["lea"], number, "", parent, *(_shown(value) for value in items)])
        written.append(path)
    return written


def _rows(connection: duckdb.DuckDBPyConnection, module: Module, schema: str) -> Iterator[tuple[Any, ...]]:
    answer = connection.execute(ordered_rows(module, schema))
    while rows := answer.fetchmany(10_000):
        yield from rows


def read_blade(
    folder: Path,
    specification: Specification,
    connection: duckdb.DuckDBPyConnection,
    schema: str = "sen2",
    *,
    expected_lea: str | None = None,
) -> Reading:
    """Replaces the nine tables of ``schema`` by the Blade export in ``folder``.

    COLLECT's keys become ``person_id`` and ``requests_id``. Raises ``FileRefused`` where a file is missing, is not
    of this export, has other columns, or holds a record whose parent is not there; then nothing is loaded.
    """
    files = _files(folder, specification)
    with Incoming(connection, specification) as incoming:
        # For each record that may be a parent: the requests and the person it belongs to, by its own key.
        owners: dict[str, dict[str, list[str]]] = {}
        header: dict[str, str | None] = {}
        for module in specification.modules:
            numbers: dict[str, int] = {}
            known = owners.setdefault(module.name, {})
            for place, row in _records(files[module.name], module, specification):
                values = [_plain(row.get(item.tag.lower()) or "", item) for item in module.items]
                if module.name == "header":
                    if header:
                        raise FileRefused(f"{files[module.name].name} has more than one row. Export the return again.")
                    header = {item.column: value for item, value in zip(module.items, values, strict=True)}
                    incoming.add(module, [header.get(name) for name in Incoming.columns(module)], place)
                    continue
                own = row.get(f"{module.blade}tableid") or ""
                keys = _keys(module, own, row, owners, specification, files[module.name].name, place)
                if own in known:
                    raise FileRefused(f"{files[module.name].name}, row {place:,}: its key stands twice.")
                known[own] = keys
                if module.number:
                    parent = keys[0]
                    numbers[parent] = numbers.get(parent, 0) + 1
                    keys = [keys[0], str(numbers[parent]), keys[-1]]
                incoming.add(module, [*keys, *values], place)
        lea = header.get("lea") or ""
        if header.get("year") != str(specification.year):
            raise FileRefused(f"It is not the return of {specification.year}. Choose the right export.")
        if expected_lea is not None and lea != expected_lea:
            raise FileRefused(f"It is the return of another authority, not of {expected_lea}. Choose the right export.")
        return Reading(specification.year, lea, stamp_of(header), incoming.load(schema))


def _keys(
    module: Module,
    own: str,
    row: dict[str, str],
    owners: dict[str, dict[str, list[str]]],
    specification: Specification,
    file: str,
    place: int,
) -> list[str]:
    """The record's keys in the order of its table, less its number."""
    if not own:
        raise FileRefused(f"{file}, row {place:,}: it has no {module.blade}tableid.")
    if module.name == "person":
        return [own]
    parent = specification.module(module.parent or "")
    above = owners[parent.name].get(row.get(f"{parent.blade}tableid") or "")
    if above is None:
        raise FileRefused(f"{file}, row {place:,}: the {parent.tag} it belongs to is not in the export.")
    return [own, above[0]] if module.name == "requests" else above


def _files(folder: Path, specification: Specification) -> dict[str, Path]:
    """Each module's file. Raises ``FileRefused`` where one is missing, or files of several exports lie there."""
    matches = [(match, path) for path in sorted(folder.iterdir()) if (match := NAME.fullmatch(path.name))]
    days = {match[1] for match, _ in matches}
    if len(days) > 1:
        raise FileRefused(f"The folder holds exports of several days ({', '.join(sorted(days))}). Keep one of them.")
    by_name = {match[2].lower(): path for match, path in matches}
    if lacking := [module.blade for module in specification.modules if module.blade not in by_name]:
        raise FileRefused(f"The Blade export lacks {', '.join(lacking)}: nine files belong to it. Export it again.")
    return {module.name: by_name[module.blade] for module in specification.modules}


def _records(path: Path, module: Module, specification: Specification) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of one file by lower-case heading, in the order of COLLECT's sequence, with their row number."""
    if path.stat().st_size > MAX_BYTES:
        raise FileRefused(f"{path.name} is larger than {MAX_BYTES >> 20:,} MB.")
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            reader = csv.reader(handle, strict=True)
            headings = [heading.strip().lower() for heading in next(reader, [])]
            known = {heading.lower() for heading in _headings(module, specification)}
            lacking = [heading for heading in sorted(known) if heading not in headings and heading != "sourceid"]
            extra = [heading for heading in headings if heading not in known]
            if lacking or extra:
                raise FileRefused(
                    f"{path.name} lacks {', '.join(lacking) or 'no column'} and has {len(extra)} that "
                    f"the return of {specification.year} does not know.",
                    missing=tuple(lacking),
                    extra=tuple(extra),
                )
            rows = []
            for place, row in enumerate(reader, start=FIRST_ROW):
                if len(row) != len(headings):
                    raise FileRefused(
                        f"{path.name}, row {place:,} has {len(row)} values under {len(headings)} headings."
                    )
                rows.append((place, dict(zip(headings, row, strict=True))))
    except UnicodeDecodeError:
        raise FileRefused(f"{path.name} is not written in UTF-8. Export it again.") from None
    except csv.Error:
        raise FileRefused(f"{path.name} is not whole CSV: cut short or damaged. Export it again.") from None
    order = f"{module.blade}orderseqcolumn"
    if not all(row[order].isascii() and row[order].isdigit() for _, row in rows):
        raise FileRefused(f"{path.name}: {order} is not a whole number in every row.")
    yield from sorted(rows, key=lambda record: int(record[1][order]))


def _plain(text: str, item: Item) -> str | None:
    """A value as ``Incoming`` wants it; a text that is no day stays, to be refused with its place."""
    if item.type not in ("date", "datetime"):
        return (text.lower() if item.type == "boolean" else text) or None
    match = DAY.fullmatch(text)
    if match is None or match[2].title() not in MONTHS:
        return text or None
    day = f"{match[1]}-{MONTHS.index(match[2].title()) + 1:02d}-{match[3]}"
    return day if item.type == "date" else f"{day}T{match[4] or '00:00:00'}"
