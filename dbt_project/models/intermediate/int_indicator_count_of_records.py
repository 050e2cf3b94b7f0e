"""The indicators that are made of the checks' findings, counted by period and breakdown once the checks have run."""

from typing import Any

import duckdb

from dashboard.counting import count_indicators
from dashboard.definitions import the_catalogue


def model(dbt: Any, session: Any) -> duckdb.DuckDBPyRelation:
    """One row per indicator, kind of period, period, breakdown and value of it."""
    dbt.config(materialized="table")
    dbt.source("landing", "run")
    dbt.source("indicators", "catalogue")
    dbt.source("checks", "finding")
    dbt.source("checks", "fixed_finding")
    dbt.ref("identity__record_child")
    dbt.ref("int_indicator_count")
    dbt.ref("stg_ehc_case__child")
    return count_indicators(session._cursor, the_catalogue().counted(is_after_checks=True))
