"""Every indicator of the catalogue but those of the checks' findings, counted by period and breakdown."""

from typing import Any

import duckdb

from dashboard.counting import count_indicators
from dashboard.definitions import the_catalogue


def model(dbt: Any, session: Any) -> duckdb.DuckDBPyRelation:
    """One row per indicator, kind of period, period, breakdown and value of it."""
    dbt.config(materialized="table")
    dbt.source("landing", "run")
    dbt.ref("code_sets")
    dbt.ref("stg_postcodes__postcode")
    dbt.ref("int_plan_review_due")
    dbt.ref("dim_child")
    dbt.ref("dim_establishment")
    dbt.ref("fct_advice")
    dbt.ref("fct_assessment")
    dbt.ref("fct_census_need")
    dbt.ref("fct_child_protection_plan")
    dbt.ref("fct_cin_episode")
    dbt.ref("fct_health_advice")
    dbt.ref("fct_looked_after_episode")
    dbt.ref("fct_need")
    dbt.ref("fct_placement")
    dbt.ref("fct_plan")
    dbt.ref("fct_request")
    dbt.ref("fct_review")
    return count_indicators(session._cursor, the_catalogue().counted(is_after_checks=False))
