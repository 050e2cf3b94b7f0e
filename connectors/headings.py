"""Finds the header among a sheet's first rows, and the contract table it is the header of."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import PurePosixPath
from types import MappingProxyType

from connectors.configuration import SourceConfiguration
from connectors.contract import ExtractContract, Table, all_contracts, normalised_heading
from connectors.errors import FilePassedOver, FileRefused

HEADER_WITHIN_ROWS = 20


@dataclass(frozen=True)
class HeaderMatch:
    """A row read as the header of a table: which column stands at which position (from 0).

    ``given`` are the columns that no cell has, and whose value the configuration gives for the whole file.
    """

    table: str
    index: int
    cells: tuple[str, ...]
    positions: dict[str, int]
    lacking: tuple[str, ...]
    given: dict[str, str] = field(default_factory=dict)

    @property
    def strength(self) -> tuple[bool, int, float]:
        """Orders matches: complete first, then by how many headings it explains."""
        return (not self.lacking, len(self.positions), -len(self.lacking))

    @property
    def extra(self) -> tuple[str, ...]:
        """The headings the contract does not know."""
        known = set(self.positions.values())
        return tuple(cell.strip() for i, cell in enumerate(self.cells) if i not in known and cell.strip())


def tables_named(contract: ExtractContract, source: SourceConfiguration, name: str) -> tuple[str, ...]:
    """The tables that a file or sheet called ``name`` may hold: those it is named after, else all.

    The configuration's ``tables`` decide first: a file name, a pattern, or a sheet's name.
    """
    path = PurePosixPath(name.casefold())
    for table, pattern in source.tables.items():
        wanted = pattern.casefold()
        if wanted in (path.name, path.stem) or fnmatch(str(path), wanted) or fnmatch(path.name, wanted):
            return (table,)
    words = f"_{'_'.join(re.findall(r'[a-z0-9]+', path.stem))}_"
    named = [table for table in contract.tables if table not in source.tables and f"_{table}_" in words]
    longest = [table for table in named if not any(table != other and f"_{table}_" in f"_{other}_" for other in named)]
    return tuple(longest or contract.tables)


def match_header(
    name: str,
    table: Table,
    index: int,
    cells: Sequence[str],
    configured: dict[str, str],
    given: Mapping[str, str] = MappingProxyType({}),
) -> HeaderMatch:
    """Reads the row ``cells`` as the header of ``table``; a configured heading beats the contract's own."""
    at: dict[str, int] = {}
    for position, cell in enumerate(cells):
        at.setdefault(normalised_heading(cell), position)
    at.pop("", None)
    positions: dict[str, int] = {}
    for column_name, column in table.columns.items():
        wanted = table.headings_of(column_name, column)
        if column_name in configured:
            wanted = (configured[column_name], *wanted)
        for heading in wanted:
            found = at.get(normalised_heading(heading))
            if found is not None and found not in positions.values():
                positions[column_name] = found
                break
    lacking = tuple(column for column in table.needed if column not in positions and column not in given)
    told = {column: given[column] for column in table.columns if column in given and column not in positions}
    return HeaderMatch(name, index, tuple(cells), positions, lacking, told)


def best_matches(
    contract: ExtractContract, source: SourceConfiguration, name: str, rows: Sequence[Sequence[str]]
) -> list[HeaderMatch]:
    """How the first rows match each table the name allows, the best match of each, best first."""
    best: dict[str, HeaderMatch] = {}
    given = source.given(name)
    for index, cells in enumerate(rows[:HEADER_WITHIN_ROWS]):
        for table_name in tables_named(contract, source, name):
            match = match_header(
                table_name, contract.tables[table_name], index, cells, source.columns.get(table_name, {}), given
            )
            if match.positions and (table_name not in best or match.strength > best[table_name].strength):
                best[table_name] = match
    return sorted(best.values(), key=lambda match: match.strength, reverse=True)


def _called(column: str, table: str, source: SourceConfiguration) -> str:
    configured = source.columns.get(table, {}).get(column)
    return f"{column} (configured as {configured!r})" if configured else column


def find_header(
    contract: ExtractContract, source: SourceConfiguration, name: str, rows: Sequence[Sequence[str]]
) -> HeaderMatch:
    """The header of a sheet and its table, from the sheet's first rows and its ``name``.

    Raises ``FileRefused`` naming the columns that are missing, or the tables it may be of where that is unclear.
    """
    if not any(cell.strip() for cells in rows for cell in cells):
        raise FileRefused("It is empty. Ask for the extract again.", table=_only(contract, source, name))
    _pass_over(contract, rows)
    matches = best_matches(contract, source, name, rows)
    if not matches:
        raise FileRefused(
            f"None of its first {HEADER_WITHIN_ROWS} rows is a header of {contract.extract}. "
            f"{_whose_is_it(contract, rows)}Its tables are {', '.join(contract.tables)}.",
            table=_only(contract, source, name),
        )
    best = matches[0]
    if best.lacking:
        columns = ", ".join(_called(column, best.table, source) for column in best.lacking)
        noun, pronoun = ("column", "it") if len(best.lacking) == 1 else ("columns", "them")
        raise FileRefused(
            f"It lacks {noun} {columns} of {contract.extract}.{best.table}. {_whose_is_it(contract, rows)}"
            f"Ask for the extract with {pronoun}, or say in send.yml under columns how yours is headed.",
            table=best.table,
            missing=best.lacking,
            extra=best.extra if _is_of_headings(best) else (),
        )
    equals = [match.table for match in matches if match.strength == best.strength]
    if len(equals) > 1:
        raise FileRefused(
            f"Its columns fit {' and '.join(equals)} equally. Name the file after its table, or name it in send.yml "
            "under tables.",
        )
    seen: dict[str, int] = {}
    for position, cell in enumerate(best.cells):
        heading = normalised_heading(cell)
        if heading in seen and seen[heading] in best.positions.values():
            raise FileRefused(f"It has two columns headed {cell.strip()!r}. Remove one.", table=best.table)
        seen.setdefault(heading, position)
    return best


def _pass_over(contract: ExtractContract, rows: Sequence[Sequence[str]]) -> None:
    for cells in rows[:HEADER_WITHIN_ROWS]:
        headings = {normalised_heading(cell) for cell in cells}
        for name, telling in contract.passed_over.items():
            if headings.issuperset(normalised_heading(heading) for heading in telling):
                raise FilePassedOver(f"It is {name} of {contract.extract}, of which nothing is read.")


def _is_of_headings(match: HeaderMatch) -> bool:
    """Whether a row that is no complete header holds headings at all. A person's record must not be told as such."""
    return len(match.positions) > 1 and not any(re.search(r"\d{4}|\d[/.-]\d", cell) for cell in match.cells)


def _only(contract: ExtractContract, source: SourceConfiguration, name: str) -> str | None:
    named = tables_named(contract, source, name)
    return named[0] if len(named) == 1 else None


def _whose_is_it(contract: ExtractContract, rows: Sequence[Sequence[str]]) -> str:
    """Says whose header it is where another extract's table answers to it completely."""
    for other in all_contracts():
        if other.extract == contract.extract or other.readers == ("xml",):
            continue
        for name, table in other.tables.items():
            for index, cells in enumerate(rows[:HEADER_WITHIN_ROWS]):
                match = match_header(name, table, index, cells, {})
                if not match.lacking and len(match.positions) * 2 >= sum(1 for cell in cells if cell.strip()):
                    return f"It looks like {other.extract}.{name}: is it in the wrong folder? "
    return ""
