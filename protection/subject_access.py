"""Everything held on one child, in one ZIP file: for the child or parent who asks (UK GDPR, Article 15).

Every table is a CSV file whose first columns say where the row came from, and a section of ``index.html``. What is, or
may be, of other people is marked: the officer looks at it before the file is handed over.
"""

from __future__ import annotations

import csv
import html
import io
import json
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb

from connectors.contract import Table
from connectors.errors import SendError
from connectors.manifest import known_manifests
from connectors.typing_rules import literal, record_id_sql
from operations.acts import Act, acts, corrections_of, held_on_child, record_act
from operations.store import OperationsStore
from protection.records import LandedTable, check_child, find_records, landed_tables, opened_warehouse, set_apart_sql
from warehouse.home import Home

FORMULA_BEGINNINGS = ("=", "+", "-", "@", "\t", "\r")
WAREHOUSE_SCHEMAS = ("core", "lists", "sen2", "annex_a", "identity", "intermediate")
NOT_OF_THE_CHILD = frozenset(
    {
        *(
            "actor",
            "assignee",
            "auditor",
            "author",
            "by",
            "caseworker",
            "caseworker_id",
            "caseworker_name",
            "clinician",
        ),
        *("decided_by", "escalated_to", "invo_professional_id", "lifted_by", "mothers_child_birth_date", "notified_by"),
        *("parent_email", "professional", "proposed_by", "reviewer", "tracked_by", "visitor", "waiver_approved_by"),
        *("waiver_proposed_by", "worker"),
    }
)
"""Names of columns that are of other people: staff, parents, a child's own child."""
FREE_TEXT = frozenset(
    {
        *("answer", "attended_by", "because", "explanation", "lifted_because", "note", "question", "raw", "reason"),
        *("record", "sen_setting_other", "waiver_reason"),
    }
)
"""Names of columns of free text, in which anybody may be named."""


class NotWritten(SendError):
    """The file with what is held cannot be written."""


@dataclass(frozen=True)
class Part:
    """One table of the export: its name, what it is, its headings and rows. ``marked`` are columns to look at."""

    name: str
    what: str
    headings: Sequence[str]
    rows: Sequence[Sequence[Any]]
    marked: frozenset[str] = frozenset()


@dataclass
class Given:
    """What an export came to: how many tables and rows, and how many of its columns need looking at."""

    child_id: str
    parts: int = 0
    rows: int = 0
    marked_columns: int = 0
    tables: dict[str, int] = field(default_factory=dict)


def write_subject_access(home: Home, child_id: str, out: Path, *, by: str, because: str) -> Given:
    """Writes everything held on the child into the ZIP file ``out``, which its owner alone may read, and records it.

    Raises ``NoSuchChild`` and ``NotWritten``.
    """
    store = OperationsStore(home.operations_url)
    given = Given(child_id)
    with home.lock(), opened_warehouse(home) as connection:
        check_child(connection, child_id)
        find_records(connection, [child_id], landed_tables(home))
        parts = _with_marks(_parts(home, connection, store, child_id))
        try:
            out.touch(mode=0o600)
            out.chmod(0o600)
            with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
                written = list(_written(archive, parts, given))
                archive.writestr("index.html", _page(child_id, written, given))
        except OSError as error:
            raise NotWritten(f"{out} cannot be written ({error.strerror}). Name another file.") from None
    certificate = {"parts": given.parts, "rows": given.rows, "tables": given.tables}
    record_act(store, Act("subject_access", child_id, by, because, certificate))
    return given


def _with_marks(parts: Iterable[Part]) -> Iterator[Part]:
    """The parts that hold anything, with the columns that may be of other people marked."""
    for part in parts:
        if part.rows:
            marked = {name for name in part.headings if name in NOT_OF_THE_CHILD or name in FREE_TEXT}
            yield Part(part.name, part.what, part.headings, part.rows, part.marked | marked)


def _parts(home: Home, connection: duckdb.DuckDBPyConnection, store: OperationsStore, child_id: str) -> Iterator[Part]:
    landed_at = {manifest.load_id: manifest.landed_at for manifest in known_manifests(home.landing)}
    for table in landed_tables(home):
        if table.files:
            yield _landed(connection, table, landed_at)
        if table.quarantine:
            yield _set_apart(connection, table, landed_at)
    yield from _of_warehouse(connection, child_id)
    yield from _of_publications(home, connection, child_id)
    yield from _of_register(home, connection, child_id)
    yield from _of_operations(connection, store, child_id)
    yield from _of_returns(home, connection)


def _answer(
    connection: duckdb.DuckDBPyConnection, query: str, parameters: Sequence[Any] = ()
) -> tuple[list[str], list[Any]]:
    cursor = connection.execute(query, list(parameters))
    return [column[0] for column in cursor.description or []], cursor.fetchall()


