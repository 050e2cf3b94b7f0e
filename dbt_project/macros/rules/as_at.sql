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

-- Year group expected from the date of birth in the school year that begins on a day: a child aged 4 on 31 August
-- starts reception (0) the next day.
{% macro nc_year_by_age(birth_date, year_start) -%}
    (datesub('year', {{ birth_date }}, {{ year_start }} - 1) - 4)::integer
{%- endmacro %}

-- Of compulsory school age on as_at: from the 31 August, 31 December or 31 March on or after the fifth birthday to the
-- last Friday in June of the school year in which the child turns 16 (Education Act 1996, s. 8).
{% macro is_of_compulsory_school_age(birth_date) -%}
    as_at >= case
        when strftime({{ birth_date }}, '%m%d') <= '0331' then make_date(year({{ birth_date }})::integer + 5, 3, 31)
        when strftime({{ birth_date }}, '%m%d') <= '0831' then make_date(year({{ birth_date }})::integer + 5, 8, 31)
        else make_date(year({{ birth_date }})::integer + 5, 12, 31)
    end
    and as_at <= {{ last_friday_in_june('year(' ~ school_year_start(birth_date) ~ ')::integer + 17') }}
{%- endmacro %}

{% macro last_friday_in_june(year) -%}
    make_date({{ year }}, 6, 30) - ((isodow(make_date({{ year }}, 6, 30)) + 2) % 7)::integer
{%- endmacro %}
