-- One row per notification of a child under school age.
select
    notification_id,
    nhs_number,
    surname,
    forename,
    birth_date,
    sex,
    postcode,
    notified_date,
    notified_by,
    suspected_need,
    parent_consents as has_parental_consent,
    case when nhs_number is null then 'early_notifications' else 'nhs' end as person_kind,
    coalesce(nhs_number || '/' || birth_date, notification_id) as person_anchor,
    {{ lineage(['notification_id']) }}
from {{ source('landing', 'early_notifications__notification') }}
qualify {{ is_latest_record(['notification_id']) }}
