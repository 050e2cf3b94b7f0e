-- The day the warehouse is of. Each macro reads a column `as_at`, brought in by `cross join` of the run's one row.
-- An event after that day has not happened; a record that begins after it does not exist.

-- The date, if that day has come.
{% macro by_as_at(date_column) -%}
    case when {{ date_column }} <= as_at then {{ date_column }} end
{%- endmacro %}

-- What became known on a date, if that day has come. Without a date it stands, since nothing says that it is later.
{% macro known_by_as_at(value, date_column) -%}
    case when {{ date_column }} is null or {{ date_column }} <= as_at then {{ value }} end
{%- endmacro %}

-- The record has begun. Without a date it has, for the same reason.
{% macro begun_by_as_at(date_column) -%}
    ({{ date_column }} is null or {{ date_column }} <= as_at)
{%- endmacro %}

-- First of September of the school year a day lies in.
{% macro school_year_start(day) -%}
    make_date((year({{ day }}) - case when month({{ day }}) < 9 then 1 else 0 end)::integer, 9, 1)
{%- endmacro %}
