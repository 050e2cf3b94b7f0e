-- One row per census and suspension or permanent exclusion it reports.
select
    census_date,
    laestab,
    upn,
    category as exclusion_category,
    reason as exclusion_reason,
    start_date,
    sessions as sessions_lost,
    {{ lineage(['census_date', 'laestab', 'upn', 'start_date', 'category']) }}
from {{ source('landing', 'school_census__exclusion') }}
qualify {{ is_latest_record(['census_date', 'laestab', 'upn', 'start_date', 'category']) }}
