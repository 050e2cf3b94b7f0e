"""``make bench-linkage``: the linkage alone, of 2 million pupils, 1 million patients and half a million children known
to social care: its time, the peak memory of its process, and how many of the persons added found their own child.

The borough is an invented one, built as a run builds it; patients and children of social care are then added to it, up
to those numbers, each written with the slips such records have. Whose they are is known to the count at the end alone.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import psutil

from benchmarks.linkage import link
from benchmarks.stages import LINKAGE, bare_statements, run_measured
from flows.settings import prepare_environment
from warehouse.home import Home

PUPILS = 2_000_000
ALIKE = 0.5, 0.25
"""Patients, and children of social care, to a pupil."""
MODELS = ("identity__linkage_record", "identity__sure_link", LINKAGE, "identity__anchor")

# Of a hundred records so many are written in each way; the rest as the school writes it.
SLIPS = """
    case
        when slip < 4 then left(forename, 2) || substr(forename, 4)
        when slip < 6 then left(forename, 1)
        else forename
    end as forename,
    case
        when slip between 6 and 8 then surname || '-Marsh'
        when slip between 9 and 10 then left(surname, 3) || substr(surname, 5)
        else surname
    end as surname,
    case
        when slip between 11 and 12 then birth_date + 1
        when slip = 13 and day(birth_date) <= 12
            then make_date(year(birth_date)::integer, day(birth_date)::integer, month(birth_date)::integer)
        else birth_date
    end as birth_date,
    case when slip between 14 and 23 then left(postcode, -3) || '9ZZ' else postcode end as postcode,
    sex
