"""Counts every indicator of the catalogue in the open warehouse, in one pass over each population."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

import duckdb

from connectors.errors import SendError
from dashboard.definitions import PERIOD_KINDS, Catalogue, Definition, Population

PERIODS = Path(__file__).with_name("periods.sql")
SPELLS = Path(__file__).with_name("spells.sql")
BREAKDOWNS = Path(__file__).with_name("breakdowns.sql")
SUMS_BY_PERIOD = Path(__file__).with_name("sums_by_period.sql")


class IndicatorNotCounted(SendError):
    """The catalogue's SQL of a population or an indicator does not run."""


def count_indicators(cursor: duckdb.DuckDBPyConnection, catalogue: Catalogue) -> duckdb.DuckDBPyRelation:
    """One row per indicator, period and breakdown value: numerator, denominator, value and the children it is about.

    Reads ``core`` and ``landing.run`` of the open warehouse and leaves temporary tables behind. Raises
    ``IndicatorNotCounted`` naming the population whose SQL does not run.
    """
    cursor.execute(PERIODS.read_text(encoding="utf-8"))
    cursor.execute(SPELLS.read_text(encoding="utf-8"))
    _make_populations(cursor, catalogue)
    cursor.execute(BREAKDOWNS.read_text(encoding="utf-8"))
    cursor.execute(
        "create or replace temp table counted_month (indicator_id varchar, kind varchar, month date, "
        "breakdown varchar, breakdown_value varchar, numerator decimal(20, 4), denominator decimal(20, 4), "
        "children bigint)"
    )
    for name, indicators in groupby(
        sorted(catalogue.indicators, key=lambda one: one.population), key=lambda one: one.population
    ):
        population = catalogue.populations[name]
        try:
            cursor.execute(_counting(cursor, name, population, list(indicators)))
        except duckdb.Error as error:
            raise IndicatorNotCounted(
                f"An indicator of the population {name} cannot be counted ({type(error).__name__}). "
                "Its numerator, denominator or breakdowns in dashboard/catalogue need mending."
            ) from None
    _note_measures(cursor, catalogue)
    cursor.execute(SUMS_BY_PERIOD.read_text(encoding="utf-8"))
    return cursor.sql(
        "from indicator_of_period order by indicator_id, period_kind, period_start, breakdown, breakdown_value"
    )


def _make_populations(cursor: duckdb.DuckDBPyConnection, catalogue: Catalogue) -> None:
    """Each population as a temporary table, and in ``counted_day`` each child and day that one of them counts."""
    days = []
    for name, population in catalogue.populations.items():
        try:
            cursor.execute(f"create or replace temp table {name} as {population.sql}")
        except duckdb.Error as error:
            raise IndicatorNotCounted(
                f"The SQL of the population {name} in dashboard/catalogue does not run ({type(error).__name__}). "
                "Mend it there."
            ) from None
        if population.kind != "shared" and "child_id" in _columns(cursor, name):
            days.append(f"select child_id, day from {name}")
    within = "from ({}) cross join counted_span where day between first_day and last_day and child_id is not null"
    union = " union all ".join(days) or "select null::varchar as child_id, null::date as day"
    cursor.execute(f"create or replace temp table counted_day as select distinct child_id, day {within.format(union)}")


def _columns(cursor: duckdb.DuckDBPyConnection, table: str) -> set[str]:
    return {row[0] for row in cursor.execute(f"describe {table}").fetchall()}


