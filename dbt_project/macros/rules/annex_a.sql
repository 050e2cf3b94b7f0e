-- Phase of an establishment in the words of Annex A: what the register says of its kind, else its phase, and where that
-- is not one of Annex A's, the ages it is for. Reads dim_establishment joined in as `establishment`.
{% macro annex_a_phase() -%}
    case
        when establishment.phase = '16 plus' then 'FE college'
        when regexp_matches(establishment.establishment_type, '(?i)pupil referral|alternative provision')
            then 'Pupil referral unit/Alternative provision'
        when establishment.is_special then 'Special'
        when establishment.phase in ('Nursery', 'Primary', 'Secondary', 'All-through') then establishment.phase
        when establishment.phase ilike 'middle deemed primary' then 'Middle (deemed primary)'
        when establishment.phase ilike 'middle deemed secondary' then 'Middle (deemed secondary)'
        when establishment.statutory_high_age <= 5 then 'Nursery'
        when establishment.statutory_high_age <= 11 then 'Primary'
        when establishment.statutory_low_age >= 16 then 'FE college'
        when establishment.statutory_low_age >= 11 then 'Secondary'
        when establishment.statutory_high_age > 11 then 'All-through'
    end
{%- endmacro %}

-- Yes, No, or nothing where no source says.
{% macro yes_or_no(condition) -%}
    case {{ condition }} when true then 'Yes' when false then 'No' end
{%- endmacro %}
