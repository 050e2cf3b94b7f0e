"""Which figures of a set of counts must be withheld so that no small one can be worked out from the others.

Counts stand in a grid of periods by breakdown values, and what is published adds up: months to quarters and years,
years that overlap, values of each breakdown to the same total. Withholding the small counts alone would not do. What
else is withheld is chosen so that for every small count there is provably another set of counts that agrees with
everything published and has that count at the threshold or above:

* A *block* of periods of a total: only its sum is published, and that is 0 or at least the threshold.
* A *rectangle* of periods by values of one breakdown: every row and every column of it sums to 0 or to at least the
  threshold, and a period's sum that cuts the rectangle's rows is withheld for its columns. Inside it counts can be
  moved from corner to corner without any published sum changing, so each can be as large as the lesser of its row's
  and its column's sums.
* An *open* block or rectangle: no sum over any of its rows is published for its columns.

A percentage is two counts, those for whom it is so and those for whom it is not; a grid holds every such *measure*, and
each has to meet the conditions by itself. Where a reader may know the two together, because another figure tells it,
they are *partners*: what one gains in a place the other loses there. Withholding more than this tells less, so two
patterns may be united.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Mask = NDArray[np.bool_]
Windows = Sequence[tuple[tuple[object, ...], ...]]
"""Each row's narrow, middle and wide window."""

SCHOOL_YEAR_STARTS = 9
WINDOW_LEVELS = 3


@dataclass(frozen=True)
class Period:
    """A period that figures are published for."""

    kind: str
    start: date
    end: date


@dataclass(frozen=True)
class Grid:
    """The counts of one or more indicators that share a count.

    ``counts`` is measures x periods x columns; column 0 is the total, and each group of ``breakdowns`` the columns of
    one breakdown. ``is_known`` is measures x periods: not every measure is counted for every kind of period.
    ``partners`` gives for a measure the one that makes up a known number with it; they may not be of periods that sum.
    ``over_rows`` is what counts of several rows are together: their sum, or where the same children come again in each
    row their largest, since that many there are at least.
    """

    periods: Sequence[Period]
    counts: Counts
    breakdowns: Sequence[Sequence[int]]
    is_known: Mask
    partners: Mapping[int, int] = field(default_factory=dict)
    over_rows: np.ufunc = np.add

    @property
    def is_of_states(self) -> bool:
        """Whether no period's counts are the sum of others': states at the end of a month, not flows."""
        _, summed = incidence(self)
        return bool((summed.sum(axis=1) <= 1).all())


@dataclass(frozen=True)
class _Patch:
    """Rows and columns to be withheld: a block where it has no columns. With ``is_of_total`` the total goes too."""

    rows: Mask
    columns: Mask
    is_open: bool
    is_of_total: bool = False

    def withholds(self, periods: Mask) -> Mask:
        """Of periods (each a mask of rows), those whose sum must not be published for the patch's columns."""
        inside = periods & self.rows
        touched, whole = np.asarray(inside.any(axis=1)), np.asarray((inside == self.rows).all(axis=1))
        return touched if self.is_open else touched & ~whole


def _windows(period: Period) -> tuple[tuple[object, ...], ...]:
    """The narrow, middle and wide window a month's counts may be moved in, none cutting a quarter or a school year."""
    start = period.start
    quarter = (start.month - 1) // 3
    is_new_school_year = start.month >= SCHOOL_YEAR_STARTS
    return (start.year, quarter, is_new_school_year), (start.year, is_new_school_year), (start.year,)


def incidence(grid: Grid) -> tuple[list[int], Mask]:
    """The periods whose counts are no sum of others (rows), and for every period which rows it sums.

    Months are rows. A longer period is the sum of its months, or its last month again (a state, not a flow); where it
    is neither, as where a child counts once in a year, it is a row of its own.
    """
    months = [i for i, period in enumerate(grid.periods) if period.kind == "month"]
    rows = list(months)
    members: dict[int, list[int]] = {i: [i] for i in months}
    by_kind: dict[str, list[int]] = {}
    for i, period in enumerate(grid.periods):
        if period.kind != "month":
            by_kind.setdefault(period.kind, []).append(i)
    for kind in sorted(by_kind):
        spans = {i: _months_within(grid, months, i) for i in by_kind[kind]}
        sums = {i for i, span in spans.items() if span and _is_sum(grid, i, span)}
        lasts = {i for i, span in spans.items() if span and _is_sum(grid, i, span[-1:])}
        is_state = len(lasts) == len(spans) > len(sums)
        for i, span in spans.items():
            if i in lasts and (is_state or i not in sums):
                members[i] = span[-1:]
            elif i in sums:
                members[i] = span
            else:
                rows.append(i)
                members[i] = [i]
    place = {period: position for position, period in enumerate(rows)}
    summed = np.zeros((len(grid.periods), len(rows)), dtype=bool)
    for i, parts in members.items():
        summed[i, [place[part] for part in parts]] = True
    return rows, summed


