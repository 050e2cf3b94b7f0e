-- One row per answer to a survey question.
select
    id as survey_response_id,
    about as survey_about,
    respondent,
    submitted as submitted_date,
    question,
    answer,
    {{ lineage(['id']) }}
from {{ source('landing', 'ehc_case__survey_response') }}
qualify {{ is_latest_record(['id']) }}
