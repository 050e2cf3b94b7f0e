-- A setting as SEN2 names it: by its URN, recorded or found in the register, else by its UKPRN, else by its kind. A
-- kind recorded beside a URN or UKPRN is returned too, so that a rule can find it. The return must have the flags and
-- the case system has them, so an empty one is no. Reads the core model joined in as `setting`.
{% macro sen2_setting() -%}
    coalesce(setting.urn, setting.establishment_urn) as urn,
    case when coalesce(setting.urn, setting.establishment_urn) is null then setting.ukprn end as ukprn,
    setting.sen_setting,
    setting.sen_setting_other,
    setting.setting_rank as placement_rank,
    coalesce(setting.is_sen_unit, false) as sen_unit_indicator,
    coalesce(setting.is_resourced_provision, false) as resourced_provision_indicator
{%- endmacro %}
