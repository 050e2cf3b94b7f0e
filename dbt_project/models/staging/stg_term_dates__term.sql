-- One row per stretch of school days.
select
    academic_year,
    term,
    start_date,
    end_date,
    {{ lineage(['start_date']) }}
from {{ source('landing', 'term_dates__term') }}
qualify {{ is_latest_record(['start_date']) }}
