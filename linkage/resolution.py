"""From sure keys, stewards' answers and weights to children: which persons of the sources are one.

Sure keys come first. Then, in rounds, the two groups that are each other's likeliest become one, until none is left;
so the surest links are made before the doubtful ones, and a group that has come to hold an identifier is told apart
from everyone with another. A steward's no parts whatever a key or a weight joins; a yes joins whatever it parts but two
cases, for one child of the case system is one child.
"""

from __future__ import annotations

import duckdb

from linkage.policy import LINK_WEIGHT, MARGIN

MOST_ROUNDS = 60
SAID = 1000.0
"""Weight of a steward's yes: above any that Splink gives."""

HAS_IDENTIFIER = "'same' in (nhs_number_level, upn_level, uln_level)"
HAS_PLACE = "postcode_level = 'same, now or before'"
FORENAME_AGREES = "forename_level not in ('different', 'not known')"
SURNAME_AGREES = "surname_level not in ('different', 'not known')"
NAME_IS_ONE = "forename_level in ('same', 'one name''s forms', 'swapped with surname')"

AGREES = f"""(
    case birth_date_level
        when 'same' then
            {FORENAME_AGREES} and ({SURNAME_AGREES} or {HAS_IDENTIFIER} or {HAS_PLACE})
        when 'not known' then {NAME_IS_ONE} and {SURNAME_AGREES} and ({HAS_PLACE} or {HAS_IDENTIFIER})
        when 'day and month swapped' then {NAME_IS_ONE} and {SURNAME_AGREES}
        when 'different' then {HAS_IDENTIFIER} and {NAME_IS_ONE} and {SURNAME_AGREES} and {HAS_PLACE}
        else {NAME_IS_ONE} and {SURNAME_AGREES} and ({HAS_PLACE} or {HAS_IDENTIFIER})
    end
)"""
"""Without this no weight links: a forename that agrees (twins are told apart by it), a birth date that agrees or is one
slip away, and a surname, place or identifier. A birth date that is quite another needs all the rest to agree. After an
adoption surname, address and numbers are new: nothing is left here that would lead from the old identity to the new."""


def resolve(connection: duckdb.DuckDBPyConnection, records: str, sure: str, scored: str, answers: str) -> None:
    """Makes the temporary table ``resolved``: record_key, head_key and basis of each person that is not its own head.

    The head of a group is the person whose source counts first. The tables named are those of the dbt models.
    """
    _take_answers(connection, answers)
    _start_from_sure_links(connection, records, sure)
    connection.execute(
        f"""
        create or replace temporary table edge as
        select left_key, right_key, match_weight as weight, 'likelihood' as basis
        from {scored}
        where match_weight >= {LINK_WEIGHT} and {AGREES}
        union all
        select left_key, right_key, {SAID} as weight, 'steward' as basis
        from said where verdict = 'yes'
        """
    )
    for _ in range(MOST_ROUNDS):
        if not _merge_the_likeliest(connection):
            break
    connection.execute(
        """
        create or replace temporary table resolved as
        select record_key, head_key, basis from grouped where record_key != head_key
        """
    )


def _take_answers(connection: duckdb.DuckDBPyConnection, answers: str) -> None:
    connection.execute(
        f"""
        create or replace temporary table said as
        select left_kind || ':' || left_anchor as left_key, right_kind || ':' || right_anchor as right_key, verdict
        from {answers}
        """
    )


def _start_from_sure_links(connection: duckdb.DuckDBPyConnection, records: str, sure: str) -> None:
    """Groups by sure keys, but for links that a steward has undone; of two parted persons the later source leaves."""
    connection.execute(
        f"""
        create or replace temporary table grouped as
        with parted as (
            select left_key as one_key, right_key as other_key from said where verdict = 'no'
            union all
            select right_key, left_key from said where verdict = 'no'
        ),
        links as (
            select anchor_kind || ':' || anchor as record_key, to_kind || ':' || to_anchor as head_key, basis
            from {sure}
        ),
        standing as (
            select links.record_key, links.head_key, links.basis, record.priority
            from links
            inner join {records} as record on links.record_key = record.record_key
            anti join parted on links.record_key = parted.one_key and links.head_key = parted.other_key
        ),
        leaving as (
            select one.record_key
            from standing as one
            inner join parted on one.record_key = parted.one_key
            inner join standing as other on parted.other_key = other.record_key and one.head_key = other.head_key
            where (one.priority, one.record_key) > (other.priority, other.record_key)
        ),
        kept as (
            select standing.record_key, standing.head_key, standing.basis
            from standing anti join leaving on standing.record_key = leaving.record_key
        )
        select record.record_key, record.priority, coalesce(kept.head_key, record.record_key) as head_key,
            coalesce(kept.basis, 'itself') as basis
        from {records} as record
        left join kept on record.record_key = kept.record_key
        """
    )
    # A number that two cases bear is one of theirs by mistake, so it tells neither from anyone.
    connection.execute(
        f"""
        create or replace temporary table trait as
        with borne as (
            select record_key, anchor_kind, 'upn' as kind, upn as held from {records} where has_permanent_upn
            union all
            select record_key, anchor_kind, 'nhs_number', nhs_number from {records} where has_valid_nhs_number
        ),
        borne_by_two as (
            select kind, held from borne where anchor_kind = 'case' group by kind, held having count(*) > 1
        )
        select record_key, 'case' as kind, anchor as held from {records} where anchor_kind = 'case'
        union all
        select record_key, anchor_kind, anchor from {records} where anchor_kind in ('cin', 'nccis')
        union all
        select borne.record_key, borne.kind, borne.held
        from borne anti join borne_by_two on borne.kind = borne_by_two.kind and borne.held = borne_by_two.held
        """
    )


