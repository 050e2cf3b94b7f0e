"""What is published and what awaits the stewards, read for the command line. Changes nothing."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import xlsxwriter

from checks.gates import DASHBOARD_GATES, INSPECTION_GATES, Gate, read_gates
from connectors.configuration import read_configuration
from connectors.contract import read_contract
from connectors.errors import SendError
from connectors.failed_loads import FailedLoad, failed_loads
from connectors.freshness import Freshness, Volume, freshness, volumes
from connectors.spreadsheets import ROW_BY_ROW, safe_cell, write_sheet
from flows.summary import ProductLine, failures_as_markdown
from operations.corrections import Corrections
from operations.deliveries import Delivery, last_deliveries
from operations.jobs import PastRun, last_delivered, past_runs
from operations.notices import Standing, standing_notices
from operations.store import OperationsStore
from operations.triage import TO_DO_STATES, Filter, Triage
from warehouse.home import Home
from warehouse.publication import product_file, standing_publication

EXCEL_SHEET_NAME = 31


class NothingPublished(SendError):
    """What was asked for is not published."""


class CannotWrite(SendError):
    """A file that was asked for cannot be written."""


@dataclass(frozen=True)
class Delivered:
    """The last word on a product at a destination of others, and when it was said (UTC)."""

    delivery: Delivery
    at: str


@dataclass(frozen=True)
class Status:
    """How things stand: the last run, the loads that failed in the last that loaded, how fresh each extract is, each
    product, the notices that stand; by owner the open findings, those among them that are still to be mended (the
    others are waived or explained), and the waivers and corrections that wait for a second person.
    """

    last_run: str | None
    last_run_outcome: str | None
    last_run_finished: str | None
    last_run_stage: str | None
    loads_failed: tuple[FailedLoad, ...]
    products: tuple[ProductLine, ...]
    open_findings: dict[str, int]
    to_do: dict[str, int]
    waivers_to_approve: dict[str, int]
    corrections_to_approve: dict[str, int]
    extracts: tuple[Freshness, ...] = ()
    volumes_unusual: tuple[Volume, ...] = ()
    notices: tuple[Standing, ...] = ()
    deliveries: tuple[Delivered, ...] = ()

    @property
    def is_any_product_held(self) -> bool:
        """Whether the last run's gates held a nightly product."""
        return any(product.is_holding_the_run for product in self.products)

    def as_data(self) -> dict[str, Any]:
        """The status as plain values, for ``--json``."""
        return {**asdict(self), "is_any_product_held": self.is_any_product_held}

    def as_markdown(self) -> str:
        """The status as text for a person, on one screen: is it fresh, is it right, who must act."""
        if self.last_run is None:
            return "No run yet. Start one: send run"
        when = (
            f"finished {self.last_run_finished} UTC"
            if self.last_run_finished
            else f"at the stage {self.last_run_stage}"
        )
        sections = [
            [f"Last run **{self.last_run}**: {self.last_run_outcome}, {when}."],
            ["## Is it fresh?", "", *self._freshness_as_markdown()],
            ["## Is it right?", "", *self._products_as_markdown()],
            ["## Who must act?", "", *self._actors_as_markdown()],
        ]
        return "\n\n".join("\n".join(lines).strip() for lines in sections) + "\n"

    def _freshness_as_markdown(self) -> list[str]:
        lines = failures_as_markdown(self.loads_failed)
        late = [extract for extract in self.extracts if extract.is_late]
        if self.extracts:
            lines.append(
                f"{len(self.extracts) - len(late)} of {len(self.extracts)} extracts are as fresh as they are due."
            )
        lines += [f"- **{extract.extract}** is late: {extract.as_text()}" for extract in late]
        lines += [f"- **{found.extract}.{found.table}** came with {found.as_text()}" for found in self.volumes_unusual]
        return lines

    def _products_as_markdown(self) -> list[str]:
        lines = []
        for product in self.products:
            stands = f"as at {product.as_at}, in {product.folder}" if product.as_at else "nothing is published yet"
            lines.append(f"- **{product.product}** is {product.status}: {stands}")
            lines += [f"  - {reason}" for reason in product.reasons]
        for delivered in self.deliveries:
            made = delivered.delivery
            said = f"has what stood {made.as_at}" if made.outcome == "delivered" else f"was NOT REACHED: {made.problem}"
            lines.append(f"- **{made.product}** at {made.destination} {said} ({delivered.at} UTC)")
        return lines

    def _actors_as_markdown(self) -> list[str]:
        told = Counter(standing.notice.owner for standing in self.notices)
        lines = []
        waiting = {**self.waivers_to_approve, **self.corrections_to_approve}
        for owner in sorted({*self.to_do, *waiting, *told}):
            acts = []
            if count := self.to_do.get(owner, 0):
                acts.append(f"{_number(count, 'finding')} to mend (send findings --owner {owner})")
            if count := self.waivers_to_approve.get(owner, 0):
                acts.append(f"{_number(count, 'waiver')} for a second person (send findings approve)")
            if count := self.corrections_to_approve.get(owner, 0):
                acts.append(f"{_number(count, 'correction')} for a second person (send findings corrections)")
            if told[owner]:
                acts.append(f"{_number(told[owner], 'notice')} (send notices)")
            lines.append(f"- {owner}: {', '.join(acts)}")
        return lines or ["- nobody"]


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def _corrections_to_approve(store: OperationsStore) -> dict[str, int]:
    """How many corrections are proposed, by the owner of the extract that they are of."""
    by_extract = Counter(one.extract for one in Corrections(store).all(("proposed",)))
    waiting: Counter[str] = Counter()
    for extract, count in sorted(by_extract.items()):
        waiting[read_contract(extract).owner] += count
    return dict(waiting)


