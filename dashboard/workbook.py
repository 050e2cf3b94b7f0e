"""The dashboard's figures as an Excel workbook, in which nothing is a formula."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import xlsxwriter

from connectors.spreadsheets import ROW_BY_ROW, write_sheet
from dashboard.edition import MOST_GROUPS, PERIOD_KINDS, Edition, Figure, Indicator
from dashboard.suppression import NOT_AVAILABLE, WITHHELD
from dashboard.wording import KINDS, RATINGS, SIGNALS, breakdown_name, day_name, period_name, unit_name

FIGURE_HEADINGS = (
    "Indicator",
    "Kind of period",
    "Period",
    "From",
    "To",
    "Complete",
    "Breakdown",
    "Group",
    "Code",
    "Unit",
    "Figure",
    "Shown as",
    "Numerator",
    "Denominator",
    "Interval from",
    "Interval to",
    "Target",
    "Benchmark",
    "Rating",
    "Change",
    "Change on a year",
    "Revised",
)


def write_workbook(edition: Edition, out: Path) -> None:
    """Writes the edition's definitions, totals of every period, and breakdowns of the last periods."""
    with xlsxwriter.Workbook(str(out), ROW_BY_ROW) as book:
        book.set_properties({"title": f"{edition.la_name} SEND dashboard, {day_name(edition.as_at)}"})
        write_sheet(book, "About", ("What", "Value"), _about(edition))
        write_sheet(book, "Overview", _OVERVIEW_HEADINGS, map(_overview_row, edition.indicators))
        totals = (
            _figure_row(indicator, figure)
            for indicator in edition.indicators
            for kind in PERIOD_KINDS
            for figure in indicator.totals.get(kind, ())
        )
        write_sheet(book, "Totals", FIGURE_HEADINGS, totals)
        groups = (
            _figure_row(indicator, figure, group)
            for indicator in edition.indicators
            for values in indicator.breakdowns.values()
            for group, by_kind in values.items()
            for figure in by_kind.values()
        )
        write_sheet(book, "Groups, last periods", FIGURE_HEADINGS, groups)
        write_sheet(book, "Definitions", _DEFINITION_HEADINGS, map(_definition_row, edition.indicators))
        if edition.actions:
            actions = (
                (a.action_id, a.area, a.action, a.officer, a.due_date, a.latest_rating, a.latest_rated_date)
                for a in edition.actions
            )
            write_sheet(book, "Improvement plan", _ACTION_HEADINGS, actions)


_OVERVIEW_HEADINGS = ("Priority", "Indicator", "Period", "Figure", "Rating", "Target", "Year to date", "Signal")
_DEFINITION_HEADINGS = ("Indicator", "Question", "Definition", "Counts", "Out of", "Owner", "Source", "Law")
_ACTION_HEADINGS = ("Action", "Area", "What", "Officer", "Due", "Rating", "Rated")


def _about(edition: Edition) -> list[tuple[Any, ...]]:
    return [
        ("Authority", edition.la_name),
        ("As at", edition.as_at),
        ("Known at (UTC)", str(edition.known_at)),
        ("Audience", edition.audience),
        (WITHHELD, "Withheld so that no child can be recognised"),
        (NOT_AVAILABLE, "Not available"),
        ("Numbers of children below this are withheld", edition.below),
        ("Numbers of children are rounded to the nearest", edition.round_to),
        ("Groups of a breakdown that are here at most, the largest first; all are in the CSV files", MOST_GROUPS),
    ]


def _overview_row(indicator: Indicator) -> tuple[Any, ...]:
    latest, signal = indicator.latest, indicator.latest_signal
    return (
        indicator.priority,
        indicator.name,
        period_name(latest) if latest else None,
        latest.shown if latest else NOT_AVAILABLE,
        RATINGS[latest.rag] if latest else RATINGS["none"],
        latest.target if latest else indicator.target,
        indicator.to_date.shown if indicator.to_date else None,
        SIGNALS[signal.signal] if signal else None,
    )


def _figure_row(indicator: Indicator, figure: Figure, group: str = "All") -> tuple[Any, ...]:
    return (
        indicator.name,
        KINDS[figure.period_kind],
        period_name(figure),
        figure.period_start,
        figure.period_end,
        figure.is_complete,
        breakdown_name(figure.breakdown),
        group,
        figure.breakdown_value,
        unit_name(indicator.unit),
        figure.value,
        figure.shown,
        figure.numerator,
        figure.denominator,
        figure.lower,
        figure.upper,
        figure.target,
        figure.benchmark,
        RATINGS[figure.rag],
        figure.change,
        figure.change_on_year,
        figure.is_revised,
    )


def _definition_row(indicator: Indicator) -> tuple[Any, ...]:
    return (
        indicator.name,
        indicator.question,
        indicator.definition,
        indicator.numerator_definition,
        indicator.denominator_definition,
        indicator.owner,
        indicator.source,
        indicator.statutory_basis,
    )
