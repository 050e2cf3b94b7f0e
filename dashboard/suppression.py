"""What may be shown of the indicators, and to whom: small counts and whatever would give them away are withheld.

The board's figures are exact by default, the public's rounded; the public is shown nothing that is withheld from the
board, so that both together tell no more than the board's alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

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

# Figures have their place by number: of millions, each is looked up several times. A span is a period, a series what
# one group of an indicator has in all of them; both are numbered in the order in which they are published.
PLACES = f"""
    create or replace temporary table span as
    select
        row_number() over (order by period_kind, period_start, period_end)::integer as span,
        period_kind,
        period_start,
        period_end
    from (select distinct period_kind, period_start, period_end from dashboard.indicator);

    create or replace temporary table span_before as
    select
        now.span,
        before.span as before,
        year_before.span as year_before
    from span as now
    left join span as before
        on
            now.period_kind = before.period_kind
            and before.period_end = indicators.end_before(now.period_kind, now.period_start, now.period_end)
    left join span as year_before
        on
            now.period_kind = year_before.period_kind
            and year_before.period_start = (now.period_start - interval 1 year)::date
            and year_before.period_end = last_day((now.period_end - interval 1 year)::date);

    create or replace temporary table series as
    select
        row_number() over (order by indicator_id, breakdown <> 'all', breakdown, breakdown_value)::integer as series,
        dense_rank() over (order by indicator_id)::integer as indicator_number,
        row_number() over (
            partition by indicator_id order by breakdown <> 'all', breakdown, breakdown_value
        )::integer - 1 as place,
        indicator_id,
        breakdown,
        breakdown_value
    from (select distinct indicator_id, breakdown, breakdown_value from dashboard.indicator);

    create or replace temporary table figure as
    select
        indicator.rowid as figure,
        series.series,
        span.span
    from dashboard.indicator
    inner join series using (indicator_id, breakdown, breakdown_value)
    inner join span using (period_kind, period_start, period_end);

    -- What counts persons, means over persons (who reads how many a mean is over counts children), and what is about
    -- some. A group with nothing in a period may have no row there; where it has to be withheld it needs one, so the
    -- cells of an indicator are all its groups in all its periods.
    create or replace temporary table counted as
    with counting as (
        select
            catalogue.indicator_id,
            catalogue.unit,
            catalogue.indicator_id in {ABOUT_CHILDREN} as is_about_children
        from dashboard.indicator_catalogue as catalogue
        where catalogue.is_person_count or {IS_MEAN} or is_about_children
    ),

    widths as (
        select
            indicator_number,
            indicator_id,
            count(*) as width
        from series
        group by indicator_number, indicator_id
    ),

    heights as (
        select
            series.indicator_number,
            count(distinct figure.span) as height
        from figure
        inner join series using (series)
        group by series.indicator_number
    )

    select
        indicator_number,
        counting.indicator_id,
        counting.unit,
        counting.is_about_children,
        widths.width,
        heights.height,
        (
            sum(widths.width * heights.height) over (order by indicator_number) - widths.width * heights.height
        )::bigint as first_cell
    from counting
    inner join widths using (indicator_id)
    inner join heights using (indicator_number);

    create or replace temporary table counted_period as
    select
        indicator_number,
        span,
        is_complete,
        row_number() over (partition by indicator_number order by span)::integer - 1 as period
    from (
        select
            series.indicator_number,
            figure.span,
            bool_and(indicator.is_complete) as is_complete
        from figure
        inner join series using (series)
        inner join counted using (indicator_number)
        inner join dashboard.indicator on figure.figure = indicator.rowid
        group by series.indicator_number, figure.span
    )