def _months_within(grid: Grid, months: list[int], whole: int) -> list[int]:
    period = grid.periods[whole]
    return [i for i in months if grid.periods[i].start >= period.start and grid.periods[i].end <= period.end]


def _is_sum(grid: Grid, whole: int, parts: list[int]) -> bool:
    """Whether a period's counts are the sums of the parts', by every measure that has them all."""
    measures = grid.is_known[:, [whole, *parts]].all(axis=1)
    sums = grid.counts[measures][:, parts].sum(axis=1)
    return bool(measures.any() and (grid.counts[measures, whole] == sums).all())


def _is_small(sums: Counts, below: int) -> Mask:
    """Where any measure is at least 1 and below the threshold (measures come first)."""
    return np.asarray(((sums > 0) & (sums < below)).any(axis=0))


def withheld(grid: Grid, below: int) -> Mask:
    """Periods x columns: what must be withheld so that no count from 1 to ``below - 1`` can be worked out."""
    rows, summed = incidence(grid)
    base = grid.counts[:, rows]
    is_summed = summed[summed.sum(axis=1) > 1].any(axis=0)
    windows = [_windows(grid.periods[row]) for row in rows]
    # a small total of children who come again can be hidden by no sum with others: it may be of the same few
    adds_up = is_summed if grid.over_rows is np.add else np.zeros_like(is_summed)
    blocks = list(_blocks(base[:, :, 0], adds_up, windows, below))
    result = np.zeros((len(grid.periods), grid.counts.shape[2]), dtype=bool)
    for block in blocks:
        result |= block.withholds(summed)[:, np.newaxis]
    atoms = _atoms(len(rows), [block.rows for block in blocks if not block.is_open])
    is_told = ~np.logical_or.reduce([block.rows for block in blocks if block.is_open] or [np.zeros(len(rows), bool)])
    for columns in grid.breakdowns:
        parts = _with_remainder(base[:, :, list(columns)], base[:, :, 0])
        for patch in _rectangles(parts, atoms, is_told, is_summed, windows, below, grid):
            gone = patch.withholds(summed)[:, np.newaxis]
            kept = patch.columns[: len(columns)]
            result[:, np.array(columns)[kept]] |= gone
            if patch.is_of_total:
                result |= gone
    return result


def _with_remainder(parts: Counts, total: Counts) -> Counts:
    """The columns of a breakdown, with what they lack of the total (those not recorded) as one more.

    It is never published, but a reader can work it out by subtraction.
    """
    remainder = np.clip(total - parts.sum(axis=2), 0, None)
    return np.concatenate([parts, remainder[:, :, np.newaxis]], axis=2) if remainder.any() else parts


def _atoms(count: int, blocks: Sequence[Mask]) -> list[Mask]:
    """The least sets of rows whose sums are known: single rows, and blocks (united where they share a row)."""
    atoms: list[Mask] = list(np.eye(count, dtype=bool))
    for block in blocks:
        joined = [atom for atom in atoms if (atom & block).any()]
        atoms = [atom for atom in atoms if not (atom & block).any()]
        atoms.append(np.logical_or.reduce([block, *joined]))
    return atoms


def _each_window(rows: Sequence[Mask], windows: Windows) -> Iterator[tuple[bool, list[int]]]:
    """The windows, narrow ones first, each with the rows (or sets of rows) inside it; whether it is the widest."""
    for level in range(WINDOW_LEVELS):
        inside: dict[tuple[object, ...], list[int]] = {}
        for position, members in enumerate(rows):
            keys = {windows[int(row)][level] for row in np.flatnonzero(members)}
            if len(keys) == 1:
                inside.setdefault(keys.pop(), []).append(position)
        for key in sorted(inside, key=str):
            yield level == WINDOW_LEVELS - 1, inside[key]


