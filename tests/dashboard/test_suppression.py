"""Nobody can work out a small count from all that is published."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from connectors.configuration import DisclosureControl
from dashboard import suppression
from dashboard.patterns import Grid, Period, incidence, withheld
from dashboard.suppression import suppress
from tests.dashboard.attack import Attacker, Unknowns, attack
from tests.dashboard.invented import invented_indicators

BOARD, PUBLIC = DisclosureControl(below=5), DisclosureControl(below=8, round_to=5)
BOTH = {"dashboard.indicator_board": 1, "dashboard.indicator_public": 5}


def suppressed(**borough: float) -> duckdb.DuckDBPyConnection:
    connection = invented_indicators(**borough)  # type: ignore[arg-type]
    suppress(connection, BOARD, PUBLIC)
    return connection


@pytest.fixture(scope="module")
def borough() -> Iterator[duckdb.DuckDBPyConnection]:
    with suppressed(seed=883, months=20, monthly=30) as connection:
        yield connection


def withheld_cells(connection: duckdb.DuckDBPyConnection, audience: str) -> int:
    ((count,),) = connection.execute(f"select count(*) from dashboard.indicator_{audience} where suppressed").fetchall()
    return int(count)


def small_counts(
    connection: duckdb.DuckDBPyConnection, unknowns: Unknowns, limit: int, of: str = "timeliness0", kind: str = "%"
) -> list[dict[int, float]]:
    """Counts from 1 to 4 that are so or are not so, of every kind of period and every breakdown, some of them."""
    rows = connection.execute(
        """
        select period_start, period_end, breakdown, breakdown_value, numerator, denominator - numerator
        from dashboard.indicator
        where
            indicator_id = ?
            and period_kind like ?
            and (numerator between 1 and 4 or denominator - numerator between 1 and 4)
        order by period_kind = 'month', hash(period_kind, period_start, breakdown_value)
        limit ?
        """,
        [of, kind, limit],
    ).fetchall()
    return [
        total
        for start, end, *column, so, not_so in rows
        for total, count in zip(unknowns.sums_of(start, end, (column[0], column[1])), (so, not_so), strict=True)
        if 1 <= count <= 4
    ]


@pytest.mark.parametrize(("seed", "monthly"), [(1, 6), (2, 15), (3, 30), (4, 60), (5, 110)])
def test_an_integer_programme_over_both_audiences_cannot_pin_a_count_of_1_to_4(seed: int, monthly: float) -> None:
    with suppressed(seed=seed, months=16, monthly=monthly, is_sparse=seed % 2 == 1) as connection:
        attacker, unknowns = attack(connection, BOTH, "timeliness0", "issued0")
        targets = small_counts(connection, unknowns, 24)
        ranges = list(attacker.ranges(targets))
    assert ranges
    assert [r for r in ranges if r[0] == r[1] or (r[0] >= 1 and r[1] <= 4)] == []


@pytest.mark.parametrize(("seed", "monthly"), [(6, 4), (7, 12), (8, 25)])
def test_a_small_share_of_a_known_number_cannot_be_pinned(seed: int, monthly: float) -> None:
    """Of the plans in force all are told, and who of them was not visited are few."""
    with suppressed(seed=seed, months=8, monthly=monthly) as connection:
        attacker, unknowns = attack(connection, BOTH, "visited0", "active0", "month")
        ranges = list(attacker.ranges(small_counts(connection, unknowns, 24, "visited0", "month")))
    assert ranges
    assert [r for r in ranges if r[0] == r[1] or (r[0] >= 1 and r[1] <= 4)] == []


def test_a_small_share_hides_not_how_many_there_are(borough: duckdb.DuckDBPyConnection) -> None:
    hidden = borough.execute(
        """
        select count(*) filter (share.suppressed), count(*) filter (whole.suppressed)
        from dashboard.indicator_board as share
        inner join dashboard.indicator_board as whole
            on
                whole.indicator_id = 'active0' and share.indicator_id = 'visited0'
                and share.period_kind = whole.period_kind and share.period_start = whole.period_start
                and share.breakdown = 'all' and whole.breakdown = 'all' and whole.numerator >= 5
        """
    ).fetchall()
    assert hidden[0][0] > 0
    assert hidden[0][1] == 0


def test_withholding_the_small_counts_alone_would_not_do(borough: duckdb.DuckDBPyConnection) -> None:
    """The same attack succeeds on what a naive suppression publishes, so it has teeth."""
    borough.execute(
        """
        create or replace table naive as
        select
            *,
            numerator between 1 and 4 or coalesce(denominator - numerator between 1 and 4, false) as is_small
        from dashboard.indicator
        """
    )
    borough.execute("update naive set numerator = null, denominator = null, value = null where is_small")
    attacker, unknowns = attack(borough, {"naive": 1}, "timeliness0", "issued0")
    ranges = list(attacker.ranges(small_counts(borough, unknowns, 24)))
    assert any(low == high for low, high in ranges)


def test_rounding_small_counts_away_alone_would_not_do() -> None:
    """A total of 22 shown as 20, parts of 8 and 13 as 10 and 15: what is left is 1, though everything was rounded."""
    attacker = Attacker(3)
    attacker.learn({0: 1, 1: 1, 2: 1}, 18, 22)
    attacker.learn({0: 1}, 8, 12)
    attacker.learn({1: 1}, 13, 17)
    attacker.learn({2: 1}, 1, 7)
    assert list(attacker.ranges([{2: 1}])) == [(1, 1)]


MONTHS = [date(2025, month, 1) for month in range(7, 13)]


def year_of(counts: np.ndarray) -> Grid:
    """Six months by two breakdowns (of 2 and 3 values) of the same children, with their quarters and the half year."""
    ends = [*(start - timedelta(days=1) for start in MONTHS[1:]), date(2025, 12, 31)]
    periods = [Period("month", start, end) for start, end in zip(MONTHS, ends, strict=True)]
    periods += [Period("quarter", MONTHS[i], ends[i + 2]) for i in (0, 3)]
    periods += [Period("year_to_date", MONTHS[0], end) for end in ends]
    periods += [Period("academic_year", MONTHS[2], ends[5])]
    table = np.concatenate(
        [counts.sum(axis=(2, 3))[:, :, None], counts.sum(axis=3), counts.sum(axis=2)], axis=2
    )  # measures x months x (all, two values, three values)
    rows = [[i for i, s in enumerate(MONTHS) if period.start <= s <= period.end] for period in periods]
    counts = np.stack([table[:, row].sum(axis=1) for row in rows], axis=1)
    return Grid(periods, counts, [[1, 2], [3, 4, 5]], np.ones(counts.shape[:2], dtype=bool))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    arrays.arrays(
        np.int64, (2, 6, 2, 3), elements=st.one_of(st.just(0), st.integers(0, 3), st.integers(0, 3), st.integers(0, 30))
    ),
    st.integers(3, 8),
)
def test_no_small_count_of_a_random_table_can_be_pinned(counts: np.ndarray, below: int) -> None:
    grid = year_of(counts)
    hidden = withheld(grid, below)
    rows, summed = incidence(grid)
    measures, _, columns = grid.counts.shape
    attacker = Attacker(measures * len(rows) * columns)

    def total(measure: int, period: int, column: int) -> dict[int, float]:
        return {(measure * len(rows) + int(row)) * columns + column: 1.0 for row in np.flatnonzero(summed[period])}

    targets, truths = [], []
    for measure in range(measures):
        for period in range(len(rows)):
            for breakdown in grid.breakdowns:
                parts: dict[int, float] = {}
                for column in breakdown:
                    parts |= total(measure, period, column)
                attacker.learn(parts | dict.fromkeys(total(measure, period, 0), -1.0), 0, 0)
        for period in range(len(grid.periods)):
            for column in range(columns):
                count = int(grid.counts[measure, period, column])
                if not hidden[period, column]:
                    attacker.learn(total(measure, period, column), count, count)
                if 0 < count < below and (period + column) % 3 == 0:
                    targets.append(total(measure, period, column))
                    truths.append(count)
    ranges = list(attacker.ranges(targets))
    assert [r for r in ranges if r[0] == r[1] or (r[0] >= 1 and r[1] < below)] == []


@pytest.mark.parametrize("audience", ["board", "public"])
def test_a_withheld_figure_is_told_by_nothing_beside_it(borough: duckdb.DuckDBPyConnection, audience: str) -> None:
    told = borough.execute(
        f"""
        select count(*), count(numerator), count(denominator), count(value), count(lower), count(upper), count(change),
            count(change_on_year), count(first_published_value), count(*) filter (rag <> 'none' or shown <> '[c]')
        from dashboard.indicator_{audience}
        where suppressed
        """
    ).fetchall()
    assert told[0][0] > 0
    assert told[0][1:] == (0,) * 9


def test_the_public_is_shown_nothing_that_the_board_is_not(borough: duckdb.DuckDBPyConnection) -> None:
    only_public = borough.execute(
        """
        select count(*)
        from dashboard.indicator_public as public
        inner join dashboard.indicator_board as board
            using (indicator_id, period_kind, period_start, period_end, breakdown, breakdown_value)
        where board.suppressed and not public.suppressed
        """
    ).fetchall()
    assert only_public == [(0,)]


def test_public_counts_are_rounded_to_5_and_none_is_below_8(borough: duckdb.DuckDBPyConnection) -> None:
    wrong = borough.execute(
        """
        select public.numerator, public.denominator
        from dashboard.indicator_public as public
        inner join dashboard.indicator as exact
            using (indicator_id, period_kind, period_start, period_end, breakdown, breakdown_value)
        where
            public.numerator % 5 <> 0 or public.denominator % 5 <> 0
            or (not suppressed and exact.numerator between 1 and 7)
            or abs(public.numerator - exact.numerator) > 2
            or abs(public.value - 100 * public.numerator / public.denominator) > 1e-9
        """
    ).fetchall()
    assert wrong == []


def test_a_shown_zero_stays_a_zero(borough: duckdb.DuckDBPyConnection) -> None:
    shown = borough.execute(
        """
        select distinct public.shown
        from dashboard.indicator_public as public
        inner join dashboard.indicator as exact
            using (indicator_id, period_kind, period_start, period_end, breakdown, breakdown_value)
        where indicator_id = 'issued0' and exact.numerator = 0 and not suppressed
        """
    ).fetchall()
    assert shown in ([("0",)], [])


def test_figures_that_count_no_children_are_shown_as_they_are(borough: duckdb.DuckDBPyConnection) -> None:
    different = borough.execute(
        """
        select count(*), count(*) filter (board.numerator <> exact.numerator or suppressed)
        from dashboard.indicator_board as board
        inner join dashboard.indicator as exact
            using (indicator_id, period_kind, period_start, period_end, breakdown, breakdown_value)
        where indicator_id = 'training0' and exact.numerator between 1 and 4
        """
    ).fetchall()
    assert different[0][0] > 0
    assert different[0][1] == 0


MEANS_OVER_FEW = """
    select count(*), count(board.value), count(board.denominator)
    from dashboard.indicator_board as board
    inner join dashboard.indicator as exact
        using (indicator_id, period_kind, period_start, period_end, breakdown, breakdown_value)
    where indicator_id = 'waits0' and exact.denominator between 1 and 4
