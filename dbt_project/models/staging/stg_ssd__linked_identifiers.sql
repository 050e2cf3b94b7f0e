-- One row per identifier of another system.
select
    link_person_id as social_care_id,
    link_identifier_type as identifier_type,
    link_identifier_value as identifier_value,
    link_valid_from_date as valid_from_date,
    link_valid_to_date as valid_to_date,
    {{ lineage(['link_person_id', 'link_identifier_type', 'link_identifier_value']) }}
from {{ source('landing', 'ssd__ssd_linked_identifiers') }}
qualify {{ is_latest_record(['link_person_id', 'link_identifier_type', 'link_identifier_value']) }}
