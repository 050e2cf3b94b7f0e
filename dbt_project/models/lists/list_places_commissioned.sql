-- One row per establishment, academic year and kind of specialist place. Where an establishment has one kind of unit
-- commissioned, whoever is in a unit there fills it, whichever of the two words the placement has; so too where it has
-- one kind besides units, whatever the register makes of it.
with commissioned as (
    select
        urn,
        academic_year,
        academic_year_start_date,
        place_kind,
        primary_need,
        phase,
        places_commissioned,
        places_offered,
        cost_per_place,
        case
            when academic_year_start_date <= run.as_at
                then least(run.as_at, (academic_year_start_date + interval 1 year)::date - 1)
        end as counted_on_date,
        place_kind in ('sen_unit', 'resourced_provision') as is_unit,
        count(*) over (
            partition by urn, academic_year, place_kind in ('sen_unit', 'resourced_provision')
        ) = 1 as is_only_kind,
        record_id,
        source_file,
        source_row
    from {{ ref('fct_commissioned_places') }}
    cross join {{ source('landing', 'run') }} as run
),

placements as (
    select
        coalesce(placement.child_id, placement.plan_id) as person,
        child.birth_date,
        need.sen_type as primary_need,
        establishment.urn,
        establishment.phase as establishment_phase,
        case
            when placement.is_sen_unit then 'sen_unit'
            when placement.is_resourced_provision then 'resourced_provision'
            when establishment.phase = '16 plus' then 'post_16'
            when establishment.is_independent then 'independent'
            when establishment.is_special then 'special_school'
            when regexp_matches(establishment.establishment_type, '(?i)pupil referral|alternative provision')
                then 'alternative_provision'
        end as place_kind,
        place_kind in ('sen_unit', 'resourced_provision') as is_unit,
        placement.entry_date,
        placement.leaving_date,
        plan.plan_start_date,
        plan.cease_date
    from {{ ref('fct_placement') }} as placement
    inner join {{ ref('fct_plan') }} as plan on placement.plan_id = plan.plan_id
    inner join {{ ref('dim_establishment') }} as establishment on placement.establishment_urn = establishment.urn
    -- left, both: the child or its need may not be recorded, and the place is filled all the same
    left join {{ ref('dim_child') }} as child on placement.child_id = child.child_id
    left join {{ ref('fct_need') }} as need on placement.plan_id = need.plan_id and need.need_rank = 1
    where place_kind is not null
),

this_year as (
    select
        as_at,
        {{ school_year_start('as_at') }} as academic_year_start_date,
        format(
            '{}/{:02d}', year(academic_year_start_date), (year(academic_year_start_date) + 1) % 100
        ) as academic_year
    from {{ source('landing', 'run') }}
),

-- which commissioned kind a placement fills, in each year in which it was there on the day of the count
filled as (
    select
        commissioned.urn,
        commissioned.academic_year,
        commissioned.academic_year_start_date,
        commissioned.place_kind,
        commissioned.primary_need as need_of_places,
        placements.establishment_phase,
        placements.person,
        placements.birth_date,
        placements.primary_need
    from commissioned
    inner join placements
        on
            commissioned.urn = placements.urn
            and commissioned.counted_on_date >= greatest(placements.entry_date, placements.plan_start_date)
            and commissioned.counted_on_date < coalesce(
                least(placements.leaving_date, placements.cease_date), date '9999-12-31'
            )
            and commissioned.is_unit = placements.is_unit
            and (commissioned.is_only_kind or commissioned.place_kind = placements.place_kind)
    union all
    select
        placements.urn,
        this_year.academic_year,
        this_year.academic_year_start_date,
        placements.place_kind,
        null as need_of_places,
        placements.establishment_phase,
        placements.person,
        placements.birth_date,
        placements.primary_need
    from placements
    cross join this_year
    anti join commissioned
        on
            placements.urn = commissioned.urn
            and this_year.academic_year_start_date = commissioned.academic_year_start_date
            and placements.is_unit = commissioned.is_unit
            and (commissioned.is_only_kind or placements.place_kind = commissioned.place_kind)
    where
        placements.leaving_date is null
        and placements.cease_date is null
),

