"""One edition of the dashboard: the tables it publishes, and what its pages say, read from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import duckdb
import pyarrow as pa

from connectors.configuration import DashboardSettings
from connectors.errors import SendError
from dashboard.signals import find_signals
from dashboard.suppression import suppress
from dashboard.wording import value_in_words
from operations.store import RuleOutcome

PRODUCT = "dashboard"
SITES = {"board": "site", "public": "public"}
"""The folder of each audience's pages, beside the product's tables."""
PACK, WORKBOOK = "board-pack.pdf", "indicators.xlsx"
PERIOD_KINDS = ("month", "quarter", "year_to_date", "calendar_year", "academic_year")
MOST_GROUPS = 100
"""Of a breakdown into more groups, such as the wards of a whole region, pages and workbook show so many at most: the
largest of which something can be shown."""
LATE_COMMENT_RATINGS = ("red",)
"""The ratings that an accountable manager has to comment on."""


def write_tables(connection: duckdb.DuckDBPyConnection, settings: DashboardSettings, la_name: str) -> None:
    """Writes what the dashboard publishes, beside the marts ``indicator_catalogue`` and ``indicator_benchmark``.

    Reads ``dashboard.indicator``, ``core``, ``checks.finding`` and ``landing.run`` of the open warehouse.
    """
    suppress(connection, settings.board, settings.public)
    find_signals(connection)
    _name_areas(connection, settings.areas)
    connection.execute(
        """
        create or replace table dashboard.improvement_action as
        select action_id, area, action, officer, due_date, indicators, latest_rating, latest_rated_date
        from core.fct_improvement_action
        order by area, action_id
        """
    )
    connection.execute(
        """
        create or replace table dashboard.improvement_rating as
        select action_id, rated_date, rating, rating_comment
        from core.fct_improvement_rating
        order by action_id, rated_date
        """
    )
    connection.execute(
        """
        create or replace table dashboard.record_quality as
        select
            rule_id,
            any_value(rule_name) as rule_name,
            severity,
            owner,
            coalesce(extract, '') as extract,
            any_value(remedy) as remedy,
            count(*) as records,
            min(first_seen_at)::date as oldest_date
        from checks.finding
        group by rule_id, severity, owner, extract
        order by records desc, rule_id, extract
        """
    )
    connection.execute(
        """
        create or replace table dashboard.edition as
        select
            as_at,
            known_at,
            la_code,
            ?::varchar as la_name,
            ?::integer as board_below,
            ?::integer as board_round_to,
            ?::integer as public_below,
            ?::integer as public_round_to
        from landing.run
        """,
        [la_name, settings.board.below, settings.board.round_to, settings.public.below, settings.public.round_to],
    )


def _name_areas(connection: duckdb.DuckDBPyConnection, names: Mapping[str, str]) -> None:
    """Writes ``dashboard.area``: what each area is called by the council, else by the register of establishments.

    An area that nobody names keeps its code; where two have one name, their codes follow it.
    """
    connection.execute(
        """
        create or replace table dashboard.area as
        with areas as (
            select distinct breakdown_value as area
            from dashboard.indicator
            where breakdown = 'area' and breakdown_value <> 'Not known'
        ),

        wards as (
            select
                administrative_ward_code as area,
                max_by(administrative_ward_name, _delivery) as area_name
            from landing.gias__establishment
            where administrative_ward_name is not null
            group by administrative_ward_code
        ),

        named as (
            select
                areas.area,
                coalesce(map_extract_value($names::map(varchar, varchar), areas.area), wards.area_name, areas.area)
                    as area_name
            from areas
            -- left: a ward without a school is not in the register
            left join wards on areas.area = wards.area
        )

        select
            area,
            if(
                count(*) over (partition by area_name) > 1 and area_name <> area,
                concat(area_name, ' (', area, ')'),
                area_name
            ) as area_name
        from named
        order by area
        """,
        {"names": dict(names)},
    )


def note_checks(connection: duckdb.DuckDBPyConnection, results: Iterable[RuleOutcome]) -> None:
    """Writes how each check ended, which the page on how the dashboard was made tells."""
    connection.execute(
        "create or replace table dashboard.check_outcome "
        "(dataset varchar, rule_id varchar, name varchar, severity varchar, owner varchar, outcome varchar, "
        "failed_rows bigint)"
    )
    columns = ("dataset", "rule_id", "name", "severity", "owner", "outcome", "failed_rows")
    rows = sorted(tuple(getattr(result, column) for column in columns) for result in results)
    if rows:
        outcomes = pa.Table.from_pylist([dict(zip(columns, row, strict=True)) for row in rows])
        connection.register("outcomes", outcomes)
        connection.execute("insert into dashboard.check_outcome by name from outcomes")
        connection.unregister("outcomes")


@dataclass(frozen=True)
class Figure:
    """An indicator in one period and breakdown value, as this audience may see it."""

    period_kind: str
    period_start: date
    period_end: date
    is_complete: bool
    breakdown: str
    breakdown_value: str
    numerator: int | None
    denominator: int | None
    value: float | None
    target: float | None
    benchmark: float | None
    benchmark_name: str | None
    rag: str
    change: float | None
    change_on_year: float | None
    first_published_value: float | None
    is_revised: bool
    suppressed: bool
    shown: str
    lower: float | None
    upper: float | None


FIGURE_COLUMNS = tuple(Figure.__dataclass_fields__)


@dataclass(frozen=True)
class Signal:
    """What a month is beside the months around it: improvement, concern, change or common cause, and by which rule."""

    period_start: date
    mean: float
    lower_limit: float | None
    upper_limit: float | None
    rule: str | None
    signal: str


@dataclass(frozen=True)
class Comment:
    """What an accountable manager said of a month."""

    month: date
    text: str
    author: str
    at: datetime


@dataclass(frozen=True)
class Indicator:
    """An indicator with its figures: totals by kind of period in order of time, and breakdowns of the last periods.

    ``left_out`` says by breakdown how many groups there are besides, where there are more than ``MOST_GROUPS``.
    """

    indicator_id: str
    theme: str
    priority: str
    name: str
    question: str
    definition: str
    plain_english: str
    numerator_definition: str | None
    denominator_definition: str | None
    unit: str
    direction: str
    target: float | None
    owner: str
    cadence: str
    audience: str
    source: str
    statutory_basis: str | None
    benchmark_source: str | None
    is_person_count: bool
    not_broken_down: str | None
    totals: Mapping[str, Sequence[Figure]] = field(default_factory=dict)
    breakdowns: Mapping[str, Mapping[str, Mapping[str, Figure]]] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)
    signals: Sequence[Signal] = ()
    benchmarks: Sequence[tuple[int, str, str, float | None]] = ()
    comments: Sequence[Comment] = ()

    @property
    def latest(self) -> Figure | None:
        """The figure it is judged by: the last complete month's, or without months the last complete period's.

        Where that is withheld, or of nobody, it is the year to date's to the same month, if that can be shown. What has
        no complete period, as what only today's records tell has on the first day, is judged as it stands.
        """
        for kind in PERIOD_KINDS:
            complete = [figure for figure in self.totals.get(kind, ()) if figure.is_complete]
            if complete:
                last = complete[-1]
                years = [f for f in self.totals.get("year_to_date", ()) if f.period_end == last.period_end]
                return next((f for f in years if last.value is None and f.value is not None), last)
        return next((figures[-1] for kind in PERIOD_KINDS if (figures := self.totals.get(kind))), None)

    @property
    def to_date(self) -> Figure | None:
        """The calendar year to date."""
        running = self.totals.get("year_to_date", ())
        return running[-1] if running else None

    def last_of(self, kind: str) -> Figure:
        """The total of the period that the breakdowns of this kind are of."""
        figures = self.totals[kind]
        return next((f for f in reversed(figures) if f.is_complete or kind == "year_to_date"), figures[-1])

    @property
    def year_before(self) -> Figure | None:
        """The same period as the latest, a year before."""
        latest = self.latest
        if latest is None:
            return None
        year, month = latest.period_end.year - 1, latest.period_end.month
        figures = self.totals[latest.period_kind]
        return next((f for f in figures if (f.period_end.year, f.period_end.month) == (year, month)), None)

    @property
    def latest_signal(self) -> Signal | None:
        """What the latest month is: a signal or common cause; None where too few months are known."""
        latest = self.latest
        if latest is None or latest.period_kind != "month":
            return None
        return next((s for s in reversed(self.signals) if s.period_start == latest.period_start), None)

    @property
    def trend(self) -> Sequence[Figure]:
        """The totals its chart shows: months, or where most are withheld the finest periods that are mostly not."""
        for kind in ("month", "quarter", "calendar_year", "academic_year"):
            figures = [figure for figure in self.totals.get(kind, ()) if figure.is_complete]
            if figures and 2 * sum(figure.suppressed for figure in figures) <= len(figures):
                return figures
        return ()

    @property
    def breakdown_kind(self) -> str | None:
        """The kind of period its breakdowns are drawn for: the finest of which most values can be shown."""
        best, most = None, 0.0
        for kind in PERIOD_KINDS:
            figures = [f[kind] for values in self.breakdowns.values() for f in values.values() if kind in f]
            shown = sum(figure.value is not None for figure in figures)
            if figures and 2 * shown >= len(figures):
                return kind
            if figures and shown / len(figures) > most:
                best, most = kind, shown / len(figures)
        return best

    def comment_on(self, month: date) -> Comment | None:
        """What was said of the month."""
        return next((comment for comment in self.comments if comment.month == month.replace(day=1)), None)


@dataclass(frozen=True)
class Action:
    """An action of the improvement plan, with its ratings in order of time."""

    action_id: str
    area: str
    action: str
    officer: str | None
    due_date: date | None
    indicators: str | None
    latest_rating: str | None
    latest_rated_date: date | None
    ratings: Sequence[tuple[date, str, str | None]]


@dataclass(frozen=True)
class Edition:
    """What one audience's pages say. ``checks`` and ``quality`` are plain rows as the product has them."""

    audience: str
    la_name: str
    as_at: date
    known_at: datetime
    below: int
    round_to: int
    indicators: Sequence[Indicator]
    actions: Sequence[Action]
    quality: Sequence[Mapping[str, Any]]
    checks: Sequence[Mapping[str, Any]]

    @property
    def by_priority(self) -> Mapping[str, Sequence[Indicator]]:
        """The indicators under the priority each belongs to, in the catalogue's order."""
        grouped: dict[str, list[Indicator]] = {}
        for indicator in self.indicators:
            grouped.setdefault(indicator.priority, []).append(indicator)
        return grouped

    @property
    def exceptions(self) -> Sequence[Indicator]:
        """The indicators rated red in their latest period."""
        return [i for i in self.indicators if i.latest is not None and i.latest.rag in LATE_COMMENT_RATINGS]


