-- One row per indicator: what it asks, how it is made, whose it is and who may see it.
select
    indicator_id,
    position,
    theme,
    priority,
    name,
    question,
    definition,
    plain_english,
    numerator_definition,
    denominator_definition,
    unit,
    direction,
    target,
    amber_tolerance,
    owner,
    cadence,
    audience,
    source,
    statutory_basis,
    benchmark_source,
    is_person_count,
    is_share,
    kind as counted_as,
    not_broken_down
from {{ source('indicators', 'catalogue') }}
order by position
