-- One row per caseworker who has started.
with courses as (
    select
        training.caseworker_id,
        training.course,
        bool_and(coalesce(training.expiry_date < run.as_at, false)) as is_expired
    from {{ ref('stg_ehc_case__training') }} as training
    cross join {{ source('landing', 'run') }} as run
    where training.completed_date <= run.as_at
    group by training.caseworker_id, training.course
),

trained as (
    select
        caseworker_id,
        count(*) as courses_completed,
        count(*) filter (where is_expired) as courses_expired
    from courses
    group by caseworker_id
)

select
    record.caseworker_id,
    record.caseworker_name,
    record.team,
    record.fte,
    record.started_date,
    {{ by_as_at('record.left_date') }} as left_date,
    coalesce(record.left_date > run.as_at, true) as is_at_work,
    coalesce(trained.courses_completed, 0)::integer as courses_completed,
    coalesce(trained.courses_expired, 0)::integer as courses_expired,
    record.record_id,
    record.source_file,
    record.source_row
from {{ ref('stg_ehc_case__caseworker') }} as record
cross join {{ source('landing', 'run') }} as run
-- left: not everyone has been trained
left join trained on record.caseworker_id = trained.caseworker_id
where {{ begun_by_as_at('record.started_date') }}
