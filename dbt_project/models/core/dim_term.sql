-- One row per stretch of school days. Terms are set ahead, so those to come are here too.
select
    start_date,
    end_date,
    academic_year,
    term,
    record_id,
    source_file,
    source_row
from {{ ref('stg_term_dates__term') }}
