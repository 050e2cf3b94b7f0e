"""``make bench-sen2``: the SEN2 return of all England made in DuckDB, and how fast it is written as XML."""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from returns.specification import read_specification
from returns.surveys import survey_of_year
from returns.tables import Stamp
from returns.xml import write_xml

YEAR = 2027
STAMP = Stamp("SEND warehouse", "benchmark", 1, datetime(2027, 2, 1, 9, 30))


def make_return(connection: duckdb.DuckDBPyConnection, plans: int, requests: int, schema: str = "sen2") -> None:
    """Makes the nine tables of ``plans`` persons with a plan, and ``requests`` more whose request was refused."""
    survey_day = survey_of_year(YEAR).survey_day
    connection.execute(f"create schema if not exists {schema}")
    statements = {
        "header": "select 'SEN2' as collection, $year as year, $survey_day::date as reference_date, "
        "'L' as source_level, "
        "'883' as lea, 'Yes' as dmo, 'Yes' as dco, 'Yes' as dsco",
        "person": "select 'c' || lpad(n::varchar, 9, '0') as person_id, 'O''Neill & ' || n as surname, "
        "'Zoë' as forename, "
        "date '2005-01-01' + (n % 6000)::integer as person_birth_date, if(n % 3 = 0, 'F', 'M') as sex, "
        "'WBRI' as ethnicity, 'RM17 6SL' as post_code, 'A' || lpad(n::varchar, 12, '0') as upn, "
        "null::varchar as unique_learner_number, null::varchar as upn_unknown from range($persons) people(n)",
        "requests": "select 'r' || lpad(n::varchar, 9, '0') as requests_id, 'c' || lpad(n::varchar, 9, "
        "'0') as person_id, "
        "date '2026-01-01' + (n % 300)::integer as received_date, (1 + n % 5)::integer as request_source, "
        "false as rya, "
        "date '2026-02-01' + (n % 300)::integer as request_outcome_date, if(n < $plans, 'Y', 'N') as request_outcome, "
        "false as request_mediation, false as request_tribunal, null::varchar as exported "
        "from range($persons) people(n)",
        "assessment": "select requests_id, person_id, 'Y' as assessment_outcome, received_date + 140 as "
        "assessment_outcome_date, false as assessment_mediation, false as assessment_tribunal, false as "
        "other_mediation, false as other_tribunal, false as week20 from {schema}.sen2_requests "
        "where request_outcome = 'Y'",
        "named_plan": "select requests_id, person_id, assessment_outcome_date as start_date, "
        "null::varchar as plan_res, "
        "null::varchar as plan_wbp, false as pb, null::boolean as oa, null::varchar as dp, null::date as cease_date, "
        "null::integer as cease_reason from {schema}.sen2_assessment",
        "plan_detail": "select requests_id, 1 as plan_detail_number, person_id, '100001' as urn, "
        "null::varchar as ukprn, "
        "null::varchar as sen_setting, null::varchar as sen_setting_other, 1 as placement_rank, "
        "false as sen_unit_indicator, true as resourced_provision_indicator from {schema}.sen2_assessment",
        "active_plans": "select requests_id, person_id, null::varchar as transfer_la, "
        "start_date + 300 as review_meeting, "
        "'A' as review_outcome, start_date + 320 as last_review, start_date + 325 as review_draft, "
        "date '2027-02-15' as phase_transfer_due_date, null::date as phase_transfer_final_date "
        "from {schema}.sen2_named_plan",
        "placement_detail": "select requests_id, 1 as placement_detail_number, person_id, '100001' as urn, "
        "null::varchar as ukprn, null::varchar as sen_setting, null::varchar as sen_setting_other, "
        "1 as placement_rank, "
        "start_date as entry_date, null::date as leaving_date, false as sen_unit_indicator, "
        "true as resourced_provision_indicator, null::varchar as res, null::varchar as wbp "
        "from {schema}.sen2_named_plan",
        "sen_need": "select requests_id, number::integer as sen_need_number, person_id, if(number = 1, 'ASD', "
        "'SLCN') as "
        "sen_type, number::integer as sen_type_rank from {schema}.sen2_named_plan, range(1, 3) needs(number)",
    }
    values = {"year": YEAR, "survey_day": survey_day, "plans": plans, "persons": plans + requests}
    for module, statement in statements.items():
        used = {name: value for name, value in values.items() if f"${name}" in statement}
        connection.execute(f"create or replace table {schema}.sen2_{module} as {statement.format(schema=schema)}", used)


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints how many persons a second are written, and the peak memory of the process that writes them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plans", type=int, default=720_000)
    parser.add_argument("--requests", type=int, default=160_000)
    parser.add_argument("--warehouse", type=Path, help="write the return in this database; without it, make one first")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        limits: dict[str, Any] = {"memory_limit": "400MB", "temp_directory": folder}
        database = options.warehouse or Path(folder, "return.duckdb")
        if options.warehouse is None:
            with duckdb.connect(
                str(database), config={"memory_limit": "400MB", "temp_directory": folder}
            ) as connection:
                make_return(connection, options.plans, options.requests)
        with duckdb.connect(str(database), read_only=True, config=limits) as connection:
            started = time.perf_counter()
            target = Path(folder, "return.xml")
            persons = write_xml(connection, read_specification(YEAR), target, STAMP)
            seconds = time.perf_counter() - started
        megabytes = target.stat().st_size / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{persons:,} persons written in {seconds:.1f} s: {persons / seconds:,.0f} a second, {megabytes:,.0f} MB of XML"
    )
    print(f"peak memory {peak:,.0f} MB")


if __name__ == "__main__":
    main()
