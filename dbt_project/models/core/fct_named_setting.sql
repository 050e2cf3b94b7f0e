-- One row per setting named in section I of a plan, from a day that has come.
{{ settings_of_plans(ref('stg_ehc_case__plan_setting'), 'named_setting_id') }}
