"""A return as the start of a case system's records, for a council that has nothing else: the extract ``ehc_case``.

One workbook, a sheet a table, in the columns of the extract's contract, so that it is read like any delivery once the
council has completed it. What the return does not hold stays empty and is never invented.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import xlsxwriter

from connectors.contract import read_contract
from connectors.errors import ConfigurationError
from connectors.spreadsheets import AS_TEXT
from returns.tables import literal, quoted

EXTRACT = "ehc_case"
# Each column that the return holds, by table of the extract. ``id`` makes a number of a record: the return's year and
# the key it has there, so that those of two years never meet.
TABLES = {
    "child": """
        select id(person_id) as case_id, upn, unique_learner_number as uln, upn_unknown, surname, forename,
            person_birth_date as birth_date, sex, ethnicity, post_code as postcode
        from sen2_person
        order by person_id
    """,
    "request": """
        select id(requests_id) as request_id, id(person_id) as case_id, received_date, request_source as source, rya,
            exported as exported_la, request_outcome_date as outcome_date, request_outcome as outcome,
            request_mediation as mediation, request_tribunal as tribunal
        from sen2_requests
        order by requests_id
    """,
    "assessment": """
        select id(requests_id) as assessment_id, id(requests_id) as request_id,
            assessment_outcome_date as outcome_date, assessment_outcome as outcome, week20 as week20_exception,
            assessment_mediation as mediation, assessment_tribunal as tribunal, other_mediation, other_tribunal
        from sen2_assessment
        order by requests_id
    """,
    "plan": """
        select id(coalesce(plan.requests_id, active.requests_id)) as plan_id,
            id(assessment.requests_id) as assessment_id,
            id(coalesce(plan.requests_id, active.requests_id)) as request_id, plan.start_date,
            case when assessment.assessment_outcome = 'Y' then assessment.assessment_outcome_date end as issued_date,
            plan.plan_res, plan.plan_wbp, plan.pb, plan.oa, plan.dp, plan.cease_date, plan.cease_reason,
            active.transfer_la as transfer_in_la
        from sen2_named_plan as plan
        full outer join sen2_active_plans as active on plan.requests_id = active.requests_id
        left join sen2_assessment as assessment on plan.requests_id = assessment.requests_id
        order by 1
    """,
    "plan_setting": """
        select id(concat(requests_id, '-', plan_detail_number)) as id, id(requests_id) as plan_id, urn, ukprn,
            sen_setting, sen_setting_other, placement_rank as rank, sen_unit_indicator as sen_unit,
            resourced_provision_indicator as resourced_provision
        from sen2_plan_detail
        order by requests_id, plan_detail_number
    """,
    "placement": """
        select id(concat(requests_id, '-', placement_detail_number)) as id, id(requests_id) as plan_id, urn, ukprn,
            sen_setting, sen_setting_other, placement_rank as rank, sen_unit_indicator as sen_unit,
            resourced_provision_indicator as resourced_provision, entry_date, leaving_date, res, wbp
        from sen2_placement_detail
        order by requests_id, placement_detail_number
    """,
    "need": """
        select id(requests_id) as plan_id, sen_type_rank as rank, sen_type
        from sen2_sen_need
        order by requests_id, sen_need_number
    """,
    "review": """
        select id(concat(requests_id, '-review')) as review_id, id(requests_id) as plan_id, null::date as due_date,
            review_meeting as meeting_date, review_outcome as decision, last_review as decision_date,
            review_draft as draft_amended_date, null::date as final_amended_date, 'annual' as kind
        from sen2_active_plans
        where coalesce(review_meeting, last_review, review_draft) is not null or review_outcome is not null
        union all
        select id(concat(requests_id, '-transfer')), id(requests_id), phase_transfer_due_date, null, null, null, null,
            phase_transfer_final_date, 'phase_transfer'
        from sen2_active_plans
        where coalesce(phase_transfer_due_date, phase_transfer_final_date) is not null
        order by 1
    """,
}


@dataclass(frozen=True)
class Started:
    """What was written: rows by table, and what must be completed before they count: table, column and how often."""

    rows: dict[str, int]
    to_complete: tuple[tuple[str, str, int], ...]


def write_records(connection: duckdb.DuckDBPyConnection, schema: str, year: int, path: Path) -> Started:
    """Writes the return in ``schema`` as a workbook of the extract ``ehc_case``. Never overwrites one.

    Every cell is text, so nothing in it runs as a formula. Raises ``ConfigurationError`` where the file exists.
    """
    if path.exists():
        raise ConfigurationError(f"{path} exists already. Name another file, so that nothing you completed is lost.")
    contract = read_contract(EXTRACT)
    connection.execute(f"create or replace temp macro id(record) as '{year}-' || record")
    rows: dict[str, int] = {}
    to_complete: list[tuple[str, str, int]] = []
    connection.execute(f"set search_path = {literal(schema)}")
    partial = path.with_name(f".{path.name}.partial")
    try:
        with xlsxwriter.Workbook(str(partial), AS_TEXT) as book:
            for name, table in contract.tables.items():
                if name in TABLES:
                    rows[name], lacking = _write_sheet(book.add_worksheet(name), connection, name, list(table.columns))
                    to_complete += [(name, column, lacking[column]) for column in table.needed if lacking.get(column)]
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
        connection.execute("reset search_path")
        connection.execute("drop macro id")
    (undated,) = connection.execute(
        f"select count(transfer_la) from {quoted(schema)}.sen2_active_plans"
    ).fetchone() or (0,)
    if undated:
        to_complete.append(("plan", "transfer_in_date", undated))
    return Started(rows, tuple(to_complete))


def _write_sheet(
    sheet: Any, connection: duckdb.DuckDBPyConnection, name: str, columns: list[str]
) -> tuple[int, dict[str, int]]:
    """Writes one table below all headings of its contract; gives its rows, and the empty cells by column."""
    sheet.freeze_panes(1, 0)
    for position, column in enumerate(columns):
        sheet.write_string(0, position, column)
    answer = connection.execute(TABLES[name])
    places = [columns.index(told[0]) for told in answer.description or []]
    empty = dict.fromkeys(columns, 0)
    number = 0
    while batch := answer.fetchmany(10_000):
        for row in batch:
            number += 1
            for place, value in zip(places, row, strict=True):
                if value is None:
                    empty[columns[place]] += 1
                else:
                    sheet.write_string(number, place, str(value).lower() if isinstance(value, bool) else str(value))
    return number, empty
