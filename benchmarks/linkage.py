"""The linkage of the build against bare Splink calls on the same records, with the same settings and trainings.

Splink's own blocking, prediction and clustering on one side; on the other what the build does in their place, with
guards, sure keys and questions. Both train their model, by turns, in one process.
"""

from __future__ import annotations

import statistics
import time
from datetime import UTC, datetime

import duckdb

from linkage.model import linker_on, model_in_use
from linkage.policy import (
    LINK_WEIGHT,
    PRIOR_RECALL,
    PRIOR_RULE,
    RECORDS_COUNTED,
    SAMPLED_PAIRS,
    SEED,
    TRAINING_BLOCKS,
    TRAINING_PAIRS,
    splink_settings,
)
from linkage.resolution import links_found, resolve
from linkage.scoring import find_candidates, score_candidates

RECORDS = "identity.identity__linkage_record"
SURE = "identity.identity__sure_link"


def link(connection: duckdb.DuckDBPyConnection, *, is_trained: bool) -> None:
    """What dbt's Python models do, one after the other, as tables of the same names.

    ``is_trained`` takes the model that the home keeps, as they do, and with it what it has scored before; else one is
    trained, and every pair is scored.
    """
    moment = f"{datetime.now(UTC):%Y%m%dT%H%M%S}"
    kept = connection.execute("select model from identity.linkage_model order by trained_at desc limit 1").fetchone()
    model = model_in_use(connection, RECORDS, kept[0] if kept and is_trained else None, moment)
    connection.execute(
        "create or replace table identity.identity__linkage_model (model_id varchar, is_new boolean, model varchar)"
    )
    connection.execute(
        "insert into identity.identity__linkage_model values (?, true, ?)", [model.model_id, model.as_text()]
    )
    find_candidates(connection, RECORDS, SURE)
    score_candidates(connection, RECORDS, model, "identity.scored")
    connection.execute("create or replace table identity.identity__scored_pair as from scored")
    resolve(connection, RECORDS, SURE, "identity.identity__scored_pair", "identity.answer")
    links_found(connection).create("identity.identity__link")


def bare_splink(connection: duckdb.DuckDBPyConnection) -> None:
    """Splink as its documentation calls it: estimate, predict, cluster."""
    linker = linker_on(connection, RECORDS, splink_settings())
    ((count,),) = connection.execute(f"select count(*) from {RECORDS}").fetchall()

    def rule(columns: tuple[str, ...]) -> str:
        return " and ".join(f"l.{column} = r.{column}" for column in columns)

    linker.training.estimate_probability_two_random_records_match([rule(PRIOR_RULE)], recall=PRIOR_RECALL)
    linker.training.estimate_u_using_random_sampling(max_pairs=SAMPLED_PAIRS, seed=SEED, min_count_per_level=None)
    for block in TRAINING_BLOCKS:
        linker.training.estimate_parameters_using_expectation_maximisation(
            rule(block),
            estimate_without_term_frequencies=True,
            max_pairs=TRAINING_PAIRS,
            record_sample_proportion=min(1.0, RECORDS_COUNTED / count),
        )
    predicted = linker.inference.predict(threshold_match_weight=0.0)
    linker.clustering.cluster_pairwise_predictions_at_threshold(predicted, threshold_match_weight=LINK_WEIGHT)
    linker._db_api.delete_tables_created_by_splink_from_db()


def compare_linkage(connection: duckdb.DuckDBPyConnection, rounds: int) -> tuple[float, float]:
    """Median seconds of our linkage and of bare Splink on the open build, whose records and sure links are built."""
    ours, bare = [], []
    for _ in range(rounds):
        connection.execute("drop table if exists identity.identity__link")
        started = time.perf_counter()
        link(connection, is_trained=False)
        ours.append(time.perf_counter() - started)
        started = time.perf_counter()
        bare_splink(connection)
        bare.append(time.perf_counter() - started)
    return statistics.median(ours), statistics.median(bare)
