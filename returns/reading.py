"""A return read from whichever of its shapes it has: XML, Blade export, DfE's template, pre-submission workbook."""

from __future__ import annotations

from pathlib import Path

import duckdb

from connectors.readers.excel import open_workbook
from returns.blade import read_blade
from returns.specification import Specification
from returns.tables import Reading
from returns.workbook import TEMPLATE_SHEET, read_presubmission, read_template
from returns.xml import read_xml


def read_return(
    path: Path, specification: Specification, connection: duckdb.DuckDBPyConnection, schema: str, *, lea: str
) -> Reading:
    """Replaces the nine tables of ``schema`` by the return at ``path``, a folder for a Blade export.

    An XML file says its own year; the other shapes are read as ``specification`` has them. ``lea`` is the authority
    of a pre-submission workbook, which does not say it. Raises ``FileRefused``; then nothing is loaded.
    """
    if path.is_dir():
        return read_blade(path, specification, connection, schema)
    if path.suffix.lower() != ".xlsx":
        return read_xml(path, None, connection, schema)
    if TEMPLATE_SHEET in open_workbook(path).sheet_names:
        return read_template(path, specification, connection, schema)
    return read_presubmission(path, specification, connection, lea, schema)
