-- One row per person of a source (an anchor), with the child it belongs to. An id once given stays: with the case
-- before the pupil, the pupil before the patient, and so on, the best anchor that was given an id keeps it, and ids
-- are never used again for someone else while that anchor lives.
{{ config(materialized='table') }}

with clusters as (
    select
        record.record_number,
        record.anchor_kind,
        record.anchor,
        record.priority,
        coalesce(link.to_kind, record.anchor_kind) as cluster_kind,
        coalesce(link.to_anchor, record.anchor) as cluster_anchor,
        coalesce(link.basis, 'itself') as basis
    from {{ ref('identity__linkage_record') }} as record
    left join {{ ref('identity__link') }} as link
        on record.anchor_kind = link.anchor_kind and record.anchor = link.anchor
),

claims as (
    select
        clusters.cluster_kind,
        clusters.cluster_anchor,
        given.child_id,
        row_number() over (
            partition by given.child_id
            order by clusters.priority asc, given.given_at desc, clusters.anchor asc
        ) as claim_order,
        clusters.priority,
        given.given_at
    from clusters
    inner join {{ source('identity_given', 'given') }} as given
        on clusters.anchor_kind = given.anchor_kind and clusters.anchor = given.anchor
),

-- Of the ids to which it has the best claim, a child keeps the one its best anchor was given last.
kept as (
    select
        cluster_kind,
        cluster_anchor,
        child_id
    from claims
    where claim_order = 1
    qualify row_number() over (
        partition by cluster_kind, cluster_anchor
        order by priority asc, given_at desc, child_id asc
    ) = 1
),

highest as (
    select coalesce(max(substr(child_id, 2)::bigint), 0) as number
    from {{ source('identity_given', 'given') }}
),

newcomers as (
    select
        clusters.cluster_kind,
        clusters.cluster_anchor,
        row_number() over (order by clusters.priority, clusters.cluster_anchor) as number
    from clusters
    anti join kept
        on clusters.cluster_kind = kept.cluster_kind and clusters.cluster_anchor = kept.cluster_anchor
    where clusters.anchor_kind = clusters.cluster_kind and clusters.anchor = clusters.cluster_anchor
),

ids as (
    select
        cluster_kind,
        cluster_anchor,
        child_id
    from kept
    union all
    select
        newcomers.cluster_kind,
        newcomers.cluster_anchor,
        format('C{:07d}', highest.number + newcomers.number) as child_id
    from newcomers
    cross join highest
)

select
    clusters.anchor_kind,
    clusters.anchor,
    clusters.priority,
    clusters.record_number,
    ids.child_id,
    clusters.basis
from clusters
inner join ids
    on clusters.cluster_kind = ids.cluster_kind and clusters.cluster_anchor = ids.cluster_anchor
