"""The publication preview: what DfE will publish of the LA, counted from its own records, in DfE's files and columns.

``published_tables/tables.yml`` says what each column counts, or why it cannot be told; the SQL files beside it are what
is counted: the records as the SEN2 return of the survey in hand has them.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal

import duckdb
import yaml
from pydantic import BaseModel, ConfigDict, model_validator

from connectors.errors import SendError
from connectors.spreadsheets import safe_cell
from returns.surveys import survey_of_year
from warehouse.build import memory_limit
from warehouse.home import Home

FOLDER = Path(__file__).with_name("published_tables")
TABLES = FOLDER / "tables.yml"
RELATIONS = ("setting", "first_need", "plan", "new_plan", "ceased_plan", "request", "assessment")
"""The SQL files, each made a table of its name; the first two are read by others."""
NOT_AVAILABLE = "x"
PLACES = (
    *("time_period", "time_identifier", "geographic_level", "country_code", "country_name", "region_code"),
    *("region_name", "new_la_code", "old_la_code", "la_name", "breakdown_topic", "breakdown"),
)
README = "README.txt"


class NoPreview(SendError):
    """There is nothing to count, or nowhere to write it."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Place(_Strict):
    """A column of the caseload as a breakdown: its name, and that of the total it belongs to."""

    label: str
    total_label: str | None = None


class Column(_Strict):
    """A column: a ``count`` of rows (SQL condition), ``percent`` of the sum of columns ``of``, or ``not_held`` and why.

    In names, ``{year}`` and ``{next}`` are the last two digits of the calendar year and of the one after.
    """

    name: str
    count: str | None = None
    percent: str | None = None
    of: str | None = None
    not_held: str | None = None

    @model_validator(mode="after")
    def _is_one_thing(self) -> Column:
        if sum(source is not None for source in (self.count, self.percent, self.not_held)) != 1:
            raise ValueError(f"{self.name} needs one of count, percent and not_held")
        if (self.of is None) != (self.percent is None):
            raise ValueError(f"{self.name} needs percent and of together")
        return self


class SharedColumns(_Strict):
    """Columns that several files have; ``all`` is the column their shares are of, ``not_held`` what one file lacks."""

    shared: str
    all: str | None = None
    not_held: dict[str, str] = {}


class Breakdown(_Strict):
    """A breakdown: SQL expressions of its values. A row counts for each value it has, as for a place and its total."""

    topic: str
    by: tuple[str, ...]


class Begins(_Strict):
    """Since when the records of a file are kept: the first day of something of which all is kept from then on."""

    first: str
    of: str


class PublishedTable(_Strict):
    """One file of the release. ``all`` is topic and breakdown of the row of everybody.

    ``doubts`` says by topic in what DfE may count otherwise than its guidance says.

    ``years_before`` earlier years follow the latest, of everybody alone but for the ``years_broken_down`` nearest ones,
    as DfE has them. ``begins`` says from when on the records tell them, ``undated`` why they never do.
    """

    file: str
    period: Literal["calendar_year", "academic_year"]
    rows: Literal["plan", "new_plan", "ceased_plan", "request", "assessment"]
    where: str = "true"
    all: tuple[str, str]
    breakdowns: tuple[Breakdown, ...]
    doubts: dict[str, str] = {}
    years_before: int = 0
    years_broken_down: int = 0
    begins: Begins | None = None
    undated: str | None = None
    columns: tuple[Column | SharedColumns, ...]

    @model_validator(mode="after")
    def _doubts_what_it_gives(self) -> PublishedTable:
        if not self.doubts.keys() <= {breakdown.topic for breakdown in self.breakdowns}:
            raise ValueError(f"{self.file} doubts a breakdown that it does not give")
        return self

    @model_validator(mode="after")
    def _tells_the_years_before(self) -> PublishedTable:
        if (self.years_before > 0) != ((self.begins is None) != (self.undated is None)):
            raise ValueError(f"{self.file} needs begins or undated for its years before, and not both")
        return self


