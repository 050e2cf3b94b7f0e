"""What the linkage compares, which pairs it looks at, what it starts from, and where it draws its two lines.

Everything a council may want to argue about stands here; the machinery is in the modules beside it. Weights are
Splink's match weights: base-2 logarithms of how much likelier the two records are of one child than of two.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

LINK_WEIGHT = 5.0
"""From here on a pair is linked without asking, where no guard speaks against it (odds of 32 to 1 at the line, and
higher for nearly all that is above it)."""
MARGIN = 3.0
"""A record whose next best child comes as close as this to the best is not linked but asked about."""

SEED = 883
LEAST_RECORDS_TO_TRAIN = 2_000
"""Below this the parameters of the policy are used as they stand: too few pairs agree for a training to converge."""
SAMPLED_PAIRS = 1_000_000
TRAINING_PAIRS = 250_000
RECORDS_COUNTED = 200_000
"""About so many records are looked at to tell how many pairs a training would have, of which it takes its share."""
LEAST_SHARE = 0.5
"""Slips and chance likenesses that the data at hand do not show do happen: each is taken to be at least this share as
frequent as the policy says."""
RETRAIN_GROWTH = 0.25
"""The model is trained anew once there are this share more, or fewer, records than it was trained on."""

NULL, ELSE = "not known", "different"
TERM_COLUMNS = ("forename", "surname")


@dataclass(frozen=True)
class Level:
    """One outcome of a comparison, from the surest down.

    ``condition`` is SQL over the records ``_l`` and ``_r``; ``m`` and ``u`` are how often it comes about among records
    of one child and of two, before any training.
    """

    name: str
    condition: str
    m: float
    u: float


@dataclass(frozen=True)
class Comparison:
    """What is compared, with its levels; not known where the first column is empty on either side.

    ``is_trained`` is false where the policy's own figures always stand. ``terms`` is the column by whose frequency the
    first level counts: to share a rare name says more than to share a common one.
    """

    name: str
    columns: tuple[str, ...]
    levels: tuple[Level, ...]
    is_trained: bool = True
    terms: str = ""

    def settings(self) -> dict[str, Any]:
        """The comparison as Splink reads it."""
        column = self.columns[0]
        nothing = f'"{column}_l" is null or "{column}_r" is null'
        levels: list[dict[str, Any]] = [
            {"sql_condition": nothing, "label_for_charts": NULL, "is_null_level": True},
        ]
        for number, level in enumerate(self.levels):
            described: dict[str, Any] = {
                "sql_condition": level.condition,
                "label_for_charts": level.name,
                "m_probability": level.m,
                "u_probability": level.u,
                "fix_m_probability": not self.is_trained,
                "fix_u_probability": not self.is_trained,
            }
            if number == 0 and self.terms:
                described["tf_adjustment_column"] = self.terms
                described["tf_minimum_u_value"] = 0.0001
            levels.append(described)
        return {"output_column_name": self.name, "comparison_levels": levels}

    def level_names(self) -> dict[int, str]:
        """The names of the levels by the number Splink gives them."""
        last = len(self.levels) - 1
        return {-1: NULL} | {last - number: level.name for number, level in enumerate(self.levels)}


def _same(column: str) -> str:
    return f'"{column}_l" = "{column}_r"'


def _one_off(column: str) -> str:
    """One character is another. Texts of unlike length, which DuckDB's hamming refuses, are not one off."""
    left, right = f'"{column}_l"', f'"{column}_r"'
    return f"case when length({left}) = length({right}) then hamming({left}, {right}) = 1 else false end"


SWAPPED = '"forename_l" = "surname_r" and "surname_l" = "forename_r"'

