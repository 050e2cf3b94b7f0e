-- What each child was on each day on which an indicator counts it: one row per child and day of `counted_day`.
-- Age and year group are of that day; need and ward are the last recorded, since their history is not.
-- The words are of types that name all there are: millions of days are grouped by a small number each and not by a text.
create or replace temp type word_for_sex as enum ('Female', 'Male', 'Not known');

create or replace temp type word_for_ethnicity as enum (
    'White', 'Mixed or multiple', 'Asian', 'Black', 'Other', 'Not known'
);

create or replace temp type word_for_age_band as enum (
    'Under 5', '5 to 10', '11 to 15', '16 to 18', '19 to 25', 'Not known'
);

create or replace temp type word_for_phase as enum ('Early years', 'Primary', 'Secondary', 'Post-16', 'Not known');

create or replace temp type word_for_placement as enum (
    'Educated elsewhere',
    'Not in education',
    'Early years setting',
    'SEN unit or resourced provision',
    'Post-16 college',
    'Independent or non-maintained special school',
    'State special school',
    'Independent school',
    'Alternative provision',
    'Mainstream school',
    'No placement recorded',
    'Not known'
);

create or replace temp type word_for_social_care_status as enum (
    'Looked after', 'On a protection plan', 'In need', 'Short breaks', 'Not involved', 'Not known'
);

create or replace temp type word_for_area as enum (
    select ward
    from staging.stg_postcodes__postcode
    where ward is not null
    union
    select 'Not known' as ward
    order by ward
);

create or replace temp type word_for_need as enum (
    select meaning
    from reference.code_sets
    where code_set in ('sen_type', 'sen_type_census')
    union
    select 'Not known' as meaning
    order by meaning
);

create or replace temp table person_day as
with latest_needs as (
    select
        child_id,
        sen_type
    from core.fct_need
    inner join core.fct_plan using (plan_id, child_id)
    where need_rank = 1
    qualify row_number() over (partition by child_id order by plan_start_date desc, plan_id desc) = 1
),

census_needs as (
    select
        child_id,
        sen_type
    from core.fct_census_need
    where child_id is not null and sen_type is not null
    qualify row_number() over (partition by child_id order by census_date desc, need_rank asc, laestab asc) = 1
),

sen_types as (
    select
        code,
        min(meaning) as meaning
    from reference.code_sets
    where code_set in ('sen_type', 'sen_type_census')
    group by code
),

wards as (
    select
        replace(postcode, ' ', '') as postcode,
        min(ward) as ward
    from staging.stg_postcodes__postcode
    group by all
),

children as (
    select
        child.child_id,
        child.birth_date,
        child.nc_year_by_age - year(run.as_at)::integer + if(month(run.as_at) < 9, 1, 0) as nc_year_less_school_year,
        (case child.sex when 'F' then 'Female' when 'M' then 'Male' else 'Not known' end)::word_for_sex as sex,
        -- the groups of the ethnicity code set; Chinese is Asian since the census of 2011
        (case left(child.ethnicity, 1)
            when 'W' then 'White'
            when 'M' then 'Mixed or multiple'
            when 'A' then 'Asian'
            when 'C' then 'Asian'
            when 'B' then 'Black'
            when 'O' then 'Other'
            else 'Not known'
        end)::word_for_ethnicity as ethnicity,
        coalesce(wards.ward, 'Not known')::word_for_area as area,
        coalesce(sen_types.meaning, 'Not known')::word_for_need as need
    from core.dim_child as child
    cross join landing.run as run
    -- left, all of them: what is not recorded is counted as not known
    left join wards on replace(child.postcode, ' ', '') = wards.postcode
    left join latest_needs on child.child_id = latest_needs.child_id
    left join census_needs on child.child_id = census_needs.child_id
    left join sen_types on coalesce(latest_needs.sen_type, census_needs.sen_type) = sen_types.code
    semi join counted_day on child.child_id = counted_day.child_id
),

placements as (
    select
        counted_day.child_id,
        counted_day.day,
        min_by(
            (case
                when placement.sen_setting in ('EHE', 'OLA', 'OPA', 'OTH') then 'Educated elsewhere'
                when placement.sen_setting in ('NEET', 'NIEC', 'NIEO') then 'Not in education'
                when placement.sen_setting is not null then 'Early years setting'
                when placement.is_sen_unit or placement.is_resourced_provision
                    then 'SEN unit or resourced provision'
                when establishment.phase = '16 plus' then 'Post-16 college'
                when establishment.is_special and establishment.is_independent
                    then 'Independent or non-maintained special school'
                when establishment.is_special then 'State special school'
                when establishment.is_independent then 'Independent school'
                when regexp_matches(establishment.establishment_type, '(?i)pupil referral|alternative provision')
                    then 'Alternative provision'
                when establishment.urn is not null then 'Mainstream school'
                else 'Not known'
            end)::word_for_placement,
            (
                coalesce(placement.setting_rank, 9),
                -epoch(coalesce(placement.entry_date, date '1900-01-01')),
                placement.placement_id
            )
        ) as placement
    from counted_day
    inner join core.fct_placement as placement
        on
            counted_day.child_id = placement.child_id
            and counted_day.day >= coalesce(placement.entry_date, date '1900-01-01')
            and counted_day.day < coalesce(placement.leaving_date, date '9999-12-31')
    left join core.dim_establishment as establishment on placement.establishment_urn = establishment.urn
    group by counted_day.child_id, counted_day.day
),

involved as (
    select
        counted_day.child_id,
        counted_day.day,
        min_by(spell.status::word_for_social_care_status, spell.rank) as status
    from counted_day
    inner join social_care_spell as spell
        on
            counted_day.child_id = spell.child_id
            and counted_day.day >= spell.start_date
            and counted_day.day < coalesce(spell.end_date, date '9999-12-31')
    group by counted_day.child_id, counted_day.day
)

select
    counted_day.child_id,
    counted_day.day,
    children.area,
    datesub('year', children.birth_date, counted_day.day) as age,
    (case
        when age is null then 'Not known'
        when age < 5 then 'Under 5'
        when age < 11 then '5 to 10'
        when age < 16 then '11 to 15'
        when age < 19 then '16 to 18'
        else '19 to 25'
    end)::word_for_age_band as age_band,
    -- the year group of the school year the day lies in
    children.nc_year_less_school_year + year(counted_day.day)::integer
    - if(month(counted_day.day) < 9, 1, 0) as nc_year,
    (case
        when nc_year is null then 'Not known'
        when nc_year < 0 then 'Early years'
        when nc_year <= 6 then 'Primary'
        when nc_year <= 11 then 'Secondary'
        else 'Post-16'
    end)::word_for_phase as phase,
    children.sex,
    children.ethnicity,
    children.need,
    coalesce(placements.placement, 'No placement recorded'::word_for_placement) as placement,
    coalesce(involved.status, 'Not involved'::word_for_social_care_status) as social_care_status
from counted_day
inner join children on counted_day.child_id = children.child_id
-- left, both: most children are neither placed by a plan nor known to social care
left join placements on counted_day.child_id = placements.child_id and counted_day.day = placements.day
left join involved on counted_day.child_id = involved.child_id and counted_day.day = involved.day
