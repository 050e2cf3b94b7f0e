-- One row per disability of a person.
select
    disa_table_id as disability_id,
    disa_person_id as social_care_id,
    disa_disability_code as disability,
    {{ lineage(['disa_table_id']) }}
from {{ source('landing', 'ssd__ssd_disability') }}
qualify {{ is_latest_record(['disa_table_id']) }}