def _landed(connection: duckdb.DuckDBPyConnection, table: LandedTable, landed_at: dict[str, datetime]) -> Part:
    """Every row of the child that ever landed, with the load, file and row it came from."""
    query = f"""
        select rows._load_id as load_id, rows._file as file, rows._row as row_of_file, held.basis as known_by,
            rows.* exclude (_load_id, _file, _row, _path, _issues), to_json(rows._issues) as issues
        from {table.rows} as rows
        inner join child_record as held
            on held.extract = {literal(table.extract)} and held.table_name = {literal(table.name)}
            and held.record_id = {record_id_sql(table.table, "rows.")}
        order by rows._load_id, rows._file, rows._row
    """
    headings, rows = _answer(connection, query)
    return Part(
        f"landed/{table.extract}.{table.name}",
        f"{table.contract.title}: {table.table.description} As delivered, every load.",
        ["landed_at", *headings],
        [(landed_at.get(row[0]), *row) for row in rows],
        _third_party(table.table),
    )


def _third_party(table: Table) -> frozenset[str]:
    return frozenset(name for name in table.columns if name in NOT_OF_THE_CHILD)


def _set_apart(connection: duckdb.DuckDBPyConnection, table: LandedTable, landed_at: dict[str, datetime]) -> Part:
    """Rows of the child that could not be loaded, with the text as delivered."""
    query = f"""
        select _load_id as load_id, _file as file, _row as row_of_file, basis as known_by, reason, "column", problem,
            raw
        from ({set_apart_sql(table)}) order by all
    """
    headings, rows = _answer(connection, query)
    return Part(
        f"set_apart/{table.extract}.{table.name}",
        f"{table.contract.title}: rows that could not be loaded, as delivered.",
        ["landed_at", *headings],
        [(landed_at.get(row[0]), *row) for row in rows],
    )


def _of_warehouse(connection: duckdb.DuckDBPyConnection, child_id: str) -> Iterator[Part]:
    """The child's rows of the warehouse: what was made of the records, with the record, file and row behind each."""
    schemas = ", ".join(literal(schema) for schema in WAREHOUSE_SCHEMAS)
    tables = connection.execute(
        "select table_schema, table_name, any_value(column_name) from information_schema.columns "
        f"where table_schema in ({schemas}) and column_name in ('child_id', 'person_id') "
        "group by all order by all"
    ).fetchall()
    for schema, table, column in tables:
        headings, rows = _answer(connection, f"from {schema}.{table} where {column} = ?", [child_id])
        yield Part(f"warehouse/{schema}.{table}", "What the warehouse has made of the records.", headings, rows)
    headings, rows = _answer(
        connection,
        "select person.* from identity.identity__person as person inner join identity.identity__anchor as anchor "
        "on person.anchor_kind = anchor.anchor_kind and person.anchor = anchor.anchor where anchor.child_id = ?",
        [child_id],
    )
    yield Part("warehouse/identity.persons", "The child as each source knows it.", headings, rows)


def _of_publications(home: Home, connection: duckdb.DuckDBPyConnection, child_id: str) -> Iterator[Part]:
    """The child's rows of what is published, of every version and day that is kept."""
    folders = [*home.published.glob(".versions/[!.]*"), *home.history.glob("*/[!.]*")]
    for folder in sorted(folders):
        for path in sorted(folder.glob("*.parquet")):
            source = f"read_parquet({literal(str(path))})"
            columns = {row[0] for row in connection.execute(f"describe from {source}").fetchall()}
            if "child_id" in columns:
                headings, rows = _answer(connection, f"from {source} where child_id = ?", [child_id])
                place = folder.relative_to(home.published).as_posix().lstrip(".")
                yield Part(f"published/{place}.{path.stem}", "A list as published.", headings, rows)


def _of_register(home: Home, connection: duckdb.DuckDBPyConnection, child_id: str) -> Iterator[Part]:
    """When which number of a source came to the child, and left it."""
    files = sorted(home.identity.glob("*.parquet"))
    if files:
        names = ", ".join(literal(str(path)) for path in files)
        headings, rows = _answer(
            connection,
            f"from read_parquet([{names}], union_by_name = true) where child_id = ? or previous_child_id = ? "
            "order by given_at, anchor_kind, anchor",
            [child_id, child_id],
        )
        yield Part("identity/register", "When numbers of the sources came to this child or left it.", headings, rows)


def _of_operations(connection: duckdb.DuckDBPyConnection, store: OperationsStore, child_id: str) -> Iterator[Part]:
    """What people wrote of the child, what the checks found, who saw it and what was done under the law."""
    anchors = connection.execute(
        "select anchor_kind, anchor from identity.identity__anchor where child_id = ?", [child_id]
    ).fetchall()
    for table, rows in held_on_child(store, child_id, anchors).items():
        headings = list(rows[0])
        yield Part(
            f"operations/{table}", "Findings, answers and accesses.", headings, [tuple(r.values()) for r in rows]
        )
    if corrections := corrections_of(store, connection, "child_record"):
        laid = [tuple(row.values()) for row in corrections]
        yield Part("operations/correction", "Values that stewards laid over the sources'.", list(corrections[0]), laid)
    earlier = [(at, act.act, act.by, act.because) for act, at in acts(store, child_id)]
    yield Part("operations/acts", "What was done under data protection law.", ["at", "act", "by", "because"], earlier)


