-- One row per person as one source knows them: a case, a census pupil, a patient, a child of social care, a young
-- person on the client caseload. Which of them are the same child is decided in identity__link; this model only says
-- who each source speaks of.
{{ config(materialized='table') }}

-- The social care system's number is one person's in whichever of its extracts it stands; what they say is united.
with said_by_social_care as (
    select
        la_child_id as social_care_id,
        1 as source_order,
        reference_date as said_on,
        upn,
        birth_date,
        case sex when '1' then 'M' when '2' then 'F' else sex end as sex,
        ethnicity,
        'cin_census' as source_extract,
        record_id,
        source_file,
        source_row
    from {{ ref('stg_cin_census__child') }}
    union all by name
    select
        person.social_care_id,
        2 as source_order,
        given.upn,
        given.uln,
        person.nhs_number,
        person.surname,
        person.forename,
        person.birth_date,
        person.sex,
        person.ethnicity,
        address.postcode,
        'ssd' as source_extract,
        person.record_id,
        person.source_file,
        person.source_row
    from {{ ref('stg_ssd__person') }} as person
    -- left, both: neither table need be delivered
    left join (
        select
            social_care_id,
            min_by(upn, send_id) as upn,
            min_by(uln, send_id) as uln
        from {{ ref('stg_ssd__send') }}
        group by social_care_id
    ) as given on person.social_care_id = given.social_care_id
    left join (
        select
            social_care_id,
            max_by(postcode, (start_date, address_id)) as postcode
        from {{ ref('stg_ssd__address') }}
        group by social_care_id
    ) as address on person.social_care_id = address.social_care_id
    union all by name
    select
        social_care_id,
        3 as source_order,
        upn,
        birth_date,
        case sex when '1' then 'M' when '2' then 'F' else sex end as sex,
        ethnicity,
        'ssda903' as source_extract,
        record_id,
        source_file,
        source_row
    from {{ ref('stg_ssda903__header') }}
    union all by name
    select
        social_care_id,
        4 as source_order,
        start_date as said_on,
        surname,
        forename,
        birth_date,
        'short_breaks' as source_extract,
        record_id,
        source_file,
        source_row
    from {{ ref('stg_short_breaks__break') }}
),

ranked_social_care as (
    select
        social_care_id,
        row_number() over (
            partition by social_care_id order by source_order asc, said_on desc, record_id asc
        ) as rank,
        upn,
        uln,
        nhs_number,
        surname,
        forename,
        birth_date,
        sex,
        ethnicity,
        postcode,
        source_extract,
        record_id,
        source_file,
        source_row
    from said_by_social_care
),

in_social_care as (
    select
        social_care_id,
        min_by(upn, rank) as upn,
        min_by(uln, rank) as uln,
        min_by(nhs_number, rank) as nhs_number,
        min_by(surname, rank) as surname,
        min_by(forename, rank) as forename,
        min_by(birth_date, rank) as birth_date,
        min_by(sex, rank) as sex,
        min_by(ethnicity, rank) as ethnicity,
        min_by(postcode, rank) as postcode,
        min_by(source_extract, rank) as source_extract,
        min_by(record_id, rank) as record_id,
        min_by(source_file, rank) as source_file,
        min_by(source_row, rank) as source_row
    from ranked_social_care
    group by social_care_id
),

others as (
    select
        person_kind as anchor_kind,
        person_anchor as anchor,
        start_date as said_on,
        upn,
        surname,
        forename,
        birth_date,
        sex,
        postcode,
        'ehe_cme' as source_extract,
        record_id,
        source_file,
        source_row
    from {{ ref('stg_ehe_cme__register') }}
    union all by name
    select
        person_kind as anchor_kind,
        person_anchor as anchor,
        requested_date as said_on,
        nhs_number,
        surname,
        forename,
        birth_date,
        'health_advice' as source_extract,
        record_id,
        source_file,
        source_row
    from {{ ref('stg_health_advice__advice') }}
    union all by name
    select
        person_kind as anchor_kind,
        person_anchor as anchor,
        start_date as said_on,
        nhs_number,
        surname,
        forename,
        birth_date,
        postcode,
        'continuing_care' as source_extract,
        record_id,
        source_file,
        source_row
    from {{ ref('stg_continuing_care__package') }}
    union all by name
    select
        person_kind as anchor_kind,
        person_anchor as anchor,
        notified_date as said_on,
        nhs_number,
        surname,
        forename,
        birth_date,
        sex,
        postcode,
        'early_notifications' as source_extract,
        record_id,
        source_file,
        source_row
    from {{ ref('stg_early_notifications__notification') }}
    union all by name
    select
        'youth_justice' as anchor_kind,
        person_anchor as anchor,
        start_date as said_on,
        surname,
        forename,
        birth_date,
        postcode,
        'youth_justice' as source_extract,
        record_id,
        source_file,
        source_row
    from {{ ref('stg_youth_justice__intervention') }}
),

-- Numbered so that the greatest number is the newest census, and of its schools the first.
rolls as (
    select
        census_date,
        laestab,
        row_number() over (order by census_date asc, laestab desc)::integer as roll_number
    from {{ ref('stg_school_census__pupil') }}
    group by census_date, laestab
),

last_roll_numbers as (
    select
        pupil.upn,
        pupil.birth_date,
        max(rolls.roll_number) as roll_number
    from {{ ref('stg_school_census__pupil') }} as pupil
    inner join rolls on pupil.census_date = rolls.census_date and pupil.laestab = rolls.laestab
    group by pupil.upn, pupil.birth_date
),

