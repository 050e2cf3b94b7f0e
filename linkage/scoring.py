"""Which pairs of records are looked at, and Splink's weight of each; pairs scored before are taken as they were."""

from __future__ import annotations

import duckdb

from linkage.model import Model, linker_on, term_tables
from linkage.policy import BLOCKING_RULES, COMPARISONS

COLUMNS = ", ".join(f"{comparison.name} as {comparison.name}_level" for comparison in COMPARISONS)


def find_candidates(connection: duckdb.DuckDBPyConnection, records: str, sure_links: str) -> None:
    """Makes the temporary table ``candidate``: pairs that agree by a blocking rule and may be one child at all.

    Left out are pairs that a sure key joins already, two cases, and two pupils whose permanent UPNs differ: the LA
    and the schools know them as two children, and an adopted child's old and new identity must not meet here.
    """
    rules = " union ".join(
        f"""
        select l.record_key as left_key, r.record_key as right_key, l.content_hash as left_hash,
            r.content_hash as right_hash
        from compared as l inner join compared as r
        on {" and ".join(f"l.{column} = r.{column}" for column in rule)}
            and (l.priority, l.record_key) < (r.priority, r.record_key)
            and l.head_key != r.head_key
            and not (l.anchor_kind = 'case' and r.anchor_kind = 'case')
            and not (
                l.anchor_kind = 'upn' and r.anchor_kind = 'upn'
                and l.has_permanent_upn and r.has_permanent_upn and l.upn != r.upn
            )
        """
        for rule in BLOCKING_RULES
    )
    connection.execute(
        f"""
        create or replace temporary table candidate as
        with compared as (
            select record.*, coalesce(link.to_kind || ':' || link.to_anchor, record.record_key) as head_key
            from {records} as record
            left join {sure_links} as link
                on record.anchor_kind = link.anchor_kind and record.anchor = link.anchor
        )
        {rules}
        """
    )


def score_candidates(connection: duckdb.DuckDBPyConnection, records: str, model: Model, before: str) -> None:
    """Makes the temporary table ``scored``: each candidate with its weight and levels, from ``before`` where known."""
    names = ", ".join(f"known.{comparison.name}_level" for comparison in COMPARISONS)
    connection.execute(
        f"""
        create or replace temporary table scored as
        select candidate.left_key, candidate.right_key, candidate.left_hash, candidate.right_hash,
            known.model_id, known.match_weight, {names}
        from candidate
        inner join {before} as known
            on candidate.left_key = known.left_key and candidate.right_key = known.right_key
            and candidate.left_hash = known.left_hash and candidate.right_hash = known.right_hash
            and known.model_id = $model
        """,
        {"model": model.model_id},
    )
    connection.execute(
        """
        create or replace temporary table unscored as
        select '0' as match_key, candidate.left_key as join_key_l, candidate.right_key as join_key_r
        from candidate anti join scored
            on candidate.left_key = scored.left_key and candidate.right_key = scored.right_key
        """
    )
    ((count,),) = connection.execute("select count(*) from unscored").fetchall()
    if count:
        _score(connection, records, model)


def _score(connection: duckdb.DuckDBPyConnection, records: str, model: Model) -> None:
    linker = linker_on(connection, records, model.settings)
    database = linker._db_api
    try:
        for column, terms in term_tables(model).items():
            table = database.register(terms, table_name=f"frequency_of_{column}")
            linker.table_management.register_term_frequency_lookup(table, column)
        pairs = database.register("unscored", table_name="pairs")
        linker.table_management.register_blocked_pairs_for_predict(pairs)
        predicted = linker.inference.predict(warning_mode="never").physical_name
        levels = ", ".join(_level_name(comparison.name) for comparison in COMPARISONS)
        connection.execute(
            f"""
            insert into scored
            select record_key_l, record_key_r, candidate.left_hash, candidate.right_hash, $model,
                round(match_weight, 3), {levels}
            from {predicted} as predicted
            inner join candidate
                on predicted.record_key_l = candidate.left_key and predicted.record_key_r = candidate.right_key
            """,
            {"model": model.model_id},
        )
    finally:
        database.delete_tables_created_by_splink_from_db()
        for column in model.terms:
            connection.unregister(f"frequency_of_{column}")


def _level_name(name: str) -> str:
    comparison = next(held for held in COMPARISONS if held.name == name)
    cases = " ".join(
        f"when {number} then '{text.replace(chr(39), chr(39) * 2)}'"
        for number, text in comparison.level_names().items()
    )
    return f"case gamma_{name} {cases} end"