def _of_returns(home: Home, connection: duckdb.DuckDBPyConnection) -> Iterator[Part]:
    """The lines of signed-off and taken-in returns that hold a number of the child, as they stand there."""
    numbers = [value for (value,) in connection.execute("select distinct value from child_number").fetchall()]
    found = []
    for path in sorted((home.folder / "returns").rglob("*")):
        if path.suffix not in (".xml", ".csv") or not path.is_file():
            continue
        for number, record in _records_of(path):
            if any(value in record for value in numbers):
                found.append((path.relative_to(home.folder).as_posix(), number, record))
    yield Part("returns/records", "Records of SEN2 returns, as sent.", ["file", "line", "record"], found)


def _records_of(path: Path) -> Iterator[tuple[int, str]]:
    """The records of a return's file with the line each begins in: a person of the XML, a line of a CSV."""
    begun, lines = 0, list[str]()
    is_xml = path.suffix == ".xml"
    with path.open(encoding="utf-8", errors="replace") as handle:
        for number, line in enumerate(handle, start=1):
            if not is_xml:
                yield number, line.strip()
                continue
            if "<Person>" in line or "<person>" in line:
                begun, lines = number, []
            if begun:
                lines.append(line.strip())
            if "</Person>" in line or "</person>" in line:
                yield begun, "".join(lines)
                begun, lines = 0, []


def _plain(value: Any) -> Any:
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, dict | list):
        return json.dumps(value, default=str, ensure_ascii=False)
    return value


def _safe(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula (OWASP, CSV injection)."""
    plain = _plain(value)
    return "'" + plain if isinstance(plain, str) and plain.startswith(FORMULA_BEGINNINGS) else plain


def _written(archive: zipfile.ZipFile, parts: Iterable[Part], given: Given) -> Iterator[Part]:
    """Writes each part as CSV into the archive, and counts it."""
    for part in parts:
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(part.headings)
        writer.writerows([_safe(value) for value in row] for row in part.rows)
        archive.writestr(f"{part.name}.csv", "\ufeff" + text.getvalue())
        given.parts += 1
        given.rows += len(part.rows)
        given.marked_columns += len(part.marked)
        given.tables[part.name] = len(part.rows)
        yield part


_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem; color: #1d2733 }
h1, h2 { line-height: 1.2 }
table { border-collapse: collapse; margin: .5rem 0 1rem; font-size: 13px }
caption { text-align: left; font-weight: 600 }
th, td { border: 1px solid #b8c2cc; padding: .2rem .5rem; text-align: left; vertical-align: top }
th { background: #eef2f6 } .look { background: #ffe9a8 } .scroll { overflow-x: auto } li { margin: .2rem 0 }
"""


def _page(child_id: str, parts: Sequence[Part], given: Given) -> str:
    """The page that an officer reads, and may hand over once it has been looked at."""
    told = html.escape
    made = datetime.now(UTC).strftime("%d %B %Y, %H:%M UTC")
    look = [f"<li>{told(part.name)}: {told(', '.join(sorted(part.marked)))}</li>" for part in parts if part.marked]
    sections = []
    for part in parts:
        heads = "".join(f'<th scope="col"{_look(name, part)}>{told(name)}</th>' for name in part.headings)
        lines = "".join(
            "<tr>"
            + "".join(
                f"<td{_look(name, part)}>{told('' if value is None else str(_plain(value)))}</td>"
                for name, value in zip(part.headings, row, strict=True)
            )
            + "</tr>"
            for row in part.rows
        )
        sections.append(
            f'<section><h2 id="{told(part.name)}">{told(part.name)}</h2><p>{told(part.what)}</p>'
            f'<div class="scroll" tabindex="0" role="region" aria-label="{told(part.name)}">'
            f"<table><caption>{len(part.rows):,} rows</caption><thead><tr>{heads}</tr></thead>"
            f"<tbody>{lines}</tbody></table></div></section>"
        )
    contents = "".join(
        f'<li><a href="#{told(part.name)}">{told(part.name)}</a>: {len(part.rows):,} rows</li>' for part in parts
    )
    return (
        f'<!doctype html><html lang="en-GB"><head><meta charset="utf-8"><title>Held on {told(child_id)}</title>'
        f"<style>{_STYLE}</style></head><body><main><h1>Everything held on child {told(child_id)}</h1>"
        f"<p>Made on {made}: {given.rows:,} rows of {given.parts:,} tables. The same is in the CSV files beside this "
        "page.</p><h2>Look at these before it is handed over</h2><p>Marked columns are, or may be, of other people: "
        "staff, parents, or whoever a free text names (Data Protection Act 2018, Schedule 2, paragraph 16). Records "
        "<em>known_by</em> an identifier no longer stand today and were found by a number this child alone holds: see "
        f"that they are the child's.</p><ul>{''.join(look) or '<li>nothing is marked</li>'}</ul>"
        f"<h2>Contents</h2><ul>{contents}</ul>{''.join(sections)}</main></body></html>"
    )


def _look(name: str, part: Part) -> str:
    return ' class="look"' if name in part.marked else ""
