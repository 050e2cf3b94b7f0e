"""An attacker who knows how everything adds up: an integer programme over all that is published.

Unknowns are the counts of each month, breakdown value and measure. What is published bounds sums of them: a count to
its rounding interval, a percentage to its ratio, a change to a difference. For a small true count it asks how small and
how large the count could be.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import duckdb
import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

Sum = dict[int, float]

MOST = 10_000
"""No count is larger than this."""


@dataclass
class Attacker:
    """What is known: sums of unknowns (by their positions), each between two bounds."""

    unknowns: int
    sums: list[Sum] = field(default_factory=list)
    bounds: list[tuple[float, float]] = field(default_factory=list)

    def learn(self, total: Sum, low: float, high: float) -> None:
        self.sums.append(total)
        self.bounds.append((low, high))

    def _constraint(self) -> LinearConstraint:
        entries = [(row, place, weight) for row, total in enumerate(self.sums) for place, weight in total.items()]
        rows, places, weights = (np.array(values) for values in zip(*entries, strict=True))
        low, high = (np.array(values) for values in zip(*self.bounds, strict=True))
        return LinearConstraint(csr_array((weights, (rows, places)), shape=(len(self.sums), self.unknowns)), low, high)

    def ranges(self, targets: Sequence[Sum]) -> Iterator[tuple[int, int]]:
        """The least and the greatest value that each target can have, given all that is known."""
        known = self._constraint()
        for target in targets:
            weights = np.zeros(self.unknowns)
            for place, weight in target.items():
                weights[place] = weight
            ends = []
            for direction in (1, -1):
                answer = milp(
                    direction * weights, constraints=known, integrality=np.ones(self.unknowns), bounds=Bounds(0, MOST)
                )
                assert answer.success, answer.message
                ends.append(round(direction * answer.fun))
            yield ends[0], ends[1]


@dataclass(frozen=True)
class Unknowns:
    """The counts of one percentage that nobody tells: by month, breakdown value and whether it is so or not."""

    months: Sequence[tuple[object, object]]
    columns: Sequence[tuple[str, str]]

    @property
    def count(self) -> int:
        return len(self.months) * len(self.columns) * 2

    def sums_of(self, start: object, end: object, column: tuple[str, str]) -> tuple[Sum, Sum]:
        """The unknowns that the numerator, and the rest of the denominator, of a period is the sum of."""
        inside = [i for i, (first, last) in enumerate(self.months) if first >= start and last <= end]  # type: ignore[operator]
        place = self.columns.index(column)
        cells = [(i * len(self.columns) + place) * 2 for i in inside]
        return dict.fromkeys(cells, 1.0), dict.fromkeys([cell + 1 for cell in cells], 1.0)


def _whole(numerator: Sum, rest: Sum) -> Sum:
    return {**numerator, **rest}


def attack(
    connection: duckdb.DuckDBPyConnection, published: dict[str, int], percentage: str, count: str, kind: str = "%"
) -> tuple[Attacker, Unknowns]:
    """All that the tables in ``published`` (with what each rounds to) tell of a percentage, and the count it is of.

    ``kind`` is month for a state, whose longer periods are no sums.
    """
    months = connection.execute(
        "select distinct period_start, period_end from dashboard.indicator "
        f"where period_kind = 'month' and indicator_id = '{percentage}' order by all"
    ).fetchall()
    columns = connection.execute(
        f"select distinct breakdown, breakdown_value from dashboard.indicator where indicator_id = '{percentage}'"
    ).fetchall()
    unknowns = Unknowns(months, columns)
    attacker = Attacker(unknowns.count)
    for start, end in months:
        totals = unknowns.sums_of(start, end, ("all", "all"))
        for breakdown in {name for name, _ in columns} - {"all"}:
            parts = [unknowns.sums_of(start, end, column) for column in columns if column[0] == breakdown]
            for measure in (0, 1):
                known: Sum = {}
                for part in parts:
                    known |= part[measure]
                known |= {place: -1.0 for place in totals[measure]}
                attacker.learn(known, 0, 0)
    for table, round_to in published.items():
        slack = (round_to - 1) // 2
        # what has no row in a period has nothing in it, and a reader knows that
        for start, end, breakdown, value in connection.execute(
            f"""
            select distinct of.period_start, of.period_end, named.breakdown, named.breakdown_value
            from {table} as of
            cross join (
                select distinct breakdown, breakdown_value from {table} where indicator_id = '{percentage}'
            ) as named
            where of.indicator_id = '{percentage}' and of.period_kind like '{kind}'
            except
            select period_start, period_end, breakdown, breakdown_value
            from {table}
            where indicator_id = '{percentage}'
            """
        ).fetchall():
            attacker.learn(_whole(*unknowns.sums_of(start, end, (breakdown, value))), 0, 0)
        rows = connection.execute(
            f"""
            select indicator_id, period_start, period_end, breakdown, breakdown_value, numerator, denominator, value,
                change
            from {table}
            where indicator_id in ('{percentage}', '{count}') and period_kind like '{kind}'
            """
        ).fetchall()
        for indicator, start, end, breakdown, value, numerator, denominator, share, _change in rows:
            so, not_so = unknowns.sums_of(start, end, (breakdown, value))
            if indicator == count:
                so, not_so = _whole(so, not_so), {}
            if numerator is not None:
                attacker.learn(so, numerator - slack, numerator + slack)
            if denominator is not None:
                attacker.learn(_whole(so, not_so), denominator - slack, denominator + slack)
            if share is not None and numerator is None and so and not_so:
                ratio = share / 100
                known = dict.fromkeys(so, 1 - ratio) | dict.fromkeys(not_so, -ratio)
                attacker.learn(known, -1e-6, 1e-6)
    return attacker, unknowns