def _blocks(totals: Counts, is_summed: Mask, windows: Windows, below: int) -> Iterator[_Patch]:
    """The blocks that hide every small total (``totals``: measures x rows)."""
    no_columns = np.zeros(0, dtype=bool)
    left = _is_small(totals, below)
    for row in np.flatnonzero(left & ~is_summed):
        yield _Patch(np.arange(len(left)) == row, no_columns, is_open=True)
    left &= is_summed
    summed_rows = [
        row if kept else np.zeros_like(row) for row, kept in zip(np.eye(len(left), dtype=bool), is_summed, strict=True)
    ]
    for is_widest, inside in _each_window(summed_rows, windows):
        rows = np.zeros_like(left)
        rows[inside] = left[inside]
        if not rows.any():
            continue
        small = rows.copy()
        spare = [row for row in inside if not rows[row]]
        while _is_small(totals[:, rows].sum(axis=1), below) and spare:
            spare.sort(key=lambda row: (_deficit(totals[:, rows].sum(axis=1) + totals[:, row], below), totals[0, row]))
            rows[spare.pop(0)] = True
        is_hidden = not _is_small(totals[:, rows].sum(axis=1), below)
        if is_hidden or is_widest:
            yield _Patch(rows if is_hidden else small, no_columns, is_open=not is_hidden)
            left &= ~small


def _deficit(sums: Counts, below: int) -> int:
    """By how much the sums that are neither 0 nor at least the threshold fall short of it, together."""
    return int(np.where((sums > 0) & (sums < below), below - sums, 0).sum())


def _best(places: NDArray[np.int64], sums: Counts, counts: Counts, below: int, joined: np.ufunc = np.add) -> np.int64:
    """Which row or column to withhold besides: the one that lets the sums lack least, of those that with least lost.

    ``counts`` has each place's in its last axis, as in ``places``; ``sums`` are what they are added, or ``joined``, to.
    """
    with_each = joined(sums[..., np.newaxis], counts)
    axes = tuple(range(counts.ndim - 1))
    lacks = np.where((with_each > 0) & (with_each < below), below - with_each, 0).sum(axis=axes)
    return np.int64(places[np.lexsort((places, counts.sum(axis=axes), lacks))[0]])


def _rectangles(
    parts: Counts,
    atoms: Sequence[Mask],
    is_told: Mask,
    is_summed: Mask,
    windows: Windows,
    below: int,
    grid: Grid,
) -> Iterator[_Patch]:
    """The rectangles that hide every small count of one breakdown (``parts``: measures x rows x columns)."""
    told = [atom for atom in atoms if (atom & is_told).any()]
    if not told:
        return
    partners, over_rows = grid.partners, grid.over_rows
    sums = np.stack([over_rows.reduce(parts[:, atom], axis=1) for atom in told], axis=1)
    left = _is_small(sums, below)
    moved = np.array([bool((atom & is_summed).any()) for atom in told])
    for position in np.flatnonzero(left.any(axis=1) & ~moved):
        columns = _grow_row(sums[:, position], left[position], below, partners)
        is_enough = not _lacks(sums[:, position][:, columns], below, partners).any()
        yield _Patch(told[position], columns, is_open=True, is_of_total=not is_enough)
    left &= moved[:, np.newaxis]
    summed_atoms = [atom if kept else np.zeros_like(atom) for atom, kept in zip(told, moved, strict=True)]

    def patch(rows: NDArray[np.int64], columns: Mask, is_open: bool) -> _Patch:
        return _Patch(np.logical_or.reduce([told[row] for row in rows]), columns, is_open)

    for is_widest, inside in _each_window(summed_atoms, windows):
        usable = ~_is_small(over_rows.reduce(sums[:, inside], axis=1), below)
        small = np.zeros_like(left)
        small[inside] = left[inside] & usable
        if small.any() and (grown := _grow_rectangle(sums, inside, small, usable, below, over_rows)):
            yield patch(*grown, is_open=False)
            left &= ~small
        if is_widest and left[inside].any():
            small = np.zeros_like(left)
            small[inside] = left[inside]
            for rows, columns, is_open in _with_a_lump(sums, inside, small, usable, below, over_rows):
                yield patch(rows, columns, is_open)
            left &= ~small