last_rolls as (
    select
        last_roll_numbers.upn,
        last_roll_numbers.birth_date,
        last_roll_numbers.upn || '/' || last_roll_numbers.birth_date as person_anchor,
        rolls.census_date,
        rolls.laestab
    from last_roll_numbers
    inner join rolls on last_roll_numbers.roll_number = rolls.roll_number
),

persons as (
    select
        'case' as anchor_kind,
        1 as priority,
        child.case_id as anchor,
        child.upn,
        child.uln,
        child.nhs_number,
        child.social_care_id,
        child.surname,
        child.forename,
        child.middle_names,
        child.birth_date,
        child.sex,
        child.ethnicity,
        child.postcode,
        child.nc_year,
        child.first_language,
        'ehc_case' as source_extract,
        child.record_id,
        child.source_file,
        child.source_row
    from {{ ref('stg_ehc_case__child') }} as child
    union all by name
    -- a request whose child row was quarantined is still some child's: the case number is a sure key by itself
    select
        'case' as anchor_kind,
        1 as priority,
        request.case_id as anchor,
        'ehc_case' as source_extract,
        min_by(request.record_id, request.record_id) as record_id,
        min_by(request.source_file, request.record_id) as source_file,
        min_by(request.source_row, request.record_id) as source_row
    from {{ ref('stg_ehc_case__request') }} as request
    anti join {{ ref('stg_ehc_case__child') }} as child on request.case_id = child.case_id
    group by request.case_id
    union all by name
    select
        'upn' as anchor_kind,
        2 as priority,
        pupil.person_anchor as anchor,
        pupil.upn,
        pupil.uln,
        pupil.surname,
        pupil.forename,
        pupil.middle_names,
        pupil.birth_date,
        pupil.sex,
        pupil.ethnicity,
        pupil.postcode,
        pupil.nc_year,
        pupil.first_language,
        'school_census' as source_extract,
        pupil.record_id,
        pupil.source_file,
        pupil.source_row
    from {{ ref('stg_school_census__pupil') }} as pupil
    semi join last_rolls
        on
            pupil.upn = last_rolls.upn
            and pupil.birth_date = last_rolls.birth_date
            and pupil.census_date = last_rolls.census_date
            and pupil.laestab = last_rolls.laestab
    union all by name
    select
        referral.person_kind as anchor_kind,
        case referral.person_kind when 'nhs' then 3 else 5 end as priority,
        referral.person_anchor as anchor,
        referral.nhs_number,
        referral.surname,
        referral.forename,
        referral.birth_date,
        referral.sex,
        referral.postcode,
        'therapy_waits' as source_extract,
        referral.record_id,
        referral.source_file,
        referral.source_row
    from {{ ref('stg_therapy_waits__referral') }} as referral
    qualify
        row_number() over (
            partition by referral.person_kind, referral.person_anchor
            order by referral.received_date desc, referral.record_id asc
        ) = 1
    union all by name
    select
        'cin' as anchor_kind,
        4 as priority,
        social_care_id as anchor,
        upn,
        uln,
        nhs_number,
        social_care_id,
        surname,
        forename,
        birth_date,
        sex,
        ethnicity,
        postcode,
        source_extract,
        record_id,
        source_file,
        source_row
    from in_social_care
    union all by name
    select
        'nccis' as anchor_kind,
        6 as priority,
        client.client_id as anchor,
        client.upn,
        client.uln,
        client.surname,
        client.forename,
        client.birth_date,
        client.sex,
        client.postcode,
        'nccis' as source_extract,
        client.record_id,
        client.source_file,
        client.source_row
    from {{ ref('stg_nccis__client') }} as client
    qualify row_number() over (partition by client.client_id order by client.period_end desc) = 1
    union all by name
    -- A UPN or NHS number with its birth date is the same person whoever writes it, so only those are added here that
    -- neither census nor therapy services speak of. A record without one is a person by itself.
    select
        others.anchor_kind,
        case others.anchor_kind
            when 'upn' then 2
            when 'nhs' then 3
            when 'ehe_cme' then 7
            when 'health_advice' then 8
            when 'continuing_care' then 9
            when 'early_notifications' then 10
            when 'youth_justice' then 11
        end as priority,
        others.anchor,
        others.upn,
        others.nhs_number,
        others.surname,
        others.forename,
        others.birth_date,
        others.sex,
        others.postcode,
        others.source_extract,
        others.record_id,
        others.source_file,
        others.source_row
    from others
    anti join last_rolls on others.anchor = last_rolls.person_anchor and others.anchor_kind = 'upn'
    anti join {{ ref('stg_therapy_waits__referral') }} as referral
        on others.anchor = referral.person_anchor and others.anchor_kind = referral.person_kind
    qualify
        row_number() over (
            partition by others.anchor_kind, others.anchor
            order by others.said_on desc nulls last, others.source_extract asc, others.record_id asc
        ) = 1
)

select
    anchor_kind,
    priority,
    anchor,
    upn,
    uln,
    nhs_number,
    social_care_id,
    surname,
    forename,
    middle_names,
    birth_date,
    sex,
    ethnicity,
    postcode,
    nc_year,
    first_language,
    source_extract,
    record_id,
    source_file,
    source_row
from persons