"""


@dataclass(frozen=True)
class _Indicator:
    """One indicator's counts: its measures (each periods x columns), and the number of its first cell.

    With ``is_about_children`` the measure is how many children its figures are about, again in each period.
    """

    number: int
    indicator_id: str
    periods: Sequence[Period]
    columns: Sequence[tuple[str, str]]
    measures: tuple[Counts, ...]
    first_cell: int
    is_about_children: bool

    @property
    def cells(self) -> slice:
        """Where its cells are among all of them: its periods one after the other, each with all columns."""
        return slice(self.first_cell, self.first_cell + len(self.periods) * len(self.columns))


def suppress(connection: duckdb.DuckDBPyConnection, board: DisclosureControl, public: DisclosureControl) -> None:
    """Writes ``dashboard.indicator_board`` and ``dashboard.indicator_public`` from ``dashboard.indicator``.

    Columns are the mart's, with what is withheld empty, and ``suppressed``, ``shown`` (the figure as text), ``lower``
    and ``upper`` (Wilson's 95 % interval of a percentage). The public's has the catalogue's public indicators alone.
    """
    make_period_macro(connection)
    connection.execute(PLACES)
    figures = _figures(connection)
    indicators = list(_indicators(connection, figures))
    count = max((indicator.cells.stop for indicator in indicators), default=0)
    flags = {audience: np.zeros(count, dtype=bool) for audience in AUDIENCES}
    for family in _families([part for indicator in indicators for part in _parts_of(indicator)]):
        grid, places = _grid_of(family)
        hidden = withheld(grid, board.below)
        for audience in AUDIENCES:
            if audience == "public":
                hidden = hidden | withheld(grid, public.below)
            for part, (periods, columns) in zip(family, places, strict=True):
                flags[audience][part.indicator.cells] |= hidden[np.ix_(periods, columns)].ravel()
    _note_pattern(connection, figures, indicators, flags)
    for audience, control in zip(AUDIENCES, (board, public), strict=True):
        for number, (first, last) in enumerate(_in_batches(connection)):
            into = "insert into" if number else "create or replace table"
            statement = f"{into} dashboard.indicator_{audience} {'' if number else 'as'}"
            connection.execute(f"{statement} {_published(audience, control.round_to)}", {"first": first, "last": last})
    connection.unregister("pattern")
    connection.unregister("gap")
    for table in ("span", "span_before", "series", "figure", "counted", "counted_period"):
        connection.execute(f"drop table {table}")


def _note_pattern(
    connection: duckdb.DuckDBPyConnection,
    figures: dict[str, NDArray[np.int64]],
    indicators: Sequence[_Indicator],
    flags: dict[str, NDArray[np.bool_]],
) -> None:
    """Registers what is withheld: ``pattern`` by figure, and ``gap`` where there is no figure but has to be a row."""
    is_flagged = flags["board"] | flags["public"]
    cells = figures["cell"][is_flagged[figures["cell"]]]
    own = {name: figures[name][is_flagged[figures["cell"]]] for name in ("figure", "series")}
    connection.register("pattern", pa.table({**own, **{audience: flags[audience][cells] for audience in AUDIENCES}}))
    has_figure = np.zeros(len(is_flagged), dtype=bool)
    has_figure[figures["cell"]] = True
    empty = np.flatnonzero(is_flagged & ~has_figure)
    firsts = np.array([indicator.first_cell for indicator in indicators], dtype=np.int64)
    widths = np.array([len(indicator.columns) for indicator in indicators], dtype=np.int64)
    numbers = np.array([indicator.number for indicator in indicators], dtype=np.int64)
    of = np.searchsorted(firsts, empty, side="right") - 1
    gap = {
        "indicator_number": numbers[of],
        "period": (empty - firsts[of]) // widths[of],
        "place": (empty - firsts[of]) % widths[of],
    }
    connection.register("gap", pa.table({**gap, **{audience: flags[audience][empty] for audience in AUDIENCES}}))


def _in_batches(connection: duckdb.DuckDBPyConnection) -> list[tuple[int, int]]:
    """The series in their order, as many indicators together as have some number of figures: first and last of each.

    It bounds the memory: an authority of hundreds of wards has millions of figures.
    """
    batches: list[tuple[int, int]] = []
    held = 0
    for first, last, figures in connection.execute(
        """
        select min(series.series), max(series.series), count(*)
        from figure
        inner join series using (series)
        group by series.indicator_number
        order by series.indicator_number
        """
    ).fetchall():
        if batches and held + figures <= FIGURES_AT_A_TIME:
            batches[-1] = (batches[-1][0], last)
        else:
            batches.append((first, last))
            held = 0
        held += figures
    return batches or [(0, 0)]


def _figures(connection: duckdb.DuckDBPyConnection) -> dict[str, NDArray[np.int64]]:
    """The figures that count persons: ``figure``, ``series``, ``cell`` and the counts, one array each."""
    arrays = connection.execute(
        """
        select
            figure.figure,
            figure.series,
            counted.first_cell + counted_period.period * counted.width + series.place as cell,
            coalesce(indicator.numerator, 0) as numerator,
            coalesce(indicator.denominator, 0) as denominator,
            coalesce(indicator.children, 0) as children
        from figure
        inner join series using (series)
        inner join counted using (indicator_number)
        inner join counted_period using (indicator_number, span)
        inner join dashboard.indicator on figure.figure = indicator.rowid
        """
    ).fetchnumpy()
    return {name: np.asarray(values, dtype=np.int64) for name, values in arrays.items()}


def _indicators(connection: duckdb.DuckDBPyConnection, figures: dict[str, NDArray[np.int64]]) -> Iterator[_Indicator]:
    """The indicators that count persons, each as arrays, in the order of their cells."""
    periods: dict[int, list[Period]] = {}
    for number, kind, start, end in connection.execute(
        """
        select counted_period.indicator_number, span.period_kind, span.period_start, span.period_end
        from counted_period
        inner join span using (span)
        order by counted_period.indicator_number, counted_period.period
        """
    ).fetchall():
        periods.setdefault(number, []).append(Period(kind, start, end))
    columns: dict[int, list[tuple[str, str]]] = {}
    for number, breakdown, value in connection.execute(
        "select indicator_number, breakdown, breakdown_value from series order by series"
    ).fetchall():
        columns.setdefault(number, []).append((breakdown, value))
    counted = connection.execute(
        "select indicator_number, indicator_id, unit, is_about_children, first_cell, width, height "
        "from counted order by indicator_number"
    ).fetchall()
    count = sum(width * height for *_, width, height in counted)
    spread = {name: np.zeros(count, dtype=np.int64) for name in ("numerator", "denominator", "children")}
    for name, values in spread.items():
        values[figures["cell"]] = figures[name]
    for number, name, unit, is_about_children, first_cell, width, height in counted:
        mine = slice(first_cell, first_cell + width * height)
        counts = {key: values[mine].reshape(height, width) for key, values in spread.items()}
        measures = _measures(unit, is_about_children, **counts)
        yield _Indicator(number, name, periods[number], columns[number], measures, first_cell, is_about_children)


def _measures(
    unit: str, is_about_children: bool, numerator: Counts, denominator: Counts, children: Counts
) -> tuple[Counts, ...]:
    """The counts of an indicator that must not be told where they are small."""
    match unit:
        case _ if is_about_children:
            return (children,)
        case "percent":
            return numerator, np.clip(denominator - numerator, 0, None)
        case "count" | "rate_per_10000":
            return (numerator,)
        case _:  # a mean: what must be hidden is of how few it is
            return (denominator,)


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
    """The SQL of one audience's rows of the series from ``$first`` to ``$last``.

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
            figure.series,
            figure.span,
            catalogue.unit,
            {IS_MEAN} as is_mean,
            (catalogue.is_person_count or is_mean or indicator.indicator_id in {ABOUT_CHILDREN})
            and {str(round_to > 1).lower()} as is_rounded,
            coalesce(pattern.{audience}, false) as is_withheld
        from dashboard.indicator
        inner join (
            select figure, series, span from figure where series between $first and $last
        ) as figure
            on indicator.rowid = figure.figure
        inner join dashboard.indicator_catalogue as catalogue on indicator.indicator_id = catalogue.indicator_id
        left join (
            select figure, {audience} from pattern where series between $first and $last
        ) as pattern
            on indicator.rowid = pattern.figure
        where {audiences}
    ),

    cells as (
        select
            series,
            span,
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
            series.series,
            span.span,
            series.indicator_id,
            span.period_kind,
            span.period_start,
            span.period_end,
            counted_period.is_complete,
            series.breakdown,
            series.breakdown_value,
            counted.unit,
            'none' as rag,
            false as is_revised,
            true as suppressed
        from gap
        inner join series on gap.indicator_number = series.indicator_number and gap.place = series.place
        inner join counted_period
            on gap.indicator_number = counted_period.indicator_number and gap.period = counted_period.period
        inner join span on counted_period.span = span.span
        inner join counted on gap.indicator_number = counted.indicator_number
        inner join dashboard.indicator_catalogue as catalogue on counted.indicator_id = catalogue.indicator_id
        where gap.{audience} and {audiences} and series.series between $first and $last
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
        inner join span_before on now.span = span_before.span
        left join cells as before on now.series = before.series and span_before.before = before.span
        left join cells as year_before
            on now.series = year_before.series and span_before.year_before = year_before.span
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
    order by indicator_id, span, series
    """
