-- One row per anchor whose child id is new or has changed (a link found or lost) since the register of ids was last
-- written. The runner appends these rows to the register once the run is through.
with latest_given as (
    select
        anchor_kind,
        anchor,
        max_by(child_id, given_at) as child_id
    from {{ source('identity_given', 'given') }}
    group by anchor_kind, anchor
)

select
    anchor.anchor_kind,
    anchor.anchor,
    anchor.child_id,
    run.known_at as given_at,
    latest_given.child_id as previous_child_id,
    anchor.basis as cause
from {{ ref('identity__anchor') }} as anchor
left join latest_given
    on anchor.anchor_kind = latest_given.anchor_kind and anchor.anchor = latest_given.anchor
cross join {{ source('landing', 'run') }} as run
where anchor.child_id is distinct from latest_given.child_id