ages as (
    select distinct
        urn,
        academic_year,
        place_kind,
        establishment_phase,
        person,
        coalesce(primary_need = need_of_places, false) as is_of_need,
        {{ nc_year_by_age('birth_date', 'academic_year_start_date') }} as nc_year_by_age
    from filled
),

counts as (
    select
        urn,
        academic_year,
        place_kind,
        min(establishment_phase) as establishment_phase,
        count(distinct person) as places_filled,
        count(distinct person) filter (where is_of_need) as filled_of_need,
        count(distinct person) filter (where nc_year_by_age < 0) as early_years,
        count(distinct person) filter (where nc_year_by_age between 0 and 6) as primary_phase,
        count(distinct person) filter (where nc_year_by_age between 7 and 11) as secondary,
        -- 19 on 31 August is Year 15 by age
        count(distinct person) filter (where nc_year_by_age between 12 and 14) as post_16,
        count(distinct person) filter (where nc_year_by_age >= 15) as from_19,
        count(distinct person) filter (where nc_year_by_age is null) as age_not_known
    from ages
    group by urn, academic_year, place_kind
),

places as (
    select
        coalesce(commissioned.urn, counts.urn) as urn,
        coalesce(commissioned.academic_year, counts.academic_year) as academic_year,
        coalesce(commissioned.place_kind, counts.place_kind) as place_kind,
        commissioned.primary_need,
        coalesce(commissioned.phase, counts.establishment_phase) as phase,
        coalesce(
            commissioned.places_commissioned, case when {{ is_delivered('commissioned_places') }} then 0 end
        ) as commissioned_or_none,
        commissioned.record_id is not null as is_commissioned,
        case
            when commissioned.record_id is null then this_year.as_at else commissioned.counted_on_date
        end as count_date,
        -- nobody there on the day counted is 0, and a year to come has no such day
        case when count_date is not null then 0 end as nobody,
        coalesce(counts.places_filled, nobody) as filled_or_none,
        commissioned.places_offered,
        commissioned.cost_per_place,
        case
            when commissioned.primary_need is not null then coalesce(counts.filled_of_need, nobody)
        end as filled_of_need,
        coalesce(counts.early_years, nobody) as early_years,
        coalesce(counts.primary_phase, nobody) as primary_phase,
        coalesce(counts.secondary, nobody) as secondary,
        coalesce(counts.post_16, nobody) as post_16,
        coalesce(counts.from_19, nobody) as from_19,
        coalesce(counts.age_not_known, nobody) as age_not_known,
        commissioned.record_id,
        commissioned.source_file,
        commissioned.source_row
    from commissioned
    full join counts
        on
            commissioned.urn = counts.urn
            and commissioned.academic_year = counts.academic_year
            and commissioned.place_kind = counts.place_kind
    cross join this_year
)

select
    places.urn as establishment_urn,
    establishment.establishment_name,
    establishment.la_code as establishment_la_code,
    establishment.is_in_area,
    places.academic_year,
    places.place_kind,
    places.primary_need,
    places.phase,
    places.commissioned_or_none as places_commissioned,
    places.count_date as counted_on_date,
    places.filled_or_none::integer as places_filled,
    places.places_offered,
    (places.filled_or_none - places.commissioned_or_none)::integer as over_under,
    case
        when places.commissioned_or_none is null then 'commissioned places not delivered'
        when places.filled_or_none is null then 'year to come'
        when not places.is_commissioned then 'not commissioned'
        when places.filled_or_none > places.commissioned_or_none then 'over'
        when places.filled_or_none < places.commissioned_or_none then 'under'
        else 'as commissioned'
    end as over_under_status,
    places.filled_of_need::integer as filled_of_need,
    places.early_years::integer as filled_early_years,
    places.primary_phase::integer as filled_primary,
    places.secondary::integer as filled_secondary,
    places.post_16::integer as filled_post_16,
    places.from_19::integer as filled_19_to_25,
    places.age_not_known::integer as filled_age_not_known,
    places.cost_per_place,
    {{ source_missing('commissioned_places') }} as source_missing,
    places.record_id,
    places.source_file,
    places.source_row
from places
-- left: an establishment may be missing from the register
left join {{ ref('dim_establishment') }} as establishment on places.urn = establishment.urn
order by places.academic_year desc, places.urn asc, places.place_kind asc