def _with_a_lump(
    sums: Counts, inside: Sequence[int], small: Mask, usable: Mask, below: int, over_rows: np.ufunc
) -> list[tuple[NDArray[np.int64], Mask, bool]]:
    """The patches where some columns are small over the whole window: these are told only lumped together."""
    lump = np.asarray(small.any(axis=0)) & ~usable
    over_window = over_rows.reduce(sums[:, inside], axis=1)
    while lump.any() and _is_small(over_window[:, lump].sum(axis=1), below) and not lump.all():
        spare = np.flatnonzero(~lump)
        lump[_best(spare, over_window[:, lump].sum(axis=1), over_window[:, spare], below)] = True
    alone = np.flatnonzero(~lump)
    lumped = np.concatenate([sums[:, :, alone], sums[:, :, lump].sum(axis=2, keepdims=True)], axis=2)
    in_lump = np.zeros(small.shape[0], dtype=bool)
    in_lump[inside] = _is_small(lumped[:, inside, -1], below)
    left = np.concatenate([small[:, alone], in_lump[:, np.newaxis]], axis=1)
    hidden = np.asarray(small[:, lump].any(axis=1))
    patches: list[tuple[NDArray[np.int64], Mask, bool]] = []
    if left.any():
        grown = _grow_rectangle(lumped, inside, left, np.ones(len(alone) + 1, dtype=bool), below, over_rows)
        if grown is None:
            rows, columns = np.flatnonzero(small.any(axis=1)), np.asarray(small.any(axis=0))
            return [(rows, _grow_columns(sums, rows, columns, below), True)]
        rows, columns = grown
        closed = np.zeros(small.shape[1], dtype=bool)
        closed[alone] = columns[:-1]
        patches.append((rows, closed, False))
        if columns[-1]:
            hidden[rows] = True
    if hidden.any():
        patches.append((np.flatnonzero(hidden), lump, True))
    return patches


def _grow_row(counts: Counts, small: Mask, below: int, partners: Mapping[int, int]) -> Mask:
    """The small columns of one row (``counts``: measures x columns) with as many more as it takes to hide them.

    Where all together are not enough, all are given; but for empty columns, which hide nothing.
    """
    chosen, held = small.copy(), counts.any(axis=0)
    if _lacks(counts, below, partners).any():
        return np.asarray(chosen | held)
    while _lacks(counts[:, chosen], below, partners).any():
        spare = np.flatnonzero(held & ~chosen)
        lacks = _lacks(counts[:, chosen], below, partners, counts[:, spare])
        chosen[spare[np.lexsort((spare, counts[:, spare].sum(axis=0), lacks))[0]]] = True
    return chosen


def _lacks(counts: Counts, below: int, partners: Mapping[int, int], more: Counts | None = None) -> Counts:
    """What the columns of a row lack together before each small count of them could be 0 or large; 0 where none does.

    Their sum is known. A small count with a partner can be 0 where the partners of the others have room for it, and
    large where its own partner has. With ``more``, what they lack with each one of these besides, of which none is
    small.
    """
    sums = counts.sum(axis=1, keepdims=True) + (0 if more is None else more)
    lacks = np.where((sums > 0) & (sums < below), below - sums, 0).sum(axis=0)
    for measure, partner in partners.items():
        is_small = (counts[measure] > 0) & (counts[measure] < below)
        of, other = counts[measure, is_small, np.newaxis], counts[partner, is_small, np.newaxis]
        room_to_fall = sums[partner] - other - of
        room_to_rise = np.minimum(other, sums[measure] - of) - (below - of)
        lacks += np.clip(-np.maximum(room_to_fall, room_to_rise), 0, None).sum(axis=0)
    return np.asarray(lacks)


def _grow_columns(sums: Counts, rows: NDArray[np.int64], columns: Mask, below: int, usable: Mask | None = None) -> Mask:
    """The columns with as many more as it takes for every row to sum to 0 or to the threshold at least.

    Columns that are empty in these rows add nothing, and are left out.
    """
    chosen, of_rows = columns.copy(), sums[:, rows]
    useful = of_rows.any(axis=(0, 1)) if usable is None else usable & of_rows.any(axis=(0, 1))
    while True:
        row_sums = of_rows[:, :, chosen].sum(axis=2)
        spare = np.flatnonzero(useful & ~chosen)
        if not _is_small(row_sums, below).any() or not len(spare):
            return chosen
        chosen[_best(spare, row_sums, of_rows[:, :, spare], below)] = True


def _grow_rectangle(
    sums: Counts, inside: Sequence[int], small: Mask, usable: Mask, below: int, over_rows: np.ufunc
) -> tuple[NDArray[np.int64], Mask] | None:
    """The least rectangle found around the small counts whose every row and column is 0 or at least the threshold."""
    rows = np.flatnonzero(small.any(axis=1))
    columns = np.asarray(small.any(axis=0))
    while True:
        columns = _grow_columns(sums, rows, columns, below, usable)
        if _is_small(sums[:, rows][:, :, columns].sum(axis=2), below).any():
            return None
        column_sums = over_rows.reduce(sums[:, rows][:, :, columns], axis=1)
        if not _is_small(column_sums, below).any():
            return rows, columns
        spare = np.setdiff1d(inside, rows)
        if not len(spare):
            return None
        counts = sums[:, spare][:, :, columns].swapaxes(1, 2)
        rows = np.sort(np.append(rows, _best(spare, column_sums, counts, below, over_rows)))
