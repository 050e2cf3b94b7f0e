"""Which pairs of records are looked at, and Splink's weight of each; pairs scored before are taken as they were."""

from __future__ import annotations

import duckdb

from linkage.model import Model, linker_on, term_tables
from linkage.policy import BLOCKING_RULES, COMPARISONS

BLOCKS = tuple(f"block_{number}" for number in range(len(BLOCKING_RULES)))
COMPARED = sorted({column for comparison in COMPARISONS for column in comparison.columns})


def find_candidates(connection: duckdb.DuckDBPyConnection, records: str, sure_links: str) -> None:
    """Makes the temporary table ``candidate``: pairs that agree by a blocking rule and may be one child at all.

    Left out are pairs that a sure key joins already, two cases, and two pupils whose permanent UPNs differ: the LA
    and the schools know them as two children, and an adopted child's old and new identity must not meet here.
    Pairs are of record numbers, the lesser left.
    """
    # Millions of records meet by a number each: what two texts agree in, they agree in by their hash.
    blocks = ", ".join(
        f"case when {' and '.join(f'record.{column} is not null' for column in rule)} "
        f"then hash({', '.join(f'record.{column}' for column in rule)}) end as {block}"
        for block, rule in zip(BLOCKS, BLOCKING_RULES, strict=True)
    )
    connection.execute(
        f"""
        create or replace temporary table compared as
        select
            record.record_number,
            coalesce(head.record_number, record.record_number) as head_number,
            record.anchor_kind = 'case' as is_case,
            case when record.anchor_kind = 'upn' and record.has_permanent_upn then record.upn end as permanent_upn,
            {blocks}
        from {records} as record
        -- left, both: most records are no one else's by a sure key
        left join {sure_links} as link on record.anchor_kind = link.anchor_kind and record.anchor = link.anchor
        left join {records} as head on link.to_kind = head.anchor_kind and link.to_anchor = head.anchor
        """
    )
    rules = " union all ".join(
        f"""
        select l.record_number as left_number, r.record_number as right_number
        from compared as l inner join compared as r
        on l.{block} = r.{block} and l.record_number < r.record_number and l.head_number != r.head_number
            and not (l.is_case and r.is_case) and (l.permanent_upn != r.permanent_upn) is not true
        """
        for block in BLOCKS
    )
    connection.execute(
        f"create or replace temporary table candidate as select distinct left_number, right_number from ({rules})"
    )
    connection.execute("drop table compared")


def score_candidates(connection: duckdb.DuckDBPyConnection, records: str, model: Model, before: str) -> None:
    """Makes the temporary view ``scored``: each candidate with its weight and levels, from ``before`` where known."""
    levels = ", ".join(f"known.{comparison.name}_level" for comparison in COMPARISONS)
    connection.execute(
        f"""
        create or replace temporary table weighed as
        select candidate.left_number, candidate.right_number, known.match_weight, {levels}
        from {before} as known
        inner join {records} as l on known.left_key = l.record_key and known.left_hash = l.content_hash
        inner join {records} as r on known.right_key = r.record_key and known.right_hash = r.content_hash
        inner join candidate on l.record_number = candidate.left_number and r.record_number = candidate.right_number
        where known.model_id = $model
        """,
        {"model": model.model_id},
    )
    connection.execute(
        """
        create or replace temporary table unscored as
        select '0' as match_key, candidate.left_number as join_key_l, candidate.right_number as join_key_r
        from candidate anti join weighed
            on candidate.left_number = weighed.left_number and candidate.right_number = weighed.right_number
        order by join_key_l, join_key_r
        """
    )
    ((count,),) = connection.execute("select count(*) from unscored").fetchall()
    if count:
        _score(connection, records, model)
    levels = ", ".join(f"weighed.{comparison.name}_level" for comparison in COMPARISONS)
    model_id = model.model_id.replace("'", "''")
    connection.execute(
        f"""
        create or replace temporary view scored as
        select l.record_key as left_key, r.record_key as right_key, l.content_hash as left_hash,
            r.content_hash as right_hash, '{model_id}' as model_id, weighed.match_weight, {levels}
        from weighed
        inner join {records} as l on weighed.left_number = l.record_number
        inner join {records} as r on weighed.right_number = r.record_number
        """
    )


def _score(connection: duckdb.DuckDBPyConnection, records: str, model: Model) -> None:
    """Adds to ``weighed`` what Splink says of ``unscored``, from the columns that it compares and no other."""
    settings = {
        **model.settings,
        "unique_id_column_name": "record_number",
        "blocking_rules_to_generate_predictions": [{"blocking_rule": "l.record_number = r.record_number"}],
    }
    compared = f"(select record_number, {', '.join(COMPARED)} from {records})"
    linker = linker_on(connection, compared, settings, is_in_one_go=True)
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
            insert into weighed
            select record_number_l, record_number_r, round(match_weight, 3), {levels}
            from {predicted}
            """
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