def product_lines(home: Home, held: dict[str, tuple[str, ...]]) -> tuple[ProductLine, ...]:
    """Each product of the gates as it stands; ``held`` gives the reasons of those a gate holds."""
    return (
        *(_product_line(home, gate, held, is_nightly=True) for gate in (*read_gates(), *read_gates(DASHBOARD_GATES))),
        *(_product_line(home, gate, held, is_nightly=False) for gate in read_gates(INSPECTION_GATES)),
    )


def _product_line(home: Home, gate: Gate, held: dict[str, tuple[str, ...]], *, is_nightly: bool) -> ProductLine:
    standing = standing_publication(home, gate.product)
    return ProductLine(
        product=gate.product,
        status="held" if gate.product in held else "published" if standing else "not published",
        as_at=standing.as_at if standing else None,
        published_from=standing.known_at if standing else None,
        rows=standing.rows if standing else {},
        reasons=held.get(gate.product, ()),
        folder=str(home.published / gate.product) if standing else None,
        is_nightly=is_nightly,
    )


def current_status(home: Home) -> Status:
    """The state of the home after its last finished run."""
    store = OperationsStore(home.operations_url)
    last = store.last_run()
    triage = Triage(store)
    configuration = read_configuration(home.folder) if home.configuration.exists() else None
    now = datetime.now(UTC).replace(tzinfo=None)
    return Status(
        last_run=last.run_id if last else None,
        last_run_outcome=last.outcome if last else None,
        last_run_finished=f"{last.finished_at:%Y-%m-%d %H:%M:%S}" if last and last.finished_at else None,
        last_run_stage=last.stage if last else None,
        loads_failed=failed_loads(home.warehouse.parent),
        products=product_lines(home, store.held_products()),
        open_findings=store.open_findings_by_owner(),
        to_do=triage.counts(Filter(states=TO_DO_STATES), by="owner"),
        waivers_to_approve=triage.counts(Filter(awaits_approval=True), by="owner"),
        corrections_to_approve=_corrections_to_approve(store),
        deliveries=tuple(
            Delivered(delivery, at.isoformat(sep=" ", timespec="seconds")) for delivery, at in last_deliveries(store)
        ),
        extracts=tuple(freshness(configuration, now, last_delivered(store))) if configuration else (),
        volumes_unusual=tuple(v for v in volumes(configuration, now) if v.is_unusual) if configuration else (),
        notices=tuple(standing_notices(store)),
    )


def history(home: Home, limit: int) -> list[PastRun]:
    """The last runs, the newest first."""
    return past_runs(OperationsStore(home.operations_url), limit)


@contextmanager
def _published(home: Home) -> Iterator[duckdb.DuckDBPyConnection]:
    """A read-only connection that sees every published product's tables."""
    with duckdb.connect(config={"threads": "2", "memory_limit": "500MB"}) as connection:
        for gate in read_gates():
            path = product_file(home, gate.product)
            if path.exists():
                quoted = "'" + str(path.resolve()).replace("'", "''") + "'"
                connection.execute(f"attach {quoted} as {gate.product} (read_only)")
        yield connection


