-- One row per placement a child with a plan attends or attended, begun by the day the warehouse is of.
{{ settings_of_plans(ref('stg_ehc_case__placement'), 'placement_id') }}