def _rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    answer = connection.execute(query)
    names = [column[0] for column in answer.description or []]
    return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]


class OfAnotherRelease(SendError):
    """The published tables are not those that this release makes."""


def read_edition(
    connection: duckdb.DuckDBPyConnection,
    audience: str,
    comments: Mapping[str, Sequence[Comment]] | None = None,
) -> Edition:
    """What the pages of ``audience`` say, from the product's tables. The public's has no comments and no plan.

    Raises ``OfAnotherRelease`` where the tables were published before an update that changed them.
    """
    try:
        return _read_edition(connection, audience, comments)
    except (duckdb.CatalogException, duckdb.BinderException):
        raise OfAnotherRelease(
            "The dashboard that stands was published by another release of this software, and its pages stay as they "
            "are. Publish it anew: send run"
        ) from None


def _read_edition(
    connection: duckdb.DuckDBPyConnection, audience: str, comments: Mapping[str, Sequence[Comment]] | None
) -> Edition:
    (about,) = _rows(connection, "from edition")
    is_board = audience == "board"
    totals = _totals(connection, audience)
    areas = dict(connection.execute("select area, area_name from area").fetchall())
    breakdowns = _breakdowns(connection, audience, areas)
    left_out = _left_out(connection, audience)
    signals: dict[str, list[Signal]] = {}
    for row in _rows(
        connection,
        f"select indicator_id, period_start, mean, lower_limit, upper_limit, rule, signal "
        f"from signal_{audience} order by indicator_id, period_start",
    ):
        signals.setdefault(row.pop("indicator_id"), []).append(Signal(**row))
    benchmarks: dict[str, list[tuple[int, str, str, float | None]]] = {}
    for name, *figures in connection.execute(
        "select indicator_id, calendar_year, area_kind, area_name, value from indicator_benchmark "
        "order by indicator_id, calendar_year, area_kind"
    ).fetchall():
        benchmarks.setdefault(name, []).append((figures[0], figures[1], figures[2], figures[3]))
    wanted = [name for name in Indicator.__dataclass_fields__ if name not in _FOUND_APART]
    catalogue = _rows(
        connection,
        f"select {', '.join(wanted)} from indicator_catalogue "
        + ("" if is_board else "where audience = 'public' ")
        + "order by position",
    )
    return Edition(
        audience=audience,
        la_name=about["la_name"],
        as_at=about["as_at"],
        known_at=about["known_at"],
        below=about[f"{audience}_below"],
        round_to=about[f"{audience}_round_to"],
        indicators=[
            Indicator(
                **row,
                totals=totals.get(row["indicator_id"], {}),
                breakdowns=breakdowns.get(row["indicator_id"], {}),
                left_out=left_out.get(row["indicator_id"], {}),
                signals=signals.get(row["indicator_id"], ()),
                benchmarks=benchmarks.get(row["indicator_id"], ()),
                comments=(comments or {}).get(row["indicator_id"], ()) if is_board else (),
            )
            for row in catalogue
        ],
        actions=_actions(connection) if is_board else (),
        quality=_rows(connection, "from record_quality") if is_board else (),
        checks=_rows(connection, "from check_outcome"),
    )