def _merge_the_likeliest(connection: duckdb.DuckDBPyConnection) -> int:
    """One round; gives the number of groups that became part of another."""
    _find_live_pairs(connection)
    connection.execute(
        """
        create or replace temporary table likeliest as
        with ranked as (
            select one, other, weight, basis,
                row_number() over (
                    partition by one order by weight desc, least(one, other), greatest(one, other)
                ) as place
            from live
        )
        select one.one, one.other, one.weight, one.basis
        from ranked as one
        inner join ranked as back on one.one = back.other and one.other = back.one
        where one.place = 1 and back.place = 1
        """
    )
    _set_contested_aside(connection)
    connection.execute(
        """
        create or replace temporary table merging as
        with ordered as (
            select likeliest.one, likeliest.other, likeliest.basis
            from likeliest
            inner join grouped as head on likeliest.one = head.record_key
            inner join grouped as joins on likeliest.other = joins.record_key
            where (head.priority, head.record_key) < (joins.priority, joins.record_key)
        )
        select ordered.one as head_key, ordered.other as joins_key, ordered.basis
        from ordered
        anti join contested on ordered.one = contested.one and ordered.other = contested.other
        """
    )
    connection.execute(
        """
        update grouped
        set head_key = merging.head_key,
            basis = case
                when grouped.basis in ('itself', merging.basis) then merging.basis
                else grouped.basis || ' and ' || merging.basis
            end
        from merging
        where grouped.head_key = merging.joins_key
        """
    )
    ((merged,),) = connection.execute("select count(*) from merging").fetchall()
    ((put_aside,),) = connection.execute("select count(*) from contested").fetchall()
    return int(merged) + int(put_aside)


def _find_live_pairs(connection: duckdb.DuckDBPyConnection) -> None:
    """The pairs of groups that edges lead between, both ways round, without those that must stay apart."""
    connection.execute(
        """
        create or replace temporary table between_groups as
        select least(l.head_key, r.head_key) as one, greatest(l.head_key, r.head_key) as other,
            max(edge.weight) as weight, max_by(edge.basis, edge.weight) as basis
        from edge
        inner join grouped as l on edge.left_key = l.record_key
        inner join grouped as r on edge.right_key = r.record_key
        where l.head_key != r.head_key
        group by one, other
        """
    )
    connection.execute(
        """
        create or replace temporary table held_trait as
        with concerned as (select one as head_key from between_groups union select other from between_groups)
        select distinct grouped.head_key, trait.kind, trait.held
        from grouped
        semi join concerned on grouped.head_key = concerned.head_key
        inner join trait on grouped.record_key = trait.record_key
        """
    )
    connection.execute(
        f"""
        create or replace temporary table apart as
        with clashes as (
            select between_groups.one, between_groups.other, between_groups.weight, l.kind
            from between_groups
            inner join held_trait as l on between_groups.one = l.head_key
            inner join held_trait as r on between_groups.other = r.head_key and l.kind = r.kind
            group by between_groups.one, between_groups.other, between_groups.weight, l.kind
            having not bool_or(l.held = r.held)
        ),
        forbidden as (
            select l.head_key as one, r.head_key as other
            from said
            inner join grouped as l on said.left_key = l.record_key
            inner join grouped as r on said.right_key = r.record_key
            where said.verdict = 'no'
        )
        select one, other from clashes where kind = 'case' or weight < {SAID}
        union
        select one, other from forbidden
        union
        select other, one from forbidden
        """
    )
    connection.execute(
        """
        create or replace temporary table live as
        with free as (
            select between_groups.one, between_groups.other, between_groups.weight, between_groups.basis
            from between_groups anti join apart on between_groups.one = apart.one and between_groups.other = apart.other
        )
        select one, other, weight, basis from free
        union all
        select other, one, weight, basis from free
        """
    )


def _set_contested_aside(connection: duckdb.DuckDBPyConnection) -> None:
    """Takes out the edges between a group and two others that hold clashing identifiers and come equally close."""
    connection.execute(
        f"""
        create or replace temporary table contested as
        with close as (
            select best.one, best.other as best, live.other as next
            from likeliest as best
            inner join live on best.one = live.one and best.other != live.other
            where live.weight > best.weight - {MARGIN} and best.weight < {SAID}
        ),
        clashing as (
            select close.one, close.best, close.next
            from close
            inner join held_trait as l on close.best = l.head_key
            inner join held_trait as r on close.next = r.head_key and l.kind = r.kind
            group by close.one, close.best, close.next, l.kind
            having not bool_or(l.held = r.held)
        ),
        pairs as (
            select one, best as other from clashing
            union
            select one, next from clashing
        )
        select one, other from pairs
        union
        select other, one from pairs
        """
    )
    connection.execute(
        """
        delete from edge
        using grouped as l, grouped as r, contested
        where edge.left_key = l.record_key and edge.right_key = r.record_key
            and l.head_key = contested.one and r.head_key = contested.other
        """
    )


def links_found(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
    """``resolved`` in the shape of the model ``identity__link``."""
    return connection.sql(
        """
        select
            split_part(record_key, ':', 1) as anchor_kind,
            substr(record_key, strpos(record_key, ':') + 1) as anchor,
            split_part(head_key, ':', 1) as to_kind,
            substr(head_key, strpos(head_key, ':') + 1) as to_anchor,
            basis
        from resolved
        order by record_key
        """
    )
