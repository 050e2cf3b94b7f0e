"""The Splink model: trained once on the data at hand, kept with the home, used until the data or the policy outgrow it.

The frequencies of names are frozen with the parameters. So a pair's score depends on its two records and the model
alone, and a pair that has not changed need not be scored again.
"""

from __future__ import annotations

import functools
import json
import logging
from dataclasses import dataclass, field
from typing import Any

import duckdb
import pyarrow as pa

from linkage.policy import (
    COMPARISONS,
    LEAST_RECORDS_TO_TRAIN,
    LEAST_SHARE,
    PRIOR_RECALL,
    PRIOR_RULE,
    RECORDS_COUNTED,
    RETRAIN_GROWTH,
    SAMPLED_PAIRS,
    SEED,
    TERM_COLUMNS,
    TRAINING_BLOCKS,
    TRAINING_PAIRS,
    policy_digest,
    splink_settings,
)

SIGNIFICANT_DIGITS = 4
"""Parameters are kept this exactly: sums over several threads differ in their last bits from run to run."""


MOST_ALIKE = 0.01
"""Where more pairs than this agree wholly, the records hold placeholders rather than people."""


@dataclass(frozen=True)
class Model:
    """A model as kept: Splink's settings with the parameters, the frequencies of names, and how it came about.

    ``notes`` say which parameters are the policy's own because a training could not tell them.
    """

    model_id: str
    policy: str
    seed: int
    records: int
    settings: dict[str, Any]
    terms: dict[str, dict[str, float]]
    notes: list[str] = field(default_factory=list)

    def as_text(self) -> str:
        """The model as JSON."""
        return json.dumps(vars(self), sort_keys=True, ensure_ascii=False)

    @classmethod
    def from_text(cls, text: str) -> Model:
        """The model kept as ``text``."""
        return cls(**json.loads(text))

    def fits(self, records: int) -> bool:
        """Whether it was made under this policy, on data of about this size."""
        return self.policy == policy_digest() and abs(records - self.records) <= RETRAIN_GROWTH * max(self.records, 1)


def model_in_use(connection: duckdb.DuckDBPyConnection, records: str, kept: str | None, moment: str) -> Model:
    """The model kept, where it still fits the table ``records``; else one trained on them, named after ``moment``."""
    ((count,),) = connection.execute(f"select count(*) from {records}").fetchall()
    if kept is not None:
        model = Model.from_text(kept)
        if model.fits(count):
            return model
    return _trained(connection, records, count, moment)


@functools.cache
def _without_tables() -> Any:
    """Splink's way to DuckDB with each of its steps as a view, not as a table."""
    from splink import DuckDBAPI

    class InOneGo(DuckDBAPI):
        def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
            super().__init__(connection)
            self._made: list[str] = []

        def _setup_for_execute_sql(self, sql: str, physical_name: str) -> str:
            self._made.append(physical_name)
            return f"create or replace temporary view {physical_name} as {sql}"

        def delete_table_from_database(self, name: str) -> None:
            """Nothing yet: what Splink has done with, a view that it gives may still read."""

        def delete_tables_created_by_splink_from_db(self) -> None:
            for name in self._made:
                self._execute_sql_against_backend(f"drop view if exists {name}")

    return InOneGo


def linker_on(
    connection: duckdb.DuckDBPyConnection, records: str, settings: dict[str, Any], *, is_in_one_go: bool = False
) -> Any:
    """Splink's linker on the table ``records``, silent.

    With ``is_in_one_go`` its steps are done when their outcome is read, and only what is read of it: Splink writes down
    every text that it compares of millions of pairs.
    """
    from splink import DuckDBAPI, Linker

    logging.getLogger("splink").setLevel(logging.ERROR)  # its warnings speak to analysts at a notebook
    connection.execute(f"create or replace temporary view linked as from {records}")  # Splink knows no schemas
    database = (_without_tables() if is_in_one_go else DuckDBAPI)(connection)
    return Linker(database.register("linked", table_name="records"), settings, log_level=None)


def _trained(connection: duckdb.DuckDBPyConnection, records: str, count: int, moment: str) -> Model:
    settings, notes = splink_settings(), []
    if count < LEAST_RECORDS_TO_TRAIN:
        notes.append(f"{count} records are too few to train on: the policy's own parameters stand")
    else:
        settings, notes = _train(connection, records, count, settings)
    return Model(
        model_id=f"{moment}-{policy_digest()[:6]}",
        policy=policy_digest(),
        seed=SEED,
        records=count,
        settings=settings,
        terms={column: _frequencies(connection, records, column) for column in TERM_COLUMNS},
        notes=notes,
    )


def _frequencies(connection: duckdb.DuckDBPyConnection, records: str, column: str) -> dict[str, float]:
    rows = connection.execute(
        f"select {column}, round(count(*) / sum(count(*)) over (), 9) from {records} "
        f"where {column} is not null group by {column} order by {column}"
    ).fetchall()
    return dict(rows)


