-- One row per pair of children that a steward should look at: alike enough to be one, not so surely that they are
-- linked. Of two children only the likeliest pair of their persons is asked about, and never what was answered before.
-- Where surnames differ and neither a number nor a place agrees nothing is asked: the question itself could lead from a
-- child's identity before an adoption to the one after.
with placed as (
    select
        record.record_key,
        record.anchor_kind,
        record.anchor,
        coalesce(link.to_kind || ':' || link.to_anchor, record.record_key) as head_key
    from {{ ref('identity__linkage_record') }} as record
    -- left: a person may stand for its child by itself
    left join {{ ref('identity__link') }} as link
        on record.anchor_kind = link.anchor_kind and record.anchor = link.anchor
),

doubtful as (
    select
        pair.left_key,
        pair.right_key,
        pair.match_weight,
        'same' in (pair.nhs_number_level, pair.upn_level, pair.uln_level) as has_number,
        pair.postcode_level = 'same, now or before' as has_place,
        pair.surname_level not in ('different', 'not known') as has_surname,
        pair.forename_level not in ('different', 'not known') as has_forename,
        pair.birth_date_level not in ('different', 'not known') as has_birth_date,
        'different' in (pair.nhs_number_level, pair.upn_level) as has_other_number,
        pair.forename_level,
        pair.surname_level
    from {{ ref('identity__scored_pair') }} as pair
    where pair.match_weight >= {{ ask_weight() }}
),

askable as (
    select
        left_key,
        right_key,
        match_weight
    from doubtful
    where
        (has_surname or has_number or has_place)
        and case
            -- a forename not known to one of them might be a twin's: asked only where birth date and surname agree
            when not has_forename then forename_level = 'not known' and has_birth_date and has_surname
            when has_other_number
                then has_birth_date and forename_level = 'same' and surname_level = 'same' and has_place
            else has_birth_date or has_number or has_place
        end
),

said as (
    select
        left_kind || ':' || left_anchor as one_key,
        right_kind || ':' || right_anchor as other_key
    from {{ source('identity_given', 'answer') }}
    union all
    select
        right_kind || ':' || right_anchor as one_key,
        left_kind || ':' || left_anchor as other_key
    from {{ source('identity_given', 'answer') }}
)

select
    l.anchor_kind as left_kind,
    l.anchor as left_anchor,
    r.anchor_kind as right_kind,
    r.anchor as right_anchor,
    askable.match_weight
from askable
inner join placed as l on askable.left_key = l.record_key
inner join placed as r on askable.right_key = r.record_key
anti join said on askable.left_key = said.one_key and askable.right_key = said.other_key
where l.head_key != r.head_key
qualify
    row_number() over (
        partition by least(l.head_key, r.head_key), greatest(l.head_key, r.head_key)
        order by askable.match_weight desc, askable.left_key asc, askable.right_key asc
    ) = 1
