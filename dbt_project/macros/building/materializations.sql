-- Every run builds in a private file made anew, which nobody reads before it is whole. So a model is created in its
-- place at once, without the copy, the renaming and the backup that dbt makes for a shared database.
{% materialization table, adapter='duckdb', supported_languages=['sql', 'python'] %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {{ run_hooks(pre_hooks) }}
    {% if model['language'] == 'python' %}
        {% call statement('main', language='python') -%}
            {{ py_write_table(temporary=False, relation=target_relation, compiled_code=compiled_code) }}
        {%- endcall %}
    {% else %}
        {% call statement('main') -%}
            create or replace table {{ target_relation }} as {{ sql }};
            {% if config.get('contract').enforced %}{{ hold_to_contract(target_relation, model) }}{% endif %}
        {%- endcall %}
    {% endif %}
    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{% materialization view, adapter='duckdb' %}
    {%- set target_relation = this.incorporate(type='view') -%}
    {{ run_hooks(pre_hooks) }}
    {% call statement('main') -%}
        create or replace view {{ target_relation }} as {{ sql }}
    {%- endcall %}
    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

-- Stops the build unless the table has exactly the columns, types and order of its YAML, nothing empty where the YAML
-- allows nothing empty, and no two rows alike in the columns its YAML calls unique (empty ones count as alike). Asked of
-- the table just built, one pass a question; dbt's own way plans the query twice more, and tests each as a node.
{% macro hold_to_contract(relation, model) %}
    {%- set promised = [] -%}
    {%- set filled = [] -%}
    {%- for column in model.columns.values() -%}
        {%- do promised.append("'" ~ column.name ~ ' ' ~ column.data_type ~ "'") -%}
        {%- if column.constraints | selectattr('type', 'equalto', 'not_null') | list -%}
            {%- do filled.append(column.name) -%}
        {%- endif -%}
    {%- endfor -%}
    with built as (
        select list(lower(name || ' ' || type) order by cid) as columns
        from pragma_table_info('{{ relation.schema }}.{{ relation.identifier }}')
    ),

    promised as (select [{{ promised | join(', ') }}] as columns)

    select
        error(
            '{{ relation.identifier }} breaks its contract (columns, types or their order). Only in its YAML: '
            || list_filter(promised.columns, lambda x: not list_contains(built.columns, x))::varchar
            || '; only in its SQL: '
            || list_filter(built.columns, lambda x: not list_contains(promised.columns, x))::varchar
        )
    from built, promised
    where built.columns != promised.columns;

    {% if filled %}
    with holes as (
        select
            {% for name in filled -%}
            count(*) - count({{ name }}) as {{ name }}{{ ',' if not loop.last }}
            {% endfor %}
        from {{ relation }}
    )

    select
        error(
            '{{ relation.identifier }} breaks its contract: rows are empty in '
            || concat_ws(', ', {% for name in filled %}if({{ name }} > 0, '{{ name }}', null){{ ', ' if not loop.last }}{% endfor %})
        )
    from holes
    where greatest({{ filled | join(', ') }}) > 0;
    {% endif %}

    {% for constraint in model.constraints | selectattr('expression', 'equalto', 'unique') %}
    {%- set columns = constraint.columns | join(', ') -%}
    with doubled as (
        select {{ columns }}
        from {{ relation }}
        group by {{ columns }}
        having count(*) > 1
    )

    select error('{{ relation.identifier }} breaks its contract: rows share their {{ columns }}')
    from doubled
    limit 1;
    {% endfor %}
{% endmacro %}