def _counting(
    cursor: duckdb.DuckDBPyConnection, name: str, population: Population, indicators: Sequence[Definition]
) -> str:
    """One pass over a population: every indicator's sums, by month, by each breakdown that one of them is shown by."""
    shown = list(dict.fromkeys(b for indicator in indicators for b in indicator.breakdowns))
    of_people = "child_id" in _columns(cursor, name)
    given = [b for b in shown if b in population.breakdowns]
    asked = [b for b in shown if b not in population.breakdowns]
    if asked and not of_people:
        raise IndicatorNotCounted(
            f"The population {name} has no child_id, so nothing of it can be shown by {', '.join(asked)}."
        )
    columns = [f"coalesce({name}.{b}::varchar, 'Not known') as {b}" for b in given]
    columns += [f"coalesce(person_day.{b}, 'Not known'::word_for_{b}) as {b}" for b in asked]
    join = f"left join person_day on {name}.child_id = person_day.child_id and {name}.day = person_day.day"
    sums = [
        f"{_total(i.numerator, i.numerator_sum)} as n{at}, {_total(i.denominator, i.denominator_sum)} as d{at}, "
        f"{_children(i)} as c{at}"
        for at, i in enumerate(indicators)
    ]
    sets = ", ".join(["(month)", *(f"(month, {b})" for b in shown)])
    which = " ".join(f"when grouping({b}) = 0 then '{b}'" for b in shown)
    breakdown = f"case {which} else 'all' end" if shown else "'all'"
    words = " ".join(f"when grouping({b}) = 0 then {b}::varchar" for b in shown)
    value = f"case {words} else 'all' end" if shown else "'all'"
    rows = ", ".join(
        f"{{'id': '{i.id}', 'shown': {_texts(['all', *i.breakdowns])}, 'n': n{at}, 'd': d{at}, 'c': c{at}}}"
        for at, i in enumerate(indicators)
    )
    columns += ["person_day.age", "person_day.nc_year"] if of_people else []
    return f"""
        insert into counted_month
        with of_days as (
            select
                date_trunc('month', {name}.day)::date as month,
                {name}.* exclude ({", ".join(["day", *given])})
                {"".join(f", {column}" for column in columns)}
            from {name}
            cross join counted_span
            {join if of_people else ""}
            where {name}.day between counted_span.first_day and counted_span.last_day
        ),

        counted as (
            select month, {breakdown} as breakdown, {value} as breakdown_value, {", ".join(sums)}
            from of_days
            group by grouping sets ({sets})
        ),

        long as (
            select month, breakdown, breakdown_value, unnest([{rows}]) as indicator
            from counted
        )

        select indicator.id, '{population.kind}', month, breakdown, breakdown_value, indicator.n, indicator.d,
            indicator.c
        from long
        where
            list_contains(indicator.shown, breakdown)
            and (breakdown = 'all' or indicator.n <> 0 or indicator.d <> 0)
    """


def _total(condition: str | None, expression: str | None) -> str:
    if condition is not None:
        return f"(count(*) filter (where {condition}))::decimal(20, 4)"
    return "null::decimal(20, 4)" if expression is None else f"coalesce(sum({expression}), 0)::decimal(20, 4)"


def _children(indicator: Definition) -> str:
    if indicator.children_sum is not None:
        return f"coalesce(sum({indicator.children_sum}), 0)::bigint"
    if indicator.children is None:
        return "null::bigint"
    within = " ".join(
        f"when grouping({breakdown}) = 0 then count(*) filter (where {condition})"
        for breakdown, condition in indicator.children_by.items()
    )
    in_all = f"count(*) filter (where {indicator.children})"
    return f"case {within} else {in_all} end" if within else in_all


def _texts(values: Iterable[str]) -> str:
    return "[" + ", ".join("'" + value.replace("'", "''") + "'" for value in values) + "]"


def _note_measures(cursor: duckdb.DuckDBPyConnection, catalogue: Catalogue) -> None:
    """What the sums by period need to know of each indicator."""
    cursor.execute(
        "create or replace temp table measure "
        "(indicator_id varchar, kind varchar, unit varchar, has_denominator boolean, period_kinds varchar[])"
    )
    measures = [
        (i.id, p.kind, i.unit, i.has_denominator, [kind for kind in PERIOD_KINDS if kind in p.periods])
        for i in catalogue.indicators
        for p in [catalogue.populations[i.population]]
    ]
    if measures:
        cursor.executemany("insert into measure values (?, ?, ?, ?, ?)", measures)
