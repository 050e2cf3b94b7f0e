"""Stores as older releases had them, and what lies in a store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy
from alembic import command
from alembic.config import Config

from operations.store import MIGRATIONS


def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    engine = sqlalchemy.create_engine(url)
    try:
        with engine.begin() as connection:
            result = connection.exec_driver_sql(query)
            return [tuple(row) for row in result] if result.returns_rows else []
    finally:
        engine.dispose()


def make_store_of(url: str, version: str) -> None:
    """Makes a store as an older release had it: the migrations up to its version and no further."""
    if "sqlite" in url:
        Path(sqlalchemy.make_url(url).database or "").parent.mkdir()
    engine = sqlalchemy.create_engine(url)
    with engine.begin() as connection:
        configuration = Config()
        configuration.set_main_option("script_location", str(MIGRATIONS))
        configuration.attributes["connection"] = connection
        command.upgrade(configuration, version)
    engine.dispose()


OF_AN_OLDER_RELEASE = (
    "insert into run values ('run-1', '2026-06-30', '2026-06-30 18:00:00', '2026-06-30 18:00:00', null, 'done', null, "
    "'{}')",
    "insert into finding (finding_key, rule_id, rule_name, severity, owner, organisation, dataset, remedy, "
    "first_seen_at, state, last_seen_at, last_run_id) values ('k1', 'late', 'Late', 'query', 'sen_team', 'education', "
    "'landing/ehc_case__plan', 'Mend it.', '2026-06-30 18:00:00', 'reopened', '2026-07-02 18:00:00', 'run-1')",
    *(
        f"insert into finding_event (finding_key, run_id, event, at) "
        f"values ('k1', 'run-{number}', '{event}', '{at} 18:00:00')"
        for number, event, at in ((1, "new", "2026-06-30"), (2, "fixed", "2026-07-01"), (3, "reopened", "2026-07-02"))
    ),
)
