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
    dbt.ref("dim_caseworker")
    dbt.ref("dim_child")
    dbt.ref("dim_establishment")
    dbt.ref("fct_advice")
    dbt.ref("fct_assessment")
    dbt.ref("fct_attainment")
    dbt.ref("fct_audit")
    dbt.ref("fct_census_enrolment")
    dbt.ref("fct_census_need")
    dbt.ref("fct_child_protection_plan")
    dbt.ref("fct_cin_episode")
    dbt.ref("fct_complaint")
    dbt.ref("fct_early_notification")
    dbt.ref("fct_ehe_cme")
    dbt.ref("fct_exclusion")
    dbt.ref("fct_health_advice")
    dbt.ref("fct_health_referral")
    dbt.ref("fct_high_needs_spend")
    dbt.ref("fct_improvement_action")
    dbt.ref("fct_improvement_rating")
    dbt.ref("fct_inspection")
    dbt.ref("fct_local_figure")
    dbt.ref("fct_looked_after_episode")
    dbt.ref("fct_mediation_appeal")
    dbt.ref("fct_named_setting")
    dbt.ref("fct_need")
    dbt.ref("fct_placement")
    dbt.ref("fct_plan")
    dbt.ref("fct_post_16_activity")
    dbt.ref("fct_request")
    dbt.ref("fct_review")
    dbt.ref("fct_short_break")
    dbt.ref("fct_survey_response")
    dbt.ref("fct_visit")
    dbt.ref("int_plan_review_due")
    dbt.ref("list_awaiting_specialist_provision")
    dbt.ref("list_missing_education")
    dbt.ref("list_places_commissioned")
    dbt.ref("stg_postcodes__postcode")
    return count_indicators(session._cursor, the_catalogue().counted(is_after_checks=False))
