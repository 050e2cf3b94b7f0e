"""Last year's return, which the year-on-year rules hold this year's against: signed here, or taken in from a file."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import duckdb

from connectors.configuration import read_configuration
from connectors.errors import ConfigurationError, FileRefused
from returns.kept import returns_folder, signed_versions, version_folder
from returns.reading import read_return
from returns.specification import Specification, read_specification, years
from returns.tables import TYPES, Reading, key_columns, quoted
from warehouse.home import Home

SCHEMA = "sen2_previous"
ORIGIN = f"{SCHEMA}.origin"
IMPORTED = "imported"


@dataclass(frozen=True)
class EarlierReturn:
    """A return of an earlier year as it lies in the home; ``name`` is how findings call it."""

    year: int
    path: Path
    name: str


def earlier_return(home: Home, year: int) -> EarlierReturn | None:
    """The return of January ``year``: the version signed off last, else what was taken in from a file."""
    if versions := signed_versions(home, year):
        path = version_folder(home, versions[-1]) / versions[-1].file
        return EarlierReturn(year, path, f"returns/{year}/{path.parent.name}/{path.name}")
    for path in sorted((returns_folder(home, year) / IMPORTED).glob("[!.]*")):
        return EarlierReturn(year, path, f"returns/{year}/{IMPORTED}/{path.name}")
    return None


def bring_previous(connection: duckdb.DuckDBPyConnection, home: Home, year: int) -> EarlierReturn | None:
    """Makes the schema ``sen2_previous`` of the return of the year before ``year``; empty where there is none.

    Its table ``origin`` says in one row which file it is. Raises ``FileRefused`` where that cannot be read any more.
    """
    specification = _specification(year - 1) or read_specification(min(years()))
    empty_previous(connection, specification)
    know_persons(connection)
    found = earlier_return(home, year - 1) if year - 1 in years() else None
    if found is None:
        return None
    read_return(found.path, specification, connection, SCHEMA, lea=read_configuration(home.folder).la_code)
    connection.execute(f"insert into {ORIGIN} values (?, ?)", [found.year, found.name])
    return found


def empty_previous(connection: duckdb.DuckDBPyConnection, specification: Specification) -> None:
    """Makes the schema with its nine tables and ``origin``, all of them without a row."""
    connection.execute(f"create schema if not exists {SCHEMA}")
    connection.execute(f"create or replace table {ORIGIN} (year integer, source_file varchar)")
    for module in specification.modules:
        columns = [
            f"{quoted(name)} {'integer' if name == module.number else 'varchar'}" for name in key_columns(module)
        ]
        columns += [f"{quoted(item.column)} {TYPES[item.type]}" for item in module.columns]
        connection.execute(f"create or replace table {SCHEMA}.{module.table} ({', '.join(columns)})")


def know_persons(connection: duckdb.DuckDBPyConnection) -> None:
    """Makes ``sen2_previous.known_person``: who of last year's return is who in this year's, in the schema ``sen2``.

    A person is known again by UPN, ULN, or names and date of birth.
    """
    pairs = [
        "select earlier.person_id as earlier_id, person.person_id "
        f"from {SCHEMA}.sen2_person as earlier inner join sen2.sen2_person as person on {condition}"
        for condition in (
            "earlier.upn = person.upn",
            "earlier.unique_learner_number = person.unique_learner_number",
            "lower(earlier.surname) = lower(person.surname) and lower(earlier.forename) = lower(person.forename) "
            "and earlier.person_birth_date = person.person_birth_date",
        )
    ]
    connection.execute(f"create or replace view {SCHEMA}.known_person as {' union '.join(pairs)}")


def _specification(year: int) -> Specification | None:
    return read_specification(year) if year in years() else None


def take_in(home: Home, path: Path, year: int, connection: duckdb.DuckDBPyConnection) -> Reading:
    """Reads the return of an earlier year at ``path`` into ``sen2_previous`` and keeps a copy of it in the home.

    ``year`` is that of a shape that does not say its own. What was taken in before for the year is replaced; a version
    signed off here stands above both. Raises ``FileRefused`` where it is not a return of this authority, or not of a
    year that is over; then nothing is kept.
    """
    lea = read_configuration(home.folder).la_code
    if not path.exists():
        raise ConfigurationError(f"{path} is not there. Give last year's XML, workbook, or folder of a Blade export.")
    reading = read_return(path, read_specification(year), connection, SCHEMA, lea=lea)
    if reading.lea != lea:
        raise FileRefused(f"It is the return of another authority, not of {lea}. Choose the right file.")
    if reading.year > year:
        raise FileRefused(f"It is the return of {reading.year}, which is not over yet: only earlier ones are taken in.")
    folder = returns_folder(home, reading.year)
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f".partial-{IMPORTED}"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700)
    try:
        _copy(path, partial / (path.resolve().name.lstrip(".") or "return"))
        shutil.rmtree(folder / IMPORTED, ignore_errors=True)
        partial.rename(folder / IMPORTED)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return reading


def _copy(path: Path, target: Path) -> None:
    if path.is_dir():
        target.mkdir()
        for file in sorted(path.glob("*.csv")):
            shutil.copyfile(file, target / file.name)
    else:
        shutil.copyfile(path, target)
