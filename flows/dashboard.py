"""``send dashboard``: what is published of the indicators, managers' comments, and the pages made anew with them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, astuple
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import duckdb
import typer
from rich.console import Console

from connectors.configuration import read_configuration
from connectors.errors import SendError
from dashboard.definitions import the_catalogue
from dashboard.edition import PACK, PRODUCT, SITES, WORKBOOK, Comment, Edition, read_edition
from dashboard.suppression import NOT_AVAILABLE
from dashboard.wording import RATINGS, SIGNALS, change_in_words, period_name, target_in_words
from flows.server import prefect_server
from flows.terminal import Json, output, print_json, print_rows, progress
from operations.acceptances import Acceptances
from operations.commentary import Commentary
from operations.store import OperationsStore
from warehouse.home import Home
from warehouse.publication import product_file, renew

dashboard = typer.Typer(
    name="dashboard",
    help="The indicators as published, their pages, and what managers say of them.",
    no_args_is_help=True,
)

_NONE_YET = "No dashboard is published yet. Publish it first: send run"


class NoDashboard(SendError):
    """No dashboard is published yet."""


class UnknownIndicator(SendError):
    """There is no such indicator."""


def standing_comments(store: OperationsStore) -> dict[str, list[Comment]]:
    """What managers said, by indicator, the last word on each month, in order of the months."""
    said: dict[str, list[Comment]] = {}
    for one in Commentary(store).standing():
        said.setdefault(one.indicator_id, []).append(Comment(one.month, one.text, one.author, one.at))
    return said


@contextmanager
def _published(home: Home) -> Iterator[duckdb.DuckDBPyConnection]:
    path = product_file(home, PRODUCT)
    if not path.exists():
        raise NoDashboard(_NONE_YET)
    with duckdb.connect(str(path.resolve()), read_only=True, config={"threads": "2"}) as connection:
        yield connection


def published_edition(home: Home, audience: str = "board") -> Edition:
    """The dashboard as it stands. Raises ``NoDashboard``."""
    with _published(home) as connection:
        return read_edition(connection, audience, standing_comments(OperationsStore(home.operations_url)))


def build_pages(home: Home) -> Path:
    """Makes the pages anew from the tables that stand, with the comments there are now; gives the board's folder."""
    from dashboard.publishing import write_pages  # Altair takes a while to import, and other commands do without

    if not product_file(home, PRODUCT).exists():
        raise NoDashboard(_NONE_YET)
    comments = standing_comments(OperationsStore(home.operations_url))
    with home.lock():
        renew(home, PRODUCT, lambda folder: write_pages(folder, comments, home.drawings))
    return home.published / PRODUCT / SITES["board"]


def comment_on(home: Home, indicator_id: str, month: date, text: str, author: str) -> str:
    """Keeps what a manager says of an indicator's month; gives the indicator's name. Raises ``UnknownIndicator``."""
    names = {indicator.indicator_id: indicator.name for indicator in published_edition(home).indicators}
    if indicator_id not in names:
        raise UnknownIndicator(f"There is no indicator {indicator_id!r}. See them all: send dashboard show")
    Commentary(OperationsStore(home.operations_url)).add(indicator_id, month, text, author)
    return names[indicator_id]


def accept_fall(home: Home, indicator_id: str, because: str, author: str) -> str:
    """Keeps that an indicator's falls up to now are right; gives its name. Raises ``UnknownIndicator``."""
    names = {indicator.id: indicator.name for indicator in the_catalogue().indicators}
    if indicator_id not in names:
        raise UnknownIndicator(f"There is no indicator {indicator_id!r}. See them all: send dashboard show")
    Acceptances(OperationsStore(home.operations_url)).add(indicator_id, because, author)
    return names[indicator_id]


@dashboard.command()
def show(
    audience: Annotated[str, typer.Option(help="board or public.")] = "board",
    reds: Annotated[bool, typer.Option("--red", help="Only the indicators rated red.")] = False,
    json_output: Json = False,
) -> None:
    """Show each indicator's latest figure, as published."""
    if audience not in SITES:
        raise typer.BadParameter("Ask for board or public.", param_hint="--audience")
    edition = published_edition(Home.from_environment(), audience)
    headings = ["indicator", "name", "period", "figure", "rating", "target", "on a year before", "signal"]
    rows = [
        (
            indicator.indicator_id,
            indicator.name,
            period_name(indicator.latest) if indicator.latest else None,
            indicator.latest.shown if indicator.latest else NOT_AVAILABLE,
            RATINGS[indicator.latest.rag if indicator.latest else "none"],
            target_in_words(indicator, indicator.latest.target if indicator.latest else indicator.target),
            change_in_words(indicator, indicator.latest.change_on_year if indicator.latest else None),
            SIGNALS[indicator.latest_signal.signal] if indicator.latest_signal else None,
        )
        for indicator in (edition.exceptions if reds else edition.indicators)
    ]
    if json_output:
        print_json([dict(zip(headings, row, strict=True)) for row in rows])
    else:
        print_rows(f"Indicators as at {edition.as_at}", headings, rows)


