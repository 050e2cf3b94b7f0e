-- One row per return: the SEN2 survey in hand, as it stands on the reference date.
select
    'SEN2' as collection,
    survey.year,
    survey.reference_date,
    'L' as source_level,
    run.la_code as lea,
    -- no extract holds the officers; the LA states them in its configuration
    survey.dmo,
    survey.dco,
    survey.dsco,
    run.la_code as record_id,
    null::varchar as source_file,
    null::bigint as source_row
from {{ source('landing', 'sen2_survey') }} as survey
cross join {{ source('landing', 'run') }} as run
