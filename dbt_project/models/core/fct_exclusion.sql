-- One row per suspension or permanent exclusion; several censuses may report it and the latest counts.
select
    record.laestab,
    record.upn,
    anchor.child_id,
    record.start_date,
    record.exclusion_category,
    record.exclusion_reason,
    record.sessions_lost::integer as sessions_lost,
    record.census_date,
    record.record_id,
    record.source_file,
    record.source_row
from {{ ref('stg_school_census__exclusion') }} as record
cross join {{ source('landing', 'run') }} as run
-- left, both: the exclusion of a pupil whose row was quarantined is still one
left join {{ ref('stg_school_census__pupil') }} as pupil
    on record.census_date = pupil.census_date and record.laestab = pupil.laestab and record.upn = pupil.upn
left join {{ ref('identity__anchor') }} as anchor
    on pupil.person_anchor = anchor.anchor and anchor.anchor_kind = 'upn'
where record.start_date <= run.as_at
qualify row_number() over (
    partition by record.laestab, record.upn, record.start_date, record.exclusion_category
    order by record.census_date desc
) = 1
