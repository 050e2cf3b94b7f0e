"""How far links reach: by source who was found elsewhere and how, who stands alone and why, what the model weighs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import log2

import duckdb

from linkage.model import Model
from linkage.policy import LINK_WEIGHT
from linkage.review import Person, key_of

BY_KEY, BY_LIKELIHOOD, BY_STEWARD, OF_CASE, ALONE = (
    "by an identifier",
    "by likelihood",
    "by a steward",
    "others joined it",
    "alone",
)
WAYS = (BY_KEY, BY_LIKELIHOOD, BY_STEWARD, OF_CASE, ALONE)
COLOURS = ("#1d5b8f", "#4f9d69", "#8a5a9e", "#7fa8cf", "#c9c9c9")
BAR, LEFT, WIDTH, ROW = 560, 220, 900, 30

PARTED = "A steward said that its likeliest match is another child."
ASKED = "A steward is asked whether it is one child with its likeliest match."
NO_BIRTH_DATE = "It has no birth date that says anything, so only an identifier could link it."
NO_NAME = "Its forename or surname is not known, so only an identifier could link it."
CONTRADICTED = "Its likeliest match is near, but an identifier, a forename or an equally near child speaks against it."
UNLIKE = "Its likeliest match is not near enough to ask about."
NOBODY = "Nobody in another source is more likely the same child than not: it may be known to this service alone."


@dataclass(frozen=True)
class SourceLinks:
    """How many persons of one source there are, and how many became part of a child in each of ``WAYS``."""

    source: str
    persons: int
    ways: Mapping[str, int]

    @property
    def share_linked(self) -> float:
        """The share (0 to 1) of its persons who are known to another source too."""
        return 1 - self.ways[ALONE] / self.persons


@dataclass(frozen=True)
class Unlinked:
    """A person that no other source knows, with the likely reason. ``question`` is open where it is being asked about.

    ``match_weight`` is that of its likeliest match, none where nobody is like it.
    """

    child_id: str
    source: str
    record_id: str
    reason: str
    match_weight: float | None
    question: str | None


def links_by_source(connection: duckdb.DuckDBPyConnection) -> list[SourceLinks]:
    """Each source with its persons and how they are linked, from the warehouse of the last run; the largest first."""
    rows = connection.execute(
        f"""
        with sized as (
            select anchor_kind, anchor, basis, count(*) over (partition by child_id) as persons
            from identity.identity__anchor
        ),
        told as (
            select person.source_extract,
                case
                    when sized.persons = 1 then '{ALONE}'
                    when sized.basis like '%steward%' then '{BY_STEWARD}'
                    when sized.basis like '%likelihood%' then '{BY_LIKELIHOOD}'
                    when sized.basis = 'itself' then '{OF_CASE}'
                    else '{BY_KEY}'
                end as way
            from sized
            inner join identity.identity__person as person
                on sized.anchor_kind = person.anchor_kind and sized.anchor = person.anchor
        )
        select source_extract, way, count(*) from told group by all
        """
    ).fetchall()
    counted: dict[str, dict[str, int]] = {}
    for source, way, count in rows:
        counted.setdefault(source, dict.fromkeys(WAYS, 0))[way] = count
    links = [SourceLinks(source, sum(ways.values()), ways) for source, ways in counted.items()]
    return sorted(links, key=lambda one: (-one.persons, one.source))


def unlinked(
    connection: duckdb.DuckDBPyConnection, answered: Sequence[tuple[Person, Person]], source: str | None = None
) -> list[Unlinked]:
    """Who stands alone, in one source or in all, by source and reason: whom the last run linked to nobody, and why.

    ``answered`` are the pairs of which a steward has said something since.
    """
    rows = connection.execute(
        """
        with sized as (
            select *, count(*) over (partition by child_id) as persons from identity.identity__anchor
        ),
        alone as (
            select sized.child_id, record.record_key, person.source_extract, person.record_id,
                record.birth_date is null as lacks_birth_date,
                record.forename is null or record.surname is null as lacks_name
            from sized
            inner join identity.identity__linkage_record as record
                on sized.anchor_kind = record.anchor_kind and sized.anchor = record.anchor
            inner join identity.identity__person as person
                on sized.anchor_kind = person.anchor_kind and sized.anchor = person.anchor
            where sized.persons = 1 and person.source_extract = coalesce($source, person.source_extract)
        ),
        pair as (
            select left_key as record_key, right_key as other_key, match_weight from identity.identity__scored_pair
            union all
            select right_key, left_key, match_weight from identity.identity__scored_pair
        ),
        likeliest as (
            select record_key, max(match_weight) as match_weight, max_by(other_key, match_weight) as other_key
            from pair group by record_key
        ),
        refused as (
            select left_kind || ':' || left_anchor as one_key, right_kind || ':' || right_anchor as other_key
            from identity.answer where verdict = 'no'
        ),
        parted as (
            select one_key as record_key, other_key from refused union all select other_key, one_key from refused
        ),
        question as (
            select left_kind || ':' || left_anchor as record_key, left_kind, left_anchor, right_kind, right_anchor
            from identity.identity__question
            union all
            select right_kind || ':' || right_anchor, left_kind, left_anchor, right_kind, right_anchor
            from identity.identity__question
        )
        select alone.child_id, alone.source_extract, alone.record_id, alone.lacks_birth_date, alone.lacks_name,
            likeliest.match_weight, parted.record_key is not null as is_parted,
            question.left_kind, question.left_anchor, question.right_kind, question.right_anchor
        from alone
        left join likeliest on alone.record_key = likeliest.record_key
        left join parted on alone.record_key = parted.record_key and likeliest.other_key = parted.other_key
        left join question on alone.record_key = question.record_key
        qualify
            row_number() over (
                partition by alone.record_key order by question.left_anchor, question.right_anchor
            ) = 1
        order by alone.source_extract, likeliest.match_weight desc nulls last, alone.child_id
        """,
        {"source": source},
    ).fetchall()
    said = {key_of(*pair) for pair in answered}
    found = []
    for child_id, extract, record_id, lacks_birth_date, lacks_name, weight, is_parted, *asked in rows:
        question = key_of((asked[0], asked[1]), (asked[2], asked[3])) if asked[0] is not None else None
        question = None if question in said else question
        if question is not None:
            reason = ASKED
        elif is_parted:
            reason = PARTED
        elif lacks_birth_date:
            reason = NO_BIRTH_DATE
        elif lacks_name:
            reason = NO_NAME
        elif weight is None or weight < 0:
            reason = NOBODY
        else:
            reason = CONTRADICTED if weight >= LINK_WEIGHT else UNLIKE
        found.append(Unlinked(child_id, extract, record_id, reason, weight, question))
    return found


def model_weights(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str, float]]:
    """What each outcome of each comparison adds to a pair's weight in the model of the last run: a base-2 logarithm."""
    ((text,),) = connection.execute("select model from identity.identity__linkage_model").fetchall()
    return [
        (
            comparison["output_column_name"].replace("_", " "),
            level["label_for_charts"],
            log2(level["m_probability"] / level["u_probability"]),
        )
        for comparison in Model.from_text(text).settings["comparisons"]
        for level in comparison["comparison_levels"]
        if not level.get("is_null_level")
    ]


