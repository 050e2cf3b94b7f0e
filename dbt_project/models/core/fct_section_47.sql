-- One row per enquiry under section 47 of the Children Act 1989, as the latest census that holds it has it.
select
    anchor.child_id,
    record.la_child_id as social_care_id,
    record.referral_date,
    record.start_date,
    record.conference_target_date,
    {{ by_as_at('record.initial_conference_date') }} as initial_conference_date,
    record.is_conference_not_required,
    record.reference_date as census_reference_date,
    record.record_id,
    record.source_file,
    record.source_row
from {{ ref('stg_cin_census__section_47') }} as record
cross join {{ source('landing', 'run') }} as run
-- left: a record whose person was not delivered is still one
left join {{ ref('identity__anchor') }} as anchor
    on record.la_child_id = anchor.anchor and anchor.anchor_kind = 'cin'
where record.start_date <= run.as_at
qualify row_number() over (
    partition by record.la_child_id, record.referral_date, record.start_date order by record.reference_date desc
) = 1
