-- Whether any file of an extract has been taken in by known_at. A list that lacks one says so.
{% macro is_delivered(extract) -%}
    exists(
        select 1 from {{ source('landing', 'load_file') }}
        where extract = '{{ extract }}' and status not in ('refused', 'withdrawn')
    )
{%- endmacro %}

-- Name of the extract, if it has not been delivered.
{% macro source_missing(extract) -%}
    case when not {{ is_delivered(extract) }} then '{{ extract }}' end
{%- endmacro %}

-- A word where the relation has a row while the model is built (or is only parsed), nothing where it is empty.
{% macro has_rows(relation) -%}
    {% if not execute or run_query('select 1 from ' ~ relation ~ ' limit 1').rows %}yes{% endif %}
{%- endmacro %}
