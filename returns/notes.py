"""The workbooks that go with a return: the notes on its queries for DfE, and what changed since the last version."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import xlsxwriter

from connectors.spreadsheets import AS_TEXT, write_sheet
from returns.differences import Difference
from returns.specification import Specification, unverified
from returns.standing import CheckedReturn, counts_by_rule


def write_notes(path: Path, checked: CheckedReturn, specification: Specification) -> None:
    """Writes the notes pack: a cover, a line a rule, a line a query with its explanation, author and date,
    and a line a correction laid over a source's value.

    The cover says what of the specification nobody has verified. Cases are named by the warehouse's child id alone.
    """
    supposed = unverified(specification)
    cover: list[tuple[Any, ...]] = [
        ("Return", f"SEN2 {checked.year}"),
        ("Local authority", checked.lea),
        ("Survey day", checked.reference_date),
        ("Data as at", checked.as_at),
        ("Known at (UTC)", checked.known_at.isoformat(sep=" ")),
        *((table, rows) for table, rows in checked.rows.items()),
        ("Errors", len(checked.errors)),
        ("Queries", len(checked.queries)),
        ("Corrections laid over what sources say", len(checked.corrections)),
        ("Rules not applicable, for want of last year's return or of published figures", len(checked.not_applicable)),
        ("Specification entries not verified", len(supposed)),
        ("", "Not verified means: not read in DfE's own specification. See: send sen2 specification"),
    ]
    cases = [
        (
            finding.rule_id,
            finding.child_id,
            finding.table,
            finding.item,
            finding.explanation.explanation if finding.explanation else "",
            finding.explanation.author if finding.explanation else "",
            finding.explanation.at.date() if finding.explanation else None,
            finding.explanation.return_year if finding.explanation else None,
        )
        for finding in checked.queries
    ]
    corrected = [
        (
            *(cell.correction_id, cell.child_id, f"{cell.extract}.{cell.table_name}", cell.column_name, cell.reason),
            *(cell.proposed_by, cell.approved_by, cell.until_date),
        )
        for cell in checked.corrections
    ]
    of_corrections = ("correction", "child_id", "record", "item", "reason", "proposed by", "approved by", "until")
    headings = ("rule", "child_id", "table", "item", "explanation", "author", "written on", "for the return of")
    with xlsxwriter.Workbook(str(path), AS_TEXT) as book:
        write_sheet(book, "Cover", ("what", "value"), cover)
        rules = counts_by_rule(checked.findings)
        write_sheet(book, "Rules", ("severity", "rule", "what it says", "found", "explained"), rules)
        write_sheet(book, "Cases", headings, cases)
        write_sheet(book, "Corrections", of_corrections, corrected)


def write_differences(path: Path, changed: Sequence[Difference]) -> None:
    """Writes what changed since the last version, a line an item. Personal data, as the return is."""
    rows = [(d.kind, d.module, d.person_id, d.requests_id, d.number, d.item, d.was, d.now) for d in changed]
    with xlsxwriter.Workbook(str(path), AS_TEXT) as book:
        write_sheet(book, "Differences", ("kind", "module", "person", "request", "number", "item", "was", "now"), rows)