COMPARISONS = (
    Comparison(
        "forename",
        ("forename", "forenames", "forename_group", "surname"),
        (
            Level("same", _same("forename"), 0.87, 0.008),
            Level("one name's forms", _same("forename_group"), 0.04, 0.003),
            Level("swapped with surname", SWAPPED, 0.01, 0.0002),
            Level(
                "spelt alike",
                'jaro_winkler_similarity("forename_l", "forename_r") >= 0.9 or '
                'jaro_winkler_similarity("forenames_l", "forenames_r") >= 0.93',
                0.03,
                0.004,
            ),
            Level(
                "initial or start",
                'starts_with("forename_l", "forename_r") or starts_with("forename_r", "forename_l")',
                0.02,
                0.01,
            ),
            Level(ELSE, "ELSE", 0.03, 0.975),
        ),
        terms="forename",
    ),
    Comparison(
        "surname",
        ("surname", "surname_parts", "forename"),
        (
            Level("same", _same("surname"), 0.87, 0.006),
            Level("swapped with forename", SWAPPED, 0.01, 0.0002),
            Level("a part in common", 'list_has_any("surname_parts_l", "surname_parts_r")', 0.04, 0.002),
            Level("spelt alike", 'jaro_winkler_similarity("surname_l", "surname_r") >= 0.9', 0.04, 0.004),
            Level(ELSE, "ELSE", 0.04, 0.988),
        ),
        terms="surname",
    ),
    Comparison(
        "birth_date",
        ("birth_text",),
        (
            Level("same", _same("birth_text"), 0.95, 0.00015),
            Level(
                "day and month swapped",
                'left("birth_text_l", 4) = left("birth_text_r", 4) and '
                'substr("birth_text_l", 5, 2) = right("birth_text_r", 2) and '
                'right("birth_text_l", 2) = substr("birth_text_r", 5, 2)',
                0.01,
                0.0002,
            ),
            Level("one digit off", _one_off("birth_text"), 0.02, 0.003),
            Level(ELSE, "ELSE", 0.02, 0.99665),
        ),
    ),
    Comparison("sex", ("sex",), (Level("same", _same("sex"), 0.995, 0.5), Level(ELSE, "ELSE", 0.005, 0.5))),
    Comparison(
        "postcode",
        ("postcode", "postcodes"),
        (
            Level("same, now or before", 'list_has_any("postcodes_l", "postcodes_r")', 0.85, 0.0004),
            Level("same sector", 'left("postcode_l", -2) = left("postcode_r", -2)', 0.03, 0.01),
            Level("same district", 'left("postcode_l", -3) = left("postcode_r", -3)', 0.05, 0.15),
            Level(ELSE, "ELSE", 0.07, 0.8396),
        ),
    ),
    Comparison(
        "nhs_number",
        ("nhs_number",),
        (
            Level("same", _same("nhs_number"), 0.97, 0.000001),
            Level("one digit off", _one_off("nhs_number"), 0.01, 0.00001),
            Level(ELSE, "ELSE", 0.02, 0.999989),
        ),
        is_trained=False,
    ),
    Comparison(
        "upn",
        ("upn",),
        (Level("same", _same("upn"), 0.96, 0.000001), Level(ELSE, "ELSE", 0.04, 0.999999)),
        is_trained=False,
    ),
    Comparison(
        "uln",
        ("uln",),
        (Level("same", _same("uln"), 0.97, 0.000001), Level(ELSE, "ELSE", 0.03, 0.999999)),
        is_trained=False,
    ),
)

BLOCKING_RULES = (
    ("birth_date", "surname_start", "forename_start"),
    ("birth_date", "surname_start", "sector"),
    ("birth_date", "forename_group"),
    ("birth_date", "postcode"),
    ("name_pair", "birth_year"),
    ("name_pair", "postcode"),
    ("forename_group", "postcode"),
    ("nhs_number",),
    ("upn",),
    ("uln",),
)
"""Two records are looked at where all columns of one rule agree. Each rule has a birth date, a full name with a year or
a place, or an identifier in it, so that the pairs grow with the children and not with their square."""

TRAINING_BLOCKS = (("birth_text",), ("surname", "forename"))
"""Between them the two trainings leave every trained comparison free once."""

# So many two records of all are of one child: the fallback, and what deterministic rules count where there are enough.
PRIOR = 0.00001
PRIOR_RULE = ("forename", "surname", "birth_text")
PRIOR_RECALL = 0.8


def splink_settings() -> dict[str, Any]:
    """The policy as Splink's settings, with the figures to start from."""
    return {
        "link_type": "dedupe_only",
        "unique_id_column_name": "record_key",
        "probability_two_random_records_match": PRIOR,
        "retain_matching_columns": True,
        "retain_intermediate_calculation_columns": False,
        "comparisons": [comparison.settings() for comparison in COMPARISONS],
        "blocking_rules_to_generate_predictions": [
            {"blocking_rule": " and ".join(f"l.{column} = r.{column}" for column in rule)} for rule in BLOCKING_RULES
        ],
        "linker_uid": "send",
    }


def policy_digest() -> str:
    """A hash of the policy: a model trained under another is trained anew."""
    parts = [splink_settings(), SEED, LEAST_SHARE, TRAINING_BLOCKS, PRIOR_RULE, PRIOR_RECALL, LEAST_RECORDS_TO_TRAIN]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
