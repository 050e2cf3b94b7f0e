"""Tells a change from noise: control limits and run rules over the monthly figures of each indicator."""

from __future__ import annotations

from pathlib import Path

import duckdb

from dashboard.suppression import AUDIENCES

SIGNALS = Path(__file__).with_name("signals.sql")


def find_signals(connection: duckdb.DuckDBPyConnection) -> None:
    """Writes ``dashboard.signal_board`` and ``dashboard.signal_public`` from each audience's figures."""
    statement = SIGNALS.read_text(encoding="utf-8")
    for audience in AUDIENCES:
        connection.execute(statement.replace("{audience}", audience))