_FOUND_APART = ("totals", "breakdowns", "left_out", "signals", "benchmarks", "comments")


def _totals(connection: duckdb.DuckDBPyConnection, audience: str) -> dict[str, dict[str, list[Figure]]]:
    found: dict[str, dict[str, list[Figure]]] = {}
    for name, *values in connection.execute(
        f"select indicator_id, {', '.join(FIGURE_COLUMNS)} from indicator_{audience} "
        "where breakdown = 'all' order by indicator_id, period_kind, period_end"
    ).fetchall():
        figure = Figure(*values)
        found.setdefault(name, {}).setdefault(figure.period_kind, []).append(figure)
    return found


def _grouped(audience: str) -> str:
    """A CTE ``grouped``: the figures of groups in the last periods, and whether each is one of those to be told.

    Of a breakdown into more groups than ``MOST_GROUPS`` these are the largest of which something can be shown. Sizes
    are as published: what is withheld of a group does not give it its place.
    """
    return f"""
        with last_periods as (
            select
                indicator_id,
                period_kind,
                coalesce(
                    max(period_end) filter (is_complete or period_kind = 'year_to_date'), max(period_end)
                ) as period_end
            from indicator_{audience}
            where breakdown = 'all'
            group by indicator_id, period_kind
        ),

        figures as (
            select figure.*
            from indicator_{audience} as figure
            inner join last_periods
                on
                    figure.indicator_id = last_periods.indicator_id
                    and figure.period_kind = last_periods.period_kind
                    and figure.period_end = last_periods.period_end
            where figure.breakdown <> 'all'
        ),

        places as (
            select
                indicator_id,
                breakdown,
                breakdown_value,
                bool_or(value is not null) as is_shown,
                row_number() over (
                    partition by indicator_id, breakdown
                    order by max(coalesce(denominator, numerator)) desc nulls last, breakdown_value
                ) as place,
                count(*) over (partition by indicator_id, breakdown) as groups,
                groups <= {MOST_GROUPS} or place = 1 or place <= {MOST_GROUPS} and is_shown as is_told
            from figures
            group by indicator_id, breakdown, breakdown_value
        ),

        grouped as (select * from figures inner join places using (indicator_id, breakdown, breakdown_value))
    """


