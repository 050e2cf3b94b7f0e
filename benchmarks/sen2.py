"""``make bench-sen2``: the SEN2 return of all England made in DuckDB; how fast it is written as XML and checked.

Three of the rules are also written as the sector usually writes them, a pandas function called row by row, and run on
the same rows in the same process: what is told is the ratio.
"""

from __future__ import annotations

import argparse
import re
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from benchmarks.stages import run_measured
from checks.rules import Rule, read_contracts, return_contract_paths
from checks.verification import prepare, verify_contracts
from returns.previous import empty_previous, know_persons
from returns.specification import read_specification
from returns.surveys import survey_of_year
from returns.tables import Stamp
from returns.xml import write_xml
from warehouse.home import Home

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
        "'A' as review_outcome, start_date + 320 + day(start_date)::integer % 12 as last_review, "
        "start_date + 325 as review_draft, "
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


LOOKED_UP = """
    create schema if not exists landing;
    create schema if not exists core;
    create or replace table landing.run as select reference_date as as_at from sen2.sen2_header;
    create or replace table landing.quarantine (extract varchar, "table" varchar, record_id varchar);
    create or replace table landing.gias__establishment (
        urn varchar, type_of_resourced_provision_name varchar, boarding_establishment_name varchar,
        _delivery bigint, _file varchar, _row bigint
    );
    create or replace table core.dim_establishment as
        select '100001' as urn, 'Community school' as establishment_type, date '1990-09-01' as open_date,
            null::date as close_date, false as is_special, 18 as statutory_high_age;
    create or replace table core.fct_published_figure (
        la_code varchar, return_year integer, indicator varchar, age varchar, value decimal(18, 2),
        source_file varchar, source_row bigint
    );
"""


def upn_is_wrong(row: Any) -> bool:
    """``upn_invalid``, row by row."""
    letters = "ABCDEFGHJKLMNPQRTUVWXYZ"
    upn = row["upn"]
    if upn is None or pd.isna(upn):
        return False
    if not re.fullmatch(r"[A-HJ-NP-RT-Z][0-9]{11}[0-9A-HJ-NP-RT-Z]", upn):
        return True
    values = [int(sign) if sign.isdigit() else letters.index(sign) for sign in upn[1:]]
    return bool(upn[0] != letters[sum(place * value for place, value in enumerate(values, start=2)) % 23])


def review_is_late(row: Any) -> bool:
    """``review_decision_after_4_weeks``, row by row."""
    meeting, decision = row["review_meeting"], row["last_review"]
    return not pd.isna(meeting) and not pd.isna(decision) and (decision - meeting).days > 28


def plan_starts_later(row: Any) -> bool:
    """``plan_start_after_reference_date``, row by row."""
    return not pd.isna(row["start_date"]) and row["start_date"] > row["reference_date"]


ROW_BY_ROW: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "upn_invalid": ("sen2_person", upn_is_wrong),
    "review_decision_after_4_weeks": ("sen2_active_plans", review_is_late),
    "plan_start_after_reference_date": ("sen2_named_plan", plan_starts_later),
}


def add_what_rules_read(connection: duckdb.DuckDBPyConnection) -> None:
    """Adds what the rules read beside the items: each record's file and row, the register, the day."""
    for module in read_specification(YEAR).modules:
        for column in ("record_id varchar", "source_file varchar default 'case.csv'", "source_row bigint default 7"):
            connection.execute(f"alter table sen2.{module.table} add column if not exists {column}")
    connection.execute(LOOKED_UP)
    empty_previous(connection, read_specification(YEAR - 1))
    know_persons(connection)
    prepare(connection)


