-- One row per establishment of the register, with the latest of those that took over from it: a school that closed to
-- become an academy has one.
with successors as (
    select
        link.urn,
        link.link_urn
    from {{ ref('stg_gias__link') }} as link
    cross join {{ source('landing', 'run') }} as run
    where
        link.link_type ilike 'successor%'
        and coalesce(link.link_established_date <= run.as_at, true)
    qualify row_number() over (
        partition by link.urn order by link.link_established_date desc nulls last, link.link_urn asc
    ) = 1
)

select
    establishment.urn,
    establishment.ukprn,
    establishment.laestab,
    establishment.establishment_name,
    establishment.la_code,
    establishment.la_name,
    establishment.establishment_type,
    establishment.establishment_type_group,
    establishment.phase,
    establishment.statutory_low_age::integer as statutory_low_age,
    establishment.statutory_high_age::integer as statutory_high_age,
    establishment.register_status,
    establishment.open_date,
    {{ by_as_at('establishment.close_date') }} as close_date,
    successors.link_urn as successor_urn,
    establishment.postcode,
    -- 1 open, 2 closed, 3 open but proposed to close, 4 proposed to open: the dates decide, the status where they lack
    (
        coalesce(establishment.open_date <= as_at, establishment.status_code != '4')
        and coalesce(establishment.close_date > as_at, establishment.status_code != '2')
    ) as is_open,
    establishment.la_code = run.la_code as is_in_area,
    coalesce(establishment.establishment_type ilike '%special%', false) as is_special,
    coalesce(
        establishment.establishment_type_group ilike 'independent%'
        or establishment.establishment_type ilike '%independent%'
        or establishment.establishment_type ilike '%non-maintained%',
        false
    ) as is_independent,
    establishment.record_id,
    establishment.source_file,
    establishment.source_row
from {{ ref('stg_gias__establishment') }} as establishment
cross join {{ source('landing', 'run') }} as run
-- left: most have no successor
left join successors on establishment.urn = successors.urn
