"""What may be shown of the indicators, and to whom: small counts and whatever would give them away are withheld.

The board's figures are exact by default, the public's rounded; the public is shown nothing that is withheld from the
board, so that both together tell no more than the board's alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from connectors.configuration import DisclosureControl
from dashboard.patterns import Counts, Grid, Mask, Period, withheld
from dashboard.registering import make_period_macro

AUDIENCES = ("board", "public")
WITHHELD, NOT_AVAILABLE = "[c]", "[x]"
"""What stands in place of a figure that is confidential, or that there is none of (the GSS's symbols)."""
TOTAL = ("all", "all")
Z_95 = 1.959964
FIGURES_AT_A_TIME = 1_000_000

IS_MEAN = (
    "(catalogue.unit in ('weeks', 'ratio') "
    "or catalogue.unit = 'pounds' and catalogue.denominator_definition is not null)"
)
"""A figure for each of so many, whose sum is no count of children."""

ABOUT_CHILDREN = "(select distinct indicator_id from dashboard.indicator where children is not null)"
"""The indicators that count something of children's, such as sessions, with how many children it is about."""

# What counts persons, means over persons (who reads how many a mean is over counts children), and what is about some.
CELLS = f"""
    with persons as (
        select
            indicator.*,
            indicator.rowid as figure,
            catalogue.unit,
            indicator.indicator_id in {ABOUT_CHILDREN} as is_about_children
        from dashboard.indicator
        inner join dashboard.indicator_catalogue as catalogue on indicator.indicator_id = catalogue.indicator_id
        where catalogue.is_person_count or {IS_MEAN} or is_about_children
    ),

    -- a value with nothing in a period may have no row there; where it has to be withheld it needs one
    places as (
        select
            periods.indicator_id,
            periods.unit,
            periods.is_about_children,
            periods.period_kind,
            periods.period_start,
            periods.period_end,
            periods.is_complete,
            columns.breakdown,
            columns.breakdown_value
        from (
            select distinct
                indicator_id,
                unit,
                is_about_children,
                period_kind,
                period_start,
                period_end,
                is_complete
            from persons
        ) as periods
        inner join (
            select distinct indicator_id, breakdown, breakdown_value from persons
        ) as columns
            on periods.indicator_id = columns.indicator_id
    )

    select
        row_number() over (
            order by
                places.indicator_id,
                places.period_kind,
                places.period_start,
                places.period_end,
                places.breakdown,
                places.breakdown_value
        ) - 1 as cell,
        places.*,
        persons.figure,
        persons.numerator,
        persons.denominator,
        persons.children
    from places
    left join persons
        on
            places.indicator_id = persons.indicator_id
            and places.period_kind = persons.period_kind
            and places.period_start = persons.period_start
            and places.period_end = persons.period_end
            and places.breakdown = persons.breakdown
            and places.breakdown_value = persons.breakdown_value
"""


@dataclass(frozen=True)
class _Indicator:
    """One indicator's counts: its measures (each periods x columns), and which cell stands where (-1: none).

    With ``is_about_children`` the measure is how many children its figures are about, again in each period.
    """

    indicator_id: str
    periods: Sequence[Period]
    columns: Sequence[tuple[str, str]]
    measures: tuple[Counts, ...]
    cells: NDArray[np.int64]
    is_about_children: bool


def suppress(connection: duckdb.DuckDBPyConnection, board: DisclosureControl, public: DisclosureControl) -> None:
    """Writes ``dashboard.indicator_board`` and ``dashboard.indicator_public`` from ``dashboard.indicator``.

    Columns are the mart's, with what is withheld empty, and ``suppressed``, ``shown`` (the figure as text), ``lower``
    and ``upper`` (Wilson's 95 % interval of a percentage). The public's has the catalogue's public indicators alone.
    """
    make_period_macro(connection)
    connection.execute(f"create or replace temporary table cell as {CELLS}")
    flags = {audience: np.zeros(_count(connection), dtype=bool) for audience in AUDIENCES}
    for family in _families([part for indicator in _indicators(connection) for part in _parts_of(indicator)]):
        grid, places = _grid_of(family)
        hidden = withheld(grid, board.below)
        for audience in AUDIENCES:
            if audience == "public":
                hidden = hidden | withheld(grid, public.below)
            for part, (periods, columns) in zip(family, places, strict=True):
                own = hidden[np.ix_(periods, columns)]
                is_there = part.indicator.cells >= 0
                flags[audience][part.indicator.cells[is_there]] |= own[is_there]
    pattern = pa.table({"cell": np.arange(_count(connection)), **flags})
    connection.register("pattern", pattern)
    for audience, control in zip(AUDIENCES, (board, public), strict=True):
        for number, (first, last) in enumerate(_in_batches(connection)):
            into = "insert into" if number else "create or replace table"
            statement = f"{into} dashboard.indicator_{audience} {'' if number else 'as'}"
            connection.execute(f"{statement} {_published(audience, control.round_to)}", {"first": first, "last": last})
    connection.unregister("pattern")
    connection.execute("drop table cell")


def _in_batches(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    """The indicators in their order, as many together as have some number of figures: the first and last of each batch.

    It bounds the memory: an authority of hundreds of wards has millions of figures.
    """
    batches: list[list[str]] = [[]]
    held = 0
    for indicator, figures in connection.execute(
        "select indicator_id, count(*) from dashboard.indicator group by indicator_id order by indicator_id"
    ).fetchall():
        if held + figures > FIGURES_AT_A_TIME and batches[-1]:
            batches.append([])
            held = 0
        batches[-1].append(indicator)
        held += figures
    return [(batch[0], batch[-1]) if batch else ("", "") for batch in batches]


def _count(connection: duckdb.DuckDBPyConnection) -> int:
    ((count,),) = connection.execute("select count(*) from cell").fetchall()
    return int(count)


def _indicators(connection: duckdb.DuckDBPyConnection) -> Iterator[_Indicator]:
    """The indicators that count persons, each as arrays."""
    periods: dict[str, list[Period]] = {}
    for name, kind, start, end in connection.execute(
        "select distinct indicator_id, period_kind, period_start, period_end from cell order by all"
    ).fetchall():
        periods.setdefault(name, []).append(Period(kind, start, end))
    columns: dict[str, list[tuple[str, str]]] = {}
    for name, breakdown, value in connection.execute(
        """
        select indicator_id, breakdown, breakdown_value
        from cell
        group by indicator_id, breakdown, breakdown_value
        order by breakdown <> 'all', breakdown, breakdown_value
        """
    ).fetchall():
        columns.setdefault(name, []).append((breakdown, value))
    arrays: dict[str, Any] = connection.execute(
        """
        select
            cell,
            dense_rank() over (partition by indicator_id order by period_kind, period_start, period_end) - 1 as period,
            dense_rank() over (
                partition by indicator_id order by breakdown <> 'all', breakdown, breakdown_value
            ) - 1 as place,
            coalesce(numerator, 0) as numerator,
            coalesce(denominator, 0) as denominator,
            coalesce(children, 0) as children
        from cell
        order by indicator_id
        """
    ).fetchnumpy()
    first = 0
    for name, unit, is_about_children, cells in connection.execute(
        "select indicator_id, unit, is_about_children, count(*) from cell group by all order by indicator_id"
    ).fetchall():
        mine = slice(first, first + cells)
        first += cells
        counts = {key: values[mine] for key, values in arrays.items()}
        yield _indicator(name, unit, is_about_children, periods[name], columns[name], counts)


def _indicator(
    name: str,
    unit: str,
    is_about_children: bool,
    periods: list[Period],
    columns: list[tuple[str, str]],
    arrays: dict[str, NDArray[Any]],
) -> _Indicator:
    places = (arrays["period"], arrays["place"])

    def spread(values: NDArray[Any], fill: int = 0) -> Counts:
        filled = np.full((len(periods), len(columns)), fill, dtype=np.int64)
        filled[places] = values
        return filled

    numerator, denominator = spread(arrays["numerator"]), spread(arrays["denominator"])
    match unit:
        case _ if is_about_children:
            measures: tuple[Counts, ...] = (spread(arrays["children"]),)
        case "percent":
            measures = (numerator, np.clip(denominator - numerator, 0, None))
        case "count" | "rate_per_10000":
            measures = (numerator,)
        case _:  # a mean: what must be hidden is of how few it is
            measures = (denominator,)
    return _Indicator(name, periods, columns, measures, spread(arrays["cell"], -1), is_about_children)


@dataclass(frozen=True)
class _Part:
    """Counts of an indicator that one pattern hides. With ``is_share`` they are the two parts of a known number.

    ``signatures`` tell the counts apart from those of other indicators.
    """

    indicator: _Indicator
    measures: tuple[Counts, ...]
    is_share: bool
    signatures: frozenset[bytes]


def _parts_of(indicator: _Indicator) -> list[_Part]:
    """What of an indicator has to be hidden together.

    A percentage of what flows in a period is hidden whole. Of a state, such as the plans in force, the whole is often
    told by other indicators too, so the share is hidden as if the whole were known, and the whole only where it is
    small itself: else one small share among all the plans would hide how many plans there are.
    """
    known = np.ones((len(indicator.measures), len(indicator.periods)), dtype=bool)
    grid = Grid(indicator.periods, np.stack(indicator.measures), [], known)
    signatures = [_signature(indicator, measure) for measure in indicator.measures]
    if indicator.is_about_children:  # how many they are is told nowhere, so nothing else tells of it
        return [_Part(indicator, indicator.measures, False, frozenset([indicator.indicator_id.encode()]))]
    if len(indicator.measures) == 1:
        return [_Part(indicator, indicator.measures, False, frozenset(signatures))]
    whole = np.add(*indicator.measures)
    of_whole = _signature(indicator, whole)
    if not grid.is_of_states:
        return [_Part(indicator, indicator.measures, False, frozenset([*signatures, of_whole]))]
    return [
        _Part(indicator, indicator.measures, True, frozenset(signatures)),
        _Part(indicator, (whole,), False, frozenset([of_whole])),
    ]


def _signature(indicator: _Indicator, count: Counts) -> bytes:
    """The monthly totals of a count; where they could be another's by chance, something that is this count's alone."""
    months = [i for i, period in enumerate(indicator.periods) if period.kind == "month"]
    totals = count[months, 0]
    return totals.tobytes() if np.count_nonzero(totals) > 1 else f"{indicator.indicator_id} {id(count)}".encode()


def _families(parts: Sequence[_Part]) -> list[list[_Part]]:
    """Parts with a count in common, together: what one withholds the other must not tell."""
    families: list[tuple[frozenset[bytes], list[_Part]]] = []
    for part in parts:
        related = [family for family in families if family[0] & part.signatures]
        for family in related:
            families.remove(family)
        known = part.signatures.union(*(family[0] for family in related))
        families.append((known, [*(member for family in related for member in family[1]), part]))
    return [members for _, members in families]


def _grid_of(family: Sequence[_Part]) -> tuple[Grid, list[tuple[list[int], list[int]]]]:
    """One grid of all counts of a family, and where each part's periods and columns are in it."""
    periods = sorted({period for part in family for period in part.indicator.periods}, key=_in_order)
    columns = sorted({column for part in family for column in part.indicator.columns}, key=lambda c: (c != TOTAL, c))
    if not columns or columns[0] != TOTAL:
        columns.insert(0, TOTAL)
    place_of = {period: place for place, period in enumerate(periods)}
    column_of = {column: place for place, column in enumerate(columns)}
    places = []
    measures: list[Counts] = []
    known: list[Mask] = []
    partners: dict[int, int] = {}
    for part in family:
        of = part.indicator
        at = [place_of[period] for period in of.periods], [column_of[column] for column in of.columns]
        places.append(at)
        if part.is_share:
            first = len(measures)
            partners |= {first: first + 1, first + 1: first}
        for measure in part.measures:
            whole = np.zeros((len(periods), len(columns)), dtype=np.int64)
            whole[np.ix_(*at)] = measure
            measures.append(whole)
            known.append(np.isin(np.arange(len(periods)), at[0]))
    if not partners:
        for more, less, is_known in _differences(measures, known):
            measures.append(more - less)
            known.append(is_known)
    breakdowns: dict[str, list[int]] = {}
    for position, (breakdown, _) in enumerate(columns[1:], start=1):
        breakdowns.setdefault(breakdown, []).append(position)
    over_rows = np.maximum if family[0].indicator.is_about_children else np.add
    return Grid(periods, np.stack(measures), list(breakdowns.values()), np.stack(known), partners, over_rows), places


def _differences(measures: Sequence[Counts], known: Sequence[Mask]) -> list[tuple[Counts, Counts, Mask]]:
    """The pairs of which one count has more than the other everywhere: a reader has the difference by subtraction.

    So the plans with an exception are told by the figures that include and that exclude them.
    """
    pairs = []
    for i, more in enumerate(measures):
        for j, less in enumerate(measures):
            both = known[i] & known[j]
            if i != j and (more >= less)[both].all() and less[both].any() and (more > less)[both].any():
                shared = both[:, np.newaxis]
                pairs.append((more * shared, less * shared, both))
    return pairs


def _in_order(period: Period) -> tuple[str, date, date]:
    return period.kind, period.start, period.end


def _published(audience: str, round_to: int) -> str:
    """The SQL of one audience's rows of the indicators from ``$first`` to ``$last``.

    Everything but the rating comes from the counts as shown. Only a cell shown to the board has a rating, and the
    board has its exact figure, so the rating tells nothing more.
    """

    audiences = "catalogue.audience = 'public'" if audience == "public" else "true"

    def rounded(column: str) -> str:
        return f"(round({column} / {round_to}.0) * {round_to})::bigint" if round_to > 1 else column

    return f"""
    with shown as (
        select
            indicator.*,
            catalogue.unit,
            {IS_MEAN} as is_mean,
            (catalogue.is_person_count or is_mean or indicator.indicator_id in {ABOUT_CHILDREN})
            and {str(round_to > 1).lower()} as is_rounded,
            coalesce(pattern.{audience}, false) as is_withheld
        from dashboard.indicator
        inner join dashboard.indicator_catalogue as catalogue on indicator.indicator_id = catalogue.indicator_id
        left join cell on indicator.rowid = cell.figure
        left join pattern on cell.cell = pattern.cell
        where {audiences} and indicator.indicator_id between $first and $last
    ),

    cells as (
        select
            indicator_id,
            period_kind,
            period_start,
            period_end,
            is_complete,
            breakdown,
            breakdown_value,
            unit,
            target,
            benchmark,
            benchmark_name,
            case when not is_withheld then rag else 'none' end as rag,
            case
                when is_withheld or is_mean and is_rounded then null
                when is_rounded then {rounded("numerator")}
                else numerator
            end as numerator,
            case
                when is_withheld then null
                when is_rounded and unit <> 'rate_per_10000' then {rounded("denominator")}
                else denominator
            end as denominator,
            case
                when is_withheld then null
                when not is_rounded or is_mean or numerator = 0 then value
                when unit = 'percent' then 100.0 * {rounded("numerator")} / nullif({rounded("denominator")}, 0)
                else value * {rounded("numerator")} / numerator
            end as value,
            case
                when is_withheld then null
                when is_rounded then {rounded("children")}
                else children
            end as children,
            case when not is_withheld and not is_rounded then first_published_value end as first_published_value,
            first_published_at,
            is_revised and not is_withheld as is_revised,
            is_withheld as suppressed
        from shown
        union all by name
        select
            cell.indicator_id,
            cell.period_kind,
            cell.period_start,
            cell.period_end,
            cell.is_complete,
            cell.breakdown,
            cell.breakdown_value,
            cell.unit,
            'none' as rag,
            false as is_revised,
            true as suppressed
        from cell
        inner join pattern on cell.cell = pattern.cell
        inner join dashboard.indicator_catalogue as catalogue on cell.indicator_id = catalogue.indicator_id
        where
            cell.figure is null
            and pattern.{audience}
            and {audiences}
            and cell.indicator_id between $first and $last
    ),

    compared as (
        select
            now.*,
            now.value - before.value as change,
            now.value - year_before.value as change_on_year,
            case when now.unit = 'percent' and now.numerator between 0 and now.denominator and now.denominator > 0
                then now.numerator / now.denominator
            end as share,
            -- the sessions of one child go together, so the interval is that of as many children
            {Z_95} * {Z_95} / nullif(coalesce(now.children, now.denominator), 0) as spread
        from cells as now
        left join cells as before
            on
                now.indicator_id = before.indicator_id
                and now.period_kind = before.period_kind
                and now.breakdown = before.breakdown
                and now.breakdown_value = before.breakdown_value
                and before.period_end
                = indicators.end_before(now.period_kind, now.period_start, now.period_end)
        left join cells as year_before
            on
                now.indicator_id = year_before.indicator_id
                and now.period_kind = year_before.period_kind
                and now.breakdown = year_before.breakdown
                and now.breakdown_value = year_before.breakdown_value
                and year_before.period_start = (now.period_start - interval 1 year)::date
                and year_before.period_end = last_day((now.period_end - interval 1 year)::date)
    )

    select
        indicator_id,
        period_kind,
        period_start,
        period_end,
        is_complete,
        breakdown,
        breakdown_value,
        numerator,
        denominator,
        value,
        target,
        benchmark,
        benchmark_name,
        rag,
        change,
        change_on_year,
        first_published_value,
        first_published_at,
        is_revised,
        suppressed,
        case
            when suppressed then '{WITHHELD}'
            when value is null then '{NOT_AVAILABLE}'
            when unit = 'percent' then format('{{:.1f}}%', value)
            when unit = 'count' then format('{{:,}}', round(value)::bigint)
            when unit = 'pounds' then format('£{{:,}}', round(value)::bigint)
            else format('{{:.1f}}', value)
        end as shown,
        100 * case
            when share is not null
                then greatest(
                    0, (share + spread / 2 - sqrt(spread * (share * (1 - share) + spread / 4))) / (1 + spread)
                )
        end as lower,
        100 * case
            when share is not null
                then least(
                    1, (share + spread / 2 + sqrt(spread * (share * (1 - share) + spread / 4))) / (1 + spread)
                )
        end as upper
    from compared
    order by indicator_id, period_kind, period_start, period_end, breakdown <> 'all', breakdown, breakdown_value
    """
