-- One row per active plan with any setting: where the child attends, else, where no placement is recorded, what
-- section I names.
with settings as (
    select
        'attended' as placement_basis,
        placement_id as setting_id,
        plan_id,
        urn,
        establishment_urn,
        sen_setting,
        sen_setting_other,
        setting_rank,
        entry_date,
        residential,
        is_in_area
    from {{ ref('fct_placement') }}
    where is_current
    union all
    select
        'named' as placement_basis,
        named_setting_id as setting_id,
        plan_id,
        urn,
        establishment_urn,
        sen_setting,
        sen_setting_other,
        setting_rank,
        entry_date,
        residential,
        is_in_area
    from {{ ref('fct_named_setting') }}
    where is_current
)

select
    settings.plan_id,
    settings.placement_basis,
    settings.entry_date as placement_start_date,
    coalesce(settings.establishment_urn, settings.urn) as establishment_urn,
    establishment.establishment_name,
    establishment.establishment_type,
    establishment.la_code as establishment_la_code,
    establishment.statutory_high_age,
    settings.sen_setting,
    settings.sen_setting_other,
    settings.residential,
    settings.is_in_area
from settings
left join {{ ref('dim_establishment') }} as establishment on settings.establishment_urn = establishment.urn
qualify row_number() over (
    partition by settings.plan_id
    order by
        settings.placement_basis asc,
        settings.setting_rank asc nulls last,
        settings.entry_date desc nulls last,
        settings.setting_id asc
) = 1
