-- One row per action of the improvement plan and day of rating.
select
    record.action_id,
    record.rated_date,
    record.rating,
    record.rating_comment,
    record.record_id,
    record.source_file,
    record.source_row
from {{ ref('stg_improvement_plan__rating') }} as record
cross join {{ source('landing', 'run') }} as run
where record.rated_date <= run.as_at
