"""The child lists of Annex A to an area SEND inspection: their headings, and what their rules find in the last run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime

import duckdb

from checks.findings import capture_findings
from checks.rules import inspection_contract_paths
from checks.verification import verify_contracts
from connectors.errors import SendError
from operations.store import OperationsStore
from warehouse.build import memory_limit
from warehouse.home import Home

PRODUCT = "annex_a"
"""The product's name, and that of its tables' schema in the warehouse."""

_WHO = {
    "unique_id": "Unique ID",
    "upn": "UPN",
    "uln": "ULN",
    "date_of_birth": "Date of birth",
    "gender": "Gender",
    "ethnicity": "Ethnicity",
}
_PLAN = {
    "date_initial_plan_issued": "Date initial EHC plan issued",
    "date_updated_plan_issued": "Date updated EHC plan issued",
    "date_plan_last_reviewed": "Date EHC plan last reviewed",
}
_WHERE = {
    "sen_primary_need": "SEN primary need",
    "main_establishment_urn": "Main education establishment \u2013 URN",
    "main_establishment_phase": "Main education establishment \u2013 phase",
    "subsidiary_establishment_phase": "Subsidiary education establishment \u2013 phase (dual registration)",
}
_HOME = {"elective_home_education": "Elective home education"}
_HOW = {
    "suspensions": "Suspensions",
    "permanent_exclusions": "Permanent exclusions",
    "absence": "Absence",
    "pupil_premium": "Pupil Premium",
    "known_to_social_care": "Known to children's social care?",
    "social_care_team": "Which children's social care team?",
    "disability": "Does the child or young person have a disability?",
}


@dataclass(frozen=True)
class ChildList:
    """A list of Annex A: its table, its sheet, and its headings by column, in inspectors' order."""

    table: str
    sheet: str
    headings: Mapping[str, str]


LISTS = (
    ChildList("annex_a_list_1", "List_1", {**_WHO, **_PLAN, **_WHERE, **_HOME, **_HOW}),
    ChildList("annex_a_list_2", "List_2", {**_WHO, **_WHERE, **_HOW}),
)
"""List 1, children with EHC plans, and List 2, children on SEN support."""

BESIDE = (
    "core.dim_child",
    "core.fct_plan",
    "core.fct_census_enrolment",
    "landing.run",
    "landing.load_file",
    "landing.quarantine",
    "identity.identity__record_child",
)
"""What the rules look up besides the lists, and what the checks' shared macros and findings name."""


class NoLists(SendError):
    """There are no lists of Annex A to look at."""


@dataclass(frozen=True)
class ListFinding:
    """One record of a list that a rule objects to, without its value."""

    severity: str
    rule_id: str
    rule_name: str
    table: str
    child_id: str | None
    item: str
    source_file: str | None
    source_row: int | None
    remedy: str


@dataclass(frozen=True)
class CheckedLists:
    """The lists as the last run built them, published or not: of which day, how long, and what their rules find."""

    as_at: date
    known_at: datetime
    rows: dict[str, int]
    rules_not_run: tuple[str, ...]
    findings: tuple[ListFinding, ...]


@contextmanager
def open_lists(home: Home) -> Iterator[duckdb.DuckDBPyConnection]:
    """Both lists as the last finished run built them, and what their rules look up, as views.

    Raises ``NoLists`` where there are none.
    """
    if not home.warehouse.exists():
        raise NoLists("There is no warehouse yet, so no lists. Build them first: send run")
    quoted = "'" + str(home.warehouse).replace("'", "''") + "'"
    with duckdb.connect(
        config={"threads": "2", "memory_limit": memory_limit(), "temp_directory": str(home.temporary)}
    ) as connection:
        connection.execute(f"attach {quoted} as warehouse (read_only)")
        for name in (*(f"{PRODUCT}.{child_list.table}" for child_list in LISTS), *BESIDE):
            connection.execute(f"create schema if not exists {name.partition('.')[0]}")
            try:
                connection.execute(f"create view {name} as from warehouse.{name}")
            except duckdb.CatalogException:
                raise NoLists(
                    f"The warehouse has no {name}: an older release built it. Build it anew: send run"
                ) from None
        yield connection


def check_lists(home: Home, store: OperationsStore) -> CheckedLists:
    """Runs every rule of Annex A on the lists of the last finished run. Changes nothing. Raises ``NoLists``."""
    with open_lists(home) as connection:
        day = connection.execute("select as_at, known_at from landing.run").fetchone()
        if day is None:
            raise NoLists("The warehouse does not say of which day it is. Build it anew: send run")
        results = verify_contracts(connection, inspection_contract_paths(), is_keeping_rows=True)
        results = capture_findings(connection, results, store.first_seen(), seen_at=day[1])
        rows = {}
        for child_list in LISTS:
            (rows[child_list.table],) = connection.execute(
                f"select count(*) from {PRODUCT}.{child_list.table}"
            ).fetchone() or (0,)
        found = connection.execute(
            "select severity, rule_id, rule_name, split_part(dataset, '/', 2), child_id, item, source_file, "
            "source_row, remedy from checks.finding order by severity, rule_id, child_id, record_id, item"
        ).fetchall()
    not_run = tuple(f"{result.dataset} {result.rule_id}" for result in results if not result.has_run)
    return CheckedLists(day[0], day[1], rows, not_run, tuple(ListFinding(*row) for row in found))


def query_of(child_list: ChildList, schema: str) -> str:
    """The query that gives a list's rows from its table in ``schema``, its columns in inspectors' order."""
    return f"select {', '.join(child_list.headings)} from {schema}.{child_list.table} order by unique_id"
