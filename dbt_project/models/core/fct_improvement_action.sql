-- One row per action of the improvement plan, with the latest rating by the day.
with latest as (
    select
        rating.action_id,
        rating.rating,
        rating.rated_date
    from {{ ref('stg_improvement_plan__rating') }} as rating
    cross join {{ source('landing', 'run') }} as run
    where rating.rated_date <= run.as_at
    qualify row_number() over (partition by rating.action_id order by rating.rated_date desc) = 1
)

select
    record.action_id,
    record.area,
    record.action,
    record.officer,
    record.due_date,
    record.indicators,
    latest.rating as latest_rating,
    latest.rated_date as latest_rated_date,
    record.record_id,
    record.source_file,
    record.source_row
from {{ ref('stg_improvement_plan__action') }} as record
-- left: an action may not have been rated yet
left join latest on record.action_id = latest.action_id
