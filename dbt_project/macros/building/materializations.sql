-- Every run builds in a private file made anew, which nobody reads before it is whole. So a model is created in its
-- place at once, without the copy, the renaming and the backup that dbt makes for a shared database.
{% materialization table, adapter='duckdb' %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {{ run_hooks(pre_hooks) }}
    {% call statement('main') -%}
        create or replace table {{ target_relation }} as {{ sql }};
        {% if config.get('contract').enforced %}{{ hold_to_contract(target_relation, model.columns) }}{% endif %}
    {%- endcall %}
    {{ run_hooks(post_hooks) }}
    {{ adapter.commit() }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{% materialization view, adapter='duckdb' %}
    {%- set target_relation = this.incorporate(type='view') -%}
    {{ run_hooks(pre_hooks) }}
    {% call statement('main') -%}
        create or replace view {{ target_relation }} as {{ sql }}
    {%- endcall %}
    {{ run_hooks(post_hooks) }}
    {{ adapter.commit() }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

-- Stops the build unless the table has exactly the columns, types and order of its YAML, and no null where the YAML
-- allows none. Asked of the table just built, which costs nothing; dbt's own way plans the query twice more.
{% macro hold_to_contract(relation, columns) %}
    {%- set promised = [] -%}
    {%- for column in columns.values() -%}
        {%- do promised.append("'" ~ column.name ~ ' ' ~ column.data_type ~ "'") -%}
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
    {% for column in columns.values() if column.constraints | selectattr('type', 'equalto', 'not_null') | list %}
        alter table {{ relation }} alter {{ column.name }} set not null;
    {% endfor %}
{% endmacro %}
