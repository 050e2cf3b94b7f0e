"""``send annex-a``: the child lists that inspectors of area SEND ask for, as published, and what holds them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import duckdb

from connectors.errors import SendError
from flows.reading import NothingPublished, Sheet, product_lines, rows_in_batches, write_workbook
from flows.summary import ProductLine
from operations.store import OperationsStore
from returns.annex_a import LISTS, PRODUCT, CheckedLists, check_lists, open_lists, query_of
from warehouse.home import Home
from warehouse.publication import product_file

ABOUT = "About"


class ListsHeld(SendError):
    """No lists ever passed their gate, so none can be given out but as a draft."""

    def __init__(self, line: ProductLine) -> None:
        super().__init__(
            "The lists of Annex A are HELD and none were published before:\n"
            + "".join(f"- {reason}\n" for reason in line.reasons)
            + "Mend the records that hold them (send annex-a --records), or take a draft along (--draft)."
        )


def standing_lists(home: Home) -> ProductLine:
    """How the lists stand: published, held and by what, or not there yet."""
    held = OperationsStore(home.operations_url).held_products()
    return next(line for line in product_lines(home, held) if line.product == PRODUCT)


def checked_lists(home: Home) -> CheckedLists:
    """What the rules find in the lists of the last run, whether they are published or held."""
    return check_lists(home, OperationsStore(home.operations_url))


def counts_by_rule(checked: CheckedLists) -> list[tuple[str, str, str, str, int]]:
    """A line a rule that finds something: severity, rule, list, what it says, in how many records."""
    counts = Counter((f.severity, f.rule_id, f.table, f.rule_name) for f in checked.findings)
    return [(*key, count) for key, count in sorted(counts.items())]


def lists_as_data(line: ProductLine, checked: CheckedLists) -> dict[str, Any]:
    """Both as plain values, for ``--json``. Names children by their child id alone."""
    headings = ("severity", "rule_id", "list", "name", "found")
    return {
        **asdict(line),
        "last_run": {"as_at": checked.as_at, "known_at": checked.known_at, "rows": checked.rows},
        "rules": [dict(zip(headings, counts, strict=True)) for counts in counts_by_rule(checked)],
        "rules_not_run": checked.rules_not_run,
        "findings": [asdict(finding) for finding in checked.findings],
    }


def write_annex_a(home: Home, out: Path, *, is_draft: bool = False) -> tuple[ProductLine, dict[str, int]]:
    """Writes both lists, as published, as one workbook; gives how they stand, and the number of rows by sheet.

    Where a gate holds them, these are the last that passed, and the workbook's last sheet says so. With ``is_draft``
    they are those of the last run, whatever the rules say, and the sheet calls them a draft. Raises ``ListsHeld`` where
    none ever passed, ``NothingPublished`` where none were ever made, ``NoLists`` where there is no run to draft from.
    """
    line = standing_lists(home)
    if not is_draft and line.as_at is None:
        if line.status == "held":
            raise ListsHeld(line)
        raise NothingPublished("No lists of Annex A are published yet. Make them first: send run")
    opened = _draft(home, line) if is_draft else _published(home, line)
    with opened as (connection, schema, about):
        sheets = [
            Sheet(
                child_list.sheet,
                list(child_list.headings.values()),
                rows_in_batches(connection.cursor().execute(query_of(child_list, schema))),
            )
            for child_list in LISTS
        ]
        counts = write_workbook(out, [*sheets, Sheet(ABOUT, ("What", "Value"), about)])
    return line, {child_list.sheet: count for child_list, count in zip(LISTS, counts[: len(LISTS)], strict=True)}


Opened = tuple[duckdb.DuckDBPyConnection, str, list[tuple[Any, ...]]]


@contextmanager
def _published(home: Home, line: ProductLine) -> Iterator[Opened]:
    with duckdb.connect(config={"threads": "2", "memory_limit": "500MB"}) as connection:
        quoted = "'" + str(product_file(home, PRODUCT).resolve()).replace("'", "''") + "'"
        try:
            connection.execute(f"attach {quoted} as {PRODUCT} (read_only)")
        except duckdb.Error as error:
            raise SendError(
                f"{home.published / PRODUCT} cannot be read ({type(error).__name__}). Run send run again."
            ) from None
        status = "HELD: the last lists that passed, not those of the last run" if line.status == "held" else "published"
        yield connection, PRODUCT, _about(status, line.as_at, line.published_from, line.reasons)


@contextmanager
def _draft(home: Home, line: ProductLine) -> Iterator[Opened]:
    with open_lists(home) as connection:
        as_at, known_at = connection.execute("select as_at, known_at from landing.run").fetchone() or (None, None)
        yield connection, PRODUCT, _about("DRAFT: not published", as_at, known_at, line.reasons)


def _about(status: str, as_at: Any, known_at: Any, reasons: tuple[str, ...]) -> list[tuple[Any, ...]]:
    return [
        ("List_1", "Children and young people with an EHC plan"),
        ("List_2", "Children and young people on SEN support, at the last census of the school"),
        ("Status", status),
        ("As at", str(as_at)),
        ("Known at (UTC)", str(known_at)),
        *(("Held by", reason) for reason in reasons),
    ]