@dashboard.command()
def build(json_output: Json = False) -> None:
    """Make the published pages anew, with the comments written since; the figures stay those of the last run."""
    with progress("Making the pages", json_output):
        folder = build_pages(Home.from_environment())
    if json_output:
        print_json({"folder": str(folder)})
    else:
        output().print(f"The pages are in {folder}; open index.html there.")


@dashboard.command()
def comment(
    indicator: Annotated[str, typer.Argument(help="The indicator, for example plans_in_20_weeks.")],
    month: Annotated[datetime, typer.Option(formats=["%Y-%m"], help="The month it is about, such as 2026-09.")],
    text: Annotated[str, typer.Option(help="Why the figure is what it is, and what is being done. Name no child.")],
    by: Annotated[str, typer.Option(help="Who answers for the comment.")],
) -> None:
    """Say something of an indicator's month. The board's pages show it from the next build or run on."""
    name = comment_on(Home.from_environment(), indicator, month.date(), text, by)
    output().print(f"Kept: {name}, {month:%B %Y}. To show it now: send dashboard build", markup=False)


@dashboard.command()
def accept(
    indicator: Annotated[str, typer.Argument(help="The indicator whose fall holds the dashboard.")],
    because: Annotated[str, typer.Option(help="Why the fall is right. Name no child.")],
    by: Annotated[str, typer.Option(help="Who has looked at it.")],
) -> None:
    """Say that the falls of an indicator are right, so that the next run does not hold the dashboard for them."""
    name = accept_fall(Home.from_environment(), indicator, because, by)
    output().print(f"Kept: the fall of {name} is right. It counts from the next run on: send run", markup=False)


@dashboard.command()
def digests(json_output: Json = False) -> None:
    """Write the weekly digests of what is due, and send those of this week that were not sent."""
    home = Home.from_environment()
    with prefect_server(home) if read_configuration(home.folder).worklists else nullcontext() as server:
        if server is not None:
            server.wait()
        from flows.worklists import tell_what_is_due  # Prefect, which reads its server's address when it is imported

        told = tell_what_is_due(home, datetime.now(UTC))
    if json_output:
        print_json(told.as_data())
    else:
        output().print(f"{told.as_text()} They are in {home.digests}.", markup=False)
    if told.not_reached:
        raise SendError("Not every digest could be sent: see send notices. To send those again: send dashboard digests")


@dashboard.command()
def pack(out: Annotated[Path, typer.Argument(help="Where to put the PDF.")]) -> None:
    """Copy the board pack (PDF) that goes with the published figures."""
    _copy(PACK, out)


@dashboard.command()
def workbook(
    out: Annotated[Path, typer.Argument(help="Where to put the workbook.")],
    audience: Annotated[str, typer.Option(help="board or public.")] = "board",
) -> None:
    """Copy the workbook of the published figures."""
    if audience not in SITES:
        raise typer.BadParameter("Ask for board or public.", param_hint="--audience")
    _copy(WORKBOOK, out, audience)


@dashboard.command()
def preview(
    csv_folder: Annotated[
        Path, typer.Option("--csv", file_okay=False, help="The folder for the CSV files. Small numbers: keep it safe.")
    ],
    json_output: Json = False,
) -> None:
    """Write the tables that DfE will publish of this LA, counted from its own records. For officers, never public."""
    from dashboard.preview import write_preview  # what it counts with takes a while to import

    home = Home.from_environment()
    with progress("Counting", json_output):
        written = write_preview(home, read_configuration(home.folder).la_name, csv_folder)
    if json_output:
        print_json(asdict(written))
        return
    print_rows("What our records cannot give", ["file", "column", "reason"], [astuple(gap) for gap in written.not_held])
    out = Console(stderr=True, soft_wrap=True, highlight=False)
    out.print(
        f"{len(written.files)} files, {sum(written.files.values()):,} rows, are in {written.folder}: provisional, of "
        f"{written.year}, plans as at {written.reference_date}. They show small numbers: for officers only, never "
        "public.",
        markup=False,
    )


def _copy(name: str, out: Path, audience: str = "board") -> None:
    source = Home.from_environment().published / PRODUCT / SITES[audience] / name
    if not source.exists():
        raise NoDashboard(_NONE_YET)
    try:
        shutil.copyfile(source, out)
    except OSError as error:
        raise SendError(f"{out} cannot be written: {error.strerror}. Name another file.") from None
    output().print(f"{out} is written.", markup=False)
