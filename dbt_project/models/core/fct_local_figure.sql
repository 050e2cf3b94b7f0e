-- One row per figure that no record system holds and day it is of: residents aged 0 to 25, members of the parent carer
-- forum.
select
    record.figure,
    record.figure_date,
    record.value,
    record.origin,
    record.record_id,
    record.source_file,
    record.source_row
from {{ ref('stg_local_figures__figure') }} as record
cross join {{ source('landing', 'run') }} as run
where record.figure_date <= run.as_at