def seconds(work: Callable[[], object]) -> float:
    """How long a piece of work takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def count_of(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    """The one number that the query gives."""
    (count,) = connection.execute(query).fetchone() or (0,)
    return int(count)


def count_row_by_row(rows: pd.DataFrame, is_wrong: Callable[[Any], bool], counted: list[int]) -> None:
    """Adds to ``counted`` how many of the rows are wrong."""
    counted.append(int(rows.apply(is_wrong, axis=1).sum()))


def time_rules(connection: duckdb.DuckDBPyConnection) -> tuple[int, float, float]:
    """All rules through Soda, and the queries of those that apply bare: how many, and the seconds of each way."""
    results = []
    by_soda = seconds(lambda: results.extend(verify_contracts(connection, return_contract_paths())))
    rules = [result.rule for result in results if result.has_run and result.rule.query]
    bare = seconds(lambda: [count_of(connection, f"select count(*) from ({rule.query})") for rule in rules])
    return len(rules), by_soda, bare


def time_row_by_row(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, int, float, float]]:
    """For each of three rules: its id, what it finds, and the seconds of its query and of the pandas function.

    Raises ``ValueError`` where the two do not find equally many. Reading the rows into pandas is not counted.
    """
    rules: dict[str, Rule] = {
        rule.rule_id: rule for contract in read_contracts(return_contract_paths()) for rule in contract.rules
    }
    (survey_day,) = connection.execute("select reference_date from sen2.sen2_header").fetchone() or (date.max,)
    timed = []
    for rule_id, (table, is_wrong) in ROW_BY_ROW.items():
        query = f"select count(*) from ({rules[rule_id].query})"
        by_query = seconds(partial(count_of, connection, query))
        rows = connection.execute(f"from sen2.{table}").df()
        rows["reference_date"] = pd.Timestamp(survey_day)
        wrong: list[int] = []
        by_row = seconds(partial(count_row_by_row, rows, is_wrong, wrong))
        found = count_of(connection, query)
        if wrong != [found]:
            raise ValueError(f"{rule_id} finds {found:,} by its query and {wrong[0]:,} row by row.")
        timed.append((rule_id, found, by_query, by_row))
    return timed


def time_authority(folder: Path) -> tuple[float, float]:
    """The return of one local authority, the default borough's 2,500 plans: seconds to build and check it, to write it.

    Each as the officer has it, a command in a process of its own, on extracts that have been loaded before.
    """
    home = Home(folder / "authority")
    home.create()
    for arguments in (("demo",), ("run",)):
        run_measured(home, *arguments)
    build, _, _ = run_measured(home, "sen2", "build", "--json")
    write, _, _ = run_measured(home, "sen2", "export", "--xml", str(folder / "authority.xml"))
    return build, write


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the seconds of one authority's return; of England's, persons written a second, peak memory, the rules."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plans", type=int, default=720_000)
    parser.add_argument("--requests", type=int, default=160_000)
    parser.add_argument("--warehouse", type=Path, help="write the return in this database; without it, make one first")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        build, write = time_authority(Path(folder))
        print(f"one authority: built and checked in {build:.1f} s, written in {write:.1f} s (aim: 15 s together)")
        limits: dict[str, Any] = {"memory_limit": "400MB", "temp_directory": folder}
        database = options.warehouse or Path(folder, "return.duckdb")
        if options.warehouse is None:
            with duckdb.connect(
                str(database), config={"memory_limit": "400MB", "temp_directory": folder}
            ) as connection:
                make_return(connection, options.plans, options.requests)
        with duckdb.connect(str(database), read_only=True, config=limits) as connection:
            target = Path(folder, "return.xml")
            started = time.perf_counter()
            persons = write_xml(connection, read_specification(YEAR), target, STAMP)
            taken = time.perf_counter() - started
        megabytes = target.stat().st_size / 1e6
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{persons:,} persons written in {taken:.1f} s: {persons / taken:,.0f} a second, {megabytes:,.0f} MB of XML"
        )
        print(f"peak memory {peak:,.0f} MB")
        target.unlink()
        with duckdb.connect(config={"threads": "2", "temp_directory": folder}) as connection:
            make_return(connection, options.plans, options.requests)
            add_what_rules_read(connection)
            count, by_soda, bare = time_rules(connection)
            print(f"{count} rules through Soda in {by_soda:.1f} s, bare in {bare:.1f} s: {by_soda / bare:.1f} times")
            for rule_id, found, by_query, by_row in time_row_by_row(connection):
                print(
                    f"{rule_id} ({found:,} found): {by_query:.3f} s, row by row in pandas {by_row:.1f} s, "
                    f"{by_row / by_query:,.0f} times as long"
                )


if __name__ == "__main__":
    main()