def _train(
    connection: duckdb.DuckDBPyConnection, records: str, count: int, settings: dict[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    from splink.internals.exceptions import EMTrainingException

    notes = []
    linker = linker_on(connection, records, settings)
    try:
        prior = None
        if 0 < _share_alike(connection, records, count) < MOST_ALIKE:  # else Splink fails
            rule = " and ".join(f"l.{column} = r.{column}" for column in PRIOR_RULE)
            linker.training.estimate_probability_two_random_records_match([rule], recall=PRIOR_RECALL)
            prior = linker.misc.save_model_to_json()["probability_two_random_records_match"]
        else:
            notes.append(f"none or too many agree in {', '.join(PRIOR_RULE)}: the policy's own prior stands")
        linker.training.estimate_u_using_random_sampling(max_pairs=SAMPLED_PAIRS, seed=SEED, min_count_per_level=None)
        for block in TRAINING_BLOCKS:
            rule = " and ".join(f"l.{column} = r.{column}" for column in block)
            try:
                linker.training.estimate_parameters_using_expectation_maximisation(
                    rule,
                    estimate_without_term_frequencies=True,
                    max_pairs=TRAINING_PAIRS,
                    record_sample_proportion=min(1.0, RECORDS_COUNTED / count),
                )
            except EMTrainingException:
                notes.append(f"no pairs to train on share {' and '.join(block)}")
        trained = linker.misc.save_model_to_json()
    finally:
        linker._db_api.delete_tables_created_by_splink_from_db()
    return _believed(settings, trained, prior, notes), notes


def _share_alike(connection: duckdb.DuckDBPyConnection, records: str, count: int) -> float:
    """Of all pairs the share that agrees by the rule which counts those of one child."""
    columns = ", ".join(PRIOR_RULE)
    filled = " and ".join(f"{column} is not null" for column in PRIOR_RULE)
    ((pairs,),) = connection.execute(
        f"with alike as (select count(*) as n from {records} where {filled} group by {columns}) "
        "select coalesce(sum(n * (n - 1) / 2), 0) from alike"
    ).fetchall()
    return float(pairs) / (count * (count - 1) / 2)


def _believed(policy: dict[str, Any], trained: dict[str, Any], prior: float | None, notes: list[str]) -> dict[str, Any]:
    """The policy's settings with the parameters that the training could tell; a note for each that it could not.

    A comparison is taken as trained as a whole: where a level was not seen, or agreement would speak against a match,
    the policy's figures stand for all its levels.
    """
    believed = {**policy, "comparisons": []}
    if prior is not None:
        believed["probability_two_random_records_match"] = _rounded(prior)
    # Splink leaves out a comparison of which it learnt nothing.
    found = {held["output_column_name"]: held["comparison_levels"] for held in trained["comparisons"]}
    for comparison, stated in zip(COMPARISONS, policy["comparisons"], strict=True):
        levels = found.get(comparison.name, []) if comparison.is_trained else []
        figures = [(level.get("m_probability"), level.get("u_probability")) for level in levels[1:]]
        if comparison.is_trained and _makes_sense(figures):
            ms = [max(m, LEAST_SHARE * level.m) for level, (m, _) in zip(comparison.levels, figures, strict=True)]
            us = [max(u, LEAST_SHARE * level.u) for level, (_, u) in zip(comparison.levels, figures, strict=True)]
            mended = [
                {**level, "m_probability": _rounded(m / sum(ms)), "u_probability": _rounded(u / sum(us))}
                for level, m, u in zip(stated["comparison_levels"][1:], ms, us, strict=True)
            ]
            believed["comparisons"].append({**stated, "comparison_levels": [stated["comparison_levels"][0], *mended]})
            continue
        if comparison.is_trained:
            notes.append(f"the records do not tell how {comparison.name} behaves: the policy's own parameters stand")
        believed["comparisons"].append(stated)
    return believed


def _makes_sense(figures: list[tuple[Any, Any]]) -> bool:
    if not figures or not all(isinstance(m, float) and isinstance(u, float) and u > 0 for m, u in figures):
        return False
    ratios = [m / u for m, u in figures]
    return bool(ratios[0] > 1 > ratios[-1] and max(ratios) <= 100 * ratios[0])


def _rounded(value: float) -> float:
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}")


def term_tables(model: Model) -> dict[str, pa.Table]:
    """The frequencies of names as Splink looks them up, by column."""
    return {
        column: pa.table({column: list(terms), f"tf_{column}": list(terms.values())}, schema=_term_schema(column))
        for column, terms in model.terms.items()
    }


def _term_schema(column: str) -> pa.Schema:
    return pa.schema([(column, pa.string()), (f"tf_{column}", pa.float64())])
