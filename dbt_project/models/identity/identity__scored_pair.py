"""Splink's weight of every pair of persons that may be one child and that no sure key joins."""

from typing import Any

import duckdb

from linkage.model import Model
from linkage.scoring import find_candidates, score_candidates


def model(dbt: Any, session: Any) -> duckdb.DuckDBPyRelation:
    """One row per pair: the weight, and how each comparison came out."""
    dbt.config(materialized="table")
    dbt.ref("identity__linkage_record")
    dbt.ref("identity__sure_link")
    dbt.source("identity_given", "scored")
    ((text,),) = dbt.ref("identity__linkage_model").project("model").fetchall()
    records = "identity.identity__linkage_record"
    find_candidates(session._cursor, records, "identity.identity__sure_link")
    score_candidates(session._cursor, records, Model.from_text(text), "identity.scored")
    return session._cursor.sql("from scored")
