-- Where a record came twice, the last row of the newest delivery stands (a check reports the rest).
{% macro is_latest_record(key) -%}
    row_number() over (partition by {{ key | join(', ') }} order by _delivery desc, _file desc, _row desc) = 1
{%- endmacro %}

-- The rows that do not stand, of a relation of millions in which few keys came twice. To put all its rows in order
-- takes far longer than to group the hashes of their keys, which say where to look.
{% macro superseded_records(relation, key) -%}
    select
        _delivery,
        _file,
        _row
    from {{ relation }}
    where
        hash({{ key | join(', ') }}) in (
            select hash({{ key | join(', ') }})
            from {{ relation }}
            group by 1
            having count(*) > 1
        )
    qualify not {{ is_latest_record(key) }}
{%- endmacro %}

-- The key as one text (its columns joined with a bar) and where the record came from.
{% macro lineage(key) -%}
    {% for column in key %}{{ column }}::varchar{% if not loop.last %} || '|' || {% endif %}{% endfor %} as record_id,
    _file as source_file,
    _row as source_row
{%- endmacro %}
