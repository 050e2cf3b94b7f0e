-- One row per Ofsted inspection whose report was out. Since September 2024 there is no overall judgement: a setting is
-- below Good where any judgement area is.
select
    record.urn,
    record.inspection_start_date,
    record.publication_date,
    record.overall_effectiveness,
    record.quality_of_education,
    record.behaviour_and_attitudes,
    record.personal_development,
    record.leadership_and_management,
    record.is_safeguarding_effective,
    coalesce(
        nullif(record.overall_effectiveness, '9'),
        greatest(
            nullif(record.quality_of_education, '9'),
            nullif(record.behaviour_and_attitudes, '9'),
            nullif(record.personal_development, '9'),
            nullif(record.leadership_and_management, '9')
        )
    ) in ('3', '4') as is_below_good,
    row_number() over (partition by record.urn order by record.inspection_start_date desc) = 1 as is_latest,
    record.record_id,
    record.source_file,
    record.source_row
from {{ ref('stg_ofsted__inspection') }} as record
cross join {{ source('landing', 'run') }} as run
where coalesce(record.publication_date, record.inspection_start_date) <= run.as_at
