-- One row per package of continuing care.
select
    package_id,
    nhs_number,
    surname,
    forename,
    birth_date,
    postcode,
    referral_date,
    decision_date,
    start_date,
    end_date,
    funding,
    case when nhs_number is null then 'continuing_care' else 'nhs' end as person_kind,
    coalesce(nhs_number || '/' || birth_date, package_id) as person_anchor,
    {{ lineage(['package_id']) }}
from {{ source('landing', 'continuing_care__package') }}
qualify {{ is_latest_record(['package_id']) }}
