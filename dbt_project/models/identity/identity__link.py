"""Which persons of the sources are one child: sure keys, then stewards' answers, then likelihood."""

from typing import Any

import duckdb

from linkage.resolution import links_found, resolve


def model(dbt: Any, session: Any) -> duckdb.DuckDBPyRelation:
    """One row per person that belongs to another's child."""
    dbt.config(materialized="table")
    dbt.ref("identity__linkage_record")
    dbt.ref("identity__sure_link")
    dbt.ref("identity__scored_pair")
    dbt.source("identity_given", "answer")
    resolve(
        session._cursor,
        records="identity.identity__linkage_record",
        sure="identity.identity__sure_link",
        scored="identity.identity__scored_pair",
        answers="identity.answer",
    )
    return links_found(session._cursor)