class PublishedTables(_Strict):
    """Every file of the release, and the words it uses."""

    regions: dict[str, str]
    ethnic_groups: dict[str, str]
    places: dict[str, Place]
    shared_columns: dict[str, tuple[Column, ...]]
    breakdowns: dict[str, Breakdown]
    files: tuple[PublishedTable, ...]

    def columns_of(self, table: PublishedTable) -> Iterator[Column]:
        """The columns of a file in DfE's order, those it shares among them."""
        for entry in table.columns:
            if isinstance(entry, Column):
                yield entry
                continue
            for column in self.shared_columns[entry.shared]:
                if column.name in entry.not_held:
                    yield Column(name=column.name, not_held=entry.not_held[column.name])
                elif column.of == "{all}":
                    yield column.model_copy(update={"of": entry.all})
                else:
                    yield column

    def headings_of(self, table: PublishedTable, year: int) -> list[str]:
        """Every heading of a file in DfE's order, for the returns of a calendar year."""
        return [*PLACES, *(_named(column.name, year) for column in self.columns_of(table))]


@cache
def published_tables() -> PublishedTables:
    """The tables as ``tables.yml`` states them."""
    written = yaml.load(TABLES.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    return PublishedTables.model_validate(written)


@dataclass(frozen=True)
class NotHeld:
    """A column, or a whole breakdown or year, that an LA's records cannot give, and why."""

    file: str
    column: str
    reason: str


@dataclass(frozen=True)
class Preview:
    """What was written: rows by file. Plans are as at ``reference_date``, the rest of ``year`` up to it."""

    folder: Path
    la_code: str
    year: int
    reference_date: date
    survey_day: date
    as_at: date
    known_at: datetime
    files: dict[str, int]
    not_held: tuple[NotHeld, ...]

    @property
    def is_whole(self) -> bool:
        """Whether the survey day has come; before it the year goes on."""
        return self.reference_date >= self.survey_day


def _named(name: str, year: int) -> str:
    return name.format(year=f"{year % 100:02d}", next=f"{(year + 1) % 100:02d}")


def write_preview(home: Home, la_name: str, folder: Path) -> Preview:
    """Counts the tables from the warehouse of the last run and writes them as CSV files to ``folder``, with a README.

    Replaces those of an earlier preview. Shows small numbers. Raises ``NoPreview``.
    """
    tables = published_tables()
    with _opened(home) as connection:
        header = connection.execute(
            "select year(period_end), reference_date, run.as_at, run.known_at, run.la_code, gss_code, region "
            "from survey cross join landing.run left join core.dim_local_authority as la on run.la_code = la.la_code"
        ).fetchone()
        if header is None:
            raise NoPreview("The warehouse has no survey in hand. Build it anew: send run")
        year, reference_date, as_at, known_at, la_code, gss_code, region = header
        place = ("Local authority", "E92000001", "England", tables.regions.get(region or ""), region, gss_code, la_code)
        counted: dict[str, list[tuple[Any, ...]]] = {table.file: [] for table in tables.files}
        lacking: list[NotHeld] = []
        for years_ago in range(1 + max(table.years_before for table in tables.files)):
            if years_ago:
                _go_back(connection, year - years_ago)
            _make_relations(connection)
            for table in (table for table in tables.files if table.years_before >= years_ago):
                period = _period(table, year - years_ago)
                reason = _why_not_told(connection, table) if years_ago else None
                if reason:
                    lacking.append(NotHeld(table.file, f"the year {period[0]}", reason))
                rows = _rows(connection, tables, table, years_ago=years_ago, is_told=reason is None)
                counted[table.file] += [(*period, *place, la_name, *row) for row in rows]
    preview = Preview(
        folder=folder.resolve(),
        la_code=la_code,
        year=year,
        reference_date=reference_date,
        survey_day=survey_of_year(year + 1).survey_day,
        as_at=as_at,
        known_at=known_at,
        files={file: len(rows) for file, rows in counted.items()},
        not_held=(*_not_held(tables, year), *lacking),
    )
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (folder / README).write_text(_readme(preview), encoding="utf-8")
        for table in tables.files:
            _write(folder / f"{table.file}.csv", tables.headings_of(table, year), counted[table.file])
    except OSError as error:
        raise NoPreview(f"{folder} cannot be written: {error.strerror}. Name another folder.") from None
    return preview


def _period(table: PublishedTable, year: int) -> tuple[str, str]:
    if table.period == "calendar_year":
        return str(year), "Calendar year"
    return f"{year}{(year + 1) % 100:02d}", "Academic year"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _opened(home: Home) -> duckdb.DuckDBPyConnection:
    """A connection with what is counted, made aside from the warehouse."""
    if not home.warehouse.exists():
        raise NoPreview("There is no warehouse yet, so nothing to count. Build it first: send run")
    connection = duckdb.connect(
        config={"threads": "2", "memory_limit": memory_limit(), "temp_directory": str(home.temporary)}
    )
    try:
        connection.execute(f"attach {_quoted(str(home.warehouse))} as warehouse (read_only)")
        connection.execute("use warehouse")
        _bring_words(connection, published_tables())
        connection.execute("create temp table survey as select * from landing.sen2_survey")
    except duckdb.CatalogException as error:
        connection.close()
        raise _built_otherwise(error) from None
    except BaseException:
        connection.close()
        raise
    return connection


def _built_otherwise(error: duckdb.Error) -> NoPreview:
    return NoPreview(
        "The warehouse is not as this release builds it, so nothing can be counted. Build it anew: send run "
        f"({str(error).splitlines()[0]})"
    )


def _make_relations(connection: duckdb.DuckDBPyConnection) -> None:
    """What is counted, of the survey that ``survey`` holds."""
    try:
        for name in RELATIONS:
            sql = (FOLDER / f"{name}.sql").read_text(encoding="utf-8")
            connection.execute(f"create or replace temp table {name} as {sql}")
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        raise _built_otherwise(error) from None


def _go_back(connection: duckdb.DuckDBPyConnection, year: int) -> None:
    """Makes ``survey`` that of the returns of an earlier calendar year, as at its own survey day."""
    survey = survey_of_year(year + 1)
    connection.execute(
        "update survey set year = ?, reference_date = ?, period_start = ?, period_end = ?",
        [survey.year, survey.survey_day, survey.period_start, survey.period_end],
    )


def _why_not_told(connection: duckdb.DuckDBPyConnection, table: PublishedTable) -> str | None:
    """Why the records do not tell of the earlier year that ``survey`` holds; nothing where they do."""
    if table.begins is None:
        return table.undated
    found = connection.execute(
        f"select first_day, coalesce(first_day <= period_start, false) from ({table.begins.first}) cross join survey"
    ).fetchone()
    first_day, is_told = found or (None, False)
    if is_told:
        return None
    since = f"from {first_day} on alone" if first_day else "of no time"
    return f"They are whole {since}, as the {table.begins.of} tell"


def _bring_words(connection: duckdb.DuckDBPyConnection, tables: PublishedTables) -> None:
    connection.execute("create temp table ethnic_group (ethnicity varchar, ethnic_group varchar)")
    connection.executemany("insert into ethnic_group values (?, ?)", list(tables.ethnic_groups.items()))
    connection.execute("create temp table place_name (place varchar, label varchar, total_label varchar)")
    connection.executemany(
        "insert into place_name values (?, ?, ?)",
        [(name, place.label, place.total_label) for name, place in tables.places.items()],
    )


def _rows(
    connection: duckdb.DuckDBPyConnection,
    tables: PublishedTables,
    table: PublishedTable,
    *,
    years_ago: int,
    is_told: bool,
) -> list[tuple[Any, ...]]:
    """The rows of a file from its topic on: that of everybody, then those of each breakdown.

    A year that the records do not tell is one row of everybody, not available.
    """
    columns = list(tables.columns_of(table))
    if not is_told:
        return [(*table.all, *(NOT_AVAILABLE for _ in columns))]
    conditions = {column.name: column.count for column in columns if column.count is not None}
    figures = ", ".join(_figure(column, conditions) for column in columns)
    counted = f"from {table.rows} where {table.where}"
    # the condition holds always: it makes one row even where nothing is counted
    rows = connection.execute(f"select ?, ?, {figures} {counted} having count(*) >= 0", list(table.all)).fetchall()
    for breakdown in table.breakdowns if years_ago <= table.years_broken_down else ():
        values = ", ".join(breakdown.by)
        rows += connection.execute(
            f"select ?, breakdown, {figures} "
            f"from (select *, unnest([{values}]) as breakdown {counted}) "
            "where breakdown is not null group by breakdown order by breakdown",
            [breakdown.topic],
        ).fetchall()
    return rows


def _figure(column: Column, conditions: Mapping[str, str]) -> str:
    """The SQL of a cell. A share of nobody is not available, as DfE has it."""
    if column.count is not None:
        return f"count(*) filter (where {column.count})"
    if column.percent is None:
        return f"'{NOT_AVAILABLE}'"
    part = f"count(*) filter (where {conditions[column.percent]})"
    whole = " + ".join(f"count(*) filter (where {conditions[name]})" for name in str(column.of).split(" + "))
    share = f"round(100.0 * {part} / nullif({whole}, 0), 1)::varchar"
    return f"coalesce(regexp_replace({share}, '\\.0$', ''), '{NOT_AVAILABLE}')"


def _not_held(tables: PublishedTables, year: int) -> Iterator[NotHeld]:
    for table in tables.files:
        for column in tables.columns_of(table):
            if column.not_held is not None:
                yield NotHeld(table.file, _named(column.name, year), column.not_held)


def _write(path: Path, headings: list[str], rows: list[tuple[Any, ...]]) -> None:
    """Writes a file as DfE does, headings given twice among them, and whole or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("w", encoding="utf-8-sig", newline="") as handle:
            writer = csv.writer(handle)
            writer.writerow(headings)
            writer.writerows([safe_cell(value) for value in row] for row in rows)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _readme(preview: Preview) -> str:
    until = (
        f"The survey day, {preview.survey_day:%d %B %Y}, has come: what changes now are corrections."
        if preview.is_whole
        else f"The survey day, {preview.survey_day:%d %B %Y}, has not come: the figures are of the year so far."
    )
    lines = [
        "PROVISIONAL. FOR OFFICERS ONLY, NEVER PUBLIC: small numbers are shown, and children could be recognised.",
        "",
        f"What DfE will publish of LA {preview.la_code} in Education, health and care plans, by our own records.",
        f"Plans in force are as at {preview.reference_date}; all else is of the calendar year {preview.year}.",
        until,
        f"Records as at {preview.as_at}, known at {preview.known_at:%Y-%m-%d %H:%M} UTC.",
        "",
        "Earlier years are counted as at their own survey days from what is on record now, with what is known of each",
        "child now: they are not what was returned. DfE's own files have what was published.",
        "Files, columns and words are those of DfE's release of 2025. Nothing is rounded or withheld.",
        "x: not available.",
        "_ex: without the plans to which an exception to the 20 weeks applies. A group without anybody has no row.",
        "DfE counts the return as it was sent, and its ways are known from the release and its guidance alone.",
        "",
        "What our records cannot give:",
        *(f"- {gap.file}, {gap.column}: {gap.reason}." for gap in preview.not_held),
        "",
        "To be read with care:",
        *(
            f"- {table.file}, by {topic}: {doubt}."
            for table in published_tables().files
            for topic, doubt in table.doubts.items()
        ),
    ]
    return "\n".join(lines) + "\n"