"""


def test_a_mean_over_few_is_withheld(borough: duckdb.DuckDBPyConnection) -> None:
    ((few, values, denominators),) = borough.execute(MEANS_OVER_FEW).fetchall()
    assert few > 0
    assert (values, denominators) == (0, 0)


def test_what_few_places_cost_on_average_is_withheld_like_any_mean() -> None:
    with invented_indicators(seed=11, months=14, monthly=25) as connection:
        connection.execute(
            "update dashboard.indicator_catalogue set unit = 'pounds', is_person_count = false "
            "where indicator_id = 'waits0'"
        )
        suppress(connection, DisclosureControl(below=5), DisclosureControl(below=8, round_to=5))
        ((few, values, denominators),) = connection.execute(MEANS_OVER_FEW).fetchall()
    assert few > 0
    assert (values, denominators) == (0, 0)


def test_the_sessions_of_few_children_are_withheld_by_how_many_the_children_are() -> None:
    with invented_indicators(seed=11, months=14, monthly=25) as connection:
        connection.execute(
            "update dashboard.indicator_catalogue set unit = 'percent', is_person_count = false "
            "where indicator_id = 'waits0'"
        )
        connection.execute(
            "update dashboard.indicator set children = denominator, numerator = 113 * denominator, "
            "denominator = 120 * denominator, value = 113 / 1.2 where indicator_id = 'waits0'"
        )
        suppress(connection, BOARD, PUBLIC)
        figures = connection.execute(
            """
            select exact.children between 1 and 4, board.suppressed, board.shown, board.upper - board.lower > 25,
                public.numerator % 5, public.suppressed >= board.suppressed
            from dashboard.indicator_board as board
            inner join dashboard.indicator as exact
                using (indicator_id, period_kind, period_start, period_end, breakdown, breakdown_value)
            inner join dashboard.indicator_public as public
                using (indicator_id, period_kind, period_start, period_end, breakdown, breakdown_value)
            where indicator_id = 'waits0' and exact.children > 0
            """
        ).fetchall()
    assert {(suppressed, shown) for few, suppressed, shown, *_ in figures if few} == {(True, "[c]")}
    assert (False, "94.2%") in {(suppressed, shown) for few, suppressed, shown, *_ in figures if not few}
    assert {is_wide for _, suppressed, _, is_wide, *_ in figures if not suppressed} == {True, False}
    assert {rest for *_, rest, _ in figures} == {None, 0}
    assert all(is_kept for *_, is_kept in figures)


def test_pounds_spent_on_few_children_are_withheld_and_cannot_be_had_by_subtraction() -> None:
    """What is withheld of a month and a breakdown is together of nobody or of five children and more."""
    with invented_indicators(seed=12, months=14, monthly=25) as connection:
        connection.execute(
            "update dashboard.indicator_catalogue set unit = 'pounds', is_person_count = false, "
            "denominator_definition = null where indicator_id = 'issued0'"
        )
        connection.execute(
            "update dashboard.indicator set children = numerator, numerator = 901 * numerator, "
            "value = 901 * numerator where indicator_id = 'issued0'"
        )
        suppress(connection, BOARD, PUBLIC)
        shown = connection.execute(
            "select distinct board.suppressed from dashboard.indicator_board as board inner join dashboard.indicator "
            "as exact using (indicator_id, period_kind, period_start, period_end, breakdown, breakdown_value) "
            "where indicator_id = 'issued0' and exact.children between 1 and 4"
        ).fetchall()
        differences = connection.execute(
            """
            select total.period_start, part.breakdown, sum(exact.children) filter (part.suppressed) as hidden
            from dashboard.indicator_board as total
            inner join dashboard.indicator_board as part
                using (indicator_id, period_kind, period_start, period_end)
            inner join dashboard.indicator as exact
                on (exact.indicator_id, exact.period_kind, exact.period_start, exact.period_end,
                    exact.breakdown, exact.breakdown_value)
                = (part.indicator_id, part.period_kind, part.period_start, part.period_end,
                    part.breakdown, part.breakdown_value)
            where
                total.indicator_id = 'issued0' and total.breakdown = 'all' and not total.suppressed
                and part.breakdown <> 'all'
            group by total.period_kind, total.period_start, total.period_end, part.breakdown
            having hidden > 0
            """
        ).fetchall()
    assert shown == [(True,)]
    assert differences
    assert [difference for difference in differences if difference[-1] < 5] == []


def test_the_public_has_the_public_indicators_alone(borough: duckdb.DuckDBPyConnection) -> None:
    names = borough.execute("select distinct indicator_id from dashboard.indicator_public order by all").fetchall()
    assert names == [("active0",), ("issued0",), ("timeliness0",), ("visited0",), ("waits0",)]


def test_a_board_may_choose_to_see_every_count(borough: duckdb.DuckDBPyConnection) -> None:
    with invented_indicators(months=6, monthly=8) as connection:
        suppress(connection, DisclosureControl(below=0), PUBLIC)
        assert connection.execute("select count(*) from dashboard.indicator_board where suppressed").fetchall() == [
            (0,)
        ]
        assert connection.execute("select count(*) from dashboard.indicator_public where suppressed").fetchall() > [
            (0,)
        ]


def test_an_interval_is_wilsons() -> None:
    """50 of 80 is 62.5 %, between 51.55 % and 72.31 % (Wilson 1927, z = 1.96)."""
    with invented_indicators(months=1, monthly=40) as connection:
        connection.execute("update dashboard.indicator set numerator = 50, denominator = 80, value = 62.5")
        suppress(connection, DisclosureControl(below=0), DisclosureControl(below=0))
        (interval,) = connection.execute(
            """
            select round(lower, 2), round(upper, 2) from dashboard.indicator_board
            where indicator_id = 'timeliness0' and breakdown = 'all' and period_kind = 'month'
            """
        ).fetchall()
        assert interval == (51.55, 72.31)


def test_a_large_months_figures_are_all_shown() -> None:
    """Where no count is small nothing is withheld: suppression costs nothing there."""
    with invented_indicators(months=4, monthly=2000) as connection:
        suppress(connection, BOARD, PUBLIC)
        connection.execute("delete from dashboard.indicator_public where indicator_id = 'visited0'")  # a small share
        assert withheld_cells(connection, "public") == 0


CENSUSES = [date(2025, 1, 1), date(2025, 5, 1), date(2025, 10, 1), date(2026, 1, 1), date(2026, 5, 1)]


def terms_of(children: np.ndarray) -> Grid:
    """What is about children at five censuses (children x censuses: two breakdowns' values, or -1 where absent)."""
    last = [start + timedelta(days=30) for start in CENSUSES]
    spans = [("month", start, end) for start, end in zip(CENSUSES, last, strict=True)]
    spans += [("calendar_year", date(2025, 1, 1), date(2025, 12, 31)), ("calendar_year", date(2026, 1, 1), last[4])]
    spans += [("academic_year", date(2024, 9, 1), date(2025, 8, 31)), ("academic_year", date(2025, 9, 1), last[4])]
    spans += [("year_to_date", date(end.year, 1, 1), end) for end in last]
    is_here = children[:, :, 0] >= 0
    columns = [is_here, *(is_here & (children[:, :, b] == v) for b, values in ((0, 2), (1, 3)) for v in range(values))]
    table = np.stack([column.sum(axis=0) for column in columns], axis=1)
    rows = [[i for i, s in enumerate(CENSUSES) if start <= s <= end] for _, start, end in spans]
    counts = np.stack([table[row].sum(axis=0) for row in rows])[np.newaxis]
    known = np.ones(counts.shape[:2], dtype=bool)
    return Grid([Period(*span) for span in spans], counts, [[1, 2], [3, 4, 5]], known, over_rows=np.maximum)


def is_worked_out(target: np.ndarray, known: np.ndarray) -> bool:
    """Whether sums that are known give the target by adding and subtracting."""
    return bool(np.linalg.matrix_rank(np.vstack([known, target])) == np.linalg.matrix_rank(known))


@pytest.mark.parametrize("below", [5, 8])
def test_no_figure_about_fewer_children_is_told_though_they_come_again_at_every_census(below: int) -> None:
    """The sessions of few children, in any period, are not given by those that are published, added and subtracted."""
    rng = np.random.default_rng(883)
    withheld_figures = shown_figures = 0
    for _ in range(150):
        number = int(rng.integers(1, 45))
        values = np.stack([rng.integers(0, 2, (number, 1)) * np.ones((1, 5), int), rng.integers(0, 3, (number, 5))], 2)
        values[:, :, 0] *= rng.random((number, 1)) < 0.5  # one group is small
        values[rng.random((number, 5)) < 0.15] = -1
        grid = terms_of(values)
        hidden = withheld(grid, below)
        rows, summed = incidence(grid)
        assert rows == list(range(5))

        def sum_of(period: int, column: int, summed: np.ndarray = summed) -> np.ndarray:
            place = np.zeros(6)
            place[column] = 1
            return np.outer(summed[period], place).ravel()

        identities = [
            sum(sum_of(row, column) for column in breakdown) - sum_of(row, 0)
            for row in rows
            for breakdown in grid.breakdowns
        ]
        places = [(period, column) for period in range(len(grid.periods)) for column in range(6)]
        known = np.stack([*identities, *(sum_of(*place) for place in places if not hidden[place])])
        for period, column in places:
            here = values[:, summed[period]]
            is_here = here[:, :, 0] >= 0
            if column:
                is_here = is_here & ((here[:, :, 0] == column - 1) if column < 3 else (here[:, :, 1] == column - 3))
            children = int(is_here.any(axis=1).sum())
            shown_figures += not hidden[period, column]
            if 0 < children < below:
                withheld_figures += 1
                assert hidden[period, column]
                assert not is_worked_out(sum_of(period, column), known)
    assert withheld_figures > 500
    assert shown_figures > 500


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    arrays.arrays(np.int64, (2, 2, 3), elements=st.one_of(st.integers(0, 3), st.integers(0, 9), st.integers(0, 30))),
    st.integers(3, 8),
)
def test_no_small_share_of_a_random_state_can_be_pinned_by_who_knows_the_whole(counts: np.ndarray, below: int) -> None:
    """One month, two breakdowns (of 2 and 3 values); the whole is known everywhere, of the share what is not hidden."""
    table = np.concatenate([counts.sum(axis=(1, 2))[:, None], counts.sum(axis=2), counts.sum(axis=1)], axis=1)
    month = Period("month", date(2026, 1, 1), date(2026, 1, 31))
    breakdowns = [[1, 2], [3, 4, 5]]
    grid = Grid([month], table[:, None, :], breakdowns, np.ones((2, 1), dtype=bool), {0: 1, 1: 0})
    hidden = withheld(grid, below)[0]
    attacker = Attacker(12)
    for measure in (0, 1):
        for parts in breakdowns:
            attacker.learn({6 * measure + part: 1.0 for part in parts} | {6 * measure: -1.0}, 0, 0)
    for column in range(6):
        whole = int(table[:, column].sum())
        attacker.learn({column: 1, 6 + column: 1}, whole, whole)
        if not hidden[column]:
            attacker.learn({column: 1}, int(table[0, column]), int(table[0, column]))
    places = [(m, c) for m in (0, 1) for c in range(6) if 0 < table[m, c] < below]
    ranges = list(attacker.ranges([{6 * measure + column: 1.0} for measure, column in places]))
    assert [r for r in ranges if r[0] == r[1] or (r[0] >= 1 and r[1] < below)] == []


def test_taken_a_few_indicators_at_a_time_the_figures_are_the_same(
    borough: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suppression, "FIGURES_AT_A_TIME", 1)
    again = suppressed(seed=883, months=20, monthly=30)
    for table in ("dashboard.indicator_board", "dashboard.indicator_public"):
        rows = borough.sql(f"from {table}").fetchall()
        assert rows
        assert again.sql(f"from {table}").fetchall() == rows