def _places(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Where each published list is: the name people use, and ``product.table``. ``lists`` comes before ``worklist``."""
    tables = connection.execute(
        "select database_name, table_name from duckdb_tables() where starts_with(table_name, 'list_') order by all desc"
    ).fetchall()
    return {name.removeprefix("list_").replace("_", "-"): f"{database}.{name}" for database, name in tables}


def list_names(home: Home) -> list[tuple[str, int]]:
    """Each published list and how many rows it has."""
    with _published(home) as connection:
        places = _places(connection)
        counts = {}
        for name, place in places.items():
            (counts[name],) = connection.execute(f"select count(*) from {place}").fetchone() or (0,)
    return sorted(counts.items())


def _place_of(connection: duckdb.DuckDBPyConnection, name: str) -> str:
    places = _places(connection)
    if name not in places:
        known = ", ".join(sorted(places)) or "none; run send run first"
        raise NothingPublished(f"There is no published list {name!r}. Published are: {known}.")
    return places[name]


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date | datetime) else value


def _list_sql(connection: duckdb.DuckDBPyConnection, name: str) -> str:
    """The SQL of a published list; a child with corrected values says in a last column which they are."""
    place = _place_of(connection, name)
    corrections = _places(connection).get("corrections")
    columns = [row[0] for row in connection.execute(f"describe from {place}").fetchall()]
    if corrections is None or "child_id" not in columns or name == "corrections":
        return f"from {place}"
    if connection.execute(f"select 1 from {corrections} limit 1").fetchone() is None:
        return f"from {place}"
    return f"""
        with marks as (
            select child_id, string_agg(concat_ws('.', extract, table_name, column_name), ', ' order by correction_id)
                as corrected
            from {corrections} group by child_id
        )
        select listed.*, marks.corrected from {place} as listed left join marks using (child_id) order by listed.rowid
    """


def list_rows(home: Home, name: str, limit: int) -> tuple[list[str], list[tuple[Any, ...]]]:
    """The headings and first rows of a published list. Raises ``NothingPublished``."""
    with _published(home) as connection:
        answer = connection.execute(f"from ({_list_sql(connection, name)}) limit {int(limit)}")
        headings = [column[0] for column in answer.description or []]
        return headings, [tuple(_plain(value) for value in row) for row in answer.fetchall()]


def _private(out: Path) -> Path:
    """The file to write to, made readable by its owner alone: it will hold children's names."""
    try:
        out.touch(mode=0o600)
        out.chmod(0o600)
    except OSError as error:
        raise CannotWrite(f"{out} cannot be written: {error.strerror}. Name another file.") from None
    return out


def write_list_csv(home: Home, name: str, out: Path) -> int:
    """Writes a published list as CSV (UTF-8 with BOM, as Excel reads it); gives the number of rows."""
    with _published(home) as connection, _private(out).open("w", encoding="utf-8-sig", newline="") as handle:
        answer = connection.execute(_list_sql(connection, name))
        writer = csv.writer(handle)
        writer.writerow([column[0] for column in answer.description or []])
        count = 0
        while rows := answer.fetchmany(10_000):
            writer.writerows([safe_cell(value) for value in row] for row in rows)
            count += len(rows)
    return count


def write_list_workbook(home: Home, name: str, out: Path) -> int:
    """Writes a published list as an Excel workbook; gives the number of rows. Raises as ``write_workbook``."""
    with _published(home) as connection:
        answer = connection.execute(_list_sql(connection, name))
        headings = [column[0] for column in answer.description or []]
        (count,) = write_workbook(out, [Sheet(name[:EXCEL_SHEET_NAME], headings, rows_in_batches(answer))])
    return count


@dataclass(frozen=True)
class Sheet:
    """A sheet to write: its name, its headings, and its rows, taken as they come."""

    name: str
    headings: Sequence[str]
    rows: Iterable[Sequence[Any]]


def rows_in_batches(answer: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    """The rows of an answer, some at a time."""
    while rows := answer.fetchmany(10_000):
        yield from rows


def write_workbook(out: Path, sheets: Iterable[Sheet]) -> list[int]:
    """Writes an Excel workbook that its owner alone may read; gives each sheet's number of rows.

    Every text is written as text: none becomes a formula, a link or a number. Raises ``SheetTooLong`` past Excel's rows
    and ``CannotWrite``.
    """
    with xlsxwriter.Workbook(str(_private(out)), ROW_BY_ROW) as book:
        return [write_sheet(book, sheet.name, sheet.headings, sheet.rows) for sheet in sheets]
