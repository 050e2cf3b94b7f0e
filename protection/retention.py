"""How long what is kept, and whose records are past their date."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from connectors.contract import all_contracts
from connectors.errors import ConfigurationError
from connectors.typing_rules import identifier, literal, record_id_sql
from protection.records import LandedTable, find_records, first_column, not_known

POLICY = Path(__file__).with_suffix(".yml")


class Period(BaseModel):
    """How long an extract's records of a child are kept: until a birthday, on which basis."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    until_birthday: int
    basis: str
    is_verified: bool
    whole_child: bool = False


class Years(BaseModel):
    """How many years something is kept that goes by its own age."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    years: int
    basis: str


class Others(BaseModel):
    """What goes by its own age, whichever child it is of."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rows_set_apart: Years
    fixed_findings: Years
    returns: Years


class Policy(BaseModel):
    """The retention policy: a period for each extract with records of children, and for what is not of an extract."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    extracts: dict[str, Period]
    others: Others

    def changed(self, settings: Mapping[str, int]) -> Policy:
        """The policy with the council's own numbers (``retention:`` in ``send.yml``).

        Raises ``ConfigurationError`` for a name that is none, or a birthday before adulthood.
        """
        extracts, others = dict(self.extracts), dict(self.others)
        for name, number in settings.items():
            if name in extracts:
                if not 19 <= number <= 120:
                    raise ConfigurationError(f"retention: {name} goes by a birthday from 19 to 120, not {number}.")
                own = {"until_birthday": number, "basis": "The council's own retention schedule.", "is_verified": False}
                extracts[name] = extracts[name].model_copy(update=own)
            elif name in others:
                if not 1 <= number <= 100:
                    raise ConfigurationError(f"retention: {name} is kept for 1 to 100 years, not {number}.")
                others[name] = Years(years=number, basis="The council's own retention schedule.")
            else:
                known = ", ".join([*extracts, *others])
                raise ConfigurationError(f"retention: there is no {name!r} to keep; there are: {known}.")
        return Policy(extracts=extracts, others=Others(**others))


@functools.cache
def read_policy() -> Policy:
    """The policy as shipped. Raises ``ConfigurationError`` where it cannot be followed or lacks an extract."""
    try:
        policy = Policy.model_validate(yaml.safe_load(POLICY.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise ConfigurationError(f"{POLICY.name} cannot be followed ({type(error).__name__}).") from None
    if missing := sorted(extracts_of_children() - set(policy.extracts)):
        raise ConfigurationError(f"{POLICY.name} says not how long {', '.join(missing)} is kept.")
    return policy


@functools.cache
def extracts_of_children() -> frozenset[str]:
    """The extracts that hold records of children: those with a birth date, and what is spent on a child's placement."""
    dated = {
        contract.extract
        for contract in all_contracts()
        for table in contract.tables.values()
        if any(column.identifier == "birth_date" for column in table.columns.values())
    }
    return frozenset(dated | {"high_needs_spend"})


@dataclass(frozen=True)
class Due:
    """What is due of one extract: its period, how many children, and how many records of these."""

    extract: str
    period: Period
    children: int
    records: int


def years_before(day: date, years: int) -> date:
    """The day so many years earlier; 29 February becomes the 28th where that year has none."""
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return day.replace(year=day.year - years, day=28)


def find_due(
    connection: duckdb.DuckDBPyConnection, tables: list[LandedTable], policy: Policy, as_at: date
) -> list[Due]:
    """Makes the temporary tables ``due_record`` and ``due (child_id, extract)`` of what is past its date on ``as_at``.

    A child's records in an extract go after the birthday of the extract's period, or of the longest of the extracts
    that keep the whole child and know it. A child without a birth date is never due. Records that stand no more and are
    nobody's go by the birth date they bear.
    """
    connection.execute("create or replace temp table period (extract varchar, years integer, is_whole boolean)")
    connection.executemany(
        "insert into period values (?, ?, ?)",
        [(extract, period.until_birthday, period.whole_child) for extract, period in policy.extracts.items()],
    )
    soonest = min(period.until_birthday for period in policy.extracts.values())
    old_enough = connection.execute(
        "select child_id from core.dim_child where birth_date <= ? order by child_id", [years_before(as_at, soonest)]
    ).fetchall()
    find_records(connection, [child_id for (child_id,) in old_enough], tables)
    connection.execute(
        """
        create or replace temp table due as
        with known as (select distinct child_id, extract from child_record),
        kept as (
            select known.child_id, known.extract, greatest(period.years, coalesce(whole.years, 0)) as years
            from known
            inner join period on known.extract = period.extract
            left join (
                select known.child_id, max(period.years) as years
                from known inner join period on known.extract = period.extract and period.is_whole
                group by known.child_id
            ) as whole on known.child_id = whole.child_id
        )
        select kept.child_id, kept.extract
        from kept inner join core.dim_child as child on kept.child_id = child.child_id
        where child.birth_date + to_years(kept.years::integer) < ?
        """,
        [as_at],
    )
    connection.execute(
        """
        create or replace temp table due_record as
        select distinct extract, table_name, record_id, child_id
        from child_record semi join due using (child_id, extract)
        """
    )
    for table in tables:
        _find_unknown(connection, table, policy, as_at)
    found = connection.execute(
        "select extract, count(distinct child_id), count(*) from due_record group by extract order by extract"
    ).fetchall()
    return [Due(extract, policy.extracts[extract], children, records) for extract, children, records in found]


def _find_unknown(connection: duckdb.DuckDBPyConnection, table: LandedTable, policy: Policy, as_at: date) -> None:
    """Adds the records that are nobody's in the warehouse by now, and whose own birth date says that they are due."""
    birth_date = first_column(table.table, "birth_date")
    if birth_date is None or not table.files or table.extract not in policy.extracts:
        return
    longest = max(
        policy.extracts[table.extract].until_birthday,
        *(period.until_birthday for period in policy.extracts.values() if period.whole_child),
    )
    connection.execute(
        f"""
        insert into due_record
        select distinct {literal(table.extract)}, {literal(table.name)}, {record_id_sql(table.table, "rows.")}, null
        from {table.rows} as rows
        where rows.{identifier(birth_date)} < ? and {not_known(table)}
        """,
        [years_before(as_at, longest)],
    )
