"""Writes what the dashboard's models read beside the landing into the private build file: the catalogue as tables, the
council's statistical neighbours, and what closed periods said when they were first published.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from dashboard.definitions import Catalogue
from dashboard.wording import lacking_in_words

TABLES = {
    "catalogue": (
        "indicator_id varchar, position integer, theme varchar, priority varchar, name varchar, question varchar, "
        "definition varchar, plain_english varchar, numerator_definition varchar, denominator_definition varchar, "
        "unit varchar, direction varchar, target double, amber_tolerance double, owner varchar, cadence varchar, "
        "audience varchar, source varchar, statutory_basis varchar, benchmark_source varchar, "
        "is_person_count boolean, is_about_children boolean, is_share boolean, kind varchar, is_steady boolean, "
        "breakdowns varchar[], not_broken_down varchar"
    ),
    "benchmark_figure": "indicator_id varchar, part varchar, figure varchar, sign integer",
    "statistical_neighbour": "la_code varchar",
    "accepted": "indicator_id varchar, accepted_at timestamp",
    "published": (
        "indicator_id varchar, period_kind varchar, period_start date, breakdown varchar, breakdown_value varchar, "
        "period_end date, numerator bigint, denominator bigint, value double, children bigint, known_at timestamp"
    ),
}
"""The tables of the schema ``indicators``, by name, with their columns."""
END_BEFORE = """
    create or replace macro indicators.end_before(kind, period_start, period_end) as
        case kind
            when 'year_to_date' then last_day((period_end - interval 1 year)::date)
            else (period_start - interval 1 day)::date
        end
"""
"""When the period ended that comes before one of its kind: before a year to date, the year before's to that month."""
PUBLISHED_COLUMNS = [column.split()[0] for column in TABLES["published"].split(", ")]


def register_indicators(
    connection: duckdb.DuckDBPyConnection,
    catalogue: Catalogue,
    neighbours: Sequence[str] = (),
    published: Sequence[Path] = (),
    known_at: datetime = datetime.max,
    accepted: Mapping[str, datetime] | None = None,
) -> None:
    """Makes the schema ``indicators``. ``published`` are the files of ``keep_published``, read up to ``known_at``.

    ``accepted`` says by indicator when its falls were last found right (UTC).
    """
    make_period_macro(connection)
    for table, columns in TABLES.items():
        connection.execute(f"create or replace table indicators.{table} ({columns})")
    for table, rows in (("catalogue", _catalogue_rows(catalogue)), ("benchmark_figure", _figure_rows(catalogue))):
        if rows:
            connection.register("registered", pa.Table.from_pylist(rows))
            connection.execute(f"insert into indicators.{table} by name from registered")
            connection.unregister("registered")
    if neighbours:
        connection.executemany("insert into indicators.statistical_neighbour values (?)", [[la] for la in neighbours])
    if accepted:
        connection.executemany("insert into indicators.accepted values (?, ?)", [[*one] for one in accepted.items()])
    if published:
        connection.execute(
            "insert into indicators.published by name from read_parquet(?, union_by_name = true) where known_at <= ?",
            [[str(path) for path in published], known_at],
        )


def make_period_macro(connection: duckdb.DuckDBPyConnection) -> None:
    """Makes ``indicators.end_before``, by which the mart and the published tables say what came before."""
    connection.execute("create schema if not exists indicators")
    connection.execute(END_BEFORE)


def keep_published(connection: duckdb.DuckDBPyConnection, folder: Path, run_id: str) -> int:
    """Keeps what periods say that are published closed for the first time, and what of today only today's records tell.

    Call it when the dashboard is published. Returns the cells kept: one file a run in ``folder``, renamed into place
    whole, and never changed again.
    """
    partial, target = folder / f".{run_id}.partial", folder / f"{run_id}.parquet"
    connection.execute(
        f"""
        create or replace temp table to_keep as
        with settled as (
            select distinct indicator_id, period_kind, period_start from indicators.published
        ),

        -- a breakdown that the catalogue did not have is published of all closed periods at once
        shown_by as (
            select distinct indicator_id, breakdown from indicators.published
        ),

        last_said as (
            select *
            from indicators.published
            qualify row_number() over (
                partition by indicator_id, period_kind, period_start, breakdown, breakdown_value order by known_at desc
            ) = 1
        )

        select {", ".join(f"now.{column}" for column in PUBLISHED_COLUMNS[:-1])}, run.known_at
        from dashboard.indicator as now
        inner join indicators.catalogue as catalogue on now.indicator_id = catalogue.indicator_id
        cross join landing.run as run
        left join settled
            on now.indicator_id = settled.indicator_id
            and now.period_kind = settled.period_kind
            and now.period_start = settled.period_start
        left join shown_by on now.indicator_id = shown_by.indicator_id and now.breakdown = shown_by.breakdown
        left join last_said as said
            on now.indicator_id = said.indicator_id
            and now.period_kind = said.period_kind
            and now.period_start = said.period_start
            and now.breakdown = said.breakdown
            and now.breakdown_value = said.breakdown_value
        where
            case
                when catalogue.kind = 'today'
                    then not now.is_complete
                        and (now.numerator, now.denominator) is distinct from (said.numerator, said.denominator)
                else now.is_complete and (settled.indicator_id is null or shown_by.indicator_id is null)
            end
        order by all
        """
    )
    (count,) = connection.execute("select count(*) from to_keep").fetchone() or (0,)
    if count:
        connection.execute("copy to_keep to ? (format parquet, compression zstd)", [str(partial)])
        partial.replace(target)
    return int(count)


def _catalogue_rows(catalogue: Catalogue) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for theme in catalogue.themes:
        for indicator in theme.indicators:
            population = catalogue.populations[indicator.population]
            stated = indicator.model_dump(
                exclude={
                    "id",
                    "population",
                    "numerator",
                    "numerator_sum",
                    "denominator",
                    "denominator_sum",
                    "children",
                    "children_sum",
                    "children_by",
                    "benchmark",
                }
            )
            rows.append(
                {
                    **stated,
                    "indicator_id": indicator.id,
                    "position": len(rows) + 1,
                    "theme": theme.theme,
                    "priority": theme.priority,
                    "breakdowns": list(indicator.breakdowns),
                    "not_broken_down": lacking_in_words(indicator) or None,
                    "is_about_children": indicator.is_about_children,
                    "benchmark_source": indicator.benchmark.source if indicator.benchmark else None,
                    "is_share": indicator.numerator is not None and indicator.denominator is not None,
                    "kind": population.kind,
                    "is_steady": population.is_steady,
                }
            )
    return rows


def _figure_rows(catalogue: Catalogue) -> list[dict[str, object]]:
    return [
        {
            "indicator_id": indicator.id,
            "part": part,
            "figure": figure.removeprefix("-"),
            "sign": -1 if figure.startswith("-") else 1,
        }
        for indicator in catalogue.indicators
        if indicator.benchmark is not None
        for part, figures in (
            ("numerator", indicator.benchmark.numerator),
            ("denominator", indicator.benchmark.denominator),
        )
        for figure in figures
    ]