def _breakdowns(
    connection: duckdb.DuckDBPyConnection, audience: str, areas: Mapping[str, str]
) -> dict[str, dict[str, dict[str, dict[str, Figure]]]]:
    """By indicator, breakdown, value in words and kind of period: the figure of the period that ``last_of`` gives.

    Of a breakdown into many groups the largest, as ``left_out`` says.
    """
    found: dict[str, dict[str, dict[str, dict[str, Figure]]]] = {}
    for name, *values in connection.execute(
        f"""
        {_grouped(audience)}

        select indicator_id, {", ".join(FIGURE_COLUMNS)}
        from grouped
        where is_told
        order by indicator_id, breakdown, breakdown_value
        """
    ).fetchall():
        figure = Figure(*values)
        kinds = found.setdefault(name, {}).setdefault(figure.breakdown, {}).setdefault(figure.breakdown_value, {})
        kinds[figure.period_kind] = figure
    return {
        name: {breakdown: _in_words(breakdown, values, areas) for breakdown, values in breakdowns.items()}
        for name, breakdowns in found.items()
    }


def _in_words(
    breakdown: str, values: Mapping[str, dict[str, Figure]], areas: Mapping[str, str]
) -> dict[str, dict[str, Figure]]:
    """What was found of each value by its words, and by the value itself where another's words are the same."""
    words = {value: value_in_words(breakdown, value, areas) for value in values}
    times = Counter(words.values())
    return {words[value] if times[words[value]] == 1 else value: found for value, found in values.items()}


def _left_out(connection: duckdb.DuckDBPyConnection, audience: str) -> dict[str, dict[str, int]]:
    """By indicator and breakdown: how many groups are not told, of those that are too many."""
    found: dict[str, dict[str, int]] = {}
    for name, breakdown, count in connection.execute(
        f"""
        {_grouped(audience)}

        select indicator_id, breakdown, count(distinct breakdown_value)
        from grouped
        where not is_told
        group by indicator_id, breakdown
        """
    ).fetchall():
        found.setdefault(name, {})[breakdown] = count
    return found


def _actions(connection: duckdb.DuckDBPyConnection) -> list[Action]:
    ratings: dict[str, list[tuple[date, str, str | None]]] = {}
    for action, *rating in connection.execute(
        "select action_id, rated_date, rating, rating_comment from improvement_rating order by all"
    ).fetchall():
        ratings.setdefault(action, []).append((rating[0], rating[1], rating[2]))
    return [
        Action(**row, ratings=ratings.get(row["action_id"], ())) for row in _rows(connection, "from improvement_action")
    ]