def coverage_page(links: Sequence[SourceLinks], weights: Sequence[tuple[str, str, float]]) -> str:
    """Both as a page: a drawing of each and the same figures as a table. It holds all it needs and names nobody."""
    headings = "".join(f'<th scope="col">{way}</th>' for way in ("source", "persons", *WAYS, "linked"))
    rows = "".join(
        f'<tr><th scope="row">{escape(one.source)}</th><td>{one.persons:,}</td>'
        + "".join(f"<td>{one.ways[way]:,}</td>" for way in WAYS)
        + f"<td>{one.share_linked:.1%}</td></tr>"
        for one in links
    )
    weight_rows = "".join(
        f"<tr><td>{escape(comparison)}</td><td>{escape(level)}</td><td>{weight:+.2f}</td></tr>"
        for comparison, level, weight in weights
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Links by source</title>'
        "<style>body{font-family:sans-serif;max-width:60rem;margin:1rem auto}"
        "td,th{padding:.2rem .6rem;text-align:right}"
        "th[scope=row],td:first-child,td:nth-child(2){text-align:left}svg{max-width:100%;height:auto}</style>"
        f"<h1>Links by source</h1>{_bars(links)}<table><thead><tr>{headings}</tr></thead><tbody>{rows}</tbody></table>"
        "<h2>What each comparison adds to a pair's weight</h2>"
        "<p>In powers of two of the odds that two records are of one child. "
        f"From {LINK_WEIGHT:g} on a pair is linked.</p>"
        f"{_weights(weights)}<table><thead><tr><th>comparison</th><th>outcome</th><th>weight</th></tr></thead>"
        f"<tbody>{weight_rows}</tbody></table></html>\n"
    )


def _bars(links: Sequence[SourceLinks]) -> str:
    drawn = []
    for number, one in enumerate(links):
        top, left = number * ROW, float(LEFT)
        drawn.append(f'<text x="{LEFT - 10}" y="{top + 19}" text-anchor="end">{escape(one.source)}</text>')
        for way, colour in zip(WAYS, COLOURS, strict=True):
            width = BAR * one.ways[way] / one.persons
            if width:
                drawn.append(
                    f'<rect x="{left:.1f}" y="{top + 4}" width="{width:.1f}" height="22" fill="{colour}">'
                    f"<title>{way}: {one.ways[way]:,}</title></rect>"
                )
            left += width
        drawn.append(f'<text x="{LEFT + BAR + 10}" y="{top + 19}">{one.share_linked:.0%} linked</text>')
    top = len(links) * ROW + 10
    for number, (way, colour) in enumerate(zip(WAYS, COLOURS, strict=True)):
        drawn.append(f'<rect x="{10 + number * 175}" y="{top}" width="14" height="14" fill="{colour}"/>')
        drawn.append(f'<text x="{30 + number * 175}" y="{top + 12}">{way}</text>')
    return _drawing(drawn, top + 24, "Of each source the share of persons linked, by way")


def _weights(weights: Sequence[tuple[str, str, float]]) -> str:
    scale = (WIDTH - LEFT - 160) / ((max(w for *_, w in weights) - min(0.0, *(w for *_, w in weights))) or 1)
    nought = LEFT + 100 - min(0.0, *(w for *_, w in weights)) * scale
    drawn = []
    for number, (comparison, level, weight) in enumerate(weights):
        top = number * 22
        drawn.append(
            f'<text x="{LEFT + 90}" y="{top + 15}" text-anchor="end">{escape(f"{comparison}: {level}")}</text>'
            f'<rect x="{min(nought, nought + weight * scale):.1f}" y="{top + 3}" '
            f'width="{max(abs(weight) * scale, 1):.1f}" height="16" fill="{"#2b7a4b" if weight >= 0 else "#b3392f"}">'
            f"<title>{weight:+.2f}</title></rect>"
        )
    return _drawing(drawn, len(weights) * 22, "What each outcome of each comparison adds to the weight")


def _drawing(drawn: Sequence[str], height: int, label: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" font-size="14" role="img" '
        f'aria-label="{escape(label)}">{"".join(drawn)}</svg>'
    )
