-- One row per census, school, pupil and type of need that the census records.
select
    need.census_date,
    need.laestab,
    need.upn,
    need.need_rank::integer as need_rank,
    anchor.child_id,
    need.sen_type,
    need.record_id,
    need.source_file,
    need.source_row
from {{ ref('stg_school_census__need') }} as need
cross join {{ source('landing', 'run') }} as run
-- left, both: the need of a pupil whose row was quarantined is still one
left join {{ ref('stg_school_census__pupil') }} as pupil
    on need.census_date = pupil.census_date and need.laestab = pupil.laestab and need.upn = pupil.upn
left join {{ ref('identity__anchor') }} as anchor
    on pupil.person_anchor = anchor.anchor and anchor.anchor_kind = 'upn'
where need.census_date <= run.as_at
