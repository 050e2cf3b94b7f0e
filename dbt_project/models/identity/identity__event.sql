-- One row per person of a source and time it came to another child's id: joined where the id was another person's
-- already, given where it is new. All that shows how ids merged and split, with date and cause.
with givings as (
    select
        anchor_kind,
        anchor,
        child_id,
        previous_child_id,
        cause,
        given_at
    from {{ source('identity_given', 'given') }}
    union all
    select
        anchor_kind,
        anchor,
        child_id,
        previous_child_id,
        cause,
        given_at
    from {{ ref('identity__given_now') }}
),

first_givings as (
    select
        child_id,
        min(given_at) as given_at
    from givings
    group by child_id
)

select
    givings.given_at,
    case
        when givings.previous_child_id is null then 'given'
        when givings.given_at > first_givings.given_at and givings.cause != 'itself' then 'merged'
        else 'split'
    end as event,
    givings.anchor_kind,
    givings.anchor,
    givings.child_id,
    givings.previous_child_id,
    givings.cause
from givings
inner join first_givings on givings.child_id = first_givings.child_id
