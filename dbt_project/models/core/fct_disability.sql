-- One row per person of social care and disability ever recorded, as the latest census by the day has it or the weekly
-- safeguarding dataset does. NONE is among the codes: it says that the person has no disability.
with last_censuses as (
    select
        child.la_child_id as social_care_id,
        max(child.reference_date) as reference_date
    from {{ ref('stg_cin_census__child') }} as child
    cross join {{ source('landing', 'run') }} as run
    where child.reference_date <= run.as_at
    group by child.la_child_id
),

returned as (
    select
        record.la_child_id as social_care_id,
        record.disability,
        record.reference_date,
        record.record_id,
        record.source_file,
        record.source_row
    from {{ ref('stg_cin_census__disability') }} as record
    cross join {{ source('landing', 'run') }} as run
    where record.reference_date <= run.as_at
    qualify row_number() over (
        partition by record.la_child_id, record.disability order by record.reference_date desc
    ) = 1
),

current_ones as (
    select
        social_care_id,
        upper(trim(disability)) as disability,
        record_id,
        source_file,
        source_row
    from {{ ref('stg_ssd__disability') }}
    where trim(disability) != ''
    qualify row_number() over (
        partition by social_care_id, upper(trim(disability)) order by disability_id desc
    ) = 1
),

disabilities as (
    select
        coalesce(returned.social_care_id, current_ones.social_care_id) as social_care_id,
        coalesce(returned.disability, current_ones.disability) as disability,
        returned.reference_date,
        current_ones.record_id is not null as is_in_dataset,
        case when returned.record_id is not null then 'cin_census' else 'ssd' end as source_extract,
        coalesce(returned.record_id, current_ones.record_id) as record_id,
        coalesce(returned.source_file, current_ones.source_file) as source_file,
        coalesce(returned.source_row, current_ones.source_row) as source_row
    from returned
    full join current_ones
        on returned.social_care_id = current_ones.social_care_id and returned.disability = current_ones.disability
)

select
    disabilities.social_care_id,
    disabilities.disability,
    anchor.child_id,
    disabilities.disability != 'NONE' as is_disability,
    disabilities.is_in_dataset
    or coalesce(disabilities.reference_date = last_censuses.reference_date, false) as is_current,
    disabilities.reference_date as census_reference_date,
    disabilities.source_extract,
    disabilities.record_id,
    disabilities.source_file,
    disabilities.source_row
from disabilities
-- left, both: the dataset holds people the census does not; a disability whose person was not delivered is still one
left join last_censuses on disabilities.social_care_id = last_censuses.social_care_id
left join {{ ref('identity__anchor') }} as anchor
    on disabilities.social_care_id = anchor.anchor and anchor.anchor_kind = 'cin'
