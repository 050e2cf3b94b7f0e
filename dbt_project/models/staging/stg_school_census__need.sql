-- One row per census, school, pupil and need.
select
    census_date,
    laestab,
    upn,
    rank as need_rank,
    sen_type,
    {{ lineage(['census_date', 'laestab', 'upn', 'rank']) }}
from {{ source('landing', 'school_census__need') }}
qualify {{ is_latest_record(['census_date', 'laestab', 'upn', 'rank']) }}
