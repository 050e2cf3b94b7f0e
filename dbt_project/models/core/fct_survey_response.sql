-- One row per answer to a survey question.
select
    record.survey_response_id,
    record.survey_about,
    record.respondent,
    record.submitted_date,
    record.question,
    record.answer,
    record.record_id,
    record.source_file,
    record.source_row
from {{ ref('stg_ehc_case__survey_response') }} as record
cross join {{ source('landing', 'run') }}
where {{ begun_by_as_at('record.submitted_date') }}
