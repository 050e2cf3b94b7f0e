-- One row per establishment of the register.
select
    urn,
    ukprn,
    la_code,
    la_name,
    la_code || lpad(establishment_number, 4, '0') as laestab,
    establishment_name,
    type_of_establishment_name as establishment_type,
    establishment_type_group_name as establishment_type_group,
    phase_of_education_name as phase,
    statutory_low_age,
    statutory_high_age,
    establishment_status_code as status_code,
    establishment_status_name as register_status,
    open_date,
    close_date,
    postcode,
    {{ lineage(['urn']) }}
from {{ source('landing', 'gias__establishment') }}
qualify {{ is_latest_record(['urn']) }}
