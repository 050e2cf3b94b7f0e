-- One row per census, school, pupil and need.
{% set key = ['census_date', 'laestab', 'upn', 'rank'] %}

with superseded as (
    {{ superseded_records(source('landing', 'school_census__need'), key) | indent(4) }}
)

select
    census_date,
    laestab,
    upn,
    rank as need_rank,
    sen_type,
    {{ lineage(key) }}
from {{ source('landing', 'school_census__need') }}
anti join superseded using (_delivery, _file, _row)
