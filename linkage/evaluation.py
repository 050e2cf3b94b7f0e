"""How good the links are: against the truth of an invented borough, and on real data by what stewards answered.

Nothing but this module reads the truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

import duckdb

from connectors.errors import SendError

CONFIDENCE = 1.96
"""Standard deviations on either side that hold the truth 95 times in a hundred."""


class NoTruth(SendError):
    """There is nothing to measure the links against."""


@dataclass(frozen=True)
class SourcePair:
    """The links between two sources: right, wrong (two children joined) and missed (one child apart)."""

    one: str
    other: str
    right: int
    wrong: int
    missed: int

    @property
    def precision(self) -> float:
        """Right links among all made; 1 where none was made."""
        return self.right / (self.right + self.wrong) if self.right + self.wrong else 1.0

    @property
    def recall(self) -> float:
        """Right links among all there are; 1 where there are none."""
        return self.right / (self.right + self.missed) if self.right + self.missed else 1.0

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


@dataclass(frozen=True)
class Quality:
    """The links between every two sources, and how many children are in truth several."""

    pairs: tuple[SourcePair, ...]
    children_joined_wrongly: int


def measure_links(connection: duckdb.DuckDBPyConnection, truth: Path) -> Quality:
    """Compares the children of the open warehouse with the borough's truth (``records.parquet``).

    A link is between a child as one source knows it and a child as another does. Two cases of one person are two
    children by the LA's own word (a rule reports them), so what belongs to the second is not missed by the first.
    Raises ``NoTruth`` where the file is absent.
    """
    if not truth.exists():
        raise NoTruth(
            f"There is no {truth.name} in {truth.parent}: only an invented borough (send demo) has its truth."
        )
    rows = connection.execute(
        """
        with seen as (
            select distinct record.extract, record.child_id, truth.person_id
            from identity.identity__record_child as record
            inner join read_parquet(?) as truth
                on record.extract = truth.extract and record.table_name = truth."table"
                and record.record_id = truth.record_id
        ),

        case_children as (
            select distinct child_id from identity.identity__anchor where anchor_kind = 'case'
        ),

        compared as (
            select
                one.extract as one,
                other.extract as other,
                one.child_id = other.child_id as is_joined,
                one.person_id = other.person_id as is_same,
                one.child_id in (from case_children) and other.child_id in (from case_children) as are_cases
            from seen as one
            inner join seen as other
                on
                    one.extract < other.extract
                    and (one.child_id = other.child_id or one.person_id = other.person_id)
        )

        select
            one,
            other,
            count(*) filter (where is_joined and is_same),
            count(*) filter (where is_joined and not is_same),
            count(*) filter (where is_same and not is_joined and not are_cases)
        from compared
        group by one, other
        order by one, other
        """,
        [str(truth)],
    ).fetchall()
    ((joined,),) = connection.execute(
        """
        select count(*)
        from (
            select record.child_id
            from identity.identity__record_child as record
            inner join read_parquet(?) as truth
                on record.extract = truth.extract and record.table_name = truth."table"
                and record.record_id = truth.record_id
            group by record.child_id
            having count(distinct truth.person_id) > 1
        )
        """,
        [str(truth)],
    ).fetchall()
    return Quality(tuple(SourcePair(*row) for row in rows), joined)


@dataclass(frozen=True)
class Estimate:
    """A share estimated from answers, with the interval that holds it 95 times in a hundred."""

    answered: int
    share: float
    low: float
    high: float


def estimate_of_answers(verdicts: Sequence[str]) -> Estimate | None:
    """Of the pairs asked about, the share that stewards say are one child (Wilson's interval); None without answers.

    It speaks for the band between the two thresholds, not for the links above it.
    """
    told = [verdict for verdict in verdicts if verdict in ("yes", "no")]
    if not told:
        return None
    n, share = len(told), told.count("yes") / len(told)
    spread = CONFIDENCE**2 / n
    middle = (share + spread / 2) / (1 + spread)
    half = CONFIDENCE / (1 + spread) * sqrt(share * (1 - share) / n + spread / (4 * n))
    return Estimate(n, share, max(0.0, middle - half), min(1.0, middle + half))