"""


def add_persons(connection: duckdb.DuckDBPyConnection, patients: int, in_social_care: int) -> None:
    """Adds to ``identity__person`` so many of each as are missing; ``identity.added`` says which pupil each of them is.

    They are pupils of whom no other source speaks. Of a hundred patients four have no NHS number; of a hundred children
    of social care thirty have a UPN.
    """
    connection.execute(
        """
        create or replace temp table alone as
        with once as (select child_id from identity.identity__anchor group by child_id having count(*) = 1)
        select person.*, row_number() over (order by hash(person.anchor), person.anchor) as number,
            (hash(person.anchor || 'slip') % 100)::integer as slip
        from identity.identity__person as person
        inner join identity.identity__anchor as anchor using (anchor_kind, anchor)
        where person.anchor_kind = 'upn' and person.surname is not null and person.forename is not null
            and anchor.child_id in (from once)
        """
    )

    def missing(kinds: str, wanted: int) -> int:
        query = f"select count(*) from identity.identity__person where anchor_kind in ({kinds})"
        ((held,),) = connection.execute(query).fetchall()
        return max(0, wanted - int(held))

    connection.execute(
        f"""
        create or replace table identity.added as
        with bases as (
            select number as base, list_sum([(10 - i) * ((800000000 + number) // 10 ** (9 - i) % 10)::bigint
                for i in range(1, 10)]) % 11 as rest
            from range(2 * $patients) as numbers (number)
        ),
        numbers as (
            select row_number() over (order by base) as number,
                (800000000 + base)::varchar || ((11 - rest) % 11)::varchar as nhs_number
            from bases where rest != 1
        )
        select if(slip >= 96, 'patient', 'nhs') as anchor_kind, if(slip >= 96, 5, 3) as priority,
            if(slip >= 96, 'P' || number, numbers.nhs_number || '/' || birth_date) as anchor,
            null::varchar as upn, if(slip >= 96, null, numbers.nhs_number) as nhs_number, {SLIPS},
            alone.anchor as pupil
        from alone inner join numbers using (number)
        where number <= $patients
        union all
        select 'cin', 4, 'S' || number, if(slip < 30, upn, null), null, {SLIPS}, anchor
        from (select * replace ((slip * 7 + 11) % 100 as slip) from alone)
        where number > $patients - $both and number <= $patients - $both + $in_social_care
        """,
        {
            "patients": missing("'nhs', 'patient'", patients),
            "in_social_care": missing("'cin'", in_social_care),
            "both": in_social_care // 2,
        },
    )
    connection.execute(
        """
        insert into identity.identity__person by name
        select * exclude (pupil), 'added' as source_extract, anchor as record_id from identity.added
        """
    )


def prepare(home: Home, pupils: int) -> None:
    """Makes the borough and builds it as a run does, then adds persons; the build stays in the home's private file."""
    from connectors.configuration import read_configuration
    from warehouse.build import DbtProject, PointInTime, open_for_building, register_sources

    run_measured(home, "demo", "--children", str(pupils))
    run_measured(home, "run")
    prepare_environment(home)
    configuration = read_configuration(home.folder)
    assert configuration.as_at is not None
    moment = PointInTime(configuration.as_at, datetime.now(UTC).replace(tzinfo=None))
    home.clear_leftovers()
    register_sources(configuration, home, moment)
    DbtProject(home).build("--write-json")
    with open_for_building(home.building, home.temporary) as connection:
        add_persons(connection, int(pupils * ALIKE[0]), int(pupils * ALIKE[1]))


def link_anew(home: Home) -> None:
    """The linkage of a night that knows no pair and no model, from the persons to whose child each of them is."""
    from warehouse.build import open_for_building

    statements = {
        name: statement
        for statement in bare_statements(home.dbt_target)
        for name in MODELS
        if statement == name or f".{name} as (" in statement
    }
    with open_for_building(home.building, home.temporary) as connection:
        connection.execute("delete from identity.scored")
        for name in MODELS:
            started = time.perf_counter()
            if name == LINKAGE:
                connection.execute("drop table identity.identity__link")
                link(connection, is_trained=False)
            else:
                connection.execute(statements[name])
            print(f"  {name}: {time.perf_counter() - started:.1f} s", flush=True)


def tell_quality(connection: duckdb.DuckDBPyConnection) -> None:
    """Of the persons added: how many have their own pupil's child, and how many another pupil's."""
    counted = connection.execute(
        """
        with children as (
            select added.anchor_kind = 'cin' as is_of_social_care, own.child_id = theirs.child_id as is_own,
                pupils.child_id is not null and not is_own as is_anothers
            from identity.added as added
            inner join identity.identity__anchor as theirs
                on added.anchor_kind = theirs.anchor_kind and added.anchor = theirs.anchor
            inner join identity.identity__anchor as own on own.anchor_kind = 'upn' and added.pupil = own.anchor
            left join (select distinct child_id from identity.identity__anchor where anchor_kind in ('upn', 'case'))
                as pupils on theirs.child_id = pupils.child_id
        )
        select is_of_social_care, count(*), count(*) filter (where is_own), count(*) filter (where is_anothers)
        from children group by all order by all
        """
    ).fetchall()
    for is_of_social_care, added, own, others in counted:
        who = "children of social care" if is_of_social_care else "patients"
        print(f"  {added:,} {who} added: recall {own / added:.4f}, precision {own / max(1, own + others):.5f}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints what the linkage took and found; ``--link`` is the process that is measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--children", type=int, default=PUPILS, help="pupils of the borough")
    parser.add_argument("--home", type=Path, default=Path("home/benchmark-linkage"))
    parser.add_argument("--link", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    home = Home(options.home.resolve())
    if options.link:
        link_anew(home)
        return
    shutil.rmtree(home.folder, ignore_errors=True)
    home.folder.mkdir(parents=True)
    prepare(home, options.children)
    measure(home)
    shutil.rmtree(home.folder)


def measure(home: Home) -> None:
    """Runs the linkage in a process of its own on the prepared build; prints its time, memory and quality."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "benchmarks.linkage_size", "--link", "--home", str(home.folder)]
    process = psutil.Popen(command)
    peak = 0.0
    while process.poll() is None:
        try:
            peak = max(peak, process.memory_info().rss / 1e6)
        except psutil.Error:  # it has just ended
            continue
        time.sleep(0.1)
    if process.returncode:
        raise SystemExit(f"The linkage ended with {process.returncode}.")
    seconds = time.perf_counter() - started
    with duckdb.connect(str(home.building), read_only=True) as connection:
        kinds = connection.execute(
            "select anchor_kind, count(*) from identity.identity__person group by all order by 2 desc"
        ).fetchall()
        print("  " + ", ".join(f"{count:,} {kind}" for kind, count in kinds))
        ((pairs,),) = connection.execute("select count(*) from identity.identity__scored_pair").fetchall()
        print(
            f"  {pairs:,} pairs scored; {seconds:.1f} s in all (aim: under 600), peak {peak:,.0f} MB (aim: under 6,000)"
        )
        tell_quality(connection)


if __name__ == "__main__":
    main()
