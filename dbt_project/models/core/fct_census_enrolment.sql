-- One row per census, school and pupil.
select
    anchor.child_id,
    pupil.census_date,
    pupil.laestab,
    pupil.upn,
    pupil.nc_year,
    pupil.sen_provision,
    pupil.sen_provision_start_date,
    pupil.is_in_sen_unit,
    pupil.is_in_resourced_provision,
    pupil.enrol_status,
    pupil.entry_date,
    {{ by_as_at('pupil.leaving_date') }} as leaving_date,
    pupil.is_part_time,
    pupil.has_pupil_premium,
    pupil.sessions_possible,
    pupil.sessions_authorised,
    pupil.sessions_unauthorised,
    pupil.record_id,
    pupil.source_file,
    pupil.source_row
from {{ ref('stg_school_census__pupil') }} as pupil
cross join {{ source('landing', 'run') }} as run
inner join {{ ref('identity__anchor') }} as anchor
    on pupil.person_anchor = anchor.anchor and anchor.anchor_kind = 'upn'
where pupil.census_date <= run.as_at
