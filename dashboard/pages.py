"""Makes the dashboard's pages: one folder that opens from a file share, with nothing in it that needs a server."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from dashboard.charts import MOST_BARS, Artist
from dashboard.edition import PERIOD_KINDS, Edition, Indicator
from dashboard.suppression import NOT_AVAILABLE, WITHHELD
from dashboard.wording import (
    KINDS,
    RATINGS,
    SIGNALS,
    amount_in_words,
    breakdown_name,
    change_in_words,
    dataset_in_words,
    day_name,
    interval,
    name_in_words,
    of_how_many,
    period_name,
    rating_of,
    sources_in_words,
    target_in_words,
    values_in_order,
)

RAG_ICONS = {"red": "✖", "amber": "▲", "green": "✔", "blue": "★", "none": "–"}
BOARD_PAGES = (
    ("index.html", "Overview"),
    ("exceptions.html", "Exceptions"),
    ("improvement.html", "Improvement plan"),
    ("quality.html", "Data quality"),
    ("about.html", "How this was made"),
)
PUBLIC_PAGES = (("index.html", "How we are doing"), ("about.html", "How this was made"))
FORMULA = r"^[=+@\t\r-]"
"""What a spreadsheet would take for the beginning of a formula."""


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("dashboard"),
        autoescape=select_autoescape(disabled_extensions=("css",), default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        amount=amount_in_words,
        breakdown_name=breakdown_name,
        change=change_in_words,
        counts=of_how_many,
        day=day_name,
        interval=interval,
        dataset=dataset_in_words,
        month=lambda day: f"{day:%B %Y}",
        names=lambda text: [name.strip() for name in (text or "").replace(";", ",").split(",") if name.strip()],
        nothing=_nothing,
        period=period_name,
        rating=rating_of,
        sources=sources_in_words,
        target=target_in_words,
        values_in_order=values_in_order,
        words=name_in_words,
    )
    environment.globals.update(
        KINDS=KINDS,
        MOST_BARS=MOST_BARS,
        NOT_AVAILABLE=NOT_AVAILABLE,
        RAG_ICONS=RAG_ICONS,
        RATINGS=RATINGS,
        SIGNALS=SIGNALS,
        WITHHELD=WITHHELD,
    )
    return environment


def _nothing(indicator: Indicator) -> str:
    """What stands where a group has no figure: of a number that is 0, but a share or mean of nobody there is none."""
    if indicator.unit == "pounds" and indicator.denominator_definition is None:
        return "£0"
    return "0" if indicator.unit == "count" else NOT_AVAILABLE


def write_site(connection: duckdb.DuckDBPyConnection, edition: Edition, folder: Path, drawings: Path) -> None:
    """Writes the pages of one audience into ``folder``, with their charts, tables and downloads.

    ``connection`` has the product's tables, for the downloads; charts drawn before are taken from
    ``drawings``.
    """
    site = _Site(edition, folder)
    artist = Artist(drawings / edition.audience)
    site.write("index.html", "overview.html", ratings=_ratings(edition.indicators))
    site.write(
        "about.html",
        "about.html",
        passed=sum(check["outcome"] == "passed" for check in edition.checks),
        failing=sum(check["outcome"] == "failed" for check in edition.checks),
    )
    for indicator in edition.indicators:
        site.write(
            f"indicators/{indicator.indicator_id}.html",
            "indicator.html",
            indicator=indicator,
            kinds=[kind for kind in PERIOD_KINDS if kind in indicator.totals],
            signals={signal.period_start: signal for signal in indicator.signals},
            trend=Markup(artist.trend(indicator)),
            breakdowns=Markup(artist.breakdowns(indicator)),
        )
    if edition.audience == "board":
        site.write("exceptions.html", "exceptions.html")
        areas: dict[str, list[Any]] = {}
        for action in edition.actions:
            areas.setdefault(action.area, []).append(action)
        site.write(
            "improvement.html",
            "improvement.html",
            areas=areas,
            known={indicator.indicator_id: indicator.name for indicator in edition.indicators},
        )
        site.write("quality.html", "quality.html", totals=_quality_totals(edition.quality))
    write_downloads(connection, edition, folder / "data")
    artist.forget_unused()


class _Site:
    def __init__(self, edition: Edition, folder: Path) -> None:
        self._edition = edition
        self._folder = folder
        self._environment = _environment()
        for part in (folder, folder / "indicators", folder / "data"):
            part.mkdir(parents=True, exist_ok=True)

    def write(self, address: str, template: str, **values: Any) -> None:
        is_board = self._edition.audience == "board"
        page = self._environment.get_template(template).render(
            edition=self._edition,
            is_board=is_board,
            site_name=f"{self._edition.la_name} SEND {'dashboard' if is_board else 'figures'}",
            pages=BOARD_PAGES if is_board else PUBLIC_PAGES,
            here=address,
            root="../" * address.count("/"),
            **values,
        )
        (self._folder / address).write_text(page, encoding="utf-8")


def _ratings(indicators: Sequence[Indicator]) -> Mapping[str, int]:
    return Counter(indicator.latest.rag if indicator.latest else "none" for indicator in indicators)


def _quality_totals(quality: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, list[tuple[str, Counter[str]]]]]:
    """Findings by owner and by extract, each by severity."""
    totals = []
    for heading, column, key in (("By who mends them", "Who", "owner"), ("By source", "Extract", "extract")):
        counts: dict[str, Counter[str]] = {}
        for row in quality:
            counts.setdefault(name_in_words(row[key]), Counter())[row["severity"]] += row["records"]
        totals.append((heading, column, sorted(counts.items())))
    return totals


def _safe(text: str) -> str:
    """SQL for a text that no spreadsheet takes for a formula."""
    return f"case when regexp_matches({text}, '{FORMULA}') then '''' || {text} else {text} end"


def write_downloads(connection: duckdb.DuckDBPyConnection, edition: Edition, folder: Path) -> None:
    """Writes every figure of each indicator as CSV; no cell of it can be taken for a formula."""
    for indicator in edition.indicators:
        out = "'" + str(folder / f"{indicator.indicator_id}.csv").replace("'", "''") + "'"
        connection.execute(
            f"""
            copy (
                select
                    figure.* replace ({_safe("figure.breakdown_value")} as breakdown_value),
                    {_safe("area.area_name")} as area_name
                from indicator_{edition.audience} as figure
                left join area on figure.breakdown = 'area' and figure.breakdown_value = area.area
                where indicator_id = ?
            ) to {out} (format csv, header)
            """,
            [indicator.indicator_id],
        )
