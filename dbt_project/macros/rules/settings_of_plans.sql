-- The settings of plans, attended or named: one shape in the case system, one rule here. A setting is found in the
-- register by its URN, else by a UKPRN that one open establishment holds.
{% macro settings_of_plans(settings, key) %}
with open_by_ukprn as (
    select
        ukprn,
        min(urn) as urn
    from {{ ref('dim_establishment') }}
    where ukprn is not null and is_open
    group by ukprn
    having count(*) = 1
),

settings as (
    select
        setting.{{ key }},
        setting.plan_id,
        plan.child_id,
        setting.urn,
        setting.ukprn,
        coalesce(by_urn.urn, open_by_ukprn.urn) as establishment_urn,
        setting.sen_setting,
        setting.sen_setting_other,
        setting.setting_rank::integer as setting_rank,
        setting.is_sen_unit,
        setting.is_resourced_provision,
        setting.entry_date,
        {{ by_as_at('setting.leaving_date') }} as leaving_date,
        setting.residential,
        setting.work_based_learning,
        setting.cost_per_year,
        setting.funder,
        setting.attendance_pattern,
        coalesce(started.is_active, false) as is_plan_active,
        setting.record_id,
        setting.source_file,
        setting.source_row
    from {{ settings }} as setting
    cross join {{ source('landing', 'run') }} as run
    -- left: the setting of a plan that was quarantined is still a setting
    left join {{ ref('int_plans_joined_to_children') }} as plan on setting.plan_id = plan.plan_id
    left join {{ ref('fct_plan') }} as started on setting.plan_id = started.plan_id
    left join {{ ref('dim_establishment') }} as by_urn on setting.urn = by_urn.urn
    left join open_by_ukprn on setting.urn is null and setting.ukprn = open_by_ukprn.ukprn
    where {{ begun_by_as_at('setting.entry_date') }} and {{ begun_by_as_at('plan.plan_start_date') }}
)

select
    settings.{{ key }},
    settings.plan_id,
    settings.child_id,
    settings.urn,
    settings.ukprn,
    settings.establishment_urn,
    settings.sen_setting,
    settings.sen_setting_other,
    settings.setting_rank,
    settings.is_sen_unit,
    settings.is_resourced_provision,
    settings.entry_date,
    settings.leaving_date,
    settings.residential,
    settings.work_based_learning,
    settings.cost_per_year,
    settings.funder,
    settings.attendance_pattern,
    settings.leaving_date is null and settings.is_plan_active as is_current,
    establishment.is_in_area,
    -- a special school or college, a SEN unit or resourced provision
    coalesce(establishment.is_special, false)
    or coalesce(settings.is_sen_unit, false)
    or coalesce(settings.is_resourced_provision, false) as is_specialist,
    -- at home or otherwise than at school, by arrangement, is in education too
    coalesce(settings.sen_setting not in ('NEET', 'NIEC', 'NIEO'), true) as is_in_education,
    settings.record_id,
    settings.source_file,
    settings.source_row
from settings
left join {{ ref('dim_establishment') }} as establishment on settings.establishment_urn = establishment.urn
{% endmacro %}
