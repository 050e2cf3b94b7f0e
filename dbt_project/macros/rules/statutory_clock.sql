-- A statutory clock in whole weeks, as eight columns. This is the one place where days are counted: day 0 is the day
-- of the start, so a limit of 20 weeks is met by anything done up to and on day 140.
--   start, stop   dates, already cut at the day the warehouse is of; the clock never ran without a start
--   is_ended      the clock no longer runs though nothing stopped it (withdrawn, moved away, not needed any more)
--   exception     code of the exception claimed; it explains lateness and never changes the count, because rates are
--                 published both with and without the exception cases
-- Within limit is null while the clock runs inside its limit, and where there is nothing to judge.
{% macro statutory_clock(name, start, stop, weeks, is_ended='false', exception='null::varchar') %}
    {%- set limit = 7 * weeks -%}
    {%- set taken = '(' ~ stop ~ ') - (' ~ start ~ ')' -%}
    {%- set day = 'as_at - (' ~ start ~ ')' -%}
    {{ start }} as {{ name }}_start_date,
    {{ start }} + {{ limit }} as {{ name }}_due_date,
    case when {{ start }} is not null then {{ stop }} end as {{ name }}_stop_date,
    case
        when {{ stop }} is not null then {{ taken }}
        when not ({{ is_ended }}) then {{ day }}
    end::integer as {{ name }}_days_taken,
    case
        when {{ start }} is null then 'not applicable'
        when {{ stop }} < {{ start }} then 'unreliable'
        when {{ taken }} <= {{ limit }} then 'in time'
        when {{ stop }} is not null then 'late'
        when {{ is_ended }} then 'ended'
        when {{ day }} <= {{ limit }} then 'running'
        else 'overdue'
    end as {{ name }}_status,
    case {{ name }}_status
        when 'in time' then true
        when 'late' then false
        when 'overdue' then false
    end as is_{{ name }}_within_limit,
    case when {{ start }} is not null then {{ exception }} end as {{ name }}_exception,
    case {{ name }}_status
        when 'not applicable' then 'never started'
        when 'unreliable' then 'stopped before it started'
        when 'in time' then 'stopped after ' || {{ name }}_days_taken || ' of {{ limit }} days'
        when 'late' then 'stopped after ' || {{ name }}_days_taken || ' of {{ limit }} days'
        when 'ended' then 'no longer runs'
        when 'running' then 'day ' || {{ name }}_days_taken || ' of {{ limit }}'
        when 'overdue' then 'day ' || {{ name }}_days_taken || ' of {{ limit }}, not stopped'
    end || coalesce('; exception ' || {{ name }}_exception || ' claimed', '') as {{ name }}_why
{%- endmacro %}

-- Day by which a plan must be reviewed: 12 months from the start of the plan or the end of the last review, whichever
-- is later (Children and Families Act 2014, s. 44(1)); for a plan transferred in, not before 3 months from the transfer
-- (SEND Regulations 2014, reg. 15). A review ends with its decision, so the months run from the decision's day.
{% macro review_due(start, transfer_in) -%}
    greatest({{ start }} + interval 12 month, {{ transfer_in }} + interval 3 month)::date
{%- endmacro %}

-- Day by which a child placed residential, out of the area or educated at home must be visited: a year from the last
-- visit, or from the first day there; earlier where an earlier day was agreed.
{% macro visit_due(start, agreed='null::date') -%}
    least({{ start }} + interval 12 month, {{ agreed }})::date
{%- endmacro %}

-- Day by which the family is told that the plan was transferred in and when it will be reviewed, 6 weeks from the
-- transfer (SEND Regulations 2014, reg. 15). No extract records that they were told, so this is a day and not a clock.
{% macro transfer_notice_due(transfer_in) -%}
    {{ transfer_in }} + 7 * 6
{%- endmacro %}
