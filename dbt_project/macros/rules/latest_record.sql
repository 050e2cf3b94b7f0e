-- Where a record came twice, the last row of the newest delivery stands (a check reports the rest).
{% macro is_latest_record(key) -%}
    row_number() over (partition by {{ key | join(', ') }} order by _delivery desc, _file desc, _row desc) = 1
{%- endmacro %}

-- The key as one text (its columns joined with a bar) and where the record came from.
{% macro lineage(key) -%}
    {% for column in key %}{{ column }}::varchar{% if not loop.last %} || '|' || {% endif %}{% endfor %} as record_id,
    _file as source_file,
    _row as source_row
{%- endmacro %}
