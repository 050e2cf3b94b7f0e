"""The linkage model in use: the one kept where it fits the data, else one trained now, in one row."""

from typing import Any

import pyarrow

from linkage.model import model_in_use


def model(dbt: Any, session: Any) -> pyarrow.Table:
    """One row: the model's id, whether it was trained by this run, and the model as JSON."""
    dbt.config(materialized="table")
    dbt.ref("identity__linkage_record")
    kept = dbt.source("identity_given", "linkage_model").order("trained_at desc").limit(1).fetchall()
    ((known_at,),) = dbt.source("landing", "run").project("known_at").fetchall()
    text = kept[0][1] if kept else None
    in_use = model_in_use(session._cursor, "identity.identity__linkage_record", text, f"{known_at:%Y%m%dT%H%M%S}")
    row = {"model_id": in_use.model_id, "is_new": in_use.as_text() != text, "model": in_use.as_text()}
    return pyarrow.Table.from_pylist([row])
